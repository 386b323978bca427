//! Results past the caches: stores that do not read what they overwrite, for loops over so much memory that it would
//! be gone from the caches before anybody reads it.
//!
//! They go a vector at a time where results are aligned to lines, else 16 bytes at a time, as far as the memory of programs is
//! aligned; a CPU gathers them to lines.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::Writer;
use super::codes::Form;
use super::values::number;
use crate::loops::{Array, ArrayId, ArrayRole, Loop, Operation, Program, Statement, Subscript};
use crate::machine::Aligned;

/// How many bytes a store takes, and is aligned to.
const STORE: i64 = 16;

/// How far ahead memory is asked for inputs, in bytes.
const AHEAD: i64 = 1024;

/// In vectors of 256 bits, which fill half of a line, bodies of at most so many statements have such stores: while larger ones
/// compute, a CPU gives up gathering the line.
const SMALL_BODY: usize = 12;

/// The results that go past the caches once they are whole, and until then, as they are read again, stay in other memory;
/// `None` where not all results can go there. They can if each is written element by element, or row by row in lanes, by loops over
/// the same extent, that of the examples. Rows as lanes write theirs as ever.
pub(super) fn staged(program: &Program, form: Form) -> Option<Vec<ArrayId>> {
    let mut staged = vec![];
    let mut some = false;
    let mut seen: BTreeMap<ArrayId, bool> = BTreeMap::new();
    let mut extent = None;
    for statement in &program.body {
        let around = match statement {
            Statement::Let(..) | Statement::Store { .. } => continue,
            Statement::Loop(around) => around,
            Statement::Product(_) => return None,
        };
        // What one loop leaves in a result another one may not find, unless only one of them runs.
        let mut results = BTreeMap::new();
        collect(program, around, 0, &mut results)?;
        let is_guarded = around.guard.is_some();
        for array in results.keys() {
            let before = seen.insert(*array, is_guarded);
            if before.is_some_and(|before| !before || !is_guarded) {
                return None;
            }
        }
        if *extent.get_or_insert(around.extent) != around.extent {
            return None;
        }
        some |= match around.lanes {
            true if around.holds_loops() => false,
            true => (fills_lines(around, form) && goes_once(program, around)).then_some(true)?,
            false => has_rows(program, around, form, results, &mut staged)?,
        };
    }
    some.then_some(staged)
}

/// Whether the vectors that a loop in lanes writes come fast enough to be gathered to lines.
fn fills_lines(inner: &Loop, form: Form) -> bool {
    form == Form::Zmm || inner.body.len() <= SMALL_BODY
}

fn is_result(program: &Program, array: ArrayId) -> bool {
    program.arrays[array.0 as usize].role == ArrayRole::Output
}

/// Whether a loop over examples writes elements of results, and reads none.
fn goes_once(program: &Program, inner: &Loop) -> bool {
    let fits = |statement: &Statement| match statement {
        Statement::Let(_, Operation::Load(array, _)) => !is_result(program, *array),
        Statement::Let(..) => true,
        Statement::Store { array, subscripts, .. } => {
            is_result(program, *array) && subscripts[..] == [Subscript::Counter(inner.id)]
        }
        Statement::Loop(_) | Statement::Product(_) => false,
    };
    let is_simple = inner.guard.is_none() && inner.behind.is_none();
    is_simple && inner.body.iter().all(fits)
}

/// An access to a result.
struct Access<'p> {
    subscripts: &'p [Subscript],
    /// The loop in lanes whose body it is in, of a store.
    stores_in: Option<&'p Loop>,
    is_store: bool,
}

/// Whether a loop over examples writes rows of results in lanes, and which of these are read before they are whole; `None` where
/// it writes results in other ways.
fn has_rows(
    program: &Program,
    around: &Loop,
    form: Form,
    results: BTreeMap<ArrayId, Vec<Access<'_>>>,
    staged: &mut Vec<ArrayId>,
) -> Option<bool> {
    let mut some = false;
    for (array, accesses) in results {
        let of_example = Subscript::Counter(around.id);
        match program.arrays[array.0 as usize].extents[..] {
            [_] if accesses.iter().all(|access| *access.subscripts == [of_example]) => {}
            [_, length] => {
                // Single elements may be written once more behind the row.
                let end = accesses.iter().rposition(|access| access.stores_in.is_some())?;
                let (last, behind) = (&accesses[end], &accesses[end + 1..]);
                let fits = |row: &&Loop| row.extent == length && fills_lines(row, form);
                let row = last.stores_in.filter(fits)?;
                if !behind.iter().all(|access| access.is_store) {
                    return None;
                }
                let alike = accesses.iter().all(|access| access.subscripts[0] == of_example);
                if !alike || last.subscripts[1] != Subscript::Counter(row.id) {
                    return None;
                }
                some = true;
                if end > 0 && !staged.contains(&array) {
                    staged.push(array);
                }
            }
            _ => return None,
        }
    }
    Some(some)
}

/// Collects the accesses to results in a loop, in order, given how many loops are around it; `None` where it has what cannot be
/// redirected.
fn collect<'p>(
    program: &Program,
    around: &'p Loop,
    depth: usize,
    results: &mut BTreeMap<ArrayId, Vec<Access<'p>>>,
) -> Option<()> {
    let is_row = depth == 1 && around.lanes && !around.holds_loops();
    let in_lanes = is_row.then_some(around);
    for statement in &around.body {
        let (array, subscripts, stores_in, is_store) = match statement {
            Statement::Let(_, Operation::Load(array, subscripts)) => {
                (array, subscripts, None, false)
            }
            Statement::Store { array, subscripts, .. } => (array, subscripts, in_lanes, true),
            Statement::Let(..) => continue,
            Statement::Loop(inner) if inner.guard.is_none() && inner.behind.is_none() => {
                collect(program, inner, depth + 1, results)?;
                continue;
            }
            Statement::Loop(_) | Statement::Product(_) => return None,
        };
        if is_result(program, *array) {
            results.entry(*array).or_default().push(Access { subscripts, stores_in, is_store });
        }
    }
    Some(())
}

/// The program with memory of their own for results until they are whole, behind its arrays.
pub(super) fn with_staged(program: &Program, staged: &[ArrayId]) -> Program {
    let mut program = program.clone();
    let moved: BTreeMap<ArrayId, ArrayId> = staged
        .iter()
        .map(|result| {
            let array =
                Array { role: ArrayRole::Temporary, ..program.arrays[result.0 as usize].clone() };
            program.arrays.push(array);
            let last = u32::try_from(program.arrays.len() - 1).expect("fewer than 2^32 arrays");
            (*result, ArrayId(last))
        })
        .collect();
    for statement in &mut program.body {
        if let Statement::Loop(inner) = statement
            && !inner.lanes
        {
            redirect(&mut inner.body, false, &moved, &mut BTreeSet::new());
        }
    }
    program
}

/// Lets all accesses but the last store in lanes, and what is stored behind it, go to the other memory; from the end, as that
/// is where the last is.
fn redirect(
    body: &mut [Statement],
    in_lanes: bool,
    moved: &BTreeMap<ArrayId, ArrayId>,
    whole: &mut BTreeSet<ArrayId>,
) {
    for statement in body.iter_mut().rev() {
        match statement {
            Statement::Let(_, Operation::Load(array, _)) => {
                *array = moved.get(array).copied().unwrap_or(*array);
            }
            Statement::Store { array, .. } => {
                if whole.contains(array) {
                    *array = moved[array];
                } else if in_lanes && moved.contains_key(array) {
                    whole.insert(*array);
                }
            }
            Statement::Loop(inner) => redirect(&mut inner.body, inner.lanes, moved, whole),
            Statement::Let(..) | Statement::Product(_) => {}
        }
    }
}

impl Writer<'_> {
    /// Whether a store of whole vectors goes past the caches.
    pub(super) fn goes_past(&self, array: ArrayId) -> bool {
        self.streams.is_some() && self.body().counter_in_register && is_result(self.program, array)
    }

    /// Whether a load is of what lies in memory.
    pub(super) fn comes_from_memory(&self, array: ArrayId) -> bool {
        let role = self.program.arrays[array.0 as usize].role;
        self.streams.is_some() && self.body().counter_in_register && role == ArrayRole::Input
    }

    /// Writes a vector of a result past the caches.
    pub(super) fn stream_vector(&mut self, to: MemoryOperand, from: Register) {
        if self.streams == Some(Aligned::Line) {
            let store = match self.form {
                Form::Zmm => Code::EVEX_Vmovntps_m512_zmm,
                Form::Ymm | Form::Xmm => Code::VEX_Vmovntps_m256_ymm,
            };
            return self.code.store(store, to, from);
        }
        let part = self.take(false);
        let low = |at: usize| Register::XMM0 + u32::try_from(at).expect("a register");
        let (extract, parts) = match self.form {
            Form::Zmm => (Code::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8, 4),
            Form::Ymm | Form::Xmm => (Code::VEX_Vextractf128_xmmm128_ymm_imm8, 2),
        };
        for at in 0..parts {
            let mut register = number(from);
            if at > 0 {
                register = part;
                let extract = Instruction::with3(extract, low(part), from, at);
                self.code.put(&extract.expect("two registers and a number"));
            }
            let store = if register < 16 {
                Code::VEX_Vmovntps_m128_xmm
            } else {
                Code::EVEX_Vmovntps_m128_xmm
            };
            let mut place = to;
            place.displacement += i64::from(at) * STORE;
            self.code.store(store, place, low(register));
        }
    }

    /// Asks memory for inputs that lie ahead.
    pub(super) fn ask_for_inputs(&mut self, at: MemoryOperand) {
        let mut place = at;
        place.displacement += AHEAD;
        self.code.put(&Instruction::with1(Code::Prefetcht0_m8, place).expect("memory"));
    }
}
