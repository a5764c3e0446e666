//! The contract of a reducer: `wit/reducer.wit` in Rust.

use crate::{BytesList, Column, ColumnView, Descriptor, Error, Literal};

/// An aggregate function.
pub trait Reducer {
    /// What it is called and how to call it.
    fn describe() -> Descriptor;

    /// Accumulators for one call of it: the number of the signature and its parameters, defaults filled in.
    fn open(signature: u32, parameters: &[Literal]) -> Result<Box<dyn Accumulators>, Error>;
}

/// The accumulators of one call, each in a numbered *slot*. A slot comes into being empty when it is first named.
///
/// Most reducers need not implement it: [`Slots`](crate::Slots) does, for any [`Fold`](crate::Fold).
pub trait Accumulators {
    /// Folds rows into slots: row `i` of every argument goes to `slots[i]`.
    fn accumulate(&mut self, slots: &[u32], arguments: &[ColumnView<'_>]) -> Result<(), Error>;

    /// Merges pair by pair in list order: `source[i]` into `into[i]`. The source is unchanged; no slot is on both sides.
    fn merge(&mut self, into: &[u32], source: &[u32]);

    /// One value a slot, and those that have none, with why. Changes nothing.
    fn evaluate(&self, slots: &[u32]) -> Evaluated;

    /// One state a slot.
    fn snapshot(&self, slots: &[u32]) -> BytesList;

    /// Puts states into slots; on an error no slot has changed.
    fn restore(&mut self, state_version: u32, slots: &[u32], states: &BytesList) -> Result<(), Error>;

    /// Empties slots.
    fn release(&mut self, slots: &[u32]);
}

/// The values of some slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// One row a slot.
    pub column: Column,
    /// Rows of `column` for which there is no value, and why; they are NULL there.
    pub failed: Vec<(u32, String)>,
}

/// A number that is not a signature of the reducer.
pub fn unknown_signature(signature: u32) -> Error {
    Error::Invalid(format!("there is no signature {signature}"))
}
