//! Temporaries in the memory of outputs.
//!
//! In comes a program, out goes the same one in which a temporary whose elements are last read where those of an
//! output are written lives in that output: it will be in the cache anyway.

use crate::loops::{
    ArrayId, ArrayRole, Element, Kind, LoopId, Operation, Program, Statement, Subscript,
};

/// Lets temporaries live in outputs; gives where each array went, none for those that are gone.
pub(super) fn reuse_outputs(program: &mut Program) -> Vec<Option<ArrayId>> {
    let mut gone = vec![false; program.arrays.len()];
    for home in find_homes(program) {
        home.move_in(&mut program.body);
        gone[home.temporary.0 as usize] = true;
    }
    let mut next = 0;
    let moved: Vec<Option<ArrayId>> = gone
        .iter()
        .map(|gone| {
            let id = ArrayId(next);
            next += u32::from(!gone);
            (!gone).then_some(id)
        })
        .collect();
    if gone.contains(&true) {
        rename(&mut program.body, &moved);
        let mut gone = gone.iter();
        program.arrays.retain(|_| !gone.next().expect("one for each array"));
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

/// An access to an array: the loops around it, the number of each statement on the way, and the subscripts.
struct Access<'p> {
    loops: Vec<LoopId>,
    path: Vec<usize>,
    subscripts: &'p [Subscript],
    is_store: bool,
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
    let shared = accesses.iter().fold(write.loops.len(), |shared, access| {
        let alike = access.loops.iter().zip(&write.loops).take_while(|(a, b)| a == b).count();
        let same_way = access.path.iter().zip(&write.path).take_while(|(a, b)| a == b).count();
        shared.min(alike).min(same_way)
    });
    // Nothing of it happens after the output is written, and what happens in the same loop is of the same element.
    for access in accesses {
        let is_before = access.path[shared] < write.path[shared];
        let is_beside = access.path[shared] == write.path[shared]
            && access.loops == write.loops
            && access.path <= write.path;
        if !is_before && !is_beside {
            return None;
        }
    }
    let around = &write.loops[..shared];
    let last = accesses.iter().find(|access| access.loops == write.loops)?;
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
            && (!access.loops.eq(&write.loops) || access.subscripts == last.subscripts)
    });
    (all_used && are_counters).then_some(places)
}

/// The accesses to each array that is no input.
fn accesses(program: &Program) -> Vec<Vec<Access<'_>>> {
    let mut found = Vec::new();
    found.resize_with(program.arrays.len(), Vec::new);
    let mut walk = Walk { program, loops: Vec::new(), path: Vec::new(), found };
    walk.collect(&program.body);
    walk.found
}

/// Where in a program the accesses are looked for.
struct Walk<'p> {
    program: &'p Program,
    loops: Vec<LoopId>,
    path: Vec<usize>,
    found: Vec<Vec<Access<'p>>>,
}

impl<'p> Walk<'p> {
    fn collect(&mut self, body: &'p [Statement]) {
        for (at, statement) in body.iter().enumerate() {
            self.path.push(at);
            match statement {
                Statement::Let(_, Operation::Load(array, subscripts)) => {
                    self.note(*array, subscripts, false);
                }
                Statement::Store { array, subscripts, .. } => self.note(*array, subscripts, true),
                Statement::Let(..) => {}
                Statement::Loop(inner) => {
                    self.loops.push(inner.id);
                    self.collect(&inner.body);
                    self.loops.pop();
                }
                Statement::Product(product) => {
                    let around = self.loops.len();
                    self.loops.extend([product.row.id, product.column.id]);
                    for Element { array, subscripts } in product.elements() {
                        self.note(*array, subscripts, *array == product.to.array);
                    }
                    self.loops.truncate(around);
                }
            }
            self.path.pop();
        }
    }

    fn note(&mut self, array: ArrayId, subscripts: &'p [Subscript], is_store: bool) {
        let array = array.0 as usize;
        if self.program.arrays[array].role != ArrayRole::Input {
            let (loops, path) = (self.loops.clone(), self.path.clone());
            self.found[array].push(Access { loops, path, subscripts, is_store });
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

    fn move_in(&self, body: &mut [Statement]) {
        for statement in body {
            match statement {
                Statement::Let(_, Operation::Load(array, subscripts))
                | Statement::Store { array, subscripts, .. }
                    if *array == self.temporary =>
                {
                    *subscripts = self.moved(subscripts);
                    *array = self.output;
                }
                Statement::Let(..) | Statement::Store { .. } => {}
                Statement::Loop(inner) => self.move_in(&mut inner.body),
                Statement::Product(product) => {
                    for Element { array, subscripts } in product.elements_mut() {
                        if *array == self.temporary {
                            *subscripts = self.moved(subscripts);
                            *array = self.output;
                        }
                    }
                }
            }
        }
    }
}

fn rename(body: &mut [Statement], moved: &[Option<ArrayId>]) {
    let new = |array: &mut ArrayId| {
        *array = moved[array.0 as usize].expect("what has moved is not used any more");
    };
    for statement in body {
        match statement {
            Statement::Let(_, Operation::Load(array, _)) | Statement::Store { array, .. } => {
                new(array);
            }
            Statement::Let(..) => {}
            Statement::Loop(inner) => rename(&mut inner.body, moved),
            Statement::Product(product) => {
                product.elements_mut().into_iter().for_each(|element| new(&mut element.array));
            }
        }
    }
}
