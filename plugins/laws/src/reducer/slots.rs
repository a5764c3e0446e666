//! Laws of slots: which are empty, and which a call changes.

use crate::{
    Cell, DataType, Evaluated, Row,
    bench::{Bench, Broken, Difference, Instance, Tried, equal_states, equal_values, used_slots},
};

/// Slots that were never given a value.
pub(super) fn empty(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let mut fresh = bench.open()?;
    empties(bench, &mut fresh, &[0, 5], "nothing was given")?;
    let together: Vec<Row> = rows.iter().map(|row| row.to_slot(1)).collect();
    fresh.give(&together)?;
    empties(bench, &mut fresh, &[0, 2, 5], "rows were given to slot 1 alone")?;
    if bench.signature.arguments.is_empty() {
        return Ok(());
    }
    let arguments = bench.signature.arguments.len();
    let mut nulls = rows.to_vec();
    for row in &mut nulls {
        row.arguments.iter_mut().take(arguments).for_each(|argument| argument.valid = false);
    }
    let mut given = bench.given(&nulls)?;
    let slots = used_slots();
    let values = given.evaluate(&slots)?;
    // What returns BIGINT may count the rows that are NULL.
    let fits = |value: &Evaluated| match value {
        Evaluated::Value(Cell::Null) => true,
        Evaluated::Value(Cell::Int64(_)) => bench.signature.returns == DataType::Int64,
        _ => false,
    };
    wrong(&values, &slots, fits, "the rows were given with NULL for every argument")
}

fn empties(bench: &Bench<'_>, instance: &mut Instance<'_>, slots: &[u32], what: &str) -> Tried {
    let values = instance.evaluate(slots)?;
    let fits = |value: &Evaluated| match value {
        Evaluated::Value(Cell::Null) => true,
        Evaluated::Value(Cell::Int64(0)) => bench.signature.returns == DataType::Int64,
        _ => false,
    };
    wrong(&values, slots, fits, what)
}

fn wrong(values: &[Evaluated], slots: &[u32], fits: impl Fn(&Evaluated) -> bool, what: &str) -> Tried {
    match values.iter().zip(slots).find(|(value, _)| !fits(value)) {
        None => Ok(()),
        Some((value, slot)) => Err(Broken::Law(Difference {
            what: format!("{what}; then `evaluate` of slot {slot}"),
            expected: "NULL, or 0 of a count".to_owned(),
            got: value.to_string(),
        })),
    }
}

/// What is seen of some slots.
struct Seen<'a> {
    slots: &'a [u32],
    values: Vec<Evaluated>,
    states: Vec<Vec<u8>>,
}

impl<'a> Seen<'a> {
    fn of(instance: &mut Instance<'_>, slots: &'a [u32]) -> Result<Self, Broken> {
        Ok(Self { slots, values: instance.evaluate(slots)?, states: instance.snapshot(slots)? })
    }

    /// Nothing of it has changed.
    fn still(&self, instance: &mut Instance<'_>, what: &str) -> Tried {
        let now = Self::of(instance, self.slots)?;
        equal_values(&self.values, &now.values, self.slots, what)?;
        equal_states(&self.states, &now.states, self.slots, what)
    }
}

/// Values and states that are read several times.
pub(super) fn reads(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let mut instance = bench.given(rows)?;
    let seen = Seen::of(&mut instance, &[0, 1, 2])?;
    seen.still(&mut instance, "the rows were given, and `evaluate` and `snapshot` called")
}

/// Slots that a call does not name, or only reads.
pub(super) fn others(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let mut instance = bench.given(rows)?;
    let seen = Seen::of(&mut instance, &[0, 1, 2])?;
    let elsewhere: Vec<Row> = rows.iter().map(|row| row.to_slot(row.slot + 10)).collect();
    instance.give(&elsewhere)?;
    seen.still(&mut instance, "the rows were given, then again to slots 10, 11 and 12")?;
    instance.merge(&[20, 20, 21], &[0, 1, 2])?;
    seen.still(&mut instance, "the rows were given; slots 0 and 1 were merged into slot 20, slot 2 into 21")?;
    let states = instance.snapshot(&[1])?;
    instance.restore(bench.signature.state_version, &[22], &states)?;
    seen.still(&mut instance, "the rows were given; the state of slot 1 was restored into slot 22")?;
    instance.release(&[10, 11, 20, 22])?;
    seen.still(&mut instance, "the rows were given, then again to slots 10 and 11, which were released")
}

/// Slots that were released.
pub(super) fn release(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let slots = used_slots();
    let mut instance = bench.given(rows)?;
    instance.release(&slots)?;
    bench.same(&mut bench.open()?, &mut instance, &slots, "the rows were given and their slots released")?;
    instance.give(rows)?;
    let what = "the rows were given, their slots released, and the rows given again";
    bench.same(&mut bench.given(rows)?, &mut instance, &slots, what)
}
