//! The pure engine: FOLD, CLOSE and operators. Columns and watermarks in, rows out: no clock, I/O, threads or randomness.
//!
//! The way of a row, one module a step:
//!
//! 1. `group`: its key becomes a small number (`key` says how keys become bytes);
//! 2. `slice`: its time names a slice, the piece between two window edges that overlapping windows share;
//! 3. `partition`: group and slice name a `slot`, or the row is `late`; `limiter` bounds the groups; the row moves its
//!    partition's watermark. `fold` is FOLD: all partitions;
//! 4. `states`: the calls into the reducers;
//! 5. `sealed`: what FOLD gives to CLOSE, beside watermarks;
//! 6. `close` is CLOSE: when the source's `watermark` reaches a window's end, the slices of all partitions come together,
//!    `stack` keeps them merged so that overlapping windows share the work, and `answer` makes the rows.
//!
//! Where windows follow their events, `session` is CLOSE.
//!
//! Behind it, over the rows that a query makes of closed windows, stand the stateful operators of `operator`.
//!
//! `query` holds it together: one windowed query on one host, one [`WindowQuery`]; `apart` is the same in different processes. What of it survives a crash is in `segment`;
//! `versions` says which states a reducer can restore.

mod dense;
mod key;
mod group;
mod slice;
mod slot;
mod limiter;
mod watermark;
mod lateness;
mod late;
mod partition;
mod fold;
mod states;
mod sealed;
mod close;
mod stack;
mod answer;
mod revision;
mod revisions;
mod session;
mod halves;
mod query;
mod remote_halves;
mod operator;
mod segment;
mod versions;

pub use answer::{Closed, GroupRows, Revised};
pub use fold::{FoldBatch, Folded};
pub use key::encode as encode_key;
pub use late::LateRow;
pub use operator::{Operator, OperatorRows, Pass, SHARDS, operator, shard_of};
pub use query::{Settings, Usage, WindowQuery};
pub use remote_halves::{PartitionFold, WindowClose};
pub use sealed::{SealedSlice, SealedStates};
pub use segment::{
    FoldSegment, OperatorSegment, RestoreError, SegmentId, SegmentKind, Snapshot, StateSegment, ViewSegment,
    WindowProgress,
};
pub use slice::{BadWindow, SliceNumber, TIME_MAX_US, TIME_MIN_US, WindowNumber};
pub use versions::StateVersions;

use streamgauge_common::column::{Column, Texts};

/// The states of one aggregate call: step 4, `wit/reducer.wit`. A component behind it, or native code in tests.
///
/// A *slot* is the number of one accumulator. Slots come into being empty when they are first named; a slot that was
/// never given a value evaluates to NULL (COUNT: 0).
pub trait Accumulators: Send {
    /// Folds rows into slots: row `i` of every argument goes to `slots[i]`.
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault>;
    /// Merges pair by pair in list order: `source[i]` into `into[i]`. The source is unchanged; no slot is on both sides.
    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault>;
    /// One value a slot, and the slots that have none, with why. Changes nothing.
    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault>;
    /// Empties slots, for use by others.
    fn release(&mut self, slots: &[u32]) -> Result<(), Fault>;
    /// One state a slot, as bytes. Changes nothing.
    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault>;
    /// Puts states of this version into slots, whatever was in them.
    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault>;
    /// The version of the bytes that `snapshot` gives.
    fn state_version(&self) -> u32;
    /// Other versions that `restore` takes.
    fn restores(&self) -> &[u32];
}

/// The values of some slots.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// One row a slot.
    pub column: Column,
    /// Rows of `column` for which there is no value, and why.
    pub failed: Vec<(u32, String)>,
}

/// A guest that failed: its state is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} {what}")]
pub struct Fault {
    /// Which plugin or query component.
    pub who: String,
    /// What happened: trapped, ran longer than ..., wanted more memory than ..., or its own words.
    pub what: String,
    /// Whether the same input does it again.
    pub kind: FaultKind,
}

/// Whether the same input does the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It does: a trap, a broken contract, a refusal in its own words.
    Deterministic,
    /// It may not: out of time or memory, which depend on the machine.
    Transient,
}

impl Fault {
    /// One that the same input brings about again.
    pub fn deterministic(who: impl Into<String>, what: impl Into<String>) -> Self {
        Self { who: who.into(), what: what.into(), kind: FaultKind::Deterministic }
    }
}
