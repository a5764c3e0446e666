//! Generated rows: values of every type, with NULLs and extremes.

use crate::{Argument, Cell, DataType, Row, Signature, random::Random};

/// How many slots the rows go to.
pub(crate) const SLOTS: u32 = 3;

/// What the values of a case are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Small numbers and short texts.
    Ordinary,
    /// Small noise far from zero.
    Offset,
    /// Any finite numbers, the ends of their range among them.
    Wild,
    /// NaN and infinities among them.
    Special,
}

const KINDS: [Kind; 4] = [Kind::Ordinary, Kind::Offset, Kind::Wild, Kind::Special];

/// Sets of rows for a signature, the same in every call: none, all extremes, then up to `count` generated ones, few rows mostly,
/// sometimes many.
pub fn cases(signature: &Signature, count: usize) -> Vec<Vec<Row>> {
    let types = signature.columns();
    let mut random = Random::new(0x5747_u64.wrapping_add(types.len() as u64));
    let mut cases = vec![Vec::new(), extremes(&types, signature.needs_time)];
    for number in 0..count {
        let kind = KINDS.get(number % KINDS.len()).copied().unwrap_or(Kind::Ordinary);
        let length = if number % 12 == 5 { 600 + random.below(600) } else { random.below(40) };
        cases.push((0..length).map(|_| row(&types, signature.needs_time, kind, &mut random)).collect());
    }
    cases.iter_mut().for_each(|rows| in_runs(rows, &mut random));
    cases
}

/// The largest absolute value of the finite numbers among the arguments.
pub fn magnitude(rows: &[Row]) -> f64 {
    let of = |argument: &Argument| match argument.cell {
        Cell::Float64(value) if argument.valid && value.is_finite() => value.abs(),
        Cell::Int64(value) if argument.valid => (value as f64).abs(),
        _ => 0.0,
    };
    rows.iter().flat_map(|row| &row.arguments).map(of).fold(0.0, f64::max)
}

/// Rows of one part stand together mostly, so that batches have several rows.
fn in_runs(rows: &mut [Row], random: &mut Random) {
    let mut part = 0;
    for row in rows {
        if random.once_in(4) {
            part = random.below(3) as u32;
        }
        row.part = part;
    }
}

fn row(types: &[DataType], needs_time: bool, kind: Kind, random: &mut Random) -> Row {
    let slot = random.below(u64::from(SLOTS)) as u32;
    let last = types.len().saturating_sub(1);
    let argument = |(index, &data_type): (usize, &DataType)| {
        let is_time = needs_time && index == last;
        let valid = is_time || !random.once_in(10);
        Argument { cell: cell(data_type, kind, random), valid }
    };
    Row { slot, part: 0, arguments: types.iter().enumerate().map(argument).collect() }
}

fn cell(data_type: DataType, kind: Kind, random: &mut Random) -> Cell {
    match data_type {
        DataType::Boolean => Cell::Boolean(random.once_in(2)),
        DataType::Int64 => Cell::Int64(number(kind, random)),
        DataType::Timestamp => Cell::Timestamp(number(kind, random)),
        DataType::Float64 => Cell::Float64(float(kind, random)),
        DataType::Text => Cell::Text(text(random)),
    }
}

fn number(kind: Kind, random: &mut Random) -> i64 {
    let small = random.below(7) as i64 - 3;
    match kind {
        Kind::Ordinary => small,
        Kind::Offset => 1_700_000_000_000_000 + small,
        Kind::Wild | Kind::Special => match random.below(8) {
            0 => random.pick(&[i64::MIN, i64::MAX, 0]),
            1 | 2 => random.next() as i64,
            _ => small,
        },
    }
}

fn float(kind: Kind, random: &mut Random) -> f64 {
    const ENDS: [f64; 8] = [0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e-310];
    let ordinary = (random.unit() - 0.5) * 2e3;
    match kind {
        Kind::Ordinary if random.once_in(10) => 0.0,
        Kind::Ordinary => ordinary,
        Kind::Offset => 1e9 + ordinary * 1e-6,
        Kind::Wild if random.once_in(5) => random.pick(&ENDS),
        Kind::Wild => Some(f64::from_bits(random.next())).filter(|value| value.is_finite()).unwrap_or(1.0),
        Kind::Special if random.once_in(10) => random.pick(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
        Kind::Special => ordinary,
    }
}

fn text(random: &mut Random) -> String {
    let length = random.below(5);
    (0..length).map(|_| random.pick(&['a', 'b', 'c', 'é', '\u{10ffff}'])).collect()
}

/// Bytes of the longest text.
const LONG_TEXT_BYTES: usize = 100_000;

/// Values at the ends of a type.
pub(crate) fn ends(data_type: DataType) -> Vec<Cell> {
    const FLOATS: [f64; 11] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f64::MAX,
        f64::MIN,
        5e-324,
        1e-310,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    const NUMBERS: [i64; 6] = [0, 1, -1, i64::MIN, i64::MAX, 1 << 53];
    match data_type {
        DataType::Boolean => vec![Cell::Boolean(false), Cell::Boolean(true)],
        DataType::Int64 => NUMBERS.map(Cell::Int64).into(),
        DataType::Timestamp => NUMBERS.map(Cell::Timestamp).into(),
        DataType::Float64 => FLOATS.map(Cell::Float64).into(),
        DataType::Text => {
            let long = "é\u{10ffff}".repeat(LONG_TEXT_BYTES / 6);
            ["", "a", "\0", "\u{10ffff}", "'\"\\\n\u{1b}[31m", &long]
                .map(|text| Cell::Text(text.into()))
                .into()
        }
    }
}

/// Each extreme of each argument with each row of the others, and a row of NULLs.
fn extremes(types: &[DataType], needs_time: bool) -> Vec<Row> {
    let all: Vec<Vec<Cell>> = types.iter().map(|&data_type| ends(data_type)).collect();
    let longest = all.iter().map(Vec::len).max().unwrap_or(1);
    let last = types.len().saturating_sub(1);
    let row = |number: usize| {
        let argument = |(index, values): (usize, &Vec<Cell>)| {
            let cell = values.get((number * (index + 1) + index) % values.len().max(1)).cloned();
            let valid = number < longest || (needs_time && index == last);
            Argument { cell: cell.unwrap_or_default(), valid }
        };
        let arguments = all.iter().enumerate().map(argument).collect();
        Row { slot: number as u32 % SLOTS, part: 0, arguments }
    };
    (0..=longest).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(arguments: &[DataType], needs_time: bool) -> Signature {
        Signature {
            arguments: arguments.to_vec(),
            parameters: Vec::new(),
            returns: DataType::Float64,
            needs_time,
            tolerance: 0.0,
            bytes_max: None,
            state_version: 1,
            restores: Vec::new(),
        }
    }

    #[test]
    fn rows_are_the_same_in_every_run_and_hold_extremes() {
        let of = signature(&[DataType::Float64, DataType::Text], true);
        let one = cases(&of, 24);
        assert_eq!(one, cases(&of, 24));
        assert_eq!(one.first().map(Vec::len), Some(0));
        let all: Vec<&Row> = one.iter().flatten().collect();
        let has = |is: &dyn Fn(&Cell) -> bool| {
            all.iter().any(|row| row.arguments.iter().any(|argument| argument.valid && is(&argument.cell)))
        };
        assert!(has(&|cell| matches!(cell, Cell::Float64(value) if value.is_nan())));
        assert!(has(&|cell| *cell == Cell::Float64(-0.0)));
        assert!(has(&|cell| *cell == Cell::Timestamp(i64::MIN)));
        assert!(has(&|cell| matches!(cell, Cell::Text(text) if text.len() > 99_000)));
        assert!(all.iter().any(|row| row.has_null()));
        assert!(
            all.iter().all(|row| row.arguments.last().is_some_and(|time| time.valid)),
            "never a NULL time"
        );
        assert!(one.iter().any(|rows| rows.len() > 500), "some are long");
    }
}
