//! Calls written into code: in come an instruction's place and what it calls, out come its bits.
//!
//! They hold distances, so that nothing here depends on where the library is loaded.

use object::elf;

use super::read::{Parts, Place, Reference};
use super::{Addresses, SharedError};

/// How a reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The distance, in 32 bits, the low byte first.
    Distance,
    /// Half the distance, in 32 bits, the high byte first.
    HalfDistance,
    /// A quarter of the distance, in the 26 low bits of an instruction.
    Branch,
    /// The distance, in an `auipc` and the `jalr` behind it.
    FarCall,
}

/// The references that are written here, by machine and number. Code that reads no data of its object but
/// what lies beside it has no others; data is found through a table that a loader fills in.
const FORMS: [(u16, u32, Form); 6] = [
    (elf::EM_X86_64, elf::R_X86_64_PC32, Form::Distance),
    (elf::EM_X86_64, elf::R_X86_64_PLT32, Form::Distance),
    (elf::EM_AARCH64, elf::R_AARCH64_CALL26, Form::Branch),
    (elf::EM_RISCV, elf::R_RISCV_CALL_PLT, Form::FarCall),
    (elf::EM_S390, elf::R_390_PC32DBL, Form::HalfDistance),
    (elf::EM_S390, elf::R_390_PLT32DBL, Form::HalfDistance),
];

/// A reference with all that is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) object: usize,
    pub(super) place: Place,
    form: Form,
    distance: i128,
}

/// What is to be written for each reference.
pub(super) fn patches(parts: &Parts, addresses: Addresses) -> Result<Vec<Patch>, SharedError> {
    let machine = parts.header.machine;
    let patch = |reference: &Reference| {
        let Reference { object, place, kind, .. } = *reference;
        let symbol = &parts.symbols[reference.symbol];
        let known = FORMS.iter().find(|form| (form.0, form.1) == (machine, kind));
        let Some((_, _, form)) = known.copied() else {
            let name = &symbol.name;
            let what = format!("refers to `{name}` otherwise than by a call (relocation {kind})");
            return Err(SharedError::Object { place: object, what });
        };
        let target = symbol.place.expect("symbols of references are resolved");
        let target = i128::from(addresses.of(target)) + i128::from(reference.addend);
        Ok(Patch { object, place, form, distance: target - i128::from(addresses.of(place)) })
    };
    parts.references.iter().map(patch).collect()
}

/// Writes a reference into the part that it is in.
pub(super) fn apply(patch: &Patch, bytes: &mut [u8]) -> Result<(), String> {
    let start = usize::try_from(patch.place.offset).expect("the place is in memory");
    let (target, rest) = bytes[start..].split_first_chunk_mut().expect("an instruction is there");
    let distance = patch.distance;
    *target = match patch.form {
        Form::Distance => bits(distance, 32)?.to_le_bytes(),
        Form::HalfDistance => bits(divide(distance, 2)?, 32)?.to_be_bytes(),
        Form::Branch => put(*target, 0x03ff_ffff, bits(divide(distance, 4)?, 26)?),
        Form::FarCall => {
            let jump = rest.first_chunk_mut().ok_or("ends in the middle of a call")?;
            // The low 12 bits have a sign: the high ones make up for it.
            let high = (distance + 0x800) >> 12;
            *jump = put(*jump, 0xfff0_0000, bits(distance - (high << 12), 12)? << 20);
            put(*target, 0xffff_f000, bits(high, 20)? << 12)
        }
    };
    Ok(())
}

/// An instruction with other bits where the mask has ones.
fn put(instruction: [u8; 4], mask: u32, bits: u32) -> [u8; 4] {
    (u32::from_le_bytes(instruction) & !mask | bits & mask).to_le_bytes()
}

fn divide(distance: i128, unit: i128) -> Result<i128, String> {
    if distance % unit != 0 {
        return Err(format!("refers to something {distance} bytes away, no multiple of {unit}"));
    }
    Ok(distance / unit)
}

/// The low 32 bits of a number that fits, with its sign, into so many bits.
fn bits(number: i128, width: u32) -> Result<u32, String> {
    let limit = 1 << (width - 1);
    if !(-limit..limit).contains(&number) {
        return Err("is too large: its parts are too far from each other".into());
    }
    let low = number & i128::from(u32::MAX);
    Ok(u32::try_from(low).expect("32 bits were left"))
}
