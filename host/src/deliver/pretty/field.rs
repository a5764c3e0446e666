//! Columns as people read them: `p95_ms` is "p95" in milliseconds.

use streamgauge_common::column::{Column, DataType, Value};
use streamgauge_sql::manifest;

use super::number;

/// What a column counts in, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// `_ms`.
    Milliseconds,
    /// `_pct`.
    Percent,
    /// `_usd`.
    Dollars,
    /// Anything else.
    None,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `window_start`.
    WindowStart,
    /// `window_end`.
    WindowEnd,
    /// Other text: what the row is about.
    Subject,
    /// Anything else: what is said about it.
    Figure,
}

/// A column of the rows at hand.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) role: Role,
    pub(super) unit: Unit,
    words: String,
    column: &'a Column,
}

/// The columns in order.
pub(super) fn fields<'a>(outputs: &[manifest::Output], columns: &'a [Column]) -> Vec<Field<'a>> {
    outputs.iter().zip(columns).map(|(output, column)| Field::new(&output.name, column)).collect()
}

impl<'a> Field<'a> {
    fn new(name: &str, column: &'a Column) -> Self {
        let role = match (name, column.data_type()) {
            ("window_start", DataType::Timestamp) => Role::WindowStart,
            ("window_end", DataType::Timestamp) => Role::WindowEnd,
            (_, DataType::Text) => Role::Subject,
            _ => Role::Figure,
        };
        let endings = [("_ms", Unit::Milliseconds), ("_pct", Unit::Percent), ("_usd", Unit::Dollars)];
        let ending = endings.iter().find_map(|&(ending, unit)| Some((name.strip_suffix(ending)?, unit)));
        let (words, unit) = match ending {
            Some(found) if role == Role::Figure => found,
            _ => (name, Unit::None),
        };
        Self { role, unit, words: calm(&words.replace('_', " ")), column }
    }

    /// The words over the column.
    pub(super) fn heading(&self) -> String {
        let sign = match self.unit {
            Unit::Milliseconds => " ms",
            Unit::Percent => " %",
            Unit::Dollars => " $",
            Unit::None => "",
        };
        format!("{}{sign}", self.words)
    }

    /// A value under such words.
    pub(super) fn cell(&self, row: usize) -> String {
        match self.column.value(row) {
            Value::Null => "–".to_owned(),
            Value::Boolean(value) => if value { "yes" } else { "no" }.to_owned(),
            Value::Int64(value) => number::integer(value),
            Value::Float64(value) => number::real(value, self.unit),
            Value::Timestamp(value) => number::time_of_day(value),
            Value::Text(value) => calm(&value),
        }
    }

    /// A value in a sentence: `431 requests`, `avg 2,310 ms`.
    pub(super) fn phrase(&self, row: usize) -> String {
        let (words, cell) = (&self.words, self.cell(row));
        let is_missing = !self.column.is_valid(row);
        match (self.unit, self.column.data_type()) {
            _ if self.role == Role::Subject => cell,
            _ if is_missing => format!("{words} {cell}"),
            (Unit::Milliseconds, _) => format!("{words} {cell} ms"),
            (Unit::Percent, _) => format!("{words} {cell} %"),
            (Unit::Dollars, _) => format!("{words} ${cell}"),
            (Unit::None, DataType::Int64) => format!("{cell} {words}"),
            (Unit::None, _) => format!("{words} {cell}"),
        }
    }

    /// A value as a number.
    pub(super) fn number(&self, row: usize) -> Option<f64> {
        match self.column.value(row) {
            Value::Int64(value) => Some(value as f64),
            Value::Float64(value) if value.is_finite() => Some(value),
            _ => None,
        }
    }

    /// A value as a time, in microseconds since the epoch.
    pub(super) fn time(&self, row: usize) -> Option<i64> {
        match self.column.value(row) {
            Value::Timestamp(value) => Some(value),
            _ => None,
        }
    }
}

/// Text that cannot steer a terminal.
fn calm(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}
