//! Laws of batches: what is in them, and how rows are divided into them.

use crate::{
    Cell, Row,
    bench::{Bench, Tried, equal_states, equal_values, used_slots},
};

/// Two sets of values at rows that are NULL.
pub(super) fn null_rows(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let mut others = rows.to_vec();
    for argument in others.iter_mut().flat_map(|row| &mut row.arguments).filter(|argument| !argument.valid) {
        argument.cell = match argument.cell {
            Cell::Boolean(value) => Cell::Boolean(!value),
            Cell::Int64(value) => Cell::Int64(value ^ 0x0123_4567),
            Cell::Timestamp(value) => Cell::Timestamp(value ^ 0x0123_4567),
            Cell::Float64(7.5) => Cell::Float64(-1e300),
            Cell::Float64(_) => Cell::Float64(7.5),
            Cell::Text(ref text) => Cell::Text(format!("{text}?")),
            Cell::Null => Cell::Null,
        };
    }
    let what = "the rows were given, once with other values where they are NULL";
    bench.same(&mut bench.given(rows)?, &mut bench.given(&others)?, &used_slots(), what)
}

/// Two rows of each slot in one batch, and in two.
pub(super) fn repeated_slots(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let pairs = |rows: &[Row]| -> Vec<Row> {
        rows.iter().take(6).zip([0, 0, 1, 1, 2, 2]).map(|(row, slot)| row.to_slot(slot)).collect()
    };
    let together = pairs(rows);
    let of = |rest: usize| -> Vec<Row> {
        together
            .iter()
            .enumerate()
            .filter(|(index, _)| index % 2 == rest)
            .map(|(_, row)| row.clone())
            .collect()
    };
    let mut apart = bench.given(&of(0))?;
    apart.give(&of(1))?;
    let mut given = bench.given(&together)?;
    let what = "up to two rows a slot were given in one batch, not in two";
    bench.same(&mut apart, &mut given, &used_slots(), what)?;

    let values = [given.evaluate(&[0])?, given.evaluate(&[0])?].concat();
    equal_values(&values, &given.evaluate(&[0, 0])?, &[0, 0], "slot 0 is named twice in one `evaluate`")?;
    let states = [given.snapshot(&[0])?, given.snapshot(&[0])?].concat();
    equal_states(&states, &given.snapshot(&[0, 0])?, &[0, 0], "slot 0 is named twice in one `snapshot`")?;
    given.merge(&[5, 5], &[0, 1])?;
    apart.merge(&[5], &[0])?;
    apart.merge(&[5], &[1])?;
    bench.same(&mut apart, &mut given, &[5], "slots 0 and 1 were merged into slot 5 by one call, not by two")
}

/// One batch, and several: cut wherever `part` changes, with empty ones between.
pub(super) fn split(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let mut split = bench.open()?;
    for piece in rows.chunk_by(|a, b| a.part == b.part) {
        split.give(piece)?;
        split.give(&[])?;
    }
    let what = "the rows were given in several batches, cut where `part` changes, not in one";
    bench.same(&mut bench.given(rows)?, &mut split, &used_slots(), what)
}
