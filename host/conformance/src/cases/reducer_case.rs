//! A case of a reducer: rows in, a result out.

use streamgauge_laws::{Argument, Cell, DataType, Descriptor, Row, Signature, Table};

use super::{
    fields::{Fields, list},
    node::Node,
    value::{argument, cell, data_type, shown},
};

/// The fields of a case.
pub(super) const FIELDS: [&str; 8] =
    ["name", "arguments", "parameters", "rows", "slices", "result", "error", "tolerance"];

/// Lines of rows that are shown.
const LINES_MAX: usize = 12;

/// Rows, and what they give.
pub(super) struct ReducerCase {
    /// Which of the reducer's ways to be called.
    pub(super) number: u32,
    pub(super) signature: Signature,
    /// One a parameter of the signature.
    pub(super) parameters: Vec<Cell>,
    /// All of slot 0.
    pub(super) rows: Vec<Row>,
    /// How many rows each slot gets that is merged with the others; none = in several ways.
    pub(super) slices: Option<Vec<usize>>,
    pub(super) due: Due,
    /// That of the signature if the case has none.
    pub(super) tolerance: f64,
}

/// What a case expects.
#[derive(Clone, Debug)]
pub(super) enum Due {
    Result(Cell),
    /// A part of the error's text.
    Error(String),
}

impl ReducerCase {
    /// An error is the end of a sentence about the case.
    pub(super) fn read(fields: Fields<'_>, reducer: &Descriptor) -> Result<Self, String> {
        let (number, signature) = signature(fields, reducer)?;
        let parameters = parameters(fields, signature)?;
        let rows = fields.list("rows")?.ok_or("has no `rows`, a list with a list of values for each row")?;
        let row = |(index, node): (usize, &Node)| {
            row(node, signature).map_err(|why| format!("has a row {} that {why}", index + 1))
        };
        let rows: Vec<Row> = rows.iter().enumerate().map(row).collect::<Result<_, _>>()?;
        let due = match (fields.get("result"), fields.text("error")?) {
            (Some(_), Some(_)) => return Err("has `result` and `error`: leave one of them out".to_owned()),
            (None, Some(text)) => Due::Error(text.to_owned()),
            (Some(node), None) => {
                let result = cell(node, signature.returns);
                Due::Result(result.map_err(|why| format!("has a `result` that {why}"))?)
            }
            (None, None) => return Err("has neither `result` nor `error`".to_owned()),
        };
        let tolerance = match fields.get("tolerance") {
            None => signature.tolerance,
            Some(Node::Number(value)) if *value >= 0.0 => *value,
            Some(Node::Integer(value)) if *value >= 0 => *value as f64,
            Some(other) => {
                return Err(format!(
                    "has the `tolerance` {other}: write a number from 0, relative to the greatest value, such as 1e-9"
                ));
            }
        };
        let slices = slices(fields, rows.len())?;
        Ok(Self { number, signature: signature.clone(), parameters, rows, slices, due, tolerance })
    }

    /// The parameters that the call is opened with.
    pub(super) fn with(&self) -> String {
        let pairs = self.signature.parameters.iter().zip(&self.parameters);
        let pairs = pairs.map(|(parameter, value)| format!("{} = {}", parameter.name, shown(value)));
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// The rows, with the types above them.
    pub(super) fn table(&self) -> Table {
        let arguments = self.signature.arguments.iter().map(DataType::to_string);
        let time = self.signature.needs_time.then(|| "event time".to_owned());
        let value = |Argument { cell, valid }: &Argument| match valid {
            true => shown(cell),
            false => "NULL".to_owned(),
        };
        let line = |(index, row): (usize, &Row)| {
            let number = (index + 1).to_string();
            [number].into_iter().chain(row.arguments.iter().map(value)).collect()
        };
        Table {
            head: ["row".to_owned()].into_iter().chain(arguments).chain(time).collect(),
            lines: self.rows.iter().enumerate().take(LINES_MAX).map(line).collect(),
            rows: self.rows.len(),
        }
    }
}

/// The signature that a case means: the only one, or the one with these arguments.
fn signature<'a>(fields: Fields<'_>, reducer: &'a Descriptor) -> Result<(u32, &'a Signature), String> {
    let ways = || {
        let ways = reducer.signatures.iter().map(|signature| format!("{}{signature}", reducer.name));
        ways.collect::<Vec<_>>().join(", ")
    };
    let given = fields.list("arguments")?;
    let types = given.map(|types| types.iter().map(data_type).collect::<Result<Vec<_>, _>>()).transpose();
    let types = types.map_err(|why| format!("has a type in `arguments` that {why}"))?;
    let found = match (&types, reducer.signatures.as_slice()) {
        (None, [only]) => Some((0, only)),
        (None, _) => {
            return Err(format!(
                "has no `arguments`, but there are several ways to call the function: {}; write for example \"arguments\": [\"DOUBLE\"]",
                ways()
            ));
        }
        (Some(types), signatures) => {
            signatures.iter().enumerate().find(|(_, signature)| signature.arguments == *types)
        }
    };
    let (number, signature) =
        found.ok_or_else(|| format!("has `arguments` that the function does not take: {}", ways()))?;
    Ok((u32::try_from(number).unwrap_or(u32::MAX), signature))
}

/// A value for each parameter: in the order of the call or by name; the others have their defaults.
fn parameters(fields: Fields<'_>, signature: &Signature) -> Result<Vec<Cell>, String> {
    let known: Vec<&str> = signature.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let given: Vec<Option<&Node>> = match fields.get("parameters") {
        None => vec![None; known.len()],
        Some(Node::List(values)) if values.len() > known.len() => {
            let (given, known) = (values.len(), known.len());
            return Err(format!(
                "has {given} values in `parameters`, but the function has {known} parameters"
            ));
        }
        Some(Node::List(values)) => (0..known.len()).map(|index| values.get(index)).collect(),
        Some(named @ Node::Object(_)) => {
            let named = Fields::of(named, &known);
            let named = named.map_err(|why| format!("has an object in `parameters` that {why}"))?;
            known.iter().map(|name| named.get(name)).collect()
        }
        Some(other) => {
            return Err(format!(
                "has `parameters` that are {}: write a list of values in the order of the call, or an object with names",
                other.kind()
            ));
        }
    };
    let value = |(parameter, given): (&streamgauge_laws::Parameter, Option<&Node>)| {
        let name = &parameter.name;
        match (given, &parameter.default) {
            (Some(node), _) => {
                cell(node, parameter.data_type).map_err(|why| format!("has a parameter `{name}` that {why}"))
            }
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(format!("does not give the parameter `{name}`, which has no default")),
        }
    };
    signature.parameters.iter().zip(given).map(value).collect()
}

/// A row: a value for each argument, and the event time.
fn row(node: &Node, signature: &Signature) -> Result<Row, String> {
    let values = list(node).map_err(|why| format!("{why} with a value for each argument"))?;
    let types = signature.columns();
    if values.len() != types.len() {
        let time = if signature.needs_time { ", of which the last is the event time" } else { "" };
        return Err(format!("has {} values instead of {}{time}", values.len(), types.len()));
    }
    let value = |(index, (node, data_type)): (usize, (&Node, &DataType))| {
        let place = index + 1;
        let cell = cell(node, *data_type).map_err(|why| format!("has a value {place} that {why}"))?;
        match signature.needs_time && place == types.len() && cell == Cell::Null {
            true => Err("has NULL for its event time: every event has one".to_owned()),
            false => Ok(argument(cell, *data_type)),
        }
    };
    let arguments = values.iter().zip(&types).enumerate().map(value).collect::<Result<_, _>>()?;
    Ok(Row { slot: 0, part: 0, arguments })
}

fn slices(fields: Fields<'_>, rows: usize) -> Result<Option<Vec<usize>>, String> {
    let Some(nodes) = fields.list("slices")? else { return Ok(None) };
    let count = |node: &Node| match node {
        Node::Integer(count) => usize::try_from(*count).ok().filter(|count| *count <= rows),
        _ => None,
    };
    let counts: Option<Vec<usize>> = nodes.iter().map(count).collect();
    match counts {
        Some(counts) if counts.iter().sum::<usize>() == rows && !counts.is_empty() => Ok(Some(counts)),
        _ => Err(format!(
            "has `slices` that do not divide its rows: write how many rows each slice has, {rows} in all, such as [{}]",
            [rows / 2, rows - rows / 2].map(|count| count.to_string()).join(", ")
        )),
    }
}
