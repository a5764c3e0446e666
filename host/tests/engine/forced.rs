//! Random idleness, waking, ends and moments of closing against a plain simulation of the definitions: what is forced,
//! and what a window that was forced has missed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::harness::{Dice, Event, Run, Setup, partitions, setups};

/// The definitions, window by window.
struct Model {
    setup: Setup,
    /// Each partition's own watermark, and whether it is idle.
    own: Vec<(i64, bool)>,
    source: i64,
    /// Windows that end at or before it are closed.
    closed: i64,
    /// How many events each window has, by its start.
    windows: BTreeMap<i64, i64>,
    /// The end of each window with rows, its events, and whether it was forced.
    decided: Vec<(i64, i64, bool)>,
    late: u64,
}

impl Model {
    fn event(&mut self, partition: usize, event: &Event) {
        let Setup { slide, size, delay, .. } = self.setup;
        let barrier = self.own[partition].0.max(self.closed);
        let covering = (0..).map(|back| (event.time.div_euclid(slide) - back) * slide);
        let open: Vec<i64> = covering.take_while(|start| start + size > event.time).collect();
        let open: Vec<i64> = open.into_iter().filter(|start| start + size > barrier).collect();
        if event.kept {
            self.late += u64::from(open.is_empty());
            open.into_iter().for_each(|start| *self.windows.entry(start).or_default() += 1);
        }
        let own = &mut self.own[partition].0;
        *own = (*own).max(event.time - delay);
    }

    fn follow(&mut self) {
        let waiting =
            self.own.iter().filter(|(own, idle)| !idle && *own < i64::MAX).map(|(own, _)| *own).min();
        let ended = self.own.iter().all(|(own, _)| *own == i64::MAX);
        self.source = self.source.max(waiting.unwrap_or(if ended { i64::MAX } else { i64::MIN }));
    }

    fn all_idle(&mut self, elapsed: i64) {
        let mut live = self.own.iter().filter(|(own, _)| *own < i64::MAX);
        if live.clone().all(|(_, idle)| *idle)
            && let Some(reached) = live.clone().map(|(own, _)| *own).max()
            && live.any(|(own, _)| *own > i64::MIN)
        {
            self.source = self.source.max(reached + elapsed);
        }
    }

    fn advance(&mut self) {
        while let Some(entry) = self.windows.first_entry()
            && entry.key() + self.setup.size <= self.source
        {
            let (start, count) = entry.remove_entry();
            let end = start + self.setup.size;
            self.decided.push((end, count, self.own.iter().any(|(own, _)| *own < end)));
        }
        self.closed = self.source;
    }
}

fn simulate(setup: Setup, partitions: &[Vec<Event>], dice: &mut Dice) -> (Run, Model) {
    let mut run = Run::new(setup, partitions.len() as u32);
    let own = vec![(i64::MIN, false); partitions.len()];
    let (windows, decided) = (BTreeMap::new(), vec![]);
    let mut model = Model { setup, own, source: i64::MIN, closed: i64::MIN, windows, decided, late: 0 };
    let mut done = vec![0; partitions.len()];
    while (0..partitions.len()).any(|partition| done[partition] < partitions[partition].len()) {
        let partition = dice.below(partitions.len());
        let left = &partitions[partition][done[partition]..];
        match dice.below(12) {
            0..5 if !left.is_empty() => {
                let batch = &left[..left.len().min(1 + dice.below(6))];
                run.fold(partition as u32, batch);
                model.own[partition].1 = false;
                batch.iter().for_each(|event| model.event(partition, event));
                done[partition] += batch.len();
            }
            5 => {
                run.query.active(partition as u32);
                model.own[partition].1 = false;
            }
            6 | 7 => {
                run.query.idle(partition as u32);
                model.own[partition].1 = true;
            }
            8 => {
                let elapsed = dice.below(50) as i64;
                run.query.all_idle(elapsed);
                model.all_idle(elapsed);
            }
            9 if left.is_empty() => {
                run.query.end(partition as u32);
                model.own[partition].0 = i64::MAX;
            }
            _ => {
                run.advance();
                model.advance();
            }
        }
        model.follow();
        assert_eq!(run.query.watermark(), model.source);
    }
    run.finish(partitions.len() as u32);
    model.own.iter_mut().for_each(|own| own.0 = i64::MAX);
    model.follow();
    model.advance();
    (run, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forced_windows_have_what_the_definitions_say(
        setup in setups(), partitions in partitions(4), seed in any::<u64>(),
    ) {
        let setup = Setup { parts: 0, ..setup };
        let (run, model) = simulate(setup, &partitions, &mut Dice(seed));
        let decided: Vec<(i64, i64, bool)> =
            run.rows.iter().zip(&run.windows).map(|(row, &(end, forced))| (end, row.count, forced)).collect();
        prop_assert_eq!(decided, model.decided);
        prop_assert_eq!(run.folded.late, model.late);
    }
}
