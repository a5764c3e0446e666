//! The rows of a version of a table, found by their key.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use streamgauge_common::column::{Column, DataType, Value, Values};
use streamgauge_sql::manifest::Table;

use super::rows::WrongTable;

/// Stands for no row in what [`TableRows::find`] gives.
const NO_ROW: u32 = u32::MAX;

/// The rows of one version of a table.
pub struct TableRows {
    names: Vec<String>,
    columns: Vec<Column>,
    by_key: ByKey,
}

/// The number of the row of each key.
enum ByKey {
    Text(HashMap<Box<[u8]>, u32, FixedState>),
    Int64(HashMap<i64, u32, FixedState>),
}

impl TableRows {
    /// A table without rows.
    pub(super) fn empty(table: &Table) -> Self {
        let key = table.columns.get(table.key).map(|column| column.data_type);
        Self {
            names: table.columns.iter().map(|column| column.name.clone()).collect(),
            columns: table.columns.iter().map(|column| Column::empty(column.data_type)).collect(),
            by_key: match key {
                Some(DataType::Int64) => ByKey::Int64(HashMap::default()),
                _ => ByKey::Text(HashMap::default()),
            },
        }
    }

    /// Adds a row, which has a value for each column.
    pub(super) fn push(&mut self, table: &Table, values: &[Value]) -> Result<(), WrongTable> {
        let row = u32::try_from(self.len()).unwrap_or(NO_ROW);
        if row == NO_ROW {
            return Err(WrongTable::whole("it has too many rows"));
        }
        let name = || table.columns.get(table.key).map_or("", |column| column.name.as_str());
        let before = match (&mut self.by_key, values.get(table.key)) {
            (ByKey::Text(rows), Some(Value::Text(key))) => rows.insert(key.as_bytes().into(), row),
            (ByKey::Int64(rows), Some(Value::Int64(key))) => rows.insert(*key, row),
            _ => return Err(WrongTable::row(row, format!("the key `{}` is NULL", name()))),
        };
        if let Some(before) = before {
            let key = match values.get(table.key) {
                Some(Value::Int64(key)) => key.to_string(),
                Some(Value::Text(key)) => format!("'{key}'"),
                _ => String::new(),
            };
            return Err(WrongTable::row(
                row,
                format!("the key {key} of `{}` is already that of row {}", name(), u64::from(before) + 1),
            ));
        }
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        Ok(())
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows with these keys; [`TableRows::column`] takes them.
    pub fn find(&self, keys: &Column) -> Vec<u32> {
        match (&self.by_key, &keys.values) {
            (ByKey::Text(rows), Values::Text(texts)) => {
                // Often many events in a row have one key.
                let mut last: Option<(&[u8], u32)> = None;
                let find = |row| {
                    let key = texts.get(row);
                    match last {
                        _ if !keys.is_valid(row) => NO_ROW,
                        Some((text, found)) if text == key => found,
                        _ => {
                            let found = rows.get(key).copied().unwrap_or(NO_ROW);
                            last = Some((key, found));
                            found
                        }
                    }
                };
                (0..texts.len()).map(find).collect()
            }
            (ByKey::Int64(rows), Values::Int64(numbers)) => {
                let find = |(row, key): (usize, &i64)| match keys.is_valid(row) {
                    true => rows.get(key).copied().unwrap_or(NO_ROW),
                    false => NO_ROW,
                };
                numbers.iter().enumerate().map(find).collect()
            }
            _ => unreachable!("SQL compares a key with columns of its type"),
        }
    }

    /// A column of the rows that were found, NULL where none was; none if the table has no such column.
    pub fn column(&self, name: &str, found: &[u32]) -> Option<Column> {
        let at = self.names.iter().position(|known| known == name)?;
        self.columns.get(at).map(|column| column.take_or_null(found))
    }
}
