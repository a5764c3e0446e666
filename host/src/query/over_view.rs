//! Windows over the rows of a view.
//!
//! The rows of a view over windows are a source of their own: it has a partition for each shard of the view's groups, the time of a row
//! is the last instant of its window, and the watermark is what the view's windows are closed up to. Rows come in the order in which
//! windows close, so none is late, and all that is decided of them follows from the view's rows alone.

use std::collections::{BTreeMap, BTreeSet};

use streamgauge_common::{
    column::{Bitmap, Column},
    partition::{Partition, SourceIndex},
    row::Identity,
};
use streamgauge_engine::{
    Accumulators, Fault, FoldBatch, FoldSegment, Folded, RestoreError, SHARDS, SegmentId, Settings, Snapshot,
    StateSegment, ViewSegment, WindowProgress, WindowQuery, encode_key, shard_of,
};
use streamgauge_sql::manifest::Window;
use streamgauge_state::manifest::{OverViewProgress, TaskManifest};

use super::{Windows, task::OpenAggregates};

/// How windows over a view are made and kept.
pub struct OverView {
    /// What names them in segments and decisions: a hash of `meaning`.
    pub id: u64,
    /// What they are and of which rows, for people; see `deploy/operators.rs`.
    pub meaning: String,
    /// What the engine is told beside the windows.
    pub settings: Settings,
    /// Opens the accumulators of the aggregate calls.
    pub open: OpenAggregates,
    /// Whether they are captured.
    pub is_durable: bool,
}

impl OverView {
    /// Windows that begin where the windows of the view stand.
    ///
    /// # Errors
    /// A window that no compiler of ours makes; a reducer that cannot be started.
    pub fn windows(&self, window: &Window, progress: &WindowProgress) -> Result<Windows, RestoreError> {
        // All windows that were complete are closed when a state is captured.
        let closed = progress.closed;
        let shards = (0..SHARDS).map(partition);
        let engine = match self.is_durable {
            true => {
                let partitions = shards.map(|partition| (partition, closed)).collect();
                let progress = WindowProgress { closed, watermark: closed, partitions };
                WindowQuery::restored(window, self.settings, &progress)?
            }
            false => WindowQuery::new(window, self.settings, shards)
                .map_err(|error| RestoreError::Misfit(error.to_string()))?,
        };
        Ok(Windows { engine, accumulators: (self.open)()? })
    }

    /// Windows as a checkpoint has them; those of which it knows nothing begin where it stands.
    ///
    /// # Errors
    /// Segments that do not fit; reducers that fail.
    pub fn restored<'a>(
        &self,
        window: &Window,
        checkpoint: &TaskManifest,
        segments: impl Iterator<Item = &'a StateSegment>,
    ) -> Result<Windows, RestoreError> {
        let progress = checkpoint.window_progress.clone().unwrap_or_default();
        let mut windows = self.windows(window, &progress)?;
        let versions = match checkpoint.over_views.get(&self.id) {
            Some(saved) => saved.versions.clone(),
            None => windows.state_versions(),
        };
        for segment in segments {
            let SegmentId::View(ViewSegment { windows: id, shard, kind }) = segment.id else { continue };
            if id == self.id {
                let fold = SegmentId::Fold(FoldSegment { partition: partition(shard), kind });
                let segment = StateSegment { id: fold, ..segment.clone() };
                windows.engine.put_back(&segment, &versions, &mut windows.accumulators)?;
            }
        }
        windows.engine.end_restore();
        Ok(windows)
    }

    /// Adds what has changed in the windows, and all of the segments that `whole` names.
    ///
    /// # Errors
    /// A reducer that fails.
    pub(super) fn snapshot(
        &self,
        windows: &mut Windows,
        whole: &BTreeSet<SegmentId>,
        parts: &mut Vec<StateSegment>,
        kept: &mut BTreeSet<SegmentId>,
    ) -> Result<(), Fault> {
        let own = whole.iter().filter_map(|id| match *id {
            SegmentId::View(ViewSegment { windows, shard, kind }) if windows == self.id => {
                Some(SegmentId::Fold(FoldSegment { partition: partition(shard), kind }))
            }
            _ => None,
        });
        let captured = windows.engine.snapshot(&own.collect(), &mut windows.accumulators)?;
        let Snapshot { parts: folded, kept: names, window_progress: _ } = captured;
        parts.extend(
            folded.into_iter().map(|segment| StateSegment { id: self.of_view(segment.id), ..segment }),
        );
        kept.extend(names.into_iter().map(|id| self.of_view(id)));
        Ok(())
    }

    /// What a checkpoint keeps of the windows beside their segments.
    pub(super) fn progress(&self, windows: &Windows) -> OverViewProgress {
        OverViewProgress { versions: windows.state_versions(), emit_from_us: self.settings.emit_from_us }
    }

    /// The name of a segment of the engine in the state of the whole query task.
    fn of_view(&self, id: SegmentId) -> SegmentId {
        match id {
            SegmentId::Fold(FoldSegment { partition, kind }) => {
                SegmentId::View(ViewSegment { windows: self.id, shard: partition.number, kind })
            }
            SegmentId::Operator(_) | SegmentId::View(_) => unreachable!("an engine folds partitions"),
        }
    }
}

/// The partition of a view's rows that a shard is.
fn partition(shard: u32) -> Partition {
    SourceIndex::FIRST.partition(shard)
}

/// Folds rows of a view, shard by shard. What is said of rows counts them as `batch` does.
pub(super) fn fold(
    windows: &mut Windows,
    batch: &FoldBatch<'_>,
    identity: &Identity,
) -> Result<Folded, Fault> {
    let Identity::Window { keys, .. } = identity else {
        return Err(Fault::deterministic("the plan", "has windows over rows that are of no window"));
    };
    let mut folded = Folded::default();
    for (shard, rows) in by_shard(keys, batch.times.len(), batch.kept) {
        let part = take(batch, &rows, shard, &mut windows.engine, &mut windows.accumulators)?;
        let number = |row: u32| rows.get(row as usize).copied().unwrap_or_default();
        assert!(part.late_rows.is_empty(), "rows of a view come as its windows close, so none is late");
        folded.unwanted += part.unwanted;
        folded.rejected.extend(part.rejected.into_iter().map(number));
        folded.out_of_range.extend(part.out_of_range.into_iter().map(number));
    }
    folded.rejected.sort_unstable();
    folded.out_of_range.sort_unstable();
    Ok(folded)
}

/// The rows that are kept, by the shard of their group in the view.
fn by_shard(keys: &[Column], len: usize, kept: Option<&Bitmap>) -> BTreeMap<u32, Vec<u32>> {
    let keys: Vec<&Column> = keys.iter().collect();
    let (mut shards, mut key): (BTreeMap<u32, Vec<u32>>, _) = (BTreeMap::new(), Vec::new());
    for row in (0..len).filter(|&row| kept.is_none_or(|kept| kept.get(row))) {
        key.clear();
        encode_key(&keys, row, &mut key);
        shards.entry(shard_of(&key)).or_default().push(row as u32);
    }
    shards
}

/// Folds the named rows.
fn take(
    batch: &FoldBatch<'_>,
    rows: &[u32],
    shard: u32,
    engine: &mut WindowQuery,
    accumulators: &mut [Box<dyn Accumulators>],
) -> Result<Folded, Fault> {
    let taken =
        |columns: &[&Column]| -> Vec<Column> { columns.iter().map(|column| column.take(rows)).collect() };
    let (times, keys) = (batch.times.take(rows), taken(batch.keys));
    let arguments: Vec<Vec<Column>> = batch.arguments.iter().map(|arguments| taken(arguments)).collect();
    let arguments: Vec<Vec<&Column>> = arguments.iter().map(|arguments| arguments.iter().collect()).collect();
    let keys: Vec<&Column> = keys.iter().collect();
    let batch = FoldBatch { times: &times, kept: None, keys: &keys, arguments: &arguments };
    engine.fold(partition(shard), &batch, accumulators)
}
