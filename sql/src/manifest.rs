//! What a compiled query tells its host: the plan without its expressions, which are code by then.
//!
//! It travels as JSON in the custom section [`SECTION`] of the component, so a component is all a host needs. Column
//! numbers are positions in the lists named in their docs.

mod kafka_properties;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::kafka_properties::{KAFKA_PROPERTIES, KAFKA_SECRETS};
pub use crate::header::{Header, HeaderPart};
use crate::path::PathStep;
pub use crate::plugin::{Plugin, PluginFile};
pub use crate::time_format::{TimeFormat, TimePattern, Zone};
use crate::types::{DataType, Value};
pub use crate::window_kind::{WHOLE_END_US, WHOLE_START_US, WindowKind};

/// The name of the custom section.
pub const SECTION: &str = "streamgauge:query";
/// The version of this layout; a host refuses any other.
pub const FORMAT: u32 = 2;

/// One query: a view, an INSERT or a bare SELECT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// `<view>`, `insert_<sink>_<n>` or `select_<n>`: unique in a program, the name of the component's file.
    pub name: String,
    /// The statement as it was written.
    pub sql: String,
    /// Where rows come from.
    pub input: Input,
    /// The columns of the input that this query reads. [`Column::Input`] counts in this list.
    pub columns: Vec<Field>,
    /// Tables that rows are looked up in: their columns stand behind those of the input, and [`Column::Input`] counts on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<Join>,
    /// WHERE and computed columns; none = every row passes and nothing is computed: the component is not called.
    pub ingest: Option<Stage>,
    /// Windows and aggregates; none = row by row.
    pub window: Option<Window>,
    /// HAVING and computed output columns; none = the component is not called. Always none row by row.
    pub emit: Option<Stage>,
    /// ALLOW LATENESS: how long a closed window goes on taking events, in microseconds; none = it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness_us: Option<i64>,
    /// Stateful operators over the rows that `ingest` keeps, where these are rows of closed windows.
    pub operators: Vec<Operator>,
    /// The SELECT list.
    pub output: Vec<Output>,
    /// ORDER BY and LIMIT, of the rows of a window; none = they come by their groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<WindowOrder>,
    /// Where rows go.
    pub target: Target,
}

impl Manifest {
    /// Whether its rows are revised: it, or the view that it reads, has ALLOW LATENESS.
    pub fn is_revised(&self) -> bool {
        self.output.iter().any(|output| output.column == Column::Revision)
    }
}

/// Where a query reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// A source, by name.
    Source(String),
    /// A view that stands before it in the program, by name; its rows are taken as they are decided.
    View(String),
    /// The events that are late for all windows of a query that stands before it, by the query's name: LATE DATA TO.
    Late(String),
}

impl Input {
    /// The query whose rows, or late events, are read; none for a source.
    pub fn query(&self) -> Option<&str> {
        match self {
            Self::Source(_) => None,
            Self::View(query) | Self::Late(query) => Some(query),
        }
    }
}

/// Where a query's rows go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Only to the queries that read it: a view.
    View,
    /// A sink, by name.
    Sink(String),
    /// The console: a bare SELECT.
    Console,
}

/// A named, typed place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// As declared or as the alias was written.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
}

/// A table that rows are looked up in by its key. A row without a match has NULL in its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The table, by name.
    pub table: String,
    /// Where the key to look for is, as [`Column::Input`] counts: NULL has no match.
    pub key: usize,
    /// What the key of the table is: its name, type and path.
    pub table_key: String,
    /// The columns of the table that the query reads.
    pub columns: Vec<Field>,
    /// Where each of them is in a row of the table, in words.
    pub paths: Vec<String>,
}

impl Manifest {
    /// The columns that the query reads: of its input, then of its tables. [`Column::Input`] counts in these.
    pub fn inputs(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().chain(self.joins.iter().flat_map(|join| &join.columns))
    }

    /// The column of a table that has this number among [`Self::inputs`], and its join; none for one of the input.
    pub fn joined(&self, index: usize) -> Option<(&Join, &Field)> {
        let mut joined =
            self.joins.iter().flat_map(|join| join.columns.iter().map(move |field| (join, field)));
        joined.nth(index.checked_sub(self.columns.len())?)
    }
}

/// One export of the component, `ingest` or `emit`, and how to call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The columns to pass, in order.
    pub arguments: Vec<Column>,
    /// Whether it filters: WHERE or HAVING.
    pub filters: bool,
    /// The types of the columns it computes: [`Column::Computed`] counts in this list.
    pub computed: Vec<DataType>,
    /// The texts of its expressions; a failure's `expression` counts in this list.
    pub expressions: Vec<String>,
}

/// A column as some step sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Of [`Manifest::columns`], and behind them of [`Manifest::joins`]. Not behind a window.
    Input(usize),
    /// Computed by the stage of this side of the window (before: `ingest`, behind: `emit`; row by row: `ingest`).
    Computed(usize),
    /// Of [`Window::keys`]. Only behind the window.
    Key(usize),
    /// The result of [`Window::aggregates`]. Only behind the window.
    Aggregate(usize),
    /// The window's start. Only behind the window.
    WindowStart,
    /// The window's end. Only behind the window.
    WindowEnd,
    /// The number of the grouping set that a group is of, of [`Window::sets`]. Only in [`Window::keys`], the last.
    SetNumber,
    /// The value that one of [`Manifest::operators`] gives for the row. Only in the SELECT list.
    Operator(usize),
    /// ALLOW LATENESS: the row's number among those of its group and window, from 0. Only in the SELECT list.
    Revision,
    /// ALLOW LATENESS: `insert`, `update` or `delete`. Only in the SELECT list.
    Op,
}

/// Windows over the event time, and what is kept for each group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Which windows.
    pub kind: WindowKind,
    /// The column with the event time, of [`Manifest::columns`].
    pub time: usize,
    /// The group's key; empty = one group.
    pub keys: Vec<Key>,
    /// The set numbers of the grouping sets: each row is in a group of each. Bit `i` is set where key `i` is left out of the set, and NULL in
    /// its groups; the last key is [`Column::SetNumber`] then. Empty = each row is in the group of all its keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<i64>,
    /// One for each different aggregate call.
    pub aggregates: Vec<Aggregate>,
}

/// One part of the group's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Where its value is: input or computed by `ingest`.
    pub column: Column,
    /// Its type.
    pub data_type: DataType,
}

/// One aggregate call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The call as it was written, for people.
    pub text: String,
    /// The reducer's name in the program.
    pub reducer: String,
    /// The component, where it is one of the user's own; none = the reducer is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// Which of its signatures.
    pub signature: u32,
    /// Its parameters, defaults filled in.
    pub parameters: Vec<Value>,
    /// Where its arguments are: input or computed by `ingest`.
    pub arguments: Vec<Column>,
    /// Whether the event time goes along as the last argument.
    pub needs_time: bool,
    /// Whether a state grows without bound: its slices are merged when a window closes, not kept merged.
    pub growing: bool,
    /// The bytes of a state, at most, as its plugin says; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_bytes_max: Option<u32>,
    /// The type of the result.
    pub returns: DataType,
}

/// A stateful operator over rows of closed windows: `function OVER (PARTITION BY keys ORDER BY window_end)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The call as it was written, for people.
    pub text: String,
    /// What it gives for a row.
    pub function: OperatorFunction,
    /// PARTITION BY: where its values are, input or computed by `ingest`; empty = one group.
    pub keys: Vec<Key>,
}

/// What an operator gives for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorFunction {
    /// The row's number in its group, from 1: a BIGINT.
    RowNumber,
}

impl OperatorFunction {
    /// The type of what it gives.
    pub fn returns(self) -> DataType {
        match self {
            Self::RowNumber => DataType::Int64,
        }
    }
}

/// One column of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The field's name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Where its value is.
    pub column: Column,
}

/// How the rows of a window are ordered, and how many of them come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowOrder {
    /// What rows are compared by, the first first; equal rows keep their order, which is that of their groups.
    pub keys: Vec<OrderKey>,
    /// How many rows come; none = all.
    pub limit: Option<u32>,
}

impl fmt::Display for WindowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, OrderKey { text, descending, nulls_first, .. }) in self.keys.iter().enumerate() {
            let comma = if at == 0 { "by " } else { ", " };
            let order = if *descending { " DESC" } else { "" };
            let nulls = match (descending, nulls_first) {
                (true, false) => " NULLS LAST",
                (false, true) => " NULLS FIRST",
                _ => "",
            };
            write!(f, "{comma}{text}{order}{nulls}")?;
        }
        self.limit.map_or(Ok(()), |rows| write!(f, ", the first {rows}"))
    }
}

/// One item of ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderKey {
    /// As it was written, for people.
    pub text: String,
    /// Where its value is, as the SELECT list sees it.
    pub column: Column,
    /// DESC.
    pub descending: bool,
    /// Whether NULLs come before values.
    pub nulls_first: bool,
}

/// The formats of records: the words that `format` takes.
pub const FORMATS: &[&str] = &["json"];

/// A source as declared by CREATE SOURCE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name as declared.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<SourceColumn>,
    /// WATERMARK FOR; none = rows only, no windows.
    pub watermark: Option<Watermark>,
    /// `file` or `kafka`: lower case, checked.
    pub connector: String,
    /// How its records are written: one of [`FORMATS`].
    pub format: String,
    /// How its timestamps are written, where a column does not say it itself.
    pub time_format: TimeFormat,
    /// `numbers = 'lenient'`: numbers in quotes fit.
    pub lenient_numbers: bool,
    /// From where to read.
    pub start: Start,
    /// Silence after which a partition that is read to its end no longer holds others back, in microseconds.
    pub idle_timeout_us: i64,
    /// How far ahead of its record an event may be, in microseconds; none = the connector's default.
    pub max_future_skew_us: Option<i64>,
    /// `dead_letters = '...'`: a file for this source's dead letters.
    pub dead_letters: Option<String>,
    /// `late_dead_letters`: whether an event that is late for all its windows becomes a dead letter.
    pub late_dead_letters: bool,
    /// The connector's own options (`brokers`, `topic`, ...): keys in lower case.
    pub options: BTreeMap<String, OptionValue>,
}

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceColumn {
    /// As declared.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// The steps that lead to it, outermost first: `PATH 'usage.total'` = `["usage", "total"]`.
    pub path: Vec<PathStep>,
    /// FORMAT: how this TIMESTAMP is written; none = as the source says.
    pub time_format: Option<TimeFormat>,
}

/// `WATERMARK FOR column AS column - delay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// The event time: a TIMESTAMP of [`Source::columns`].
    pub column: usize,
    /// How much later than the greatest event time so far an event may come, in microseconds.
    pub delay_us: i64,
}

/// A table as declared by CREATE TABLE: reference data, whose rows are found by their key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name as declared.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<SourceColumn>,
    /// The column of the PRIMARY KEY: a TEXT or BIGINT.
    pub key: usize,
    /// Where its rows are: one of [`CONNECTORS`](crate::table_options::CONNECTORS).
    pub connector: String,
    /// How they are written: one of [`FORMATS`](crate::table_options::FORMATS).
    pub format: String,
    /// The connector's own options: keys in lower case.
    pub options: BTreeMap<String, OptionValue>,
}

/// From where a source is read when no state says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Now minus the longest window that reads it.
    Default,
    /// What the topic still has.
    Earliest,
    /// What comes from now on.
    Latest,
    /// Records from this time on, in microseconds since the epoch.
    At(i64),
    /// Now minus so many microseconds.
    Ago(i64),
}

/// The value of a WITH option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionValue {
    /// Text, as written.
    Text(String),
    /// `secret('NAME')`: filled in by the host when it is used.
    Secret(String),
    /// `(name = value, ...)`: headers, in order.
    Headers(Vec<Header>),
}

impl OptionValue {
    /// The names of the secrets in it.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Secret(name) => vec![name],
            Self::Headers(headers) => {
                let parts = headers.iter().flat_map(|header| &header.value);
                let names = parts.filter_map(|part| match part {
                    HeaderPart::Secret(name) => Some(name.as_str()),
                    HeaderPart::Text(_) => None,
                });
                names.collect()
            }
        }
    }
}

/// A sink as declared by CREATE SINK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// Its name as declared.
    pub name: String,
    /// `console`, `file`, ..., or the name in CREATE CONNECTOR: lower case, checked.
    pub connector: String,
    /// The component, where the connector is one of the user's own; none = it is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// The connector's own options: keys in lower case.
    pub options: BTreeMap<String, OptionValue>,
}
