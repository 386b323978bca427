//! References written into code: in come an instruction's place and what it refers to, out come its bits.
//!
//! They hold distances, so that nothing here depends on where the library is loaded. Code that loads an
//! address from a table, in case it is in another library, computes it instead: there is no table.

use std::collections::HashMap;

use object::elf;

use super::read::{Parts, Place, Reference};
use super::{Addresses, SharedError};

/// How a reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The distance, in 32 bits, the low byte first.
    Distance,
    /// The distance, in the `mov` of an address from the table, which becomes a `lea`.
    Loaded,
    /// Half the distance, in 32 bits, the high byte first.
    HalfDistance,
    /// A quarter of the distance, in the 26 low bits of an instruction.
    Branch,
    /// The distance between pages of 4 KiB, in an `adrp`.
    Page,
    /// The place in its page, in the `ldr` of an address from the table, which becomes an `add`.
    InPage,
    /// The distance, in an `auipc` and the `jalr` behind it.
    FarCall,
    /// The high bits of the distance, in an `auipc`.
    High,
    /// The low bits of the distance from the `auipc` that the symbol stands at, in the `ld` of an address
    /// from the table, which becomes an `addi`.
    Low,
}

/// The references that are written here, by machine and number: those that Cranelift makes.
const FORMS: [(u16, u32, Form); 11] = [
    (elf::EM_X86_64, elf::R_X86_64_PC32, Form::Distance),
    (elf::EM_X86_64, elf::R_X86_64_PLT32, Form::Distance),
    (elf::EM_X86_64, elf::R_X86_64_GOTPCREL, Form::Loaded),
    (elf::EM_AARCH64, elf::R_AARCH64_CALL26, Form::Branch),
    (elf::EM_AARCH64, elf::R_AARCH64_ADR_GOT_PAGE, Form::Page),
    (elf::EM_AARCH64, elf::R_AARCH64_LD64_GOT_LO12_NC, Form::InPage),
    (elf::EM_RISCV, elf::R_RISCV_CALL_PLT, Form::FarCall),
    (elf::EM_RISCV, elf::R_RISCV_GOT_HI20, Form::High),
    (elf::EM_RISCV, elf::R_RISCV_PCREL_LO12_I, Form::Low),
    (elf::EM_S390, elf::R_390_PC32DBL, Form::HalfDistance),
    (elf::EM_S390, elf::R_390_PLT32DBL, Form::HalfDistance),
];

/// A reference with all that is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) object: usize,
    pub(super) place: Place,
    form: Form,
    /// From where the distance counts, and to where.
    from: i128,
    to: i128,
}

/// What is to be written for each reference.
pub(super) fn patches(parts: &Parts, addresses: Addresses) -> Result<Vec<Patch>, SharedError> {
    let target = |reference: &Reference| {
        let place = parts.symbols[reference.symbol].place;
        addresses.of(place.expect("symbols of references are resolved"))
    };
    let ends = |reference: &Reference| {
        let to = i128::from(target(reference)) + i128::from(reference.addend);
        (i128::from(addresses.of(reference.place)), to)
    };
    // High halves, by where they are: low halves say only that.
    let mut highs: HashMap<u64, (i128, i128)> = HashMap::new();
    for reference in &parts.references {
        if form_of(parts, reference) == Some(Form::High) {
            highs.insert(addresses.of(reference.place), ends(reference));
        }
    }
    let patch = |reference: &Reference| {
        let Reference { object, place, kind, .. } = *reference;
        let refused = |what| SharedError::Object { place: object, what };
        let form = form_of(parts, reference).ok_or_else(|| {
            let name = &parts.symbols[reference.symbol].name;
            refused(format!("refers to `{name}` in an unknown way (relocation {kind})"))
        })?;
        let (from, to) = if form == Form::Low {
            let high = highs.get(&target(reference)).copied();
            high.ok_or_else(|| refused("has half an address without the other half".into()))?
        } else {
            ends(reference)
        };
        Ok(Patch { object, place, form, from, to })
    };
    parts.references.iter().map(patch).collect()
}

fn form_of(parts: &Parts, reference: &Reference) -> Option<Form> {
    let key = (parts.header.machine, reference.kind);
    FORMS.iter().find(|form| (form.0, form.1) == key).map(|form| form.2)
}

/// Writes a reference into the part that it is in.
pub(super) fn apply(patch: &Patch, bytes: &mut [u8]) -> Result<(), String> {
    let start = usize::try_from(patch.place.offset).expect("the place is in memory");
    let (before, target) = bytes.split_at_mut(start);
    let (target, rest) = target.split_first_chunk_mut().expect("an instruction is there");
    let old = u32::from_le_bytes(*target);
    let distance = patch.to - patch.from;
    // The low 12 bits have a sign: the high ones make up for it.
    let high = (distance + 0x800) >> 12;
    let low = bits(distance - (high << 12), 12)? << 20;
    *target = match patch.form {
        Form::Distance => bits(distance, 32)?.to_le_bytes(),
        Form::Loaded => {
            // A prefix for 64 bits, `mov`, and operands of which one is a distance.
            match before {
                [.., 0x48 | 0x4c, code @ 0x8b, operands] if *operands & 0xc7 == 5 => *code = 0x8d,
                _ => return Err(not_loading("mov")),
            }
            bits(distance, 32)?.to_le_bytes()
        }
        Form::HalfDistance => bits(divide(distance, 2)?, 32)?.to_be_bytes(),
        Form::Branch => put(old, 0x03ff_ffff, bits(divide(distance, 4)?, 26)?),
        Form::Page => {
            let pages = bits((patch.to >> 12) - (patch.from >> 12), 21)?;
            put(old, 0x60ff_ffe0, (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5)
        }
        Form::InPage if old & 0xffc0_0000 == 0xf940_0000 => {
            let place = u32::try_from(patch.to & 0xfff).expect("12 bits were left");
            put(0x9100_0000 | old & 0x3ff, 0x003f_fc00, place << 10)
        }
        Form::InPage => return Err(not_loading("ldr")),
        Form::FarCall => {
            let jump = rest.first_chunk_mut().ok_or("ends in the middle of a call")?;
            *jump = put(u32::from_le_bytes(*jump), 0xfff0_0000, low);
            put(old, 0xffff_f000, bits(high, 20)? << 12)
        }
        Form::High => put(old, 0xffff_f000, bits(high, 20)? << 12),
        Form::Low if old & 0x707f == 0x3003 => put(old & !0x707f | 0x13, 0xfff0_0000, low),
        Form::Low => return Err(not_loading("ld")),
    };
    Ok(())
}

fn not_loading(instruction: &str) -> String {
    format!("loads an address with another instruction than `{instruction}`")
}

/// An instruction with other bits where the mask has ones.
fn put(instruction: u32, mask: u32, bits: u32) -> [u8; 4] {
    (instruction & !mask | bits & mask).to_le_bytes()
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
