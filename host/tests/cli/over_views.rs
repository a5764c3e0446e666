//! Windows over the rows of a view, against a plain program that keeps all events; also where the process is killed again and again.

use std::{
    collections::BTreeMap, fmt::Write as _, fs, io::Write as _, path::Path, process::Stdio, time::Duration,
};

use serde_json::{Value, json};
use streamgauge_common::clock::Stopwatch;

use crate::{kept::run, outcome};

/// A generator that gives the same numbers for the same seed.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn seconds(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    pub(crate) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

/// Statements over the source `s`, whose rows go to the sink `k`.
pub(crate) fn program(delay: i64, statements: &str) -> String {
    format!(
        "CREATE SOURCE s (ts TIMESTAMP, model TEXT, value BIGINT, WATERMARK FOR ts AS ts - INTERVAL '{delay}' SECOND) WITH ( \
         connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_s'); \
         CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');\n{statements}\n"
    )
}

/// Writes the events of each partition, a time in seconds, a model and a value, into a file: the arguments that name these files.
pub(crate) fn write_partitions<'a>(
    folder: &Path,
    partitions: impl Iterator<Item = Vec<(i64, &'a str, i64)>>,
) -> Vec<String> {
    let mut arguments = Vec::new();
    for (at, events) in partitions.enumerate() {
        let mut text = String::new();
        for (time, model, value) in events {
            writeln!(text, "{}", json!({"ts": time, "model": model, "value": value})).unwrap();
        }
        fs::write(folder.join(format!("{at}.jsonl")), text).unwrap();
        arguments.extend(["--input".to_owned(), format!("s={at}.jsonl")]);
    }
    arguments
}

/// An event; times are seconds.
#[derive(Clone, Copy, Debug)]
struct Event {
    time: i64,
    model: &'static str,
    value: i64,
}

/// Windows `[k slide, k slide + size)`.
#[derive(Clone, Copy, Debug)]
struct Windows {
    slide: i64,
    size: i64,
}

impl Windows {
    fn draw(draw: &mut Draw, slides: &[i64]) -> Self {
        let slide = draw.one_of(slides);
        Self { slide, size: slide * (1 + draw.seconds(4)) + draw.one_of(&[0, 0, 1]) }
    }

    /// The ends of the windows that have a moment in them, in half seconds so that the moment before a second can be asked for.
    fn ends(self, half_seconds: i64) -> Vec<i64> {
        let covers = |start: &i64| 2 * start <= half_seconds && half_seconds < 2 * (start + self.size);
        let first = (half_seconds / 2 - self.size).div_euclid(self.slide) - 1;
        let starts = (first..).map(|k| k * self.slide).take_while(|start| 2 * start <= half_seconds);
        starts.filter(covers).map(|start| start + self.size).collect()
    }

    fn sql(self, of: &str, time: &str) -> String {
        format!("HOP({of}, {time}, INTERVAL '{}' SECOND, INTERVAL '{}' SECOND)", self.slide, self.size)
    }
}

/// What is asked: windows over windows, each with a condition.
#[derive(Clone, Debug)]
struct Case {
    delay: i64,
    inner: Windows,
    outer: Windows,
    /// WHERE of a view between source and windows.
    least_value: i64,
    /// HAVING of the inner windows.
    least_events: i64,
    /// Whether the outer windows have a group a model, or one.
    by_model: bool,
    /// How many rows of each outer window come, by their sums.
    limit: Option<usize>,
    partitions: Vec<Vec<Event>>,
}

const MODELS: [&str; 5] = ["gpt", "llama", "mistral", "ü", ""];

impl Case {
    fn draw(draw: &mut Draw) -> Self {
        let delay = draw.seconds(4);
        let partitions = (0..1 + draw.below(3)).map(|_| {
            let mut now = draw.seconds(20);
            let events = (0..draw.below(60)).map(|_| {
                now += draw.one_of(&[0, 0, 1, 1, 2, 5, 40]);
                let time = (now - draw.seconds(6)).max(0);
                Event { time, model: draw.one_of(&MODELS), value: draw.seconds(100) - 20 }
            });
            events.collect()
        });
        Self {
            delay,
            partitions: partitions.collect(),
            inner: Windows::draw(draw, &[1, 2, 3, 5]),
            outer: Windows::draw(draw, &[2, 4, 10, 15]),
            least_value: draw.one_of(&[-100, 0]),
            least_events: draw.one_of(&[0, 0, 2]),
            by_model: draw.below(3) > 0,
            limit: draw.one_of(&[None, None, Some(1), Some(2)]),
        }
    }

    /// The program, in one of the ways in which it can be written.
    fn sql(&self, way: u64) -> String {
        let Self { delay, inner, outer, least_value, least_events, by_model, limit, .. } = self;
        let rows = format!("SELECT ts, model, value FROM s WHERE value >= {least_value}");
        let having =
            if *least_events == 0 { String::new() } else { format!("HAVING count(*) >= {least_events}") };
        let counts = |of: &str| {
            format!(
                "SELECT window_end, model, count(*) AS events, sum(value) AS total FROM {} GROUP BY window_end, model {having}",
                inner.sql(of, "ts")
            )
        };
        let group = if *by_model { ", model" } else { "" };
        let order = match limit {
            None => String::new(),
            Some(rows) => format!(" ORDER BY total DESC, rows LIMIT {rows}"),
        };
        let outer = |of: &str| {
            format!(
                "SELECT window_start, window_end{group}, count(*) AS rows, sum(events) AS events, max(total) AS total, \
                 avg(total) AS mean FROM {} GROUP BY window_start, window_end{group}{order}",
                outer.sql(of, "window_end")
            )
        };
        let statements = match way {
            0 => format!(
                "CREATE VIEW kept AS {rows}; CREATE VIEW counts AS {}; INSERT INTO k {};",
                counts("kept"),
                outer("counts")
            ),
            1 => format!(
                "INSERT INTO k WITH kept AS ({rows}), counts AS ({}) {};",
                counts("kept"),
                outer("counts")
            ),
            _ => format!(
                "CREATE VIEW counts AS WITH kept AS ({rows}) {}; CREATE VIEW every AS SELECT total, events, model, window_end FROM \
                 counts; CREATE VIEW o AS {}; INSERT INTO k SELECT * FROM o;",
                counts("kept"),
                outer("every")
            ),
        };
        program(*delay, &statements)
    }

    fn write(&self, folder: &Path) -> Vec<String> {
        let event = |Event { time, model, value }: &Event| (*time, *model, *value);
        write_partitions(folder, self.partitions.iter().map(|events| events.iter().map(event).collect()))
    }

    /// The rows of the inner windows: by end and model the number of events and their sum.
    fn inner_rows(&self) -> BTreeMap<(i64, &'static str), (i64, i64)> {
        let mut rows: BTreeMap<(i64, &'static str), (i64, i64)> = BTreeMap::new();
        for events in &self.partitions {
            let mut watermark = i64::MIN;
            for event in events {
                for end in self.inner.ends(2 * event.time) {
                    if end > watermark && event.value >= self.least_value {
                        let row = rows.entry((end, event.model)).or_default();
                        *row = (row.0 + 1, row.1 + event.value);
                    }
                }
                watermark = watermark.max(event.time - self.delay);
            }
        }
        rows.retain(|_, row| row.0 >= self.least_events.max(1));
        rows
    }

    /// The rows that must come, in order.
    fn expected(&self) -> Vec<Value> {
        let mut windows: BTreeMap<(i64, &str), Vec<(i64, i64)>> = BTreeMap::new();
        for ((end, model), row) in self.inner_rows() {
            // The last instant of a window is before its end.
            for outer in self.outer.ends(2 * end - 1) {
                windows.entry((outer, if self.by_model { model } else { "" })).or_default().push(row);
            }
        }
        let mut rows: Vec<(i64, i64, i64, &str, Value)> = Vec::new();
        for ((end, model), inner) in windows {
            let (start, count) = (end - self.outer.size, inner.len() as i64);
            let (events, total) =
                (inner.iter().map(|row| row.0).sum::<i64>(), inner.iter().map(|row| row.1).max().unwrap());
            let mean = inner.iter().map(|row| row.1).sum::<i64>() as f64 / count as f64;
            let (start, shown) = (time(start), time(end));
            let mut row = json!({"window_start": start, "window_end": shown, "rows": count, "events": events, "total": total, "mean": mean});
            if self.by_model {
                row["model"] = json!(model);
            }
            rows.push((end, total, count, model, row));
        }
        if let Some(limit) = self.limit {
            rows.sort_by_key(|&(end, total, count, model, _)| (end, -total, count, model.as_bytes()));
            let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
            rows.retain(|row| {
                let count = counts.entry(row.0).or_default();
                *count += 1;
                *count <= limit
            });
        }
        rows.into_iter().map(|(.., row)| row).collect()
    }
}

fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let date = match days {
        0 => "1970-01-01",
        -1 => "1969-12-31",
        days => panic!("day {days} is not drawn"),
    };
    format!("{date}T{:02}:{:02}:{:02}.000Z", second / 3600, second / 60 % 60, second % 60)
}

fn rows(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default();
    text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
}

fn compare(case: &Case, found: &[Value], what: &str) {
    let expected = case.expected();
    let is_same = |(found, expected): (&Value, &Value)| {
        let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
        found.len() == expected.len()
            && found.iter().all(|(name, value)| match (value.as_f64(), expected.get(name)) {
                (Some(found), Some(other)) => (found - other.as_f64().unwrap_or(f64::NAN)).abs() <= 1e-9,
                (None, other) => other == Some(value),
                (Some(_), None) => false,
            })
    };
    let first_wrong = found.iter().zip(&expected).position(|pair| !is_same(pair));
    assert!(
        first_wrong.is_none() && found.len() == expected.len(),
        "{what}: row {first_wrong:?} of {} and {}: {:?}, expected {:?}\n{case:#?}\n{}",
        found.len(),
        expected.len(),
        found.get(first_wrong.unwrap_or(expected.len().min(found.len()))),
        expected.get(first_wrong.unwrap_or(found.len().min(expected.len()))),
        case.sql(0),
    );
}

#[test]
fn windows_over_views_have_the_rows_of_a_plain_program() {
    let seed = std::env::var("STREAMGAUGE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(12);
    let count =
        std::env::var("STREAMGAUGE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(90_u64);
    println!("seed {seed}, {count} cases");
    let (mut draw, mut all) = (Draw(seed), 0);
    for number in 0..count {
        let case = Case::draw(&mut draw);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), case.sql(number % 3)).unwrap();
        let arguments = case.write(folder.path());
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if number % 4 == 1 {
            // Windows wait for room on every level.
            arguments.extend(["--state", "state", "--limit", "outbox_rows=1"]);
        }
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "case {number}: {said}\n{}", case.sql(number % 3));
        let found = rows(folder.path());
        all += found.len();
        compare(&case, &found, &format!("case {number}, way {}", number % 3));
    }
    assert!(all > 500, "{all} rows were compared");
}

/// Events are given to the process by standard input, and it is killed after each part, where it stands.
#[test]
fn windows_over_views_go_on_where_a_killed_run_left() {
    let mut draw = Draw(5);
    for number in 0..4 {
        let mut case = Case::draw(&mut draw);
        let events = case.partitions.concat();
        case.partitions = vec![events.iter().cycle().take(120).copied().collect()];
        // Times of one partition that go on.
        let mut now = 0;
        for event in &mut case.partitions[0] {
            now += draw.one_of(&[0, 1, 1, 2, 9]);
            event.time = (now - draw.seconds(4)).max(0);
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), case.sql(number % 3)).unwrap();
        case.write(folder.path());
        let text = fs::read_to_string(folder.path().join("0.jsonl")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for upto in [30, 61, 90] {
            kill_after(folder.path(), &lines[..upto]);
        }
        let arguments = ["--input", "s=0.jsonl", "--state", "state"];
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "case {number}: {said}");
        compare(&case, &rows(folder.path()), &format!("case {number}"));
    }
}

/// Gives the lines to a run and kills it when it has written a checkpoint behind them: no other one follows, since nothing more comes.
pub(crate) fn kill_after(folder: &Path, lines: &[&str]) {
    let before = checkpoints(folder);
    let mut child = run(folder, &["--input", "s=-", "--state", "state", "--checkpoint-interval", "5ms"])
        .stdin(Stdio::piped())
        .stderr(fs::File::create(folder.join("said")).unwrap())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    let since = Stopwatch::start();
    let (mut newest, mut last) = (checkpoints(folder), Stopwatch::start());
    while newest == before || last.elapsed() < Duration::from_millis(300) {
        assert_eq!(child.try_wait().unwrap(), None, "{}", fs::read_to_string(folder.join("said")).unwrap());
        assert!(since.elapsed() < Duration::from_secs(30), "no checkpoint is written");
        let found = checkpoints(folder);
        if found != newest {
            (newest, last) = (found, Stopwatch::start());
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The number of the newest checkpoint of any query; 0 where there is none.
fn checkpoints(folder: &Path) -> u64 {
    let folders = fs::read_dir(folder.join("state")).into_iter().flatten().flatten();
    let files = folders.flat_map(|query| fs::read_dir(query.path()).into_iter().flatten().flatten());
    let numbers =
        files.filter_map(|file| file.file_name().to_str()?.strip_prefix("checkpoint-")?.parse().ok());
    numbers.max().unwrap_or(0)
}

/// What windows over a view are is known by all that is before them: that must not double with each view.
#[test]
fn a_long_chain_of_windows_over_views_starts_at_once() {
    const VIEWS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let mut sql = "CREATE SOURCE s (v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 's.jsonl');
        CREATE VIEW v0 AS SELECT window_end, sum(v) AS v FROM TUMBLE(s, ts, INTERVAL '1' SECOND) GROUP BY window_end;\n"
        .to_owned();
    for view in 1..=VIEWS {
        let before = view - 1;
        let windows = format!("TUMBLE(v{before}, window_end, INTERVAL '1' SECOND)");
        writeln!(
            sql,
            "CREATE VIEW v{view} AS SELECT window_end, sum(v + v) AS v FROM {windows} GROUP BY window_end HAVING sum(v) + sum(v) > 0;"
        )
        .unwrap();
    }
    writeln!(sql, "SELECT * FROM v{VIEWS};").unwrap();
    fs::write(folder.path().join("query.sql"), sql).unwrap();
    fs::write(folder.path().join("s.jsonl"), "{\"v\": 1, \"ts\": \"1970-01-01T00:00:00Z\"}\n").unwrap();
    let since = Stopwatch::start();
    let (exit, rows, said) = outcome(&mut run(folder.path(), &[]));
    assert_eq!(exit, 0, "{said}");
    // Each view has the window of the last instant of the window before, which is the same one.
    let expected = json!({ "window_end": "1970-01-01T00:00:01.000Z", "v": 2_f64.powi(VIEWS as i32) });
    assert_eq!(serde_json::from_str::<Value>(&rows).unwrap(), expected);
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}
