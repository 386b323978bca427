//! Data to inputs: tables, `--map` and `--set` come in, typed arrays for every input that is given go out.
//!
//! What is told here concerns names and types of elements; shapes and values are tested by the call.

use lossc::call::{Call, Element};
use lossc::diagnostic::suggest;
use lossc::graph::{Input, InputId, InputKind, Role};
use lossc::model::Model;

use super::data::{DataArray, Elements, Format, Place, Table};
use super::failure::{DataCode, Failure, list};
use super::settings::{Mapping, Setting, Value};

/// An input and what it is given.
#[derive(Clone, Debug)]
pub(crate) struct Bound<T> {
    /// The input.
    pub(crate) name: String,
    /// Its axes, those of the batch first; none for a number that fills it.
    pub(crate) shape: Vec<usize>,
    /// Its elements.
    pub(crate) elements: Typed<T>,
    /// Where they come from, to be named in errors.
    pub(crate) place: Place,
    /// Whether all examples share it.
    pub(crate) is_shared: bool,
}

/// Elements as an input takes them.
#[derive(Clone, Debug)]
pub(crate) enum Typed<T> {
    /// Of a real input.
    Real(Vec<T>),
    /// Of an index.
    Label(Vec<i64>),
    /// Of a switch.
    Switch(Vec<bool>),
    /// A number that fills an input which all examples share.
    Number(f64),
}

impl<T: Element> Bound<T> {
    /// Gives the input to a call.
    pub(crate) fn give<'c>(&'c self, call: Call<'c, T>) -> Call<'c, T> {
        match &self.elements {
            Typed::Real(values) => call.bind(&self.name, values, &self.shape),
            Typed::Label(labels) => call.bind(&self.name, labels, &self.shape),
            Typed::Switch(switches) => call.bind(&self.name, switches, &self.shape),
            Typed::Number(number) => call.set(&self.name, *number),
        }
    }
}

/// What the command line and the data give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The data files.
    pub(crate) tables: &'a [Table],
    /// Which columns make which input.
    pub(crate) mappings: &'a [Mapping],
    /// Values of params and learned inputs, which override the data.
    pub(crate) settings: &'a [Setting],
}

/// The inputs that are given, in the order of declaration, and the names in the data that are not used.
///
/// # Errors
/// If a name is not known or stands twice, an input is missing, or elements are of another type.
pub(crate) fn bind<T: Element>(
    model: &Model,
    given: Given,
) -> Result<(Vec<Bound<T>>, Vec<String>), Failure> {
    test_names(model, given)?;
    let graph = &model.graph;
    let mut bound = Vec::new();
    for input in graph.input_ids().map(|id| graph.input(id)) {
        match (find_setting(given, &input.name), find_array(model, given, input)?) {
            (Some(setting), _) => bound.push(set(input, setting)?),
            (None, Some(array)) => bound.push(convert(input, array)?),
            (None, None) if input.default.is_none() => return Err(missing(given, input)),
            (None, None) => {}
        }
    }
    let unused = unused(model, given, &bound)?;
    Ok((bound, unused))
}

/// Every name of the command line must be one of the loss.
fn test_names(model: &Model, given: Given) -> Result<(), Failure> {
    let graph = &model.graph;
    let find =
        |name: &str| graph.input_ids().map(|id| graph.input(id)).find(|input| input.name == name);
    let mut mapped: Vec<&str> = Vec::new();
    for mapping in given.mappings {
        let name = mapping.input.as_str();
        find(name).ok_or_else(|| unknown_input(model, "--map", name))?;
        if mapped.contains(&name) {
            return Err(Failure::usage(
                format!("--map names `{name}` twice"),
                "give its columns at once: --map logits=a,b",
            ));
        }
        mapped.push(name);
    }
    for setting in given.settings {
        let input =
            find(&setting.name).ok_or_else(|| unknown_input(model, "--set", &setting.name))?;
        if matches!(input.role, Role::Pred | Role::Target) {
            return Err(Failure::usage(
                format!("--set cannot give `{}`: every example has its own", setting.name),
                "give it with --data; --set is for params and learned inputs",
            ));
        }
    }
    Ok(())
}

/// What is said of an option that names no input.
pub(crate) fn unknown_input(model: &Model, option: &str, name: &str) -> Failure {
    let graph = &model.graph;
    let names: Vec<&str> = graph.input_ids().map(|id| graph.input(id).name.as_str()).collect();
    let help = match suggest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its inputs are {}", list(&names)),
    };
    Failure::usage(format!("{option}: `{}` has no input `{name}`", model.name), help)
}

/// The elements that an option such as `--set` gives inputs which all examples share, the last of a name.
///
/// # Errors
/// If a name is not known, each example has its own, or there are several numbers for several axes.
pub(crate) fn given(
    model: &Model,
    option: &str,
    settings: &[Setting],
) -> Result<Vec<(InputId, Vec<f64>)>, Failure> {
    let graph = &model.graph;
    let mut given: Vec<(InputId, Vec<f64>)> = Vec::new();
    for Setting { name, value } in settings {
        let id = find(model, option, name)?;
        let input = graph.input(id);
        if lossc::batch::is_batched(input.role) {
            return Err(Failure::usage(
                format!("{option} cannot give `{name}`: every example has its own, which is drawn"),
                format!("{option} is for params and learned inputs"),
            ));
        }
        let elements = match value {
            Value::Number(number) => vec![*number],
            Value::List(numbers) if input.axes.len() == 1 => numbers.clone(),
            Value::List(numbers) => {
                return Err(Failure::usage(
                    format!(
                        "{option}: `{name}` is given {} numbers and has {} axes",
                        numbers.len(),
                        input.axes.len()
                    ),
                    "give one number, which fills it",
                ));
            }
        };
        given.retain(|(known, _)| *known != id);
        given.push((id, elements));
    }
    Ok(given)
}

/// The input that an option names.
///
/// # Errors
/// If there is none of that name.
pub(crate) fn find(model: &Model, option: &str, name: &str) -> Result<InputId, Failure> {
    let graph = &model.graph;
    let found = graph.input_ids().find(|id| graph.input(*id).name == name);
    found.ok_or_else(|| unknown_input(model, option, name))
}

/// The last setting of an input counts.
fn find_setting<'a>(given: Given<'a>, name: &str) -> Option<&'a Setting> {
    given.settings.iter().rev().find(|setting| setting.name == name)
}

/// The array of an input: by `--map`, by name, or as the only array for the only prediction.
fn find_array(model: &Model, given: Given, input: &Input) -> Result<Option<DataArray>, Failure> {
    if let Some(mapping) = given.mappings.iter().find(|mapping| mapping.input == input.name) {
        return mapped(given, mapping).map(Some);
    }
    let mut found: Option<DataArray> = None;
    for table in given.tables {
        let array = match table.array(&input.name)? {
            None if is_for_sole_pred(model, given, table, input) => {
                table.array(&table.arrays[0].0)?
            }
            array => array,
        };
        let Some(array) = array else { continue };
        if let Some(first) = found {
            return Err(Failure::data(
                DataCode::Duplicate,
                &array.place,
                format!("`{}` is given by `{}` and by `{}`", input.name, first.place, array.place),
                "give each input once",
            ));
        }
        let is_shared = matches!(input.role, Role::Param | Role::Learned);
        if is_shared && table.format == Format::Csv {
            return Err(shared_column(table, input));
        }
        found = Some(array);
    }
    Ok(found)
}

/// A lone array without a name of an input belongs to the prediction, if there is one only.
fn is_for_sole_pred(model: &Model, given: Given, table: &Table, input: &Input) -> bool {
    let graph = &model.graph;
    let inputs = || graph.input_ids().map(|id| graph.input(id));
    let is_named = |name: &str| {
        inputs().any(|input| input.name == name)
            || given
                .mappings
                .iter()
                .any(|mapping| mapping.columns.iter().any(|column| column == name))
    };
    table.format == Format::Npy
        && input.role == Role::Pred
        && inputs().filter(|input| input.role == Role::Pred).count() == 1
        && !is_named(&table.arrays[0].0)
}

/// The columns that `--map` names, from the first data file that has the first of them.
fn mapped(given: Given, mapping: &Mapping) -> Result<DataArray, Failure> {
    let columns: Vec<&str> = mapping.columns.iter().map(String::as_str).collect();
    let mut chosen = given.tables.first();
    for table in given.tables {
        if table.array(columns[0])?.is_some() {
            chosen = Some(table);
            break;
        }
    }
    let table =
        chosen.ok_or_else(|| Failure::usage("--map needs data", "name a file with --data"))?;
    match columns[..] {
        [column] => table.array(column)?.ok_or_else(|| table.no_column(column)),
        _ => table.columns(&columns),
    }
}

fn shared_column(table: &Table, input: &Input) -> Failure {
    let name = &input.name;
    Failure::data(
        DataCode::Shape,
        format!("{}:{name}", table.file),
        format!("`{name}` is the same for all examples, but stands in a column"),
        format!(
            "set it with --set {name}=VALUE and rename the column, or say --map {name}={name} if its rows are its elements"
        ),
    )
}

fn missing(given: Given, input: &Input) -> Failure {
    let name = &input.name;
    let files: Vec<&str> = given.tables.iter().map(|table| table.file.as_str()).collect();
    let place = if files.is_empty() { "--data".to_owned() } else { files.join(", ") };
    if matches!(input.role, Role::Param | Role::Learned) {
        let message = format!("`{name}` has no default and is not given");
        return Failure::data(
            DataCode::Missing,
            place,
            message,
            format!("set it with --set {name}=VALUE"),
        );
    }
    let names: Vec<&str> = given.tables.iter().flat_map(Table::names).collect();
    let things = given.tables.first().map_or("columns", Table::things);
    let message = format!("there is no `{name}` in the data");
    let help = match suggest(name, names.iter().copied()) {
        Some(near) => format!("if `{near}` is meant, add --map {name}={near}"),
        None => format!("name it with --map {name}=NAME; the {things} are {}", list(&names)),
    };
    Failure::data(DataCode::Missing, place, message, help)
}

/// The names that nothing takes. One that looks like an input left to its default is a mistake; so is any key of JSON.
fn unused<T>(model: &Model, given: Given, bound: &[Bound<T>]) -> Result<Vec<String>, Failure> {
    let graph = &model.graph;
    let inputs: Vec<&Input> = graph.input_ids().map(|id| graph.input(id)).collect();
    let is_input = |name: &str| inputs.iter().any(|input| input.name == name);
    let is_mapped = |name: &str| {
        let mut columns = given.mappings.iter().flat_map(|mapping| &mapping.columns);
        columns.any(|column| {
            column == name || column.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let is_left = |input: &&&Input| !bound.iter().any(|bound| bound.name == input.name);
    let mut unused = Vec::new();
    for table in given.tables.iter().filter(|table| table.format != Format::Npy) {
        for name in table.names().into_iter().filter(|name| !is_input(name) && !is_mapped(name)) {
            let near =
                suggest(name, inputs.iter().filter(is_left).map(|input| input.name.as_str()));
            if near.is_none() && table.format != Format::Json {
                unused.push(name.to_owned());
                continue;
            }
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(Failure::data(
                DataCode::Unknown,
                format!("{}:{name}", table.file),
                format!("`{}` has no input `{name}`", model.name),
                match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its inputs are {}", list(&names)),
                },
            ));
        }
    }
    Ok(unused)
}

fn set<T: Element>(input: &Input, setting: &Setting) -> Result<Bound<T>, Failure> {
    let place = Place::new("--set", None);
    match &setting.value {
        Value::Number(number) => Ok(Bound {
            name: input.name.clone(),
            shape: Vec::new(),
            elements: Typed::Number(*number),
            place,
            is_shared: true,
        }),
        Value::List(values) => {
            let elements = Elements::Real(values.clone()).narrowed();
            convert(input, DataArray { shape: vec![values.len()], elements, place })
        }
    }
}

/// Elements as the input takes them.
fn convert<T: Element>(input: &Input, array: DataArray) -> Result<Bound<T>, Failure> {
    let DataArray { shape, elements, place } = array;
    let is_shared = matches!(input.role, Role::Param | Role::Learned);
    let elements = match (input.kind, elements) {
        (_, elements) if is_shared && shape.is_empty() && !input.axes.is_empty() => {
            Typed::Number(elements.to_reals()[0])
        }
        (InputKind::Real, Elements::Real(values)) => {
            Typed::Real(values.into_iter().map(T::from_f64).collect())
        }
        (InputKind::Real, elements) => {
            Typed::Real(elements.to_reals().into_iter().map(T::from_f64).collect())
        }
        (InputKind::Index { .. }, Elements::Integer(labels)) => Typed::Label(labels),
        (InputKind::Index { .. }, Elements::Real(values)) => {
            return Err(no_integers(input, &shape, &values, &place));
        }
        (InputKind::Switch, elements) => {
            let values = elements.to_reals();
            if let Some(at) = values.iter().position(|value| ![0.0, 1.0].contains(value)) {
                return Err(no_switch(input, &shape, at, values[at], &place));
            }
            Typed::Switch(values.into_iter().map(|value| value != 0.0).collect())
        }
    };
    Ok(Bound { name: input.name.clone(), shape, elements, place, is_shared })
}

fn no_integers(input: &Input, shape: &[usize], values: &[f64], place: &Place) -> Failure {
    let fraction = values.iter().position(|value| value.fract() != 0.0);
    let at = fraction.unwrap_or(0);
    let (place, words) = element(input, shape, at, place);
    let found = values
        .get(at)
        .map_or_else(|| "reals are given".to_owned(), |value| format!("{words} is {value:?}"));
    Failure::data(
        DataCode::Type,
        place,
        format!("`{}` takes integers, but {found}", input.name),
        "labels are positions from 0, written without a point: 1, not 1.0; in NumPy, label.astype(\"int64\")",
    )
}

fn no_switch(input: &Input, shape: &[usize], at: usize, value: f64, place: &Place) -> Failure {
    let (place, words) = element(input, shape, at, place);
    Failure::data(
        DataCode::Type,
        place,
        format!("`{}` takes false and true, but {words} is {value:?}", input.name),
        "write 0 or 1, or false or true",
    )
}

/// Where an element stands, and the words for it: its row and its position in the row.
fn element(input: &Input, shape: &[usize], at: usize, place: &Place) -> (String, String) {
    let inner: usize = shape[shape.len().saturating_sub(input.axes.len())..].iter().product();
    let (row, position) = (at / inner.max(1), at % inner.max(1));
    match (shape.len() > input.axes.len(), input.axes.is_empty()) {
        (true, true) => (place.of_row(row), format!("row {row}")),
        (true, false) => (place.of_row(row), format!("element {position} of row {row}")),
        (false, true) => (place.to_string(), "it".to_owned()),
        (false, false) => (place.to_string(), format!("element {position}")),
    }
}
