//! Grouping sets and aggregates of a whole input against a program that keeps all events and groups them once for each set.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use serde_json::{Value, json};

use crate::{outcome, over_views::Draw, streamgauge};

/// A column that may be NULL, which is last.
type Text = (bool, &'static str);

struct Event {
    second: i64,
    model: Text,
    tier: Text,
    ms: i64,
}

/// How GROUP BY is written, and the set numbers of its sets: bit 0 leaves model out, bit 1 tier.
const GROUPINGS: [(&str, &[i64]); 7] = [
    ("ROLLUP (model, tier)", &[0, 2, 3]),
    ("CUBE (model, tier)", &[0, 2, 1, 3]),
    ("GROUPING SETS ((model, tier), tier, ())", &[0, 1, 3]),
    ("GROUPING SETS (ROLLUP ((model, tier)), (model))", &[0, 3, 2]),
    ("model, ROLLUP (tier)", &[0, 2]),
    ("GROUPING SETS ((model), (tier))", &[2, 1]),
    ("model, tier", &[0]),
];

fn events(draw: &mut Draw) -> Vec<Event> {
    let text = |draw: &mut Draw| draw.one_of(&[(false, "a"), (false, ""), (false, "日本"), (true, "")]);
    (0..200)
        .map(|at| Event {
            second: at - draw.seconds(4),
            model: text(draw),
            tier: text(draw),
            ms: draw.seconds(1000) - 500,
        })
        .collect()
}

/// The rows in their order: window, model and tier with NULL last, set.
fn expected(events: &[Event], window: Option<i64>, sets: &[i64]) -> Vec<Value> {
    let mut groups: BTreeMap<(i64, Text, Text, i64), (i64, i64)> = BTreeMap::new();
    for event in events {
        for &set in sets {
            let kept = |bit: i64, text: Text| if set & bit == 0 { text } else { (true, "") };
            let window = window.map_or(0, |size| event.second.div_euclid(size));
            let group = groups.entry((window, kept(1, event.model), kept(2, event.tier), set)).or_default();
            *group = (group.0 + 1, group.1 + event.ms);
        }
    }
    let shown = |(is_null, text): Text| if is_null { Value::Null } else { json!(text) };
    let row = |((_, model, tier, set), (n, ms)): ((i64, Text, Text, i64), (i64, i64))| {
        // grouping(model, tier): the last argument's bit is the lowest.
        json!({"model": shown(model), "tier": shown(tier), "n": n, "ms": ms, "sets": (set & 1) << 1 | set >> 1})
    };
    groups.into_iter().map(row).collect()
}

#[test]
fn grouping_sets_and_whole_inputs_are_what_a_simple_program_computes() {
    for seed in 0..4 {
        let mut draw = Draw(seed);
        let events = events(&mut draw);
        let folder = tempfile::tempdir().unwrap();
        let mut lines = String::new();
        for Event { second, model, tier, ms } in &events {
            let of = |text: &Text| if text.0 { Value::Null } else { json!(text.1) };
            let line = json!({"second": 1_000_000 + second, "model": of(model), "tier": of(tier), "ms": ms});
            writeln!(lines, "{line}").unwrap();
        }
        fs::write(folder.path().join("events.jsonl"), lines).unwrap();
        let source = "CREATE SOURCE s (model TEXT, tier TEXT, ms BIGINT, second TIMESTAMP FORMAT 'unix_s', \
                      WATERMARK FOR second AS second - INTERVAL '5' SECOND) \
                      WITH (connector = 'kafka', brokers = 'nowhere:9092', topic = 's', format = 'json');\n";
        for (written, sets) in GROUPINGS {
            for window in [None, Some(50)] {
                let from = window.map_or_else(
                    || "s".to_owned(),
                    |size| format!("TUMBLE(s, second, INTERVAL '{size}' SECOND)"),
                );
                let query = format!(
                    "{source}SELECT model, tier, count(*) AS n, sum(ms) AS ms, grouping(model, tier) AS sets FROM {from} GROUP BY {written};"
                );
                fs::write(folder.path().join("query.sql"), &query).unwrap();
                let mut command = streamgauge();
                command.current_dir(&folder).args(["run", "query.sql", "--input", "s=events.jsonl", "-q"]);
                let (status, rows, told) = outcome(&mut command);
                assert_eq!(status, 0, "{query}\n{told}");
                let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
                assert_eq!(rows, expected(&events, window, sets), "seed {seed}: {query}");
            }
        }
    }
}
