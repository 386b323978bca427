//! Objects put end to end: in come their bytes, out come all code, all constants, the symbols in them, and
//! what refers to which symbol.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use object::elf;
use object::read::elf::{FileHeader, Rela, SectionHeader, SectionTable, Sym};
use object::{Endianness, SectionIndex, SymbolIndex};

use super::SharedError;

type File = elf::FileHeader64<Endianness>;
type RawSection = elf::SectionHeader64<Endianness>;
type RawSymbol = elf::Sym64<Endianness>;

/// What a machine is called in the header of a file; the same in all objects of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) machine: u16,
    pub(super) endian: Endianness,
    pub(super) flags: u32,
}

/// One of the two parts of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Code,
    Constants,
}

/// A place in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) part: Part,
    pub(super) offset: u64,
}

/// The sections of all objects that make up a part, end to end.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) bytes: Vec<u8>,
    /// What its address must be a multiple of.
    pub(super) alignment: u64,
}

/// Who sees a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Its object alone.
    Object,
    /// The objects of its library.
    Library,
    /// Whoever loads the library.
    Exported,
}

/// A symbol of an object.
#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) name: String,
    /// Where it is; none: in another object, or nowhere.
    pub(super) place: Option<Place>,
    pub(super) bytes: u64,
    /// What it stands for, as ELF counts.
    pub(super) kind: u8,
    pub(super) scope: Scope,
}

impl Symbol {
    /// Whether it is defined for whoever loads the library.
    pub(super) fn is_exported(&self) -> bool {
        self.scope == Scope::Exported && self.place.is_some()
    }
}

/// A place that refers to a symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) object: usize,
    pub(super) place: Place,
    /// How it is written, as the machine's ELF counts.
    pub(super) kind: u32,
    /// Which of all symbols.
    pub(super) symbol: usize,
    pub(super) addend: i64,
}

/// What objects are made of, end to end.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) header: Header,
    pub(super) code: Region,
    pub(super) constants: Region,
    pub(super) symbols: Vec<Symbol>,
    pub(super) references: Vec<Reference>,
}

/// Reads objects. Every reference is to a symbol with a place.
pub(super) fn read(objects: &[&[u8]]) -> Result<Parts, SharedError> {
    let mut parts: Option<Parts> = None;
    for (place, bytes) in objects.iter().enumerate() {
        let refused = |what| SharedError::Object { place, what };
        let file = File::parse(*bytes).map_err(|_| refused("is no ELF file of 64 bits".into()))?;
        let header = read_header(file).map_err(refused)?;
        let parts = parts.get_or_insert_with(|| Parts::new(header));
        if parts.header != header {
            return Err(refused("is for another machine than the first".into()));
        }
        add(parts, place, file, bytes).map_err(refused)?;
    }
    let mut parts = parts.ok_or(SharedError::Nothing("object"))?;
    resolve(&mut parts)?;
    Ok(parts)
}

impl Parts {
    fn new(header: Header) -> Self {
        let region = || Region { bytes: vec![], alignment: 1 };
        let (code, constants) = (region(), region());
        Self { header, code, constants, symbols: vec![], references: vec![] }
    }

    pub(super) fn region(&mut self, part: Part) -> &mut Region {
        match part {
            Part::Code => &mut self.code,
            Part::Constants => &mut self.constants,
        }
    }
}

fn read_header(file: &File) -> Result<Header, String> {
    let endian = file.endian().map_err(said)?;
    if file.e_type(endian) != elf::ET_REL {
        return Err("is linked already".into());
    }
    let machine = file.e_machine(endian);
    let little = match machine {
        elf::EM_X86_64 | elf::EM_AARCH64 | elf::EM_RISCV => true,
        elf::EM_S390 => false,
        _ => return Err("is for none of x86-64, aarch64, riscv64 and s390x".into()),
    };
    if little != (endian == Endianness::Little) {
        return Err("has the other order of bytes than its machine's".into());
    }
    Ok(Header { machine, endian, flags: file.e_flags(endian) })
}

/// Adds an object's code, constants, symbols and references.
fn add(parts: &mut Parts, object: usize, file: &File, bytes: &[u8]) -> Result<(), String> {
    let endian = parts.header.endian;
    let sections = file.sections(endian, bytes).map_err(said)?;
    let mut places: Vec<Option<Place>> = vec![None; sections.len()];
    for (index, section) in sections.enumerate() {
        if let Some(part) = part_of(section, endian)? {
            let data = section.data(endian, bytes).map_err(said)?;
            let alignment = section.sh_addralign(endian).max(1);
            let offset = append(parts.region(part), data, alignment)?;
            places[index.0] = Some(Place { part, offset });
        }
    }
    let table = sections.symbols(endian, bytes, elf::SHT_SYMTAB).map_err(said)?;
    let first = parts.symbols.len();
    for (index, symbol) in table.symbols().iter().enumerate() {
        let within = table.symbol_section(endian, symbol, SymbolIndex(index)).map_err(said)?;
        let within = within.filter(|_| symbol.st_type() != elf::STT_FILE);
        let place = match within {
            Some(section) => place_symbol(symbol, section, &sections, &places, endian)?,
            None => None,
        };
        let name = table.symbol_name(endian, symbol).map_err(said)?;
        let name = String::from_utf8_lossy(name).into_owned();
        parts.symbols.push(read_symbol(symbol, name, place, endian)?);
    }
    for (_, section) in sections.enumerate() {
        if section.rel(endian, bytes).map_err(said)?.is_some() {
            return Err("has relocations without addends".into());
        }
        let Some((entries, _)) = section.rela(endian, bytes).map_err(said)? else { continue };
        let target = section.info_link(endian);
        let Some(start) = places.get(target.0).copied().flatten() else { continue };
        let size = sections.section(target).map_err(said)?.sh_size(endian);
        for entry in entries {
            let offset = entry.r_offset(endian);
            if offset > size.saturating_sub(4) {
                return Err(format!("refers from place {offset}, of {size}"));
            }
            let symbol = usize::try_from(entry.r_sym(endian, false)).map_err(said)?;
            if symbol >= table.len() {
                return Err(format!("refers to symbol {symbol}, of {}", table.len()));
            }
            parts.references.push(Reference {
                object,
                place: Place { offset: start.offset + offset, ..start },
                kind: entry.r_type(endian, false),
                symbol: first + symbol,
                addend: entry.r_addend(endian),
            });
        }
    }
    Ok(())
}

/// The part that a section belongs to; none: it is not loaded.
fn part_of(section: &RawSection, endian: Endianness) -> Result<Option<Part>, String> {
    let flags = section.sh_flags(endian);
    let has = |flag: u32| flags & u64::from(flag) != 0;
    if !has(elf::SHF_ALLOC) || section.sh_size(endian) == 0 {
        return Ok(None);
    }
    if has(elf::SHF_TLS) || has(elf::SHF_WRITE) {
        return Err("has data that can be written".into());
    }
    if section.sh_type(endian) != elf::SHT_PROGBITS {
        let kind = section.sh_type(endian);
        return Err(format!("has a loaded section of an unknown kind ({kind:#x})"));
    }
    Ok(Some(if has(elf::SHF_EXECINSTR) { Part::Code } else { Part::Constants }))
}

/// Appends a section to a region and says where it begins.
fn append(region: &mut Region, data: &[u8], alignment: u64) -> Result<u64, String> {
    if !alignment.is_power_of_two() || alignment > 1 << 12 {
        return Err(format!("has a section that is aligned to {alignment} bytes"));
    }
    region.alignment = region.alignment.max(alignment);
    let offset = (region.bytes.len() as u64).next_multiple_of(alignment);
    region.bytes.resize(usize::try_from(offset).map_err(said)?, 0);
    region.bytes.extend_from_slice(data);
    Ok(offset)
}

fn read_symbol(
    symbol: &RawSymbol,
    name: String,
    place: Option<Place>,
    endian: Endianness,
) -> Result<Symbol, String> {
    let kind = symbol.st_type();
    if !matches!(
        kind,
        elf::STT_NOTYPE | elf::STT_OBJECT | elf::STT_FUNC | elf::STT_SECTION | elf::STT_FILE
    ) {
        return Err(format!("has the symbol `{name}` of an unknown kind ({kind})"));
    }
    if symbol.is_common(endian) {
        return Err(format!("has the symbol `{name}` of data that can be written"));
    }
    let scope = match (symbol.st_bind(), symbol.st_visibility()) {
        (elf::STB_LOCAL, _) => Scope::Object,
        (elf::STB_GLOBAL, elf::STV_HIDDEN | elf::STV_INTERNAL) => Scope::Library,
        (elf::STB_GLOBAL, _) => Scope::Exported,
        _ => return Err(format!("has the symbol `{name}`, which others may replace")),
    };
    Ok(Symbol { name, place, bytes: symbol.st_size(endian), kind, scope })
}

/// Where a symbol is, if its section is loaded.
fn place_symbol(
    symbol: &RawSymbol,
    section: SectionIndex,
    sections: &SectionTable<'_, File>,
    places: &[Option<Place>],
    endian: Endianness,
) -> Result<Option<Place>, String> {
    let size = sections.section(section).map_err(said)?.sh_size(endian);
    let value = symbol.st_value(endian);
    let end = value.checked_add(symbol.st_size(endian));
    if end.is_none_or(|end| end > size) {
        return Err("has a symbol outside of its section".into());
    }
    let start = places.get(section.0).copied().flatten();
    Ok(start.map(|start| Place { offset: start.offset + value, ..start }))
}

/// Lets references go to where symbols of other objects are.
fn resolve(parts: &mut Parts) -> Result<(), SharedError> {
    let error = |name: &str, what| SharedError::Symbol { name: name.to_owned(), what };
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (index, symbol) in parts.symbols.iter().enumerate() {
        if symbol.place.is_some() && symbol.scope != Scope::Object {
            match known.entry(&symbol.name) {
                Entry::Occupied(_) => return Err(error(&symbol.name, "is defined twice")),
                Entry::Vacant(entry) => entry.insert(index),
            };
        }
    }
    for symbol in &parts.symbols {
        let is_reference = symbol.place.is_none() && symbol.scope != Scope::Object;
        if is_reference && !known.contains_key(symbol.name.as_str()) {
            return Err(error(&symbol.name, "is used and not defined"));
        }
    }
    for reference in &mut parts.references {
        let symbol = &parts.symbols[reference.symbol];
        if symbol.place.is_none() {
            let defined = known.get(symbol.name.as_str());
            reference.symbol =
                *defined.ok_or_else(|| error(&symbol.name, "is used and not loaded"))?;
        }
    }
    Ok(())
}

fn said(error: impl std::fmt::Display) -> String {
    format!("cannot be read ({error})")
}
