//! A case of a sink: rows in, requests out, and what answers mean.

use streamgauge_common::message::Response;
use streamgauge_component::sink::{Descriptor, Outcome};
use streamgauge_laws::{Argument, Cell, DataType, Row, Table};

use super::{
    fields::{Fields, listed, text},
    node::Node,
    value::{argument, cell, data_type, shown},
};

/// The fields of a case.
pub(super) const FIELDS: [&str; 10] =
    ["name", "options", "query", "columns", "rows", "windows", "requests", "page", "error", "answers"];
/// The query of a case that names none.
const QUERY: &str = "test";
const REQUEST: [&str; 4] = ["method", "url", "headers", "body"];
const ANSWER: [&str; 6] = ["status", "headers", "body", "outcome", "retry_ms", "why"];

/// Rows, and what becomes of them.
pub(super) struct SinkCase {
    /// Options that the sink gets, by name.
    pub(super) options: Vec<(String, Cell)>,
    /// What stands for `{option:NAME}` in a request when it is sent.
    pub(super) filled_in: Vec<(String, String)>,
    /// The name of the query whose rows they are.
    pub(super) query: String,
    /// The columns of the rows: names and types.
    pub(super) columns: Vec<(String, DataType)>,
    pub(super) rows: Vec<Row>,
    /// The starts and the ends, a window a row.
    pub(super) windows: Option<(Vec<i64>, Vec<i64>)>,
    pub(super) due: Due,
    pub(super) answers: Vec<Answer>,
}

/// What a case expects.
pub(super) enum Due {
    Requests(Vec<DueRequest>),
    /// The page of a sink that answers scrapes.
    Page(String),
    /// A part of the error's text.
    Error(String),
}

/// A request as it is sent.
pub(super) struct DueRequest {
    pub(super) method: String,
    pub(super) url: String,
    /// Those that have to be there; others may be.
    pub(super) headers: Vec<(String, String)>,
    /// A text is compared as it is, anything else as JSON.
    pub(super) body: Node,
}

/// An answer, and what it means.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) due: DueOutcome,
}

/// What an answer has to mean.
pub(super) enum DueOutcome {
    Delivered,
    /// With so many milliseconds, if the case says how many.
    Retry(Option<u64>),
    /// With a part of the reason, if the case has one.
    Rejected(Option<String>),
}

impl SinkCase {
    /// An error is the end of a sentence about the case.
    pub(super) fn read(fields: Fields<'_>, sink: &Descriptor, answers_scrapes: bool) -> Result<Self, String> {
        let (options, filled_in) = options(fields, sink)?;
        let query = fields.text("query")?.unwrap_or(QUERY).to_owned();
        let rows = fields.list("rows")?.ok_or("has no `rows`, a list with an object for each row")?;
        let objects = rows.iter().map(|row| match row {
            Node::Object(values) => Ok(values.as_slice()),
            other => {
                Err(format!("has a row that is {}: write an object with a value a column", other.kind()))
            }
        });
        let objects: Vec<&[(String, Node)]> = objects.collect::<Result<_, _>>()?;
        let columns = columns(fields, &objects)?;
        let row = |(index, values): (usize, &&[(String, Node)])| {
            row(values, &columns).map_err(|why| format!("has a row {} with {why}", index + 1))
        };
        let rows: Vec<Row> = objects.iter().enumerate().map(row).collect::<Result<_, _>>()?;
        let windows = windows(fields, rows.len())?;
        let due = due(fields, answers_scrapes)?;
        let answers = fields.list("answers")?.unwrap_or_default();
        let read = |(index, node): (usize, &Node)| {
            answer(node).map_err(|why| format!("has an answer {} that {why}", index + 1))
        };
        let answers: Vec<Answer> = answers.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        if !answers.is_empty() && !matches!(&due, Due::Requests(requests) if !requests.is_empty()) {
            return Err("has `answers`, but no request that they answer".to_owned());
        }
        Ok(Self { options, filled_in, query, columns, rows, windows, due, answers })
    }

    /// The rows, with the names of their columns above them.
    pub(super) fn table(&self) -> Table {
        let value = |Argument { cell, valid }: &Argument| match valid {
            true => shown(cell),
            false => "NULL".to_owned(),
        };
        let line = |(index, row): (usize, &Row)| {
            [(index + 1).to_string()].into_iter().chain(row.arguments.iter().map(value)).collect()
        };
        let names = self.columns.iter().map(|(name, _)| name.clone());
        Table {
            head: ["row".to_owned()].into_iter().chain(names).collect(),
            lines: self.rows.iter().enumerate().take(12).map(line).collect(),
            rows: self.rows.len(),
        }
    }

    /// The options that are given.
    pub(super) fn with(&self) -> String {
        let given = self.options.iter().map(|(name, value)| format!("{name} = {}", shown(value)));
        given.collect::<Vec<_>>().join(", ")
    }
}

/// Names and values.
type Options = (Vec<(String, Cell)>, Vec<(String, String)>);

/// What the sink gets, and what is filled in later: the address and secrets, of which it gets the names.
fn options(fields: Fields<'_>, sink: &Descriptor) -> Result<Options, String> {
    let (mut options, mut filled_in) = (Vec::new(), Vec::new());
    for (name, node) in fields.object("options")? {
        let Some(described) = sink.options.iter().find(|option| option.name == *name) else {
            let known: Vec<&str> = sink.options.iter().map(|option| option.name.as_str()).collect();
            return Err(format!(
                "has the unknown option `{name}`; the options of {} are {}",
                sink.name,
                listed(&known)
            ));
        };
        let hidden = match node {
            Node::Object(_) => {
                let secret = Fields::of(node, &["secret"]).and_then(|it| it.needed_text("secret"));
                let wrong =
                    |why| format!("has an option `{name}` that {why}: write {{\"secret\": \"its value\"}}");
                Some(secret.map_err(wrong)?)
            }
            Node::Text(text) if name == "url" => Some(text.as_str()),
            _ => None,
        };
        let value = match hidden {
            Some(value) => {
                filled_in.push((name.clone(), value.to_owned()));
                Cell::Text(format!("{{option:{name}}}"))
            }
            None => cell(node, crate::values::law_type(described.data_type))
                .map_err(|why| format!("has an option `{name}` that {why}"))?,
        };
        options.push((name.clone(), value));
    }
    Ok((options, filled_in))
}

/// The columns of all rows, in the order in which they are first named, with the types that `columns` gives them or their values have.
fn columns(fields: Fields<'_>, rows: &[&[(String, Node)]]) -> Result<Vec<(String, DataType)>, String> {
    let given = fields.object("columns")?;
    let mut names: Vec<&String> = Vec::new();
    let named = rows.iter().flat_map(|row| row.iter()).chain(given).map(|(name, _)| name);
    for name in named {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let column = |name: &String| {
        let of_values = || {
            let values = rows.iter().flat_map(|row| row.iter()).filter(|(known, _)| known == name);
            let values: Vec<&Node> = values.map(|(_, value)| value).collect();
            inferred(&values).ok_or_else(|| {
                format!(
                    "does not say which type the column `{name}` has: add \"columns\": {{\"{name}\": \"DOUBLE\"}}"
                )
            })
        };
        let found = given.iter().find(|(known, _)| known == name);
        let data_type = match found {
            Some((_, node)) => {
                data_type(node).map_err(|why| format!("has a type of the column `{name}` that {why}"))
            }
            None => of_values(),
        };
        Ok((name.clone(), data_type?))
    };
    names.into_iter().map(column).collect()
}

/// The type of values; none where they are all NULL or of several types.
fn inferred(values: &[&Node]) -> Option<DataType> {
    let of = |node: &&Node| match node {
        Node::Boolean(_) => Some(DataType::Boolean),
        Node::Integer(_) => Some(DataType::Int64),
        Node::Number(_) => Some(DataType::Float64),
        Node::Text(_) => Some(DataType::Text),
        Node::Null | Node::List(_) | Node::Object(_) => None,
    };
    let mut types = values.iter().filter(|node| !matches!(node, Node::Null)).map(of);
    types.next()?.and_then(|first| {
        types.try_fold(first, |known, of| match (known, of?) {
            (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
                Some(DataType::Float64)
            }
            (known, of) => (known == of).then_some(known),
        })
    })
}

/// A row: columns that it does not have are NULL.
fn row(values: &[(String, Node)], columns: &[(String, DataType)]) -> Result<Row, String> {
    let value = |(name, data_type): &(String, DataType)| {
        let node = values.iter().find(|(known, _)| known == name).map_or(&Node::Null, |(_, node)| node);
        let cell = cell(node, *data_type).map_err(|why| format!("a value `{name}` that {why}"))?;
        Ok(argument(cell, *data_type))
    };
    let arguments = columns.iter().map(value).collect::<Result<_, String>>()?;
    Ok(Row { slot: 0, part: 0, arguments })
}

/// The starts and the ends of windows, one of each row.
type Bounds = (Vec<i64>, Vec<i64>);

fn windows(fields: Fields<'_>, rows: usize) -> Result<Option<Bounds>, String> {
    let Some(nodes) = fields.list("windows")? else { return Ok(None) };
    if nodes.len() != rows {
        return Err(format!("has {} `windows` for {rows} rows: write one a row", nodes.len()));
    }
    let window = |node: &Node| {
        let window = Fields::of(node, &["start", "end"])?;
        let time = |name: &str| match cell(window.needed(name)?, DataType::Timestamp) {
            Ok(Cell::Timestamp(micros)) => Ok(micros),
            Ok(_) => Err(format!("has NULL as its `{name}`")),
            Err(why) => Err(format!("has a `{name}` that {why}")),
        };
        Ok((time("start")?, time("end")?))
    };
    let windows = nodes.iter().map(window).collect::<Result<Vec<_>, _>>();
    Ok(Some(windows.map_err(|why: String| format!("has a window that {why}"))?.into_iter().unzip()))
}

fn due(fields: Fields<'_>, answers_scrapes: bool) -> Result<Due, String> {
    let (requests, page, error) = (fields.list("requests")?, fields.text("page")?, fields.text("error")?);
    let due = match (requests, page, error) {
        (Some(requests), None, None) => {
            let read = |(index, node): (usize, &Node)| {
                request(node).map_err(|why| format!("has a request {} that {why}", index + 1))
            };
            Due::Requests(requests.iter().enumerate().map(read).collect::<Result<_, _>>()?)
        }
        (None, Some(page), None) => Due::Page(page.to_owned()),
        (None, None, Some(text)) => Due::Error(text.to_owned()),
        _ => return Err("needs one of `requests`, `page` and `error`".to_owned()),
    };
    match (&due, answers_scrapes) {
        (Due::Requests(_), true) => {
            Err("has `requests`, but the sink answers scrapes: write `page`".to_owned())
        }
        (Due::Page(_), false) => {
            Err("has a `page`, but the sink answers no scrapes: write `requests`".to_owned())
        }
        _ => Ok(due),
    }
}

fn request(node: &Node) -> Result<DueRequest, String> {
    let fields = Fields::of(node, &REQUEST)?;
    Ok(DueRequest {
        method: fields.needed_text("method")?.to_owned(),
        url: fields.needed_text("url")?.to_owned(),
        headers: headers(fields)?,
        body: fields.needed("body")?.clone(),
    })
}

fn headers(fields: Fields<'_>) -> Result<Vec<(String, String)>, String> {
    let header = |(name, value): &(String, Node)| {
        let value = text(value).map_err(|why| format!("has a header `{name}` that {why}"))?;
        Ok((name.to_ascii_lowercase(), value.to_owned()))
    };
    fields.object("headers")?.iter().map(header).collect()
}

fn answer(node: &Node) -> Result<Answer, String> {
    let fields = Fields::of(node, &ANSWER)?;
    let status = fields.count("status")?.and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (100..=599).contains(status));
    let status = status.ok_or("has no `status` from 100 to 599")?;
    let body = fields.text("body")?.unwrap_or_default().as_bytes().to_vec();
    let (retry_ms, why) = (fields.count("retry_ms")?, fields.text("why")?);
    let due = match (fields.needed_text("outcome")?, retry_ms, why) {
        ("delivered", None, None) => DueOutcome::Delivered,
        ("retry", retry_ms, None) => DueOutcome::Retry(retry_ms),
        ("rejected", None, why) => DueOutcome::Rejected(why.map(str::to_owned)),
        ("delivered" | "retry" | "rejected", ..) => {
            return Err(
                "has `retry_ms` without the outcome \"retry\", or `why` without \"rejected\"".to_owned()
            );
        }
        (other, ..) => {
            return Err(format!(
                "has the `outcome` \"{other}\"; the outcomes are \"delivered\", \"retry\" and \"rejected\""
            ));
        }
    };
    Ok(Answer { response: Response { status, headers: headers(fields)?, body }, due })
}

impl DueOutcome {
    /// Whether an outcome is this one.
    pub(super) fn fits(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Delivered, Outcome::Delivered) => true,
            (Self::Retry(due), Outcome::Retry(after)) => due.is_none() || due == after,
            (Self::Rejected(due), Outcome::Rejected(why)) => {
                due.as_ref().is_none_or(|part| why.contains(part.as_str()))
            }
            _ => false,
        }
    }
}

/// For people.
impl std::fmt::Display for DueOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delivered => f.write_str("delivered"),
            Self::Retry(None) => f.write_str("retry"),
            Self::Retry(Some(millis)) => write!(f, "retry, not before {millis} ms"),
            Self::Rejected(None) => f.write_str("rejected"),
            Self::Rejected(Some(part)) => write!(f, "rejected, with '{part}' in the reason"),
        }
    }
}
