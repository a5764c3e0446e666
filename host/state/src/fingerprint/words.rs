//! What a meaning says in the words of SQL, and what is different in another one.

use std::collections::BTreeMap;

/// A meaning's lines, taken apart. What is stored is the text; this is for people alone.
#[derive(Default)]
struct Words {
    reads: String,
    /// By name: type and path.
    columns: BTreeMap<String, String>,
    time_format: String,
    numbers: String,
    delay: String,
    filter: String,
    computes: String,
    window: String,
    time: String,
    keys: String,
    /// Each call, and the signature and state version of its reducer.
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
                time_format(format).clone_into(&mut self.time_format);
                let numbers = if lenient == "true" { "'lenient'" } else { "'strict'" };
                numbers.clone_into(&mut self.numbers);
            }
            "watermark" => {
                let us = rest.split(' ').next().and_then(|us| us.parse().ok());
                self.delay = us.map_or_else(|| rest.to_owned(), span);
            }
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

/// `NAME TYPE` or `NAME TYPE at PATH`.
fn column(rest: &str) -> (String, String) {
    let (declared, path) = match rest.rsplit_once(" at ") {
        Some((declared, path)) => (declared, format!(" PATH '{path}'")),
        None => (rest, String::new()),
    };
    let (name, data_type) = declared.rsplit_once(' ').unwrap_or((declared, ""));
    (name.to_owned(), format!("{data_type}{path}"))
}

fn time_format(name: &str) -> &str {
    match name {
        "Rfc3339" => "'rfc3339'",
        "UnixSeconds" => "'unix_s'",
        "UnixMillis" => "'unix_ms'",
        "UnixMicros" => "'unix_us'",
        other => other,
    }
}

/// `of 300 s every 60 s on ts`.
fn window(rest: &str) -> (String, String) {
    let parts = || {
        let (size, rest) = rest.strip_prefix("of ")?.split_once(" every ")?;
        let (slide, time) = rest.split_once(" on ")?;
        Some((micros(size)?, micros(slide)?, time))
    };
    match parts() {
        Some((size, slide, time)) if size == slide => (format!("TUMBLE {}", span(size)), time.to_owned()),
        Some((size, slide, time)) => (format!("HOP {} / {}", span(slide), span(size)), time.to_owned()),
        None => (rest.to_owned(), String::new()),
    }
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

/// `avg(ms) by signature 1 with [], states of version 1`.
fn aggregate(rest: &str) -> (String, String) {
    let parts = || {
        let (call, rest) = rest.rsplit_once(" by signature ")?;
        let (signature, rest) = rest.split_once(" with ")?;
        let (parameters, version) = rest.rsplit_once(", states of version ")?;
        let parameters = parameters.strip_prefix('[')?.strip_suffix(']')?;
        Some((call, signature, parameters, version))
    };
    let Some((call, signature, parameters, version)) = parts() else {
        return (rest.to_owned(), String::new());
    };
    let call = match (call.strip_suffix(')'), parameters) {
        (_, "") if call == "count()" => "count(*)".to_owned(),
        (Some(open), parameters) if !parameters.is_empty() => format!("{open}, {})", literals(parameters)),
        _ => call.to_owned(),
    };
    (call, format!("signature {signature}, states of version {version}"))
}

/// `Float64(95.0)`: without the names of types.
fn literals(parameters: &str) -> String {
    if parameters.contains("Text(") {
        return parameters.to_owned();
    }
    let plain = ["Float64(", "Int64(", "Boolean(", "Timestamp("];
    let plain = plain.iter().fold(parameters.to_owned(), |text, name| text.replace(name, ""));
    let plain = plain.replace(')', "");
    let each = plain.split(", ").map(|one| one.strip_suffix(".0").unwrap_or(one));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "reads llm\ncolumn ms DOUBLE at latency.ms\ncolumn model TEXT at model\ncolumn ts TIMESTAMP at ts\n\
        times Rfc3339, lenient numbers false\nwatermark 5000000 us behind\nwhere ms > 0\n\
        windows of 300 s every 60 s on ts\ngroups by model TEXT\n\
        reduces avg(ms) by signature 1 with [], states of version 1\n\
        reduces percentile(ms) by signature 0 with [Float64(95.0)], states of version 2\n";

    #[test]
    fn each_kind_of_change_is_told_in_the_words_of_sql() {
        let cases = [
            ("reads llm\n", "reads other\n", "what it reads changed: llm -> other"),
            (
                "column ms DOUBLE at latency.ms\n",
                "column ms BIGINT at ms\n",
                "column ms changed: DOUBLE PATH 'latency.ms' -> BIGINT PATH 'ms'",
            ),
            ("times Rfc3339", "times UnixMillis", "time_format changed: 'rfc3339' -> 'unix_ms'"),
            ("numbers false", "numbers true", "numbers changed: 'strict' -> 'lenient'"),
            ("5000000", "90000000", "the watermark's delay changed: 5 seconds -> 90 seconds"),
            ("where ms > 0\n", "where ms > 1\n", "WHERE changed: ms > 0 -> ms > 1"),
            ("where ms > 0\n", "", "WHERE changed: ms > 0 -> none"),
            (
                "of 300 s every 60 s",
                "of 120 s every 120 s",
                "the window changed: HOP 1 minute / 5 minutes -> TUMBLE 2 minutes",
            ),
            (
                "groups by model TEXT\n",
                "column tier TEXT at user.Tier\ngroups by model TEXT\ngroups by tier TEXT\n",
                "GROUP BY changed: model -> model, tier",
            ),
            ("groups by model TEXT\n", "", "GROUP BY changed: model -> none"),
            (
                "reduces avg(ms) by",
                "reduces count() by signature 0 with [], states of version 1\nreduces max(ms) by",
                "aggregates changed: avg(ms), percentile(ms, 95) -> count(*), max(ms), percentile(ms, 95)",
            ),
            (
                "Float64(95.0)",
                "Float64(99.9)",
                "avg(ms), percentile(ms, 95) -> avg(ms), percentile(ms, 99.9)",
            ),
            (
                "version 2",
                "version 3",
                "the reducer of percentile(ms, 95) changed: signature 0, states of version 2 -> signature 0, states of version 3",
            ),
            (
                "column model",
                "column n BIGINT at n\ncolumn model",
                "the columns that it reads changed: model, ms, ts -> model, ms, n, ts",
            ),
        ];
        for (from, to, told) in cases {
            let difference = difference(BEFORE, &BEFORE.replacen(from, to, 1));
            assert!(difference.contains(told), "{difference}");
        }
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
