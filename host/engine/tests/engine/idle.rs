//! Idle partitions, forced closes, partitions that wake with old events.

use streamgauge_common::column::Value;

use crate::harness::{Event, Run, Setup};

const TUMBLE: Setup = Setup::hop(10, 10, 2, 1);

fn event(time: i64, id: i64) -> Event {
    Event { time, key: [Value::Text("m".into()), Value::Null], value: Value::Null, kept: true, id }
}

fn events<const N: usize>(times: [i64; N]) -> Vec<Event> {
    times.into_iter().map(|time| event(time, time)).collect()
}

fn counts(run: &Run) -> Vec<(i64, i64)> {
    run.rows.iter().map(|row| (row.end, row.count)).collect()
}

#[test]
fn a_partition_without_events_holds_the_others_until_it_is_idle() {
    let mut run = Run::new(TUMBLE, 2);
    run.fold(0, &events([1, 5, 25]));
    run.advance();
    assert_eq!((run.query.watermark(), run.rows.len()), (i64::MIN, 0));
    run.idle(&[1], 0);
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (23, vec![(10, 2)]));
    assert_eq!(run.windows, [(10, true)], "partition 1 had not got there");
    run.finish(2);
    assert_eq!(run.windows, [(10, true), (30, false)]);
}

#[test]
fn the_next_window_closes_after_as_much_silence_as_is_said() {
    let mut run = Run::new(TUMBLE, 2);
    assert_eq!(
        (run.query.next_window_end(), run.query.closes_after_us(10)),
        (None, None),
        "there is no window"
    );
    run.fold(0, &events([1, 5]));
    run.fold(1, &events([3]));
    // The end of the window, the delay, and the newest event.
    let after = 10 + TUMBLE.delay - 5;
    assert_eq!(run.query.next_window_end(), Some(10));
    assert_eq!(run.query.closes_after_us(10), Some(after));
    for (elapsed, closed) in [(after - 1, 0), (after, 1)] {
        run.idle(&[0, 1], elapsed);
        run.advance();
        assert_eq!(run.rows.len(), closed, "after {elapsed}");
    }
    assert_eq!(run.query.next_window_end(), None, "it is closed");
    run.finish(2);
}

#[test]
fn a_partition_that_wakes_with_old_events_finds_windows_closed() {
    let mut run = Run::new(TUMBLE, 2);
    run.fold(0, &events([1, 25]));
    run.idle(&[1], 0);
    run.advance();
    run.fold(1, &events([2, 9, 21, 3]));
    assert_eq!(
        (run.folded.late, run.query.watermark()),
        (3, 23),
        "closed for it, though its own watermark is behind"
    );
    run.fold(0, &events([31]));
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (23, vec![(10, 1)]), "it holds the watermark again");
    run.fold(1, &events([42]));
    run.fold(0, &events([45]));
    run.advance();
    assert_eq!(counts(&run), [(10, 1), (30, 2), (40, 1)]);
    assert_eq!(run.windows, [(10, true), (30, false), (40, false)]);
    run.finish(2);
}

#[test]
fn a_window_that_is_overlapped_by_a_forced_one_takes_what_wakes() {
    let mut run = Run::new(Setup::hop(10, 30, 0, 1), 2);
    run.fold(0, &events([5, 20]));
    run.idle(&[1], 0);
    run.advance();
    assert_eq!(counts(&run), [(10, 1), (20, 1)]);
    run.fold(1, &events([6, 15]));
    assert_eq!((run.folded.late, run.folded.late_partial), (0, 2));
    run.finish(2);
    assert_eq!(counts(&run), [(10, 1), (20, 1), (30, 4), (40, 2), (50, 1)]);
}

#[test]
fn what_was_folded_after_the_leaders_were_asked_is_not_covered_by_their_answer() {
    let mut run = Run::new(TUMBLE, 2);
    run.fold(0, &events([1, 15]));
    run.query.set_idle_baseline();
    run.fold(0, &events([35]));
    run.answer(&[1], 0);
    run.advance();
    assert_eq!((run.query.watermark(), counts(&run)), (13, vec![(10, 1)]), "not 33");
    run.answer(&[1], 0);
    assert_eq!(run.query.watermark(), 13, "an answer to no question");
    run.fold(1, &events([12, 34]));
    assert_eq!(run.folded.late, 0, "what partition 1 got in the meantime is in time");
    run.finish(2);
    assert_eq!(counts(&run), [(10, 1), (20, 2), (40, 2)]);
}

#[test]
fn when_all_are_idle_windows_close_by_the_time_that_passes() {
    let mut run = Run::new(TUMBLE, 2);
    run.idle(&[0, 1], 1_000);
    run.advance();
    assert_eq!(run.query.watermark(), i64::MIN, "no event says what time it is");
    run.fold(0, &events([1]));
    run.fold(1, &events([6]));
    run.idle(&[0], 1_000);
    assert_eq!(run.query.watermark(), 4, "partition 0 follows the one that is not idle");
    run.idle(&[0, 1], 5);
    run.advance();
    assert_eq!((run.query.watermark(), run.rows.len()), (9, 0));
    run.idle(&[0, 1], 6);
    run.advance();
    assert_eq!(counts(&run), [(10, 2)]);
    assert_eq!(run.windows, [(10, true)]);
    run.idle(&[0, 1], 3);
    assert_eq!(run.query.watermark(), 10, "never back");
    run.fold(1, &events([11, 9]));
    assert_eq!((run.folded.late, run.query.watermark()), (1, 10));
    run.finish(2);
    assert_eq!(counts(&run), [(10, 2), (20, 1)]);
}

#[test]
fn a_partition_that_comes_later_takes_the_windows_that_are_open() {
    let mut run = Run::new(TUMBLE, 1);
    run.fold(0, &events([1, 25]));
    run.advance();
    run.query.active(run.partition(7));
    run.fold(0, &events([99]));
    run.advance();
    assert_eq!(counts(&run), [(10, 1)], "it holds the watermark");
    run.fold(7, &events([3, 22]));
    assert_eq!(run.folded.late, 1);
    (0..8).for_each(|partition| run.end(partition));
    run.advance();
    assert_eq!(counts(&run), [(10, 1), (30, 2), (100, 1)]);
}

#[test]
fn an_ended_partition_does_not_end_those_that_are_idle() {
    let mut run = Run::new(TUMBLE, 2);
    run.fold(1, &events([5]));
    run.idle(&[1], 0);
    run.end(0);
    run.idle(&[1], 2);
    run.advance();
    assert_eq!((run.query.watermark(), run.rows.len()), (5, 0), "it may wake");
    run.end(1);
    run.advance();
    assert_eq!((run.query.watermark(), run.windows), (i64::MAX, vec![(10, false)]));
}
