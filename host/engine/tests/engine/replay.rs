//! The law "same partitions, same rows": bit for bit, whatever the interleaving, the batches and the moments at which
//! windows are closed. The tree spells the order of all merges out, so equal trees are equal bits for any reducer.

use std::collections::BTreeSet;

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::Settings;

use crate::harness::{Dice, Event, Run, Setup, all_setups, interleave, partitions};

/// Everything that is decided, with the bits of doubles.
fn decided(run: &Run) -> String {
    let rejected: BTreeSet<i64> = run.rejected.iter().copied().collect();
    format!("{:?} {:?} {:?} {:?}", run.rows, run.folded.late, run.folded.late_partial, rejected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_hundred_ways_through_the_same_partitions_decide_the_same(
        setup in all_setups(), partitions in partitions(4), seed in any::<u64>(),
    ) {
        let mut dice = Dice(seed);
        let mut all = BTreeSet::new();
        for way in 0..200 {
            let mut run = Run::new(setup, partitions.len() as u32);
            interleave(&mut run, &partitions, [1, 3, 10, 1_000][way % 4], &mut dice);
            all.insert(decided(&run));
        }
        prop_assert_eq!(all.len(), 1);
    }

    #[test]
    fn which_groups_are_too_many_depends_on_the_partition_alone(
        setup in all_setups(), partitions in partitions(3), seed in any::<u64>(), groups_max in 1usize..5,
    ) {
        let mut dice = Dice(seed);
        let mut all = BTreeSet::new();
        for way in 0..30 {
            let settings = Settings { groups_max, ..Settings::default() };
            let mut run = Run::with(setup, partitions.len() as u32, settings);
            interleave(&mut run, &partitions, [1, 3, 10, 1_000][way % 4], &mut dice);
            all.insert(decided(&run));
        }
        prop_assert_eq!(all.len(), 1);
    }

    #[test]
    fn idleness_that_forces_nothing_changes_nothing(
        setup in all_setups(), partitions in partitions(4), seed in any::<u64>(),
    ) {
        let mut dice = Dice(seed);
        let mut all = BTreeSet::new();
        let mut calm = Run::new(setup, partitions.len() as u32);
        interleave(&mut calm, &partitions, 5, &mut dice);
        all.insert(decided(&calm));
        for _ in 0..30 {
            all.insert(decided(&with_naps(setup, &partitions, &mut dice)));
        }
        prop_assert_eq!(all.len(), 1);
    }
}

/// Lets partitions nap while they are not the slowest, and sleep once they have no more events.
fn with_naps(setup: Setup, partitions: &[Vec<Event>], dice: &mut Dice) -> Run {
    let mut run = Run::new(setup, partitions.len() as u32);
    let mut done = vec![0; partitions.len()];
    let mut reached = vec![i64::MIN; partitions.len()];
    while (0..partitions.len()).any(|partition| done[partition] < partitions[partition].len()) {
        let partition = dice.below(partitions.len());
        let left = &partitions[partition][done[partition]..];
        if left.is_empty() {
            run.idle(&[partition as u32], 0);
        } else {
            let batch = &left[..left.len().min(1 + dice.below(5))];
            run.fold(partition as u32, batch);
            done[partition] += batch.len();
            reached[partition] = batch.iter().map(|event| event.time).fold(reached[partition], i64::max);
            let awake = (0..partitions.len()).filter(|&other| done[other] < partitions[other].len());
            let slowest = awake.map(|other| reached[other]).min();
            if slowest.is_some_and(|slowest| reached[partition] > slowest) {
                run.idle(&[partition as u32], 0);
                if dice.below(2) == 0 {
                    run.advance();
                }
            }
        }
        if dice.below(3) == 0 {
            run.advance();
        }
    }
    run.finish(partitions.len() as u32);
    run
}

#[test]
fn merges_are_ordered_by_slice_and_partition() {
    let setup = Setup::hop(10, 40, 0, 0);
    let event =
        |time, id| Event { time, key: [Value::Null, Value::Null], value: Value::Null, kept: true, id };
    // Slices 0 to 3 are the first block, 4 to 7 the second. 15 comes when [.., 20) is closed for partition 1.
    let partitions = [
        vec![event(5, 1), event(15, 2), event(45, 3), event(55, 4), event(100, 5)],
        vec![event(5, 11), event(25, 12), event(15, 13), event(55, 14), event(100, 15)],
    ];
    let mut run = Run::new(setup, 2);
    interleave(&mut run, &partitions, 2, &mut Dice(7));
    let tree = |end: i64, which: usize| {
        run.rows.iter().find(|row| row.end == end).map(|row| row.trees[which].as_str()).unwrap_or_default()
    };
    assert_eq!(tree(10, 0), "(1 |11 )");
    assert_eq!(tree(30, 0), "((((1 |11 )|2 )|12 )|13 )", "the back from the left, late last");
    assert_eq!(tree(40, 0), "(((1 |11 )|(2 |12 ))|13 )", "the front from the right, late last");
    assert_eq!(tree(40, 1), "((((1 |11 )|2 )|12 )|13 )", "growing: slice by slice, late last");
    assert_eq!(
        tree(60, 0),
        "(12 |(3 |(4 |14 )))",
        "front and back; the late one belongs to a slice that has left"
    );
    run.rows.iter().for_each(|row| assert_eq!(row.count, row.trees[0].matches(' ').count() as i64));
}
