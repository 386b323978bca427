//! `NumPy` files: one array (`.npy`) or an archive of them (`.npz`) come in, arrays in row-major order go out.
//!
//! The header is a Python dictionary; only what `numpy.save` writes into it is understood.

use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{DataArray, Elements, Place, count};
use crate::cli::failure::{DataCode, Failure};

mod header;

use header::{Header, Kind};

type Arrays = Vec<(String, Result<DataArray, Failure>)>;

/// The array of a `.npy` file, under the name of the file without folder and ending.
///
/// # Errors
/// If the header is not understood or the data are cut short.
pub(super) fn parse_npy(file: &str, bytes: &[u8]) -> Result<Arrays, Failure> {
    let stem = std::path::Path::new(file).file_stem().and_then(|stem| stem.to_str());
    let name = stem.filter(|_| file != "<stdin>").unwrap_or("data");
    let array = read_array(file, &mut &*bytes)?;
    Ok(vec![(name.to_owned(), Ok(array))])
}

/// The arrays of a `.npz` file. What is wrong with one of them is told when it is asked for.
///
/// # Errors
/// If it is not an archive.
pub(super) fn parse_npz(file: &str, bytes: &[u8]) -> Result<Arrays, Failure> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|why| not_an_archive(file, &why))?;
    let mut arrays = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|why| not_an_archive(file, &why))?;
        let path = member.name().map_err(|why| not_an_archive(file, &why))?.into_owned();
        let Some(name) = path.strip_suffix(".npy").map(str::to_owned) else { continue };
        let array = read_array(&format!("{file}:{name}"), &mut member);
        arrays.push((name, array));
    }
    Ok(arrays)
}

fn not_an_archive(file: &str, why: &ZipError) -> Failure {
    Failure::data(
        DataCode::Format,
        file,
        format!("this is not a .npz archive: {why}"),
        "write one with numpy.savez(\"data.npz\", logits=logits, label=label)",
    )
}

fn read_array(place: &str, reader: &mut dyn Read) -> Result<DataArray, Failure> {
    let header = header::read(place, reader)?;
    let size = header.kind.size();
    let length = count(&header.shape);
    let wanted = length
        .and_then(|length| length.checked_mul(size))
        .and_then(|bytes| u64::try_from(bytes).ok());
    let Some((length, wanted)) = length.zip(wanted) else {
        return Err(Failure::data(
            DataCode::Shape,
            place,
            format!("shape {:?} holds more elements than can be counted", header.shape),
            "write the array again with numpy.save",
        ));
    };
    let mut bytes = Vec::new();
    let read = reader.take(wanted.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|why| header::cut_short(place, &why.to_string()))?;
    if bytes.len() as u64 != wanted {
        let (given, relation) =
            (bytes.len() as u64, if (bytes.len() as u64) < wanted { "only" } else { "at least" });
        return Err(Failure::data(
            DataCode::Shape,
            place,
            format!(
                "shape {:?} takes {wanted} bytes, but there are {relation} {given}",
                header.shape
            ),
            "the file is damaged: write the array again with numpy.save",
        ));
    }
    let order = if header.is_fortran { fortran_positions(&header.shape, length) } else { None };
    let elements = convert(place, &header, &bytes, order.as_deref())?;
    Ok(DataArray { shape: header.shape, elements, place: Place::new(place, None) })
}

/// Where each element of the row-major array stands in a column-major one; none: the orders agree.
fn fortran_positions(shape: &[usize], length: usize) -> Option<Vec<usize>> {
    if shape.len() < 2 || length == 0 {
        return None;
    }
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut positions = Vec::with_capacity(length);
    let mut numbers = vec![0; shape.len()];
    for _ in 0..length {
        positions.push(numbers.iter().zip(&strides).map(|(number, stride)| number * stride).sum());
        super::advance(&mut numbers, shape);
    }
    Some(positions)
}

/// Bytes as elements; only integers from 2^63 on are refused.
fn convert(
    place: &str,
    header: &Header,
    bytes: &[u8],
    order: Option<&[usize]>,
) -> Result<Elements, Failure> {
    let size = header.kind.size();
    let length = bytes.len() / size;
    let element = |index: usize| {
        let at = order.map_or(index, |order| order[index]) * size;
        let mut padded = [0; 8];
        padded[..size].copy_from_slice(&bytes[at..at + size]);
        if header.is_big {
            padded[..size].reverse();
        }
        u64::from_le_bytes(padded)
    };
    if let Some(widen) = header.kind.as_float() {
        return Ok(Elements::Real((0..length).map(|index| widen(element(index))).collect()));
    }
    let mut values = Vec::with_capacity(length);
    for index in 0..length {
        let value = header
            .kind
            .to_integer(element(index))
            .ok_or_else(|| too_large(place, index, element(index)))?;
        values.push(value);
    }
    Ok(Elements::Integer(values))
}

fn too_large(place: &str, index: usize, value: u64) -> Failure {
    Failure::data(
        DataCode::Number,
        place,
        format!("element {index} is {value}, which no 64-bit signed integer holds"),
        "convert the array to float64 or int64",
    )
}

/// Writes arrays, in order, as an uncompressed archive that `numpy.load` reads: the same bytes each time.
///
/// # Errors
/// If an archive cannot hold them.
pub(crate) fn write_npz(arrays: &[(&str, &[usize], Numbers)]) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| {
        Failure::usage(
            format!("the gradients do not fit into an archive: {why}"),
            "use --format json",
        )
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(true);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, shape, numbers) in arrays {
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(|why| failed(why.to_string()))?;
        let (kind, bytes) = match numbers {
            Numbers::F32(values) => {
                (Kind::F4, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
            }
            Numbers::F64(values) => {
                (Kind::F8, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        let written =
            archive.write_all(&header::write(kind, shape)).and_then(|()| archive.write_all(&bytes));
        written.map_err(|why| failed(why.to_string()))?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|why| failed(why.to_string()))
}

/// Elements in the precision that they were computed in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}
