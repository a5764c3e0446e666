//! ALLOW LATENESS against a program that is written from the definitions: which events every revision of every window holds, and when it
//! comes.

use std::{cmp::Ordering, collections::BTreeMap};

use proptest::prelude::*;
use streamgauge_common::column::Value;
use streamgauge_engine::Settings;
use streamgauge_sql::manifest::WindowKind;

use crate::{
    exact::ids,
    harness::{Dice, Event, RevisedRow, Row, Run, Setup, interleave, partitions, setups},
    oracle::{compare, covering},
};

/// A group of a window: by revision point the events that it takes. Those that came in time stand at the window's end.
#[derive(Clone, Debug)]
struct Group {
    end: i64,
    start: i64,
    key: Vec<Value>,
    points: BTreeMap<i64, Vec<Event>>,
}

/// What is expected of events with a lateness.
#[derive(Default)]
struct Expected {
    groups: Vec<Group>,
    late: u64,
    late_partial: u64,
}

/// The first time at which a window that ended is given out again behind a partition's own watermark.
fn point(slide: i64, lateness: i64, end: i64, watermark: i64) -> i64 {
    let mut point = end + slide;
    while point <= watermark {
        point += slide;
    }
    point.min(end + lateness)
}

fn expected(setup: &Setup, lateness: i64, partitions: &[Vec<Event>]) -> Expected {
    let slide = match setup.kind {
        WindowKind::Cumulate { step_us, .. } => step_us,
        kind => kind.slide_us(),
    };
    let mut expected = Expected::default();
    for events in partitions {
        let mut watermark = i64::MIN;
        for event in events {
            let (mut taken, mut missed) = (0, 0);
            for (start, end) in if event.kept { covering(&setup.kind, event.time) } else { vec![] } {
                if watermark >= end + lateness {
                    missed += 1;
                    continue;
                }
                taken += 1;
                let at = if watermark < end { end } else { point(slide, lateness, end, watermark) };
                let group = expected.group(start, end, &event.key[..setup.parts]);
                group.points.entry(at).or_default().push(event.clone());
            }
            expected.late += u64::from(missed > 0 && taken == 0);
            expected.late_partial += u64::from(missed > 0 && taken > 0);
            watermark = watermark.max(event.time - setup.delay);
        }
    }
    expected
}

fn is_same(left: &[Value], right: &[Value]) -> bool {
    left.iter().zip(right).all(|(left, right)| compare(left, right).is_eq())
}

impl Expected {
    fn group(&mut self, start: i64, end: i64, key: &[Value]) -> &mut Group {
        let is_it = |group: &Group| (group.start, group.end) == (start, end) && is_same(&group.key, key);
        let index = self.groups.iter().position(is_it).unwrap_or_else(|| {
            self.groups.push(Group { end, start, key: key.to_vec(), points: BTreeMap::new() });
            self.groups.len() - 1
        });
        &mut self.groups[index]
    }
}

/// A row in the order in which rows come: when it is decided, its window and its key; which revision it is, and its events.
type Told = ((i64, i64, i64), Vec<Value>, u64, Vec<i64>, Option<f64>);

impl Group {
    /// Its rows: one where events came in time, and one a revision.
    fn told(&self) -> Vec<Told> {
        let (mut events, mut told, mut number): (Vec<&Event>, _, _) = (vec![], vec![], 0);
        for (&at, more) in &self.points {
            events.extend(more);
            number += u64::from(at > self.end);
            let mut ids: Vec<i64> = events.iter().map(|event| event.id).collect();
            ids.sort_unstable();
            let values = events.iter().filter_map(|event| match event.value {
                Value::Float64(value) => Some(value),
                _ => None,
            });
            let sum = values.reduce(|left, right| left + right);
            told.push(((at, self.end, self.start), self.key.clone(), number, ids, sum));
        }
        told
    }
}

fn in_order(left: &Told, right: &Told) -> Ordering {
    let keys = left.1.iter().zip(&right.1).map(|(left, right)| compare(left, right));
    left.0.cmp(&right.0).then_with(|| keys.fold(Ordering::Equal, Ordering::then))
}

fn told(at: i64, number: u64, row: &Row) -> Told {
    let sum = match row.sum {
        Value::Float64(sum) => Some(sum),
        _ => None,
    };
    assert_eq!(ids(&row.trees[0]), ids(&row.trees[1]));
    assert_eq!(row.count as usize, ids(&row.trees[0]).len());
    ((at, row.end, row.start), row.key.clone(), number, ids(&row.trees[0]), sum)
}

fn check(run: &Run, expected: &Expected) -> Result<(), TestCaseError> {
    prop_assert_eq!((run.folded.late, run.folded.late_partial), (expected.late, expected.late_partial));
    let mut all: Vec<Told> = expected.groups.iter().flat_map(Group::told).collect();
    all.sort_by(in_order);
    let (revised, closed): (Vec<Told>, Vec<Told>) = all.into_iter().partition(|row| row.2 > 0);
    let seen: Vec<Told> = run.rows.iter().map(|row| told(row.end, 0, row)).collect();
    compare_all(&seen, &closed)?;
    let seen: Vec<Told> = run.revised.iter().map(|row| told(row.decided_at, row.number, &row.row)).collect();
    compare_all(&seen, &revised)?;
    for (index, revised) in run.revised.iter().enumerate() {
        // What it was before is what was given out before, to the spelling of every merge.
        let same = |row: &Row| {
            (row.start, row.end) == (revised.row.start, revised.row.end)
                && is_same(&row.key, &revised.row.key)
        };
        let before = run.revised[..index].iter().rev().map(|before| &before.row).find(|row| same(row));
        let before = before.or_else(|| run.rows.iter().find(|row| same(row)));
        prop_assert_eq!(format!("{:?}", &revised.before), format!("{:?}", before.cloned()));
    }
    Ok(())
}

fn compare_all(seen: &[Told], expected: &[Told]) -> Result<(), TestCaseError> {
    for (seen, expected) in seen.iter().zip(expected) {
        prop_assert!(is_same(&seen.1, &expected.1), "{:?} is not {:?}", seen, expected);
        prop_assert_eq!((seen.0, seen.2, &seen.3), (expected.0, expected.2, &expected.3));
        match (seen.4, expected.4) {
            (Some(seen), Some(expected)) => prop_assert!((seen - expected).abs() < 1e-6),
            (seen, expected) => prop_assert_eq!(seen, expected),
        }
    }
    prop_assert_eq!(seen.len(), expected.len());
    Ok(())
}

fn lateness() -> impl Strategy<Value = i64> {
    prop_oneof![1i64..12, 1i64..120]
}

fn with(lateness: i64) -> Settings {
    Settings { lateness_us: Some(lateness), ..Settings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_revision_has_exactly_its_rows(
        setup in setups(), partitions in partitions(4), lateness in lateness(), seed in any::<u64>(), batch_max in 1usize..40,
    ) {
        let mut run = Run::with(setup, partitions.len() as u32, with(lateness));
        interleave(&mut run, &partitions, batch_max, &mut Dice(seed));
        check(&run, &expected(&setup, lateness, &partitions))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn revisions_follow_from_the_partitions_alone(
        setup in setups(), partitions in partitions(4), lateness in lateness(), seed in any::<u64>(),
    ) {
        let mut dice = Dice(seed);
        let mut decided = |batch_max: usize| -> (Vec<Row>, Vec<RevisedRow>) {
            let mut run = Run::with(setup, partitions.len() as u32, with(lateness));
            interleave(&mut run, &partitions, batch_max, &mut dice);
            (run.rows, run.revised)
        };
        let first = format!("{:?}", decided(40));
        for turn in 0..200 {
            prop_assert_eq!(&format!("{:?}", decided(1 + turn % 20)), &first);
        }
    }

    #[test]
    fn what_closes_is_what_closes_without_lateness(
        setup in setups(), partitions in partitions(4), lateness in lateness(), seed in any::<u64>(),
    ) {
        prop_assume!(!matches!(setup.kind, WindowKind::Cumulate { .. }));
        let rows = |settings| {
            let mut run = Run::with(setup, partitions.len() as u32, settings);
            interleave(&mut run, &partitions, 7, &mut Dice(seed));
            // A window's late rows may stand in two places with lateness, so only the last bits of sums may differ.
            let told = run.rows.iter().map(|row| told(row.end, 0, row));
            told.map(|row| format!("{:?}", (row.0, row.1, row.3))).collect::<Vec<_>>()
        };
        prop_assert_eq!(rows(with(lateness)), rows(Settings::default()));
    }
}
