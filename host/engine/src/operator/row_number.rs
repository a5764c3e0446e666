//! `row_number() OVER (PARTITION BY ... ORDER BY window_end)`: a row's number among the rows of its group, from 1.

use std::collections::BTreeSet;

use streamgauge_common::column::{Column, DataType, Values};

use super::{
    Operator, OperatorRows, Pass,
    keyed::{GroupState, KeyedStates},
};
use crate::segment::{RestoreError, SegmentId, StateSegment};

/// Numbers the rows of each group.
#[derive(Debug)]
pub(super) struct RowNumber {
    counts: KeyedStates<Count>,
}

/// How many rows of a group there were.
#[derive(Debug, Default)]
struct Count(i64);

impl RowNumber {
    pub(super) fn new(id: u64, key_types: Vec<DataType>, groups_max: usize) -> Self {
        Self { counts: KeyedStates::new(id, key_types, groups_max) }
    }
}

impl Operator for RowNumber {
    fn admit(&mut self, rows: &OperatorRows<'_>) -> Vec<u32> {
        self.counts.admit(rows)
    }

    fn apply(&mut self, rows: &OperatorRows<'_>, _: Pass) -> Column {
        let mut numbers = Vec::with_capacity(rows.len);
        self.counts.visit(rows, |Count(count)| {
            *count += 1;
            numbers.push(*count);
        });
        Column { values: Values::Int64(numbers), valid: None }
    }

    fn snapshot(&mut self, whole: &BTreeSet<SegmentId>) -> (Vec<StateSegment>, BTreeSet<SegmentId>) {
        self.counts.snapshot(whole)
    }

    fn put_back(&mut self, segment: &StateSegment) -> Result<(), RestoreError> {
        self.counts.put_back(segment)
    }
}

impl GroupState for Count {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(i64::from_le_bytes).filter(|&count| count >= 0).map(Self)
    }
}
