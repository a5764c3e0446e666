//! Steps 2 to 6 for one statement: a query that runs, and the queries that read its rows.
//!
//! [`RunningQuery::take`] is the way of a batch in order: leave out what is a dead letter for this query, `ingest`, then
//! either windows ([`RunningQuery::close`] when they are complete, then `emit`) or rows as they are; then on to the output
//! and to the readers. A fault ends this query and its readers; nothing else notices.

mod incoming;
mod letters;

use std::sync::Arc;

use streamgauge_sql::manifest::{self, Manifest, Stage};

pub use incoming::{Incoming, Origin};
pub use letters::{Context, Counts};

use crate::{
    column::{Bitmap, Column, DataType, Value},
    component::query::{QueryComponent, Selected},
    decode::Reason,
    deliver::output::Output,
    engine::{Accumulators, Closed, Fault, FoldBatch, Folded, WindowQuery},
    row::Rows,
    timings::Step,
};

/// A statement at work.
pub struct RunningQuery {
    manifest: Manifest,
    /// None where no column enters it: every row passes and nothing is computed.
    component: Option<QueryComponent>,
    windows: Option<Windows>,
    /// Where each of the manifest's columns is in what comes in.
    columns: Vec<usize>,
    output: Option<Arc<Output>>,
    readers: Vec<RunningQuery>,
    failed: Option<String>,
}

/// The windows of a query and the states of its aggregate calls.
pub struct Windows {
    /// Groups, slices, watermarks.
    pub engine: WindowQuery,
    /// One for each of the manifest's aggregates.
    pub accumulators: Vec<Box<dyn Accumulators>>,
}

impl RunningQuery {
    /// A query over input whose columns are at `columns`.
    pub fn new(
        manifest: Manifest,
        component: Option<QueryComponent>,
        windows: Option<Windows>,
        columns: Vec<usize>,
    ) -> Self {
        debug_assert_eq!(manifest.columns.len(), columns.len(), "every column has a place");
        Self { manifest, component, windows, columns, output: None, readers: Vec::new(), failed: None }
    }

    /// Sends the rows to an output.
    pub fn send_to(&mut self, output: Arc<Output>) {
        self.output = Some(output);
    }

    /// Lets another query read the rows.
    pub fn add_reader(&mut self, reader: RunningQuery) {
        self.readers.push(reader);
    }

    /// The query's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The windows, if it has any.
    pub fn windows_mut(&mut self) -> Option<&mut Windows> {
        self.windows.as_mut().filter(|_| self.failed.is_none())
    }

    /// Hands on what was written so far, by this query and its readers.
    pub fn flush(&self, context: &mut Context) {
        if let Some(output) = &self.output {
            context.check(output.flush());
        }
        self.readers.iter().for_each(|reader| reader.flush(context));
    }

    /// Whether this query and all that read it have failed: nothing needs its input.
    pub fn is_over(&self) -> bool {
        self.failed.is_some()
    }

    /// The queries that failed, with why: this one and its readers.
    pub fn failures(&self) -> Vec<(&str, &str)> {
        let own = self.failed.as_deref().map(|why| (self.name(), why));
        own.into_iter().chain(self.readers.iter().flat_map(Self::failures)).collect()
    }

    /// Takes a batch.
    pub fn take(&mut self, incoming: &Incoming<'_>, context: &mut Context) {
        if self.failed.is_none()
            && let Err(fault) = self.try_take(incoming, context)
        {
            self.failed = Some(fault.to_string());
        }
    }

    /// Decides the windows that are complete.
    pub fn close(&mut self, context: &mut Context) {
        if self.failed.is_none()
            && let Err(fault) = self.try_close(context)
        {
            self.failed = Some(fault.to_string());
        }
    }

    fn try_take(&mut self, incoming: &Incoming<'_>, context: &mut Context) -> Result<(), Fault> {
        let time = self.manifest.window.as_ref().map(|window| window.time);
        let usable = incoming.usable(&self.columns, time, &self.manifest.name, context);
        let taken: Vec<Column>;
        let columns: Vec<&Column> = match &usable {
            None => incoming.columns_at(&self.columns).collect(),
            Some(rows) => {
                taken = incoming.columns_at(&self.columns).map(|column| column.take(rows)).collect();
                taken.iter().collect()
            }
        };
        let len = usable.as_ref().map_or(incoming.len, Vec::len);
        let record = |row: u32| usable.as_ref().map_or(Some(row), |rows| rows.get(row as usize).copied());

        let (selected, kept) = self.ingest(len, &columns, context)?;
        for failure in &selected.failed {
            let text = expression(self.manifest.ingest.as_ref(), failure.expression);
            let message = format!("{} in {text}", words(failure.reason));
            incoming.dead_letter(record(failure.row), &self.manifest.name, failure.reason, &message, context);
        }
        let column = |place: manifest::Column| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            manifest::Column::Computed(index) => selected.columns.get(index),
            _ => None,
        };
        let Some(windows) = &mut self.windows else {
            let rows = pick(&self.manifest.output, kept.as_ref(), len, column)?;
            self.deliver(&rows, context);
            return Ok(());
        };
        let folded = fold(windows, &self.manifest, incoming.partition(), kept.as_ref(), column, context)?;
        let name = &self.manifest.name;
        for row in folded.rejected {
            let message = "a new group beyond max_groups; fewer groups, or a higher limit";
            incoming.dead_letter(record(row), name, Reason::GroupLimit, message, context);
        }
        for row in folded.out_of_range {
            let message = "the event time is outside of the years 1 to 9999";
            incoming.dead_letter(record(row), name, Reason::OutOfRange, message, context);
        }
        self.try_close(context)
    }

    /// Step 2: WHERE and computed columns. Also gives which rows go on; none = all.
    fn ingest(
        &mut self,
        len: usize,
        columns: &[&Column],
        context: &Context,
    ) -> Result<(Selected, Option<Bitmap>), Fault> {
        let (Some(stage), Some(component)) = (&self.manifest.ingest, &mut self.component) else {
            return Ok((Selected::default(), None));
        };
        let arguments = arguments(stage, |place| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            _ => None,
        })?;
        let selected = context.timings.of(Step::Query, || component.ingest(len, &arguments))?;
        let kept = kept(&selected, len);
        Ok((selected, kept))
    }

    fn try_close(&mut self, context: &mut Context) -> Result<(), Fault> {
        while let Some(windows) = &mut self.windows {
            let closed = context.grouping(|| windows.engine.next_closed(&mut windows.accumulators))?;
            let Some(closed) = closed else { break };
            self.emit(&closed, context)?;
        }
        Ok(())
    }

    /// Steps 5 and 6: HAVING and the SELECT list over the groups of a complete window.
    fn emit(&mut self, closed: &Closed, context: &mut Context) -> Result<(), Fault> {
        let len = closed.len();
        let bound = |time| constant(time, len);
        let (starts, ends) = (bound(closed.window_start), bound(closed.window_end));
        let letters = letters::OfWindow { manifest: &self.manifest, closed, starts: &starts, ends: &ends };
        let behind = |place| match place {
            manifest::Column::Key(index) => closed.keys.get(index),
            manifest::Column::Aggregate(index) => closed.aggregates.get(index),
            manifest::Column::WindowStart => Some(&starts),
            manifest::Column::WindowEnd => Some(&ends),
            manifest::Column::Computed(_) | manifest::Column::Input(_) => None,
        };
        let mut selected = Selected::default();
        if let (Some(stage), Some(component)) = (&self.manifest.emit, &mut self.component) {
            let arguments = arguments(stage, behind)?;
            selected = context.timings.of(Step::Query, || component.emit(len, &arguments))?;
        }
        let mut kept = kept(&selected, len);
        for (row, aggregate, why) in &closed.failed {
            letters.evaluate(*row, *aggregate, why, context);
            kept.get_or_insert_with(|| Bitmap::filled(len, true)).set(*row as usize, false);
        }
        for failure in &selected.failed {
            if closed.failed.binary_search_by_key(&failure.row, |(row, _, _)| *row).is_err() {
                let text = expression(self.manifest.emit.as_ref(), failure.expression);
                letters.expression(failure, &format!("{} in {text}", words(failure.reason)), context);
            }
        }
        let column = |place| match place {
            manifest::Column::Computed(index) => selected.columns.get(index),
            place => behind(place),
        };
        let rows = pick(&self.manifest.output, kept.as_ref(), len, column)?;
        self.deliver(&rows, context);
        Ok(())
    }

    /// Step 7: on to the output and to the readers.
    fn deliver(&mut self, rows: &Rows, context: &mut Context) {
        if rows.len == 0 {
            return;
        }
        if let Some(output) = &self.output {
            let Manifest { name, output: fields, .. } = &self.manifest;
            let written = context.timings.of(Step::Output, || output.write_rows(name, fields, rows));
            context.check(written);
            context.counts.rows += rows.len as u64;
            context.wrote = true;
        }
        let incoming = Incoming::of_rows(rows, &self.manifest.output);
        self.readers.iter_mut().for_each(|reader| reader.take(&incoming, context));
    }
}

/// Steps 3 and 4: rows to groups, slices and slots, and into the reducers.
fn fold<'a>(
    windows: &mut Windows,
    manifest: &Manifest,
    partition: u32,
    kept: Option<&Bitmap>,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
    context: &mut Context,
) -> Result<Folded, Fault> {
    let Some(window) = &manifest.window else { return Ok(Folded::default()) };
    let times = column(manifest::Column::Input(window.time)).ok_or_else(|| lost(window.time))?;
    let keys = window
        .keys
        .iter()
        .map(|key| column(key.column).ok_or_else(|| lost(key.column)))
        .collect::<Result<Vec<_>, _>>()?;
    let arguments = window
        .aggregates
        .iter()
        .map(|aggregate| {
            let mut columns = aggregate
                .arguments
                .iter()
                .map(|&place| column(place).ok_or_else(|| lost(place)))
                .collect::<Result<Vec<_>, _>>()?;
            if aggregate.needs_time {
                columns.push(times);
            }
            Ok(columns)
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let batch = FoldBatch { times, kept, keys: &keys, arguments: &arguments };
    let folded = context.grouping(|| windows.engine.fold(partition, &batch, &mut windows.accumulators))?;
    context.counts.late += folded.late;
    context.counts.late_partial += folded.late_partial;
    Ok(folded)
}

/// The SELECT list of the rows that are kept.
fn pick<'a>(
    outputs: &[manifest::Output],
    kept: Option<&Bitmap>,
    len: usize,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
) -> Result<Rows, Fault> {
    let rows: Option<Vec<u32>> = kept.map(|kept| {
        kept.iter().zip(0..).filter_map(|(keep, row): (bool, u32)| keep.then_some(row)).collect()
    });
    let columns = outputs
        .iter()
        .map(|output| {
            let column = column(output.column).ok_or_else(|| lost(output.column))?;
            Ok(rows.as_ref().map_or_else(|| column.clone(), |rows| column.take(rows)))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Rows { columns, len: rows.map_or(len, |rows| rows.len()) })
}

/// Which rows go on: kept by the filter and without a failure; none = all.
fn kept(selected: &Selected, len: usize) -> Option<Bitmap> {
    if selected.keep.is_none() && selected.failed.is_empty() {
        return None;
    }
    let mut kept = selected.keep.clone().unwrap_or_else(|| Bitmap::filled(len, true));
    selected.failed.iter().for_each(|failure| kept.set(failure.row as usize, false));
    Some(kept)
}

fn arguments<'a>(
    stage: &Stage,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
) -> Result<Vec<&'a Column>, Fault> {
    stage.arguments.iter().map(|&place| column(place).ok_or_else(|| lost(place))).collect()
}

fn constant(time: i64, len: usize) -> Column {
    let mut column = Column::empty(DataType::Timestamp);
    (0..len).for_each(|_| column.push(&Value::Timestamp(time)));
    column
}

fn expression(stage: Option<&Stage>, number: u32) -> &str {
    stage.and_then(|stage| stage.expressions.get(number as usize)).map_or("an expression", String::as_str)
}

fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::DivisionByZero => "division by zero",
        Reason::Overflow => "a result that does not fit its type",
        Reason::InvalidCast => "a text that is not of the type it is cast to",
        _ => "an argument out of range",
    }
}

/// The plan names a column that is not there: a component that was not made by this version.
fn lost(place: impl std::fmt::Debug) -> Fault {
    Fault::certain("the plan", format!("names a column that is not there: {place:?}"))
}
