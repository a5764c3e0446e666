//! Windows of every kind, over a source and over a view, against a program that keeps all events and takes each definition
//! literally. It knows nothing of slices, cells or watermarks of sources.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    kept::run,
    outcome,
    over_views::{Draw, kill_after, program, write_partitions},
};

/// Times are half seconds, so that the moment before a second can be said.
#[derive(Clone, Debug)]
struct Event {
    time: i64,
    model: &'static str,
    events: i64,
    total: i64,
}

/// In seconds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Tumble { size: i64, offset: i64 },
    Hop { slide: i64, size: i64, offset: i64 },
    Cumulate { step: i64, size: i64, offset: i64 },
    Session { gap: i64, max_length: i64 },
}

/// By end, start and model: the number of events and their sum.
type Rows = BTreeMap<(i64, i64, &'static str), (i64, i64)>;

impl Kind {
    fn draw(draw: &mut Draw) -> Self {
        let offset = draw.one_of(&[0, 0, 1, 3, -2, 100]);
        let (step, times) = (draw.one_of(&[1, 2, 3, 5]), 1 + draw.seconds(5));
        match draw.below(6) {
            0 => Self::Tumble { size: step * times, offset },
            1 => Self::Hop { slide: step, size: step * times + draw.one_of(&[0, 1]), offset },
            2 | 3 => Self::Cumulate { step, size: step * times, offset },
            _ => {
                let gap = draw.one_of(&[1, 2, 4, 9]);
                Self::Session { gap, max_length: gap + draw.one_of(&[0, 1, 5, 20, 10_000]) }
            }
        }
    }

    fn sql(self, of: &str, time: &str) -> String {
        let with = |offset: i64| match offset {
            0 => String::new(),
            offset => format!(", offset => INTERVAL '{offset}' SECOND"),
        };
        let second = |seconds: i64| format!("INTERVAL '{seconds}' SECOND");
        match self {
            Self::Tumble { size, offset } => {
                format!("TUMBLE({of}, {time}, {}{})", second(size), with(offset))
            }
            Self::Hop { slide, size, offset } => {
                format!("HOP({of}, {time}, {}, {}{})", second(slide), second(size), with(offset))
            }
            Self::Cumulate { step, size, offset } => format!(
                "TABLE(CUMULATE(TABLE {of}, DESCRIPTOR({time}), {}, {}{}))",
                second(step),
                second(size),
                if offset == 0 { String::new() } else { format!(", {}", second(offset)) }
            ),
            Self::Session { gap, max_length } => {
                format!("SESSION({of}, {time}, {}, max_length => {})", second(gap), second(max_length))
            }
        }
    }

    /// The aligned windows that have a moment in them, as start and end.
    fn covering(self, time: i64) -> Vec<(i64, i64)> {
        let starts = |every: i64, offset: i64, longest: i64| {
            let newest = (time - 2 * offset).div_euclid(2 * every) * 2 * every + 2 * offset;
            (0..=longest / every).map(move |back| newest - back * 2 * every)
        };
        let windows: Vec<(i64, i64)> = match self {
            Self::Tumble { size, offset } => {
                starts(size, offset, 0).map(|start| (start, start + 2 * size)).collect()
            }
            Self::Hop { slide, size, offset } => {
                starts(slide, offset, size).map(|start| (start, start + 2 * size)).collect()
            }
            Self::Cumulate { step, size, offset } => starts(size, offset, 0)
                .flat_map(|start| (1..=size / step).map(move |steps| (start, start + 2 * steps * step)))
                .collect(),
            Self::Session { .. } => panic!("sessions follow from all events"),
        };
        windows.into_iter().filter(|(start, end)| *start <= time && time < *end).collect()
    }

    /// The rows of all windows, given a delay of the watermark; none = nothing is late.
    fn rows(self, partitions: &[Vec<Event>], delay: Option<i64>, by_model: bool) -> Rows {
        let (mut rows, mut in_time) = (Rows::new(), Vec::new());
        for events in partitions {
            let mut watermark = i64::MIN;
            for event in events {
                let model = if by_model { event.model } else { "" };
                let event = Event { model, ..event.clone() };
                if let Self::Session { .. } = self {
                    if event.time >= watermark {
                        in_time.push(event.clone());
                    }
                } else {
                    for (start, end) in self.covering(event.time) {
                        if end > watermark {
                            let row = rows.entry((end, start, model)).or_default();
                            *row = (row.0 + event.events, row.1 + event.total);
                        }
                    }
                }
                watermark = watermark.max(delay.map_or(i64::MIN, |delay| event.time - 2 * delay));
            }
        }
        if let Self::Session { gap, max_length } = self {
            rows.extend(sessions(in_time, 2 * gap, 2 * max_length));
        }
        rows
    }
}

fn sessions(mut events: Vec<Event>, gap: i64, max_length: i64) -> Rows {
    events.sort_by_key(|event| (event.model, event.time));
    let mut rows = Rows::new();
    for of_model in events.chunk_by(|left, right| left.model == right.model) {
        for chain in of_model.chunk_by(|left, right| right.time - left.time < gap) {
            let piece = |event: &Event| (event.time - chain[0].time) / max_length;
            for session in chain.chunk_by(|left, right| piece(left) == piece(right)) {
                let (first, last) = (&session[0], &session[session.len() - 1]);
                let sum = |value: fn(&Event) -> i64| session.iter().map(value).sum::<i64>();
                let row = (sum(|event| event.events), sum(|event| event.total));
                rows.insert((last.time + gap, first.time, first.model), row);
            }
        }
    }
    rows
}

/// What is asked: windows over a source, or over such a view.
#[derive(Clone, Debug)]
struct Case {
    delay: i64,
    inner: Kind,
    outer: Option<Kind>,
    by_model: bool,
    partitions: Vec<Vec<Event>>,
}

const MODELS: [&str; 4] = ["gpt", "llama", "mistral", "ü"];

impl Case {
    fn draw(draw: &mut Draw) -> Self {
        let partitions = (0..1 + draw.below(3)).map(|_| {
            let mut now = 200 + draw.seconds(20);
            let events = (0..draw.below(70)).map(|_| {
                now += draw.one_of(&[0, 0, 1, 1, 2, 5, 40]);
                let time = 2 * (now - draw.seconds(8));
                Event { time, model: draw.one_of(&MODELS), events: 1, total: draw.seconds(100) - 20 }
            });
            events.collect()
        });
        let partitions = partitions.collect();
        Self {
            partitions,
            delay: draw.seconds(6),
            inner: Kind::draw(draw),
            outer: (draw.below(2) == 0).then(|| Kind::draw(draw)),
            by_model: draw.below(3) > 0,
        }
    }

    fn sql(&self) -> String {
        let Self { delay, inner, outer, by_model, .. } = self;
        let select = |events: &str, total: &str, by_model: bool, from: String| {
            let model = if by_model { ", model" } else { "" };
            format!(
                "SELECT window_start, window_end{model}, {events} AS events, {total} AS total FROM {from} \
                 GROUP BY window_start, window_end{model}"
            )
        };
        let statements = match outer {
            None => format!(
                "INSERT INTO k {};",
                select("count(*)", "sum(value)", *by_model, inner.sql("s", "ts"))
            ),
            Some(outer) => format!(
                "CREATE VIEW v AS {};\nINSERT INTO k {};",
                select("count(*)", "sum(value)", true, inner.sql("s", "ts")),
                select("sum(events)", "sum(total)", *by_model, outer.sql("v", "window_end"))
            ),
        };
        program(*delay, &statements)
    }

    fn write(&self, folder: &Path) -> Vec<String> {
        let event = |event: &Event| (event.time / 2, event.model, event.total);
        write_partitions(folder, self.partitions.iter().map(|events| events.iter().map(event).collect()))
    }

    /// The lines that must come, in order.
    fn expected(&self) -> Vec<Value> {
        let Self { delay, inner, outer, by_model, .. } = self;
        let (rows, by_model) = match outer {
            None => (inner.rows(&self.partitions, Some(*delay), *by_model), *by_model),
            Some(outer) => {
                let of_view = inner.rows(&self.partitions, Some(*delay), true).into_iter();
                // A row is in the windows that have the last instant of its own.
                let of_view = of_view.map(|((end, _, model), (events, total))| Event {
                    time: end - 1,
                    model,
                    events,
                    total,
                });
                (outer.rows(&[of_view.collect()], None, *by_model), *by_model)
            }
        };
        let line = |((end, start, model), (events, total)): ((i64, i64, &str), (i64, i64))| {
            let mut line = json!({"window_start": time(start), "window_end": time(end), "events": events, "total": total});
            if by_model {
                line["model"] = json!(model);
            }
            line
        };
        rows.into_iter().map(line).collect()
    }
}

/// Half a second before a second stands for the microsecond before it.
fn time(half_seconds: i64) -> String {
    let (seconds, rest) = (half_seconds.div_euclid(2), half_seconds.rem_euclid(2));
    let milliseconds = if rest == 0 { 0 } else { 999 };
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    assert_eq!(days, 0, "no other day is drawn");
    format!("1970-01-01T{:02}:{:02}:{:02}.{milliseconds:03}Z", second / 3600, second / 60 % 60, second % 60)
}

fn compare(case: &Case, folder: &Path, what: &str) -> usize {
    let text = fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default();
    let found: Vec<Value> = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
    let expected = case.expected();
    let first_wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    let at = first_wrong.unwrap_or(found.len().min(expected.len()));
    assert!(
        found == expected,
        "{what}: row {first_wrong:?} of {} and {}: {:?}, expected {:?}\n{case:?}\n{}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at),
        case.sql(),
    );
    found.len()
}

#[test]
fn windows_have_the_rows_of_a_plain_program() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let (seed, count) =
        (number("STREAMGAUGE_SEED").unwrap_or(34), number("STREAMGAUGE_CASES").unwrap_or(120));
    println!("seed {seed}, {count} cases");
    let (mut draw, mut all) = (Draw(seed), 0);
    for number in 0..count {
        let case = Case::draw(&mut draw);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), case.sql()).unwrap();
        let arguments = case.write(folder.path());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "case {number}: {said}\n{}", case.sql());
        all += compare(&case, folder.path(), &format!("case {number}"));
    }
    assert!(all > 1_000, "{all} rows were compared");
}

/// Events are given to the process by standard input, and it is killed after each part, where it stands.
#[test]
fn windows_go_on_where_a_killed_run_left() {
    let mut draw = Draw(8);
    for number in 0..10 {
        let mut case = Case::draw(&mut draw);
        let mut now = 200;
        let event = |_| {
            now += draw.one_of(&[0, 1, 1, 2, 9]);
            let time = 2 * (now - draw.seconds(6));
            Event { time, model: draw.one_of(&MODELS), events: 1, total: draw.seconds(100) - 20 }
        };
        case.partitions = vec![(0..120).map(event).collect()];
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
        compare(&case, folder.path(), &format!("case {number}"));
    }
}
