//! Rows as a small table of text.

use std::fmt;

use crate::Row;

/// Lines that are shown.
const LINES_MAX: usize = 12;

/// Rows of a batch: their slots, and their steps where these matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The words of the first line.
    pub head: Vec<String>,
    /// One line a row.
    pub lines: Vec<Vec<String>>,
    /// How many rows there are: more than lines where they are too many.
    pub rows: usize,
}

impl Table {
    /// The first rows, as many as are shown.
    pub fn new(rows: &[Row], needs_time: bool) -> Self {
        let width = rows.first().map_or(0, |row| row.arguments.len());
        let steps = rows.iter().any(|row| row.part != 0);
        let arguments = (1..=width).map(|number| match needs_time && number == width {
            true => "event time".to_owned(),
            false => format!("argument {number}"),
        });
        let step = steps.then(|| "part".to_owned());
        let head = ["slot".to_owned()].into_iter().chain(step).chain(arguments).collect();
        let line = |row: &Row| {
            let step = steps.then(|| row.part.to_string());
            let values = row.arguments.iter().map(ToString::to_string);
            [row.slot.to_string()].into_iter().chain(step).chain(values).collect()
        };
        Self { head, lines: rows.iter().take(LINES_MAX).map(line).collect(), rows: rows.len() }
    }
}

/// Columns that line up, without a line break at the end.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |index: usize| {
            let words = std::iter::once(&self.head).chain(&self.lines).filter_map(|line| line.get(index));
            words.map(|word| word.chars().count()).max().unwrap_or(0)
        };
        let line = |words: &[String]| {
            let cells = words.iter().enumerate().map(|(index, word)| format!("{word:>0$}", width(index)));
            cells.collect::<Vec<_>>().join("  ")
        };
        f.write_str(&line(&self.head))?;
        for words in &self.lines {
            write!(f, "\n{}", line(words))?;
        }
        match self.rows - self.lines.len() {
            0 => Ok(()),
            more => write!(f, "\n... {more} more rows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Argument, Cell};

    #[test]
    fn a_table_lines_up_and_ends() {
        let row = |slot, part, value| Row {
            slot,
            part,
            arguments: vec![Argument { cell: Cell::Float64(value), valid: value != 2.0 }],
        };
        let table = Table::new(&[row(0, 0, 1.5), row(10, 0, 2.0)], false);
        assert_eq!(table.to_string(), "slot  argument 1\n   0         1.5\n  10        NULL");
        let table = Table::new(&vec![row(0, 1, 1e300); 20], true);
        let text = table.to_string();
        assert!(text.starts_with("slot  part  event time\n   0     1       1e300\n"), "{text}");
        assert!(text.ends_with("\n... 8 more rows"), "{text}");
    }
}
