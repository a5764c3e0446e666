//! A statement at work: a query that runs, and the queries that read its rows.
//!
//! [`RunningQuery::take`] is the way of a batch in order: leave out what is a dead letter for this query, `ingest`, then
//! either windows or rows as they are. `emit` has what follows: [`RunningQuery::close`] when windows are complete, then on to the sink
//! and to the readers. What is decided goes through the [`DecisionLog`]. A [`QueryTask`] is a query that reads a source, with its
//! readers: it goes back to its checkpoint when a plugin fails; nothing else notices.

mod columns;
mod input;
mod grouping_sets;
mod fold;
mod late;
mod groups;
mod emit;
mod revise;
mod operators;
mod tables;
mod over_view;
mod order;
mod cut_off;
mod letters;
mod log;
mod scope;
mod state;
mod task;
mod subscription;
mod strange_times;
mod progress;
mod query_progress;
mod no_rows;
mod recent;
mod rest;

use std::sync::Arc;

use columns::{Picked, among, arguments, expression, kept, pick, plain, words};
use fold::fold;
use order::OrderedRows;
use streamgauge_common::{
    column::{Bitmap, Column},
    reason::Reason,
    row::Rows,
};
use streamgauge_component::query::{QueryComponent, Selected};
use streamgauge_engine::{Accumulators, Fault, WindowQuery};
use streamgauge_sql::manifest::{self, Manifest};
use streamgauge_state::decision::SinkBatch;

use crate::{
    decode::{RejectScope, RowIndex},
    deliver::{encode::Encode, output::Output},
    timings::Step,
};

pub use cut_off::CutOff;
pub use input::{InputBatch, Origin};
pub use late::LateWatch;
pub use letters::{Context, Counts, QueryIndex};
pub use log::{DecisionLog, REMEMBERED_MAX};
pub use no_rows::NoRows;
pub use operators::Operators;
pub use over_view::OverView;
pub use progress::Progress;
pub use query_progress::QueryProgress;
pub use recent::RecentRows;
pub use scope::{QueryContext, TaskFailure};
pub use subscription::{Control, Subscription, UnreadColumns, Wanted};
pub use tables::{Standing, TaskTables};
pub use task::{NoteEnd, OpenAggregates, QueryTask, ReadFrom, TaskColumns, TaskEnd, WindowFactory};

/// Why an event has no place in any window.
const OUT_OF_RANGE: &str = "the event time is outside of the years 1 to 9999";

/// A statement at work.
pub struct RunningQuery {
    manifest: Manifest,
    /// Which of its task's queries it is.
    index: QueryIndex,
    /// None where no column enters it: every row passes and nothing is computed.
    component: Option<QueryComponent>,
    windows: Option<Windows>,
    /// Only with ORDER BY.
    ordered: Option<OrderedRows>,
    /// Only where it has windows and reads a view.
    over_view: Option<OverView>,
    /// Where each of the manifest's columns is in what comes in: its position in the source's schema, or in a view's output.
    columns: Vec<usize>,
    /// Whether its reducers are absent, since nothing has come for long.
    rests: bool,
    /// Only where it reads rows of closed windows.
    operators: Operators,
    sink: Sink,
    /// Its last rows, for people; none where nobody looks at them.
    recent: Option<Arc<RecentRows>>,
    downstream: Vec<RunningQuery>,
    /// Takes the events that are late for all windows, where they go to a sink.
    late: Option<Box<RunningQuery>>,
    failed: Option<String>,
    cut_off: Option<CutOff>,
    /// Windows with rows that it has closed in this process.
    closed: u64,
    /// Events that are only in windows before the first one that is emitted.
    unwanted: u64,
}

/// Why a row has no group.
fn too_many_groups(groups_max: usize) -> String {
    format!("a new group beyond max_groups ({groups_max}); fewer groups, or --limit max_groups=N")
}

/// Where a query's rows go.
enum Sink {
    /// To its readers only.
    None,
    /// Written as they are decided: nothing is durable.
    Output(Arc<Output>),
    /// Into an outbox, as messages.
    Outbox(Box<dyn Encode>),
}

/// The windows of a query and the states of its aggregate calls.
pub struct Windows {
    /// Groups, slices, watermarks.
    pub engine: WindowQuery,
    /// One for each of the manifest's aggregates.
    pub accumulators: Vec<Box<dyn Accumulators>>,
}

impl Windows {
    /// The versions of its reducers' states.
    pub fn state_versions(&self) -> Vec<u32> {
        self.accumulators.iter().map(|calls| calls.state_version()).collect()
    }
}

impl RunningQuery {
    /// A query over input whose columns are at `columns`.
    pub fn new(
        manifest: Manifest,
        component: Option<QueryComponent>,
        windows: Option<Windows>,
        columns: Vec<usize>,
        operators: Operators,
    ) -> Self {
        debug_assert_eq!(manifest.columns.len(), columns.len(), "every column has a place");
        Self {
            ordered: manifest.order.clone().map(OrderedRows::new),
            manifest,
            index: QueryIndex::default(),
            component,
            windows,
            over_view: None,
            columns,
            rests: false,
            operators,
            sink: Sink::None,
            recent: None,
            downstream: Vec::new(),
            late: None,
            failed: None,
            cut_off: None,
            closed: 0,
            unwanted: 0,
        }
    }

    /// Its windows are over the rows of a view.
    pub fn over_view(&mut self, over_view: OverView) {
        self.over_view = Some(over_view);
    }

    /// Writes the rows to an output as they are decided.
    pub fn send_to(&mut self, output: Arc<Output>) {
        self.sink = Sink::Output(output);
    }

    /// Makes messages of the rows; they go to the outbox of this query's name.
    pub fn post_to(&mut self, encoder: Box<dyn Encode>) {
        self.sink = Sink::Outbox(encoder);
    }

    /// Shows the rows here as well.
    pub fn show_in(&mut self, recent: Arc<RecentRows>) {
        self.recent = Some(recent);
    }

    /// Lets another query read the rows.
    pub fn add_downstream(&mut self, reader: RunningQuery) {
        self.downstream.push(reader);
    }

    /// Lets another query take the events that are late for all windows.
    pub fn send_late_to(&mut self, late: RunningQuery) {
        self.late = Some(Box::new(late));
    }

    /// The queries that read its rows or its late events.
    fn readers_mut(&mut self) -> impl Iterator<Item = &mut RunningQuery> {
        self.downstream.iter_mut().chain(self.late.as_deref_mut())
    }

    /// Numbers this query and its readers behind those that have these names, and adds theirs.
    fn number(&mut self, names: &mut Vec<String>) {
        self.index = QueryIndex(names.len());
        names.push(self.name().to_owned());
        self.readers_mut().for_each(|reader| reader.number(names));
    }

    /// What it was compiled to.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The query's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Where its columns are in what comes in.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Where the columns of its late events are in what comes in; none where nobody takes these.
    pub(super) fn late_columns(&self) -> Option<&[usize]> {
        self.late.as_deref().map(|late| late.columns.as_slice())
    }

    /// What its windows are, if it has any.
    pub fn window(&self) -> Option<&manifest::Window> {
        self.manifest.window.as_ref()
    }

    /// Where the time of its windows is among its columns.
    fn time(&self) -> Option<usize> {
        self.window().map(|window| window.time)
    }

    /// The windows, if it has any.
    pub fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// The windows, if it has any and has not failed.
    pub fn windows_mut(&mut self) -> Option<&mut Windows> {
        self.windows.as_mut().filter(|_| self.failed.is_none())
    }

    /// Hands on what was written so far, by this query and its readers. Where a place does not take it, its query has failed.
    pub fn flush(&mut self, context: &mut Context) {
        if let Sink::Output(output) = &self.sink
            && self.failed.is_none()
        {
            self.failed = context.check(output.flush());
        }
        self.readers_mut().for_each(|reader| reader.flush(context));
    }

    /// Rotates files that are old, while no rows come.
    pub fn rotate_old_files(&mut self, context: &mut Context) {
        if let Sink::Output(output) = &self.sink
            && self.failed.is_none()
        {
            self.failed = context.check(output.rotate_if_old());
        }
        self.readers_mut().for_each(|reader| reader.rotate_old_files(context));
    }

    /// The queries that failed, with why: this one and its readers.
    pub fn failures(&self) -> Vec<(&str, &str)> {
        let own = self.failed.as_deref().map(|why| (self.name(), why));
        let readers = self.downstream.iter().chain(self.late.as_deref());
        own.into_iter().chain(readers.flat_map(Self::failures)).collect()
    }

    /// Its windows that the end of the input has cut off.
    pub fn cut_off(&self) -> Option<CutOff> {
        self.cut_off
    }

    /// How many windows with rows it has closed in this process.
    pub(super) fn closed_windows(&self) -> u64 {
        self.closed
    }

    /// How many events were only in windows that are not emitted, in this process.
    pub(super) fn unwanted_events(&self) -> u64 {
        self.unwanted
    }

    /// Why nothing of it can go on: it failed, or all queries that read its rows did.
    pub fn failure(&self) -> Option<String> {
        let readers = || {
            let failures: Option<Vec<String>> = self.downstream.iter().map(Self::failure).collect();
            failures?.into_iter().next()
        };
        self.failed.clone().or_else(readers)
    }

    /// Takes rows. Returns the batches for its sink and for the sinks of its readers, where the rows are of a view: the query whose windows
    /// they are of decides them. Nothing where they are of records: these are decided here.
    pub fn take(
        &mut self,
        input: &InputBatch<'_>,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let mut columns = input.columns_at(&self.columns)?;
        let usable = input.usable(&self.columns, self.time(), &self.manifest.name, scope);
        let taken: Vec<Column>;
        if let Some(rows) = &usable {
            taken = columns.iter().map(|column| column.take(rows)).collect();
            columns = taken.iter().collect();
        }
        let looked_up = self.look_up(input, &columns, scope)?;
        columns.extend(&looked_up);
        let len = usable.as_ref().map_or(input.len, Vec::len);
        let number = |row: u32| usable.as_ref().map_or(Some(row), |rows| rows.get(row as usize).copied());
        let row = |row: u32| number(row).map(|number| RejectScope::Row(RowIndex(number)));

        let (selected, mut kept) = self.ingest(len, &columns, scope.context)?;
        for failure in &selected.failed {
            let text = expression(self.manifest.ingest.as_ref(), failure.expression);
            let message = format!("{} in {text}", words(failure.reason));
            input.dead_letter(row(failure.row), &self.manifest.name, failure.reason, &message, scope);
        }
        leave_out_quarantined(input, usable.as_deref(), (&self.manifest.name, len), &mut kept, scope);
        let column = |place: manifest::Column| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            manifest::Column::Computed(index) => selected.columns.get(index),
            _ => None,
        };
        let Some(windows) = &mut self.windows else {
            let given = self.operators.apply(input, len, kept.as_ref(), column, scope)?;
            for &rejected in &given.rejected {
                let (name, message) = (&self.manifest.name, too_many_groups(self.operators.groups_max()));
                input.dead_letter(row(rejected), name, Reason::GroupLimit, &message, scope);
                kept.get_or_insert_with(|| Bitmap::filled(len, true)).set(rejected as usize, false);
            }
            let column = |place| given.column(place).or_else(|| column(place));
            let Picked { columns: mut output, rows: picked } =
                pick(plain(&self.manifest), kept.as_ref(), column)?;
            let numbers: Vec<u32> = match &picked {
                Some(rows) => rows.iter().filter_map(|&row| number(row)).collect(),
                None => (0..len as u32).filter_map(number).collect(),
            };
            let identity = input.identity(&numbers);
            revise::append_closed(&self.manifest, &mut output, numbers.len());
            let mut rows = Rows { columns: output, len: numbers.len(), identity };
            if let Some(ordered) = &mut self.ordered {
                match ordered.take(picked.as_deref(), rows, input.ends_window, column)? {
                    Some(all) => rows = all,
                    None => return Ok(Vec::new()),
                }
            }
            return self.emit_rows(input, rows, scope);
        };
        let folded = fold(windows, (self.index, &self.manifest), input, kept.as_ref(), column, scope);
        let folded = folded.map_err(|fault| TaskFailure { fault, in_fold: true, batch: None })?;
        let name = &self.manifest.name;
        for rejected in folded.rejected {
            let message = too_many_groups(windows.engine.groups_max());
            input.dead_letter(row(rejected), name, Reason::GroupLimit, &message, scope);
        }
        for rejected in folded.out_of_range {
            input.dead_letter(row(rejected), name, Reason::OutOfRange, OUT_OF_RANGE, scope);
        }
        scope.context.subscription.late.note(&folded.late_rows);
        self.unwanted += folded.unwanted;
        if let Some(late) = &mut self.late {
            let rows: Vec<u32> = folded.late_rows.iter().filter_map(|late| number(late.row)).collect();
            late.take_late(input, &rows, scope)?;
        } else if scope.context.wants_late(self.index) {
            for late in folded.late_rows {
                input.dead_letter(row(late.row), name, Reason::Late, &late::message(&late), scope);
            }
        }
        Ok(Vec::new())
    }

    /// Sends these rows as they are: they were late for all windows of the query whose late events it takes.
    fn take_late(
        &mut self,
        input: &InputBatch<'_>,
        rows: &[u32],
        scope: &mut QueryContext<'_>,
    ) -> Result<(), TaskFailure> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns = input.columns_at(&self.columns)?;
        let column = |place| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            _ => None,
        };
        let picked = pick(&self.manifest.output, None, column)?.columns;
        let columns = picked.iter().map(|column| column.take(rows)).collect();
        let rows = Rows { columns, len: rows.len(), identity: input.identity(rows) };
        let left = self.emit_rows(input, rows, scope)?;
        debug_assert!(left.is_empty(), "rows of records are decided here");
        Ok(())
    }

    /// Step 2: WHERE and computed columns. Also gives which rows go on; none = all.
    pub(super) fn ingest(
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
        let selected = context.timings().of(Step::Query, || component.ingest(len, &arguments))?;
        let kept = kept(&selected, len);
        Ok((selected, kept))
    }
}

/// Records for which a plugin failed are dead letters, and none of their rows goes on.
fn leave_out_quarantined(
    input: &InputBatch<'_>,
    usable: Option<&[u32]>,
    (query, len): (&str, usize),
    kept: &mut Option<Bitmap>,
    scope: &mut QueryContext<'_>,
) {
    for (record, why) in input.quarantined() {
        let rows = among(input.rows_of(*record), usable);
        if !rows.is_empty() {
            input.dead_letter(Some(RejectScope::Record(*record)), query, Reason::Plugin, why, scope);
            let kept = kept.get_or_insert_with(|| Bitmap::filled(len, true));
            rows.for_each(|row| kept.set(row, false));
        }
    }
}
