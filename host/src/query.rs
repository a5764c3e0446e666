//! Steps 2 to 6 for one statement: a query that runs, and the queries that read its rows.
//!
//! [`RunningQuery::take`] is the way of a batch in order: leave out what is a dead letter for this query, `ingest`, then
//! either windows ([`RunningQuery::close`] when they are complete, then `emit`) or rows as they are; then on to the sink
//! and to the readers. What is decided goes through the [`DecisionLog`]. A [`QueryTask`] is a query that reads a source, with its
//! readers: it goes back to its checkpoint when a plugin fails; nothing else notices.

mod columns;
mod cut_off;
mod input;
mod fold;
mod late;
mod letters;
mod log;
mod operators;
mod task;
mod scope;
mod subscription;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use columns::{among, arguments, constant, expression, kept, pick, words};
use fold::fold;
use streamgauge_common::{
    column::{Bitmap, Column},
    crash,
    reason::Reason,
    row::{Identity, Rows},
};
use streamgauge_component::query::{QueryComponent, Selected};
use streamgauge_engine::{
    Accumulators, Closed, Fault, Pass, RestoreError, SegmentId, Snapshot, StateSegment, WindowQuery,
};
use streamgauge_sql::manifest::{self, Manifest};
use streamgauge_state::decision::SinkBatch;

use crate::{
    decode::{RejectScope, RowIndex},
    deliver::{encode::Encode, output::Output},
    timings::Step,
};

pub use cut_off::CutOff;
pub use input::{InputBatch, Origin};
pub use letters::{Context, Counts};
pub use log::DecisionLog;
pub use operators::Operators;
pub use scope::{EmitContext, TaskFailure};
pub use subscription::{Control, Progress, Subscription, Wanted};
pub use task::{OpenAggregates, QueryTask, ReadFrom, TaskEnd, WindowFactory};

/// A statement at work.
pub struct RunningQuery {
    manifest: Manifest,
    /// None where no column enters it: every row passes and nothing is computed.
    component: Option<QueryComponent>,
    windows: Option<Windows>,
    /// Where each of the manifest's columns is in what comes in: its position in the source's schema, or in a view's output.
    columns: Vec<usize>,
    /// Only where it reads rows of closed windows.
    operators: Operators,
    sink: Sink,
    readers: Vec<RunningQuery>,
    failed: Option<String>,
    cut_off: Option<CutOff>,
}

/// Why a row has no group.
const GROUP_LIMIT: &str = "a new group beyond max_groups; fewer groups, or a higher limit";

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
            manifest,
            component,
            windows,
            columns,
            operators,
            sink: Sink::None,
            readers: Vec::new(),
            failed: None,
            cut_off: None,
        }
    }

    /// Writes the rows to an output as they are decided.
    pub fn send_to(&mut self, output: Arc<Output>) {
        self.sink = Sink::Output(output);
    }

    /// Makes messages of the rows; they go to the outbox of this query's name.
    pub fn post_to(&mut self, encoder: Box<dyn Encode>) {
        self.sink = Sink::Outbox(encoder);
    }

    /// Other windows instead of those that it has; its operators, and those of its readers, know nothing.
    pub fn replace_windows(&mut self, windows: Option<Windows>) {
        self.windows = windows;
        self.failed = None;
        self.each_operators(&mut Operators::reset);
    }

    /// The operators of this query and its readers.
    fn each_operators(&mut self, work: &mut dyn FnMut(&mut Operators)) {
        work(&mut self.operators);
        self.readers.iter_mut().for_each(|reader| reader.each_operators(work));
    }

    /// Whether it or one of its readers has state beside windows.
    pub fn is_stateful(&self) -> bool {
        !self.operators.is_empty() || self.readers.iter().any(Self::is_stateful)
    }

    /// Whether operators of it or of its readers do not get rows any more, because their statement failed: then a checkpoint would
    /// say that they have seen what they have not.
    pub fn misses_rows(&self) -> bool {
        (self.failed.is_some() && self.is_stateful()) || self.readers.iter().any(Self::misses_rows)
    }

    /// What the operators of this query and its readers keep, by their ids.
    pub fn operator_names(&self) -> BTreeMap<u64, String> {
        let own = self.operators.names().map(|(id, meaning)| (id, meaning.to_owned()));
        own.chain(self.readers.iter().flat_map(Self::operator_names)).collect()
    }

    /// Puts a segment of an operator back.
    ///
    /// # Errors
    /// A segment that is of no operator of this query and its readers, or that does not fit.
    pub fn put_back_operator(&mut self, segment: &StateSegment) -> Result<(), RestoreError> {
        let mut done = Ok(false);
        self.each_operators(&mut |operators| {
            if let Ok(false) = done {
                done = operators.put_back(segment);
            }
        });
        match done? {
            true => Ok(()),
            false => Err(RestoreError::Misfit("a part of it is of an operator that is not there".to_owned())),
        }
    }

    /// What has changed in its windows and operators since the last time, and all of some segments; none where it has no windows.
    pub fn snapshot(&mut self, whole: &BTreeSet<SegmentId>) -> Result<Option<Snapshot>, Fault> {
        let Some(windows) = self.windows.as_mut().filter(|_| self.failed.is_none()) else { return Ok(None) };
        let mut snapshot = windows.engine.snapshot(whole, &mut windows.accumulators)?;
        let Snapshot { parts, kept, .. } = &mut snapshot;
        self.each_operators(&mut |operators| operators.snapshot(whole, parts, kept));
        Ok(Some(snapshot))
    }

    /// Lets another query read the rows.
    pub fn add_reader(&mut self, reader: RunningQuery) {
        self.readers.push(reader);
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

    /// What its windows are, if it has any.
    pub fn window(&self) -> Option<&manifest::Window> {
        self.manifest.window.as_ref()
    }

    /// The windows, if it has any.
    pub fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// The windows, if it has any.
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
        self.readers.iter_mut().for_each(|reader| reader.flush(context));
    }

    /// The queries that failed, with why: this one and its readers.
    pub fn failures(&self) -> Vec<(&str, &str)> {
        let own = self.failed.as_deref().map(|why| (self.name(), why));
        own.into_iter().chain(self.readers.iter().flat_map(Self::failures)).collect()
    }

    /// Its windows that the end of the input has cut off.
    pub fn cut_off(&self) -> Option<CutOff> {
        self.cut_off
    }

    /// Why nothing of it can go on: it failed, or all queries that read its rows did.
    pub fn failure(&self) -> Option<String> {
        let readers = || {
            let failures: Option<Vec<String>> = self.readers.iter().map(Self::failure).collect();
            failures?.into_iter().next()
        };
        self.failed.clone().or_else(readers)
    }

    /// It is over with this query and its readers.
    pub fn fail(&mut self, why: String) {
        self.failed.get_or_insert(why);
    }

    /// Takes rows. Gives what its sink, and those of its readers, are to be sent: rows of a view, as those of a window that closes, are
    /// decided where they come from.
    pub fn take(
        &mut self,
        input: &InputBatch<'_>,
        scope: &mut EmitContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let time = self.manifest.window.as_ref().map(|window| window.time);
        let mut columns = input.columns_at(&self.columns)?;
        let usable = input.usable(&self.columns, time, &self.manifest.name, scope);
        let taken: Vec<Column>;
        if let Some(rows) = &usable {
            taken = columns.iter().map(|column| column.take(rows)).collect();
            columns = taken.iter().collect();
        }
        let len = usable.as_ref().map_or(input.len, Vec::len);
        let number = |row: u32| usable.as_ref().map_or(Some(row), |rows| rows.get(row as usize).copied());
        let row = |row: u32| number(row).map(|number| RejectScope::Row(RowIndex(number)));

        let (selected, mut kept) = self.ingest(len, &columns, scope.context)?;
        for failure in &selected.failed {
            let text = expression(self.manifest.ingest.as_ref(), failure.expression);
            let message = format!("{} in {text}", words(failure.reason));
            input.dead_letter(row(failure.row), &self.manifest.name, failure.reason, &message, scope);
        }
        for (record, why) in input.quarantined() {
            let rows = among(input.rows_of(*record), usable.as_deref());
            if !rows.is_empty() {
                let record = Some(RejectScope::Record(*record));
                input.dead_letter(record, &self.manifest.name, Reason::Plugin, why, scope);
                let kept = kept.get_or_insert_with(|| Bitmap::filled(len, true));
                rows.for_each(|row| kept.set(row, false));
            }
        }
        let column = |place: manifest::Column| match place {
            manifest::Column::Input(index) => columns.get(index).copied(),
            manifest::Column::Computed(index) => selected.columns.get(index),
            _ => None,
        };
        let Some(windows) = &mut self.windows else {
            let given = self.operators.apply(input, len, kept.as_ref(), column, scope)?;
            for &rejected in &given.rejected {
                let name = &self.manifest.name;
                input.dead_letter(row(rejected), name, Reason::GroupLimit, GROUP_LIMIT, scope);
                kept.get_or_insert_with(|| Bitmap::filled(len, true)).set(rejected as usize, false);
            }
            let column = |place| given.column(place).or_else(|| column(place));
            let picked = pick(&self.manifest.output, kept.as_ref(), column)?;
            let numbers: Vec<u32> = match &picked.rows {
                Some(rows) => rows.iter().filter_map(|&row| number(row)).collect(),
                None => (0..len as u32).filter_map(number).collect(),
            };
            let rows =
                Rows { columns: picked.columns, len: numbers.len(), identity: input.identity(&numbers) };
            return self.emit_rows(input, rows, scope);
        };
        let folded = fold(windows, &self.manifest, input, kept.as_ref(), column, scope);
        let folded = folded.map_err(|fault| TaskFailure { fault, in_fold: true, batch: None })?;
        let name = &self.manifest.name;
        for rejected in folded.rejected {
            input.dead_letter(row(rejected), name, Reason::GroupLimit, GROUP_LIMIT, scope);
        }
        for rejected in folded.out_of_range {
            let message = "the event time is outside of the years 1 to 9999";
            input.dead_letter(row(rejected), name, Reason::OutOfRange, message, scope);
        }
        if scope.context.wants_late() {
            for late in folded.late_rows {
                input.dead_letter(row(late.row), name, Reason::Late, &late::message(&late), scope);
            }
        }
        Ok(Vec::new())
    }

    /// Rows that are of no window: those of records are decided as they come, all rows of a record at once.
    fn emit_rows(
        &mut self,
        input: &InputBatch<'_>,
        rows: Rows,
        scope: &mut EmitContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let Some((partition, next)) = input.behind() else {
            return self.deliver(&rows, scope);
        };
        let Identity::Records { offsets, .. } = &rows.identity else { unreachable!("rows of records") };
        let decided = offsets.partition_point(|&offset| offset < scope.log.passed(partition));
        let sent = match decided {
            0 => self.deliver(&rows, scope)?,
            decided => {
                self.deliver(&rows.take(&(decided as u32..rows.len as u32).collect::<Vec<_>>()), scope)?
            }
        };
        if next > scope.log.passed(partition) {
            scope.log.pass(partition, next, sent);
        }
        Ok(Vec::new())
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
        let selected = context.timings().of(Step::Query, || component.ingest(len, &arguments))?;
        let kept = kept(&selected, len);
        Ok((selected, kept))
    }

    /// Decides the windows that are complete, as long as there is room for their rows.
    pub fn close(&mut self, scope: &mut EmitContext<'_>) -> Result<(), TaskFailure> {
        if let Some(windows) = &self.windows
            && let Some(end) = windows.engine.forces()
        {
            scope.log.force(end, scope.offsets);
        }
        while self.failed.is_none()
            && scope.log.has_room()
            && let Some(windows) = &mut self.windows
        {
            let closed = scope.context.grouping(|| windows.engine.next_closed(&mut windows.accumulators))?;
            let Some(closed) = closed else { break };
            let (end, run) = (closed.window_end, closed.run);
            if let (0, Some(last_event)) = (run, windows.engine.cut_off(end)) {
                self.cut_off.get_or_insert(CutOff::at(last_event, end)).windows += 1;
            }
            let pass = if scope.log.is_decided(end, run) { Pass::Replay } else { Pass::Live };
            let sent = self.emit(&closed, &mut scope.with_pass(pass))?;
            if pass == Pass::Live {
                crash::point("close.decided");
                scope.log.close(end, run, sent);
            }
        }
        Ok(())
    }

    /// Steps 5 and 6: HAVING and the SELECT list over the groups of a complete window.
    fn emit(&mut self, closed: &Closed, scope: &mut EmitContext<'_>) -> Result<Vec<SinkBatch>, TaskFailure> {
        let len = closed.len();
        let bound = |time| constant(time, len);
        let (starts, ends) = (bound(closed.window_start), bound(closed.window_end));
        let letters =
            letters::WindowDeadLetters { manifest: &self.manifest, closed, starts: &starts, ends: &ends };
        let behind = |place| match place {
            manifest::Column::Key(index) => closed.keys.get(index),
            manifest::Column::Aggregate(index) => closed.aggregates.get(index),
            manifest::Column::WindowStart => Some(&starts),
            manifest::Column::WindowEnd => Some(&ends),
            manifest::Column::Computed(_) | manifest::Column::Input(_) | manifest::Column::Operator(_) => {
                None
            }
        };
        let mut selected = Selected::default();
        if let (Some(stage), Some(component)) = (&self.manifest.emit, &mut self.component) {
            let arguments = arguments(stage, behind)?;
            selected = scope.context.timings().of(Step::Query, || component.emit(len, &arguments))?;
        }
        let mut kept = kept(&selected, len);
        for (row, aggregate, why) in &closed.failed {
            letters.evaluate(*row, *aggregate, why, scope);
            kept.get_or_insert_with(|| Bitmap::filled(len, true)).set(*row as usize, false);
        }
        for failure in &selected.failed {
            if closed.failed.binary_search_by_key(&failure.row, |(row, _, _)| *row).is_err() {
                let text = expression(self.manifest.emit.as_ref(), failure.expression);
                letters.expression(failure, &format!("{} in {text}", words(failure.reason)), scope);
            }
        }
        let column = |place| match place {
            manifest::Column::Computed(index) => selected.columns.get(index),
            place => behind(place),
        };
        let picked = pick(&self.manifest.output, kept.as_ref(), column)?;
        let identity = Identity::Window {
            start_us: closed.window_start,
            end_us: closed.window_end,
            forced: closed.forced,
            keys: closed.keys.clone(),
        };
        let identity = match &picked.rows {
            Some(rows) => identity.take(rows),
            None => identity,
        };
        let rows =
            Rows { columns: picked.columns, len: picked.rows.map_or(len, |rows| rows.len()), identity };
        self.deliver(&rows, scope)
    }

    /// Step 7: on to the sink and to the readers. What was decided before is not sent again, and goes only to readers with
    /// operators: these follow a replay.
    fn deliver(&mut self, rows: &Rows, scope: &mut EmitContext<'_>) -> Result<Vec<SinkBatch>, TaskFailure> {
        let context = &mut *scope.context;
        let (mut sent, is_replay) = (Vec::new(), scope.pass == Pass::Replay);
        if rows.len == 0 || self.failed.is_some() {
            return Ok(sent);
        }
        let Manifest { name, output: fields, .. } = &self.manifest;
        match &mut self.sink {
            _ if is_replay => {}
            Sink::None => {}
            Sink::Output(output) => {
                let written = context.timings().of(Step::Output, || output.write_rows(name, fields, rows));
                context.wrote = true;
                self.failed = context.check(written);
                if self.failed.is_some() {
                    return Ok(sent);
                }
                context.counts.rows += rows.len as u64;
            }
            Sink::Outbox(encoder) => {
                let first = scope.log.next_sequence(name);
                let timings = context.subscription.timings.clone();
                let messages = timings.of(Step::Output, || encoder.encode(fields, rows, first))?;
                sent.push(SinkBatch { query: name.clone(), messages });
                context.counts.rows += rows.len as u64;
            }
        }
        let input = InputBatch::of_rows(rows, &self.manifest.output);
        for reader in self.readers.iter_mut().filter(|reader| reader.failed.is_none()) {
            let is_stateful = reader.is_stateful();
            if is_replay && !is_stateful {
                continue;
            }
            match reader.take(&input, scope) {
                Ok(more) => sent.extend(more),
                // An operator that misses rows would be wrong ever after, so all that has one goes back to the checkpoint.
                Err(task_failure) if is_stateful => return Err(task_failure),
                Err(task_failure) => reader.failed = Some(task_failure.fault.to_string()),
            }
        }
        Ok(sent)
    }
}
