//! Which sessions are complete, and what they are made of.

use std::collections::BTreeMap;

use super::{
    super::{
        Closed, Fault,
        answer::{self, GroupRows},
        dense::NONE,
        fold::Fold,
        group::{Group, Key},
        key,
        sealed::{self, SealedSlice, SealedSlices, SealedStates},
        slice::{SliceNumber, TIME_MAX_US, WindowNumber},
        states::{AggregateClass, Pairs, States},
    },
    Sessions,
    open::Session,
    rules::Chain,
    spans::Span,
};

/// What is being closed.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Up to where sessions are closed, once that is known: as long as neither events come nor the watermark moves.
    limit: Option<Limit>,
    emitting: Option<Emitting>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    watermark: i64,
    upto: i64,
    /// Whether all sessions up to it were given out.
    is_drained: bool,
}

/// Sessions with one end that are being given out.
#[derive(Debug)]
struct Emitting {
    end: i64,
    forced: bool,
    /// By their first events and keys.
    sessions: Vec<Session>,
    done: usize,
    runs: u32,
}

/// Accumulators of one cell that are one behind the other, with their times.
#[derive(Debug, Default)]
struct Cell {
    slots: Vec<u32>,
    span: Option<Span>,
}

/// Merges that build on each other.
#[derive(Debug, Default)]
struct Merges {
    /// Of moments.
    moments: Pairs,
    /// Of the partitions of a cell.
    cells: Pairs,
    /// Of cells into sessions.
    sessions: Pairs,
    /// Slots that are free behind them.
    free: Vec<u32>,
}

impl Closing {
    /// Events have come.
    pub(super) fn forget_limit(&mut self) {
        self.limit = None;
    }
}

impl Cell {
    fn push(&mut self, slot: u32, Span { first, last }: Span) {
        self.slots.push(slot);
        let span = self.span.get_or_insert(Span { first, last });
        *span = Span { first: span.first.min(first), last: span.last.max(last) };
    }
}

impl Sessions {
    /// Whether sessions are being given out.
    pub(in super::super) fn is_mid_window(&self) -> bool {
        self.closing.emitting.is_some()
    }

    /// Whether a session is complete and not given out, as far as that is known without looking for it.
    pub(in super::super) fn has_complete_window(&self, fold: &Fold) -> bool {
        let watermark = self.source.at();
        let is_drained =
            self.closing.limit.is_some_and(|limit| limit.watermark == watermark && limit.is_drained);
        // An event of a slice is in a session that ends with the slice, or later.
        let first = fold.first_unsealed().map(|slice| self.slicing.bounds(slice).1);
        let mut ends = first.into_iter().chain(self.open.first_end());
        self.is_mid_window() || !is_drained && ends.any(|end| end <= watermark)
    }

    /// See `WindowQuery::forces`.
    pub(in super::super) fn forces(&self, fold: &Fold) -> Option<i64> {
        let is_ahead = self.source.least_own() < self.source.at();
        let end = if is_ahead { self.last_complete_end(fold) } else { None };
        end.filter(|&end| end > self.closed && self.source.is_ahead_of_a_partition(end))
    }

    /// Up to where sessions are closed: no event before it is still to come.
    ///
    /// Where the watermark went on without an idle partition, slices are taken only as far as sessions are closed for that, which is
    /// in the log: so what is late later follows from the log.
    fn limit(&mut self, fold: &Fold) -> i64 {
        let (watermark, own) = (self.source.at(), self.source.least_own());
        if let Some(limit) = self.closing.limit.filter(|limit| limit.watermark == watermark) {
            return limit.upto;
        }
        let upto = match watermark > own {
            true => self.last_complete_end(fold).map_or(own, |end| end.max(own)),
            false => watermark,
        };
        self.closing.limit = Some(Limit { watermark, upto, is_drained: false });
        upto
    }

    /// The end of the last session that the watermark has reached, from the times of the events alone.
    fn last_complete_end(&self, fold: &Fold) -> Option<i64> {
        let watermark = self.source.at();
        let mut chains: BTreeMap<&[u8], (Chain, bool)> = BTreeMap::new();
        for (session, is_finished) in self.open.all() {
            if !is_finished {
                let key = self.open.groups.key(session.group);
                chains.insert(key, (session.chain, session.slot != NONE));
            }
        }
        let mut ends: Vec<i64> = self.open.finished_ends().filter(|&end| end <= watermark).collect();
        let mut complete = |last: i64| {
            let end = self.rules.end(last);
            ends.extend((end <= watermark).then_some(end));
        };
        let mut cells: BTreeMap<(SliceNumber, &[u8]), Vec<u32>> = BTreeMap::new();
        for cell in fold.unsealed(self.slicing.slice_of(watermark.min(TIME_MAX_US))) {
            cells.entry((cell.slice, cell.key)).or_default().push(cell.slot);
        }
        for ((_, key), slots) in &cells {
            let spans = || slots.iter().map(|&slot| self.spans.get(slot));
            let first = spans().map(|span| span.first).min().unwrap_or_default();
            let last = spans().map(|span| span.last).max().unwrap_or_default();
            let before = chains.get(key).copied();
            let place = self.rules.place(before.map(|(chain, _)| chain), first, last);
            if let Some((chain, true)) = before.filter(|_| !place.extends) {
                complete(chain.last);
            }
            if let Some(cut) = place.cut {
                complete(slots.iter().filter_map(|&slot| self.last_before(slot, cut)).max().unwrap_or(first));
            }
            let anchor = place.cut.unwrap_or(place.anchor);
            chains.insert(key, (Chain { anchor, last }, true));
        }
        chains
            .into_values()
            .filter(|(_, has_events)| *has_events)
            .for_each(|(chain, _)| complete(chain.last));
        ends.into_iter().max()
    }

    /// The last event of a slot before a cut.
    fn last_before(&self, slot: u32, cut: i64) -> Option<i64> {
        let span = self.spans.get(slot);
        if span.last < cut || span.first >= cut {
            return (span.last < cut).then_some(span.last);
        }
        let moments = self.spans.moments(slot)?;
        moments.range(..cut).next_back().map(|(&time, _)| time)
    }

    /// See `WindowQuery::next_closed`.
    pub(in super::super) fn next_closed(
        &mut self,
        fold: &mut Fold,
        states: &mut States<'_>,
    ) -> Result<Option<Closed>, Fault> {
        loop {
            if let Some(emitting) = self.closing.emitting.take() {
                return self.emit(emitting, states).map(Some);
            }
            let limit = self.limit(fold);
            let Some(end) = self.next_end(limit, fold, states)? else {
                if let Some(limit) = &mut self.closing.limit {
                    limit.is_drained = true;
                }
                self.closed = self.closed.max(limit);
                self.forget_moments(fold, states)?;
                return Ok(None);
            };
            let mut sessions = self.complete(end, fold);
            let unwanted: Vec<u32> =
                sessions.iter().filter(|session| !session.is_whole).map(|session| session.slot).collect();
            states.release(&unwanted)?;
            sessions.retain(|session| session.is_whole || self.drop_unwanted(session));
            self.closed = self.closed.max(end);
            if !sessions.is_empty() {
                let forced = self.source.is_ahead_of_a_partition(end);
                self.closing.emitting = Some(Emitting { end, forced, sessions, done: 0, runs: 0 });
            }
        }
    }

    /// A session whose beginning may not have been read is closed without a row.
    fn drop_unwanted(&mut self, session: &Session) -> bool {
        self.open.close(session);
        false
    }

    /// The end of the next session that may be complete; slices are taken until it is known.
    fn next_end(
        &mut self,
        limit: i64,
        fold: &mut Fold,
        states: &mut States<'_>,
    ) -> Result<Option<i64>, Fault> {
        loop {
            let end = self.open.first_end().filter(|&end| end <= limit);
            let Some(slice) = fold.first_unsealed() else { return Ok(end) };
            let (slice_start, slice_end) = self.slicing.bounds(slice);
            if end.is_some_and(|end| end <= slice_start) || slice_end > limit {
                return Ok(end);
            }
            self.take_slice(slice, fold, states)?;
            self.closed = self.closed.max(slice_end);
        }
    }

    /// The sessions that end at a time and do not go on.
    fn complete(&mut self, end: i64, fold: &Fold) -> Vec<Session> {
        let mut complete = self.open.take_finished(end);
        let slice = self.slice_before(end);
        for session in self.open.ending(end) {
            let key = Key::of(self.open.groups.key(session.group));
            let next = fold.slots_of(slice, key).map(|slot| self.spans.get(slot).first).min();
            let Some(next) = next.filter(|&next| next < end) else {
                self.open.take_open(&session);
                complete.push(session);
                continue;
            };
            let anchor = self.rules.cut_before(session.chain.anchor, next);
            if anchor == session.chain.anchor {
                self.open.wait(&session);
            } else {
                self.open.carry(&session, anchor);
                complete.push(session);
            }
        }
        let groups = &self.open.groups;
        complete.sort_by(|left, right| {
            left.first.cmp(&right.first).then_with(|| groups.key(left.group).cmp(groups.key(right.group)))
        });
        complete
    }

    /// Takes a slice over, from all partitions that have it.
    fn take_slice(
        &mut self,
        slice: SliceNumber,
        fold: &mut Fold,
        states: &mut States<'_>,
    ) -> Result<(), Fault> {
        // Nothing of it is captured as a part: what comes of it is.
        let closing = sealed::Closing { window: WindowNumber::MIN, first_needed: SliceNumber::MAX };
        let mut parts: BTreeMap<Group, Vec<u32>> = BTreeMap::new();
        fold.seal_slice(slice, &closing, states, &mut |part, _| {
            let SealedSlice { keys, states: SealedStates::Slots(slots), .. } = part else {
                unreachable!("FOLD is in this process")
            };
            for (index, slot) in slots.into_iter().enumerate() {
                parts.entry(self.open.group(keys.get(index))).or_default().push(slot);
            }
            Ok(())
        })?;
        let mut merges = Merges::default();
        for (group, slots) in parts {
            self.take_cell(group, &slots, &mut merges);
        }
        states.merge(AggregateClass::All, &merges.moments)?;
        states.merge(AggregateClass::All, &merges.cells)?;
        states.merge(AggregateClass::All, &merges.sessions)?;
        states.release(&merges.free)
    }

    /// Puts the events of a group in a slice into its sessions; one slot a partition.
    fn take_cell(&mut self, group: Group, slots: &[u32], merges: &mut Merges) {
        let spans = || slots.iter().map(|&slot| self.spans.get(slot));
        let first = spans().map(|span| span.first).min().unwrap_or_default();
        let last = spans().map(|span| span.last).max().unwrap_or_default();
        let before = self.open.open(group).copied();
        let place = self.rules.place(before.map(|session| session.chain), first, last);
        let is_whole = match before.filter(|_| place.joins) {
            Some(session) => session.is_whole,
            None => self.whole_from.is_none_or(|from| from <= first),
        };
        let extends = place.extends && before.is_some_and(|session| session.slot != NONE);
        let sides = self.divide(slots, place.cut, merges);
        let anchors = [place.anchor, place.cut.unwrap_or_default()];
        for (index, (cell, anchor)) in sides.into_iter().zip(anchors).enumerate() {
            let Some(Span { first, last }) = cell.span else { continue };
            let mut slots = cell.slots.into_iter();
            let Some(slot) = slots.next() else { continue };
            for other in slots {
                merges.cells.push(slot, other);
                merges.free.push(other);
            }
            match before {
                Some(session) if index == 0 && extends => {
                    merges.sessions.push(session.slot, slot);
                    merges.free.push(slot);
                    self.open.extend(group, last);
                }
                _ => self.open.begin(Session {
                    group,
                    chain: Chain { anchor, last },
                    first,
                    slot,
                    is_whole,
                    is_captured: false,
                }),
            }
        }
    }

    /// Divides a cell at a cut; all of it is on the first side where there is none.
    fn divide(&mut self, slots: &[u32], cut: Option<i64>, merges: &mut Merges) -> [Cell; 2] {
        let (mut before, mut behind) = (Cell::default(), Cell::default());
        for &slot in slots {
            let (span, moments) = self.spans.remove(slot);
            let moments = moments.unwrap_or_default();
            match cut {
                Some(cut) if span.first < cut && cut <= span.last && !moments.is_empty() => {
                    merges.free.push(slot);
                    for (is_before, side) in [(true, &mut before), (false, &mut behind)] {
                        let mut own = moments.iter().filter(|(time, _)| (**time < cut) == is_before);
                        let Some((&first, &into)) = own.next() else { continue };
                        let mut last = first;
                        for (&time, &slot) in own {
                            merges.moments.push(into, slot);
                            merges.free.push(slot);
                            last = time;
                        }
                        side.push(into, Span { first, last });
                    }
                    continue;
                }
                Some(cut) if span.first >= cut => behind.push(slot, span),
                _ => before.push(slot, span),
            }
            merges.free.extend(moments.into_values());
        }
        [before, behind]
    }

    /// Gives the next of the sessions out that end together: those that begin together, or a run of them.
    fn emit(&mut self, emitting: Emitting, states: &mut States<'_>) -> Result<Closed, Fault> {
        let Emitting { end, forced, sessions, done, runs } = emitting;
        let left = sessions.get(done..).unwrap_or_default();
        let Some(start) = left.first().map(|session| session.first) else {
            unreachable!("sessions are left where some are being given out")
        };
        let together = left.iter().take_while(|session| session.first == start).count();
        let keys = left.iter().take(together).map(|session| self.open.groups.key(session.group));
        let run: Vec<Session> = left.iter().take(answer::run_len(keys)).copied().collect();
        let rows = self.rows(&run, states)?;
        run.iter().for_each(|session| self.open.close(session));
        let done = done + run.len();
        let completes_end = done == sessions.len();
        let is_last = run.len() == together;
        if !completes_end {
            self.closing.emitting = Some(Emitting { end, forced, sessions, done, runs: runs + 1 });
        }
        let (window_start, window_end) = (start, end);
        Ok(Closed {
            window_start,
            window_end,
            decided_at: window_end,
            run: runs,
            is_last,
            completes_end,
            forced,
            rows,
            revised: None,
        })
    }

    /// What sessions have come to; their slots are free then.
    fn rows(&self, run: &[Session], states: &mut States<'_>) -> Result<GroupRows, Fault> {
        let slots: Vec<u32> = run.iter().map(|session| session.slot).collect();
        let (aggregates, failed) = answer::evaluate(states, |_| &slots)?;
        states.release(&slots)?;
        let mut keys = key::columns(self.key_types.iter().copied());
        run.iter().for_each(|session| key::decode(self.open.groups.key(session.group), &mut keys));
        Ok(GroupRows::new(keys, aggregates, failed, run.len()))
    }
}
