//! What a meaning says in the words of SQL, and what is different in another one.

use std::collections::BTreeMap;

use streamgauge_engine::StateVersions;
use streamgauge_sql::types::Value;

use super::literal;

/// A meaning's lines, taken apart. What is stored is the text; this is for people alone.
#[derive(Default)]
struct Words {
    reads: String,
    /// By name: type and path.
    columns: BTreeMap<String, String>,
    time_format: String,
    numbers: String,
    delay: String,
    joins: String,
    filter: String,
    computes: String,
    window: String,
    time: String,
    keys: String,
    /// Each call, and the signature of its reducer.
    aggregates: Vec<(String, String)>,
}

/// What the query does, in a line.
pub(super) fn summary(text: &str) -> String {
    let words = Words::of(text);
    let clause = |name: &str, text: &str| match text {
        "" => String::new(),
        text => format!(" {name} {text}"),
    };
    let (filter, keys) = (clause("WHERE", &words.filter), clause("GROUP BY", &words.keys));
    let Words { reads, window, .. } = &words;
    match window.as_str() {
        "" => format!("rows of {reads}{filter}"),
        window => format!("{window} of {reads}{filter}{keys}: {}", words.calls()),
    }
}

/// What is wrong with a state's version, for one of the aggregate calls.
pub(super) fn unknown_version(text: &str, call: usize, found: u32, versions: &StateVersions) -> String {
    let words = Words::of(text);
    let call = words.aggregates.get(call).map_or("an aggregate call", |(call, _)| call.as_str());
    let StateVersions { written, restores } = versions;
    let restores: Vec<String> = restores.iter().map(u32::to_string).collect();
    let restores = match restores.is_empty() {
        true => "no others".to_owned(),
        false => format!("only {} beside them", restores.join(", ")),
    };
    format!(
        "the reducer of {call} changed: states of version {found} -> states of version {written}, and it restores {restores}"
    )
}

/// What is different, as `GROUP BY changed: model -> model, tier`, one change behind the other.
pub(super) fn difference(before: &str, now: &str) -> String {
    let (was, is) = (Words::of(before), Words::of(now));
    let mut changes = Vec::new();
    let mut compare = |what: &str, was: &str, is: &str| {
        let nothing = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        if was != is {
            changes.push(format!("{what} changed: {} -> {}", nothing(was), nothing(is)));
        }
    };
    compare("what it reads", &was.reads, &is.reads);
    for (name, now) in &is.columns {
        if let Some(before) = was.columns.get(name) {
            compare(&format!("column {name}"), before, now);
        }
    }
    compare("time_format", &was.time_format, &is.time_format);
    compare("numbers", &was.numbers, &is.numbers);
    compare("the watermark's delay", &was.delay, &is.delay);
    compare("JOIN", &was.joins, &is.joins);
    compare("WHERE", &was.filter, &is.filter);
    compare("the window", &was.window, &is.window);
    compare("the window's time", &was.time, &is.time);
    compare("GROUP BY", &was.keys, &is.keys);
    compare("aggregates", &was.calls(), &is.calls());
    if was.calls() == is.calls() {
        for ((call, before), (_, now)) in was.aggregates.iter().zip(&is.aggregates) {
            compare(&format!("the reducer of {call}"), before, now);
        }
    }
    // These follow from what is above, or they are all that there is.
    if changes.is_empty() {
        let mut compare = |what: &str, was: &str, is: &str| {
            if was != is {
                changes.push(format!("{what} changed: {was} -> {is}"));
            }
        };
        compare("the columns that it reads", &was.names(), &is.names());
        compare("computed columns", &was.computes, &is.computes);
    }
    match changes.is_empty() {
        true => "its lines have another order".to_owned(),
        false => changes.join("; "),
    }
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Self::default();
        for line in text.lines() {
            words.add(line);
        }
        words
    }

    fn add(&mut self, line: &str) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "reads" => rest.clone_into(&mut self.reads),
            "column" => {
                let (name, column) = column(rest);
                self.columns.insert(name, column);
            }
            "times" => {
                let (format, lenient) = rest.split_once(", lenient numbers ").unwrap_or((rest, "false"));
                self.time_format = format!("'{format}'");
                let numbers = if lenient == "true" { "'lenient'" } else { "'strict'" };
                numbers.clone_into(&mut self.numbers);
            }
            "watermark" => {
                let us = rest.split(' ').next().and_then(|us| us.parse().ok());
                self.delay = us.map_or_else(|| rest.to_owned(), span);
            }
            "joins" => also(&mut self.joins, ", ", rest),
            "where" => also(&mut self.filter, " AND ", rest),
            "computes" => also(&mut self.computes, ", ", rest),
            "windows" => (self.window, self.time) = window(rest),
            // `by KEY TYPE`: the type is the column's.
            "groups" => {
                let key = rest.strip_prefix("by ").unwrap_or(rest);
                also(&mut self.keys, ", ", key.rsplit_once(' ').map_or(key, |(name, _)| name));
            }
            "reduces" => self.aggregates.push(aggregate(rest)),
            // The second line of a text with a line end in it.
            _ => also(&mut self.filter, " ", line),
        }
    }

    fn calls(&self) -> String {
        self.aggregates.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn names(&self) -> String {
        self.columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

fn also(list: &mut String, between: &str, text: &str) {
    if !list.is_empty() {
        list.push_str(between);
    }
    list.push_str(text);
}

/// `NAME TYPE`, `NAME TYPE at PATH` or `NAME TIMESTAMP as FORMAT at PATH`.
fn column(rest: &str) -> (String, String) {
    let (declared, path) = match rest.rsplit_once(" at ") {
        Some((declared, path)) => (declared, format!(" PATH '{path}'")),
        None => (rest, String::new()),
    };
    let formatted = declared.rsplit_once(" as ").filter(|(before, _)| before.ends_with(" TIMESTAMP"));
    let (declared, format) = match formatted {
        Some((declared, format)) => (declared, format!(" FORMAT '{format}'")),
        None => (declared, String::new()),
    };
    let (name, data_type) = declared.rsplit_once(' ').unwrap_or((declared, ""));
    (name.to_owned(), format!("{data_type}{format}{path}"))
}

/// `of 300 s every 60 s on ts`, `up to 86400 s by 3600 s from 7200 s on ts`.
fn window(rest: &str) -> (String, String) {
    let parts = || {
        let (windows, time) = rest.split_once(" on ")?;
        let (windows, offset) = match windows.split_once(" from ") {
            Some((windows, offset)) => (windows, format!(" offset {}", span(micros(offset)?))),
            None => (windows, String::new()),
        };
        if let Some(sessions) = windows.strip_prefix("apart ") {
            let (gap, length) = sessions.split_once(" cut ")?;
            let sessions = format!("SESSION {}, max_length {}", span(micros(gap)?), span(micros(length)?));
            return Some((sessions, time.to_owned()));
        }
        let windows = match windows.strip_prefix("up to ") {
            Some(cumulating) => {
                let (size, step) = cumulating.split_once(" by ")?;
                format!("CUMULATE {} / {}", span(micros(step)?), span(micros(size)?))
            }
            None => {
                let (size, slide) = windows.strip_prefix("of ")?.split_once(" every ")?;
                match (micros(size)?, micros(slide)?) {
                    (size, slide) if size == slide => format!("TUMBLE {}", span(size)),
                    (size, slide) => format!("HOP {} / {}", span(slide), span(size)),
                }
            }
        };
        Some((format!("{windows}{offset}"), time.to_owned()))
    };
    parts().unwrap_or_else(|| (rest.to_owned(), String::new()))
}

/// `60 s` or `500 ms`.
fn micros(text: &str) -> Option<i64> {
    let (number, unit) = text.split_once(' ')?;
    number.parse::<i64>().ok()?.checked_mul(if unit == "ms" { 1000 } else { 1_000_000 })
}

/// As INTERVAL takes it: in the greatest unit that is whole.
fn span(micros: i64) -> String {
    const UNITS: [(i64, &str); 6] = [
        (86_400_000_000, "day"),
        (3_600_000_000, "hour"),
        (60_000_000, "minute"),
        (1_000_000, "second"),
        (1000, "millisecond"),
        (1, "microsecond"),
    ];
    let fits = |(unit, _): &&(i64, &str)| micros != 0 && micros % unit == 0;
    let (unit, name) = UNITS.iter().find(fits).copied().unwrap_or((1_000_000, "second"));
    let number = micros / unit;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// `percentile(ms) by signature 1 with [double 4057c00000000000]`: the call, and the signature of its reducer.
fn aggregate(rest: &str) -> (String, String) {
    let parts = || {
        // What is called may have any text in it, and so may a parameter.
        rest.match_indices(" by signature ").find_map(|(at, by)| {
            let (signature, parameters) = rest.get(at + by.len()..)?.split_once(" with [")?;
            let parameters = literal::read(parameters.strip_suffix(']')?)?;
            Some((rest.get(..at)?, signature, parameters))
        })
    };
    let Some((call, signature, parameters)) = parts() else {
        return (rest.to_owned(), String::new());
    };
    let parameters: Vec<String> = parameters.iter().map(literal_of).collect();
    let call = match call.strip_suffix(')') {
        _ if call == "count()" => "count(*)".to_owned(),
        Some(open) if !parameters.is_empty() => format!("{open}, {})", parameters.join(", ")),
        _ => call.to_owned(),
    };
    (call, format!("signature {signature}"))
}

/// As SQL writes it.
fn literal_of(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int64(value) | Value::Timestamp(value) => value.to_string(),
        Value::Float64(value) => value.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "reads llm\ncolumn ms DOUBLE at latency.ms\ncolumn model TEXT at model\ncolumn ts TIMESTAMP at ts\n\
        times rfc3339, lenient numbers false\nwatermark 5000000 us behind\nwhere ms > 0\n\
        windows of 300 s every 60 s on ts\ngroups by model TEXT\n\
        reduces avg(ms) by signature 1 with []\n\
        reduces percentile(ms) by signature 0 with [double 4057c00000000000]\n";

    /// A case is (old, new, message). With `old` in `BEFORE` replaced by `new`, the difference must contain the message.
    fn check(cases: &[(&str, &str, &str)]) {
        for (from, to, told) in cases {
            let difference = difference(BEFORE, &BEFORE.replacen(from, to, 1));
            assert!(difference.contains(told), "{difference}");
        }
    }

    #[test]
    fn each_kind_of_window_is_told_in_the_words_of_sql() {
        check(&[
            (
                "of 300 s every 60 s",
                "of 120 s every 120 s",
                "the window changed: HOP 1 minute / 5 minutes -> TUMBLE 2 minutes",
            ),
            (
                "of 300 s every 60 s",
                "of 300 s every 60 s from 30 s",
                "the window changed: HOP 1 minute / 5 minutes -> HOP 1 minute / 5 minutes offset 30 seconds",
            ),
            (
                "of 300 s every 60 s",
                "up to 86400 s by 3600 s from 500 ms",
                "the window changed: HOP 1 minute / 5 minutes -> CUMULATE 1 hour / 1 day offset 500 milliseconds",
            ),
            (
                "of 300 s every 60 s",
                "apart 1800 s cut 86400 s",
                "the window changed: HOP 1 minute / 5 minutes -> SESSION 30 minutes, max_length 1 day",
            ),
        ]);
    }

    #[test]
    fn each_kind_of_change_is_told_in_the_words_of_sql() {
        let cases = [
            ("reads llm\n", "reads other\n", "what it reads changed: llm -> other"),
            (
                "column ms DOUBLE at latency.ms\n",
                "column ms BIGINT at ms\n",
                "column ms changed: DOUBLE PATH 'latency.ms' -> BIGINT PATH 'ms'",
            ),
            (
                "column ts TIMESTAMP at ts\n",
                "column ts TIMESTAMP as unix_ms at meta.\"t.s\"[0]\n",
                "column ts changed: TIMESTAMP PATH 'ts' -> TIMESTAMP FORMAT 'unix_ms' PATH 'meta.\"t.s\"[0]'",
            ),
            ("times rfc3339", "times unix_ms", "time_format changed: 'rfc3339' -> 'unix_ms'"),
            ("numbers false", "numbers true", "numbers changed: 'strict' -> 'lenient'"),
            ("5000000", "90000000", "the watermark's delay changed: 5 seconds -> 90 seconds"),
            ("where ms > 0\n", "where ms > 1\n", "WHERE changed: ms > 0 -> ms > 1"),
            ("where ms > 0\n", "", "WHERE changed: ms > 0 -> none"),
            (
                "groups by model TEXT\n",
                "column tier TEXT at user.Tier\ngroups by model TEXT\ngroups by tier TEXT\n",
                "GROUP BY changed: model -> model, tier",
            ),
            ("groups by model TEXT\n", "", "GROUP BY changed: model -> none"),
            (
                "reduces avg(ms) by",
                "reduces count() by signature 0 with []\nreduces max(ms) by",
                "aggregates changed: avg(ms), percentile(ms, 95) -> count(*), max(ms), percentile(ms, 95)",
            ),
            (
                "double 4057c00000000000",
                "double 4058f9999999999a",
                "avg(ms), percentile(ms, 95) -> avg(ms), percentile(ms, 99.9)",
            ),
            (
                "percentile(ms) by signature 0",
                "percentile(ms) by signature 1",
                "the reducer of percentile(ms, 95) changed: signature 0 -> signature 1",
            ),
            (
                "column model",
                "column n BIGINT at n\ncolumn model",
                "the columns that it reads changed: model, ms, ts -> model, ms, n, ts",
            ),
        ];
        check(&cases);
        let two = difference(BEFORE, &BEFORE.replace("ms > 0", "ms > 1").replace("300", "600"));
        assert_eq!(
            two,
            "WHERE changed: ms > 0 -> ms > 1; the window changed: HOP 1 minute / 5 minutes -> HOP 1 minute / 10 minutes"
        );
    }

    #[test]
    fn a_summary_is_one_line() {
        assert_eq!(
            summary(BEFORE),
            "HOP 1 minute / 5 minutes of llm WHERE ms > 0 GROUP BY model: avg(ms), percentile(ms, 95)"
        );
        assert_eq!(summary("reads llm\ncolumn ms DOUBLE at ms\n"), "rows of llm");
    }
}
