//! What the calls of a reducer take: `plugin bench`.

use std::{fmt, hint::black_box, time::Duration};

use serde_json::{Value as Json, json};
use streamgauge_common::{
    clock::Stopwatch,
    column::{Bitmap, Column, DataType, Texts, Values},
};
use streamgauge_component::{
    check::Refusal,
    reducer::{ReducerComponent, ReducerInstance},
    runtime::Runtime,
};
use streamgauge_engine::{Accumulators as _, Fault, StateVersions};
use streamgauge_sql::{catalog, manifest::Aggregate};

use crate::loaded::Loaded;

/// Rows of a batch, as many as the host gives at once, and the groups that they belong to.
const ROWS: usize = 4096;
const SLOTS: u32 = 100;
/// Batches that are timed; the fastest counts, since other work on the machine only adds to it.
const BATCHES: usize = 100;
/// A measurement ends after this time, however few batches it had.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Rows of one slot after which a row should take no longer than the first, and how many times as long is told.
const GROWN_ROWS: usize = 4096;
const SLOWER: f64 = 4.0;
/// One row in so many has NULL, where some have.
const NULL_EVERY: usize = 17;
/// Microseconds since the epoch of the first row, where rows have times: 2026-01-01T00:00:00Z.
const START_US: i64 = 1_767_225_600_000_000;

/// What was measured of a reducer.
#[derive(Clone, Debug, PartialEq)]
pub struct Benched {
    /// How long the component took to be ready: to be compiled, or loaded where its machine code is kept.
    loaded: Duration,
    /// How long an instance takes to start and to be opened.
    started: Duration,
    signatures: Vec<BenchedSignature>,
}

#[derive(Clone, Debug, PartialEq)]
struct BenchedSignature {
    call: String,
    /// Or why it was not measured.
    measured: Result<Measured, String>,
}

/// Nanoseconds a row or a slot.
#[derive(Clone, Debug, PartialEq)]
struct Measured {
    row: f64,
    /// How many times as long a row takes in a slot that has [`GROWN_ROWS`] rows as in an empty one.
    slower: f64,
    row_with_null: f64,
    merge: f64,
    evaluate: f64,
    snapshot: f64,
    restore: f64,
    state_bytes: usize,
    memory_bytes: usize,
}

/// Compiles a reducer and measures its calls, each signature with the defaults of its parameters.
///
/// # Errors
/// Where the bytes are no reducer, or it cannot be asked what it is.
pub fn bench(runtime: &Runtime, bytes: &[u8]) -> Result<Benched, Refusal> {
    let clock = Stopwatch::start();
    let (loaded, outline) = Loaded::new(runtime, bytes)?;
    let took = clock.elapsed();
    let Loaded::Reducer(component) = loaded else {
        return Err(outline.other_than(streamgauge_component::check::World::Reducer));
    };
    let described = component.describe().map_err(|fault| Refusal::Start(fault.what))?;
    let clock = Stopwatch::start();
    drop(component.describe_calls(0));
    let started = clock.elapsed();
    let signatures = described.signatures.iter().enumerate().map(|(index, signature)| BenchedSignature {
        call: called(&described.name, signature),
        measured: measure(&component, index, signature),
    });
    Ok(Benched { loaded: took, started, signatures: signatures.collect() })
}

fn called(name: &str, signature: &catalog::Signature) -> String {
    let types: Vec<String> = signature.arguments.iter().map(ToString::to_string).collect();
    format!("{name}({})", types.join(", "))
}

fn measure(
    component: &ReducerComponent,
    index: usize,
    signature: &catalog::Signature,
) -> Result<Measured, String> {
    let mut parameters = Vec::new();
    for parameter in &signature.parameters {
        match &parameter.default {
            Some(default) => parameters.push(default.clone()),
            None => return Err(format!("its parameter `{}` has no default", parameter.name)),
        }
    }
    let call = Aggregate {
        text: String::new(),
        reducer: String::new(),
        plugin: None,
        signature: u32::try_from(index).unwrap_or(u32::MAX),
        parameters,
        arguments: Vec::new(),
        needs_time: signature.needs_time,
        growing: signature.growing,
        state_bytes_max: signature.state_bytes_max,
        returns: signature.returns,
    };
    let versions =
        || StateVersions { written: signature.state_version, restores: signature.restores.clone() };
    let told = |fault: Fault| fault.to_string();
    let mut given = component.open(&call, versions()).map_err(told)?;
    let (plain, with_null) = (columns(signature, false), columns(signature, true));
    let row = accumulate(&mut given, &plain).map_err(told)?;
    let row_with_null = accumulate(&mut given, &with_null).map_err(told)?;

    // The states of ordinary groups: one batch each.
    let mut other = component.open(&call, versions()).map_err(told)?;
    accumulate_once(&mut other, &plain).map_err(told)?;
    let slots: Vec<u32> = (0..SLOTS).collect();
    let free: Vec<u32> = (SLOTS..2 * SLOTS).collect();
    let evaluate = timed(SLOTS as usize, || other.evaluate(&slots).map(drop)).map_err(told)?;
    let states = other.snapshot(&slots).map_err(told)?;
    let snapshot = timed(SLOTS as usize, || other.snapshot(&slots).map(drop)).map_err(told)?;
    let restore =
        timed(SLOTS as usize, || other.restore(signature.state_version, &free, &states)).map_err(told)?;
    // Into a state that is put back before each call, so that those that grow do not.
    let mut merge = f64::INFINITY;
    for _ in 0..BATCHES {
        other.restore(signature.state_version, &free, &states).map_err(told)?;
        let clock = Stopwatch::start();
        other.merge(&free, &slots).map_err(told)?;
        merge = merge.min(nanos(clock.elapsed(), SLOTS as usize));
    }
    let (state_bytes, memory_bytes) =
        (states.bytes.len() / SLOTS as usize, given.memory_bytes().unwrap_or_default());
    let (empty, grown) = match signature.growing {
        true => grow(&mut component.open(&call, versions()).map_err(told)?, signature).map_err(told)?,
        // A state that has a bound does not grow.
        false => (1.0, 1.0),
    };
    let slower = grown / empty;
    Ok(Measured { row, slower, row_with_null, merge, evaluate, snapshot, restore, state_bytes, memory_bytes })
}

/// Nanoseconds a row in a slot without rows, and in one that has many. Values are equal and times rise: what a state may keep runs of.
fn grow(instance: &mut ReducerInstance, signature: &catalog::Signature) -> Result<(f64, f64), Fault> {
    /// Small enough for what takes a time that grows with the square of the rows.
    const PART: usize = 256;
    let batch = columns_of(signature, PART, false, |_| 1);
    let columns: Vec<&Column> = batch.iter().collect();
    let (mut empty, mut grown) = (f64::INFINITY, f64::INFINITY);
    for slot in 0..3 {
        for part in 0..=GROWN_ROWS / PART {
            let clock = Stopwatch::start();
            instance.accumulate(&[slot; PART], &columns)?;
            let took = nanos(clock.elapsed(), PART);
            match part {
                0 => empty = empty.min(took),
                part if part == GROWN_ROWS / PART => grown = grown.min(took),
                _ => {}
            }
        }
    }
    Ok((empty, grown))
}

/// Nanoseconds a row of the fastest batch. The states are emptied between two batches, as windows close.
fn accumulate(instance: &mut ReducerInstance, columns: &[Column]) -> Result<f64, Fault> {
    let slots: Vec<u32> = (0..SLOTS).collect();
    let since = Stopwatch::start();
    let mut fastest = f64::INFINITY;
    for _ in 0..BATCHES {
        let clock = Stopwatch::start();
        accumulate_once(instance, black_box(columns))?;
        fastest = fastest.min(nanos(clock.elapsed(), ROWS));
        instance.release(&slots)?;
        if since.elapsed() > TIME_MAX {
            break;
        }
    }
    Ok(fastest)
}

fn accumulate_once(instance: &mut ReducerInstance, columns: &[Column]) -> Result<(), Fault> {
    let slots: Vec<u32> = (0..SLOTS).cycle().take(ROWS).collect();
    let columns: Vec<&Column> = columns.iter().collect();
    instance.accumulate(&slots, &columns)
}

/// Nanoseconds an item of the fastest call.
fn timed(items: usize, mut call: impl FnMut() -> Result<(), Fault>) -> Result<f64, Fault> {
    let since = Stopwatch::start();
    let mut fastest = f64::INFINITY;
    for _ in 0..BATCHES {
        let clock = Stopwatch::start();
        call()?;
        fastest = fastest.min(nanos(clock.elapsed(), items));
        if since.elapsed() > TIME_MAX {
            break;
        }
    }
    Ok(fastest)
}

fn nanos(took: Duration, items: usize) -> f64 {
    took.as_nanos() as f64 / items as f64
}

/// A batch: numbers from 1 to 1,000 without an order, a thousand words, times that rise by a millisecond.
fn columns(signature: &catalog::Signature, with_null: bool) -> Vec<Column> {
    columns_of(signature, ROWS, with_null, |row| 1 + (row * 7919 % 1000) as i64)
}

/// A batch of some numbers.
fn columns_of(
    signature: &catalog::Signature,
    count: usize,
    with_null: bool,
    number: fn(usize) -> i64,
) -> Vec<Column> {
    let time = |row: usize| START_US + row as i64 * 1000;
    let column = |data_type: DataType| {
        let rows = 0..count;
        let values = match data_type {
            DataType::Boolean => Values::Boolean(rows.map(|row| number(row) % 2 == 0).collect()),
            DataType::Int64 => Values::Int64(rows.map(number).collect()),
            DataType::Float64 => Values::Float64(rows.map(|row| number(row) as f64).collect()),
            DataType::Timestamp => Values::Timestamp(rows.map(time).collect()),
            DataType::Text => {
                let mut texts = Texts::default();
                rows.for_each(|row| texts.push(format!("word {}", number(row)).as_bytes()));
                Values::Text(texts)
            }
        };
        let valid = with_null.then(|| (0..count).map(|row| row % NULL_EVERY != 0).collect::<Bitmap>());
        Column { values, valid }
    };
    let mut columns: Vec<Column> = signature.arguments.iter().copied().map(column).collect();
    if signature.needs_time {
        columns.push(Column { values: Values::Timestamp((0..count).map(time).collect()), valid: None });
    }
    columns
}

impl Benched {
    /// One object; times are nanoseconds.
    pub fn to_json(&self, file: &str) -> Json {
        let signature = |signature: &BenchedSignature| match &signature.measured {
            Ok(measured) => json!({
                "call": signature.call,
                "row_ns": measured.row,
                "slower_when_grown": measured.slower,
                "row_with_null_ns": measured.row_with_null,
                "merge_ns": measured.merge,
                "evaluate_ns": measured.evaluate,
                "snapshot_ns": measured.snapshot,
                "restore_ns": measured.restore,
                "state_bytes": measured.state_bytes,
                "memory_bytes": measured.memory_bytes,
            }),
            Err(why) => json!({ "call": signature.call, "not_measured": why }),
        };
        json!({
            "file": file,
            "load_ns": u64::try_from(self.loaded.as_nanos()).unwrap_or(u64::MAX),
            "start_ns": u64::try_from(self.started.as_nanos()).unwrap_or(u64::MAX),
            "signatures": self.signatures.iter().map(signature).collect::<Vec<_>>(),
        })
    }
}

/// For people: a line a signature.
impl fmt::Display for Benched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ready in {:.1?}, an instance in {:.1?}; the fastest of {BATCHES} batches of {ROWS} rows in {SLOTS} groups",
            self.loaded, self.started
        )?;
        let width = self.signatures.iter().map(|signature| signature.call.len()).max().unwrap_or_default();
        writeln!(
            f,
            "{:width$}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>8}  {:>8}",
            "", "row", "with NULL", "merge", "evaluate", "snapshot", "restore", "state", "memory"
        )?;
        for (index, BenchedSignature { call, measured }) in self.signatures.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match measured {
                Ok(it) => write!(
                    f,
                    "{call:width$}  {:>6.1} ns  {:>6.1} ns  {:>6.0} ns  {:>6.0} ns  {:>6.0} ns  {:>6.0} ns  {:>6} B  {:>5} KiB",
                    it.row,
                    it.row_with_null,
                    it.merge,
                    it.evaluate,
                    it.snapshot,
                    it.restore,
                    it.state_bytes,
                    it.memory_bytes >> 10
                )?,
                Err(why) => write!(f, "{call:width$}  not measured: {why}")?,
            }
        }
        let measured = self.signatures.iter().filter_map(|it| Some((&it.call, it.measured.as_ref().ok()?)));
        for (call, Measured { slower, .. }) in measured.filter(|(_, measured)| measured.slower >= SLOWER) {
            write!(
                f,
                "\nnote: {call}: a row takes {slower:.0} times as long in a group that has {GROWN_ROWS} rows as in a new one: do not walk or copy a \
                 growing state for each row"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::column::Value;

    use super::*;

    #[test]
    fn a_batch_has_the_columns_of_the_signature_and_its_time() {
        let signature = catalog::Signature {
            arguments: vec![DataType::Float64, DataType::Text],
            parameters: Vec::new(),
            returns: DataType::Float64,
            needs_time: true,
            growing: false,
            state_bytes_max: None,
            tolerance: 0.0,
            state_version: 1,
            restores: Vec::new(),
        };
        let batch = columns(&signature, true);
        let types: Vec<DataType> = batch.iter().map(Column::data_type).collect();
        assert_eq!(types, [DataType::Float64, DataType::Text, DataType::Timestamp]);
        assert!(batch.iter().all(|column| column.len() == ROWS));
        assert_eq!((batch[0].value(0), batch[0].value(1)), (Value::Null, Value::Float64(920.0)));
        assert_eq!(batch[2].value(1), Value::Timestamp(START_US + 1000), "event times are never NULL");
        assert!(columns(&signature, false).iter().all(|column| column.valid.is_none()));
    }
}
