//! Linked losses on other machines: the same bits there, through the same entries.

#![expect(clippy::cast_possible_truncation, reason = "inputs are made of numbers that fit")]

#[path = "../../support/emulate.rs"]
mod emulate;

use std::fmt::Write as _;

use super::*;
use emulate::Place;
use lossc::machine::{Level, Machine, host_fuses};

/// A C program that makes calls and prints what comes of them.
///
/// A call is the number of a loss, that of the fields, and each field: what it is, a number, and as
/// many bytes where it is an array.
const CALLS: &str = r"
enum { NUMBER, INPUT, OUTPUT, BEST_CPU, SCRATCH, SCRATCH_BYTES };

static uint64_t word(void) {
    uint64_t word;
    if (fread(&word, 8, 1, stdin) != 1) exit(feof(stdin) ? 0 : 3);
    return word;
}

int main(void) {
    for (;;) {
        const struct loss *loss = &losses[word()];
        uint64_t fields[64] = {0}, sizes[64] = {0}, kinds[64], summary[5] = {0};
        const uint64_t count = word();
        if (count > 64) return 4;
        for (uint64_t i = 0; i < count; i++) {
            kinds[i] = word();
            sizes[i] = word();
            fields[i] = kinds[i] == BEST_CPU ? loss->cpu() : sizes[i];
            if (kinds[i] != INPUT && kinds[i] != OUTPUT) continue;
            unsigned char *array = malloc(sizes[i] + 1);
            fields[i] = (uint64_t)array;
            if (kinds[i] == INPUT && fread(array, 1, sizes[i], stdin) != sizes[i]) return 5;
        }
        const uint64_t scratch = loss->workspace(fields);
        for (uint64_t i = 0; i < count; i++) {
            if (kinds[i] == SCRATCH) fields[i] = (uint64_t)malloc(scratch + 1);
            if (kinds[i] == SCRATCH_BYTES) fields[i] = scratch;
        }
        const uint64_t version = *loss->abi;
        const uint64_t status = (uint64_t)(int64_t)loss->run(fields, summary);
        fwrite(&status, 8, 1, stdout);
        fwrite(&version, 8, 1, stdout);
        fwrite(summary, 8, 2, stdout);
        for (uint64_t i = 0; i < count; i++) {
            if (kinds[i] == OUTPUT) fwrite((void *)fields[i], 1, sizes[i], stdout);
            if (kinds[i] == INPUT || kinds[i] == OUTPUT || kinds[i] == SCRATCH) free((void *)fields[i]);
        }
    }
}
";

/// What a field of a call is, to the C program.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Input,
    Output,
    BestCpu,
    Scratch,
    ScratchBytes,
}

fn c_text(interfaces: &[&Interface]) -> String {
    let mut text = String::from(
        "#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
         struct loss { int32_t (*run)(const uint64_t *, uint64_t *); uint64_t (*workspace)(const uint64_t *);\n\
             uint64_t (*cpu)(void); const uint32_t *abi; };\n",
    );
    let mut rows = String::new();
    for interface in interfaces {
        let [run, workspace, cpu, abi] = [
            interface.symbol.clone(),
            interface.workspace_symbol(),
            interface.cpu_symbol(),
            interface.abi_symbol(),
        ];
        writeln!(
            text,
            "extern int32_t {run}(const uint64_t *, uint64_t *);\n\
             extern uint64_t {workspace}(const uint64_t *);\n\
             extern uint64_t {cpu}(void);\nextern const uint32_t {abi};"
        )
        .unwrap();
        writeln!(rows, "    {{ {run}, {workspace}, {cpu}, &{abi} }},").unwrap();
    }
    format!("{text}static const struct loss losses[] = {{\n{rows}}};\n{CALLS}")
}

/// What the C program reads, as the memory of its machine has it.
struct Input {
    little: bool,
    bytes: Vec<u8>,
}

impl Input {
    fn push(&mut self, size: usize, word: u64) {
        let (low_first, high_first) = (word.to_le_bytes(), word.to_be_bytes());
        self.bytes.extend(if self.little { &low_first[..size] } else { &high_first[8 - size..] });
    }

    fn field(&mut self, kind: Kind, number: u64) {
        self.push(8, kind as u64);
        self.push(8, number);
    }

    fn array<T>(&mut self, elements: &[T], size: usize, bits: impl Fn(&T) -> u64) {
        self.field(Kind::Input, (elements.len() * size) as u64);
        for element in elements {
            self.push(size, bits(element));
        }
    }

    fn reals(&mut self, elements: &[f64], precision: Precision) {
        match precision {
            Precision::F32 => self.array(elements, 4, |it| u64::from((*it as f32).to_bits())),
            Precision::F64 => self.array(elements, 8, |it| it.to_bits()),
        }
    }

    fn integers(&mut self, elements: &[f64], precision: Precision) {
        match precision {
            Precision::F32 => {
                self.array(elements, 4, |it| u64::from((*it as i32).cast_unsigned()));
            }
            Precision::F64 => self.array(elements, 8, |it| (*it as i64).cast_unsigned()),
        }
    }

    /// A call of the loss at a place; of a CPU, or of the best code for the one that it runs on.
    fn call(&mut self, at: usize, interface: &Interface, case: &Case, cpu: Option<u64>) {
        let (world, precision) = (&case.world, interface.precision);
        let lengths = gradient_lengths(interface, world);
        let fields = interface.fields();
        self.push(8, at as u64);
        self.push(8, fields.len() as u64);
        for field in fields {
            match field {
                Field::Cpu => match cpu {
                    Some(cpu) => self.field(Kind::Number, cpu),
                    None => self.field(Kind::BestCpu, 0),
                },
                Field::Flags => {
                    let sum = case.reduction == Reduction::Sum;
                    self.field(Kind::Number, if sum { FLAG_SUM } else { 0 });
                }
                Field::Examples => self.field(Kind::Number, world.examples as u64),
                Field::Extent(place) => self.field(Kind::Number, world.extents[place] as u64),
                Field::Argument(place) => {
                    let elements = interface.arguments[place].elements;
                    match (&world.elements[place], elements) {
                        (None, _) => self.field(Kind::Number, 0),
                        (Some(all), Elements::Index { .. }) => self.integers(all, precision),
                        (Some(all), _) => self.reals(all, precision),
                    }
                }
                Field::SampleWeights => match &world.weights {
                    None => self.field(Kind::Number, 0),
                    Some(weights) => self.reals(weights, precision),
                },
                Field::Upstream => self.reals(&[0.75], Precision::F64),
                Field::Values => self.output(world.examples, precision),
                Field::Gradient(at) => self.output(lengths[at], precision),
                Field::Workspace => self.field(Kind::Scratch, 0),
                Field::WorkspaceBytes => self.field(Kind::ScratchBytes, 0),
            }
        }
    }

    fn output(&mut self, length: usize, precision: Precision) {
        self.field(Kind::Output, (length * size(precision)) as u64);
    }
}

fn size(precision: Precision) -> usize {
    match precision {
        Precision::F32 => 4,
        Precision::F64 => 8,
    }
}

/// What the C program prints.
struct Output {
    little: bool,
    bytes: std::vec::IntoIter<u8>,
}

impl Output {
    fn word(&mut self, size: usize) -> u64 {
        let bytes: Vec<u8> = self.bytes.by_ref().take(size).collect();
        assert_eq!(bytes.len(), size, "the output is whole");
        let fold = |word, byte: &u8| (word << 8) | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
    }

    fn reals(&mut self, count: usize, precision: Precision) -> Vec<u64> {
        let real = |word: u64| match precision {
            Precision::F32 => f64::from(f32::from_bits(u32::try_from(word).unwrap())).to_bits(),
            Precision::F64 => word,
        };
        (0..count).map(|_| real(self.word(size(precision)))).collect()
    }

    fn results(&mut self, interface: &Interface, case: &Case) -> Results {
        let status = i32::try_from(self.word(8)).unwrap();
        assert_eq!(self.word(8), u64::from(lossc::linked::ABI_VERSION));
        let (sum, weight) = (self.word(8), self.word(8));
        let values = self.reals(case.world.examples, interface.precision);
        let lengths = gradient_lengths(interface, &case.world);
        let gradients =
            lengths.iter().map(|length| self.reals(*length, interface.precision)).collect();
        Results { status, sum, weight, values, gradients }
    }
}

/// A call of a loss.
struct Case {
    /// A place among the interfaces.
    at: usize,
    world: World,
    reduction: Reduction,
}

/// Every third shipped loss of the table, linked for a target: emulated machines are slow.
fn shipped(target: &str) -> Vec<(Model, Linked)> {
    let mut all = vec![];
    for shipped in library::LOSSES.iter().step_by(3) {
        for model in check(&Source::Library(shipped.name.into())).unwrap().models {
            let options = Options { target: Some(target.into()), ..options(&BOTH) };
            let linked = link(&Compiler::new(), &model, &options).unwrap();
            all.push((model, linked));
        }
    }
    all
}

/// The calls that each loss is tested with.
fn cases(losses: &[(Model, Linked)]) -> Vec<Case> {
    let mut cases = vec![];
    let interfaces = losses
        .iter()
        .flat_map(|(model, linked)| linked.interfaces.iter().map(move |it| (model, it)));
    for (at, (model, interface)) in interfaces.enumerate() {
        for (examples, extents, choice, reduction) in [
            (1, 3, (false, false), Reduction::Mean),
            (7, 17, (true, true), Reduction::Mean),
            (4099, 3, (false, true), Reduction::Sum),
        ] {
            let world = world(model, interface, examples, extents, choice);
            cases.push(Case { at, world, reduction });
        }
    }
    cases
}

fn interfaces(losses: &[(Model, Linked)]) -> Vec<&Interface> {
    losses.iter().flat_map(|(_, linked)| &linked.interfaces).collect()
}

/// Runs the cases at a place, or says why not.
fn run(
    place: Place,
    losses: &[(Model, Linked)],
    cases: &[Case],
    cpu: Option<u64>,
) -> Option<Vec<Results>> {
    let machine = Machine::new(place.target, Level::Baseline).unwrap();
    let little = machine.is_little_endian();
    let interfaces = interfaces(losses);
    let objects: Vec<&[u8]> = losses.iter().map(|(_, linked)| &*linked.object).collect();
    let mut input = Input { little, bytes: vec![] };
    for case in cases {
        input.call(case.at, interfaces[case.at], case, cpu);
    }
    match emulate::run(&place, &objects, &c_text(&interfaces), &input.bytes) {
        Ok(bytes) => {
            let mut output = Output { little, bytes: bytes.into_iter() };
            let results =
                cases.iter().map(|case| output.results(interfaces[case.at], case)).collect();
            assert_eq!(output.bytes.next(), None, "nothing else is printed");
            Some(results)
        }
        Err(skipped) => {
            emulate::tell(&skipped);
            None
        }
    }
}

/// The cases on this machine, compiled in this process.
fn run_here(losses: &[(Model, Linked)], cases: &[Case]) -> Vec<Results> {
    let interfaces = losses
        .iter()
        .flat_map(|(model, linked)| linked.interfaces.iter().map(move |it| (model, it)));
    let interfaces: Vec<(&Model, &Interface)> = interfaces.collect();
    let run = |case: &Case| {
        let (model, interface) = interfaces[case.at];
        match interface.precision {
            Precision::F32 => {
                let loss = Compiler::new().model::<f32>(model).unwrap();
                call_here(&loss, interface, &case.world, case.reduction)
            }
            Precision::F64 => {
                let loss = Compiler::new().model::<f64>(model).unwrap();
                call_here(&loss, interface, &case.world, case.reduction)
            }
        }
    };
    cases.iter().map(run).collect()
}

fn assert_same(losses: &[(Model, Linked)], cases: &[Case], [a, b]: [&[Results]; 2], what: &str) {
    let interfaces = interfaces(losses);
    assert_eq!([a.len(), b.len()], [cases.len(); 2]);
    for ((case, a), b) in cases.iter().zip(a).zip(b) {
        let symbol = &interfaces[case.at].symbol;
        assert_eq!(a, b, "{what}: {symbol}, {} examples", case.world.examples);
    }
}

#[test]
fn losses_give_the_same_bits_on_other_machines() {
    if !host_fuses() {
        emulate::tell("SKIPPED: this machine has no fused multiply-add to compare others with");
        return;
    }
    for place in [emulate::HASWELL].into_iter().chain(emulate::OTHERS) {
        let losses = shipped(place.target);
        let cases = cases(&losses);
        if let Some(there) = run(place, &losses, &cases, None) {
            let here = run_here(&losses, &cases);
            assert_same(&losses, &cases, [&here, &there], &format!("{place:?}"));
        }
    }
}

#[test]
fn losses_run_on_the_oldest_x86_64_with_the_bits_of_its_code_here() {
    let losses = shipped(emulate::HERE.target);
    let cases = cases(&losses);
    let oldest = run(emulate::OLDEST, &losses, &cases, None);
    let here = run(emulate::HERE, &losses, &cases, Some(0));
    if let (Some(oldest), Some(here)) = (oldest, here) {
        assert!(here.iter().all(|results| results.status == 0));
        assert_same(&losses, &cases, [&here, &oldest], "the oldest");
    }
}
