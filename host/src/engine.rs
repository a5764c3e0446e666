//! Steps 3 to 5: the pure engine. Columns and watermarks in, rows out: no clock, I/O, threads or randomness.
//!
//! The way of a row, one module a step:
//!
//! 1. `group`: its key becomes a small number (`key` says how keys become bytes);
//! 2. `slice`: its time names a slice, the piece between two window edges that overlapping windows share;
//! 3. `fold`: group and slice name a `slot`, or the row is late; `census` bounds the groups; the row moves its
//!    partition's `watermark`;
//! 4. `close`: when the source's watermark reaches a window's end, the slices of all partitions come together,
//!    `stack` keeps them merged so that overlapping windows share the work, and `answer` makes the rows.
//!
//! `query` holds it together: one windowed query, one [`WindowQuery`].

mod dense;
mod key;
mod group;
mod slice;
mod slot;
mod census;
mod watermark;
mod fold;
mod states;
mod close;
mod stack;
mod answer;
mod query;

pub use answer::Closed;
pub use fold::{FoldBatch, Folded};
pub use query::{Settings, Usage, WindowQuery};
pub use slice::{BadWindow, TIME_MAX_US, TIME_MIN_US};

use crate::column::Column;

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
}
