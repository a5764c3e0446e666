//! The stateful operators of a statement, over the rows of closed windows that its WHERE keeps.

use std::collections::BTreeSet;

use streamgauge_common::column::{Bitmap, Column};
use streamgauge_engine::{
    Fault, Operator, OperatorRows, OperatorSegment, RestoreError, SegmentId, StateSegment, operator,
};
use streamgauge_sql::manifest;

use super::{InputBatch, QueryContext, columns::lost};

/// An operator, and what names it in checkpoints.
struct NamedOperator {
    id: u64,
    /// What it keeps, for people; see `deploy/operators.rs`.
    meaning: String,
    plan: manifest::Operator,
    at_work: Box<dyn Operator>,
}

/// The operators of a statement; most have none.
#[derive(Default)]
pub struct Operators {
    operators: Vec<NamedOperator>,
    groups_max: usize,
}

/// What operators give for the rows of a batch.
#[derive(Default)]
pub(super) struct Given {
    /// For each operator one value a row; rows that are not kept have any value.
    columns: Vec<Column>,
    /// Rows that have no value because of too many groups.
    pub(super) rejected: Vec<u32>,
}

impl Given {
    /// The column of an operator's values.
    pub(super) fn column(&self, place: manifest::Column) -> Option<&Column> {
        match place {
            manifest::Column::Operator(index) => self.columns.get(index),
            _ => None,
        }
    }
}

impl Operators {
    /// Those of a plan, without state. `names` are the ids and meanings, one an operator.
    pub fn new(plans: &[manifest::Operator], names: Vec<(u64, String)>, groups_max: usize) -> Self {
        assert_eq!(plans.len(), names.len(), "each operator has a name");
        let named = |(plan, (id, meaning)): (&manifest::Operator, (u64, String))| NamedOperator {
            id,
            meaning,
            plan: plan.clone(),
            at_work: operator(plan, id, groups_max),
        };
        Self { operators: plans.iter().zip(names).map(named).collect(), groups_max }
    }

    /// How many groups each of them may know.
    pub(super) fn groups_max(&self) -> usize {
        self.groups_max
    }

    pub(super) fn is_empty(&self) -> bool {
        self.operators.is_empty()
    }

    /// What each of them keeps.
    pub(super) fn names(&self) -> impl Iterator<Item = (u64, &str)> {
        self.operators.iter().map(|operator| (operator.id, operator.meaning.as_str()))
    }

    /// Takes the rows of a batch that are kept.
    pub(super) fn apply<'a>(
        &mut self,
        input: &InputBatch<'_>,
        len: usize,
        kept: Option<&Bitmap>,
        column: impl Fn(manifest::Column) -> Option<&'a Column>,
        scope: &QueryContext<'_>,
    ) -> Result<Given, Fault> {
        let mut given = Given::default();
        if self.operators.is_empty() {
            return Ok(given);
        }
        let Some(window_end) = input.window_end() else {
            return Err(Fault::deterministic("the plan", "has an operator over rows that are of no window"));
        };
        let mut rows: Vec<u32> =
            (0..len as u32).filter(|&row| kept.is_none_or(|kept| kept.get(row as usize))).collect();
        let keys_of = |plan: &manifest::Operator, rows: &[u32]| -> Result<Vec<Column>, Fault> {
            let key = |key: &manifest::Key| {
                let column = column(key.column).ok_or_else(|| lost(key.column))?;
                Ok(column.take(rows))
            };
            plan.keys.iter().map(key).collect()
        };
        for NamedOperator { plan, at_work, .. } in &mut self.operators {
            let keys = keys_of(plan, &rows)?;
            let keys: Vec<&Column> = keys.iter().collect();
            let refused = at_work.admit(&OperatorRows { window_end, keys: &keys, len: rows.len() });
            let mut index = 0..;
            rows.retain(|&row| {
                let is_refused = index.next().is_some_and(|index| refused.binary_search(&index).is_ok());
                given.rejected.extend(is_refused.then_some(row));
                !is_refused
            });
        }
        for NamedOperator { plan, at_work, .. } in &mut self.operators {
            let keys = keys_of(plan, &rows)?;
            let keys: Vec<&Column> = keys.iter().collect();
            let values =
                at_work.apply(&OperatorRows { window_end, keys: &keys, len: rows.len() }, scope.pass);
            given.columns.push(spread(&values, &rows, len));
        }
        given.rejected.sort_unstable();
        Ok(given)
    }

    /// Adds what has changed in them, and all of the segments that `whole` names.
    pub(super) fn snapshot(
        &mut self,
        whole: &BTreeSet<SegmentId>,
        parts: &mut Vec<StateSegment>,
        kept: &mut BTreeSet<SegmentId>,
    ) {
        for operator in &mut self.operators {
            let (segments, names) = operator.at_work.snapshot(whole);
            parts.extend(segments);
            kept.extend(names);
        }
    }

    /// Forgets what they know.
    pub(super) fn reset(&mut self) {
        for NamedOperator { id, plan, at_work, .. } in &mut self.operators {
            *at_work = operator(plan, *id, self.groups_max);
        }
    }

    /// Puts a segment back where it is of one of them; false where it is of none.
    pub(super) fn put_back(&mut self, segment: &StateSegment) -> Result<bool, RestoreError> {
        let SegmentId::Operator(OperatorSegment { operator: id, .. }) = segment.id else { return Ok(false) };
        match self.operators.iter_mut().find(|operator| operator.id == id) {
            Some(operator) => operator.at_work.put_back(segment).map(|()| true),
            None => Ok(false),
        }
    }
}

/// Values of some rows as a column of all rows.
fn spread(values: &Column, rows: &[u32], len: usize) -> Column {
    if rows.len() == len || rows.is_empty() {
        return values.clone();
    }
    let mut places = vec![0; len];
    for (place, &row) in (0..).zip(rows) {
        if let Some(at) = places.get_mut(row as usize) {
            *at = place;
        }
    }
    values.take(&places)
}
