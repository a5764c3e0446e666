//! What comes from the inputs, and how far a replay may go before it has done again what idle partitions brought about.
//!
//! A window that was closed before some partition had reached its end was closed at logged positions. A replay folds up to these
//! positions, the *replay barrier*, in all partitions; what comes behind them is held. Then it closes the same windows, and goes on to
//! the next barrier.

use streamgauge_common::{
    offset::Offset,
    partition::{Partition, SourceIndex},
};

use super::QueryTask;
use crate::decode::Batch;

impl QueryTask {
    /// Takes a batch of one of its inputs.
    pub fn take(&mut self, source: SourceIndex, batch: &Batch) {
        let partition = source.partition(batch.chunk.partition);
        self.count_events(partition, batch);
        self.at_end.insert(partition, false);
        self.adopt_tables();
        self.place(source, batch);
        self.go_on();
    }

    /// A partition was read to its end as it is now.
    pub fn reached_end(&mut self, partition: Partition) {
        self.at_end.insert(partition, true);
        self.go_on();
    }

    /// Nothing more will come from a partition.
    pub fn end(&mut self, partition: Partition) {
        self.at_end.insert(partition, true);
        self.ending.insert(partition);
        self.go_on();
        self.end_partitions();
    }

    /// Decides the windows that are complete, as long as there is room for their rows, and takes what was held for them.
    pub fn close(&mut self) {
        self.adopt_tables();
        self.close_windows();
        self.go_on();
        self.end_partitions();
    }

    /// Folds a batch, as far as it lies before the next replay barrier; the rest is held. All of it is held where a complete window
    /// waits for room: a window that is closed before some partition has reached its end takes no row that comes after its close was
    /// logged.
    pub(super) fn place(&mut self, source: SourceIndex, batch: &Batch) {
        let partition = source.partition(batch.chunk.partition);
        if !self.state.is_at_work() {
            return;
        }
        if let Some(buffered) = self.buffered.get_mut(&partition) {
            return buffered.push_back(batch.clone());
        }
        if self.has_complete_window() {
            return self.hold(partition, batch.clone());
        }
        let Some(limit) = self.limit(partition) else { return self.fold(source, batch) };
        let before = batch.chunk.records_before(limit);
        self.fold(source, &batch.part(0..before));
        if before < batch.chunk.len() {
            self.hold(partition, batch.part(before..batch.chunk.len()));
        }
    }

    fn hold(&mut self, partition: Partition, batch: Batch) {
        self.buffered.entry(partition).or_default().push_back(batch);
    }

    /// Places what is held, and goes through the replay barriers that all partitions have reached, as far as there is room for the
    /// rows of the windows that close.
    fn go_on(&mut self) {
        while self.state.is_at_work() && !(self.buffered.is_empty() && self.log.barrier().is_none()) {
            self.close_windows();
            self.place_held();
            if self.has_complete_window() || !self.pass_barrier() {
                return;
            }
        }
    }

    /// Places the batches that are held; what is held afterwards lies behind the next replay barrier, or complete windows wait for
    /// room.
    fn place_held(&mut self) {
        if self.has_complete_window() {
            return;
        }
        for (partition, batches) in std::mem::take(&mut self.buffered) {
            batches.iter().for_each(|batch| self.place(partition.source, batch));
        }
        self.end_partitions();
    }

    /// Passes the next replay barrier, if there is one and all partitions have reached it.
    fn pass_barrier(&mut self) -> bool {
        let Some(barrier) = self.log.barrier() else { return false };
        let reached = |&(partition, limit): &(Partition, Offset)| {
            self.offsets.get(&partition).is_some_and(|progress| progress.next >= limit || progress.done)
                || self.buffered.contains_key(&partition)
                || self.at_end.get(&partition) == Some(&true)
        };
        if !barrier.offsets.iter().all(reached) {
            return false;
        }
        let Some(barrier) = self.log.pass_barrier() else { return false };
        if let Some(engine) = self.engine_mut() {
            engine.force(barrier.window_end);
        }
        true
    }

    /// The offset at which the next replay barrier stops a partition.
    fn limit(&self, partition: Partition) -> Option<Offset> {
        let barrier = self.log.barrier()?;
        let position = barrier.offsets.iter().find(|(barrier_partition, _)| *barrier_partition == partition);
        // A partition that the replay barrier does not know had no record then.
        Some(position.map_or(Offset::MIN, |&(_, next)| next))
    }

    /// Ends the partitions of which nothing more comes, when nothing of them is held any more.
    fn end_partitions(&mut self) {
        let over = |partition: &Partition| !self.buffered.contains_key(partition);
        let ended: Vec<Partition> = self.ending.iter().copied().filter(over).collect();
        for &partition in &ended {
            self.ending.remove(&partition);
            if let Some(progress) = self.offsets.get_mut(&partition) {
                progress.done = true;
            }
            if let Some(engine) = self.engine_mut() {
                engine.end(partition);
            }
        }
        if !ended.is_empty() {
            self.close_windows();
        }
    }
}
