//! Complete windows and rows to what the sink of a statement and its readers get.

use streamgauge_common::{
    column::Bitmap,
    crash,
    row::{Identity, Rows},
};
use streamgauge_component::query::Selected;
use streamgauge_engine::{Closed, Pass};
use streamgauge_sql::manifest::Manifest;
use streamgauge_state::decision::SinkBatch;

use super::{
    CutOff, InputBatch, QueryContext, RunningQuery, Sink, TaskFailure,
    columns::{Picked, arguments, expression, kept, pick, plain, words},
    groups::Groups,
    letters, revise,
};
use crate::timings::Step;

impl RunningQuery {
    /// Decides the windows that are complete, as long as there is room for their rows and time. In a replay of all of them they are only closed.
    pub fn close(&mut self, scope: &mut QueryContext<'_>) -> Result<(), TaskFailure> {
        let is_live = scope.pass == Pass::Live;
        let over_view = self.over_view.as_ref().map(|over_view| over_view.id);
        if let Some(windows) = &self.windows
            && over_view.is_none()
            && let Some(end) = windows.engine.forces()
            && is_live
        {
            scope.log.decide_forced(end, scope.offsets);
        }
        loop {
            if self.failed.is_some() {
                break;
            }
            // Room in an outbox is needed only to give out a complete window. Where there is none, the windows over these rows still
            // learn up to which time all rows have come.
            if self.windows.as_ref().is_some_and(|windows| windows.engine.has_complete_window()) {
                // First what waited for room: windows over the rows of windows that are closed.
                self.close_over_views(None, scope)?;
                if !scope.log.has_room() || scope.pauses() {
                    break;
                }
            }
            let Some(windows) = &mut self.windows else { break };
            let closed = scope.context.grouping(|| windows.engine.next_closed(&mut windows.accumulators))?;
            let Some(closed) = closed else {
                let upto = windows.engine.closed_upto();
                self.close_over_views(Some(upto), scope)?;
                break;
            };
            let (end, run, is_first) = (closed.decided_at, closed.run, closed.revised.is_none());
            // The end of the input is what closes the window over all of it.
            let has_bounds = self.manifest.window.as_ref().is_some_and(|window| window.kind.has_bounds());
            let may_be_cut_off = closed.is_last && is_first && has_bounds;
            let cut_off = windows.engine.cut_off(end).filter(|_| may_be_cut_off);
            self.closed += u64::from(closed.is_last && is_first);
            let is_new = is_live && !scope.log.is_decided(over_view, end, run);
            let pass = if is_new { Pass::Live } else { Pass::Replay };
            let sent = match self.emit(&closed, &mut scope.with_pass(pass)) {
                Ok(sent) => sent,
                Err(task_failure) => {
                    // It is decided anew when the query has gone back.
                    scope.context.roll_back();
                    return Err(task_failure);
                }
            };
            if pass == Pass::Live {
                crash::point("close.decided");
                scope.log.decide_window(over_view, end, run, sent);
                if let Some(last_event) = cut_off {
                    self.cut_off.get_or_insert(CutOff::at(last_event, end)).windows += 1;
                }
            }
            scope.context.commit();
            if closed.completes_end {
                self.close_over_views(Some(end), scope)?;
            }
        }
        Ok(())
    }

    /// Closes the complete windows over the rows of this query. All windows of this query that end at or before `upto` are closed; none =
    /// as many as were before, so only windows that waited for room are to be closed. Each window of this query leads to one call for each reader:
    /// two of them would double the work with each view of a chain.
    fn close_over_views(
        &mut self,
        upto: Option<i64>,
        scope: &mut QueryContext<'_>,
    ) -> Result<(), TaskFailure> {
        for reader in &mut self.downstream {
            match (&reader.over_view, &mut reader.windows) {
                (Some(_), Some(windows)) => {
                    upto.into_iter().for_each(|upto| windows.engine.complete(upto));
                    if upto.is_some() || reader.has_complete_window() {
                        reader.close(scope)?;
                    }
                }
                _ => reader.close_over_views(upto, scope)?,
            }
        }
        Ok(())
    }

    /// Whether a window of this query or of its readers is complete and its rows are not all decided: there was no room for them.
    pub(super) fn has_complete_window(&self) -> bool {
        let own = self.windows.as_ref().is_some_and(|windows| windows.engine.has_complete_window());
        // A reader that has failed decides nothing more.
        let mut readers = self.downstream.iter().filter(|reader| reader.failed.is_none());
        own || readers.any(Self::has_complete_window)
    }

    /// The end of the next window with a row, of this query or of its readers: windows over a view close by the same silence as those of the
    /// view, which may be closed already.
    pub(super) fn next_window_end(&self) -> Option<i64> {
        let own = self.windows.as_ref().and_then(|windows| windows.engine.next_window_end());
        let readers = self.downstream.iter().filter(|reader| reader.failed.is_none());
        own.into_iter().chain(readers.filter_map(Self::next_window_end)).min()
    }

    /// Step 6: HAVING and the SELECT list over the groups of a complete window.
    fn emit(&mut self, closed: &Closed, scope: &mut QueryContext<'_>) -> Result<Vec<SinkBatch>, TaskFailure> {
        if let Some(revised) = &closed.revised {
            return self.emit_revised(closed, revised, scope);
        }
        let len = closed.rows.len();
        let groups = Groups::of(closed, &closed.rows);
        let (selected, kept) = self.evaluate(&groups, Some(closed), scope)?;
        let column = |place| groups.column(&selected, place);
        let Picked { mut columns, rows: picked } = pick(plain(&self.manifest), kept.as_ref(), column)?;
        let rows_len = picked.as_ref().map_or(len, Vec::len);
        let mut revisions = None;
        if self.manifest.is_revised() {
            columns.extend(revise::closed(rows_len));
            revisions = Some(vec![0; len]);
        }
        let identity = Identity::Window {
            start_us: closed.window_start,
            end_us: closed.window_end,
            forced: closed.forced,
            keys: closed.rows.keys.clone(),
            revisions,
        };
        let identity = match &picked {
            Some(rows) => identity.take(rows),
            None => identity,
        };
        let rows = Rows { columns, len: rows_len, identity };
        let rows = match &mut self.ordered {
            None => rows,
            Some(ordered) => match ordered.take(picked.as_deref(), rows, closed.is_last, column)? {
                Some(all) => all,
                None => return Ok(Vec::new()),
            },
        };
        self.deliver(&rows, closed.is_last, scope)
    }

    /// Which groups HAVING keeps, and the columns that the SELECT list computes. What has no value is a dead letter of a window that closes or
    /// is revised; none = nothing is written.
    pub(super) fn evaluate(
        &mut self,
        groups: &Groups<'_>,
        closed: Option<&Closed>,
        scope: &mut QueryContext<'_>,
    ) -> Result<(Selected, Option<Bitmap>), TaskFailure> {
        let len = groups.rows.len();
        let mut selected = Selected::default();
        if let (Some(stage), Some(component)) = (&self.manifest.emit, &mut self.component) {
            let arguments = arguments(stage, |place| groups.behind(place))?;
            selected = scope.context.timings().of(Step::Query, || component.emit(len, &arguments))?;
        }
        let mut kept = kept(&selected, len);
        let letters = closed.map(|closed| {
            let (starts, ends) = (&groups.starts, &groups.ends);
            letters::WindowDeadLetters { manifest: &self.manifest, closed, starts, ends }
        });
        for (row, aggregate, why) in &groups.rows.failed {
            letters.iter().for_each(|letters| letters.evaluate(*row, *aggregate, why, scope));
            kept.get_or_insert_with(|| Bitmap::filled(len, true)).set(*row as usize, false);
        }
        for failure in &selected.failed {
            let has_values =
                groups.rows.failed.binary_search_by_key(&failure.row, |(row, _, _)| *row).is_err();
            if let Some(letters) = letters.as_ref().filter(|_| has_values) {
                let text = expression(self.manifest.emit.as_ref(), failure.expression);
                letters.expression(failure, &format!("{} in {text}", words(failure.reason)), scope);
            }
        }
        Ok((selected, kept))
    }

    /// Step 7: on to the sink and to the readers. What was decided before is not sent again, and goes only to readers with
    /// operators: these follow a replay.
    fn deliver(
        &mut self,
        rows: &Rows,
        ends_window: bool,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let mut sent = Vec::new();
        if self.failed.is_some() {
            return Ok(sent);
        }
        if rows.len == 0 {
            // Readers that gather a window's rows have to know of its end.
            return if ends_window { self.hand_on(rows, ends_window, scope) } else { Ok(sent) };
        }
        sent = self.send(rows, scope)?;
        if self.failed.is_none() {
            sent.extend(self.hand_on(rows, ends_window, scope)?);
        }
        Ok(sent)
    }

    /// Gives rows to the sink.
    pub(super) fn send(
        &mut self,
        rows: &Rows,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let context = &mut *scope.context;
        let (mut sent, is_replay) = (Vec::new(), scope.pass == Pass::Replay);
        let Manifest { name, output: fields, .. } = &self.manifest;
        if let Some(recent) = self.recent.as_ref().filter(|_| !is_replay) {
            context.timings().of(Step::Output, || recent.add(rows));
        }
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
                context.count_rows(self.index, rows.len as u64);
            }
            Sink::Outbox(encoder) => {
                let first = scope.log.next_sequence(name);
                let timings = context.subscription.timings.clone();
                let messages = timings.of(Step::Output, || encoder.encode(fields, rows, first))?;
                sent.push(SinkBatch { query: name.clone(), messages });
                context.count_rows(self.index, rows.len as u64);
            }
        }
        Ok(sent)
    }

    /// Gives rows to the readers that take them.
    fn hand_on(
        &mut self,
        rows: &Rows,
        ends_window: bool,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let mut sent = Vec::new();
        let input = InputBatch::of_rows(rows, &self.manifest.output, ends_window);
        for reader in self.downstream.iter_mut().filter(|reader| reader.failed.is_none()) {
            let (is_stateful, gathers) = (reader.is_stateful(), reader.gathers());
            let follows = scope.pass == Pass::Live || is_stateful;
            if !gathers && (rows.len == 0 || !follows) {
                continue;
            }
            match reader.take(&input, scope) {
                Ok(more) => sent.extend(more),
                // An operator that misses rows would be wrong ever after, so all that has one goes back to the checkpoint.
                Err(task_failure) if is_stateful => return Err(task_failure),
                Err(task_failure) => {
                    scope.context.count_fault(reader.index);
                    reader.failed = Some(task_failure.fault.to_string());
                }
            }
        }
        Ok(sent)
    }

    /// Rows that are of no window: those of records are decided as they come, all rows of a record at once.
    pub(super) fn emit_rows(
        &mut self,
        input: &InputBatch<'_>,
        rows: Rows,
        scope: &mut QueryContext<'_>,
    ) -> Result<Vec<SinkBatch>, TaskFailure> {
        let Some((partition, next)) = input.behind() else {
            return self.deliver(&rows, input.ends_window, scope);
        };
        let Identity::Records { offsets, .. } = &rows.identity else { unreachable!("rows of records") };
        let decided = offsets.partition_point(|&offset| offset < scope.log.passed(partition));
        let sent = match decided {
            0 => self.deliver(&rows, false, scope)?,
            decided => {
                let new: Vec<u32> = (decided as u32..rows.len as u32).collect();
                self.deliver(&rows.take(&new), false, scope)?
            }
        };
        if next > scope.log.passed(partition) {
            scope.log.decide_rows(partition, next, sent);
        }
        Ok(Vec::new())
    }
}
