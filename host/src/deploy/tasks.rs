//! A query that reads a source, put together with what was kept of it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use streamgauge_common::{crash, message::Message};
use streamgauge_engine::{Accumulators, Fault, Settings, StateSegment, StateVersions, WindowQuery};
use streamgauge_sql::{
    Query,
    manifest::{Aggregate, Input, Manifest, Source, Target},
};
use streamgauge_state::{
    backend::{AckNotifier, BackendSettings, CheckpointMetrics, StateBackend},
    manifest::{StartBounds, TaskManifest},
    outbox::{Acknowledged, Bounds, Outbox},
    store::Store,
};

use super::{
    Deployment, DeploymentBuilder, ReadStart, has_stages, inputs,
    leftovers::{is_shown, undelivered},
    operators,
    output_files::{Named, Writer},
    over_views::{Upstream, covered_from_us},
    recovered::KnownQuery,
    sinks::{CONSOLE, SinkBinding, open_output},
};
use crate::{
    deliver::{
        connector::{Destination, OutboxBinding, Route},
        connectors::file::FileTarget,
        encode::Encode,
        key::Keys,
    },
    deploy::DeployError,
    metrics,
    query::{
        Context, DecisionLog, OpenAggregates, Operators, QueryTask, RecentRows, RunningQuery, Subscription,
        TaskColumns, WindowFactory, Windows,
    },
    timings::Timed,
};

/// What the queries of a query task share while they are put together.
struct TaskBuilder<'a> {
    timeline: u128,
    goes_on: bool,
    ack_notifier: Option<AckNotifier>,
    acknowledged: BTreeMap<String, Acknowledged>,
    unacknowledged: BTreeMap<String, Vec<Arc<Message>>>,
    outboxes: BTreeMap<String, Outbox>,
    source: &'a Source,
    subscription: &'a Subscription,
    /// Whether the query task has windows.
    windowed: bool,
    /// The checkpoint that it goes on from.
    saved: Option<&'a TaskManifest>,
    /// Where the columns of late events are.
    late_columns: Vec<usize>,
    /// Whether one of its queries calls an aggregate of CREATE AGGREGATE.
    calls_own_plugins: bool,
}

impl TaskBuilder<'_> {
    /// Everything that an earlier run left for a sink has a statement that delivers it.
    fn check_owed(&self, manifest: &Manifest) -> Result<(), DeployError> {
        let owed = |messages: &&Vec<Arc<Message>>| !messages.iter().all(|message| is_shown(message));
        match self.unacknowledged.iter().find(|(_, messages)| owed(messages)) {
            None => Ok(()),
            Some((name, messages)) => {
                Err(undelivered(manifest, name, messages, "no statement of that name is there any more"))
            }
        }
    }
}

impl Deployment<'_> {
    /// A query with everything that reads it; none if it has finished in an earlier run.
    pub(super) fn task(
        &self,
        query: &Query,
        source: &Source,
        columns: TaskColumns,
        begin: &ReadStart,
        subscription: &Arc<Subscription>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<Option<QueryTask>, DeployError> {
        let manifest = &query.plan.manifest;
        let open = self.opener(manifest);
        let accumulators = open().map_err(unopened)?;
        let versions: Vec<_> = accumulators.iter().map(|calls| StateVersions::of(&**calls)).collect();
        let KnownQuery { timeline, goes_on, recovered, checkpoint, decisions, unacknowledged } =
            self.recover_query(manifest, source, &versions, builder)?;
        let (name, store) = (&manifest.name, recovered.as_ref().map(|(state, _)| state.store.clone()));
        let saved = checkpoint.as_ref().map(|(saved, _)| saved);
        match &store {
            Some(store) if saved.is_some_and(|saved| saved.finished) => {
                let changed = inputs::finished(name, &begin.files, store)?;
                let is_over = unacknowledged.is_empty();
                builder.notices.extend((is_over && changed.is_none()).then(|| inputs::over(name)));
                builder.warnings.extend(changed);
                if is_over {
                    return Ok(None);
                }
            }
            Some(store) => self.check_and_write_inputs(name, &begin.files, store, saved)?,
            None => {}
        }
        let acknowledged =
            recovered.as_ref().map(|(state, _)| state.acknowledged.clone()).unwrap_or_default();
        let backend = builder.pool.as_ref().zip(recovered).map(|(pool, (state, settings))| {
            let metrics = shown(settings.metrics, name, subscription);
            StateBackend::start(pool, state, BackendSettings { metrics, ..settings })
        });
        let mut task_builder = TaskBuilder {
            timeline,
            goes_on,
            ack_notifier: backend.as_ref().map(StateBackend::ack_notifier),
            acknowledged,
            unacknowledged,
            outboxes: BTreeMap::new(),
            source,
            subscription,
            windowed: manifest.window.is_some(),
            saved,
            late_columns: columns.late.as_ref().map(|late| late.positions().to_vec()).unwrap_or_default(),
            calls_own_plugins: false,
        };
        let start_bounds = match saved {
            Some(saved) => saved.start_bounds.clone(),
            None => StartBounds { emit_from_us: begin.emit_from_us, ..StartBounds::default() },
        };
        let upstream = Upstream { chain: &[], covered_from_us: start_bounds.emit_from_us };
        let places = columns.own.positions().to_vec();
        let running = self.query(query, places, upstream, &mut task_builder, builder)?;
        task_builder.check_owed(manifest)?;
        let TaskBuilder { outboxes, calls_own_plugins, .. } = task_builder;
        saved.map_or(Ok(()), |saved| self.check_operators(&running, saved, builder))?;
        let settings = window_settings(source, manifest, self.limits.max_groups);
        let at = checkpoint.as_ref().map(|(saved, _)| saved.offsets.clone()).unwrap_or_default();
        let mut log = DecisionLog::new(backend, outboxes, decisions).remembering(self.limits.max_remembered);
        let tables = self.tables(&running, store.clone(), &mut log, builder)?;
        let (context, factory) = (Context::new(subscription.clone()), WindowFactory { settings, open });
        let mut task = QueryTask::new(running, log, context, start_bounds.clone(), at, factory)
            .starting_at(begin.start)
            .keeping(self.crashes_of(manifest, builder))
            .that_may_be_slow(calls_own_plugins)
            .holding(columns)
            .with_tables(tables);
        store.into_iter().for_each(|store| keep_end(&mut task, begin, store));
        let windows = Settings { emit_from_us: start_bounds.emit_from_us, ..settings };
        let set = set_windows(&mut task, manifest, checkpoint, windows, accumulators);
        set.map_err(|why| DeployError::Runtime(format!("error: query '{}': {why}", manifest.name)))?;
        Ok(Some(task))
    }

    /// A query at work, with everything that reads it.
    fn query(
        &self,
        query: &Query,
        columns: Vec<usize>,
        upstream: Upstream<'_>,
        task_builder: &mut TaskBuilder<'_>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<RunningQuery, DeployError> {
        let manifest = &query.plan.manifest;
        // From here on it is shown, in this order.
        task_builder.subscription.query(&manifest.name);
        let mut calls = manifest.window.iter().flat_map(|window| &window.aggregates);
        task_builder.calls_own_plugins |= calls.any(|call| call.plugin.is_some());
        let chain = [upstream.chain, &[manifest]].concat();
        let groups_max = self.limits.max_groups;
        let is_durable = task_builder.ack_notifier.is_some();
        let over_view = self.over_view(&chain, upstream.covered_from_us, task_builder.saved, is_durable)?;
        let covered_from_us = covered_from_us(manifest, &upstream, over_view.as_ref());
        let operators = Operators::new(&manifest.operators, operators::names(&chain), groups_max);
        let component = builder.components.remove(&manifest.name);
        assert_eq!(component.is_some(), has_stages(manifest), "each query is wired once");
        builder.files.replayed.extend(task_builder.goes_on.then(|| manifest.name.clone()));
        let mut running = RunningQuery::new(manifest.clone(), component, None, columns, operators);
        if let Some(over_view) = over_view {
            running.over_view(over_view);
        }
        if self.keeps_recent_rows {
            let keys =
                || RecentRows::new(Keys::new(task_builder.timeline, &manifest.name), manifest.output.clone());
            running.show_in(task_builder.subscription.query(&manifest.name).keep_recent(keys));
        }
        match self.binding(manifest, task_builder, builder)? {
            None => {}
            Some((_, SinkBinding::Direct(output))) => running.send_to(output),
            Some((sink, SinkBinding::Outbox(outbox_binding))) => {
                running.post_to(self.open_outbox(manifest, &sink, *outbox_binding, task_builder, builder)?);
            }
        }
        for reader in builder.needed.clone() {
            if reader.plan.manifest.input == Input::View(manifest.name.clone()) {
                let names = manifest.output.iter().map(|output| output.name.as_str());
                let columns = positions(&reader.plan.manifest, names);
                let upstream = Upstream { chain: &chain, covered_from_us };
                running.add_downstream(self.query(reader, columns, upstream, task_builder, builder)?);
            }
        }
        let late = Input::Late(manifest.name.clone());
        if let Some(late) = builder.needed.iter().copied().find(|query| query.plan.manifest.input == late) {
            let (columns, upstream) =
                (task_builder.late_columns.clone(), Upstream { chain: &[], covered_from_us: None });
            running.send_late_to(self.query(late, columns, upstream, task_builder, builder)?);
        }
        Ok(running)
    }

    /// How the rows of a query leave, and the name of their sink.
    fn binding(
        &self,
        manifest: &Manifest,
        task_builder: &TaskBuilder<'_>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<Option<(String, SinkBinding)>, DeployError> {
        let route = Route {
            query: manifest,
            windowed: task_builder.windowed && !matches!(manifest.input, Input::Late(_)),
            keys: Keys::new(task_builder.timeline, &manifest.name),
            identity: task_builder.ack_notifier.is_some().then_some(task_builder.timeline),
        };
        let (name, destination) = match &manifest.target {
            Target::View => return Ok(None),
            Target::Console => (CONSOLE, Destination::Console),
            Target::Sink(name) => (name.as_str(), self.destination(name, &route, builder)?),
        };
        let files = &mut builder.files;
        let binding = match destination {
            Destination::Console => {
                let console = files.console();
                files.add_target(Some(&console));
                match console.is_nowhere() {
                    // Nobody would acknowledge anything.
                    true => SinkBinding::Direct(console),
                    false => open_output(console, None, &route, files)?,
                }
            }
            Destination::File(target) => {
                let FileTarget { path, mode, rotation } = &target;
                let output = files.file(path)?;
                files.add_target(Some(&output));
                let overwrite = self.overwrite.iter().any(|given| given.eq_ignore_ascii_case(name));
                let named = if self.output_of(name).is_some() { Named::Command } else { Named::Sink(*mode) };
                files.write_to(
                    &output,
                    Writer { sink: name.to_owned(), named, overwrite, rotation: *rotation },
                );
                let binding = open_output(output, Some(&target), &route, files)?;
                if let Some(marked) = route.name() {
                    let upto = task_builder.acknowledged.get(&manifest.name).map_or(0, |known| known.upto);
                    let owed = task_builder
                        .unacknowledged
                        .get(&manifest.name)
                        .map(Vec::as_slice)
                        .unwrap_or_default();
                    files.acknowledges(&marked, upto, owed);
                }
                binding
            }
            Destination::Outbox(binding) => {
                files.add_target(None);
                SinkBinding::Outbox(Box::new(binding))
            }
        };
        Ok(Some((name.to_owned(), binding)))
    }

    /// Where the rows of a query go that writes to a sink: `--output` comes before what the sink says.
    fn destination(
        &self,
        sink: &str,
        route: &Route<'_>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<Destination, DeployError> {
        match self.output_of(sink) {
            // What the sink says of its own file does not hold for another one.
            Some(path) => {
                let of_sink = self.file_of(self.declared(sink)?);
                if of_sink.is_some_and(|target| target.rotation.is_some()) {
                    builder.files.note_unrotated(sink, "--output names another file than the sink does");
                }
                Ok(Destination::File(FileTarget { path: path.to_owned(), mode: None, rotation: None }))
            }
            None => builder.sinks.open(self.declared(sink)?, route),
        }
    }

    /// The file that `--output` names for a sink.
    fn output_of(&self, sink: &str) -> Option<&Path> {
        let bound = self.outputs.iter().find(|output| output.name.eq_ignore_ascii_case(sink));
        bound.map(|binding| binding.path.as_path())
    }

    /// An outbox for a query's rows, and who works on it.
    ///
    /// # Errors
    /// An earlier run left messages for a sink of another kind.
    fn open_outbox(
        &self,
        manifest: &Manifest,
        sink: &str,
        outbox_binding: OutboxBinding,
        task_builder: &mut TaskBuilder<'_>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<Box<dyn Encode>, DeployError> {
        let OutboxBinding { encode, worker, has, keeps_last } = outbox_binding;
        let name = manifest.name.clone();
        let mut acknowledged = task_builder.acknowledged.remove(&name).unwrap_or_default();
        acknowledged.add_upto(has);
        let mut unacknowledged = task_builder.unacknowledged.remove(&name).unwrap_or_default();
        if !keeps_last {
            // A window that was kept to be shown is not owed to a sink that is told.
            let (shown, owed): (Vec<_>, Vec<_>) =
                unacknowledged.into_iter().partition(|message| is_shown(message));
            shown.iter().for_each(|message| acknowledged.add(message.sequence));
            unacknowledged = owed;
        }
        if !unacknowledged.iter().all(|message| worker.takes(&message.payload)) {
            let why = format!("'{sink}' is another kind of sink now");
            return Err(undelivered(manifest, &name, &unacknowledged, &why));
        }
        let resumed: Result<Vec<_>, String> =
            unacknowledged.iter().map(|message| worker.resume(message.clone())).collect();
        let unacknowledged = resumed.map_err(|why| undelivered(manifest, &name, &unacknowledged, &why))?;
        let ack_notifier = task_builder.ack_notifier.clone();
        let note = move |_: &Acknowledged| ack_notifier.iter().for_each(AckNotifier::note);
        let shown = task_builder.subscription.query(&name);
        let outbox = Outbox::new(Bounds { keeps_last, ..self.limits.outbox() }, acknowledged, note)
            .shown_in(shown.outbox_gauge(metrics::outbox_rows(self.name, &name)));
        shown.watch_outbox(sink, outbox.age());
        task_builder.ack_notifier.iter().for_each(|ack_notifier| ack_notifier.watch(&name, &outbox));
        outbox.push(unacknowledged);
        let of = [task_builder.source.name.as_str(), name.as_str(), sink];
        let letters = task_builder.subscription.dead_letters.clone();
        builder.sinks.add(worker, outbox.clone(), of, (letters, shown.dead_letters().clone()));
        task_builder.outboxes.insert(name, outbox);
        Ok(encode)
    }

    /// Opens the accumulators of a query, as often as it is asked.
    pub(super) fn opener(&self, manifest: &Manifest) -> OpenAggregates {
        let (plugins, timings) = (self.plugins.clone(), self.timings.clone());
        let aggregates = aggregates(manifest).to_vec();
        Arc::new(move || {
            let open = |aggregate| -> Result<Box<dyn Accumulators>, Fault> {
                Ok(Box::new(Timed::new(plugins.open(aggregate)?, timings.clone())))
            };
            aggregates.iter().map(open).collect()
        })
    }
}

/// How the windows of a query over a source are made.
fn window_settings(source: &Source, manifest: &Manifest, groups_max: usize) -> Settings {
    let delay_us = source.watermark.map_or(0, |watermark| watermark.delay_us);
    Settings { delay_us, groups_max, lateness_us: manifest.lateness_us, ..Settings::default() }
}

/// Lets a task keep how far its input was read.
fn keep_end(task: &mut QueryTask, begin: &ReadStart, store: Store) {
    let (name, files) = (task.name().to_owned(), begin.files.clone());
    task.set_note_end(Box::new(move || inputs::note_read(&name, &files, &store)));
}

/// Where each column that a query reads is among `names`.
fn positions<'a>(manifest: &Manifest, names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    let place = |name: &str| names.clone().position(|other| other == name);
    let places: Vec<usize> = manifest.columns.iter().filter_map(|field| place(&field.name)).collect();
    debug_assert_eq!(places.len(), manifest.columns.len(), "the plan reads only what is there");
    places
}

/// A reducer that cannot be opened.
pub(super) fn unopened(fault: Fault) -> DeployError {
    DeployError::Runtime(format!("error: {fault}"))
}

/// The aggregate calls of a query.
pub(super) fn aggregates(manifest: &Manifest) -> &[Aggregate] {
    manifest.window.as_ref().map(|window| window.aggregates.as_slice()).unwrap_or_default()
}

/// Lets a query show how old its last checkpoint is.
fn shown(metrics: CheckpointMetrics, name: &str, subscription: &Subscription) -> CheckpointMetrics {
    let written = subscription.query(name).checkpoint_counter(metrics.written);
    CheckpointMetrics { written, ..metrics }
}

/// Gives a task its windows: as a checkpoint has them, or new ones.
fn set_windows(
    task: &mut QueryTask,
    manifest: &Manifest,
    checkpoint: Option<(TaskManifest, Vec<StateSegment>)>,
    settings: Settings,
    accumulators: Vec<Box<dyn Accumulators>>,
) -> Result<(), String> {
    match checkpoint {
        Some((saved, segments)) => {
            let done = task.put_back_or_keep(&saved, &segments);
            done.map_err(|error| match task.take_told() {
                Some(told) => format!("{error}\nhelp: {told}"),
                None => error.to_string(),
            })?;
            crash::point("recovery.restored");
        }
        None => {
            let Some(window) = &manifest.window else { return Ok(()) };
            let mut engine = WindowQuery::new(window, settings, []).map_err(|error| error.to_string())?;
            if task.log().is_durable() {
                engine.track_changes();
            }
            task.begin_windows(Windows { engine, accumulators }).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
