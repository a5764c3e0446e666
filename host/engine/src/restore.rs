//! Parts to a query's state.

use streamgauge_sql::manifest::Window;

use super::{
    Accumulators, RestoreError, SegmentKind, Settings, StateSegment, WindowProgress, WindowQuery,
    fold::Partition, key, states::States,
};

impl WindowQuery {
    /// A query that goes on where `window_progress` says, still without parts: [`WindowQuery::put_back`] gives it those that were kept,
    /// in the order in which they were captured; [`WindowQuery::settle`] ends that.
    pub fn restored(
        window: &Window,
        settings: Settings,
        window_progress: &WindowProgress,
    ) -> Result<Self, RestoreError> {
        let query = Self::new(window, settings, []);
        let mut query = query.map_err(|error| RestoreError::Misfit(error.to_string()))?;
        query.close.closed = window_progress.closed;
        query.source.rise_to(window_progress.watermark);
        for &(number, watermark) in &window_progress.partitions {
            query.partitions.insert(number, Partition::restored(watermark));
        }
        query.track_changes();
        Ok(query)
    }

    /// Puts a part back; of a group that is there already the later state counts.
    ///
    /// `versions` are the versions of the states, one an aggregate call. A part whose states have other versions than its reducers
    /// give is captured as a whole the next time.
    pub fn put_back(
        &mut self,
        part: &StateSegment,
        versions: &[u32],
        accumulators: &mut [Box<dyn Accumulators>],
    ) -> Result<(), RestoreError> {
        self.check(accumulators)?;
        let misfit = |what: &str| Err(RestoreError::Misfit(format!("a part of it has {what}")));
        let Some(partition) = self.partitions.get_mut(&part.id.partition) else {
            return misfit("a partition that it does not name");
        };
        let counted = matches!(part.id.place, SegmentKind::Counted(_));
        let calls = if counted { 0 } else { self.aggregates.len() };
        let in_step = part.states.iter().all(|states| states.len() == part.keys.len());
        if part.states.len() != calls || versions.len() != self.aggregates.len() || !in_step {
            return misfit("states of other aggregate calls");
        }
        let is_outdated =
            accumulators.iter().zip(versions).any(|(calls, &version)| calls.state_version() != version);
        if let Some(changes) = &mut self.changes
            && is_outdated
            && !counted
        {
            changes.outdate(part.id);
        }
        let mut slots = Vec::with_capacity(part.keys.len());
        for index in 0..part.keys.len() {
            let bytes = part.keys.get(index);
            if !key::is_key(bytes, &self.key_types) {
                return misfit("a group with another key");
            }
            slots.extend(partition.put_back(part.id.place, bytes, &self.slicing, &mut self.slots));
        }
        debug_assert_eq!(slots.len(), if counted { 0 } else { part.keys.len() }, "one slot a state");
        let mut states = States { aggregates: &self.aggregates, accumulators, slots: &mut self.slots };
        let restored = states.restore(versions, &slots, &part.states);
        Ok(self.note(restored)?)
    }

    /// All parts are back.
    pub fn settle(&mut self) {
        let slicing = &self.slicing;
        self.partitions.values_mut().for_each(|partition| partition.settle(slicing));
    }

    /// Lets the watermark rise to the end of a window whose close was decided before it could have been, in a run that went
    /// before: a partition was idle then.
    pub fn force(&mut self, window_end: i64) {
        self.source.rise_to(window_end);
    }
}
