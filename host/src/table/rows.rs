//! From the content of a file to rows: all of them, or why none.

use std::fmt;

use streamgauge_sql::manifest::Table;

use super::{TableRows, csv, json};

/// Why the content of a file cannot be used as a version of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTable {
    /// The row, from 1; none = it is about the whole.
    row: Option<u64>,
    what: String,
}

impl WrongTable {
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { row: None, what: what.into() }
    }

    /// `row` counts from 0.
    pub(super) fn row(row: u32, what: impl Into<String>) -> Self {
        Self { row: Some(u64::from(row) + 1), what: what.into() }
    }
}

impl fmt::Display for WrongTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}: {}", self.what),
            None => write!(f, "{}", self.what),
        }
    }
}

/// The rows of a content that is written in `format`.
///
/// # Errors
/// A part that cannot be read, a value that is not of its column's type, a key that is NULL or there twice.
pub(super) fn parse(table: &Table, format: &str, bytes: &[u8]) -> Result<TableRows, WrongTable> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| WrongTable::whole(format!("it is no UTF-8 from byte {} on", error.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        "csv" => csv::parse(table, text),
        "json" => json::parse(table, text),
        other => Err(WrongTable::whole(format!("the format '{other}' is not known"))),
    }
}
