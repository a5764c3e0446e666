//! Aggregates over windows that overlap, so that states are merged, against a program that computes each window from its events.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Stdio,
};

use serde_json::{Map, Value, json};

use crate::{outcome, streamgauge};

const SLIDE: i64 = 10;
const SIZE: i64 = 30;
/// How much a number may differ from that of this program.
const TOLERANCE: f64 = 1e-9;

/// An event, with NULLs.
struct Event {
    second: i64,
    group: &'static str,
    v: Option<f64>,
    n: Option<i64>,
    b: Option<bool>,
    t: Option<&'static str>,
}

/// Events in the order of a file: times go back by up to 4 seconds, and many are equal.
fn events() -> Vec<Event> {
    let mut seed = 7_u64;
    let mut below = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    let one = |number: i64| Event {
        second: (number / 6 - below(5) as i64).max(0),
        group: ["a", "b", "c"][below(3) as usize],
        v: (below(8) > 0).then(|| (below(400) as f64 - 200.0) / 8.0),
        n: (below(8) > 0).then(|| below(12) as i64 - 3),
        b: (below(4) > 0).then(|| below(5) > 0),
        t: (below(6) > 0).then(|| ["red", "green", "blue", "é", ""][below(5) as usize]),
    };
    (0..1500).map(one).collect()
}

fn time(second: i64) -> String {
    format!("2026-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60)
}

/// The rows of a SELECT list, by window and group.
fn rows(select: &str) -> BTreeMap<(String, String), Map<String, Value>> {
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "CREATE SOURCE s (g TEXT, v DOUBLE, n BIGINT, b BOOLEAN, t TEXT, ts TIMESTAMP,
           WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
         WITH (connector = 'file', path = 'events.jsonl', format = 'json');
         SELECT window_end, g, {select}
         FROM HOP(s, ts, INTERVAL '{SLIDE}' SECOND, INTERVAL '{SIZE}' SECOND) GROUP BY window_end, g;"
    );
    let line = |event: &Event| {
        let Event { group, v, n, b, t, second } = event;
        format!("{}\n", json!({"g": group, "v": v, "n": n, "b": b, "t": t, "ts": time(*second)}))
    };
    fs::write(folder.path().join("q.sql"), program).unwrap();
    fs::write(folder.path().join("events.jsonl"), events().iter().map(line).collect::<String>()).unwrap();
    let run = &mut streamgauge();
    let (exit, out, said) =
        outcome(run.current_dir(folder.path()).args(["run", "q.sql"]).stdin(Stdio::null()));
    assert_eq!(exit, 0, "{said}");
    let row = |line: &str| {
        let mut row: Map<String, Value> = serde_json::from_str(line).unwrap();
        let mut text = |name: &str| row.remove(name).unwrap().as_str().unwrap().to_owned();
        ((text("window_end"), text("g")), row)
    };
    out.lines().map(row).collect()
}

/// Compares the rows of a SELECT list with what a function makes of the events of each window and group.
fn check(select: &str, expected: impl Fn(&[&Event]) -> Value) {
    let mut rows = rows(select);
    let events = events();
    let last = events.iter().map(|event| event.second).max().unwrap();
    let mut compared = 0;
    for end in (SLIDE..=last + SIZE).step_by(SLIDE as usize) {
        for group in ["a", "b", "c"] {
            let of = |event: &&Event| (end - SIZE..end).contains(&event.second) && event.group == group;
            let found: Vec<&Event> = events.iter().filter(of).collect();
            if found.is_empty() {
                continue;
            }
            let row = rows.remove(&(time(end), group.to_owned())).unwrap();
            let due = expected(&found);
            for (name, due) in due.as_object().unwrap() {
                let came = &row[name];
                assert!(near(due, came), "{name} of {group} at {end}: {came}, not {due}");
                compared += 1;
            }
            assert_eq!(row.len(), due.as_object().unwrap().len());
        }
    }
    assert!(compared > 200, "{compared} values");
    assert!(rows.is_empty(), "{rows:?}");
}

fn near(due: &Value, came: &Value) -> bool {
    match (due.as_f64(), came.as_f64()) {
        (Some(due), Some(came)) => (due - came).abs() <= TOLERANCE * due.abs().max(1.0),
        _ => due == came,
    }
}

/// The values of a column that are not NULL, with their events.
fn of<'a, T>(events: &[&'a Event], column: impl Fn(&Event) -> Option<T>) -> Vec<(&'a Event, T)> {
    events.iter().filter_map(|&event| Some((event, column(event)?))).collect()
}

/// The same in the order of their values.
fn sorted(events: &[&Event]) -> Vec<f64> {
    let mut values: Vec<f64> = of(events, |event| event.v).into_iter().map(|(_, value)| value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// As PostgreSQL defines it.
fn continuous(values: &[f64], share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    Some(below + (above - below) * (place - place.floor()))
}

#[test]
fn picked_values_are_those_of_the_events() {
    check(
        "first(v) AS fv, last(v) AS lv, first_value(t) AS ft, last_value(t) AS lt, last(b) AS lb, first(n) AS fn,
         last(ts) AS lts, arg_min(t, v) AS tmin, max_by(t, n) AS tmax, arg_max(v, ts) AS vmax, min_by(n, v) FILTER (WHERE b) AS nmin",
        |events| {
            let by_time = |a: &(&Event, f64), b: &(&Event, f64)| {
                a.0.second.cmp(&b.0.second).then(a.1.total_cmp(&b.1))
            };
            let doubles = of(events, |event| event.v);
            let texts = of(events, |event| event.t);
            let at = |a: &(&Event, &str), b: &(&Event, &str)| (a.0.second, a.1).cmp(&(b.0.second, b.1));
            let flags = of(events, |event| event.b);
            let numbers = of(events, |event| event.n);
            let by_v = of(events, |event| Some((event.v?, event.t?)));
            let by_n = of(events, |event| Some((event.n?, event.t?)));
            let filtered = of(events, |event| event.b.filter(|&b| b).and(Some((event.v?, event.n?))));
            let doubles_then = |a: f64, b: f64, then: Ordering| a.total_cmp(&b).then(then);
            json!({
                "fv": doubles.iter().min_by(|a, b| by_time(a, b)).map(|it| it.1),
                "lv": doubles.iter().max_by(|a, b| by_time(a, b)).map(|it| it.1),
                "ft": texts.iter().min_by(|a, b| at(a, b)).map(|it| it.1),
                "lt": texts.iter().max_by(|a, b| at(a, b)).map(|it| it.1),
                "lb": flags.iter().max_by_key(|it| (it.0.second, it.1)).map(|it| it.1),
                "fn": numbers.iter().min_by_key(|it| (it.0.second, it.1)).map(|it| it.1),
                "lts": events.iter().map(|event| event.second).max().map(time),
                "tmin": by_v.iter().min_by(|a, b| doubles_then(a.1.0, b.1.0, a.1.1.cmp(b.1.1))).map(|it| it.1.1),
                "tmax": by_n.iter().max_by_key(|it| it.1).map(|it| it.1.1),
                "vmax": doubles.iter().max_by(|a, b| by_time(a, b)).map(|it| it.1),
                "nmin": filtered.iter().min_by(|a, b| doubles_then(a.1.0, b.1.0, a.1.1.cmp(&b.1.1))).map(|it| it.1.1),
            })
        },
    );
}

#[test]
fn flags_are_combined() {
    check(
        "bool_and(b) AS conj, bool_or(b) AS disj, every(b) AS every, bool_and(v > 0) AS positive, bool_or(b) FILTER (WHERE n = 99) AS none",
        |events| {
            let flags: Vec<bool> = events.iter().filter_map(|event| event.b).collect();
            let signs: Vec<bool> = events.iter().filter_map(|event| Some(event.v? > 0.0)).collect();
            let all = |flags: &[bool]| (!flags.is_empty()).then(|| flags.iter().all(|&flag| flag));
            json!({
                "conj": all(&flags),
                "every": all(&flags),
                "disj": (!flags.is_empty()).then(|| flags.contains(&true)),
                "positive": all(&signs),
                "none": null,
            })
        },
    );
}

#[test]
fn exact_percentiles_are_those_of_all_values() {
    check(
        "percentile_cont(0.9) WITHIN GROUP (ORDER BY v) AS cont, median(v) AS med, quantile_cont(v, 0.25) AS q,
         percentile_disc(0.9) WITHIN GROUP (ORDER BY v) AS disc, quantile_disc(n, 0.5) AS n, median(n) AS nm,
         percentile_disc(1) WITHIN GROUP (ORDER BY ts) AS ts",
        |events| {
            let values = sorted(events);
            let mut numbers: Vec<i64> = events.iter().filter_map(|event| event.n).collect();
            numbers.sort_unstable();
            let rank = |tenths: usize, count: usize| (tenths * count).div_ceil(10).max(1) - 1;
            let doubles: Vec<f64> = numbers.iter().map(|&number| number as f64).collect();
            json!({
                "cont": continuous(&values, 0.9),
                "med": continuous(&values, 0.5),
                "q": continuous(&values, 0.25),
                "disc": values.get(rank(9, values.len())),
                "n": numbers.get(rank(5, numbers.len())),
                "nm": continuous(&doubles, 0.5),
                "ts": events.iter().map(|event| event.second).max().map(time),
            })
        },
    );
}

#[test]
fn different_values_are_counted_once() {
    check(
        "count(DISTINCT t) AS t, count(DISTINCT v) AS v, count(DISTINCT n) FILTER (WHERE b) AS n, count(DISTINCT b) AS b,
         count(DISTINCT ts) AS ts, approx_count_distinct(t) AS at, approx_distinct(v) AS av, min(DISTINCT v) AS low",
        |events| {
            let sorted = sorted(events);
            let mut values = sorted.clone();
            values.dedup();
            let count = |values: Vec<String>| values.into_iter().collect::<BTreeSet<_>>().len();
            let texts = count(events.iter().filter_map(|event| event.t.map(str::to_owned)).collect());
            json!({
                "t": texts,
                "at": texts,
                "v": values.len(),
                "av": values.len(),
                "n": events.iter().filter(|event| event.b == Some(true)).filter_map(|event| event.n).collect::<BTreeSet<_>>().len(),
                "b": events.iter().filter_map(|event| event.b).collect::<BTreeSet<_>>().len(),
                "ts": events.iter().map(|event| event.second).collect::<BTreeSet<_>>().len(),
                "low": sorted.first(),
            })
        },
    );
}

#[test]
fn statistics_of_two_columns_are_those_of_their_definitions() {
    check("corr(v, n) AS corr, regr_slope(v, n) AS slope, mad(v) AS mad", |events| {
        let pairs = of(events, |event| Some((event.v?, event.n? as f64)));
        let count = pairs.len() as f64;
        let mean = |of: &dyn Fn((f64, f64)) -> f64| pairs.iter().map(|it| of(it.1)).sum::<f64>() / count;
        let (mean_v, mean_n) = (mean(&|it| it.0), mean(&|it| it.1));
        let covariance = mean(&|it| (it.0 - mean_v) * (it.1 - mean_n));
        let (of_v, of_n) = (mean(&|it| (it.0 - mean_v).powi(2)), mean(&|it| (it.1 - mean_n).powi(2)));
        let values = sorted(events);
        let mut distances: Vec<f64> = continuous(&values, 0.5)
            .map(|median| values.iter().map(|v| (v - median).abs()).collect())
            .unwrap_or_default();
        distances.sort_by(f64::total_cmp);
        json!({
            "corr": (of_v > 0.0 && of_n > 0.0).then(|| covariance / (of_v * of_n).sqrt()),
            "slope": (of_n > 0.0).then(|| covariance / of_n),
            "mad": continuous(&distances, 0.5),
        })
    });
}

#[test]
fn event_times_weigh_order_and_count() {
    check(
        "ewma(v, INTERVAL '8' SECOND) AS short, ewma(v, 60) AS long, rate(n + 3) AS rate, string_agg(t, ' | ') AS texts",
        |events| {
            let values = of(events, |event| event.v);
            let mean = |half_life: f64| {
                let weight = |event: &Event| 2.0_f64.powf(event.second as f64 / half_life);
                let weights: f64 = values.iter().map(|(event, _)| weight(event)).sum();
                (!values.is_empty())
                    .then(|| values.iter().map(|(event, v)| v * weight(event)).sum::<f64>() / weights)
            };
            let mut samples: Vec<(i64, i64)> =
                of(events, |event| event.n).iter().map(|it| (it.0.second, it.1 + 3)).collect();
            samples.sort_unstable();
            let rises = samples.windows(2).map(|pair| match pair[1].1 - pair[0].1 {
                rise @ 0.. => rise,
                _ => pair[1].1,
            });
            let rise: i64 = rises.sum();
            let seconds = samples.last().zip(samples.first()).map_or(0, |(last, first)| last.0 - first.0);
            let mut texts: Vec<(i64, &str)> =
                of(events, |event| event.t).iter().map(|it| (it.0.second, it.1)).collect();
            texts.sort_unstable();
            let texts: Vec<&str> = texts.into_iter().map(|it| it.1).collect();
            json!({
                "short": mean(8.0),
                "long": mean(60.0),
                "rate": (seconds > 0).then(|| rise as f64 / seconds as f64),
                "texts": (!texts.is_empty()).then(|| texts.join(" | ")),
            })
        },
    );
}

#[test]
fn results_of_several_parts_are_json() {
    check("top_k(t, 2) AS t, top_k(n, 3) AS n, histogram(v, '-10, 0, 2.5') AS h", |events| {
        fn most<T: Ord + Clone + Into<Value>>(values: impl Iterator<Item = T>, k: usize) -> Option<String> {
            let mut counts: BTreeMap<T, i64> = BTreeMap::new();
            values.for_each(|value| *counts.entry(value).or_default() += 1);
            let mut pairs: Vec<(T, i64)> = counts.into_iter().collect();
            pairs.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            let text = |(value, count): &(T, i64)| {
                let value: Value = value.clone().into();
                format!("{{\"value\":{value},\"count\":{count}}}")
            };
            (!pairs.is_empty())
                .then(|| format!("[{}]", pairs.iter().take(k).map(text).collect::<Vec<_>>().join(",")))
        }
        let values = sorted(events);
        let up_to = |bound: f64| values.iter().filter(|&&v| v <= bound).count();
        // Eighths add exactly.
        let (count, sum) = (values.len(), values.iter().sum::<f64>() + 0.0);
        json!({
            "t": most(events.iter().filter_map(|event| event.t), 2),
            "n": most(events.iter().filter_map(|event| event.n), 3),
            "h": (count > 0).then(|| format!(
                "{{\"count\":{count},\"sum\":{sum:?},\"buckets\":{{\"-10\":{},\"0\":{},\"2.5\":{},\"+Inf\":{count}}}}}",
                up_to(-10.0), up_to(0.0), up_to(2.5)
            )),
        })
    });
}
