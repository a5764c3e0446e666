//! Stateful operators over rows of closed windows: behind CLOSE and `emit`, before anything leaves.
//!
//! An operator gets the rows of its input in the order in which windows close, and gives a value for each of them. What it knows of
//! earlier rows is by group, and groups are by shard ([`shard_of`]), never by partition: it is part of each checkpoint, so an operator
//! has seen exactly the windows that the checkpoint says are closed. A replay gives it the rows of the windows behind the checkpoint
//! once more, so that its state is what it was; that these rows were sent before is known where they leave, not here.

mod keyed;
mod row_number;

use std::collections::BTreeSet;

use streamgauge_common::column::Column;
use streamgauge_sql::manifest::{self, OperatorFunction};
use xxhash_rust::xxh3::xxh3_64;

use self::row_number::RowNumber;
use super::segment::{RestoreError, SegmentId, StateSegment};

/// How many shards there are. It is part of every state that is kept, so it never changes.
pub const SHARDS: u32 = 64;

/// The shard of a group, by its encoded key.
pub fn shard_of(key: &[u8]) -> u32 {
    (xxh3_64(key) % u64::from(SHARDS)) as u32
}

/// Rows of one closed window, or of a run of its groups.
#[derive(Clone, Copy, Debug)]
pub struct OperatorRows<'a> {
    /// The window's end, in microseconds since the epoch.
    pub window_end: i64,
    /// The parts of the rows' group keys: PARTITION BY.
    pub keys: &'a [&'a Column],
    /// How many rows.
    pub len: usize,
}

/// Whether rows come for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// They do: what the operator decides of them is sent.
    Live,
    /// They were decided before a crash or a fault: the operator follows them, and nothing is sent again.
    Replay,
}

/// A stateful operator.
pub trait Operator: Send {
    /// Which of these rows it cannot take, ascending: those of new groups beyond `max_groups`. The groups of the others are known from
    /// now on. A row that any operator of a statement refuses is given to none.
    fn admit(&mut self, rows: &OperatorRows<'_>) -> Vec<u32>;

    /// Takes rows that were admitted, and gives one value a row; windows come by their ends, the groups of a window by their keys.
    fn apply(&mut self, rows: &OperatorRows<'_>, pass: Pass) -> Column;

    /// What has changed since the last capture, and all of the segments that `whole` names; and the names of all segments that it
    /// has.
    fn snapshot(&mut self, whole: &BTreeSet<SegmentId>) -> (Vec<StateSegment>, BTreeSet<SegmentId>);

    /// Puts a segment back, in the order in which they were captured; of a group that is there already the later state counts.
    ///
    /// # Errors
    /// A segment that is none of its own.
    fn put_back(&mut self, segment: &StateSegment) -> Result<(), RestoreError>;
}

/// The operator of a plan, without state. `id` names it in checkpoints.
pub fn operator(plan: &manifest::Operator, id: u64, groups_max: usize) -> Box<dyn Operator> {
    let key_types = plan.keys.iter().map(|key| key.data_type).collect();
    match plan.function {
        OperatorFunction::RowNumber => Box::new(RowNumber::new(id, key_types, groups_max)),
    }
}
