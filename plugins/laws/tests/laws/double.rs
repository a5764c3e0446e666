//! A sum of BIGINT values that is right, or wrong in one way.

use std::cell::Cell as Shared;
use std::collections::BTreeMap;

use streamgauge_laws::{
    Accumulators, Cell, DataType, Descriptor, Evaluated, Parameter, Reducer, Row, Signature, Stop,
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// `describe` counts its calls.
    VersionChanges,
    /// A capital in the name.
    Name,
    /// The default is refused.
    RefusesDefault,
    /// An unusual parameter traps.
    ParameterTraps,
    /// The types of `describe` are not those of `accumulate`.
    RefusesRows,
    /// The end of BIGINT traps.
    Traps,
    /// A trap in `merge` alone, where both have values.
    MergeTraps,
    /// States hold the number of the instance.
    Instances,
    /// 0 without values.
    ZeroWhenEmpty,
    /// The value of a NULL is added.
    ReadsNulls,
    /// A batch that names a slot twice counts the last row.
    LastOfBatch,
    /// A batch of more than three rows counts one row more.
    LongBatches,
    /// `evaluate` changes the state.
    EvaluateCounts,
    /// `merge` empties its source.
    MergeMoves,
    /// `release` keeps the sum.
    KeepsSum,
    /// What an instance computes is wrong after its third `release`.
    ThirdRelease,
    /// `snapshot` leaves the upper half of the sum out.
    CutsSum,
    /// `restore` puts the first state in before it refuses the second.
    RestoresHalf,
    /// A state that is too short traps.
    RestoreTraps,
    /// Other versions are taken for its own.
    AnyVersion,
    /// Merging an empty slot counts.
    CountsEmpty,
    /// The sum of the target counts twice.
    NotCommutative,
    /// Half of the sum, so the order of three counts.
    NotAssociative,
    /// A merge loses the number of values.
    NotTheSum,
    /// All values are kept in a state that is declared to have 16 bytes.
    Grows,
    /// A slot takes a megabyte.
    Large,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    count: u64,
    sum: i64,
    values: Vec<i64>,
}

/// The function.
pub(crate) struct Sum {
    pub(crate) fault: Fault,
    opened: Shared<u64>,
}

struct Slots<'a> {
    fault: Fault,
    releases: u32,
    instance: u64,
    slots: Shared<BTreeMap<u32, State>>,
    reducer: std::marker::PhantomData<&'a ()>,
}

impl Sum {
    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault, opened: Shared::new(0) }
    }

    fn next(&self) -> u64 {
        self.opened.set(self.opened.get() + 1);
        self.opened.get()
    }
}

impl Reducer for Sum {
    fn describe(&self) -> Result<Vec<Descriptor>, Stop> {
        let one = || Descriptor {
            name: if self.fault == Fault::Name { "Sum".into() } else { "sum_of".into() },
            version: if self.fault == Fault::VersionChanges {
                format!("1.{}", self.next())
            } else {
                "1.0".into()
            },
            docs: "The sum, and a number".into(),
            signatures: vec![Signature {
                arguments: vec![DataType::Int64],
                parameters: vec![Parameter {
                    name: "plus".into(),
                    data_type: DataType::Int64,
                    docs: "Added to the result".into(),
                    default: Some(Cell::Int64(0)),
                }],
                returns: DataType::Int64,
                needs_time: false,
                tolerance: 0.0,
                bytes_max: Some(16),
                state_version: 3,
                restores: vec![],
            }],
        };
        Ok(vec![one(), one()])
    }

    fn open(&self, signature: u32, parameters: &[Cell]) -> Result<Box<dyn Accumulators + '_>, Stop> {
        let refused = |why: &str| Err(Stop::Refused(why.into()));
        match parameters {
            _ if signature != 0 => return refused("there is one signature"),
            [Cell::Int64(0)] if self.fault == Fault::RefusesDefault => return refused("0 is no number"),
            [Cell::Int64(value)] if self.fault == Fault::ParameterTraps && *value < 0 => {
                return Err(Stop::Trapped("trapped: unreachable".into()));
            }
            [Cell::Int64(_)] => {}
            _ => return refused("give a number"),
        }
        let slots = Shared::new(BTreeMap::new());
        Ok(Box::new(Slots {
            fault: self.fault,
            instance: self.next(),
            slots,
            releases: 0,
            reducer: std::marker::PhantomData,
        }))
    }
}

impl Slots<'_> {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<u32, State>) -> T) -> T {
        let mut slots = self.slots.take();
        let result = change(&mut slots);
        self.slots.set(slots);
        result
    }

    fn state(&self, slot: u32) -> State {
        self.change(|slots| slots.get(&slot).cloned().unwrap_or_default())
    }

    fn add(&self, state: &mut State, row: &Row) -> Result<(), Stop> {
        let [argument] = row.arguments.as_slice() else { unreachable!("one argument") };
        let Cell::Int64(value) = argument.cell else { unreachable!("of BIGINT") };
        if !argument.valid && self.fault != Fault::ReadsNulls {
            return Ok(());
        }
        if !argument.valid {
            // Not counted, so that NULL alone is still NULL.
            state.sum = state.sum.wrapping_add(value);
            return Ok(());
        }
        match self.fault {
            Fault::RefusesRows => return Err(Stop::Refused("argument 1 is of another type".into())),
            Fault::Traps if value == i64::MAX => return Err(Stop::Trapped("trapped: overflow".into())),
            Fault::Grows => state.values.push(value),
            _ => {}
        }
        state.count += 1;
        state.sum = state.sum.wrapping_add(value);
        Ok(())
    }

    fn merged(&self, into: &State, source: &State) -> State {
        let mut merged = State {
            count: into.count + source.count,
            sum: into.sum.wrapping_add(source.sum),
            values: [into.values.clone(), source.values.clone()].concat(),
        };
        let both = into.count > 0 && source.count > 0;
        match self.fault {
            Fault::CountsEmpty if source.count == 0 => merged.sum = merged.sum.wrapping_add(1),
            Fault::NotCommutative if both => merged.sum = into.sum,
            Fault::NotAssociative if both => merged.sum /= 2,
            Fault::NotTheSum if both => merged.sum = into.sum ^ source.sum,
            _ => {}
        }
        merged
    }
}

impl Accumulators for Slots<'_> {
    fn accumulate(&mut self, rows: &[Row]) -> Result<(), Stop> {
        let before = self.change(|slots| slots.clone());
        for (number, row) in rows.iter().enumerate() {
            let again = rows.iter().take(number).any(|earlier| earlier.slot == row.slot);
            let mut state = match self.fault {
                Fault::LastOfBatch if again => before.get(&row.slot).cloned().unwrap_or_default(),
                _ => self.state(row.slot),
            };
            self.add(&mut state, row)?;
            if self.fault == Fault::LongBatches && number == 6 {
                state.sum = state.sum.wrapping_add(1);
            }
            self.change(|slots| slots.insert(row.slot, state));
        }
        Ok(())
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Stop> {
        for (&into, &source) in into.iter().zip(source) {
            let (target, other) = (self.state(into), self.state(source));
            if self.fault == Fault::MergeTraps && target.count > 1 && other.count > 1 {
                return Err(Stop::Trapped("trapped: index out of bounds".into()));
            }
            let merged = self.merged(&target, &other);
            self.change(|slots| {
                slots.insert(into, merged);
                if self.fault == Fault::MergeMoves {
                    slots.remove(&source);
                }
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<Evaluated>, Stop> {
        let value = |&slot: &u32| {
            let state = self.state(slot);
            if self.fault == Fault::EvaluateCounts && state.count > 0 {
                let changed = State { sum: state.sum.wrapping_add(1), ..state.clone() };
                self.change(|slots| slots.insert(slot, changed));
            }
            Evaluated::Value(match state.count {
                // A fault of its own for BIGINT, where 0 may be a count.
                0 if self.fault == Fault::ZeroWhenEmpty => Cell::Int64(-1),
                0 => Cell::Null,
                _ if self.fault == Fault::ThirdRelease && self.releases > 2 => Cell::Int64(7),
                _ => Cell::Int64(state.sum),
            })
        };
        Ok(slots.iter().map(value).collect())
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Stop> {
        let bytes = |&slot: &u32| {
            let State { count, sum, values } = self.state(slot);
            let sum = if self.fault == Fault::CutsSum { sum & 0xffff_ffff } else { sum };
            let mut bytes = [count.to_le_bytes(), sum.to_le_bytes()].concat();
            values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            if self.fault == Fault::Instances {
                bytes.extend(self.instance.to_le_bytes());
            }
            bytes
        };
        Ok(slots.iter().map(bytes).collect())
    }

    fn restore(&mut self, version: u32, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Stop> {
        if version != 3 && self.fault != Fault::AnyVersion {
            return Err(Stop::UnsupportedVersion(version));
        }
        let mut restored = Vec::new();
        for (slot, state) in slots.iter().zip(states) {
            if self.fault == Fault::RestoresHalf {
                self.change(|slots| slots.remove(slot));
            }
            let numbers: Vec<i64> =
                state.chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect();
            let whole = state.len().is_multiple_of(8);
            match numbers.as_slice() {
                [count, sum, values @ ..] if whole && (values.is_empty() || self.fault == Fault::Grows) => {
                    restored.push((
                        *slot,
                        State {
                            count: *count as u64 >> 1 << 1 | (*count as u64 & 1),
                            sum: *sum,
                            values: values.to_vec(),
                        },
                    ));
                }
                [count, sum, _] if self.fault == Fault::Instances => {
                    restored.push((*slot, State { count: *count as u64, sum: *sum, values: vec![] }));
                }
                _ if self.fault == Fault::RestoreTraps => {
                    return Err(Stop::Trapped("trapped: out of bounds".into()));
                }
                _ => return Err(Stop::Refused("a state has 16 bytes".into())),
            }
        }
        // A count that no state has: adding would overflow.
        if restored.iter().any(|(_, state)| state.count > 1 << 40) {
            return Err(Stop::Refused("a count is too large".into()));
        }
        self.change(|slots| slots.extend(restored));
        Ok(())
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Stop> {
        self.releases += 1;
        let keeps = self.fault == Fault::KeepsSum;
        self.change(|all| {
            for slot in slots {
                if let Some(state) = all.remove(slot).filter(|_| keeps) {
                    all.insert(*slot, State { count: 0, ..state });
                }
            }
        });
        Ok(())
    }

    fn memory_bytes(&self) -> Option<usize> {
        let slots = self.change(|slots| slots.len());
        Some(slots * if self.fault == Fault::Large { 1 << 20 } else { 24 })
    }
}
