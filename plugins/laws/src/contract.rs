//! What is checked: a reducer as `wit/reducer.wit` has it, whatever is behind it.

use std::fmt;

use crate::{Cell, DataType, Row};

/// An aggregate function.
pub trait Reducer {
    /// What it says about itself, of several calls in several instances.
    ///
    /// # Errors
    /// Where a call stops.
    fn describe(&self) -> Result<Vec<Descriptor>, Stop>;

    /// Accumulators in an instance of their own: the number of the signature, and a value for each parameter.
    ///
    /// # Errors
    /// What it does not take, or why it stopped.
    fn open(&self, signature: u32, parameters: &[Cell]) -> Result<Box<dyn Accumulators + '_>, Stop>;
}

/// The slots of one call of the function.
pub trait Accumulators {
    /// Folds rows into slots.
    ///
    /// # Errors
    /// Where the batch is refused or the call stops.
    fn accumulate(&mut self, rows: &[Row]) -> Result<(), Stop>;

    /// Merges pair by pair in list order.
    ///
    /// # Errors
    /// Where the call stops; so everywhere below.
    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Stop>;

    /// One result a slot.
    fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<Evaluated>, Stop>;

    /// One state a slot.
    fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Stop>;

    /// Puts states into slots. A state that is refused is [`Stop::Refused`] or [`Stop::UnsupportedVersion`].
    fn restore(&mut self, state_version: u32, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Stop>;

    /// Makes slots empty.
    fn release(&mut self, slots: &[u32]) -> Result<(), Stop>;

    /// Bytes of memory that the instance has taken from its host; none = nobody counts them.
    fn memory_bytes(&self) -> Option<usize> {
        None
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It answered with an error in its own words, and goes on.
    Refused(String),
    /// It answered that it does not know this state version, and goes on.
    UnsupportedVersion(u32),
    /// The instance is lost: a trap, or an answer that is not what the contract says.
    Trapped(String),
    /// The instance is lost: it ran too long, or wanted too much memory.
    Exhausted(String),
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// A value or NULL.
    Value(Cell),
    /// Why there is no value.
    Failed(String),
}

/// What a reducer says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// Its name in SQL.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it computes, in one line.
    pub docs: String,
    /// The ways to call it.
    pub signatures: Vec<Signature>,
}

/// One way to call a reducer.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The types of the arguments.
    pub arguments: Vec<DataType>,
    /// The constants behind them.
    pub parameters: Vec<Parameter>,
    /// The type of the result.
    pub returns: DataType,
    /// Whether the event time is one more, last argument.
    pub needs_time: bool,
    /// How far results of two orders of merging may be apart.
    pub tolerance: f64,
    /// What a slot takes at most; none = it grows.
    pub bytes_max: Option<u32>,
    /// The version of its states.
    pub state_version: u32,
    /// Versions that it restores, beside its own.
    pub restores: Vec<u32>,
}

/// A constant of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// What it means, in one line.
    pub docs: String,
    /// Its value when none is given.
    pub default: Option<Cell>,
}

impl Signature {
    /// The types of the columns of a batch.
    pub fn columns(&self) -> Vec<DataType> {
        let time = self.needs_time.then_some(DataType::Timestamp);
        self.arguments.iter().copied().chain(time).collect()
    }
}

/// As in SQL: `(DOUBLE, p DOUBLE = 95.0) -> DOUBLE`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments.iter().map(DataType::to_string);
        let parameters = self.parameters.iter().map(|parameter| {
            let Parameter { name, data_type, default, .. } = parameter;
            default.as_ref().map_or_else(
                || format!("{name} {data_type}"),
                |default| format!("{name} {data_type} = {default}"),
            )
        });
        let all: Vec<String> = arguments.chain(parameters).collect();
        write!(f, "({}) -> {}", all.join(", "), self.returns)
    }
}

impl fmt::Display for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(cell) => cell.fmt(f),
            Self::Failed(why) => write!(f, "no value: {why}"),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::UnsupportedVersion(version) => write!(f, "unsupported state version {version}"),
            Self::Trapped(what) | Self::Exhausted(what) => f.write_str(what),
        }
    }
}
