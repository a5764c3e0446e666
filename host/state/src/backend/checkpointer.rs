//! The checkpoint's actor: parts to sections, sections and standing to a generation.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::{clock::Stopwatch, partition::Partition};
use streamgauge_engine::{FoldSegment, OperatorSegment, SegmentId, StateSegment, ViewSegment};
use tracing::debug;

use super::{
    Checkpoint, CheckpointMetrics, Command, WrittenCheckpoint,
    ending::Alive,
    standing::{Durable, Standing},
    writer::LogWriter,
};
use crate::{
    checkpoint::Checkpoints,
    error::StateError,
    manifest::CheckpointManifest,
    pool::{Actor, WeakMailbox},
    recovery::{Section, Sections},
    segment,
};

/// A generation that is kept.
struct Kept {
    generation: u64,
    /// The generations whose data it refers to.
    needed: Vec<u64>,
    /// The first entry of the log that it needs.
    needed_from: u64,
}

/// Whose segments share a section: many hosts pass them on by partition and by shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Partition(Partition),
    Shard(u32),
}

impl Owner {
    fn of(segment: &StateSegment) -> Self {
        match segment.id {
            SegmentId::Fold(FoldSegment { partition, .. }) => Self::Partition(partition),
            SegmentId::Operator(OperatorSegment { shard, .. })
            | SegmentId::View(ViewSegment { shard, .. }) => Self::Shard(shard),
        }
    }
}

pub(super) struct Checkpointer {
    checkpoints: Checkpoints,
    sections: Sections,
    generations: usize,
    /// The generations that are kept, oldest first.
    kept: Vec<Kept>,
    /// The versions of the states in the newest, one an aggregate call.
    versions: Vec<u32>,
    metrics: CheckpointMetrics,
    /// The log's actor owns this one, so it is not kept by it.
    log: WeakMailbox<LogWriter>,
    standing: Arc<Standing>,
    /// Dropped last: the files are closed then.
    _alive: Alive,
}

impl Actor for Checkpointer {
    type Message = Checkpoint;
    const GROUP_MAX: usize = 1;

    fn waiting_max(&self) -> usize {
        1
    }

    fn handle(&mut self, checkpoints: Vec<Checkpoint>) -> Result<(), String> {
        checkpoints
            .into_iter()
            .try_for_each(|checkpoint| self.write(checkpoint))
            .map_err(|error| error.to_string())
    }
}

impl Checkpointer {
    pub(super) fn new(
        checkpoints: Checkpoints,
        sections: Sections,
        newest: Option<&(CheckpointManifest, u64)>,
        generations: usize,
        log: WeakMailbox<LogWriter>,
        standing: Arc<Standing>,
        alive: Alive,
    ) -> Self {
        let kept = newest.map(|(manifest, generation)| Kept {
            generation: *generation,
            needed: sections.generations(),
            needed_from: manifest.log.needed_from,
        });
        let versions = newest.map(|(manifest, _)| manifest.task.versions.clone());
        Self {
            checkpoints,
            sections,
            generations: generations.max(1),
            kept: kept.into_iter().collect(),
            versions: versions.unwrap_or_default(),
            metrics: CheckpointMetrics::default(),
            log,
            standing,
            _alive: alive,
        }
    }

    /// The same, counted.
    pub(super) fn counted_in(self, metrics: CheckpointMetrics) -> Self {
        Self { metrics, ..self }
    }

    fn write(&mut self, mut checkpoint: Checkpoint) -> Result<(), StateError> {
        let observer = checkpoint.observer.take();
        let written = self.write_all(checkpoint);
        if let Some(observer) = observer {
            observer(written.as_ref().copied().map_err(ToString::to_string));
        }
        written.map(|_| ())
    }

    fn write_all(&mut self, checkpoint: Checkpoint) -> Result<WrittenCheckpoint, StateError> {
        let Checkpoint { manifest, parts, forced_closes, .. } = checkpoint;
        let since = Stopwatch::start();
        let mut by_owner: BTreeMap<Owner, Vec<&StateSegment>> = BTreeMap::new();
        parts.iter().for_each(|part| by_owner.entry(Owner::of(part)).or_default().push(part));
        let bytes: Vec<Vec<u8>> = by_owner.values().map(|parts| segment::encode(parts)).collect();
        let sections_bytes: u64 = bytes.iter().map(|section| section.len() as u64).sum();
        // The log was synced after the last checkpoint, so this process still owns the state and may remove generations. One less
        // is kept here, since the next is about to be written.
        let surplus = (self.kept.len() + 1).saturating_sub(self.generations.max(2));
        self.kept.drain(..surplus);
        if surplus > 0 {
            self.checkpoints.retain(&self.kept(), &self.needed())?;
        }
        let begun = self.checkpoints.begin(bytes)?;
        let begun_generation = begun.generation;
        for (parts, place) in by_owner.values().zip(&begun.sections) {
            self.sections.add(Section::new(*place, parts));
        }
        self.sections.keep(&manifest.task.kept);
        // The manifest has one version an aggregate call: states of another one must not be left in older sections.
        assert!(
            manifest.task.versions == self.versions
                || self.sections.generations().iter().all(|&generation| generation == begun_generation),
            "after a change of state versions every part is captured as a whole"
        );
        let bytes = manifest.encode(&self.sections.places());
        let written = sections_bytes + bytes.len() as u64;
        let generation = self.checkpoints.finish(begun, &bytes)?;
        let took = since.elapsed();
        self.metrics.written.increment(1);
        self.metrics.bytes.increment(written);
        self.metrics.seconds.record(took.as_secs_f64());
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        debug!(generation, took_ms, "{} is written", self.checkpoints.shown_name(generation));
        let needed = self.sections.generations();
        self.kept.push(Kept { generation, needed, needed_from: manifest.log.needed_from });
        self.versions = manifest.task.versions;

        let whole = self.sections.fragmented();
        self.standing.end_checkpoint(Durable { offsets: Some(manifest.task.offsets), forced_closes, whole });
        if let Some(&Kept { needed_from, .. }) =
            self.kept.first().filter(|_| self.kept.len() >= self.generations)
        {
            // A full mailbox is not waited for: the next checkpoint says it again.
            let _ = self.log.try_send(Command::Durable { needed_from });
        }
        Ok(WrittenCheckpoint { generation, bytes: written, took })
    }

    fn kept(&self) -> Vec<u64> {
        self.kept.iter().map(|kept| kept.generation).collect()
    }

    fn needed(&self) -> Vec<u64> {
        let mut needed: Vec<u64> = self.kept.iter().flat_map(|kept| &kept.needed).copied().collect();
        needed.sort_unstable();
        needed.dedup();
        needed
    }
}
