//! EMIT ON UPDATE against a program that keeps all events: which of them a row has, when it comes, and for which groups.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::{
    outcome,
    over_views::{Draw, program, write_partitions},
    streamgauge,
};

type Event = (i64, &'static str, i64);

/// What a query asks, in seconds.
struct Case {
    delay: i64,
    every: i64,
    size: i64,
    least: i64,
    limit: Option<usize>,
    partitions: Vec<Vec<Event>>,
}

impl Case {
    fn draw(draw: &mut Draw) -> Self {
        let every = draw.one_of(&[1, 2, 5, 10]);
        let mut partition = || {
            let mut now = draw.seconds(20);
            let mut event = || {
                now += draw.one_of(&[0, 0, 1, 1, 2, 5, 40]);
                ((now - draw.seconds(8)).max(0), draw.one_of(&["a", "b", "日本"]), draw.seconds(100))
            };
            (0..60).map(|_| event()).collect()
        };
        let partitions: Vec<Vec<Event>> = (0..2).map(|_| partition()).collect();
        Self {
            delay: draw.seconds(4),
            every,
            size: every * (2 + draw.seconds(4)),
            least: draw.one_of(&[1, 1, 2]),
            limit: draw.one_of(&[None, None, Some(1), Some(2)]),
            partitions,
        }
    }

    fn sql(&self) -> String {
        let Self { delay, every, size, least, limit, .. } = self;
        let order = limit.map_or_else(String::new, |limit| format!("ORDER BY total DESC LIMIT {limit}"));
        program(
            *delay,
            &format!(
                "INSERT INTO k SELECT window_start, window_end, model, count(*) AS n, sum(value) AS total \
                 FROM TUMBLE(s, ts, INTERVAL '{size}' SECOND) GROUP BY model HAVING count(*) >= {least} {order} \
                 EMIT ON UPDATE EVERY INTERVAL '{every}' SECOND;"
            ),
        )
    }

    /// The rows in their order.
    fn expected(&self) -> Vec<Value> {
        // By the time at which a row comes first, and by model: the events that this time adds to the window.
        let mut added: BTreeMap<i64, BTreeMap<&str, Vec<Event>>> = BTreeMap::new();
        for events in &self.partitions {
            let mut watermark = i64::MIN;
            for &event in events {
                let end = (event.0.div_euclid(self.size) + 1) * self.size;
                let own = (event.0.div_euclid(self.every) + 1) * self.every;
                let first = (own..=end).step_by(usize::try_from(self.every).unwrap());
                if let Some(at) = first.clone().find(|&at| at > watermark) {
                    added.entry(at).or_default().entry(event.1).or_default().push(event);
                }
                watermark = watermark.max(event.0 - self.delay);
            }
        }
        let starts: std::collections::BTreeSet<i64> =
            added.keys().map(|at| (at - 1).div_euclid(self.size) * self.size).collect();
        starts.into_iter().flat_map(|start| self.window(start, &added)).collect()
    }

    fn window(&self, start: i64, added: &BTreeMap<i64, BTreeMap<&str, Vec<Event>>>) -> Vec<Value> {
        let (mut rows, mut groups) = (Vec::new(), BTreeMap::<&str, Vec<Event>>::new());
        for at in (1..=self.size / self.every).map(|step| start + step * self.every) {
            for (model, events) in added.get(&at).into_iter().flatten() {
                groups.entry(model).or_default().extend(events);
            }
            let mut step = Vec::new();
            for (model, events) in &groups {
                let is_new = events.iter().any(|event| event.0 >= at - self.every);
                let comes = self.limit.is_some() || is_new || at == start + self.size;
                if comes && i64::try_from(events.len()).unwrap() >= self.least {
                    step.push((*model, events.len(), events.iter().map(|event| event.2).sum::<i64>()));
                }
            }
            if let Some(limit) = self.limit {
                step.sort_by_key(|&(_, _, total)| std::cmp::Reverse(total));
                step.truncate(limit);
            }
            let time = |second: i64| format!("1970-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60);
            rows.extend(step.into_iter().map(|(model, n, total)| {
                json!({"window_start": time(start), "window_end": time(start + self.size), "model": model, "n": n, "total": total})
            }));
        }
        rows
    }
}

#[test]
fn previews_are_what_a_simple_program_computes() {
    let mut rows_seen = 0;
    for seed in 0..60 {
        let case = Case::draw(&mut Draw(seed));
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = write_partitions(folder.path(), case.partitions.iter().cloned());
        fs::write(folder.path().join("query.sql"), case.sql()).unwrap();
        let mut command = streamgauge();
        arguments.insert(0, "query.sql".to_owned());
        let (status, _, told) = outcome(command.current_dir(&folder).arg("run").args(&arguments));
        assert_eq!(status, 0, "{}\n{told}", case.sql());
        let rows = fs::read_to_string(folder.path().join("rows.jsonl")).unwrap_or_default();
        let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert_eq!(rows, case.expected(), "seed {seed}: {}", case.sql());
        rows_seen += rows.len();
    }
    assert!(rows_seen > 2_000, "{rows_seen}");
}
