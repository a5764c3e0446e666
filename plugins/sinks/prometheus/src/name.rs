//! Names that Prometheus takes and `promtool check metrics` finds nothing wrong with.

/// Units as words of a name. The linter knows abbreviations of units and asks for base units; a column in another unit is
/// spelled so that it is left alone, since its values stay what they are.
const UNITS: [(&str, &str); 17] = [
    ("s", "seconds"),
    ("sec", "seconds"),
    ("ms", "millis"),
    ("milliseconds", "millis"),
    ("us", "micros"),
    ("microseconds", "micros"),
    ("ns", "nanos"),
    ("nanoseconds", "nanos"),
    ("b", "bytes"),
    ("kb", "kbytes"),
    ("mb", "mbytes"),
    ("gb", "gbytes"),
    ("tb", "tbytes"),
    ("pb", "pbytes"),
    ("m", "min"),
    ("h", "hrs"),
    ("d", "dys"),
];

/// Types of metrics as words of a name.
const TYPES: [(&str, &str); 4] =
    [("counter", "counters"), ("gauge", "gauges"), ("histogram", "histograms"), ("summary", "summaries")];

/// Last words that belong to counters, histograms and summaries.
const RESERVED_ENDS: [&str; 4] = ["bucket", "count", "sum", "total"];
/// Labels that belong to histograms and summaries.
const RESERVED_LABELS: [&str; 2] = ["le", "quantile"];

/// The name of a metric: a prefix and words behind it. It may be empty behind the prefix.
pub(crate) fn metric(prefix: &str, name: &str) -> String {
    let mut words = words(prefix);
    words.extend(self::words(name));
    for word in words.iter_mut().skip(1) {
        let known = UNITS.iter().chain(&TYPES).find(|(known, _)| known == word);
        if let Some((_, better)) = known {
            *word = (*better).to_owned();
        }
    }
    if words.last().is_some_and(|last| words.len() > 1 && RESERVED_ENDS.contains(&last.as_str())) {
        words.push("value".into());
    }
    joined(&words)
}

/// The name of a label.
pub(crate) fn label(name: &str) -> String {
    let name = joined(&words(name));
    if RESERVED_LABELS.contains(&name.as_str()) { format!("{name}_value") } else { name }
}

/// A name in words of lower-case letters and digits: `avgLatency (p95)` is `avg`, `latency`, `p95`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = !c.is_ascii_alphanumeric() || before.is_ascii_lowercase() && c.is_ascii_uppercase();
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Words with `_` between them, and in front where they would begin with a digit.
fn joined(words: &[String]) -> String {
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_kept() {
        assert_eq!(metric("latency", "avg_latency"), "latency_avg_latency");
        assert_eq!(metric("llm", "p95"), "llm_p95");
        assert_eq!(metric("s", "requests_5m"), "s_requests_5m");
        assert_eq!(label("model_name"), "model_name");
    }

    #[test]
    fn a_name_is_spelled_as_prometheus_wants_it() {
        assert_eq!(metric("llm:gpu", "avgLatency (P95)"), "llm_gpu_avg_latency_p95");
        assert_eq!(metric("9 lives", "größe__"), "_9_lives_gr_e");
        assert_eq!(metric("latency", "latency_ms"), "latency_latency_millis");
        assert_eq!(metric("queue", "gauge_kb"), "queue_gauges_kbytes");
        assert_eq!(metric("latency", "count"), "latency_count_value");
        assert_eq!(metric("latency", "tokens_total"), "latency_tokens_total_value");
        assert_eq!(label("le"), "le_value");
        assert_eq!(label("__modelName"), "model_name");
        assert_eq!(label("2nd"), "_2nd");
        assert_eq!((label("é"), metric("", "日本")), (String::new(), String::new()));
    }
}
