//! A query goes on with another topic of the same name, because its user says so.

use streamgauge_common::offset::Offset;

use super::{Loaded, load_from};
use crate::{
    checkpoint::Checkpoints, decision::Decision, error::StateError, fingerprint, log::Log,
    manifest::PartitionProgress, store::Store,
};

/// Why a query cannot go on with another topic.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Its rows are named by their offsets, which the new topic has again.
    #[error(
        "query '{query}' has no windows: its rows are known to their receivers by the offsets of their records, which mean other \
         records in the new topic; remove its state, so that it begins anew"
    )]
    NamedByOffsets {
        /// Its name.
        query: String,
    },
    /// What was decided behind the checkpoint is to be decided again from records of the old topic.
    #[error(
        "query '{query}' has decided something since its last checkpoint, which can be done again only with the records of the old \
         topic; remove its state, so that it begins anew"
    )]
    Undecided {
        /// Its name.
        query: String,
    },
}

/// Which source a query reads.
///
/// # Errors
/// A state that cannot be read.
pub fn source_of(store: &Store) -> Result<String, StateError> {
    fingerprint::source(store)
}

/// Lets a query go on with the topic that it finds at its next start: at the offsets up to which it has read the old one, or
/// `from_start`. Its windows stay. False where it has no checkpoint, so that nothing says which topic it reads.
///
/// # Errors
/// A state that cannot be read or written, or is in use; a query that cannot go on from the start.
pub fn accept_topic(store: &Store, query: &str, from_start: bool) -> Result<bool, AcceptError> {
    let (identity, _) = fingerprint::look(store)?;
    let log = Log::open(store, identity)?;
    let mut checkpoints = Checkpoints::open(store, identity, log.epoch())?;
    let Some(Loaded { mut manifest, sections, .. }) = load_from(&checkpoints, store)? else {
        return Ok(false);
    };
    if from_start {
        let query = || query.to_owned();
        if manifest.task.window_progress.is_none() {
            return Err(AcceptError::NamedByOffsets { query: query() });
        }
        let behind = log.recovered(Some(manifest.log.index + 1))?;
        let decided = |payload: &[u8]| {
            !matches!(Decision::decode(payload), Ok(Decision::Captured | Decision::Acknowledged { .. }))
        };
        if behind.entries.iter().any(|entry| decided(&entry.payload)) {
            return Err(AcceptError::Undecided { query: query() });
        }
        manifest
            .task
            .offsets
            .values_mut()
            .for_each(|progress| *progress = PartitionProgress { next: Offset(0), done: false });
        manifest.task.verdicts.clear();
        manifest.task.decided.passed.clear();
        manifest.task.start_bounds.ends.clear();
    }
    manifest.task.start_bounds.topic_id = None;
    let begun = checkpoints.begin(Vec::new())?;
    checkpoints.finish(begun, &manifest.encode(&sections.places()))?;
    Ok(true)
}
