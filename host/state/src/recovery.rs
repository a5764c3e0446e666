//! From what was kept back to a query's state: the newest good checkpoint, and the decisions behind it.

mod accept;
mod look;
mod sections;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use streamgauge_common::{
    crash::{self, Phase},
    message::Message,
};
use streamgauge_engine::{Part, PartId};

use super::{
    bytes::{Malformed, Reader},
    checkpoint::{Checkpoints, Found},
    decision::{Decision, Forced, Sent, Verdict},
    error::StateError,
    keeper::Begin,
    log::{Entry, Log},
    meaning::{self, Meaning},
    outbox::Settled,
    part, rights,
    saved::{Decided, Saved},
    store::Store,
};

pub use accept::{AcceptError, accept_topic, source_of};
pub use look::{Looked, is_state, look};
pub use sections::{Section, Sections};

/// A query's state as it was kept.
pub struct Recovered {
    /// What the keeper begins with.
    pub begin: Begin,
    /// The course of its rows.
    pub timeline: u128,
    /// Whether an earlier run had this state, even if it came to no checkpoint.
    pub goes_on: bool,
    /// The checkpoint; none = the query begins.
    pub checkpoint: Option<(Saved, Vec<Part>)>,
    /// What its journal goes on from.
    pub past: Past,
    /// Messages that are decided and not settled, by query.
    pub unsettled: BTreeMap<String, Vec<Arc<Message>>>,
    /// What people should know.
    pub notices: Vec<String>,
}

/// What a query has decided: its journal goes on from there.
#[derive(Default)]
pub struct Past {
    /// How far decisions go.
    pub decided: Decided,
    /// The number of the last message of each query.
    pub sequences: BTreeMap<String, u64>,
    /// Forced closes behind the checkpoint.
    pub forced: Vec<Forced>,
    /// Verdicts on records that are read again.
    pub verdicts: BTreeMap<(u32, i64), Verdict>,
}

/// A checkpoint with its parts.
pub(super) struct Loaded {
    pub(super) saved: Saved,
    pub(super) parts: Vec<Part>,
    sections: Sections,
    generation: u64,
    notices: Vec<String>,
}

/// Opens what is kept of a query in its folder; an empty folder is a query that begins.
pub fn open(store: Store, meaning: &Meaning, generations: usize) -> Result<Recovered, StateError> {
    let _inside = crash::during(Phase::Recovery);
    crash::point("recovery.before_identity");
    let wide = store.local_folder().and_then(rights::close_folder);
    let goes_on = meaning::is_there(&store)?;
    let identity = meaning::claim(&store, meaning)?;
    crash::point("recovery.after_identity");
    let log = Log::open(&store, identity)?;
    crash::point("recovery.log_opened");
    let checkpoints = Checkpoints::open(&store, identity, log.epoch())?;
    let loaded = load_from(&checkpoints, &store)?;
    crash::point("recovery.loaded");
    let from = loaded.as_ref().map(|loaded| loaded.saved.log_from);
    let recovered = log.recovered(from)?;
    let mut notices = recovered.notices;
    notices.extend(wide);
    let mut replay = Replay::default();
    let (mut sections, mut checkpoint, mut generation) = (Sections::default(), None, 0);
    if let Some(loaded) = loaded {
        notices.extend(loaded.notices);
        replay.begin(&loaded.saved);
        for entry in &recovered.entries {
            replay.follow(entry, loaded.saved.log_index, &store)?;
        }
        (sections, generation) = (loaded.sections, loaded.generation);
        checkpoint = Some((loaded.saved, loaded.parts));
    }
    // Without a checkpoint nothing was sent: what is in the log was never decided.
    let Replay { past, settled, messages } = replay;
    let mut unsettled: BTreeMap<String, Vec<Arc<Message>>> = BTreeMap::new();
    let mut indexes = Vec::new();
    for (index, query, message) in messages {
        if settled.get(&query).is_none_or(|settled: &Settled| !settled.has(message.sequence)) {
            indexes.push((index, query.clone(), message.sequence));
            unsettled.entry(query).or_default().push(Arc::new(message));
        }
    }
    let saved = checkpoint.as_ref().map(|(saved, _)| (saved.clone(), generation));
    let begin = Begin {
        store,
        identity,
        log,
        checkpoints,
        sections,
        saved,
        unsettled: indexes,
        settled: settled.clone(),
        generations,
    };
    Ok(Recovered { begin, timeline: identity, goes_on, checkpoint, past, unsettled, notices })
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
    let mut input = Reader::new(&found.payload);
    let mut saved = Saved::read(&mut input).map_err(damaged)?;
    let places = Sections::read(&mut input).map_err(damaged)?;
    saved.beginning.read_topic(&mut input).map_err(damaged)?;
    input.finish().map_err(damaged)?;
    let kept: BTreeSet<PartId> = saved.kept.iter().copied().collect();
    let (mut sections, mut parts) = (Sections::default(), Vec::new());
    for place in places {
        let bytes = checkpoints.read(&place)?;
        let mut held = part::decode(&bytes).map_err(damaged)?;
        held.retain(|part| kept.contains(&part.id));
        sections.add(Section::new(place, &held.iter().collect::<Vec<_>>()));
        parts.append(&mut held);
    }
    sections.keep(&saved.kept);
    Ok(Loaded { saved, parts, sections, generation: found.generation, notices: Vec::new() })
}

/// The decisions of a log, one after the other.
#[derive(Default)]
struct Replay {
    past: Past,
    settled: BTreeMap<String, Settled>,
    messages: Vec<(u64, String, Message)>,
}

impl Replay {
    fn begin(&mut self, saved: &Saved) {
        let Saved { sequences, settled, verdicts, decided, .. } = saved;
        self.past.sequences.clone_from(sequences);
        self.past.verdicts.clone_from(verdicts);
        self.past.decided.clone_from(decided);
        self.settled.clone_from(settled);
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
                    self.past.decided.run = self.past.decided.run.max(Some((window_end, run)));
                }
                self.send(entry.index, sent);
            }
            Decision::Passed { partition, next, sent } => {
                if is_new {
                    let passed = self.past.decided.passed.entry(partition).or_insert(next);
                    *passed = next.max(*passed);
                }
                self.send(entry.index, sent);
            }
            Decision::Verdict { partition, offset, verdict } if is_new => {
                self.past.verdicts.insert((partition, offset), verdict);
            }
            // What the checkpoint knows is newer than entries before it.
            Decision::Settled { query, settled } if is_new => drop(self.settled.insert(query, settled)),
            Decision::Forced(_)
            | Decision::Verdict { .. }
            | Decision::Settled { .. }
            | Decision::Captured => {}
        }
        Ok(())
    }

    fn force(&mut self, forced: Forced) {
        self.past.decided.forced = self.past.decided.forced.max(Some(forced.window_end));
        self.past.forced.push(forced);
    }

    fn send(&mut self, index: u64, sent: Vec<Sent>) {
        for Sent { query, messages } in sent {
            if let Some(last) = messages.last() {
                let sequence = self.past.sequences.entry(query.clone()).or_default();
                *sequence = last.sequence.max(*sequence);
            }
            self.messages.extend(messages.into_iter().map(|message| (index, query.clone(), message)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_checkpoint_knows_to_be_settled_is_not_taken_back_by_older_entries() {
        let store = Store::memory().unwrap();
        let settled = |beyond: [(u64, u64); 1]| Settled { upto: 3, beyond: beyond.into() };
        let entry = |index, settled| {
            let payload = Decision::Settled { query: "q".into(), settled }.encode();
            Entry { index, payload }
        };
        let mut replay = Replay::default();
        replay.begin(&Saved { settled: [("q".into(), settled([(5, 9)]))].into(), ..Saved::default() });
        replay.follow(&entry(4, settled([(5, 5)])), 10, &store).unwrap();
        assert_eq!(replay.settled["q"], settled([(5, 9)]));
        replay.follow(&entry(11, settled([(5, 12)])), 10, &store).unwrap();
        assert_eq!(replay.settled["q"], settled([(5, 12)]));
    }
}
