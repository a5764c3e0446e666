//! Rows of a window that was closed before and that late events have changed: ALLOW LATENESS.
//!
//! Each statement on the way gets the rows as they were and as they are, and selects from both. What its sink gets is the difference: a
//! row that was not there is inserted, one that differs is updated, and one that is not there any more is deleted. Windows over the rows,
//! OVER and statements that order rows keep to what was decided when the window closed, so they get nothing.

use streamgauge_common::{
    column::{Column, DataType, Value, Values},
    row::{Identity, Rows},
};
use streamgauge_engine::{Closed, Fault, GroupRows, Pass, Revised};
use streamgauge_sql::manifest;
use streamgauge_state::decision::SinkBatch;

use super::{
    InputBatch, QueryContext, RunningQuery, TaskFailure,
    columns::{Picked, expression, pick, plain, words},
    groups::Groups,
};
use crate::decode::{RejectScope, RowIndex};

/// What a row of a window that closes is.
const INSERT: &str = "insert";
const UPDATE: &str = "update";
const DELETE: &str = "delete";

/// Rows of some groups of a revised window.
struct RevisedRows {
    before: Part,
    now: Part,
    /// For each group how many times late rows have come to it.
    numbers: Vec<u64>,
}

/// Rows that a statement selects, of some of the groups.
struct Part {
    /// Without the columns that are appended.
    rows: Rows,
    /// Which group each row is of, ascending.
    places: Vec<u32>,
}

/// The appended columns of rows that come when their window closes.
pub(super) fn closed(len: usize) -> [Column; 2] {
    appended(std::iter::repeat_n((0, INSERT), len))
}

/// Appends to rows that come when their window closes what says so, where rows are revised.
pub(super) fn append_closed(manifest: &manifest::Manifest, columns: &mut Vec<Column>, len: usize) {
    if manifest.is_revised() {
        columns.extend(closed(len));
    }
}

fn appended(rows: impl Iterator<Item = (u64, &'static str)>) -> [Column; 2] {
    let (mut revisions, mut ops) = (Column::empty(DataType::Int64), Column::empty(DataType::Text));
    for (revision, op) in rows {
        revisions.push(&Value::Int64(i64::try_from(revision).unwrap_or(i64::MAX)));
        ops.push(&Value::Text(op.to_owned()));
    }
    [revisions, ops]
}

impl RunningQuery {
    /// HAVING and the SELECT list over groups of a revised window, as they were and as they are.
    pub(super) fn emit_revised(
        &mut self,
        closed: &Closed,
        revised: &Revised,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        if scope.pass == Pass::Replay {
            // What was decided before is not sent again, and no reader follows revisions.
            return Ok(Vec::new());
        }
        let all: Vec<u32> = (0..closed.rows.len() as u32).collect();
        let now = self.select_groups(closed, &closed.rows, &all, Some(closed), scope)?;
        let before = self.select_groups(closed, &revised.before, &revised.places, None, scope)?;
        self.deliver_revised(&RevisedRows { before, now, numbers: revised.numbers.clone() }, scope)
    }

    /// The rows of groups; `letters` is the window for whose groups without values dead letters are written.
    fn select_groups(
        &mut self,
        closed: &Closed,
        rows: &GroupRows,
        places: &[u32],
        letters: Option<&Closed>,
        scope: &mut QueryContext<'_>,
    ) -> Result<Part, TaskFailure> {
        let groups = Groups::of(closed, rows);
        let (selected, kept) = self.evaluate(&groups, letters, scope)?;
        let picked = pick(plain(&self.manifest), kept.as_ref(), |place| groups.column(&selected, place))?;
        let identity = Identity::Window {
            start_us: closed.window_start,
            end_us: closed.window_end,
            forced: closed.forced,
            keys: rows.keys.clone(),
            revisions: None,
        };
        Ok(Part::of(picked, &identity, places))
    }

    /// What of revised rows is for the sink and for the readers.
    fn deliver_revised(
        &mut self,
        revised: &RevisedRows,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let mut sent = Vec::new();
        if self.failed.is_none() {
            let rows = revised.changes();
            if rows.len > 0 {
                sent = self.send(&rows, scope)?;
            }
        }
        if self.failed.is_some() {
            return Ok(sent);
        }
        let outputs = plain(&self.manifest);
        let follows = |reader: &&mut RunningQuery| reader.failed.is_none() && reader.manifest.is_revised();
        for reader in self.downstream.iter_mut().filter(follows) {
            match reader.take_revised(revised, outputs, scope) {
                Ok(more) => sent.extend(more),
                Err(task_failure) => {
                    scope.context.count_fault(reader.index);
                    reader.failed = Some(task_failure.fault.to_string());
                }
            }
        }
        Ok(sent)
    }

    /// Selects from revised rows of a view.
    fn take_revised(
        &mut self,
        revised: &RevisedRows,
        outputs: &[manifest::Output],
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let now = self.select_rows(&revised.now, outputs, Letters::Write, scope)?;
        let before = self.select_rows(&revised.before, outputs, Letters::Leave, scope)?;
        self.deliver_revised(&RevisedRows { before, now, numbers: revised.numbers.clone() }, scope)
    }

    fn select_rows(
        &mut self,
        part: &Part,
        outputs: &[manifest::Output],
        letters: Letters,
        scope: &mut QueryContext<'_>,
    ) -> Result<Part, Fault> {
        let input = InputBatch::of_rows(&part.rows, outputs, false);
        let columns = input.columns_at(&self.columns)?;
        let (selected, kept) = self.ingest(part.rows.len, &columns, scope.context)?;
        for failure in selected.failed.iter().filter(|_| letters == Letters::Write) {
            let text = expression(self.manifest.ingest.as_ref(), failure.expression);
            let message = format!("{} in {text}", words(failure.reason));
            let row = Some(RejectScope::Row(RowIndex(failure.row)));
            input.dead_letter(row, &self.manifest.name, failure.reason, &message, scope);
        }
        let picked = pick(plain(&self.manifest), kept.as_ref(), |place| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            manifest::Column::Computed(index) => selected.columns.get(index),
            _ => None,
        })?;
        Ok(Part::of(picked, &part.rows.identity, &part.places))
    }
}

/// Whether rows without values become dead letters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Write,
    /// They were written when the rows were decided.
    Leave,
}

impl Part {
    /// Of rows that have these places.
    fn of(picked: Picked, identity: &Identity, places: &[u32]) -> Self {
        let Picked { columns, rows } = picked;
        let (identity, places) = match &rows {
            None => (identity.clone(), places.to_vec()),
            Some(rows) => {
                let place = |&row: &u32| places.get(row as usize).copied();
                (identity.take(rows), rows.iter().filter_map(place).collect())
            }
        };
        Self { rows: Rows { columns, len: places.len(), identity }, places }
    }
}

impl RevisedRows {
    /// What has changed, by group, with the appended columns.
    fn changes(&self) -> Rows {
        let Self { before, now, numbers } = self;
        let (mut picked, mut appendix) = (Vec::new(), Vec::new());
        for (place, &number) in (0..).zip(numbers) {
            let (old, new) = (before.places.binary_search(&place), now.places.binary_search(&place));
            let (row, op) = match (old, new) {
                (Ok(old), Ok(new)) if is_same(&before.rows.columns, old, &now.rows.columns, new) => continue,
                (Ok(_), Ok(new)) => (new, UPDATE),
                (Err(_), Ok(new)) => (new, INSERT),
                // It carries what it was.
                (Ok(old), Err(_)) => (now.rows.len + old, DELETE),
                (Err(_), Err(_)) => continue,
            };
            picked.push(row as u32);
            appendix.push((number, op));
        }
        let mut all = now.rows.clone();
        all.append(&before.rows);
        let mut rows = all.take(&picked);
        rows.columns.extend(appended(appendix.iter().copied()));
        if let Identity::Window { revisions, .. } = &mut rows.identity {
            *revisions = Some(appendix.iter().map(|&(number, _)| number).collect());
        }
        rows
    }
}

/// Whether rows are equal, to the bits of doubles.
fn is_same(left: &[Column], left_row: usize, right: &[Column], right_row: usize) -> bool {
    let is_equal = |left: &Column, right: &Column| match (&left.values, &right.values) {
        (Values::Float64(_), Values::Float64(_)) => {
            let bits = |value| match value {
                Value::Float64(value) => Some(value.to_bits()),
                _ => None,
            };
            bits(left.value(left_row)) == bits(right.value(right_row))
        }
        _ => left.value(left_row) == right.value(right_row),
    };
    left.iter().zip(right).all(|(left, right)| is_equal(left, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(values: &[(u32, f64)]) -> Part {
        let mut column = Column::empty(DataType::Float64);
        values.iter().for_each(|(_, value)| column.push(&Value::Float64(*value)));
        let identity = Identity::Window {
            start_us: 0,
            end_us: 60,
            forced: false,
            keys: vec![column.clone()],
            revisions: None,
        };
        let rows = Rows { columns: vec![column], len: values.len(), identity };
        Part { rows, places: values.iter().map(|(place, _)| *place).collect() }
    }

    #[test]
    fn only_what_differs_is_given_out_and_what_is_gone_carries_what_it_was() {
        let before = part(&[(0, 1.0), (1, f64::NAN), (3, 4.0), (4, 0.0)]);
        let now = part(&[(0, 2.0), (1, f64::NAN), (2, 3.0), (4, -0.0)]);
        let rows = RevisedRows { before, now, numbers: vec![7, 8, 9, 1, 2, 3] }.changes();
        let told: Vec<(Value, Value, Value)> = (0..rows.len)
            .map(|row| (rows.columns[0].value(row), rows.columns[1].value(row), rows.columns[2].value(row)))
            .collect();
        let row = |value, revision, op: &str| {
            (Value::Float64(value), Value::Int64(revision), Value::Text(op.to_owned()))
        };
        let expected =
            [row(2.0, 7, "update"), row(3.0, 9, "insert"), row(4.0, 1, "delete"), row(-0.0, 2, "update")];
        assert_eq!(format!("{told:?}"), format!("{expected:?}"));
        let Identity::Window { revisions, keys, .. } = rows.identity else { panic!("of a window") };
        assert_eq!(revisions, Some(vec![7, 9, 1, 2]));
        assert_eq!(keys[0].value(2), Value::Float64(4.0));
    }
}
