//! Step 5: the rows of a window that closes.

use streamgauge_common::column::{Column, DataType};
use streamgauge_sql::manifest::Aggregate;

use super::{
    Fault,
    close::Close,
    group::Group,
    key,
    slice::{SliceNumber, WindowNumber},
    slot::SlotAllocator,
    states::{AggregateClass, CALL_MAX, Pairs, States},
};

/// A run ends at the group with which its keys have this many bytes: what is made of it stays small, however long keys are.
const RUN_BYTES: usize = 4 << 20;

/// Groups of a closed window: all of them, or a run of them where there are many. Which groups are in which run follows from
/// the keys alone.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The window's start, in microseconds since the epoch.
    pub window_start: i64,
    /// The window's end.
    pub window_end: i64,
    /// When it is decided: at the window's end; a window that is revised at a later revision point.
    pub decided_at: i64,
    /// Which run of the groups of windows that are decided then these are, from 0.
    pub run: u32,
    /// Whether no further run of this window follows.
    pub is_last: bool,
    /// Whether no further window follows that has this end: there may be several sessions with one end and different starts. Runs are
    /// numbered through them.
    pub completes_end: bool,
    /// Whether some partition's own watermark had not reached the window's end: it was idle.
    pub forced: bool,
    /// What they have come to.
    pub rows: GroupRows,
    /// Of a window that was closed before, and that late rows have changed; only groups with such rows are here.
    pub revised: Option<Box<Revised>>,
}

/// What groups of a window had come to before.
#[derive(Clone, Debug)]
pub struct Revised {
    /// Those of the groups that had rows then.
    pub before: GroupRows,
    /// For each of them its place in [`Closed::rows`].
    pub places: Vec<u32>,
    /// For each group of [`Closed::rows`] how many times late rows have come to it, as revisions count them.
    pub numbers: Vec<u64>,
}

/// What groups of a window have come to, one row a group.
#[derive(Clone, Debug)]
pub struct GroupRows {
    /// The group keys, ascending.
    pub keys: Vec<Column>,
    /// The values of the aggregate calls.
    pub aggregates: Vec<Column>,
    /// Rows that are dead letters, ascending: the aggregate call that has no value (the first of them), and why.
    pub failed: Vec<(u32, usize, String)>,
    len: usize,
}

impl GroupRows {
    pub(super) fn new(
        keys: Vec<Column>,
        aggregates: Vec<Column>,
        failed: Vec<(u32, usize, String)>,
        len: usize,
    ) -> Self {
        Self { keys, aggregates, failed, len }
    }

    /// How many groups.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: a window without groups is passed over.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A window whose rows are being given out.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmitCursor {
    pub(super) window: WindowNumber,
    pub(super) forced: bool,
    /// How many of its groups were given out.
    pub(super) done: usize,
    /// In how many runs.
    pub(super) runs: u32,
}

/// Where the results of some groups are.
struct Results {
    pairs: Pairs,
    slots: Vec<u32>,
}

/// The keys and values of the next groups of the window.
pub(super) fn rows(
    close: &Close,
    cursor: EmitCursor,
    stays: SliceNumber,
    key_types: impl IntoIterator<Item = DataType>,
    states: &mut States<'_>,
) -> Result<GroupRows, Fault> {
    let groups = run(close, cursor.done);
    let mut temporary = Temporary { of: vec![None; groups.len()] };
    let [bounded, growing] = [AggregateClass::Bounded, AggregateClass::Growing].map(|which| {
        let mut results = Results { pairs: Pairs::default(), slots: Vec::with_capacity(groups.len()) };
        if states.any(which) {
            for (index, &group) in groups.iter().enumerate() {
                collect(close, group, which, stays, &mut results, || temporary.get(index, states.slots));
            }
        }
        results
    });
    states.merge(AggregateClass::Bounded, &bounded.pairs)?;
    states.merge(AggregateClass::Growing, &growing.pairs)?;

    let of = |aggregate: &Aggregate| if aggregate.growing { &growing } else { &bounded };
    let (aggregates, failed) = evaluate(states, |aggregate| of(aggregate).slots.as_slice())?;
    states.release(&temporary.of.into_iter().flatten().collect::<Vec<_>>())?;

    let mut keys = key::columns(key_types);
    groups.iter().for_each(|&group| key::decode(close.groups.key(group), &mut keys));
    Ok(GroupRows { keys, aggregates, failed, len: groups.len() })
}

/// The values of all aggregate calls, and the rows for which there is none: see [`GroupRows::failed`].
pub(super) type Values = (Vec<Column>, Vec<(u32, usize, String)>);

/// Evaluates all aggregate calls, given the slots for each.
pub(super) fn evaluate<'a>(
    states: &mut States<'_>,
    slots: impl Fn(&Aggregate) -> &'a [u32],
) -> Result<Values, Fault> {
    let (mut aggregates, mut failed) = (Vec::new(), Vec::new());
    for (number, aggregate) in states.aggregates.iter().enumerate() {
        let evaluated = states.evaluate(number, slots(aggregate))?;
        failed.extend(evaluated.failed.into_iter().map(|(row, why)| (row, number, why)));
        aggregates.push(evaluated.column);
    }
    failed.sort_by_key(|&(row, number, _)| (row, number));
    failed.dedup_by_key(|(row, _, _)| *row);
    Ok((aggregates, failed))
}

/// The next groups of the window.
fn run(close: &Close, done: usize) -> &[Group] {
    let groups = close.order.get(done..).unwrap_or_default();
    let len = run_len(groups.iter().map(|&group| close.groups.key(group)));
    groups.get(..len).unwrap_or(groups)
}

/// How many of the groups with these keys are in a run.
pub(super) fn run_len<'a>(keys: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut bytes = 0;
    let before = keys.take(CALL_MAX).take_while(|key| {
        let fits = bytes < RUN_BYTES;
        bytes += key.len();
        fits
    });
    before.count()
}

/// Says how a group's pieces come together in one slot: front, back (or slice by slice), late ones last. A slice that no
/// later window needs takes the others in; where there is none, an empty slot does.
fn collect(
    close: &Close,
    group: Group,
    which: AggregateClass,
    stays: SliceNumber,
    results: &mut Results,
    temporary: impl FnOnce() -> u32,
) {
    let pieces = close.stack.pieces(group);
    let merged = pieces.front.into_iter().chain(pieces.back.map(|slot| (SliceNumber::MAX, slot)));
    let merged = merged.filter(|_| which == AggregateClass::Bounded);
    let slices = close.stack.slices(&pieces).filter(|_| which == AggregateClass::Growing);
    let late = close.late.get(&group).into_iter().flatten().map(|piece| (SliceNumber::MAX, piece.slot));
    let mut all = merged.chain(slices).chain(late).peekable();

    let Some((slice, first)) = all.next() else { unreachable!("group {} has a row in the window", group.0) };
    if all.peek().is_none() || slice < stays {
        all.for_each(|(_, slot)| results.pairs.push(first, slot));
        return results.slots.push(first);
    }
    let into = temporary();
    results.pairs.push(into, first);
    all.for_each(|(_, slot)| results.pairs.push(into, slot));
    results.slots.push(into);
}

/// Slots for results that must not change their pieces: one a group, for all aggregate calls.
struct Temporary {
    of: Vec<Option<u32>>,
}

impl Temporary {
    fn get(&mut self, index: usize, slots: &mut SlotAllocator) -> u32 {
        let Some(of) = self.of.get_mut(index) else { unreachable!("one a group") };
        *of.get_or_insert_with(|| slots.take())
    }
}
