//! Whether a slot takes what the signature says.

use crate::{
    Row,
    bench::{Bench, Broken, Difference},
};

/// How many rows one slot is given.
const ROWS: usize = 20_000;
/// How many slots are given a row each.
const SLOTS: u32 = 2048;
/// What the memory of an instance may grow by beside its slots: garbage, tables that double.
const MEMORY_SPARE: usize = 16 << 20;

/// Gives a slot many rows of these cases, and many slots a row.
pub(crate) fn tried(bench: &Bench<'_>, cases: &[Vec<Row>]) -> Result<(), Broken> {
    let Some(declared) = bench.signature.bytes_max else { return Ok(()) };
    let rows = many(cases);
    if rows.is_empty() {
        return Ok(());
    }
    let mut instance = bench.open()?;
    for batch in rows.chunks(2_000) {
        instance.give(batch)?;
    }
    let longest = instance.snapshot(&[0])?.pop().map_or(0, |state| state.len());
    // Bytes of a state may be written longer than they are kept: numbers of variable length, lengths, marks.
    let allowed = 2 * declared as usize + 64;
    if longest > allowed {
        return Err(Broken::Law(Difference {
            what: format!("slot 0 was given {} rows; then `snapshot`", rows.len()),
            expected: format!(
                "at most {allowed} bytes: the signature says that a slot takes {declared} (bounded)"
            ),
            got: format!("{longest} bytes"),
        }));
    }
    let mut instance = bench.open()?;
    let Some(before) = instance.memory_bytes() else { return Ok(()) };
    let wide: Vec<Row> = rows.iter().cycle().zip(0..SLOTS).map(|(row, slot)| row.to_slot(slot)).collect();
    instance.give(&wide)?;
    let grown = instance.memory_bytes().unwrap_or(0).saturating_sub(before);
    // A language with objects and a collector takes several times what it keeps.
    let allowed = SLOTS as usize * (8 * declared as usize + 1024) + MEMORY_SPARE;
    if grown <= allowed {
        return Ok(());
    }
    Err(Broken::Law(Difference {
        what: format!("{SLOTS} slots were given a row each"),
        expected: format!(
            "memory that grows by {allowed} bytes at most: the signature says that a slot takes {declared} (bounded)"
        ),
        got: format!("it grew by {grown} bytes"),
    }))
}

/// Many rows for one slot. The second case holds the extremes, which are few and long.
fn many(cases: &[Vec<Row>]) -> Vec<Row> {
    let rows: Vec<&Row> = cases.iter().skip(2).flatten().collect();
    rows.into_iter().cycle().take(ROWS).map(|row| row.to_slot(0)).collect()
}
