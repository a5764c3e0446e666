//! Pages, seen as Prometheus sees them.

use super::*;

use streamgauge_sdk::{
    Cell,
    sink::{Batch, Operation, laws},
};

const MINUTE: i64 = 60_000_000;
/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000;

fn schema() -> Schema {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    let columns = [
        ("window_end", Timestamp),
        ("model", Text),
        ("p95", Float64),
        ("requests", Int64),
        ("ok", Boolean),
        ("last", Timestamp),
    ];
    Schema::of("latency", &columns)
}

fn open(prefix: Literal, query: &str) -> Gauges {
    Prometheus::open(&[prefix], &Schema { query: query.into(), ..schema() }).unwrap()
}

fn row<'a>(model: Option<&'a str>, p95: Option<f64>, requests: i64) -> [Option<Cell<'a>>; 6] {
    [
        Some(Cell::Timestamp(START)),
        model.map(Cell::Text),
        p95.map(Cell::Float64),
        Some(Cell::Int64(requests)),
        Some(Cell::Boolean(true)),
        Some(Cell::Timestamp(START + 500_000)),
    ]
}

/// The window that ends so many minutes after the start.
fn window(minutes: i64) -> Option<(i64, i64)> {
    Some((START + (minutes - 5) * MINUTE, START + minutes * MINUTE))
}

fn page(encoders: &[&Gauges]) -> String {
    let Response { status, headers, body } = Prometheus::render(encoders);
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((status, headers), (200, vec![("content-type".into(), content_type.into())]));
    String::from_utf8(body).unwrap()
}

/// The lines that are samples.
fn samples(encoders: &[&Gauges]) -> Vec<String> {
    page(encoders).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_laws_hold() {
    laws::check::<Prometheus>(&[Literal::Null], &schema(), true);
}

#[test]
fn a_window_is_a_page() {
    let mut gauges = open(Literal::Null, "latency");
    assert_eq!(page(&[&gauges]), "");
    let batch = Batch::new(&schema())
        .row(window(5), &row(Some("a \"1\"\\\n"), Some(2000.0), 7))
        .row(window(5), &row(None, None, 8));
    assert_eq!(batch.encode(&mut gauges).unwrap(), []);
    assert_eq!(
        page(&[&gauges]),
        r#"# HELP latency_hidden_rows Rows of the last closed window that are not shown: others have the same labels, or there are too many
# TYPE latency_hidden_rows gauge
latency_hidden_rows 0
# HELP latency_last_seconds last of the last closed window
# TYPE latency_last_seconds gauge
latency_last_seconds{model="a \"1\"\\\n",ok="true"} 1767225600.500000
latency_last_seconds{ok="true"} 1767225600.500000
# HELP latency_p95 p95 of the last closed window
# TYPE latency_p95 gauge
latency_p95{model="a \"1\"\\\n",ok="true"} 2000.0
# HELP latency_requests requests of the last closed window
# TYPE latency_requests gauge
latency_requests{model="a \"1\"\\\n",ok="true"} 7
latency_requests{ok="true"} 8
# HELP latency_window_end_seconds The end of the last closed window
# TYPE latency_window_end_seconds gauge
latency_window_end_seconds 1767225900
"#
    );
}

#[test]
fn only_the_last_window_is_shown() {
    let mut gauges = open(Literal::Text("llm".into()), "latency");
    let batch = Batch::new(&schema())
        .row(window(5), &row(Some("a"), Some(1.0), 1))
        .row(window(6), &row(Some("b"), Some(2.0), 2))
        .row(window(5), &row(Some("late"), Some(1.0), 1));
    batch.encode(&mut gauges).unwrap();
    let more = Batch::new(&schema()).row(window(6), &row(Some("c"), Some(3.0), 3));
    more.encode(&mut gauges).unwrap();
    let shown: Vec<_> = samples(&[&gauges]).into_iter().filter(|line| line.contains("p95")).collect();
    assert_eq!(shown, [r#"llm_p95{model="b",ok="true"} 2.0"#, r#"llm_p95{model="c",ok="true"} 3.0"#]);
    assert!(samples(&[&gauges]).contains(&"llm_window_end_seconds 1767225960".to_owned()));
}

#[test]
fn rows_with_the_same_labels_are_counted_and_the_first_is_shown() {
    let mut gauges = open(Literal::Null, "q");
    let batch = Batch::new(&schema())
        .row(window(5), &row(None, Some(1.0), 1))
        .row(window(5), &row(Some(""), Some(2.0), 2));
    batch.encode(&mut gauges).unwrap();
    let lines = samples(&[&gauges]);
    assert!(lines.contains(&"q_hidden_rows 1".to_owned()), "{lines:?}");
    assert!(lines.contains(&r#"q_p95{ok="true"} 1.0"#.to_owned()), "{lines:?}");
}

#[test]
fn a_row_that_changes_or_comes_again_takes_its_place() {
    let mut gauges = open(Literal::Null, "q");
    let first = Batch::new(&schema()).row(window(5), &row(Some("a"), Some(1.0), 1));
    first.encode(&mut gauges).unwrap();
    first.encode(&mut gauges).unwrap();
    let change = |operation, p95| {
        Batch::new(&schema())
            .row(window(5), &row(Some("other"), Some(0.0), 1))
            .row(window(5), &row(Some("a"), Some(p95), 1))
            .operation(operation)
    };
    change(Operation::Update, 5.0).encode(&mut gauges).unwrap();
    let lines = samples(&[&gauges]);
    assert!(lines.contains(&"q_hidden_rows 0".to_owned()), "{lines:?}");
    assert!(lines.contains(&r#"q_p95{model="a",ok="true"} 5.0"#.to_owned()), "{lines:?}");
    change(Operation::Delete, 5.0).encode(&mut gauges).unwrap();
    assert!(!page(&[&gauges]).contains("model=\"a\""));
}

#[test]
fn without_windows_the_latest_row_of_each_series_is_shown() {
    let mut gauges = open(Literal::Null, "q");
    let batch = Batch::new(&schema())
        .row(None, &row(Some("a"), Some(1.0), 1))
        .row(None, &row(Some("b"), Some(2.0), 2))
        .row(None, &row(Some("a"), Some(3.0), 3));
    batch.encode(&mut gauges).unwrap();
    let shown: Vec<_> = samples(&[&gauges]).into_iter().filter(|line| line.contains("p95")).collect();
    assert_eq!(shown, [r#"q_p95{model="a",ok="true"} 3.0"#, r#"q_p95{model="b",ok="true"} 2.0"#]);
    assert!(!page(&[&gauges]).contains("window_end"));
}

#[test]
fn queries_share_a_page_and_what_both_give_says_from_which() {
    let prefix = || Literal::Text("llm".into());
    let (mut one, mut other) = (open(prefix(), "one"), open(prefix(), "other"));
    let other_schema = Schema::of("third", &[("free", DataType::Int64)]);
    let mut third = Prometheus::open(&[prefix()], &other_schema).unwrap();
    let mut again = open(prefix(), "one");
    for (gauges, p95) in [(&mut one, 1.0), (&mut other, 2.0), (&mut again, 3.0)] {
        Batch::new(&schema()).row(window(5), &row(Some("a"), Some(p95), 1)).encode(gauges).unwrap();
    }
    Batch::new(&other_schema).row(window(6), &[Some(Cell::Int64(9))]).encode(&mut third).unwrap();
    let page = page(&[&one, &other, &third, &again]);
    for line in [
        r#"llm_p95{model="a",ok="true",streamgauge_query="one"} 1.0"#,
        r#"llm_p95{model="a",ok="true",streamgauge_query="other"} 2.0"#,
        r#"llm_p95{model="a",ok="true",streamgauge_query="one (2)"} 3.0"#,
        r#"llm_window_end_seconds{streamgauge_query="third"} 1767225960"#,
        "llm_free 9",
    ] {
        assert!(page.lines().any(|found| found == line), "{page}");
    }
    let headers: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let names: std::collections::HashSet<_> = headers.iter().collect();
    assert_eq!(headers.len(), names.len(), "{page}");
}

#[test]
fn a_query_shows_a_bounded_number_of_series() {
    let mut gauges = open(Literal::Null, "q");
    let names: Vec<String> = (0..10_100).map(|number| format!("model {number}")).collect();
    let batch = names
        .iter()
        .fold(Batch::new(&schema()), |batch, name| batch.row(window(5), &row(Some(name), Some(1.0), 1)));
    batch.encode(&mut gauges).unwrap();
    let lines = samples(&[&gauges]);
    assert!(lines.contains(&"q_hidden_rows 100".to_owned()));
    assert_eq!(lines.iter().filter(|line| line.starts_with("q_p95{")).count(), 10_000);
}

#[test]
fn what_does_not_open_says_why() {
    let error = Prometheus::open(&[Literal::Int64(1)], &schema()).err().unwrap();
    assert_eq!(error.to_string(), "write prefix = 'llm'");
}
