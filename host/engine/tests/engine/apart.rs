//! FOLD and CLOSE in different processes decide what they decide in one: bit for bit, to the spelling of every merge.

use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;
use streamgauge_engine::{PartitionFold, SealedSlice, SealedStates, Settings, WindowClose};

use crate::harness::{Dice, Event, Row, Run, Setup, batch_of, first, interleave, partitions, read, setups};

/// A process that folds one partition.
struct Folding {
    run: Run,
    fold: PartitionFold,
    done: usize,
}

/// Runs each partition in a process of its own, and the windows in another one. Sealed slices arrive in any order.
fn apart(setup: Setup, partitions: &[Vec<Event>], dice: &mut Dice) -> Vec<Row> {
    let settings = Settings { delay_us: setup.delay, ..Settings::default() };
    let mut folding: Vec<Folding> = (0..partitions.len() as u32)
        .map(|partition| Folding {
            run: Run::new(setup, 0),
            fold: PartitionFold::new(&setup.window(), settings, first(partition)).unwrap(),
            done: 0,
        })
        .collect();
    let mut closing = Run::new(setup, 0);
    let mut close =
        WindowClose::new(&setup.window(), settings, (0..partitions.len() as u32).map(first)).unwrap();
    let mut rows = vec![];
    let mut open: Vec<usize> = (0..partitions.len()).collect();
    while !open.is_empty() {
        let partition = open[dice.below(open.len())];
        let Folding { run, fold, done } = &mut folding[partition];
        let left = &partitions[partition][*done..];
        let batch = &left[..left.len().min(1 + dice.below(6))];
        *done += batch.len();
        if batch.is_empty() {
            fold.end();
            open.retain(|&other| other != partition);
        } else {
            batch_of(setup, batch, |batch| fold.fold(batch, i64::MIN, &mut run.accumulators).unwrap());
        }
        if dice.below(3) == 0 || batch.is_empty() {
            let mut sealed: Vec<SealedSlice> = fold.seal(&mut run.accumulators).unwrap();
            assert!(sealed.iter().all(|sealed| matches!(sealed.states, SealedStates::Bytes { .. })));
            while !sealed.is_empty() {
                close.receive(sealed.swap_remove(dice.below(sealed.len())));
            }
            close.observe(first(partition as u32), fold.watermark());
        }
        while dice.below(2) == 0
            && let Some(closed) = close.next_closed(&mut closing.accumulators).unwrap()
        {
            rows.extend((0..closed.rows.len()).map(|row| read(&closed, row)));
        }
    }
    while let Some(closed) = close.next_closed(&mut closing.accumulators).unwrap() {
        rows.extend((0..closed.rows.len()).map(|row| read(&closed, row)));
    }
    let runs = folding.iter().map(|folding| &folding.run).chain([&closing]);
    runs.for_each(|run| assert_eq!(run.calls.live.load(Relaxed), 0, "states leak"));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_one_process(
        setup in setups(), partitions in partitions(4), seed in any::<u64>(),
    ) {
        let mut dice = Dice(seed);
        let mut together = Run::new(setup, partitions.len() as u32);
        interleave(&mut together, &partitions, 5, &mut dice);
        for _ in 0..10 {
            let rows = apart(setup, &partitions, &mut dice);
            prop_assert_eq!(format!("{:?}", rows), format!("{:?}", together.rows));
        }
    }
}
