//! What a call of linked code may leave out, what it is refused for, and what holds beside its results.

use super::*;
use lossc::linked::{FLAG_CHECKED, Status};

/// Defaults of every kind, what depends on sizes, weights of the mean, gradients of shared inputs.
const TEXT: &str = "
    loss weighted(
        pred z[K], target label in K?, truth, side in {-1, 1},
        learned t in (0, inf) = 1 / size(K), shift[K] = 0.5,
        param w[K] in [0, inf) = [k in K] (1 + real(k)) / size(K), price[K] in [0, 9] = 1 / size(K),
              lambda in [0, size(K)] = 1, on in {false, true} = true, times in 1.. = 2,
              mix[K] in simplex = 1 / size(K),
    )
        = (t * sum(softmax(z + shift) * w * mix) - w[label] * price[label] * log_softmax(z)[label]
           + (if on { lambda * times } else { 0 }) * side * (z[0] - truth)^2)
        per w[label]";

fn model() -> Model {
    let source = Source::Text { name: "weighted.loss".into(), text: TEXT.into() };
    let failure = |failure: lossc::diagnostic::Failure| failure.to_string();
    check(&source).map_err(failure).unwrap().models.remove(0)
}

fn everything() -> Compiler {
    Compiler::new().wrt(["z", "truth", "t", "shift", "w"])
}

fn linked() -> (Model, Linked, Loaded) {
    // Tests run side by side: each has a library of its own.
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let model = model();
    let linked = link(&everything(), &model, &options(&BOTH)).unwrap();
    let loaded = Loaded::new(&format!("weighted{number}"), &[&linked.object]);
    (model, linked, loaded)
}

fn place(interface: &Interface, name: &str) -> usize {
    interface.arguments.iter().position(|argument| argument.name == name).unwrap()
}

fn agree<T: Element>(model: &Model, linked: &Linked, loaded: &Loaded)
where
    for<'a> lossc::call::Data<'a, T>: From<&'a [T]> + From<&'a [i64]> + From<&'a [bool]>,
{
    let interface = linked.interfaces.iter().find(|it| it.precision == T::PRECISION).unwrap();
    let loss = everything().model::<T>(model).unwrap();
    // The last needs more memory than there is on the stack.
    for (all, extents) in
        [(vec![1, 7, 5000], 1), (vec![1, 5000], 4), (vec![7, 5000], 33), (vec![3, 40], 3000)]
    {
        for examples in all {
            // Every choice of which inputs with a default are given.
            for given in 0..32u32 {
                let mut world = world(model, interface, examples, extents, (true, given % 2 == 0));
                let names = ["t", "shift", "w", "price", "lambda", "mix", "times", "on"];
                for (at, name) in names.into_iter().enumerate() {
                    let place = place(interface, name);
                    if name == "times" {
                        world.elements[place] = Some(vec![3.0]);
                    }
                    if given & 1 << (at % 5) == 0 {
                        world.elements[place] = None;
                    }
                }
                for reduction in [Reduction::Mean, Reduction::Sum] {
                    let here = call_here(&loss, interface, &world, reduction);
                    let there = call_linked::<T>(loaded, interface, &world, reduction);
                    assert_eq!(here, there, "{examples} examples, axes of {extents}, {given:b}");
                }
            }
        }
    }
}

#[test]
fn defaults_of_every_kind_are_those_of_a_call_here() {
    let (model, linked, loaded) = linked();
    agree::<f32>(&model, &linked, &loaded);
    agree::<f64>(&model, &linked, &loaded);
}

#[test]
fn every_output_can_be_left_out() {
    let (model, linked, loaded) = linked();
    for interface in &linked.interfaces[..1] {
        let world = world(&model, interface, 5000, 4, (false, true));
        let all = call_linked::<f32>(&loaded, interface, &world, Reduction::Mean);
        let outputs: Vec<Field> = std::iter::once(Field::Values)
            .chain((0..interface.gradients.len()).map(Field::Gradient))
            .collect();
        for chosen in 0..1u32 << outputs.len() {
            let mut call = Prepared::<f32>::new(&loaded, interface, &world, Reduction::Mean);
            let wanted = |at: usize| chosen & 1 << at != 0;
            for (at, field) in outputs.iter().enumerate() {
                if !wanted(at) {
                    call.set(*field, 0);
                }
            }
            call.give_workspace(&loaded);
            let outcome = call.run(&loaded);
            let results = call.results(outcome);
            assert_eq!((results.status, results.sum, results.weight), (0, all.sum, all.weight));
            let unwritten = |length: usize| vec![UNWRITTEN.to_bits(); length];
            let expect = |at: usize, all: &Vec<u64>| {
                if wanted(at) { all.clone() } else { unwritten(all.len()) }
            };
            assert_eq!(results.values, expect(0, &all.values), "{chosen:b}");
            for (at, gradient) in all.gradients.iter().enumerate() {
                assert_eq!(results.gradients[at], expect(at + 1, gradient), "{chosen:b} {at}");
            }
        }
    }
}

/// Spoils a call.
type Spoil = fn(&mut World, &Interface);

fn put(world: &mut World, interface: &Interface, name: &str, at: usize, value: f64) {
    world.elements[place(interface, name)].as_mut().unwrap()[at] = value;
}

/// A mistake, the status, and the argument, row and element that are named.
const MISTAKES: [(&str, Spoil, Status, &str, [u64; 2]); 16] = [
    (
        "no label at all",
        |w, i| w.elements[place(i, "label")] = None,
        Status::Missing,
        "label",
        [0, 0],
    ),
    ("no logits", |w, i| w.elements[place(i, "z")] = None, Status::Missing, "z", [0, 0]),
    ("a label past the end", |w, i| put(w, i, "label", 3, 4.0), Status::Index, "label", [3, 0]),
    ("a param under its domain", |w, i| put(w, i, "w", 2, -0.5), Status::Domain, "w", [0, 2]),
    (
        "a param that is NaN",
        |w, i| put(w, i, "price", 1, f64::NAN),
        Status::Domain,
        "price",
        [0, 1],
    ),
    ("a param over its domain", |w, i| put(w, i, "price", 0, 9.5), Status::Domain, "price", [0, 0]),
    (
        "over a bound that depends on a size",
        |w, i| put(w, i, "lambda", 0, 4.5),
        Status::Domain,
        "lambda",
        [0, 0],
    ),
    ("a fraction", |w, i| put(w, i, "times", 0, 1.5), Status::Domain, "times", [0, 0]),
    (
        "infinitely many",
        |w, i| put(w, i, "times", 0, f64::INFINITY),
        Status::Domain,
        "times",
        [0, 0],
    ),
    ("too few", |w, i| put(w, i, "times", 0, 0.0), Status::Domain, "times", [0, 0]),
    ("part of a simplex under 0", |w, i| put(w, i, "mix", 3, -0.1), Status::Domain, "mix", [0, 3]),
    (
        "a simplex that does not sum to 1",
        |w, i| put(w, i, "mix", 3, 0.9),
        Status::Domain,
        "mix",
        [0, 0],
    ),
    ("a sign that is none", |w, i| put(w, i, "side", 4, 0.5), Status::Domain, "side", [4, 0]),
    ("a learned input outside", |w, i| put(w, i, "t", 0, 0.0), Status::Domain, "t", [0, 0]),
    ("no examples", |w, _| w.examples = 0, Status::Empty, "", [0, 0]),
    ("an axis without elements", |w, _| w.extents[0] = 0, Status::Axis, "", [0, 0]),
];

#[test]
fn mistakes_are_named_and_nothing_is_written() {
    let (model, linked, loaded) = linked();
    let interface = &linked.interfaces[0];
    for (what, spoil, status, argument, at) in MISTAKES {
        let mut world = world(&model, interface, 6, 4, (true, false));
        world.elements[place(interface, "times")] = Some(vec![3.0]);
        let mut call = Prepared::<f32>::new(&loaded, interface, &world, Reduction::Mean);
        call.set(Field::Flags, FLAG_CHECKED);
        let (sound, _) = call.run(&loaded);
        assert_eq!(sound, Status::Done as i32, "before {what}");
        spoil(&mut world, interface);
        let mut call = Prepared::<f32>::new(&loaded, interface, &world, Reduction::Mean);
        call.set(Field::Flags, FLAG_CHECKED);
        let (got, summary) = call.run(&loaded);
        assert_eq!(got, status as i32, "{what}");
        if !argument.is_empty() {
            assert_eq!(summary.argument, place(interface, argument) as u64, "{what}");
        }
        assert_eq!([summary.row, summary.element], at, "{what}");
        let unwritten = |elements: &[f32]| elements.iter().all(|it| *it == UNWRITTEN as f32);
        assert!(unwritten(&call.values) && call.gradients.iter().all(|it| unwritten(it)), "{what}");
    }
}

#[test]
fn lengths_that_cannot_be_counted_are_refused() {
    let (model, linked, loaded) = linked();
    for interface in &linked.interfaces {
        let world = world(&model, interface, 6, 4, (false, false));
        let mut call = Prepared::<f64>::new(&loaded, interface, &world, Reduction::Mean);
        for (examples, extent) in
            [(6, 1 << 62), (6, u64::MAX), (u64::MAX, 4), (1 << 40, 1 << 30), (1 << 63, 2)]
        {
            call.set(Field::Examples, examples);
            call.set(Field::Extent(0), extent);
            assert_eq!(call.run(&loaded).0, Status::Axis as i32, "{examples} x {extent}");
        }
    }
}

#[test]
fn a_workspace_that_is_too_small_is_refused() {
    let (model, linked, loaded) = linked();
    let interface = &linked.interfaces[0];
    let few = world(&model, interface, 6, 4, (false, false));
    let call = Prepared::<f32>::new(&loaded, interface, &few, Reduction::Mean);
    assert_eq!(call.workspace(&loaded), 0);
    let world = world(&model, interface, 6, 4000, (false, false));
    let mut call = Prepared::<f32>::new(&loaded, interface, &world, Reduction::Mean);
    let needed = call.workspace(&loaded);
    assert!(needed > 0 && interface.needs_workspace);
    call.set(Field::WorkspaceBytes, needed - 1);
    assert_eq!(call.run(&loaded).0, Status::Workspace as i32);
    call.set(Field::WorkspaceBytes, needed);
    assert_eq!(call.run(&loaded).0, Status::Done as i32);
}

#[test]
fn plain_code_is_as_right_and_may_be_all_there_is() {
    let model = model();
    for cpu in [Cpu::Any, Cpu::Baseline, Cpu::Native] {
        let options = Options { cpu, ..options(&BOTH) };
        let linked = link(&everything(), &model, &options).unwrap();
        let loaded = Loaded::new(&format!("weighted_{cpu:?}"), &[&linked.object]);
        let interface = &linked.interfaces[0];
        let world = world(&model, interface, 6, 4, (false, false));
        let mut call = Prepared::<f32>::new(&loaded, interface, &world, Reduction::Mean);
        let best = call.run(&loaded);
        let best = (best.0, best.1, call.values.clone());
        assert_eq!(best.0, Status::Done as i32, "{cpu:?}");
        call.set(Field::Cpu, 0);
        let (status, summary) = call.run(&loaded);
        if cpu == Cpu::Native && lossc::machine::host_level() > lossc::machine::Level::Baseline {
            assert_eq!(status, Status::Cpu as i32);
            continue;
        }
        assert_eq!(status, Status::Done as i32);
        assert!((summary.sum - best.1.sum).abs() < 1e-5 * best.1.sum.abs(), "{cpu:?}");
        for (plain, best) in call.values.iter().zip(&best.2) {
            assert!((plain - best).abs() <= 1e-5 * best.abs().max(1.0), "{plain} {best}");
        }
    }
}

#[test]
fn calls_run_side_by_side() {
    let (model, linked, loaded) = linked();
    let interface = &linked.interfaces[1];
    let expected: Vec<Results> = (1..5)
        .map(|number| {
            let world = world(&model, interface, 3000 * number, 5, (false, true));
            call_linked::<f64>(&loaded, interface, &world, Reduction::Mean)
        })
        .collect();
    let address = loaded.0 as usize;
    std::thread::scope(|scope| {
        for number in 1..5 {
            let (model, expected) = (&model, &expected);
            scope.spawn(move || {
                let loaded = Loaded(address as *mut c_void);
                let world = world(model, interface, 3000 * number, 5, (false, true));
                for _ in 0..20 {
                    let got = call_linked::<f64>(&loaded, interface, &world, Reduction::Mean);
                    assert_eq!(got, expected[number - 1]);
                }
            });
        }
    });
}

#[test]
fn arrays_need_no_more_than_the_alignment_of_an_element() {
    let (model, linked, loaded) = linked();
    at_every_offset::<f32>(&model, &loaded, &linked.interfaces[0]);
    at_every_offset::<f64>(&model, &loaded, &linked.interfaces[1]);
}

fn at_every_offset<T: Element>(model: &Model, loaded: &Loaded, interface: &Interface) {
    let world = world(model, interface, 40, 4, (false, true));
    let weights = world.weights.as_deref().unwrap();
    let expected = call_linked::<T>(loaded, interface, &world, Reduction::Mean);
    for cpu in [0, loaded.cpu(interface)] {
        for offset in 0..8 {
            let mut call = Prepared::<T>::new(loaded, interface, &world, Reduction::Mean);
            let mut values = vec![T::default(); offset + 40];
            let mut shifted = vec![T::default(); offset];
            shifted.extend(narrow::<T>(weights));
            call.set(Field::Cpu, cpu);
            call.set(Field::Values, values[offset..].as_mut_ptr() as u64);
            call.set(Field::SampleWeights, shifted[offset..].as_ptr() as u64);
            let outcome = call.run(loaded);
            assert_eq!(outcome.0, Status::Done as i32, "{offset}");
            if cpu > 0 {
                assert_eq!(outcome.1.sum.to_bits(), expected.sum, "{offset}");
                assert_eq!(bits(&values[offset..]), expected.values, "{offset}");
            }
        }
    }
}

/// Thirty arrays over two long axes, which no slice of the caller's backs.
#[test]
fn scratch_memory_that_cannot_be_addressed_is_refused() {
    let arrays: Vec<String> = (0..30)
        .map(|at| format!("let a{at}[i in K, j in M] = exp({at} * x * p[i] * q[j]);"))
        .collect();
    let sums: Vec<String> = (0..30).map(|at| format!("sum(a{at}) / max(a{at})")).collect();
    let text = format!(
        "loss big(pred x, target y, param p[K] = 1, q[M] = 1) {{ {} y * ({}) }}",
        arrays.join(" "),
        sums.join(" + ")
    );
    let source = Source::Text { name: "big.loss".into(), text };
    let model = check(&source).map_err(|failure| failure.to_string()).unwrap().models.remove(0);
    let only = Options { cpu: Cpu::Baseline, ..options(&[Precision::F64]) };
    let linked = link(&Compiler::new(), &model, &only).unwrap();
    let loaded = Loaded::new("big", &[&linked.object]);
    let interface = &linked.interfaces[0];
    let world = world(&model, interface, 3, 4, (false, false));
    let mut call = Prepared::<f64>::new(&loaded, interface, &world, Reduction::Mean);
    for (k, m) in [(1 << 28, 1 << 28), (38_245_862, 1_884_062_462), (1 << 31, 1 << 30)] {
        call.set(Field::Extent(0), k);
        call.set(Field::Extent(1), m);
        call.set(Field::WorkspaceBytes, u64::MAX);
        let needed = call.workspace(&loaded);
        assert_eq!(needed, u64::MAX, "{k} x {m}");
        if needed == u64::MAX {
            let status = call.run(&loaded).0;
            assert!([Status::Workspace as i32, Status::Axis as i32].contains(&status), "{status}");
        }
    }
    call.set(Field::Extent(0), 1 << 31);
    call.set(Field::Extent(1), 1 << 30);
    assert_ne!(call.run(&loaded).0, Status::Done as i32);
}

#[test]
fn axes_longer_than_integers_count_are_refused_when_it_is_built() {
    let text = "loss lit(pred x, target label in 4000000000) = x * real(label)";
    let source = Source::Text { name: "lit.loss".into(), text: text.into() };
    let model = check(&source).unwrap().models.remove(0);
    let error = link(&Compiler::new(), &model, &options(&BOTH)).unwrap_err().to_string();
    assert!(error.contains("4000000000 elements is longer than f32 code can count"), "{error}");
    assert!(link(&Compiler::new(), &model, &options(&[Precision::F64])).is_ok());
    assert!(Compiler::new().model::<f32>(&model).is_err());
}
