//! What a query has decided: written down before it is sent, and known when it is decided again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use streamgauge_common::{offset::Offset, partition::Partition, wakeup::Wakeup};
use streamgauge_engine::{FoldSegment, SegmentId, SegmentKind, StateSegment};
use streamgauge_state::{
    backend::{CheckpointObserver, CheckpointRequest, PendingDelivery, StateBackend},
    decision::{Decision, Forced, SinkBatch, Verdict},
    manifest::{Decided, Offsets, TaskManifest},
    outbox::{Acknowledged, Outbox},
    recovery::RecoveredDecisions,
    table::TableVersion,
};
use xxhash_rust::xxh3::Xxh3;

use super::Standing;

/// `max_remembered`: forced closes, and verdicts, that are remembered where no checkpoint forgets them.
pub const REMEMBERED_MAX: usize = 100_000;

/// The decisions of one query and of those that read its rows.
pub struct DecisionLog {
    /// Makes them durable; none = nothing is, and messages leave at once.
    backend: Option<StateBackend>,
    /// By query.
    outboxes: BTreeMap<String, Outbox>,
    /// The number of the last message of each query.
    sequences: BTreeMap<String, u64>,
    decided: Decided,
    /// Forced closes that a replay has still to do.
    barriers: VecDeque<Forced>,
    /// Those since the last durable checkpoint, numbered from `forced_before`.
    forced: VecDeque<Forced>,
    forced_before: u64,
    verdicts: BTreeMap<(Partition, Offset), Verdict>,
    /// The versions of tables that a run before has met, until the query task has them.
    tables_before: Vec<TableVersion>,
    remembered_max: usize,
    /// What the last checkpoint of this process says.
    captured: Option<Captured>,
}

/// How many forced closes the log has behind a checkpoint before one is written for them alone.
const FORCED_MAX: usize = 100;

/// What a checkpoint says beside the parts of the state.
#[derive(PartialEq)]
struct Captured {
    /// Without how far time has come: a run that goes on from here sees the same silence again. The ends of windows that time has reached
    /// are in the log, as forced closes.
    task: TaskManifest,
    acknowledged: BTreeMap<String, Acknowledged>,
    /// Of the groups that only count: every checkpoint has all of them.
    counted: u64,
}

impl DecisionLog {
    /// Goes on from the past; messages go to these outboxes, by query.
    pub fn new(
        backend: Option<StateBackend>,
        outboxes: BTreeMap<String, Outbox>,
        decisions: RecoveredDecisions,
    ) -> Self {
        let RecoveredDecisions { decided, sequences, forced, verdicts, tables } = decisions;
        Self {
            backend,
            outboxes,
            sequences,
            decided,
            barriers: forced.iter().cloned().collect(),
            forced: forced.into(),
            forced_before: 0,
            verdicts,
            tables_before: tables,
            remembered_max: REMEMBERED_MAX,
            captured: None,
        }
    }

    /// With another bound of what is remembered where nothing is durable.
    #[must_use]
    pub fn remembering(self, remembered_max: usize) -> Self {
        Self { remembered_max, ..self }
    }

    /// A decision log that nothing is sent from.
    pub fn idle() -> Self {
        Self::new(None, BTreeMap::new(), RecoveredDecisions::default())
    }

    /// Notifies this one, too, when there may be room, when messages are acknowledged, and when nothing can be decided any more.
    pub fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.outboxes.values().for_each(|outbox| outbox.add_listener(wakeup));
        self.backend.iter().for_each(|backend| backend.add_listener(wakeup));
    }

    /// Whether decisions are durable.
    pub fn is_durable(&self) -> bool {
        self.backend.is_some()
    }

    /// Whether more may be decided: no outbox is at its bound.
    pub fn has_room(&self) -> bool {
        self.outboxes.values().all(Outbox::has_room)
    }

    /// Why nothing can be decided any more.
    pub fn failure(&self) -> Option<String> {
        let outboxes = self.outboxes.values().find_map(Outbox::failure);
        self.backend.as_ref().and_then(StateBackend::failure).or(outboxes)
    }

    /// Whether nobody reads some rows any more.
    pub fn is_unread(&self) -> bool {
        self.outboxes.values().any(Outbox::is_unread)
    }

    /// Rows that are decided and not acknowledged, but may be.
    pub fn unacknowledged_rows(&self) -> usize {
        self.outboxes.values().filter(|outbox| outbox.failure().is_none()).map(Outbox::rows).sum()
    }

    /// The outboxes, by query.
    pub fn outboxes(&self) -> &BTreeMap<String, Outbox> {
        &self.outboxes
    }

    /// The number of a query's next message.
    pub fn next_sequence(&self, query: &str) -> u64 {
        self.sequences.get(query).copied().unwrap_or(0) + 1
    }

    /// How far decisions go.
    pub fn decided(&self) -> &Decided {
        &self.decided
    }

    /// The numbers of the last messages.
    pub fn sequences(&self) -> &BTreeMap<String, u64> {
        &self.sequences
    }

    /// Whether a run of groups was decided before: of windows over a source, or of those over a view that `over_view` names.
    pub fn is_decided(&self, over_view: Option<u64>, window_end: i64, run: u32) -> bool {
        let decided = match over_view {
            None => self.decided.run,
            Some(windows) => self.decided.over_views.get(&windows).copied(),
        };
        decided.is_some_and(|decided| (window_end, run) <= decided)
    }

    /// Records of a partition before this offset were decided before.
    pub fn passed(&self, partition: Partition) -> Offset {
        self.decided.passed.get(&partition).copied().unwrap_or(Offset::MIN)
    }

    /// A run of groups of a complete window is decided.
    pub fn decide_window(&mut self, over_view: Option<u64>, window_end: i64, run: u32, sent: Vec<SinkBatch>) {
        debug_assert!(!self.is_decided(over_view, window_end, run), "a run is decided once");
        match over_view {
            None => {
                self.decided.run = Some((window_end, run));
                self.decide(Decision::Closed { window_end, run, sent });
            }
            Some(windows) => {
                self.decided.over_views.insert(windows, (window_end, run));
                self.decide(Decision::OverViewClosed { windows, window_end, run, sent });
            }
        }
    }

    /// Rows of records before `next` are decided.
    pub fn decide_rows(&mut self, partition: Partition, next: Offset, sent: Vec<SinkBatch>) {
        self.decided.passed.insert(partition, next);
        if !sent.is_empty() {
            self.decide(Decision::RowsEmitted { partition, next, sent });
        }
    }

    /// Windows up to this end are about to be closed although some partition has not reached it.
    pub fn decide_forced(&mut self, window_end: i64, offsets: &Offsets) {
        if self.decided.forced.is_some_and(|decided| window_end <= decided) {
            return;
        }
        self.decided.forced = Some(window_end);
        let offsets = offsets.iter().map(|(&partition, progress)| (partition, progress.next)).collect();
        let forced = Forced { window_end, offsets };
        if self.remembers(self.forced.len()) {
            self.forced.push_back(forced.clone());
        }
        if self.backend.is_some() {
            self.decide(Decision::Forced(forced));
        }
    }

    /// The versions of tables that a run before has met.
    pub fn take_tables(&mut self) -> Vec<TableVersion> {
        std::mem::take(&mut self.tables_before)
    }

    /// Another version of a table counts from here on.
    pub fn decide_table(&mut self, version: TableVersion) {
        if self.backend.is_some() {
            self.decide(Decision::Table(version));
        }
    }

    /// Whether all that was decided is behind a task that stands there: a replay has done it again.
    pub fn is_done_again(&self, standing: &Standing<'_>) -> bool {
        let Decided { run, passed, over_views, .. } = &self.decided;
        let is_closed = |&(end, _): &(i64, u32)| end <= standing.closed_upto;
        let is_passed = |(partition, &next): (&Partition, &Offset)| {
            standing.offsets.get(partition).is_some_and(|progress| progress.next >= next)
        };
        self.barriers.is_empty()
            && run.iter().chain(over_views.values()).all(is_closed)
            && passed.iter().all(is_passed)
    }

    /// A record is a dead letter, now and whenever it is read again.
    pub fn decide_verdict(&mut self, partition: Partition, offset: Offset, verdict: Verdict) {
        let known = self.verdicts.contains_key(&(partition, offset));
        if known || !self.remembers(self.verdicts.len()) {
            return;
        }
        self.verdicts.insert((partition, offset), verdict.clone());
        if self.backend.is_some() {
            self.decide(Decision::Verdict { partition, offset, verdict });
        }
    }

    /// The verdicts on a partition's records with these offsets.
    pub fn verdicts(
        &self,
        partition: Partition,
        first: Offset,
        last: Offset,
    ) -> impl Iterator<Item = (Offset, &Verdict)> {
        self.verdicts
            .range((partition, first)..=(partition, last))
            .map(|(&(_, offset), verdict)| (offset, verdict))
    }

    /// The verdicts on records that are not folded yet.
    pub fn verdicts_from(&self, offsets: &Offsets) -> BTreeMap<(Partition, Offset), Verdict> {
        let ahead = |&(partition, offset): &(Partition, Offset)| {
            offsets.get(&partition).is_none_or(|progress| offset >= progress.next)
        };
        self.verdicts.iter().filter(|(at, _)| ahead(at)).map(|(&at, verdict)| (at, verdict.clone())).collect()
    }

    /// The forced close that a replay comes to next.
    pub fn barrier(&self) -> Option<&Forced> {
        self.barriers.front()
    }

    /// The replay has come through a replay barrier.
    pub fn pass_barrier(&mut self) -> Option<Forced> {
        self.barriers.pop_front()
    }

    /// The replay begins again at the last durable checkpoint. False where too much happened since to be known.
    pub fn rewind(&mut self) -> bool {
        self.forget();
        self.captured = None;
        self.barriers = self.forced.clone();
        self.remembers(self.forced.len()) && self.remembers(self.verdicts.len())
    }

    /// Whether one more can be remembered: checkpoints forget.
    fn remembers(&self, count: usize) -> bool {
        self.backend.is_some() || count < self.remembered_max
    }

    /// A checkpoint of what is decided until now; the decisions before it need not be known any more once it is durable. Where it would say
    /// what the last one says, which must be durable, none is written; gives whether one is. The observer is told what became of it.
    pub fn checkpoint(
        &mut self,
        task: TaskManifest,
        parts: Vec<StateSegment>,
        observer: Option<CheckpointObserver>,
    ) -> bool {
        self.forget();
        let (counted, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| is_counted(part));
        let captured = Captured {
            task: without_time(&task),
            acknowledged: self.acknowledged(),
            counted: digest(&counted),
        };
        let is_same = others.is_empty() && self.captured.as_ref() == Some(&captured);
        if is_same && self.forced.len() < FORCED_MAX {
            return false;
        }
        self.captured = Some(captured);
        let forced_closes = self.forced_before + self.forced.len() as u64;
        if let Some(backend) = &self.backend {
            backend.checkpoint(CheckpointRequest { task, parts, forced_closes, observer });
        }
        true
    }

    fn acknowledged(&self) -> BTreeMap<String, Acknowledged> {
        self.outboxes.iter().map(|(query, outbox)| (query.clone(), outbox.acknowledged())).collect()
    }

    /// What keeps the state.
    pub fn backend(&self) -> Option<&StateBackend> {
        self.backend.as_ref()
    }

    /// Forgets the forced closes that are before the last durable checkpoint.
    fn forget(&mut self) {
        let durable = self.backend.as_ref().map_or(0, StateBackend::durable_forced_closes);
        while self.forced_before < durable && self.forced.pop_front().is_some() {
            self.forced_before += 1;
        }
        if let Some(offsets) = self.backend.as_ref().and_then(StateBackend::durable_positions) {
            self.verdicts = self.verdicts_from(&offsets);
        }
    }

    fn decide(&mut self, mut decision: Decision) {
        let bytes = self.backend.is_some().then(|| decision.encode());
        let sent = match &mut decision {
            Decision::Closed { sent, .. }
            | Decision::OverViewClosed { sent, .. }
            | Decision::RowsEmitted { sent, .. } => std::mem::take(sent),
            _ => Vec::new(),
        };
        let mut releases = Vec::new();
        for SinkBatch { query, messages } in sent {
            if let Some(last) = messages.last() {
                self.sequences.insert(query.clone(), last.sequence);
            }
            let Some(outbox) = self.outboxes.get(&query) else { unreachable!("'{query}' has an outbox") };
            let messages = messages.into_iter().map(Arc::new).collect();
            releases.push(PendingDelivery { query, outbox: outbox.clone(), messages });
        }
        match (&self.backend, bytes) {
            (Some(backend), Some(bytes)) => backend.enter(bytes, releases),
            _ => releases.into_iter().for_each(PendingDelivery::send),
        }
    }
}

/// Whether a part only says which groups count for `max_groups`.
fn is_counted(part: &StateSegment) -> bool {
    matches!(part.id, SegmentId::Fold(FoldSegment { kind: SegmentKind::Counted(_), .. }))
}

/// A hash of parts without states.
fn digest(parts: &[&StateSegment]) -> u64 {
    let mut hash = Xxh3::new();
    for part in parts {
        if let SegmentId::Fold(FoldSegment { partition, kind }) = part.id {
            hash.update(&partition.source.0.to_le_bytes());
            hash.update(&partition.number.to_le_bytes());
            hash.update(&kind.slice().0.to_le_bytes());
        }
        part.keys.ends.iter().for_each(|end| hash.update(&end.to_le_bytes()));
        hash.update(&part.keys.bytes);
    }
    hash.digest()
}

/// What a task's manifest says beside how far time has come.
fn without_time(task: &TaskManifest) -> TaskManifest {
    let mut task = task.clone();
    if let Some(progress) = &mut task.window_progress {
        (progress.closed, progress.watermark) = (0, 0);
    }
    task.decided.forced = None;
    task
}
