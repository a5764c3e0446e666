//! The fewest and simplest rows that still break a law.

use crate::{Cell, Row};

/// How often a law is tried while its rows are made fewer.
const TRIALS_MAX: usize = 600;

/// Makes rows fewer and simpler while `fails` finds something in them; gives the last rows with what it found.
pub fn shrink<T>(rows: Vec<Row>, found: T, fails: impl Fn(&[Row]) -> Option<T>) -> (Vec<Row>, T) {
    shrink_within(TRIALS_MAX, rows, found, fails)
}

/// The same with so many trials at most: where each takes its time.
pub(crate) fn shrink_within<T>(
    trials_max: usize,
    rows: Vec<Row>,
    found: T,
    fails: impl Fn(&[Row]) -> Option<T>,
) -> (Vec<Row>, T) {
    let mut shrinking = Shrinking { rows, found, fails, left: trials_max };
    shrinking.fewer();
    shrinking.simpler();
    shrinking.fewer();
    (shrinking.rows, shrinking.found)
}

struct Shrinking<T, F> {
    rows: Vec<Row>,
    found: T,
    fails: F,
    left: usize,
}

impl<T, F: Fn(&[Row]) -> Option<T>> Shrinking<T, F> {
    /// Takes these rows instead, if they fail as well.
    fn take(&mut self, rows: Vec<Row>) -> bool {
        if self.left == 0 || rows == self.rows {
            return false;
        }
        self.left -= 1;
        let Some(found) = (self.fails)(&rows) else { return false };
        (self.rows, self.found) = (rows, found);
        true
    }

    /// Leaves out pieces, large ones first.
    fn fewer(&mut self) {
        let mut length = self.rows.len();
        while length > 0 {
            let mut from = 0;
            while from < self.rows.len() {
                let rest = self.rows.iter().enumerate();
                let rest = rest.filter(|(index, _)| !(from..from + length).contains(index));
                if !self.take(rest.map(|(_, row)| row.clone()).collect()) {
                    from += length;
                }
            }
            length /= 2;
        }
    }

    /// Replaces values and numbers of slots and parts by simpler ones, a row at a time.
    fn simpler(&mut self) {
        for index in 0..self.rows.len() {
            self.change(index, |row| row.slot = 0);
            self.change(index, |row| row.part = 0);
            let arguments = self.rows.get(index).map_or(0, |row| row.arguments.len());
            for argument in 0..arguments {
                // Whether it is NULL that breaks the law.
                self.change(index, |row| {
                    row.arguments.iter_mut().skip(argument).take(1).for_each(|place| place.valid = true);
                });
                while let Some(cell) = self.value(index, argument) {
                    let set = |simpler: &Cell| {
                        let simpler = simpler.clone();
                        move |row: &mut Row| {
                            let place = row.arguments.iter_mut().skip(argument).take(1);
                            place.for_each(|place| place.cell = simpler.clone());
                        }
                    };
                    if !simpler(&cell).iter().any(|simpler| self.change(index, set(simpler))) {
                        break;
                    }
                }
            }
        }
    }

    fn value(&self, row: usize, argument: usize) -> Option<Cell> {
        let row = self.rows.get(row)?;
        row.arguments.get(argument).filter(|argument| argument.valid).map(|argument| argument.cell.clone())
    }

    fn change(&mut self, index: usize, change: impl FnOnce(&mut Row)) -> bool {
        let mut rows = self.rows.clone();
        if let Some(row) = rows.get_mut(index) {
            change(row);
        }
        self.take(rows)
    }
}

/// Values that are simpler than this one, the simplest first.
fn simpler(cell: &Cell) -> Vec<Cell> {
    fn number(value: i64) -> Vec<i64> {
        let simple = [0, 1, 2, 3, value / 1_000_000, value / 2];
        simple.into_iter().filter(|simple| simple.unsigned_abs() < value.unsigned_abs()).collect()
    }
    match cell {
        Cell::Null | Cell::Boolean(false) => Vec::new(),
        Cell::Boolean(true) => vec![Cell::Boolean(false)],
        Cell::Int64(value) => number(*value).into_iter().map(Cell::Int64).collect(),
        Cell::Timestamp(value) => number(*value).into_iter().map(Cell::Timestamp).collect(),
        Cell::Float64(value) => {
            let simple = [0.0, 1.0, 2.0, 3.0, value.trunc(), (value * 8.0).trunc() / 8.0];
            let size = |value: f64| (format!("{value:?}").len(), value.abs());
            let is_simpler =
                |simple: &f64| simple.is_finite() && (!value.is_finite() || size(*simple) < size(*value));
            simple.into_iter().filter(is_simpler).map(Cell::Float64).collect()
        }
        Cell::Text(text) => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            let simple = [String::new(), "a".to_owned(), half];
            simple.into_iter().filter(|simple| simple.len() < text.len()).map(Cell::Text).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Argument;

    fn row(value: f64) -> Row {
        Row { slot: 2, part: 1, arguments: vec![Argument { cell: Cell::Float64(value), valid: true }] }
    }

    #[test]
    fn two_rows_of_many_are_left_with_small_values() {
        let rows: Vec<Row> = (0..1000).map(|number| row(f64::from(number) + 0.123_456)).collect();
        let large = |row: &Row| matches!(row.arguments[0].cell, Cell::Float64(value) if value >= 700.0);
        let fails = |rows: &[Row]| {
            let large = rows.iter().filter(|row| large(row)).count();
            (large >= 2).then_some(large)
        };
        let (rows, found) = shrink(rows, 300, fails);
        assert_eq!((rows.len(), found), (2, 2));
        assert!(rows.iter().all(|row| (row.slot, row.part) == (0, 0)), "{rows:?}");
        assert!(rows.iter().all(|row| row.arguments[0].to_string().ends_with(".0")), "{rows:?}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = |text: String| Row {
            slot: 0,
            part: 0,
            arguments: vec![Argument { cell: Cell::Text(text), valid: true }],
        };
        let fails =
            |rows: &[Row]| rows.iter().any(|row| row.arguments[0].to_string().len() > 12).then_some(());
        let (rows, ()) = shrink(vec![text("é".repeat(50_000))], (), fails);
        assert!(
            matches!(&rows[0].arguments[0].cell, Cell::Text(text) if text.chars().count() < 13),
            "{rows:?}"
        );
    }
}
