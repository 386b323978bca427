//! Programs on other machines: the interpreter's bits there too.

#[path = "../../../tests/support/emulate.rs"]
mod emulate;

use std::fmt::Write as _;

use super::objects::{some_losses, write_all, write_mixed};
use super::operations::every_operation;
use super::*;
use crate::machine::{Level, Linkage, Machine, host_level};
use emulate::Place;

/// A C program that reads calls and prints what they leave in their arrays.
///
/// A call is the number of a kernel, that of its arrays, each array with its bytes in front, the
/// number of extents, and each extent.
const CALLS: &str = r"
static uint64_t word(void) {
    uint64_t word;
    if (fread(&word, 8, 1, stdin) != 1) exit(feof(stdin) ? 0 : 3);
    return word;
}

int main(void) {
    for (;;) {
        kernel *const run = kernels[word()];
        uint64_t sizes[64], extents[16];
        void *arrays[64];
        const uint64_t count = word();
        if (count > 64) return 4;
        for (uint64_t i = 0; i < count; i++) {
            sizes[i] = word();
            arrays[i] = aligned_alloc(64, (sizes[i] + 64) / 64 * 64);
            if (fread(arrays[i], 1, sizes[i], stdin) != sizes[i]) return 5;
        }
        const uint64_t lengths = word();
        if (lengths > 16) return 6;
        for (uint64_t i = 0; i < lengths; i++) extents[i] = word();
        run(arrays, extents);
        for (uint64_t i = 0; i < count; i++) {
            if (fwrite(arrays[i], 1, sizes[i], stdout) != sizes[i]) return 7;
            free(arrays[i]);
        }
    }
}
";

fn c_text(kernels: usize) -> String {
    let mut text = String::from("#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n");
    text.push_str("typedef void kernel(void *const *, const uint64_t *);\n");
    for at in 0..kernels {
        writeln!(text, "extern kernel kernel_{at};").unwrap();
    }
    text.push_str("static kernel *const kernels[] = {");
    for at in 0..kernels {
        write!(text, "kernel_{at}, ").unwrap();
    }
    text.push_str("};\n");
    text + CALLS
}

/// An array's elements, and how many bytes each has.
fn elements(data: &ArrayData) -> (usize, Vec<u64>) {
    match data {
        ArrayData::F32(all) => (4, all.iter().map(|it| u64::from(it.to_bits())).collect()),
        ArrayData::I32(all) => (4, all.iter().map(|it| u64::from(it.cast_unsigned())).collect()),
        ArrayData::F64(all) => (8, all.iter().map(|it| it.to_bits()).collect()),
        ArrayData::I64(all) => (8, all.iter().map(|it| it.cast_unsigned()).collect()),
    }
}

/// An array of the same type and length from what the memory of a machine holds.
fn decode(like: &ArrayData, bytes: &mut &[u8], little: bool) -> ArrayData {
    let (size, count) = (elements(like).0, elements(like).1.len());
    let (own, rest) = bytes.split_at(size * count);
    *bytes = rest;
    let words = own.chunks(size).map(|element| {
        let fold = |word, byte: &u8| (word << 8) | u64::from(*byte);
        if little { element.iter().rev().fold(0, fold) } else { element.iter().fold(0, fold) }
    });
    let half = |word: u64| u32::try_from(word).expect("four bytes");
    match like {
        ArrayData::F32(_) => ArrayData::F32(words.map(|it| f32::from_bits(half(it))).collect()),
        ArrayData::I32(_) => ArrayData::I32(words.map(|it| half(it).cast_signed()).collect()),
        ArrayData::F64(_) => ArrayData::F64(words.map(f64::from_bits).collect()),
        ArrayData::I64(_) => ArrayData::I64(words.map(u64::cast_signed).collect()),
    }
}

/// A call of a kernel: its arrays before and, those of the caller, after it.
struct Call<'p> {
    program: &'p Program,
    extents: Vec<u64>,
    /// All of them, in the program's order.
    arrays: Vec<ArrayData>,
    expected: Vec<ArrayData>,
}

impl<'p> Call<'p> {
    fn new(program: &'p Program, extents: &[u64], choice: &mut impl FnMut(usize) -> usize) -> Self {
        let callers = fill(program, extents, choice);
        let mut expected = callers.clone();
        interpret(program, extents, &mut expected);
        let mut callers = callers.into_iter();
        let arrays = (0..).map(ArrayId).zip(&program.arrays).map(|(id, array)| {
            if array.role != ArrayRole::Temporary {
                return callers.next().unwrap();
            }
            let count = element_count(program, id, extents);
            match (program.precision, array.kind) {
                (Precision::F32, Kind::Real) => ArrayData::F32(vec![f32::NAN; count]),
                (Precision::F64, Kind::Real) => ArrayData::F64(vec![f64::NAN; count]),
                (Precision::F32, _) => ArrayData::I32(vec![0; count]),
                (Precision::F64, _) => ArrayData::I64(vec![i64::MIN >> 1; count]),
            }
        });
        Self { program, extents: extents.to_vec(), arrays: arrays.collect(), expected }
    }

    /// What the C program reads.
    fn encode(&self, kernel: usize, little: bool, bytes: &mut Vec<u8>) {
        let mut push = |size: usize, word: u64| {
            let (low_first, high_first) = (word.to_le_bytes(), word.to_be_bytes());
            bytes.extend(if little { &low_first[..size] } else { &high_first[8 - size..] });
        };
        push(8, kernel as u64);
        push(8, self.arrays.len() as u64);
        for array in &self.arrays {
            let (size, elements) = elements(array);
            push(8, (size * elements.len()) as u64);
            for element in elements {
                push(size, element);
            }
        }
        push(8, self.extents.len() as u64);
        self.extents.iter().for_each(|extent| push(8, *extent));
    }

    /// Compares what the C program printed of this call with what the interpreter left.
    fn compare(&self, what: &str, output: &mut &[u8], little: bool) {
        let mut expected = self.expected.iter();
        for (array, before) in self.program.arrays.iter().zip(&self.arrays) {
            let found = decode(before, output, little);
            if array.role == ArrayRole::Temporary {
                continue;
            }
            let expected = expected.next().unwrap();
            let (found_bits, expected_bits) = (bits(&found), bits(expected));
            assert!(
                found_bits == expected_bits,
                "{what}, extents {:?}, array `{}`:\n{found:?}, not\n{expected:?}\n{}",
                self.extents,
                array.name,
                self.program
            );
        }
    }
}

/// Runs programs at a place, each with some extents, and compares every bit.
fn run_all(place: Place, level: Level, programs: &[Program], extents: &[u64]) {
    let machine = Machine::new(place.target, level).unwrap();
    let little = machine.is_little_endian();
    let object = write_all(&machine, programs, Linkage::Export);
    let mut choice = choices();
    let (mut calls, mut input) = (vec![], vec![]);
    for (at, program) in programs.iter().enumerate() {
        for extent in extents {
            let call = Call::new(program, &vec![*extent; program.extents.len()], &mut choice);
            call.encode(at, little, &mut input);
            calls.push(call);
        }
    }
    match emulate::run(&place, &[&object.bytes], &c_text(programs.len()), &input) {
        Ok(output) => {
            let mut output = &*output;
            for call in &calls {
                call.compare(&format!("{place:?}, {level}"), &mut output, little);
            }
            assert!(output.is_empty(), "{} bytes too many", output.len());
        }
        Err(skipped) => emulate::tell(&skipped),
    }
}

/// Every operation, and every shipped loss.
fn run_everything(place: Place, level: Level) {
    let fused = Machine::new(place.target, level).unwrap().fuses();
    run_all(place, level, &every_operation(fused), &EXTENTS);
    // Labels are below 8.
    run_all(place, level, &some_losses(fused), &[8, 9, 37]);
}

#[test]
fn code_for_any_x86_64_gives_the_same_bits_here() {
    run_everything(emulate::HERE, Level::Baseline);
}

#[test]
fn code_for_any_x86_64_runs_on_the_oldest() {
    run_everything(emulate::OLDEST, Level::Baseline);
}

#[test]
fn code_for_x86_64_v3_runs_on_the_first_of_them() {
    run_everything(emulate::HASWELL, Level::V3);
}

#[test]
fn code_for_x86_64_v4_gives_the_same_bits_where_there_is_such_a_machine() {
    if host_level() >= Level::V4 {
        run_everything(emulate::HERE, Level::V4);
    }
}

#[test]
fn code_for_aarch64_gives_the_same_bits() {
    run_everything(emulate::OTHERS[0], Level::Baseline);
}

#[test]
fn code_for_riscv64_gives_the_same_bits() {
    run_everything(emulate::OTHERS[1], Level::Baseline);
}

#[test]
fn code_for_s390x_gives_the_same_bits() {
    run_everything(emulate::OTHERS[2], Level::Baseline);
}

/// What a linker must resolve, one function and a constant, and a stack that is deep.
const MIXED: &str = r#"
#include <stdint.h>
#include <stdio.h>
extern const uint32_t version;
extern void caller(void *const *, const uint64_t *);
int main(void) {
    float in = 1.5f, out = 0;
    void *arrays[] = { &in, &out };
    caller(arrays, 0);
    printf("%x %.2f", version, out);
    return 0;
}
"#;

#[test]
fn local_functions_are_called_and_constants_read() {
    for place in [emulate::HERE, emulate::OLDEST].into_iter().chain(emulate::OTHERS) {
        let object = write_mixed(place.target);
        match emulate::run(&place, &[&object.bytes], MIXED, &[]) {
            Ok(output) => assert_eq!(String::from_utf8(output).unwrap(), "1020304 2.25"),
            Err(skipped) => emulate::tell(&skipped),
        }
    }
}
