//! How large batches are: `-n` and `--axis` come in, the sizes that are measured go out.

use std::fmt::{self, Display, Formatter};

use lossc::batch::is_batched;
use lossc::diagnostic::suggest;
use lossc::graph::{Extent, ExtentId, InputId, InputKind, Role};
use lossc::model::Model;

use super::super::failure::{Failure, list};

/// How many examples are measured if nothing is said.
const EXAMPLES: [usize; 3] = [64, 4096, 1_000_000];

/// How long an axis is if nothing is said.
const LENGTH: usize = 10;

/// Batches with more bytes than this are measured on request only.
const LARGE: u128 = 1 << 30;

/// An axis and its lengths, from `--axis`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    axis: String,
    lengths: Vec<usize>,
}

/// A batch that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// How many examples it has.
    pub(super) examples: usize,
    /// The length of every extent, by its id.
    pub(super) extents: Vec<usize>,
    /// The names and lengths of the axes that have a name; none if no axis has.
    pub(super) named: Option<Vec<(String, usize)>>,
}

impl Display for Size {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let s = if self.examples == 1 { "" } else { "s" };
        write!(formatter, "{} example{s}", self.examples)?;
        for (at, (axis, length)) in self.named.iter().flatten().enumerate() {
            write!(formatter, "{} {axis} = {length}", if at == 0 { " with" } else { "," })?;
        }
        Ok(())
    }
}

/// Reads how many there are of something.
///
/// # Errors
/// If it is no number above 0.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("write a whole number from 1 on, such as 4096".to_owned()),
    }
}

/// Reads `K=10,1000`.
///
/// # Errors
/// What does not fit.
pub(super) fn parse_lengths(text: &str) -> Result<Lengths, String> {
    let (axis, lengths) = text
        .split_once('=')
        .filter(|(axis, _)| !axis.trim().is_empty())
        .ok_or_else(|| "write an axis and its length, such as K=1000 or K=10,1000".to_owned())?;
    let lengths: Result<Vec<usize>, String> = lengths.split(',').map(parse_count).collect();
    Ok(Lengths { axis: axis.trim().to_owned(), lengths: lengths? })
}

/// Every combination of lengths with every number of examples.
///
/// `given` are the elements of inputs that are not drawn; `bytes` is the size of a number.
///
/// # Errors
/// If an axis is unknown, named twice or too short, or a batch does not fit into memory.
pub(super) fn sizes(
    model: &Model,
    given: &[(InputId, Vec<f64>)],
    examples: &[usize],
    axes: &[Lengths],
    bytes: usize,
) -> Result<Vec<Size>, Failure> {
    test_axes(model, axes)?;
    let has_examples = model.graph.input_ids().any(|id| is_batched(model.graph.input(id).role));
    if let Some(count) = examples.iter().find(|count| !has_examples && **count != 1) {
        return Err(Failure::usage(
            format!("-n {count}: `{}` has no pred and no target, and so one example", model.name),
            "leave -n out",
        ));
    }
    let mut sizes = Vec::new();
    for extents in combinations(model, given, axes)? {
        test_lists(model, given, &extents)?;
        let named = named(model, &extents);
        let size = |examples| Size { examples, extents: extents.clone(), named: named.clone() };
        let taken = |size: &Size| footprint(model, size).saturating_mul(bytes as u128);
        if !examples.is_empty() {
            sizes.extend(examples.iter().map(|count| size(*count)));
        } else if has_examples {
            let fits = |size: &Size| taken(size) <= LARGE;
            let some: Vec<Size> = EXAMPLES.into_iter().map(size).filter(fits).collect();
            sizes.extend(if some.is_empty() { vec![size(1)] } else { some });
        } else {
            sizes.push(size(1));
        }
        let free = free_memory();
        if let Some(size) = sizes.iter().find(|size| taken(size) > free) {
            return Err(Failure::usage(
                format!("{size} take {}, and {} are free", megabytes(taken(size)), megabytes(free)),
                "give fewer examples with -n, or shorter axes with --axis",
            ));
        }
    }
    Ok(sizes)
}

/// Every axis must be one of the loss, and be named once.
fn test_axes(model: &Model, axes: &[Lengths]) -> Result<(), Failure> {
    let names: Vec<&str> = named_extents(model).map(|(_, name)| name).collect();
    for (at, Lengths { axis, .. }) in axes.iter().enumerate() {
        if !names.contains(&axis.as_str()) {
            let help = match suggest(axis, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "leave --axis out".to_owned(),
                None => format!("its axes are {}", list(&names)),
            };
            return Err(Failure::usage(
                format!("--axis: `{}` has no axis `{axis}` whose length can be chosen", model.name),
                help,
            ));
        }
        if axes[..at].iter().any(|earlier| earlier.axis == *axis) {
            return Err(Failure::usage(
                format!("--axis names `{axis}` twice"),
                format!("give its lengths at once: --axis {axis}=10,1000"),
            ));
        }
    }
    Ok(())
}

fn named_extents(model: &Model) -> impl Iterator<Item = (ExtentId, &str)> {
    let graph = &model.graph;
    graph.extent_ids().filter_map(|id| match graph.extent(id) {
        Extent::Named(name) => Some((id, name.as_str())),
        Extent::Literal(_) => None,
    })
}

/// The lengths of all extents by their ids, in every combination; the first axis changes last.
fn combinations(
    model: &Model,
    given: &[(InputId, Vec<f64>)],
    axes: &[Lengths],
) -> Result<Vec<Vec<usize>>, Failure> {
    let graph = &model.graph;
    let mut combinations = vec![Vec::new()];
    for id in graph.extent_ids() {
        let least = model.least_extents.iter().find(|(extent, _)| *extent == id);
        let least = least.map_or(1, |(_, least)| *least as usize);
        let lengths = match graph.extent(id) {
            Extent::Literal(length) => vec![*length as usize],
            Extent::Named(name) => match axes.iter().find(|lengths| lengths.axis == *name) {
                Some(Lengths { lengths, .. }) => lengths.clone(),
                None => vec![list_length(model, given, id).unwrap_or(LENGTH).max(least)],
            },
        };
        if let Some(short) = lengths.iter().find(|length| **length < least) {
            return Err(Failure::usage(
                format!(
                    "--axis {}={short}: `{}` needs {least} at least",
                    graph.extent(id),
                    model.name
                ),
                format!("give {least} or more"),
            ));
        }
        combinations = combinations
            .iter()
            .flat_map(|begun: &Vec<usize>| {
                lengths.iter().map(|length| [begun.as_slice(), &[*length]].concat())
            })
            .collect();
    }
    Ok(combinations)
}

/// Lists must be as long as their axes.
fn test_lists(
    model: &Model,
    given: &[(InputId, Vec<f64>)],
    extents: &[usize],
) -> Result<(), Failure> {
    let graph = &model.graph;
    for (id, elements) in given.iter().filter(|(_, elements)| elements.len() > 1) {
        let input = graph.input(*id);
        let extent = input.axes.first().map(|axis| graph.axis(*axis).extent);
        if let Some(extent) = extent.filter(|extent| extents[extent.index()] != elements.len()) {
            let (count, length) = (elements.len(), extents[extent.index()]);
            let axis = graph.extent(extent);
            return Err(Failure::usage(
                format!(
                    "--set: `{}` is given {count} numbers, and axis {axis} has {length}",
                    input.name
                ),
                "give as many numbers as the axis is long, or one, which fills it",
            ));
        }
    }
    Ok(())
}

/// How long the given elements of an input with one axis say that it is.
fn list_length(model: &Model, given: &[(InputId, Vec<f64>)], extent: ExtentId) -> Option<usize> {
    let graph = &model.graph;
    given.iter().find_map(|(id, elements)| match graph.input(*id).axes[..] {
        [axis] if graph.axis(axis).extent == extent && elements.len() > 1 => Some(elements.len()),
        _ => None,
    })
}

fn named(model: &Model, extents: &[usize]) -> Option<Vec<(String, usize)>> {
    let named: Vec<(String, usize)> =
        named_extents(model).map(|(id, name)| (name.to_owned(), extents[id.index()])).collect();
    (!named.is_empty()).then_some(named)
}

/// How many numbers inputs and gradients have together.
fn footprint(model: &Model, size: &Size) -> u128 {
    let graph = &model.graph;
    graph.input_ids().fold(0, |sum: u128, id| {
        let input = graph.input(id);
        let own = input.axes.iter().map(|axis| size.extents[graph.axis(*axis).extent.index()]);
        let examples = if is_batched(input.role) { size.examples } else { 1 };
        let count = own.fold(examples as u128, |product, it| product.saturating_mul(it as u128));
        let has_gradient =
            matches!(input.role, Role::Pred | Role::Learned) && input.kind == InputKind::Real;
        sum.saturating_add(count.saturating_mul(if has_gradient { 2 } else { 1 }))
    })
}

/// The bytes of memory that can be had, where the system says so.
fn free_memory() -> u128 {
    let kibibytes = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u128>().ok()
    });
    kibibytes.map_or(isize::MAX as u128, |count| count * 1024)
}

fn megabytes(bytes: u128) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_whole_numbers_of_an_axis() {
        for (text, axis, lengths) in [("K=10", "K", &[10][..]), (" K = 1 , 1000", "K", &[1, 1000])]
        {
            let expected = Lengths { axis: axis.into(), lengths: lengths.to_vec() };
            assert_eq!(parse_lengths(text), Ok(expected), "{text}");
        }
        for text in ["K", "=3", "K=", "K=0", "K=1,,2", "K=-1", "K=1.5", ""] {
            assert!(parse_lengths(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_words() {
        let size = |examples, named| Size { examples, extents: vec![], named };
        assert_eq!(size(1, None).to_string(), "1 example");
        let named = Some(vec![("N".to_owned(), 256), ("F".to_owned(), 128)]);
        assert_eq!(size(2, named).to_string(), "2 examples with N = 256, F = 128");
    }
}
