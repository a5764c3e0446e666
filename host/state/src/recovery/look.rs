//! What is kept of a query, for people: nothing is changed, and a process that uses it is not disturbed.

use std::collections::BTreeMap;

use streamgauge_common::message::Payload;

use super::Replay;
use crate::{
    bytes::Malformed,
    checkpoint::Checkpoints,
    error::StateError,
    fingerprint,
    log::Log,
    manifest::{CheckpointManifest, TaskManifest},
    store::Store,
    timeline,
};

/// What was found.
#[derive(Debug)]
pub struct Looked {
    /// Whose state it is.
    pub identity: u128,
    /// The course of its rows: their keys and the markers of files have it.
    pub timeline: u128,
    /// What the query does, in a line.
    pub means: String,
    /// The newest checkpoint; none = nothing was decided.
    pub task: Option<TaskManifest>,
    /// When that was written, in microseconds since the epoch.
    pub checkpoint_us: Option<i64>,
    /// By query: messages that were decided and are not known to be acknowledged, each with its number and its rows.
    unacknowledged: BTreeMap<String, Vec<(u64, u32)>>,
}

impl Looked {
    /// Rows that were decided and are not known to be delivered. `has` says up to which number a file has a query's messages,
    /// which after a kill is more than the log says.
    pub fn undelivered(&self, has: impl Fn(&str) -> u64) -> u64 {
        let of_query = |(query, messages): (&String, &Vec<(u64, u32)>)| -> u64 {
            let upto = has(&format!("{:032x}/{query}", self.timeline));
            messages.iter().filter(|(sequence, _)| *sequence > upto).map(|&(_, rows)| u64::from(rows)).sum()
        };
        self.unacknowledged.iter().map(of_query).sum()
    }
}

/// Whether a folder holds the state of a query, as far as its first bytes say: others' folders are left alone.
pub fn is_state(store: &Store) -> Result<bool, StateError> {
    Ok(fingerprint::is_there(store)? || Checkpoints::open(store, 0, 0)?.is_begun())
}

/// Reads what is kept in a folder of which [`is_state`] is true.
pub fn look(store: &Store) -> Result<Looked, StateError> {
    let (identity, means) = fingerprint::look(store)?;
    let timeline = timeline::of(store, identity)?;
    let Some(found) = Checkpoints::open(store, identity, 0)?.newest()? else {
        // Without a checkpoint nothing was sent: what is in the log was never decided.
        return Ok(Looked {
            identity,
            timeline,
            means,
            task: None,
            checkpoint_us: None,
            unacknowledged: BTreeMap::new(),
        });
    };
    let name = Checkpoints::name(found.generation);
    let damaged = |malformed: Malformed| {
        StateError::damaged(store.shown_name(&name), malformed.at as u64, malformed.what)
    };
    let (manifest, _) = CheckpointManifest::decode(&found.payload).map_err(damaged)?;
    let mut replay = Replay::default();
    replay.begin(&manifest);
    for entry in Log::look(store, identity, manifest.log.needed_from)? {
        replay.follow(&entry, manifest.log.index, store)?;
    }
    let mut unacknowledged: BTreeMap<String, Vec<(u64, u32)>> = BTreeMap::new();
    for (_, query, message) in replay.messages {
        let acknowledged =
            replay.acknowledged.get(&query).is_some_and(|acknowledged| acknowledged.has(message.sequence));
        // Rows that are shown until newer ones come are not owed to anybody.
        if !acknowledged && !matches!(message.payload, Payload::Rows(_)) {
            unacknowledged.entry(query).or_default().push((message.sequence, message.rows));
        }
    }
    let checkpoint_us = store.put_at_us(&name)?;
    Ok(Looked { identity, timeline, means, task: Some(manifest.task), checkpoint_us, unacknowledged })
}
