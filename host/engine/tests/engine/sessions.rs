//! Sessions against the program that keeps all events, and where the definition has edges.

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::Settings;
use streamgauge_sql::manifest::WindowKind;

use crate::{
    exact::is_expected,
    harness::{Dice, Event, Run, Setup, interleave, partitions, session_setups},
    oracle,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_session_has_exactly_its_rows(
        setup in session_setups(), partitions in partitions(4), seed in any::<u64>(), batch_max in 1usize..40,
    ) {
        let mut run = Run::new(setup, partitions.len() as u32);
        interleave(&mut run, &partitions, batch_max, &mut Dice(seed));
        let (expected, mut late) = oracle::sessions(&setup, &partitions);
        late.sort_unstable();
        run.late.sort_unstable();
        prop_assert_eq!((run.folded.late, run.folded.late_partial), (late.len() as u64, 0));
        prop_assert_eq!(run.late, late, "each late event is named");
        is_expected(&run.rows, &expected)?;
        prop_assert!(run.windows.iter().all(|&(_, forced)| !forced), "no partition was idle, so no close is forced");
    }

    #[test]
    fn chains_that_may_have_begun_before_the_start_are_left_out(
        setup in session_setups(), partitions in partitions(3), seed in any::<u64>(), from in -400i64..400,
    ) {
        let settings = Settings { emit_from_us: Some(from), ..Settings::default() };
        let mut some = Run::with(setup, partitions.len() as u32, settings);
        interleave(&mut some, &partitions, 10, &mut Dice(seed));
        let mut all = Run::new(Setup { kind: uncut(setup.kind), ..setup }, partitions.len() as u32);
        interleave(&mut all, &partitions, 10, &mut Dice(seed));
        let (expected, _) = oracle::sessions(&setup, &partitions);
        let whole = |row: &oracle::Expected| {
            let is_in = |chain: &&crate::harness::Row| {
                chain.start <= row.start
                    && row.end <= chain.end
                    && chain.key.iter().zip(&row.key).all(|(left, right)| oracle::compare(left, right).is_eq())
            };
            let chain = all.rows.iter().find(is_in).unwrap();
            chain.start >= from + gap(setup.kind)
        };
        let expected: Vec<_> = expected.into_iter().filter(whole).collect();
        is_expected(&some.rows, &expected)?;
    }
}

fn gap(kind: WindowKind) -> i64 {
    let WindowKind::Session { gap_us, .. } = kind else { panic!("not of sessions") };
    gap_us
}

/// The same sessions without cuts: whole chains.
fn uncut(kind: WindowKind) -> WindowKind {
    WindowKind::Session { gap_us: gap(kind), max_length_us: 100_000_000_000_000_000 }
}

fn setup(gap_us: i64, max_length_us: i64, delay: i64) -> Setup {
    Setup { kind: WindowKind::Session { gap_us, max_length_us }, delay, parts: 0 }
}

fn events(times: &[i64]) -> Vec<Event> {
    let event = |(id, &time): (i64, &i64)| Event {
        time,
        key: [Value::Null, Value::Null],
        value: Value::Null,
        kept: true,
        id,
    };
    (0..).zip(times).map(event).collect()
}

fn sessions(run: &Run) -> Vec<(i64, i64, i64)> {
    run.rows.iter().map(|row| (row.start, row.end, row.count)).collect()
}

#[test]
fn an_event_between_two_sessions_joins_them() {
    let mut run = Run::new(setup(10, 1_000, 50), 1);
    run.fold(0, &events(&[0, 18]));
    run.fold(0, &events(&[9]));
    run.finish(1);
    assert_eq!(sessions(&run), [(0, 28, 3)]);
}

#[test]
fn events_that_are_a_gap_apart_are_in_two_sessions() {
    let mut run = Run::new(setup(10, 1_000, 0), 1);
    run.fold(0, &events(&[0, 9, 19, 28]));
    run.finish(1);
    assert_eq!(sessions(&run), [(0, 19, 2), (19, 38, 2)]);
}

#[test]
fn a_session_comes_when_the_watermark_reaches_its_end_and_not_before() {
    let mut run = Run::new(setup(10, 1_000, 0), 2);
    run.fold(0, &events(&[3, 22]));
    run.fold(1, &events(&[5, 14]));
    run.advance();
    assert_eq!(sessions(&run), [], "what comes into it is not known before 15");
    run.fold(1, &events(&[15]));
    run.advance();
    assert_eq!(sessions(&run), [], "14 and 15 make it go on");
    run.fold(1, &events(&[40]));
    run.advance();
    assert_eq!(sessions(&run), [], "22 is known, and is in it; until 32 another event may be");
    run.fold(0, &events(&[31]));
    run.advance();
    assert_eq!(sessions(&run), []);
    run.fold(0, &events(&[41]));
    run.advance();
    assert_eq!(sessions(&run), [], "40 of the other partition is less than a gap behind 31");
    run.finish(2);
    assert_eq!(sessions(&run), [(3, 51, 8)]);
}

#[test]
fn an_event_at_the_watermark_is_in_time_and_one_below_it_is_late() {
    let mut run = Run::new(setup(10, 1_000, 5), 1);
    run.fold(0, &events(&[20, 15, 14]));
    run.finish(1);
    assert_eq!((sessions(&run), run.late), (vec![(15, 30, 2)], vec![(2, 14, 1)]));
}

#[test]
fn a_chain_is_cut_from_its_first_event_wherever_that_comes_from() {
    // The first event comes last, in another partition: it moves the cuts from 25 and 45 to 22 and 42.
    let mut run = Run::new(setup(10, 20, 100), 2);
    run.fold(0, &events(&[5, 12, 21, 22, 23, 24, 25, 31, 40, 41, 42, 45]));
    run.fold(1, &events(&[2]));
    run.finish(2);
    assert_eq!(sessions(&run), [(2, 31, 4), (22, 51, 7), (42, 55, 2)]);
}

#[test]
fn a_forced_close_leaves_out_what_comes_later_and_begins_before_its_end() {
    let mut run = Run::new(setup(10, 1_000, 0), 2);
    run.fold(0, &events(&[0, 5, 40]));
    run.idle(&[1], 0);
    assert_eq!(run.query.forces(), Some(15));
    run.advance();
    assert_eq!((sessions(&run), run.windows.clone()), (vec![(0, 15, 2)], vec![(15, true)]));
    run.fold(1, &events(&[14, 15]));
    run.finish(2);
    assert_eq!((sessions(&run), run.late), (vec![(0, 15, 2), (15, 25, 1), (40, 50, 1)], vec![(0, 14, 1)]));
}

#[test]
fn accumulators_of_moments_are_given_back_when_no_cut_can_need_them() {
    let mut run = Run::new(setup(10, 1_000, 0), 2);
    run.fold(0, &events(&[0, 1, 2, 3]));
    assert_eq!(run.query.usage().slots, 5, "nothing is known of the other partition");
    run.fold(1, &events(&[0]));
    run.advance();
    assert_eq!(run.query.usage().slots, 2);
    run.fold(0, &events(&[4, 5, 16, 17]));
    assert_eq!(run.query.usage().slots, 3);
    run.finish(2);
    assert_eq!(sessions(&run), [(0, 15, 7), (16, 27, 2)]);
}
