//! Linked losses against the same losses compiled in this process: the same bits, for every shipped loss.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small numbers, made up here"
)]

mod calls;
mod machines;

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;

use lossc::check::{Source, check};
use lossc::graph::{Domain, Role};
use lossc::library;
use lossc::linked::{
    AxisLength, Cpu, Default, Elements, FLAG_SUM, Field, Interface, Linked, Options, link,
    shared_library,
};
use lossc::loops::Precision;
use lossc::model::Model;
use lossc::{Compiler, Element, Reduction};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// A library in memory.
pub(crate) struct Loaded(*mut c_void);

impl Loaded {
    /// Loads objects as a shared library.
    pub(crate) fn new(name: &str, objects: &[&[u8]]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linked");
        std::fs::create_dir_all(&folder).unwrap();
        let library = folder.join(format!("{name}.so"));
        std::fs::write(&library, shared_library(name, objects).unwrap()).unwrap();
        let path = CString::new(library.to_str().unwrap()).unwrap();
        // SAFETY: the library has no initializers.
        let loaded = unsafe { dlopen(path.as_ptr(), 2) };
        assert!(!loaded.is_null());
        Self(loaded)
    }

    /// The address of a symbol.
    pub(crate) fn symbol(&self, symbol: &str) -> *mut c_void {
        let name = CString::new(symbol).unwrap();
        // SAFETY: the library is never unloaded.
        let address = unsafe { dlsym(self.0, name.as_ptr()) };
        assert!(!address.is_null(), "{symbol}");
        address
    }

    /// Which code this machine can run.
    fn cpu(&self, interface: &Interface) -> u64 {
        let address = self.symbol(&interface.cpu_symbol());
        // SAFETY: the symbol has this signature.
        unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(address)() }
    }
}

type Entry = unsafe extern "C" fn(*const u64, *mut Summary) -> i32;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Summary {
    pub(crate) sum: f64,
    pub(crate) weight: f64,
    pub(crate) argument: u64,
    pub(crate) row: u64,
    pub(crate) element: u64,
}

/// The inputs of a call, made up.
struct World {
    examples: usize,
    extents: Vec<usize>,
    /// The elements of each argument; none: it has its default.
    elements: Vec<Option<Vec<f64>>>,
    weights: Option<Vec<f64>>,
}

/// Numbers between 0 and 1 that look like chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

fn length(interface: &Interface, world: &World, axis: AxisLength) -> usize {
    match axis {
        AxisLength::Literal(length) => usize::try_from(length).unwrap(),
        AxisLength::Named(place) => {
            assert!(place < interface.extents.len());
            world.extents[place]
        }
    }
}

fn row(interface: &Interface, world: &World, argument: usize) -> usize {
    let axes = &interface.arguments[argument].axes;
    axes.iter().map(|axis| length(interface, world, *axis)).product()
}

fn is_batched(role: Role) -> bool {
    matches!(role, Role::Pred | Role::Target)
}

/// The world of a loss: every input inside of its domain.
fn world(
    model: &Model,
    interface: &Interface,
    examples: usize,
    extents: usize,
    (with_params, with_weights): (bool, bool),
) -> World {
    let mut dice = Dice(7);
    let mut world = World {
        examples,
        extents: vec![extents; interface.extents.len()],
        elements: Vec::new(),
        weights: None,
    };
    for (place, argument) in interface.arguments.iter().enumerate() {
        let rows = if is_batched(argument.role) { examples } else { 1 };
        let row = row(interface, &world, place);
        let count = rows * row;
        let graph = &model.graph;
        let id = graph.input_ids().find(|id| graph.input(*id).name == argument.name).unwrap();
        let domain = &graph.input(id).domain;
        let mut elements: Vec<f64> = (0..count).map(|_| dice.roll()).collect();
        match (argument.elements, domain) {
            (Elements::Switch, _) => elements.iter_mut().for_each(|it| *it = it.round()),
            (Elements::Index { along, optional }, _) => {
                let length = length(interface, &world, along) as f64;
                for element in &mut elements {
                    let missing = optional && *element < 0.1;
                    *element =
                        if missing { -1.0 } else { (*element * length).min(length - 1.0).floor() };
                }
            }
            (Elements::Real, Some(Domain::Set(members))) => {
                let members: Vec<f64> =
                    members.iter().filter_map(|member| graph.as_number(*member)).collect();
                for element in &mut elements {
                    *element = members[usize::from(*element > 0.5) % members.len()];
                }
            }
            (Elements::Real, Some(Domain::Simplex)) => {
                for row in elements.chunks_mut(row.max(1)) {
                    let sum: f64 = row.iter().sum();
                    for element in row {
                        *element /= sum;
                    }
                }
            }
            (Elements::Real, None) => elements.iter_mut().for_each(|it| *it = *it * 8.0 - 4.0),
            (Elements::Real, Some(Domain::Interval { low, high, .. })) => {
                let bound = |node| graph.as_number(node).filter(|bound| bound.is_finite());
                let low = bound(*low).unwrap_or(0.0);
                let width = bound(*high).map_or(1.0, |high| high - low);
                for it in &mut elements {
                    *it = low + width * (*it * 0.9 + 0.05);
                }
            }
            (Elements::Real, Some(Domain::Whole { low, .. })) => {
                let low = graph.as_number(*low).expect("shipped bounds are numbers");
                for it in &mut elements {
                    *it = low + (*it * 2.0).floor();
                }
            }
        }
        let given = argument.default == Default::Required || with_params;
        world.elements.push(given.then_some(elements));
    }
    world.weights =
        with_weights.then(|| (0..examples).map(|_| (dice.roll() * 4.0).floor()).collect());
    world
}

/// What a call gives: the status, the summary, the values and the gradients, as bits.
#[derive(Debug, PartialEq)]
struct Results {
    status: i32,
    sum: u64,
    weight: u64,
    values: Vec<u64>,
    gradients: Vec<Vec<u64>>,
}

fn bits<T: Element>(elements: &[T]) -> Vec<u64> {
    elements.iter().map(|element| element.to_f64().to_bits()).collect()
}

fn narrow<T: Element>(elements: &[f64]) -> Vec<T> {
    elements.iter().map(|element| T::from_f64(*element)).collect()
}

/// The sizes of the gradients.
fn gradient_lengths(interface: &Interface, world: &World) -> Vec<usize> {
    let length = |place: &usize| {
        let batched = is_batched(interface.arguments[*place].role);
        row(interface, world, *place) * if batched { world.examples } else { 1 }
    };
    interface.gradients.iter().map(length).collect()
}

fn call_here<T: Element>(
    loss: &lossc::Loss<T>,
    interface: &Interface,
    world: &World,
    reduction: Reduction,
) -> Results
where
    for<'a> lossc::call::Data<'a, T>: From<&'a [T]> + From<&'a [i64]> + From<&'a [bool]>,
{
    let reals: Vec<Vec<T>> = world.elements.iter().flatten().map(|it| narrow(it)).collect();
    let labels: Vec<Vec<i64>> = world
        .elements
        .iter()
        .flatten()
        .map(|it| it.iter().map(|at| *at as i64).collect())
        .collect();
    let switches: Vec<Vec<bool>> = world
        .elements
        .iter()
        .flatten()
        .map(|it| it.iter().map(|at| *at == 1.0).collect())
        .collect();
    let weights: Option<Vec<T>> = world.weights.as_deref().map(narrow);
    let mut values = vec![T::default(); world.examples];
    let lengths = gradient_lengths(interface, world);
    let mut gradients: Vec<Vec<T>> =
        lengths.iter().map(|length| vec![T::default(); *length]).collect();
    let mut call = loss.call().values(&mut values).upstream(0.75);
    let mut at = 0;
    for (argument, elements) in interface.arguments.iter().zip(&world.elements) {
        if elements.is_none() {
            continue;
        }
        let mut shape: Vec<usize> = Vec::new();
        if is_batched(argument.role) {
            shape.push(world.examples);
        }
        shape.extend(argument.axes.iter().map(|axis| length(interface, world, *axis)));
        call = match argument.elements {
            Elements::Real => call.bind(&argument.name, reals[at].as_slice(), &shape),
            Elements::Switch => call.bind(&argument.name, switches[at].as_slice(), &shape),
            Elements::Index { .. } => call.bind(&argument.name, labels[at].as_slice(), &shape),
        };
        at += 1;
    }
    if let Some(weights) = &weights {
        call = call.sample_weights(weights);
    }
    for (place, gradient) in interface.gradients.iter().zip(&mut gradients) {
        call = call.gradient(&interface.arguments[*place].name, gradient);
    }
    let summary = call.run(reduction).unwrap();
    Results {
        status: 0,
        sum: summary.sum.to_bits(),
        weight: summary.weight.to_bits(),
        values: bits(&values),
        gradients: gradients.iter().map(|gradient| bits(gradient)).collect(),
    }
}

/// A call of linked code, with everything that it points at.
struct Prepared<T> {
    interface: Interface,
    fields: Vec<u64>,
    values: Vec<T>,
    gradients: Vec<Vec<T>>,
    upstream: Box<f64>,
    scratch: Vec<u8>,
    /// What the fields point at.
    inputs: Memory<T>,
}

/// Arrays of numbers and of labels.
struct Memory<T> {
    reals: Vec<Vec<T>>,
    narrow: Vec<Vec<i32>>,
    wide: Vec<Vec<i64>>,
}

/// What outputs hold before anything is written.
const UNWRITTEN: f64 = -77.0;

impl<T: Element> Prepared<T> {
    fn new(loaded: &Loaded, interface: &Interface, world: &World, reduction: Reduction) -> Self {
        let mut values = vec![T::from_f64(UNWRITTEN); world.examples];
        let lengths = gradient_lengths(interface, world);
        let mut gradients: Vec<Vec<T>> =
            lengths.iter().map(|length| vec![T::from_f64(UNWRITTEN); *length]).collect();
        let upstream = Box::new(0.75f64);
        let (mut reals, mut narrows, mut wides) = (Vec::<Vec<T>>::new(), Vec::new(), Vec::new());
        let mut keep = |elements: Vec<T>| {
            reals.push(elements);
            reals.last().unwrap().as_ptr() as u64
        };
        let mut fields: Vec<u64> = Vec::new();
        for field in interface.fields() {
            fields.push(match field {
                Field::Cpu => loaded.cpu(interface),
                Field::Flags if reduction == Reduction::Mean => 0,
                Field::Flags => FLAG_SUM,
                Field::Examples => world.examples as u64,
                Field::Extent(place) => world.extents[place] as u64,
                Field::Argument(place) => {
                    let is_label =
                        matches!(interface.arguments[place].elements, Elements::Index { .. });
                    match &world.elements[place] {
                        None => 0,
                        Some(elements) if is_label && size_of::<T>() == 4 => {
                            narrows.push(elements.iter().map(|at| *at as i32).collect::<Vec<_>>());
                            narrows.last().unwrap().as_ptr() as u64
                        }
                        Some(elements) if is_label => {
                            wides.push(elements.iter().map(|at| *at as i64).collect::<Vec<_>>());
                            wides.last().unwrap().as_ptr() as u64
                        }
                        Some(elements) => keep(narrow(elements)),
                    }
                }
                Field::SampleWeights => {
                    world.weights.as_ref().map_or(0, |weights| keep(narrow(weights)))
                }
                Field::Upstream => &raw const *upstream as u64,
                Field::Values => values.as_mut_ptr() as u64,
                Field::Gradient(at) => gradients[at].as_mut_ptr() as u64,
                Field::Workspace | Field::WorkspaceBytes => 0,
            });
        }
        let inputs = Memory { reals, narrow: narrows, wide: wides };
        let mut prepared = Self {
            interface: interface.clone(),
            fields,
            values,
            gradients,
            upstream,
            scratch: Vec::new(),
            inputs,
        };
        prepared.give_workspace(loaded);
        prepared
    }

    /// How many bytes of workspace the call needs.
    fn workspace(&self, loaded: &Loaded) -> u64 {
        let address = loaded.symbol(&self.interface.workspace_symbol());
        // SAFETY: the symbol has this signature; the call is complete but for what it ignores.
        unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const u64) -> u64>(address)(
                self.fields.as_ptr(),
            )
        }
    }

    fn give_workspace(&mut self, loaded: &Loaded) {
        let bytes = self.workspace(loaded);
        self.scratch = vec![0xA5u8; usize::try_from(bytes).unwrap() + 2];
        // An odd address: the entry aligns it.
        let start = self.scratch.as_mut_ptr() as u64;
        self.set(Field::Workspace, start + u64::from(start.is_multiple_of(2)));
        self.set(Field::WorkspaceBytes, bytes);
    }

    fn set(&mut self, field: Field, value: u64) {
        let at = self.interface.fields().iter().position(|known| *known == field).unwrap();
        self.fields[at] = value;
    }

    fn run(&mut self, loaded: &Loaded) -> (i32, Summary) {
        let address = loaded.symbol(&self.interface.symbol);
        let mut summary = Summary::default();
        // SAFETY: the symbol has this signature, and every field is as the interface says.
        let status = unsafe {
            std::mem::transmute::<*mut c_void, Entry>(address)(
                self.fields.as_ptr(),
                &raw mut summary,
            )
        };
        assert_eq!(self.scratch.last(), Some(&0xA5), "{}: past the end", self.interface.name);
        assert_eq!(*self.upstream, 0.75);
        let Memory { reals, narrow, wide } = &self.inputs;
        assert!(reals.len() + narrow.len() + wide.len() > 0);
        (status, summary)
    }

    fn results(&self, (status, summary): (i32, Summary)) -> Results {
        Results {
            status,
            sum: summary.sum.to_bits(),
            weight: summary.weight.to_bits(),
            values: bits(&self.values),
            gradients: self.gradients.iter().map(|gradient| bits(gradient)).collect(),
        }
    }
}

fn call_linked<T: Element>(
    loaded: &Loaded,
    interface: &Interface,
    world: &World,
    reduction: Reduction,
) -> Results {
    let mut call = Prepared::<T>::new(loaded, interface, world, reduction);
    let needed = call.workspace(loaded);
    assert!(needed == 0 || interface.needs_workspace, "{}: {needed} bytes", interface.name);
    let outcome = call.run(loaded);
    call.results(outcome)
}

fn options(precisions: &[Precision]) -> Options {
    Options {
        precisions: precisions.to_vec(),
        prefix: "lossc".into(),
        target: None,
        cpu: Cpu::Any,
        texts: false,
    }
}

fn compare<T: Element>(model: &Model, linked: &Linked, loaded: &Loaded)
where
    for<'a> lossc::call::Data<'a, T>: From<&'a [T]> + From<&'a [i64]> + From<&'a [bool]>,
{
    let interface = linked.interfaces.iter().find(|it| it.precision == T::PRECISION).unwrap();
    let loss = Compiler::new().model::<T>(model).unwrap();
    for (examples, extents) in BATCHES {
        for (choice, reduction) in calls_of(examples, extents) {
            let world = world(model, interface, examples, extents, choice);
            let here = call_here(&loss, interface, &world, reduction);
            let there = call_linked::<T>(loaded, interface, &world, reduction);
            assert_eq!(
                here, there,
                "{} {examples} examples, axes of {extents}, {choice:?}, {reduction:?}",
                interface.symbol
            );
        }
    }
}

/// Examples, and how long their axes are: of one chunk, of several because they are many, and because pairs along an axis are.
const BATCHES: [(usize, usize); 8] =
    [(1, 3), (1, 17), (5, 3), (5, 17), (4099, 3), (4099, 17), (9000, 3), (7, 300)];

/// The inputs that are given to a batch, and its reductions: all choices, but one for long rows, which are much work.
fn calls_of(examples: usize, extents: usize) -> Vec<((bool, bool), Reduction)> {
    if examples * extents > 30_000 || extents > 100 {
        return vec![((true, true), Reduction::Mean)];
    }
    let choices = [(false, false), (true, false), (false, true), (true, true)];
    let both = |choice| [(choice, Reduction::Mean), (choice, Reduction::Sum)];
    choices.into_iter().flat_map(both).collect()
}

const BOTH: [Precision; 2] = [Precision::F32, Precision::F64];

#[test]
fn shipped_losses_give_the_same_bits_linked_and_compiled_here() {
    for shipped in library::LOSSES {
        let checked = check(&Source::Library(shipped.name.into())).unwrap();
        for model in &checked.models {
            let linked = link(&Compiler::new(), model, &options(&BOTH)).unwrap();
            let loaded = Loaded::new(&model.name, &[&linked.object]);
            compare::<f32>(model, &linked, &loaded);
            compare::<f64>(model, &linked, &loaded);
        }
    }
}
