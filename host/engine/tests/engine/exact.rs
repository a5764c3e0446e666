//! Random windows, events, batches and interleavings against the exact program.

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::Settings;

use crate::{
    harness::{Dice, Row, Run, interleave, partitions, setups},
    oracle::{self, Expected},
};

/// The ids in a tree.
pub(crate) fn ids(tree: &str) -> Vec<i64> {
    let mut ids: Vec<i64> =
        tree.split(|c: char| !c.is_ascii_digit()).filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

/// Whether rows are what was expected, up to the bits of sums.
pub(crate) fn is_expected(rows: &[Row], expected: &[Expected]) -> Result<(), TestCaseError> {
    prop_assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        prop_assert_eq!((row.start, row.end), (expected.start, expected.end));
        for (part, expected) in row.key.iter().zip(&expected.key) {
            prop_assert!(oracle::compare(part, expected).is_eq(), "{:?} is not {:?}", part, expected);
        }
        let mut members = expected.ids.clone();
        members.sort_unstable();
        prop_assert_eq!(&ids(&row.trees[0]), &members);
        prop_assert_eq!(&ids(&row.trees[1]), &members);
        prop_assert_eq!(row.count, members.len() as i64);
        match (&row.sum, expected.sum) {
            (Value::Null, None) => {}
            (Value::Float64(sum), Some(expected)) => prop_assert!((sum - expected).abs() < 1e-6),
            other => prop_assert!(false, "{:?}", other),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_window_has_exactly_its_rows(
        setup in setups(), partitions in partitions(4), seed in any::<u64>(), batch_max in 1usize..40,
    ) {
        let mut run = Run::new(setup, partitions.len() as u32);
        interleave(&mut run, &partitions, batch_max, &mut Dice(seed));
        let (expected, late, late_partial) = oracle::rows(&setup, &partitions);
        prop_assert_eq!((run.folded.late, run.folded.late_partial), (late.len() as u64, late_partial));
        run.late.sort_unstable();
        prop_assert_eq!(run.late, late, "each late event is named, with what it missed");
        is_expected(&run.rows, &expected)?;
        prop_assert!(run.windows.iter().all(|&(_, forced)| !forced), "no partition was idle, so no close is forced");
    }

    #[test]
    fn windows_before_the_start_are_left_out_and_change_no_other(
        setup in setups(), partitions in partitions(3), seed in any::<u64>(), from in -400i64..400,
    ) {
        let settings = Settings { emit_from_us: Some(from), ..Settings::default() };
        let mut some = Run::with(setup, partitions.len() as u32, settings);
        interleave(&mut some, &partitions, 10, &mut Dice(seed));
        let mut all = Run::new(setup, partitions.len() as u32);
        interleave(&mut all, &partitions, 10, &mut Dice(seed));
        all.rows.retain(|row| row.start >= from);
        prop_assert_eq!(format!("{:?}", some.rows), format!("{:?}", all.rows));
        prop_assert_eq!(all.folded.unwanted, 0);
        some.folded.unwanted = 0;
        prop_assert_eq!(some.folded, all.folded);
    }
}
