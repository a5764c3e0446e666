//! Random idleness, waking, ends and moments of closing against a plain simulation of the definitions: what is forced,
//! and what a window that was forced has missed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    harness::{Dice, Event, Run, Setup, partitions, setups},
    oracle::covering,
};

/// The definitions, window by window.
struct Model {
    setup: Setup,
    /// Each partition's own watermark, and how far its silence lets the source go.
    own: Vec<(i64, i64)>,
    source: i64,
    /// Windows that end at or before it are closed.
    closed: i64,
    /// How many events each window has, by its end and start.
    windows: BTreeMap<(i64, i64), i64>,
    /// The end of each window with rows, its events, and whether it was forced.
    decided: Vec<(i64, i64, bool)>,
    late: u64,
}

impl Model {
    fn event(&mut self, partition: usize, event: &Event) {
        let Setup { kind, delay, .. } = self.setup;
        let barrier = self.own[partition].0.max(self.closed);
        let open: Vec<(i64, i64)> =
            covering(&kind, event.time).into_iter().filter(|window| window.1 > barrier).collect();
        if event.kept {
            self.late += u64::from(open.is_empty());
            open.into_iter().for_each(|(start, end)| *self.windows.entry((end, start)).or_default() += 1);
        }
        let own = &mut self.own[partition].0;
        *own = (*own).max(event.time - delay);
    }

    fn follow(&mut self) {
        let least = self.own.iter().map(|&(own, promised)| own.max(promised)).min();
        self.source = self.source.max(least.unwrap_or(i64::MIN));
    }

    /// Partitions were idle when all stood as in `then`.
    fn idle(&mut self, then: &[(i64, i64)], idle: &[u32], elapsed: i64) {
        let live = |number: &usize| then[*number].0 < i64::MAX;
        let (silent, others): (Vec<usize>, Vec<usize>) =
            (0..then.len()).filter(live).partition(|&number| idle.contains(&(number as u32)));
        let reach = match others.iter().map(|&number| then[number].0.max(then[number].1)).min() {
            Some(least) => least,
            None => match silent.iter().map(|&number| then[number].0).max() {
                None | Some(i64::MIN) => return,
                Some(reached) => reached + elapsed,
            },
        };
        idle.iter().for_each(|&number| self.own[number as usize].1 = self.own[number as usize].1.max(reach));
    }

    fn advance(&mut self) {
        while let Some(entry) = self.windows.first_entry()
            && entry.key().0 <= self.source
        {
            let ((end, _), count) = entry.remove_entry();
            self.decided.push((end, count, self.own.iter().any(|(own, _)| *own < end)));
        }
        self.closed = self.source;
    }
}

fn simulate(setup: Setup, partitions: &[Vec<Event>], dice: &mut Dice) -> (Run, Model) {
    let mut run = Run::new(setup, partitions.len() as u32);
    let own = vec![(i64::MIN, i64::MIN); partitions.len()];
    let (windows, decided) = (BTreeMap::new(), vec![]);
    let mut model = Model { setup, own, source: i64::MIN, closed: i64::MIN, windows, decided, late: 0 };
    let mut done = vec![0; partitions.len()];
    // Where all stood when leaders were last asked.
    let mut then = None;
    while (0..partitions.len()).any(|partition| done[partition] < partitions[partition].len()) {
        let partition = dice.below(partitions.len());
        let left = &partitions[partition][done[partition]..];
        match dice.below(12) {
            0..5 if !left.is_empty() => {
                let batch = &left[..left.len().min(1 + dice.below(6))];
                run.fold(partition as u32, batch);
                batch.iter().for_each(|event| model.event(partition, event));
                done[partition] += batch.len();
            }
            5 => {
                run.query.set_idle_baseline();
                then = Some(model.own.clone());
            }
            6..=8 => {
                let elapsed = dice.below(50) as i64;
                let idle: Vec<u32> = (0..partitions.len() as u32).filter(|_| dice.below(3) > 0).collect();
                if dice.below(2) == 0 {
                    run.query.set_idle_baseline();
                    then = Some(model.own.clone());
                }
                run.answer(&idle, elapsed);
                if let Some(then) = then.take() {
                    model.idle(&then, &idle, elapsed);
                }
            }
            9 if left.is_empty() => {
                run.end(partition as u32);
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
