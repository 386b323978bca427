//! Objects to a static library: in come the objects of a target, out come the bytes of an archive as its
//! linkers read it, with a table of symbols and without times or owners.

use std::io::Cursor;

use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};
use target_lexicon::{BinaryFormat, Environment, Triple};

use super::BuildError;

/// Writes an archive of objects with their names.
///
/// # Errors
/// Where an object is none that the archive's table of symbols can be made of.
pub(super) fn archive(target: &Triple, objects: &[(String, &[u8])]) -> Result<Vec<u8>, BuildError> {
    let members: Vec<NewArchiveMember> = objects
        .iter()
        .map(|(name, bytes)| NewArchiveMember::new(*bytes, &DEFAULT_OBJECT_READER, name.clone()))
        .collect();
    let mut bytes = Cursor::new(Vec::new());
    write_archive_to_stream(&mut bytes, &members, kind(target), false, Some(false)).map_err(
        |why| {
            BuildError::loss(
                format!("the static library cannot be made: {why}"),
                "build fewer losses into it",
            )
        },
    )?;
    Ok(bytes.into_inner())
}

/// The kind of archive that the linkers of a target read.
fn kind(target: &Triple) -> ArchiveKind {
    match target.binary_format {
        BinaryFormat::Macho => ArchiveKind::Darwin,
        BinaryFormat::Coff if is_msvc(target) => ArchiveKind::Coff,
        _ => ArchiveKind::Gnu,
    }
}

/// Whether files are named as Microsoft's linker has them.
pub(super) fn is_msvc(target: &Triple) -> bool {
    target.environment == Environment::Msvc
}
