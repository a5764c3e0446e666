//! A query over two sources: a partition of the one is not that of the other which has the same number.

use std::collections::BTreeSet;

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::{FoldSegment, SegmentId, Settings, SliceNumber, WindowProgress, WindowQuery};

use crate::harness::{Dice, Event, Run, Setup, interleave, partitions, setups};

const TUMBLE: Setup = Setup::hop(10, 10, 0, 1);

fn event(time: i64) -> Event {
    Event { time, key: [Value::Text("m".into()), Value::Null], value: Value::Null, kept: true, id: time }
}

fn events<const N: usize>(times: [i64; N]) -> Vec<Event> {
    times.map(event).to_vec()
}

/// Partition 0 of each of two sources: 0 is that of the first, 1 that of the second.
fn run() -> Run {
    Run::of_two_sources(TUMBLE, 2, 1, Settings::default())
}

fn counts(run: &Run) -> Vec<(i64, i64)> {
    run.rows.iter().map(|row| (row.end, row.count)).collect()
}

#[test]
fn the_watermark_is_the_least_over_both_sources() {
    let mut run = run();
    assert_eq!((run.partition(0).number, run.partition(1).number), (0, 0));
    run.fold(0, &events([1, 35]));
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (i64::MIN, vec![]), "the second source had no event");
    run.fold(1, &events([2, 12]));
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (12, vec![(10, 2)]));
    run.end(1);
    run.advance();
    assert_eq!(
        (run.query.watermark(), counts(&run)),
        (35, vec![(10, 2), (20, 1)]),
        "nothing more of the second comes"
    );
    run.finish(2);
    assert!(run.windows.iter().all(|&(_, forced)| !forced));
}

#[test]
fn an_event_is_late_by_its_own_partition_of_its_own_source() {
    let mut run = run();
    run.fold(0, &events([25, 3]));
    assert_eq!(run.late, [(3, 0, 1)], "the first source's partition 0 has come to 25");
    run.fold(1, &events([3, 4]));
    assert_eq!(run.folded.late, 1, "that of the second had not come to 10");
    run.fold(1, &events([25, 5]));
    assert_eq!(run.late, [(3, 0, 1), (5, 0, 1)]);
    run.finish(2);
    assert_eq!(counts(&run), [(10, 2), (30, 2)]);
}

#[test]
fn idleness_of_a_source_is_none_of_the_other() {
    let mut run = run();
    run.fold(0, &events([1, 25]));
    run.fold(1, &events([2]));
    run.idle(&[0], 0);
    run.advance();
    assert_eq!((run.query.watermark(), run.windows.len()), (2, 0), "the second source holds it");
    run.idle(&[1], 0);
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (25, vec![(10, 2)]));
    assert_eq!(run.windows, [(10, true)]);
    run.finish(2);
}

#[test]
fn a_snapshot_keeps_them_apart() {
    let mut run = run();
    run.query.track_changes();
    run.fold(0, &events([11, 35]));
    run.fold(1, &events([12, 13, 21]));
    run.advance();
    let snapshot = run.query.snapshot(&BTreeSet::new(), &mut run.accumulators).unwrap();
    let both = [run.partition(0), run.partition(1)];
    let WindowProgress { watermark, partitions, .. } = &snapshot.window_progress;
    assert_eq!((*watermark, partitions), (21, &vec![(both[0], 35), (both[1], 21)]));
    let owner = |id: &SegmentId| match id {
        SegmentId::Fold(FoldSegment { partition, kind }) => (*partition, kind.slice()),
        SegmentId::Operator(_) | SegmentId::View(_) => unreachable!("there is none"),
    };
    let open: Vec<_> = snapshot.kept.iter().map(owner).filter(|&(_, slice)| slice.0 >= 2).collect();
    assert_eq!(open, [(both[0], SliceNumber(3)), (both[1], SliceNumber(2))], "each has its own slices");

    let mut again = Run::of_two_sources(TUMBLE, 0, 1, Settings::default());
    again.query =
        WindowQuery::restored(&TUMBLE.window(), Settings::default(), &snapshot.window_progress).unwrap();
    for part in &snapshot.parts {
        again.query.put_back(part, &[0; 4], &mut again.accumulators).unwrap();
    }
    again.query.end_restore();
    for run in [&mut run, &mut again] {
        run.rows.clear();
        run.fold(0, &events([22, 36]));
        run.fold(1, &events([22]));
        assert_eq!(run.late.last(), Some(&(22, 20, 1)), "22 is late behind 35");
        run.fold(1, &events([50]));
        run.advance();
        assert_eq!((run.query.watermark(), counts(run)), (36, vec![(30, 2)]));
    }
    run.finish(2);
    again.finish(2);
    assert_eq!(again.rows, run.rows);
    assert_eq!(counts(&run), [(30, 2), (40, 2), (60, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partitions_of_two_sources_are_folded_as_those_of_one(
        setup in setups(), partitions in partitions(4), of_first in 0..4_u32, seed in any::<u64>(),
    ) {
        let count = partitions.len() as u32;
        let mut runs = [u32::MAX, of_first].map(|of_first| {
            let mut run = Run::of_two_sources(setup, count, of_first, Settings::default());
            interleave(&mut run, &partitions, 5, &mut Dice(seed));
            run
        });
        let [one, two] = &mut runs;
        prop_assert_eq!(format!("{:?}", two.rows), format!("{:?}", one.rows));
        prop_assert_eq!((&two.windows, &two.late), (&one.windows, &one.late));
    }
}
