//! A call of a reducer's accumulators, kept.

use streamgauge_common::column::{Column, Texts, Values};
use streamgauge_engine::{Accumulators, Evaluated, Fault};
use streamgauge_sql::types::DataType;

use super::cursor::{Reader, Writer};

/// A call with its arguments. Slots keep the numbers that they had in the query.
#[derive(Clone, Debug, PartialEq)]
pub enum ReducerCall {
    /// Row `i` of every column goes to slot `i` of the list.
    Accumulate {
        /// One a row.
        slots: Vec<u32>,
        /// The arguments.
        columns: Vec<Column>,
    },
    /// Pair by pair.
    Merge {
        /// What becomes more.
        into: Vec<u32>,
        /// What stays as it is.
        source: Vec<u32>,
    },
    /// The values of slots.
    Evaluate {
        /// Which.
        slots: Vec<u32>,
    },
    /// Slots are emptied.
    Release {
        /// Which.
        slots: Vec<u32>,
    },
    /// The states of slots.
    Snapshot {
        /// Which.
        slots: Vec<u32>,
    },
    /// States are put into slots.
    Restore {
        /// The version of the states.
        version: u32,
        /// Which.
        slots: Vec<u32>,
        /// One a slot.
        states: Texts,
    },
}

/// What a call gave.
pub(super) enum Given {
    Nothing,
    Values(Evaluated),
    States(Texts),
}

impl ReducerCall {
    /// What the contract calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accumulate { .. } => "accumulate",
            Self::Merge { .. } => "merge",
            Self::Evaluate { .. } => "evaluate",
            Self::Release { .. } => "release",
            Self::Snapshot { .. } => "snapshot",
            Self::Restore { .. } => "restore",
        }
    }

    /// The slots that it names, each once, ascending.
    pub fn slots(&self) -> Vec<u32> {
        let mut slots = match self {
            Self::Accumulate { slots, .. }
            | Self::Evaluate { slots }
            | Self::Release { slots }
            | Self::Snapshot { slots }
            | Self::Restore { slots, .. } => slots.clone(),
            Self::Merge { into, source } => [into.as_slice(), source].concat(),
        };
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// How many bytes it takes, about.
    pub fn bytes(&self) -> usize {
        let columns: usize = match self {
            Self::Accumulate { columns, .. } => columns.iter().map(column_bytes).sum(),
            Self::Restore { states, .. } => states.bytes.len() + states.ends.len() * 4,
            _ => 0,
        };
        columns + self.lists().iter().map(|list| list.len() * 4).sum::<usize>()
    }

    fn lists(&self) -> Vec<&[u32]> {
        match self {
            Self::Accumulate { slots, .. }
            | Self::Evaluate { slots }
            | Self::Release { slots }
            | Self::Snapshot { slots }
            | Self::Restore { slots, .. } => vec![slots],
            Self::Merge { into, source } => vec![into, source],
        }
    }

    /// Makes the call.
    pub(super) fn make(&self, accumulators: &mut dyn Accumulators) -> Result<Given, Fault> {
        match self {
            Self::Accumulate { slots, columns } => {
                accumulators.accumulate(slots, &columns.iter().collect::<Vec<_>>())?;
            }
            Self::Merge { into, source } => accumulators.merge(into, source)?,
            Self::Evaluate { slots } => return accumulators.evaluate(slots).map(Given::Values),
            Self::Release { slots } => accumulators.release(slots)?,
            Self::Snapshot { slots } => return accumulators.snapshot(slots).map(Given::States),
            Self::Restore { version, slots, states } => accumulators.restore(*version, slots, states)?,
        }
        Ok(Given::Nothing)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.bytes(self.name().as_bytes());
        self.lists().into_iter().for_each(|list| out.numbers(list));
        match self {
            Self::Accumulate { columns, .. } => columns.iter().for_each(|column| out.column(column)),
            Self::Restore { version, states, .. } => {
                out.u32(*version);
                out.texts(states);
            }
            _ => {}
        }
    }

    /// A call of a reducer that takes columns of these types; none where it is not as the contract has it.
    pub(super) fn read(input: &mut Reader<'_>, arguments: &[DataType]) -> Option<Self> {
        let (name, slots) = (input.bytes()?, input.numbers()?);
        Some(match name {
            b"accumulate" => {
                let column = |&due: &DataType| {
                    input.column().filter(|column| column.data_type() == due && column.len() == slots.len())
                };
                let columns = arguments.iter().map(column).collect::<Option<_>>()?;
                Self::Accumulate { slots, columns }
            }
            b"merge" => {
                let source = input.numbers().filter(|source| source.len() == slots.len())?;
                Self::Merge { into: slots, source }
            }
            b"evaluate" => Self::Evaluate { slots },
            b"release" => Self::Release { slots },
            b"snapshot" => Self::Snapshot { slots },
            b"restore" => {
                let version = input.u32()?;
                let states = input.texts().filter(|states| states.len() == slots.len())?;
                Self::Restore { version, slots, states }
            }
            _ => return None,
        })
    }
}

fn column_bytes(column: &Column) -> usize {
    match &column.values {
        Values::Text(texts) => texts.bytes.len() + texts.ends.len() * size_of::<u32>(),
        _ => column.len() * size_of::<u64>(),
    }
}
