//! A query that reads a source, put together with what was kept of it.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::{
    crash,
    message::{Message, Payload},
};
use streamgauge_engine::{Accumulators, Fault, Part, Settings, WindowQuery};
use streamgauge_sql::{
    Query,
    manifest::{Input, Manifest, Source, Target},
};
use streamgauge_state::{
    error::StateError,
    keeper::{Begin as BeginKeeping, Keeper, Settling},
    meaning::Meaning,
    outbox::{Bounds, Outbox, Settled},
    recovery::{self, Past, Recovered},
    saved::{Beginning, Positions, Saved},
};

use super::{
    Begin, Parts, Wiring, has_stages,
    leftovers::removal,
    places::{Named, Writer},
    positions,
    sinks::{self, Deliver, Posted, Route, Way},
};
use crate::{
    cli::Failure,
    deliver::{encode::Encode, http::declared::thawed, key::Keys, letters::Letters},
    query::{Journal, Making, Reopen, Root, RunningQuery, Windows},
    timings::Timed,
};

/// What is known of a query before it runs.
struct Kept {
    /// The course of its rows.
    timeline: u128,
    /// Whether an earlier run had its state.
    goes_on: bool,
    begin: Option<BeginKeeping>,
    checkpoint: Option<(Saved, Vec<Part>)>,
    past: Past,
    unsettled: BTreeMap<String, Vec<Arc<Message>>>,
}

/// What the queries of a root share while they are put together.
struct Tree<'a> {
    timeline: u128,
    goes_on: bool,
    settling: Option<Settling>,
    settled: BTreeMap<String, Settled>,
    unsettled: BTreeMap<String, Vec<Arc<Message>>>,
    outboxes: BTreeMap<String, Outbox>,
    source: &'a Source,
    letters: Option<&'a Arc<Letters>>,
    /// Whether the root has windows.
    windowed: bool,
}

impl Wiring<'_> {
    /// A query with everything that reads it; none if it has finished in an earlier run.
    pub(super) fn root(
        &self,
        query: &Query,
        source: &Source,
        columns: Vec<usize>,
        begin: &Begin,
        letters: Option<&Arc<Letters>>,
        parts: &mut Parts<'_>,
    ) -> Result<Option<Root>, Failure> {
        let manifest = &query.plan.manifest;
        let open = self.opener(manifest);
        let failed = |fault: Fault| Failure::Runtime(format!("error: {fault}"));
        let accumulators = open().map_err(failed)?;
        let versions: Vec<u32> = accumulators.iter().map(|calls| calls.state_version()).collect();
        let Kept { timeline, goes_on, begin: keeping, checkpoint, past, unsettled } =
            self.kept(manifest, source, &versions, parts)?;
        if checkpoint.as_ref().is_some_and(|(saved, _)| saved.finished) && unsettled.is_empty() {
            if !self.bounded && self.inputs.is_empty() {
                let name = &manifest.name;
                parts.notices.push(format!(
                    "query '{name}' came to the end of its input in an earlier run: nothing is left to do"
                ));
            }
            return Ok(None);
        }
        let settled = keeping.as_ref().map(|keeping| keeping.settled.clone()).unwrap_or_default();
        let no_thread = |error| Failure::Runtime(format!("error: cannot start a thread: {error}"));
        let keeper = keeping.map(Keeper::start).transpose().map_err(no_thread)?;
        let mut tree = Tree {
            timeline,
            goes_on,
            settling: keeper.as_ref().map(Keeper::settling),
            settled,
            unsettled,
            outboxes: BTreeMap::new(),
            source,
            letters,
            windowed: manifest.window.is_some(),
        };
        let running = self.query(query, columns, &mut tree, parts)?;
        let owed = |messages: &&Vec<Arc<Message>>| !messages.iter().all(|message| is_shown(message));
        if let Some((name, messages)) = tree.unsettled.iter().find(|(_, messages)| owed(messages)) {
            return Err(undelivered(manifest, name, messages, "no statement of that name is there any more"));
        }
        let beginning = match &checkpoint {
            Some((saved, _)) => saved.beginning.clone(),
            None => Beginning { emit_from_us: begin.emit_from_us, ..Beginning::default() },
        };
        let delay_us = source.watermark.map_or(0, |watermark| watermark.delay_us);
        let settings = Settings { delay_us, ..Settings::default() };
        let at = checkpoint.as_ref().map_or_else(Positions::new, |(saved, _)| saved.positions.clone());
        let journal = Journal::new(keeper, tree.outboxes, past);
        let mut root = Root::new(running, journal, beginning.clone(), at, Making { settings, open });
        let bad = |error: &dyn std::fmt::Display| {
            Failure::Runtime(format!("error: query '{}': {error}", manifest.name))
        };
        match &checkpoint {
            Some((saved, parts)) => {
                let windows = root.windows(saved, parts.iter()).map_err(|error| bad(&error))?;
                root.replace_windows(windows);
                crash::point("recovery.restored");
            }
            None => {
                let Some(window) = &manifest.window else { return Ok(Some(root)) };
                let settings = Settings { emit_from_us: beginning.emit_from_us, ..settings };
                let mut engine = WindowQuery::new(window, settings, []).map_err(|error| bad(&error))?;
                if root.journal().is_durable() {
                    engine.track_changes();
                }
                root.replace_windows(Some(Windows { engine, accumulators }));
            }
        }
        Ok(Some(root))
    }

    /// What was kept of a query; a course of its own where nothing is.
    fn kept(
        &self,
        manifest: &Manifest,
        source: &Source,
        versions: &[u32],
        parts: &mut Parts<'_>,
    ) -> Result<Kept, Failure> {
        let Some(store) = &self.state else {
            let timeline = fastrand::u128(..);
            let (past, unsettled) = (Past::default(), BTreeMap::new());
            return Ok(Kept { timeline, goes_on: false, begin: None, checkpoint: None, past, unsettled });
        };
        let bad = |error: &dyn std::fmt::Display| {
            Failure::Runtime(format!("error: query '{}': {error}", manifest.name))
        };
        let folder = store.folder(&manifest.name).map_err(|error| bad(&error))?;
        let meaning = Meaning::of(manifest, Some(source), versions);
        let recovered =
            recovery::open(folder, &meaning, self.checkpoints_kept).map_err(|error| match error {
                StateError::Changed { .. } => Failure::Runtime(format!(
                    "error: query '{}': {error}\nhelp: {}",
                    manifest.name,
                    self.changed(manifest)
                )),
                error => bad(&error),
            })?;
        let Recovered { begin, timeline, goes_on, checkpoint, past, unsettled, notices } = recovered;
        parts.notices.extend(notices.into_iter().map(|text| format!("query '{}': {text}", manifest.name)));
        parts.places.resumed |= checkpoint.is_some();
        parts.places.identities.insert(timeline);
        parts.begun.extend(checkpoint.is_none().then(|| manifest.name.clone()));
        Ok(Kept { timeline, goes_on, begin: Some(begin), checkpoint, past, unsettled })
    }

    /// What to do where a query means something else than its state.
    fn changed(&self, manifest: &Manifest) -> String {
        let removal = self.state.as_ref().map(|store| removal(store, &manifest.name)).unwrap_or_default();
        let given = match manifest.target {
            Target::View => "give the new query a name of its own",
            _ => {
                "give the new query a name, as in CREATE VIEW name AS SELECT ...: state follows the name, and that of a statement without one follows its place in the file"
            }
        };
        format!("bring the query back as it was; or {given}; or, to begin it anew, first: {removal}")
    }

    /// A query at work, with everything that reads it.
    fn query(
        &self,
        query: &Query,
        columns: Vec<usize>,
        tree: &mut Tree<'_>,
        parts: &mut Parts<'_>,
    ) -> Result<RunningQuery, Failure> {
        let manifest = &query.plan.manifest;
        let component = parts.components.remove(&manifest.name);
        assert_eq!(component.is_some(), has_stages(manifest), "each query is wired once");
        parts.places.replayed.extend(tree.goes_on.then(|| manifest.name.clone()));
        let mut running = RunningQuery::new(manifest.clone(), component, None, columns);
        match self.way(manifest, tree, parts)? {
            None => {}
            Some((_, Way::Direct(output))) => running.send_to(output),
            Some((sink, Way::Outbox(posted))) => {
                running.post_to(self.post(manifest, &sink, *posted, tree, parts)?);
            }
        }
        for reader in parts.needed.clone() {
            if reader.plan.manifest.input == Input::View(manifest.name.clone()) {
                let names = manifest.output.iter().map(|output| output.name.as_str());
                let columns = positions(&reader.plan.manifest, names);
                running.add_reader(self.query(reader, columns, tree, parts)?);
            }
        }
        Ok(running)
    }

    /// How the rows of a query leave, and the name of their sink.
    fn way(
        &self,
        manifest: &Manifest,
        tree: &Tree<'_>,
        parts: &mut Parts<'_>,
    ) -> Result<Option<(String, Way)>, Failure> {
        let route = Route {
            query: manifest,
            windowed: tree.windowed,
            keys: Keys::new(tree.timeline, &manifest.name),
            identity: tree.settling.is_some().then_some(tree.timeline),
        };
        let Parts { workers, places, .. } = parts;
        let name = match &manifest.target {
            Target::View => return Ok(None),
            Target::Console => {
                let console = places.console();
                return Ok(Some((
                    "the console".to_owned(),
                    workers.reach_output(console, None, &route, places)?,
                )));
            }
            Target::Sink(name) => name,
        };
        let sink = sinks::declared(self.program, name)?;
        let bound = self.outputs.iter().find(|output| output.name.eq_ignore_ascii_case(name));
        let named = bound.map(|binding| (binding.path.clone(), Named::Command));
        let place = named.or_else(|| sinks::file(sink));
        let way = match (place, sink.connector.as_str()) {
            (Some((path, named)), _) => {
                let output = places.file(&path)?;
                let overwrite = self.overwrite.iter().any(|given| given.eq_ignore_ascii_case(name));
                places.write_to(&output, Writer { sink: sink.name.clone(), named, overwrite });
                workers.reach_output(output, Some(&path), &route, places)?
            }
            (None, "console") => {
                let console = places.console();
                workers.reach_output(console, None, &route, places)?
            }
            (None, _) => workers.reach_sink(sink, &route, self.plugins.runtime())?,
        };
        Ok(Some((sink.name.clone(), way)))
    }

    /// An outbox for a query's rows, and who works on it.
    ///
    /// # Errors
    /// An earlier run left messages for a sink of another kind.
    fn post(
        &self,
        manifest: &Manifest,
        sink: &str,
        posted: Posted,
        tree: &mut Tree<'_>,
        parts: &mut Parts<'_>,
    ) -> Result<Box<dyn Encode>, Failure> {
        let Posted { encode, deliver, has, keeps_last } = posted;
        let name = manifest.name.clone();
        let mut settled = tree.settled.remove(&name).unwrap_or_default();
        if let Deliver::Lines { name, .. } = &deliver {
            let owed = tree.unsettled.get(&manifest.name).map(Vec::as_slice).unwrap_or_default();
            parts.places.settles(name, settled.upto, owed);
        }
        settled.add_upto(has);
        let mut unsettled = tree.unsettled.remove(&name).unwrap_or_default();
        if !keeps_last {
            // A window that was kept to be shown is not owed to a sink that is told.
            let (shown, owed): (Vec<_>, Vec<_>) =
                unsettled.into_iter().partition(|message| is_shown(message));
            shown.iter().for_each(|message| settled.add(message.sequence));
            unsettled = owed;
        }
        if !unsettled.iter().all(|message| deliver.takes(&message.payload)) {
            let why = format!("'{sink}' is another kind of sink now");
            return Err(undelivered(manifest, &name, &unsettled, &why));
        }
        if let Deliver::Http { sink: declared, .. } = &deliver {
            unsettled = unsettled.into_iter().map(thawed).collect();
            let now = sinks::declared_now(declared);
            let goes = |message: &Arc<Message>| match &message.payload {
                Payload::Request(request) => now.fill(request).map(drop),
                _ => Ok(()),
            };
            if let Err(why) = unsettled.iter().try_for_each(goes) {
                return Err(undelivered(manifest, &name, &unsettled, &why));
            }
        }
        let settling = tree.settling.clone();
        let note = move |_: &Settled| settling.iter().for_each(Settling::note);
        let outbox = Outbox::new(Bounds { keeps_last, ..Bounds::default() }, settled, note);
        tree.settling.iter().for_each(|settling| settling.watch(&name, &outbox));
        outbox.push(unsettled);
        let rejections = parts.workers.rejections(&tree.source.name, &name, sink, tree.letters.cloned());
        parts.started.push((deliver, outbox.clone(), rejections));
        tree.outboxes.insert(name, outbox);
        Ok(encode)
    }

    /// Opens the accumulators of a query, as often as it is asked.
    fn opener(&self, manifest: &Manifest) -> Reopen {
        let (plugins, timings) = (self.plugins.clone(), self.timings.clone());
        let aggregates = manifest.window.as_ref().map(|window| window.aggregates.clone()).unwrap_or_default();
        Arc::new(move || {
            let open = |aggregate| -> Result<Box<dyn Accumulators>, Fault> {
                Ok(Box::new(Timed::new(plugins.open(aggregate)?, timings.clone())))
            };
            aggregates.iter().map(open).collect()
        })
    }
}

/// Rows that are decided for somebody who is not there.
fn undelivered(manifest: &Manifest, query: &str, messages: &[Arc<Message>], why: &str) -> Failure {
    let rows: u64 = messages.iter().map(|message| u64::from(message.rows)).sum();
    Failure::Runtime(format!(
        "error: query '{}': {rows} rows of '{query}' were decided and not delivered, but {why}\n\
         help: run the program as it was once more, so that they are delivered; or choose another place for the state",
        manifest.name
    ))
}

/// Whether a message is only shown until a newer one comes: it is not owed to anybody.
fn is_shown(message: &Message) -> bool {
    matches!(message.payload, Payload::Rows(_))
}
