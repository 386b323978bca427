//! Temporaries in the memory of outputs.
//!
//! In comes a program, out goes the same one in which a temporary whose elements are last read where those of an
//! output are written lives in that output: it will be in the cache anyway.

use std::rc::Rc;

use crate::loops::{
    ArrayId, ArrayRole, Element, Kind, LoopId, Operation, Program, Statement, Subscript,
};

/// Lets temporaries live in outputs; gives where each array went, none for those that are gone.
pub(super) fn reuse_outputs(program: &mut Program) -> Vec<Option<ArrayId>> {
    let homes = find_homes(program);
    let mut next = (0..).map(ArrayId);
    let is_gone = |id: ArrayId| homes.iter().any(|home| home.temporary == id);
    let ids = (0..).map(ArrayId).take(program.arrays.len());
    let moved: Vec<Option<ArrayId>> =
        ids.map(|id| if is_gone(id) { None } else { next.next() }).collect();
    if !homes.is_empty() {
        move_arrays(&mut program.body, &homes, &moved);
        let mut moved = moved.iter();
        program.arrays.retain(|_| moved.next().is_some_and(Option::is_some));
    }
    moved
}

/// Where a subscript of the output comes from.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The loop around all of it.
    Outside(LoopId),
    /// A subscript of the temporary.
    Own(usize),
}

/// An output that a temporary lives in.
struct Home {
    temporary: ArrayId,
    output: ArrayId,
    /// For each axis of the output.
    places: Vec<Place>,
}

/// An access to an array.
struct Access<'p> {
    around: Rc<Around>,
    /// The number of the statement in its body.
    at: usize,
    subscripts: &'p [Subscript],
    is_store: bool,
}

/// The loops around a body, and the number of each statement on the way.
#[derive(Clone, Default)]
struct Around {
    loops: Vec<LoopId>,
    path: Vec<usize>,
}

impl Access<'_> {
    fn loops(&self) -> &[LoopId] {
        &self.around.loops
    }

    /// The number of each statement on the way, and its own.
    fn path(&self) -> impl Iterator<Item = usize> {
        self.around.path.iter().copied().chain([self.at])
    }
}

/// The temporaries that may live in outputs, and where: one in each output.
fn find_homes(program: &Program) -> Vec<Home> {
    let reals_of = |role: ArrayRole| -> Vec<ArrayId> {
        let ids = (0..).map(ArrayId).zip(&program.arrays);
        let reals = ids.filter(|(_, array)| array.role == role && array.kind == Kind::Real);
        reals.map(|(id, _)| id).collect()
    };
    let (temporaries, mut outputs) = (reals_of(ArrayRole::Temporary), reals_of(ArrayRole::Output));
    if temporaries.is_empty() {
        return Vec::new();
    }
    let accesses = accesses(program);
    let mut homes = Vec::new();
    for temporary in temporaries {
        let found = outputs.iter().enumerate().find_map(|(at, output)| {
            Some((at, find_home(program, &accesses, temporary, *output)?))
        });
        if let Some((at, places)) = found {
            homes.push(Home { temporary, output: outputs.remove(at), places });
        }
    }
    homes
}

/// Whether a temporary may live in an output, and how its elements lie there.
fn find_home(
    program: &Program,
    accesses: &[Vec<Access<'_>>],
    temporary: ArrayId,
    output: ArrayId,
) -> Option<Vec<Place>> {
    let [own, of_output] = [temporary, output].map(|id| &program.arrays[id.0 as usize]);
    let [accesses, writes] = [temporary, output].map(|id| &accesses[id.0 as usize]);
    let [write] = &writes[..] else { return None };
    if !write.is_store || accesses.is_empty() {
        return None;
    }
    // The loops around everything.
    let shared = accesses.iter().fold(write.loops().len(), |shared, access| {
        let alike = access.loops().iter().zip(write.loops()).take_while(|(a, b)| a == b).count();
        let same_way = access.path().zip(write.path()).take_while(|(a, b)| a == b).count();
        shared.min(alike).min(same_way)
    });
    // Nothing of it happens after the output is written, and what happens in the same loop is of the same element.
    for access in accesses {
        let [Some(at), Some(written_at)] = [access, write].map(|it| it.path().nth(shared)) else {
            return None;
        };
        let is_before = at < written_at;
        let is_beside =
            at == written_at && access.loops() == write.loops() && access.path().le(write.path());
        if !is_before && !is_beside {
            return None;
        }
    }
    let around = &write.loops()[..shared];
    let last = accesses.iter().find(|access| access.loops() == write.loops())?;
    let mut places = Vec::new();
    for (subscript, extent) in write.subscripts.iter().zip(&of_output.extents) {
        let Subscript::Counter(id) = subscript else { return None };
        if around.contains(id) {
            places.push(Place::Outside(*id));
            continue;
        }
        let at = last.subscripts.iter().position(|known| known == subscript)?;
        if own.extents[at] != *extent {
            return None;
        }
        places.push(Place::Own(at));
    }
    let used = |at: usize| places.iter().any(|it| matches!(it, Place::Own(own) if *own == at));
    let all_used = (0..own.extents.len()).all(|at| {
        // An axis that is one of the loops around adds nothing.
        let is_around = accesses.iter().all(|access| {
            matches!(access.subscripts[at], Subscript::Counter(id) if around.contains(&id))
        });
        used(at) || is_around
    });
    let are_counters = accesses.iter().all(|access| {
        access.subscripts.iter().all(|subscript| matches!(subscript, Subscript::Counter(_)))
            && (access.loops() != write.loops() || access.subscripts == last.subscripts)
    });
    (all_used && are_counters).then_some(places)
}

/// The accesses to each array that is no input.
fn accesses(program: &Program) -> Vec<Vec<Access<'_>>> {
    let mut found = Vec::new();
    found.resize_with(program.arrays.len(), Vec::new);
    collect(program, &program.body, &Rc::default(), &mut found);
    found
}

fn collect<'p>(
    program: &'p Program,
    body: &'p [Statement],
    around: &Rc<Around>,
    found: &mut Vec<Vec<Access<'p>>>,
) {
    for (at, statement) in body.iter().enumerate() {
        let mut note = |around: &Rc<Around>, array: ArrayId, subscripts, is_store| {
            let array = array.0 as usize;
            if program.arrays[array].role != ArrayRole::Input {
                found[array].push(Access { around: around.clone(), at, subscripts, is_store });
            }
        };
        match statement {
            Statement::Let(_, Operation::Load(array, subscripts)) => {
                note(around, *array, subscripts, false);
            }
            Statement::Store { array, subscripts, .. } => note(around, *array, subscripts, true),
            Statement::Let(..) => {}
            Statement::Loop(inner) => {
                let mut inside = Around::clone(around);
                inside.loops.push(inner.id);
                inside.path.push(at);
                collect(program, &inner.body, &Rc::new(inside), found);
            }
            Statement::Product(product) => {
                let mut inside = Around::clone(around);
                inside.loops.extend([product.row.id, product.column.id]);
                let inside = Rc::new(inside);
                for Element { array, subscripts } in product.elements() {
                    note(&inside, *array, subscripts, *array == product.to.array);
                }
            }
        }
    }
}

impl Home {
    /// The subscripts in the output of those of the temporary.
    fn moved(&self, subscripts: &[Subscript]) -> Vec<Subscript> {
        let place = |place: &Place| match place {
            Place::Outside(id) => Subscript::Counter(*id),
            Place::Own(at) => subscripts[*at],
        };
        self.places.iter().map(place).collect()
    }
}

/// Moves the temporaries with a home, and gives all arrays their new names.
fn move_arrays(body: &mut [Statement], homes: &[Home], moved: &[Option<ArrayId>]) {
    let move_one = |array: &mut ArrayId, subscripts: &mut Vec<Subscript>| {
        if let Some(home) = homes.iter().find(|home| home.temporary == *array) {
            *subscripts = home.moved(subscripts);
            *array = home.output;
        }
        *array = moved[array.0 as usize].expect("what has moved is not used any more");
    };
    for statement in body {
        match statement {
            Statement::Let(_, Operation::Load(array, subscripts))
            | Statement::Store { array, subscripts, .. } => move_one(array, subscripts),
            Statement::Let(..) => {}
            Statement::Loop(inner) => move_arrays(&mut inner.body, homes, moved),
            Statement::Product(product) => {
                for Element { array, subscripts } in product.elements_mut() {
                    move_one(array, subscripts);
                }
            }
        }
    }
}
