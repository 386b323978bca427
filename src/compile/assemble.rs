//! Programs to code: in comes a planned program, out comes what a call runs.

use super::Target;
use crate::call::{Code, Compile, Compiled, Variant};
use crate::interpret::{ArrayData, element_count, interpret};
use crate::loops::{self, ArrayId, ArrayRole, Kind, Precision, Program};
use crate::lower::{Known, for_lengths, tells_lengths_apart};
use crate::machine::{self, Isa};
use crate::plan::{Length, Plan};

/// Code, with its arrays and extents as a call knows them.
pub(super) fn assemble(plan: Plan, target: Target, isa: Isa) -> Result<Variant, String> {
    let Plan { program, arrays, extents, work } = plan;
    let code = code(program, &extents, target, isa)?;
    Ok(Variant { arrays, extents, work, code })
}

fn code(program: Program, extents: &[Length], target: Target, isa: Isa) -> Result<Code, String> {
    let options = machine::Options { lanes: target == Target::Native, isa };
    match target {
        Target::Native | Target::NativeScalar => {
            let compile = move |program: Program| {
                machine::compile(program, options).map_err(|error| error.to_string())
            };
            let is_apart = options.lanes && isa != Isa::Portable && tells_lengths_apart(&program);
            let (usual, whole) = if is_apart {
                (for_lengths(&program, &long(extents)), Some(program))
            } else {
                (program, None)
            };
            let mut compiled = match machine::staged(&usual, options) {
                Some(staged) => {
                    let compiled = Compiled::new(compile(usual.clone())?);
                    let compile: Compile = Box::new(move |aligned| {
                        machine::compile_streaming(&usual, options, aligned).ok().flatten()
                    });
                    compiled.with_streaming(staged, compile)
                }
                None => Compiled::new(compile(usual)?),
            };
            if let Some(program) = whole {
                let compile = move |known: &[Known]| compile(for_lengths(&program, known));
                compiled = compiled.with_short(Box::new(compile));
            }
            // SAFETY: a plan has the arrays and extents of its program.
            Ok(unsafe { Code::compiled(compiled) })
        }
        Target::Interpreter => {
            // SAFETY: `interpret_at` reads and writes the elements that the program states.
            Ok(unsafe { Code::new(move |arrays, extents| interpret_at(&program, arrays, extents)) })
        }
    }
}

/// What most calls know of extents: axes are not short.
fn long(extents: &[Length]) -> Vec<Known> {
    let known = |length: &Length| match length {
        Length::Given(_) => Known::Long,
        Length::Literal(_) | Length::Batch => Known::Nothing,
    };
    extents.iter().map(known).collect()
}

/// Interprets a program on arrays at addresses.
fn interpret_at(program: &Program, addresses: &[*mut u8], extents: &[u64]) {
    let callers = |array: &loops::Array| array.role != ArrayRole::Temporary;
    let all = (0..).map(ArrayId).zip(&program.arrays).zip(addresses);
    let kept: Vec<_> = all.filter(|((_, array), _)| callers(array)).collect();
    let mut data: Vec<ArrayData> = kept
        .iter()
        .map(|((id, array), address)| {
            let count = element_count(program, *id, extents);
            let address = address.cast_const();
            // SAFETY: whoever runs the code gives the elements that the program states.
            unsafe {
                match (program.precision, array.kind) {
                    (Precision::F32, Kind::Integer) => ArrayData::I32(copy(address.cast(), count)),
                    (Precision::F64, Kind::Integer) => ArrayData::I64(copy(address.cast(), count)),
                    (Precision::F32, _) => ArrayData::F32(copy(address.cast(), count)),
                    (Precision::F64, _) => ArrayData::F64(copy(address.cast(), count)),
                }
            }
        })
        .collect();
    interpret(program, extents, &mut data);
    for (((_, array), address), data) in kept.iter().zip(&data) {
        if array.role == ArrayRole::Output {
            // SAFETY: as above, and outputs may be written.
            unsafe {
                match data {
                    ArrayData::F32(data) => write(data, address.cast()),
                    ArrayData::F64(data) => write(data, address.cast()),
                    ArrayData::I32(data) => write(data, address.cast()),
                    ArrayData::I64(data) => write(data, address.cast()),
                }
            }
        }
    }
}

unsafe fn copy<E: Copy>(address: *const E, count: usize) -> Vec<E> {
    // SAFETY: the caller vouches for the elements.
    unsafe { std::slice::from_raw_parts(address, count) }.to_vec()
}

unsafe fn write<E: Copy>(data: &[E], address: *mut E) {
    // SAFETY: the caller vouches for the elements; the data is a copy and overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), address, data.len()) }
}
