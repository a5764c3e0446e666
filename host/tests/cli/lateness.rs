//! ALLOW LATENESS against a program that keeps all events and takes each definition literally, also where the process is killed.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    kept::run,
    outcome,
    over_views::{Draw, kill_after, program, write_partitions},
};

/// Times are seconds.
#[derive(Clone, Copy, Debug)]
struct Event {
    time: i64,
    model: &'static str,
    value: i64,
}

#[derive(Clone, Debug)]
struct Case {
    slide: i64,
    size: i64,
    delay: i64,
    lateness: i64,
    /// HAVING: how many events a group has at most.
    most_events: i64,
    /// WHERE of the statement over the view, of the sums.
    least_total: i64,
    partitions: Vec<Vec<Event>>,
}

const MODELS: [&str; 3] = ["gpt", "llama", "ü"];

impl Case {
    fn draw(draw: &mut Draw) -> Self {
        let slide = draw.one_of(&[1, 2, 5, 10]);
        let partitions = (0..1 + draw.below(3)).map(|_| events(draw, 60)).collect();
        Self {
            slide,
            size: slide * (1 + draw.seconds(4)) + draw.one_of(&[0, 0, 1]),
            delay: draw.seconds(4),
            lateness: 1 + draw.seconds(25),
            most_events: draw.one_of(&[2, 4, 1_000]),
            least_total: draw.one_of(&[-1_000, 0, 40]),
            partitions,
        }
    }

    fn sql(&self) -> String {
        let Self { slide, size, lateness, most_events, least_total, .. } = self;
        program(
            self.delay,
            &format!(
                "CREATE VIEW v AS SELECT window_start, window_end, model, count(*) AS events, sum(value) AS total \
                 FROM HOP(s, ts, INTERVAL '{slide}' SECOND, INTERVAL '{size}' SECOND) GROUP BY model \
                 HAVING count(*) <= {most_events} ALLOW LATENESS INTERVAL '{lateness}' SECOND;\n\
                 INSERT INTO k SELECT * FROM v WHERE total >= {least_total};"
            ),
        )
    }

    fn write(&self, folder: &Path) -> Vec<String> {
        let event = |event: &Event| (event.time, event.model, event.value);
        write_partitions(folder, self.partitions.iter().map(|events| events.iter().map(event).collect()))
    }

    /// For each window and group the values that it gets, by the time at which that is told: the window's end, or a time behind it.
    fn taken(&self) -> BTreeMap<(i64, i64, &'static str), BTreeMap<i64, Vec<i64>>> {
        let mut taken: BTreeMap<_, BTreeMap<i64, Vec<i64>>> = BTreeMap::new();
        for events in &self.partitions {
            let mut watermark = i64::MIN;
            for event in events {
                let mut start = event.time.div_euclid(self.slide) * self.slide;
                while start + self.size > event.time {
                    let end = start + self.size;
                    let last = end + self.lateness;
                    // In time, at the next slide, or at the very last.
                    let told = (0..).map(|slides| (end + slides * self.slide).min(last));
                    let told = told.take(1_000).find(|&told| told > watermark);
                    if let Some(told) = told {
                        let group = taken.entry((end, start, event.model)).or_default();
                        group.entry(told).or_default().push(event.value);
                    }
                    start -= self.slide;
                }
                watermark = watermark.max(event.time - self.delay);
            }
        }
        taken
    }

    /// The lines that must come, in order.
    fn expected(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for ((end, start, model), told) in self.taken() {
            let (mut values, mut before, mut revision) = (Vec::new(), None, 0);
            for (at, more) in told {
                values.extend(more);
                revision += i64::from(at > end);
                let (events, total) = (values.len() as i64, values.iter().sum::<i64>());
                let is_there = events <= self.most_events && total >= self.least_total;
                let now = is_there.then_some((events, total));
                let told = match (before, now) {
                    (Some(before), Some(now)) if before == now => None,
                    (Some(_), Some(now)) => Some((now, "update")),
                    (None, Some(now)) => Some((now, "insert")),
                    (Some(before), None) => Some((before, "delete")),
                    (None, None) => None,
                };
                before = now;
                if let Some(((events, total), op)) = told {
                    let line = json!({"window_start": time(start), "window_end": time(end), "model": model, "events": events,
                        "total": total, "revision": revision, "op": op});
                    lines.push(((at, end, start, model), line));
                }
            }
        }
        lines.sort_by_key(|(place, _)| *place);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

fn events(draw: &mut Draw, most: u64) -> Vec<Event> {
    let mut now = 200 + draw.seconds(10);
    let mut event = || {
        now += draw.one_of(&[0, 0, 1, 1, 2, 5, 20]);
        let back = draw.one_of(&[1, 4, 30]);
        Event { time: now - draw.seconds(back), model: draw.one_of(&MODELS), value: draw.seconds(100) - 20 }
    };
    (0..most).map(|_| event()).collect()
}

fn time(seconds: i64) -> String {
    format!("1970-01-01T{:02}:{:02}:{:02}.000Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn compare(case: &Case, folder: &Path, what: &str) -> usize {
    let text = fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default();
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = case.expected();
    let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    let at = wrong.unwrap_or(found.len().min(expected.len()));
    assert!(
        found == expected,
        "{what}: row {at} of {} and {}: {:?}, expected {:?}\n{case:?}\n{}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at),
        case.sql()
    );
    expected.iter().filter(|line| line["revision"] != json!(0)).count()
}

#[test]
fn revisions_are_those_of_a_plain_program() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let (seed, count) = (number("STREAMGAUGE_SEED").unwrap_or(21), number("STREAMGAUGE_CASES").unwrap_or(60));
    println!("seed {seed}, {count} cases");
    let (mut draw, mut revisions) = (Draw(seed), 0);
    for number in 0..count {
        let case = Case::draw(&mut draw);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), case.sql()).unwrap();
        let arguments = case.write(folder.path());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "case {number}: {said}\n{}", case.sql());
        revisions += compare(&case, folder.path(), &format!("case {number}"));
    }
    assert!(revisions > 300, "{revisions} revisions were compared");
}

/// Events are given to the process by standard input, and it is killed after each part, where it stands.
#[test]
fn revisions_go_on_where_a_killed_run_left() {
    let (mut draw, mut revisions) = (Draw(5), 0);
    for number in 0..8 {
        let mut case = Case::draw(&mut draw);
        case.partitions = vec![events(&mut draw, 120)];
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), case.sql()).unwrap();
        case.write(folder.path());
        let text = fs::read_to_string(folder.path().join("0.jsonl")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for upto in [30, 61, 90] {
            kill_after(folder.path(), &lines[..upto]);
        }
        let arguments = ["--input", "s=0.jsonl", "--state", "state"];
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "case {number}: {said}");
        revisions += compare(&case, folder.path(), &format!("case {number}"));
    }
    assert!(revisions > 40, "{revisions} revisions were compared");
}
