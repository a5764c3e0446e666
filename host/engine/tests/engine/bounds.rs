//! What is held stays bounded, and so does the work.

use std::sync::atomic::Ordering::Relaxed;

use streamgauge_common::column::Value;
use streamgauge_engine::{Settings, TIME_MAX_US, TIME_MIN_US};

use crate::harness::{Event, Run, Setup};

fn event(time: i64, key: &str, id: i64) -> Event {
    let key = [Value::Text(key.into()), Value::Null];
    Event { time, key, value: Value::Float64(0.1), kept: true, id }
}

/// Steady traffic: some groups, one event each in every unit of time.
fn steady(run: &mut Run, groups: usize, units: i64, mut each: impl FnMut(&mut Run)) {
    for time in 0..units {
        let events: Vec<_> = (0..groups).map(|group| event(time, &format!("g{group}"), time)).collect();
        run.fold(0, &events);
        run.advance();
        each(run);
    }
}

#[test]
fn a_long_run_holds_a_window_and_no_more() {
    let mut run = Run::new(Setup::hop(3, 20, 5, 1), 1);
    let mut most = 0;
    steady(&mut run, 4, 3_000, |run| most = most.max(run.query.usage().slots));
    // Two slices a slide, a window and what the delay keeps open: (20 + 5 + 3) / 3 * 2 + 1, and the back.
    assert!(most <= 4 * 21, "{most} slots");
    assert_eq!(run.query.usage().groups, 8);
    run.finish(1);
}

#[test]
fn merges_a_slice_and_group_do_not_grow_with_the_window() {
    let merges = |size: i64| {
        let mut run = Run::new(Setup::hop(1, size, 0, 1), 1);
        steady(&mut run, 2, 10 * size, |_| {});
        // Three of the four aggregate calls are bounded; the growing one merges every slice of every window.
        let growing = (size - 1) * 2 * (10 * size);
        (run.calls.merged.load(Relaxed) as i64 - growing) as f64 / (3 * 2 * 10 * size) as f64
    };
    for size in [2, 10, 100] {
        let merges = merges(size);
        assert!(merges <= 3.0, "{merges} merges a slice and group at {size} slices a window");
    }
}

#[test]
fn tumbling_windows_of_one_partition_merge_nothing() {
    let mut run = Run::new(Setup::hop(5, 5, 0, 1), 1);
    steady(&mut run, 3, 50, |_| {});
    run.finish(1);
    assert_eq!((run.calls.merged.load(Relaxed), run.rows.len()), (0, 30));
}

#[test]
fn a_gap_of_all_years_takes_no_time() {
    for (slide, size) in [(1, 1), (1, 3), (2, 3), (60_000_000, 300_000_000)] {
        let mut run = Run::new(Setup::hop(slide, size, 0, 1), 1);
        run.fold(0, &[event(TIME_MIN_US, "a", 1), event(TIME_MAX_US, "b", 2)]);
        run.advance();
        run.finish(1);
        let covering = |time: i64| time.div_euclid(slide) - (time - size).div_euclid(slide);
        assert_eq!(run.rows.len() as i64, covering(TIME_MIN_US) + covering(TIME_MAX_US));
    }
}

#[test]
fn times_beyond_the_years_are_refused_and_move_nothing() {
    let mut run = Run::new(Setup::hop(7, 20, i64::MAX, 1), 1);
    run.fold(
        0,
        &[event(i64::MIN, "a", 1), event(i64::MAX, "a", 2), event(TIME_MAX_US + 1, "a", 3), event(0, "a", 4)],
    );
    assert_eq!(run.folded.out_of_range, [0, 1, 2]);
    assert_eq!(run.query.watermark(), -i64::MAX);
    run.finish(1);
    assert_eq!(run.rows.iter().map(|row| row.count).max(), Some(1));
}

#[test]
fn rows_that_only_windows_before_the_first_would_take_are_counted() {
    let settings = Settings { emit_from_us: Some(25), ..Settings::default() };
    let mut run = Run::with(Setup::hop(10, 20, 3, 1), 2, settings);
    assert_eq!((run.query.emits_from(), run.query.newest_event()), (Some(30), None));
    run.fold(0, &[event(5, "a", 1), event(29, "a", 2)]);
    run.fold(1, &[event(8, "a", 3)]);
    assert_eq!(
        (run.folded.unwanted, run.query.newest_event(), run.query.next_window_end()),
        (3, Some(29), None)
    );
    run.end(0);
    assert_eq!(run.query.newest_event(), Some(29), "also of a partition that has ended");
    run.fold(1, &[event(30, "a", 4)]);
    assert_eq!((run.folded.unwanted, run.query.next_window_end()), (3, Some(50)));
    run.finish(2);
    let all = Run::new(Setup::hop(10, 20, 3, 1), 1);
    assert_eq!(all.query.emits_from(), None);
}

#[test]
fn a_late_row_says_how_far_it_is_behind_the_newest_one() {
    let mut run = Run::new(Setup::hop(10, 10, 3, 1), 1);
    run.fold(
        0,
        &[event(5, "a", 1), event(42, "a", 2), event(8, "a", 3), event(1, "a", 4), event(41, "a", 5)],
    );
    assert_eq!(run.behind, [34, 41], "the last one is in time");
    run.finish(1);
}

#[test]
fn groups_beyond_the_limit_are_rejected_until_others_are_gone() {
    let settings = Settings { groups_max: 2, ..Settings::default() };
    let mut run = Run::with(Setup::hop(10, 20, 0, 1), 2, settings);
    run.fold(0, &[event(1, "a", 1), event(2, "b", 2), event(3, "c", 3), event(4, "a", 4), event(11, "a", 5)]);
    assert_eq!(run.rejected, [3]);
    run.fold(1, &[event(1, "c", 6)]);
    assert_eq!(run.rejected, [3], "the limit is a partition's");
    run.fold(0, &[event(20, "c", 7)]);
    assert_eq!(run.rejected, [3, 7], "[0, 20) may still be open for it");
    run.fold(0, &[event(20, "c", 8), event(21, "d", 9)]);
    assert_eq!(run.rejected, [3, 7, 9], "b is gone, a is not");
    run.finish(2);
}

#[test]
fn many_groups_come_in_pieces_in_order() {
    let mut run = Run::new(Setup::hop(10, 20, 0, 1), 1);
    let key = |index: i64| format!("{:05}", index * 7_919 % 20_000);
    let events: Vec<_> = (0..20_000).map(|index| event(5, &key(index), index)).collect();
    run.fold(0, &events);
    run.fold(0, &[event(16, "x", 0)]);
    assert!(run.next());
    assert_eq!(run.rows.len(), 8_192);
    run.fold(0, &[event(3, "late", 1), event(40, "y", 2)]);
    assert_eq!(run.folded.late_partial, 1, "the window is closed though it is not given out to its end");
    run.advance();
    run.finish(1);
    let keys: Vec<_> = run.rows.iter().filter(|row| row.end == 10).map(|row| row.key.clone()).collect();
    let expected: Vec<_> = (0..20_000).map(|index| vec![Value::Text(format!("{index:05}"))]).collect();
    assert_eq!(keys, expected);
    assert!(run.calls.longest.load(Relaxed) <= 8_192, "calls are bounded");
}

#[test]
fn long_keys_come_in_pieces_too() {
    let mut run = Run::new(Setup::hop(10, 10, 0, 1), 1);
    let key = |index: i64| format!("{index:03}{}", "k".repeat(300_000));
    let events: Vec<_> = (0..40).map(|index| event(5, &key(index), index)).collect();
    run.fold(0, &events);
    run.fold(0, &[event(20, "x", 0)]);
    let mut pieces = Vec::new();
    while run.next() {
        pieces.push(run.rows.len());
    }
    // 14 keys are the first to have 4 MiB.
    assert_eq!(pieces, [14, 28, 40]);
    run.finish(1);
    let keys: Vec<_> = run.rows.iter().filter(|row| row.end == 10).map(|row| row.key.clone()).collect();
    let expected: Vec<_> = (0..40).map(|index| vec![Value::Text(key(index))]).collect();
    assert!(keys == expected);
}
