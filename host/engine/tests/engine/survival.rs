//! The law "killed at any moment, the same afterwards": captures at random moments, crashes between them, and what is
//! decided is what an uninterrupted run decides, to the spelling of every merge.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
};

use proptest::prelude::*;
use streamgauge_engine::{SegmentId, Settings, Snapshot, StateSegment, WindowProgress, WindowQuery};

use crate::harness::{Dice, Event, Run, Setup, all_setups, interleave, partitions, setups};

/// What is on the disk: the parts of all captures, and how far the run was at the last.
#[derive(Clone, Default)]
struct Disk {
    parts: BTreeMap<SegmentId, Vec<StateSegment>>,
    /// The version of all states, as a checkpoint's manifest has it.
    version: u32,
    window_progress: WindowProgress,
    done: Vec<usize>,
    rows: usize,
    revised: usize,
    windows: usize,
    late: (u64, u64),
    rejected: usize,
    /// Parts that changed often are written anew.
    whole: BTreeSet<SegmentId>,
}

impl Disk {
    fn take(&mut self, snapshot: Snapshot, run: &Run, done: &[usize], dice: &mut Dice) {
        let Snapshot { window_progress, parts, kept } = snapshot;
        for part in parts {
            assert!(kept.contains(&part.id), "what is captured is kept");
            let before = self.parts.entry(part.id).or_default();
            if part.whole {
                before.clear();
            }
            before.push(part);
        }
        self.parts.retain(|id, _| kept.contains(id));
        self.whole = self.parts.keys().filter(|_| dice.below(4) == 0).copied().collect();
        self.window_progress = window_progress;
        self.version = run.calls.version.load(Relaxed);
        self.done = done.to_vec();
        (self.rows, self.revised, self.windows) = (run.rows.len(), run.revised.len(), run.windows.len());
        self.late = (run.folded.late, run.folded.late_partial);
        self.rejected = run.rejected.len();
    }

    /// The next process; sometimes with reducers whose states have another version.
    fn restore(&self, run: &mut Run, setup: Setup, settings: Settings, dice: &mut Dice) {
        let fresh = Run::with(setup, 0, settings);
        let settings = Settings { delay_us: setup.delay, ..settings };
        (run.accumulators, run.calls) = (fresh.accumulators, fresh.calls);
        run.calls.version.store(self.version + u32::from(dice.below(3) == 0), Relaxed);
        run.query = WindowQuery::restored(&setup.window(), settings, &self.window_progress).unwrap();
        for part in self.parts.values().flatten() {
            run.query.put_back(part, &[self.version; 4], &mut run.accumulators).unwrap();
        }
        run.query.end_restore();
        run.forget_behind(self.rows, self.revised);
        run.windows.truncate(self.windows);
        (run.folded.late, run.folded.late_partial) = self.late;
        run.rejected.truncate(self.rejected);
    }
}

/// Runs the partitions to their end with crashes on the way.
fn with_crashes(setup: Setup, settings: Settings, partitions: &[Vec<Event>], dice: &mut Dice) -> Run {
    let count = partitions.len() as u32;
    let mut run = Run::with(setup, count, settings);
    run.query.track_changes();
    let mut done = vec![0; partitions.len()];
    let mut disk = Disk::default();
    let first = run.query.snapshot(&BTreeSet::new(), &mut run.accumulators).unwrap();
    disk.take(first, &run, &done, dice);
    while let open @ [_, ..] =
        &(0..partitions.len()).filter(|&p| done[p] < partitions[p].len()).collect::<Vec<_>>()[..]
    {
        let partition = open[dice.below(open.len())];
        let left = &partitions[partition][done[partition]..];
        let batch = &left[..left.len().min(1 + dice.below(6))];
        run.fold(partition as u32, batch);
        done[partition] += batch.len();
        match dice.below(8) {
            0..3 => run.advance(),
            3 => _ = run.next(),
            4 if !run.query.is_mid_window() => {
                let snapshot = run.query.snapshot(&disk.whole, &mut run.accumulators).unwrap();
                disk.take(snapshot, &run, &done, dice);
            }
            5 if dice.below(3) == 0 => {
                disk.restore(&mut run, setup, settings, dice);
                done.clone_from(&disk.done);
            }
            _ => {}
        }
    }
    run.finish(count);
    run
}

/// Everything that is decided, with the bits of doubles.
fn decided(run: &Run) -> String {
    let rejected: BTreeSet<i64> = run.rejected.iter().copied().collect();
    let Run { rows, revised, folded, .. } = run;
    format!("{rows:?} {revised:?} {:?} {:?} {rejected:?}", folded.late, folded.late_partial)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn crashes_change_nothing(setup in all_setups(), partitions in partitions(4), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut calm = Run::new(setup, partitions.len() as u32);
        interleave(&mut calm, &partitions, 5, &mut dice);
        for _ in 0..20 {
            let run = with_crashes(setup, Settings::default(), &partitions, &mut dice);
            prop_assert_eq!(decided(&run), decided(&calm));
        }
    }

    #[test]
    fn crashes_change_no_revision(
        setup in setups(), partitions in partitions(4), seed in any::<u64>(), lateness in 1i64..80,
    ) {
        let mut dice = Dice(seed);
        let settings = Settings { lateness_us: Some(lateness), ..Settings::default() };
        let mut calm = Run::with(setup, partitions.len() as u32, settings);
        interleave(&mut calm, &partitions, 5, &mut dice);
        for _ in 0..20 {
            let run = with_crashes(setup, settings, &partitions, &mut dice);
            prop_assert_eq!(decided(&run), decided(&calm));
        }
    }

    #[test]
    fn crashes_do_not_change_which_groups_are_too_many(
        setup in all_setups(), partitions in partitions(3), seed in any::<u64>(), groups_max in 1usize..5,
    ) {
        let mut dice = Dice(seed);
        let settings = Settings { groups_max, ..Settings::default() };
        let mut calm = Run::with(setup, partitions.len() as u32, settings);
        interleave(&mut calm, &partitions, 5, &mut dice);
        for _ in 0..20 {
            let run = with_crashes(setup, settings, &partitions, &mut dice);
            prop_assert_eq!(decided(&run), decided(&calm));
        }
    }

    #[test]
    fn forced_closes_are_decided_again_as_they_were(
        setup in all_setups(), partitions in partitions(4), seed in any::<u64>(),
    ) {
        let mut dice = Dice(seed);
        for _ in 0..20 {
            let (run, replay) = forced_and_replayed(setup, Settings::default(), &partitions, &mut dice);
            prop_assert_eq!(format!("{:?}", run.rows), format!("{:?}", replay.rows));
        }
    }

    #[test]
    fn forced_revisions_are_decided_again_as_they_were(
        setup in setups(), partitions in partitions(4), seed in any::<u64>(), lateness in 1i64..80,
    ) {
        let mut dice = Dice(seed);
        let settings = Settings { lateness_us: Some(lateness), ..Settings::default() };
        for _ in 0..20 {
            let (run, replay) = forced_and_replayed(setup, settings, &partitions, &mut dice);
            prop_assert_eq!(format!("{:?} {:?}", run.rows, run.revised), format!("{:?} {:?}", replay.rows, replay.revised));
        }
    }
}

/// Rows of a run with idle partitions, and those of a replay from a capture on the way that knows only the positions of the
/// forced closes behind it.
fn forced_and_replayed(
    setup: Setup,
    settings: Settings,
    partitions: &[Vec<Event>],
    dice: &mut Dice,
) -> (Run, Run) {
    let count = partitions.len() as u32;
    let mut run = Run::with(setup, count, settings);
    run.query.track_changes();
    let mut done = vec![0; partitions.len()];
    let mut disk = Disk::default();
    let first = run.query.snapshot(&BTreeSet::new(), &mut run.accumulators).unwrap();
    disk.take(first, &run, &done, dice);
    // The ends of forced windows with the positions of all partitions.
    let mut forced: Vec<(i64, Vec<usize>)> = vec![];
    while (0..partitions.len()).any(|partition| done[partition] < partitions[partition].len()) {
        let partition = dice.below(partitions.len());
        let left = &partitions[partition][done[partition]..];
        match dice.below(3) {
            0 => run.idle(&[partition as u32], 0),
            _ if left.is_empty() => {}
            _ => {
                let batch = &left[..left.len().min(1 + dice.below(5))];
                run.fold(partition as u32, batch);
                done[partition] += batch.len();
            }
        }
        if dice.below(8) == 0 {
            run.idle(&(0..count).collect::<Vec<_>>(), dice.below(30) as i64);
        }
        if dice.below(3) == 0 {
            forced.extend(run.query.forces().map(|end| (end, done.clone())));
            run.advance();
            if dice.below(6) == 0 {
                let snapshot = run.query.snapshot(&disk.whole, &mut run.accumulators).unwrap();
                disk.take(snapshot, &run, &done, dice);
                forced.clear();
            }
        }
    }
    let mut replay = Run::with(setup, count, settings);
    replay.rows.clone_from(&run.rows);
    replay.revised.clone_from(&run.revised);
    replay.windows.clone_from(&run.windows);
    disk.restore(&mut replay, setup, settings, dice);
    let mut again = disk.done.clone();
    let all: Vec<usize> = partitions.iter().map(Vec::len).collect();
    let barriers = forced.into_iter().map(|(end, positions)| (Some(end), positions)).chain([(None, all)]);
    for (end, positions) in barriers {
        while let open @ [_, ..] =
            &(0..partitions.len()).filter(|&p| again[p] < positions[p]).collect::<Vec<_>>()[..]
        {
            let partition = open[dice.below(open.len())];
            let left = &partitions[partition][again[partition]..positions[partition]];
            let batch = &left[..left.len().min(1 + dice.below(5))];
            replay.fold(partition as u32, batch);
            again[partition] += batch.len();
            if dice.below(3) == 0 {
                replay.advance();
            }
        }
        if let Some(end) = end {
            replay.query.force(end);
            replay.advance();
        }
    }
    run.finish(count);
    replay.finish(count);
    (run, replay)
}
