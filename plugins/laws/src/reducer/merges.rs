//! Laws of merging.

use crate::{
    Evaluated, Row,
    bench::{Bench, Tried, equal_states, equal_values, used_slots},
};

/// Empty slots on either side.
pub(super) fn empty(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let slots = used_slots();
    let empties: Vec<u32> = slots.iter().map(|slot| slot + 6).collect();
    let mut given = bench.given(rows)?;
    let mut merged = bench.given(rows)?;
    merged.merge(&slots, &empties)?;
    bench.same(
        &mut given,
        &mut merged,
        &slots,
        "the rows were given, and an empty slot merged into each slot",
    )?;
    merged.merge(&empties, &slots)?;
    let what = "the rows were given, and slots 0, 1, 2 merged into the empty slots 6, 7, 8";
    equal_values(&given.evaluate(&slots)?, &merged.evaluate(&empties)?, &empties, what)?;
    equal_states(&given.snapshot(&slots)?, &merged.snapshot(&empties)?, &empties, what)
}

/// Rows with part as their slot: a, b, c in slots 0, 1, 2. None where one of `parts` slots has no row without NULL: what an empty
/// slot does is another law.
fn in_parts(rows: &[Row], parts: u32) -> Option<Vec<Row>> {
    let rows: Vec<Row> =
        rows.iter().filter(|row| row.part < parts).map(|row| row.to_slot(row.part)).collect();
    (0..parts).all(|part| rows.iter().any(|row| row.part == part && !row.has_null())).then_some(rows)
}

fn first(values: Vec<Evaluated>) -> Evaluated {
    values.into_iter().next().unwrap_or(Evaluated::Value(crate::Cell::Null))
}

/// a + b and b + a.
pub(super) fn commutative(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let Some(rows) = in_parts(rows, 2) else { return Ok(()) };
    let mut one = bench.given(&rows)?;
    let mut other = bench.given(&rows)?;
    one.merge(&[0], &[1])?;
    other.merge(&[1], &[0])?;
    let (one, other) = (first(one.evaluate(&[0])?), first(other.evaluate(&[1])?));
    let what = "parts 0 and 1 were given to slots 0 and 1; slot 1 was merged into slot 0 (expected), and in another instance slot \
                0 into slot 1 (got)";
    bench.near(&one, &other, &rows, what)
}

/// (a + b) + c and a + (b + c).
pub(super) fn associative(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let Some(rows) = in_parts(rows, 3) else { return Ok(()) };
    let mut one = bench.given(&rows)?;
    let mut other = bench.given(&rows)?;
    one.merge(&[0], &[1])?;
    one.merge(&[0], &[2])?;
    other.merge(&[1], &[2])?;
    other.merge(&[0], &[1])?;
    let (one, other) = (first(one.evaluate(&[0])?), first(other.evaluate(&[0])?));
    let what = "parts 0, 1, 2 were given to slots 0, 1, 2; slot 1 and then slot 2 were merged into slot 0 (expected), and in another \
                instance slot 2 into slot 1 and that into slot 0 (got)";
    bench.near(&one, &other, &rows, what)
}

/// a + b + c and all rows in one slot.
pub(super) fn parts(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let Some(rows) = in_parts(rows, 3) else { return Ok(()) };
    let mut merged = bench.given(&rows)?;
    merged.merge(&[0, 0], &[1, 2])?;
    let together: Vec<Row> = rows.iter().map(|row| row.to_slot(0)).collect();
    let mut whole = bench.given(&together)?;
    let (whole, merged) = (first(whole.evaluate(&[0])?), first(merged.evaluate(&[0])?));
    let what = "parts 0, 1, 2 were given to slots 0, 1, 2, and slots 1 and 2 merged into slot 0 (got); in another instance all rows \
                were given to one slot (expected)";
    bench.near(&whole, &merged, &rows, what)
}
