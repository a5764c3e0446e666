//! From what was kept back to a query's state: the newest good checkpoint, and the decisions behind it.

mod accept;
mod fit;
mod look;
mod sections;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use streamgauge_common::{
    crash::{self, Phase},
    message::Message,
    offset::Offset,
    partition::Partition,
};
use streamgauge_engine::{SegmentId, StateSegment};

use super::{
    backend::RecoveredState,
    bytes::Malformed,
    checkpoint::{Checkpoints, Found},
    decision::{Decision, Forced, SinkBatch, Verdict},
    error::StateError,
    fingerprint::{self, StateFingerprint},
    log::{Entry, Log},
    manifest::{CheckpointManifest, Decided, TaskManifest},
    outbox::Acknowledged,
    rights, segment,
    store::Store,
    table::TableVersion,
    timeline,
};

pub use accept::{AcceptError, accept_topic, source_of};
pub use fit::{Fit, fit};
pub use look::{Looked, is_state, look};
pub use sections::{Section, Sections};

/// A query's state as it was kept.
pub struct Recovered {
    /// What the state backend begins with.
    pub state: RecoveredState,
    /// Whose state it is.
    pub identity: u128,
    /// The course of its rows.
    pub timeline: u128,
    /// Whether an earlier run had this state, even if it came to no checkpoint.
    pub goes_on: bool,
    /// The checkpoint; none = the query begins.
    pub checkpoint: Option<(TaskManifest, Vec<StateSegment>)>,
    /// When the checkpoint was written, in microseconds since the epoch; none where nobody says.
    pub checkpoint_us: Option<i64>,
    /// What its decision log goes on from.
    pub decisions: RecoveredDecisions,
    /// Messages that are decided and not acknowledged, by query.
    pub unacknowledged: BTreeMap<String, Vec<Arc<Message>>>,
    /// What people should know.
    pub notices: Vec<String>,
}

/// What a query has decided: its decision log goes on from there.
#[derive(Default)]
pub struct RecoveredDecisions {
    /// How far decisions go.
    pub decided: Decided,
    /// The number of the last message of each query.
    pub sequences: BTreeMap<String, u64>,
    /// Forced closes behind the checkpoint.
    pub forced: Vec<Forced>,
    /// Verdicts on records that are read again.
    pub verdicts: BTreeMap<(Partition, Offset), Verdict>,
    /// The versions of tables that records which are read again meet, and those behind.
    pub tables: Vec<TableVersion>,
}

/// A checkpoint with its parts.
pub(super) struct Loaded {
    pub(super) manifest: CheckpointManifest,
    pub(super) parts: Vec<StateSegment>,
    sections: Sections,
    generation: u64,
    /// In microseconds since the epoch; none where nobody says.
    written_us: Option<i64>,
    notices: Vec<String>,
}

/// Opens what is kept of a query in its folder; an empty folder is a query that begins.
pub fn open(
    store: Store,
    fingerprint: &StateFingerprint,
    generations: usize,
) -> Result<Recovered, StateError> {
    let _inside = crash::during(Phase::Recovery);
    crash::point("recovery.before_identity");
    let wide = store.local_folder().and_then(rights::close_folder);
    let goes_on = fingerprint::is_there(&store)?;
    let identity = fingerprint::claim(&store, fingerprint)?;
    let timeline = timeline::of(&store, identity)?;
    crash::point("recovery.after_identity");
    check_newest(&store, identity, fingerprint)?;
    let log = Log::open(&store, identity)?;
    crash::point("recovery.log_opened");
    let checkpoints = Checkpoints::open(&store, identity, log.epoch())?;
    let loaded = load_from(&checkpoints, &store)?;
    crash::point("recovery.loaded");
    if let Some(loaded) = &loaded {
        let file = store.shown_name(&Checkpoints::name(loaded.generation));
        fingerprint.check_versions(&loaded.manifest.task.versions, &file)?;
    }
    let from = loaded.as_ref().map(|loaded| loaded.manifest.log.needed_from);
    let recovered = log.recovered(from)?;
    let mut notices = recovered.notices;
    notices.extend(wide);
    let mut replay = Replay::default();
    let (mut sections, mut checkpoint, mut newest) = (Sections::default(), None, None);
    let checkpoint_us = loaded.as_ref().and_then(|loaded| loaded.written_us);
    if let Some(loaded) = loaded {
        notices.extend(loaded.notices);
        replay.begin(&loaded.manifest);
        for entry in &recovered.entries {
            replay.follow(entry, loaded.manifest.log.index, &store)?;
        }
        sections = loaded.sections;
        checkpoint = Some((loaded.manifest.task.clone(), loaded.parts));
        newest = Some((loaded.manifest, loaded.generation));
    }
    // Without a checkpoint nothing was sent: what is in the log was never decided.
    let Replay { decisions, acknowledged, messages } = replay;
    let mut unacknowledged: BTreeMap<String, Vec<Arc<Message>>> = BTreeMap::new();
    let mut indexes = Vec::new();
    for (index, query, message) in messages {
        if acknowledged
            .get(&query)
            .is_none_or(|acknowledged: &Acknowledged| !acknowledged.has(message.sequence))
        {
            indexes.push((index, query.clone(), message.sequence));
            unacknowledged.entry(query).or_default().push(Arc::new(message));
        }
    }
    let state = RecoveredState {
        store,
        identity,
        log,
        checkpoints,
        sections,
        newest,
        in_flight: indexes,
        acknowledged: acknowledged.clone(),
        generations,
    };
    Ok(Recovered {
        state,
        identity,
        timeline,
        goes_on,
        checkpoint,
        checkpoint_us,
        decisions,
        unacknowledged,
        notices,
    })
}

/// Refuses states that the reducers cannot restore. Before the log is opened, which takes the state from a process that uses it;
/// what is damaged is found later.
fn check_newest(store: &Store, identity: u128, fingerprint: &StateFingerprint) -> Result<(), StateError> {
    if !fingerprint.has_states() {
        return Ok(());
    }
    let Some(found) = Checkpoints::open(store, identity, 0)?.newest()? else { return Ok(()) };
    match CheckpointManifest::decode(&found.payload) {
        Ok((manifest, _)) => {
            let file = store.shown_name(&Checkpoints::name(found.generation));
            fingerprint.check_versions(&manifest.task.versions, &file)
        }
        Err(_) => Ok(()),
    }
}

/// The newest good checkpoint of a folder.
pub(super) fn load(store: &Store, identity: u128) -> Result<Option<Loaded>, StateError> {
    load_from(&Checkpoints::open(store, identity, 0)?, store)
}

fn load_from(checkpoints: &Checkpoints, store: &Store) -> Result<Option<Loaded>, StateError> {
    let Some(mut found) = checkpoints.newest()? else { return Ok(None) };
    loop {
        match read(checkpoints, &found, store) {
            Ok(loaded) => return Ok(Some(Loaded { notices: found.notices, ..loaded })),
            Err(error) if error.is_damage() => found = checkpoints.before(found, &error)?,
            Err(error) => return Err(error),
        }
    }
}

fn read(checkpoints: &Checkpoints, found: &Found, store: &Store) -> Result<Loaded, StateError> {
    let file = store.shown_name(&format!("checkpoint {}", found.generation));
    let damaged = |malformed: Malformed| StateError::damaged(&file, malformed.at as u64, malformed.what);
    let (manifest, places) = CheckpointManifest::decode(&found.payload).map_err(damaged)?;
    let kept: BTreeSet<SegmentId> = manifest.task.kept.iter().copied().collect();
    let (mut sections, mut parts) = (Sections::default(), Vec::new());
    for place in places {
        let bytes = checkpoints.read(&place)?;
        let mut held = segment::decode(&bytes).map_err(damaged)?;
        held.retain(|part| kept.contains(&part.id));
        sections.add(Section::new(place, &held.iter().collect::<Vec<_>>()));
        parts.append(&mut held);
    }
    sections.keep(&manifest.task.kept);
    // It is only told.
    let written_us = store.put_at_us(&Checkpoints::name(found.generation)).ok().flatten();
    Ok(Loaded { manifest, parts, sections, generation: found.generation, written_us, notices: Vec::new() })
}

/// The decisions of a log, one after the other.
#[derive(Default)]
struct Replay {
    decisions: RecoveredDecisions,
    acknowledged: BTreeMap<String, Acknowledged>,
    messages: Vec<(u64, String, Message)>,
}

impl Replay {
    fn begin(&mut self, manifest: &CheckpointManifest) {
        let CheckpointManifest { task: TaskManifest { sequences, verdicts, decided, tables, .. }, log } =
            manifest;
        self.decisions.sequences.clone_from(sequences);
        self.decisions.verdicts.clone_from(verdicts);
        self.decisions.decided.clone_from(decided);
        self.decisions.tables.clone_from(tables);
        self.acknowledged.clone_from(&log.acknowledged);
    }

    fn follow(&mut self, entry: &Entry, log_index: u64, store: &Store) -> Result<(), StateError> {
        let file = || store.shown_name(&format!("log, entry {}", entry.index));
        let decision = Decision::decode(&entry.payload)
            .map_err(|malformed| StateError::damaged(file(), malformed.at as u64, malformed.what))?;
        let is_new = entry.index > log_index;
        match decision {
            Decision::Forced(forced) if is_new => self.force(forced),
            Decision::Closed { window_end, run, sent } => {
                if is_new {
                    self.decisions.decided.run = self.decisions.decided.run.max(Some((window_end, run)));
                }
                self.send(entry.index, sent);
            }
            Decision::OverViewClosed { windows, window_end, run, sent } => {
                if is_new {
                    let decided =
                        self.decisions.decided.over_views.entry(windows).or_insert((window_end, run));
                    *decided = (window_end, run).max(*decided);
                }
                self.send(entry.index, sent);
            }
            Decision::RowsEmitted { partition, next, sent } => {
                if is_new {
                    let passed = self.decisions.decided.passed.entry(partition).or_insert(next);
                    *passed = next.max(*passed);
                }
                self.send(entry.index, sent);
            }
            Decision::Verdict { partition, offset, verdict } if is_new => {
                self.decisions.verdicts.insert((partition, offset), verdict);
            }
            Decision::Table(version) if is_new => self.decisions.tables.push(version),
            // What the checkpoint knows is newer than entries before it.
            Decision::Acknowledged { query, acknowledged } if is_new => {
                drop(self.acknowledged.insert(query, acknowledged))
            }
            Decision::Forced(_)
            | Decision::Verdict { .. }
            | Decision::Acknowledged { .. }
            | Decision::Table(_)
            | Decision::Captured => {}
        }
        Ok(())
    }

    fn force(&mut self, forced: Forced) {
        self.decisions.decided.forced = self.decisions.decided.forced.max(Some(forced.window_end));
        self.decisions.forced.push(forced);
    }

    fn send(&mut self, index: u64, sent: Vec<SinkBatch>) {
        for SinkBatch { query, messages } in sent {
            if let Some(last) = messages.last() {
                let sequence = self.decisions.sequences.entry(query.clone()).or_default();
                *sequence = last.sequence.max(*sequence);
            }
            self.messages.extend(messages.into_iter().map(|message| (index, query.clone(), message)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::LogPosition;

    #[test]
    fn what_a_checkpoint_knows_to_be_settled_is_not_taken_back_by_older_entries() {
        let store = Store::memory().unwrap();
        let acknowledged = |beyond: [(u64, u64); 1]| Acknowledged { upto: 3, beyond: beyond.into() };
        let entry = |index, acknowledged| {
            let payload = Decision::Acknowledged { query: "q".into(), acknowledged }.encode();
            Entry { index, payload }
        };
        let mut replay = Replay::default();
        let log = LogPosition {
            acknowledged: [("q".into(), acknowledged([(5, 9)]))].into(),
            ..LogPosition::default()
        };
        replay.begin(&CheckpointManifest { log, ..CheckpointManifest::default() });
        replay.follow(&entry(4, acknowledged([(5, 5)])), 10, &store).unwrap();
        assert_eq!(replay.acknowledged["q"], acknowledged([(5, 9)]));
        replay.follow(&entry(11, acknowledged([(5, 12)])), 10, &store).unwrap();
        assert_eq!(replay.acknowledged["q"], acknowledged([(5, 12)]));
    }
}
