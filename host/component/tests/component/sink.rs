//! The sinks of the product behind the boundary.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::{collection::vec, prelude::*};
use streamgauge_common::{
    column::{Bitmap, Column, DataType, Texts, Value},
    message::{Request, Response},
    row::write_json,
};
use streamgauge_component::{
    plugins::Plugins,
    runtime::Runtime,
    sink::{Deliveries, Encoded, Encoder, Outcome, SinkComponent, SinkInstance, Windows},
};
use streamgauge_sql::manifest::{self, Output};

const MINUTE: i64 = 60_000_000;
/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn sink(name: &str) -> SinkComponent {
    SinkComponent::embedded(&Runtime::new().unwrap(), name).unwrap().unwrap()
}

/// Rows and what is said of them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    fields: Vec<Output>,
    columns: Vec<Column>,
    keys: Texts,
    sequences: Vec<u64>,
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Batch {
    fn new(fields: &[(&str, DataType)]) -> Self {
        let column = manifest::Column::WindowEnd;
        let field =
            |&(name, data_type): &(&str, DataType)| Output { name: name.to_owned(), data_type, column };
        Self {
            fields: fields.iter().map(field).collect(),
            columns: fields.iter().map(|(_, data_type)| Column::empty(*data_type)).collect(),
            keys: Texts::default(),
            sequences: Vec::new(),
            starts: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// One more row, of the five minutes that end so many minutes after the start.
    fn row(mut self, minute: i64, values: &[Value]) -> Self {
        let sequence = self.sequences.len() as u64 + 1;
        self.sequences.push(sequence);
        self.keys.push(format!("k{sequence}").as_bytes());
        self.starts.push(START + (minute - 5) * MINUTE);
        self.ends.push(START + minute * MINUTE);
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        self
    }

    pub(crate) fn open(&self, sink: &SinkInstance, options: &[(&str, Value)], query: &str) -> Encoder {
        sink.open(options, query, &self.fields).unwrap()
    }

    pub(crate) fn encode(&self, encoder: &Encoder) -> Vec<Encoded> {
        let forced = Bitmap::filled(self.sequences.len(), false);
        let windows = Windows { starts: &self.starts, ends: &self.ends, forced: &forced };
        let deliveries = Deliveries {
            keys: &self.keys,
            sequences: &self.sequences,
            windows: Some(windows),
            columns: &self.columns,
        };
        encoder.encode(&deliveries).unwrap()
    }
}

pub(crate) fn latency() -> Batch {
    let fields = [
        ("window_end", DataType::Timestamp),
        ("model_name", DataType::Text),
        ("avg_latency", DataType::Float64),
        ("requests", DataType::Int64),
        ("slow", DataType::Boolean),
    ];
    let end = Value::Timestamp(START + 5 * MINUTE);
    Batch::new(&fields)
        .row(
            5,
            &[
                end.clone(),
                text("a \"q\" <é>"),
                Value::Float64(2000.0),
                Value::Int64(7),
                Value::Boolean(true),
            ],
        )
        .row(5, &[end, Value::Null, Value::Float64(f64::NAN), Value::Null, Value::Boolean(false)])
}

fn body(encoded: &Encoded) -> &str {
    str::from_utf8(&encoded.request.body).unwrap()
}

#[test]
fn all_sinks_describe_themselves_by_the_name_they_are_known_by() {
    let runtime = Runtime::new().unwrap();
    for (name, _) in streamgauge_bundle::SINKS {
        let sink = SinkComponent::embedded(&runtime, name).unwrap().unwrap();
        let described = sink.describe().unwrap();
        assert_eq!(described.name, *name);
        assert_eq!(sink.answers_scrapes(), *name == "prometheus");
        // Who sends somewhere is told where; all options are explained.
        let has_url = described.options.iter().any(|option| option.name == "url");
        assert_eq!(has_url, *name != "prometheus", "{name}");
        assert!(described.options.iter().all(|option| !option.docs.is_empty()), "{name}");
    }
    assert!(SinkComponent::embedded(&runtime, "nonesuch").unwrap().is_none());
}

#[test]
fn a_webhook_posts_each_row_with_its_key() {
    let batch = latency();
    let url = "https://example.com/{secret:TOKEN}";
    let encoder = batch.open(&sink("webhook").start().unwrap(), &[("url", text(url))], "latency");
    let encoded = batch.encode(&encoder);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let first = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![
            header("content-type", "application/json"),
            header("idempotency-key", "\"k1\""),
            header("webhook-id", "k1"),
        ],
        body: r#"{"window_end":"2026-01-01T00:05:00.000Z","model_name":"a \"q\" <é>","avg_latency":2000.0,"requests":7,"slow":true}"#
            .into(),
    };
    assert_eq!(encoded[0], Encoded { request: first, deliveries: 1 });
    assert_eq!(
        body(&encoded[1]),
        r#"{"window_end":"2026-01-01T00:05:00.000Z","model_name":null,"avg_latency":null,"requests":null,"slow":false}"#
    );
    assert_eq!(encoded.len(), 2);
    assert_eq!(batch.encode(&encoder), encoded, "the same again");
}

#[test]
fn a_slack_message_has_the_rows_of_a_window() {
    let batch = latency();
    let url = ("url", text("{secret:SLACK}"));
    let encoder = batch.open(&sink("slack").start().unwrap(), &[url], "latency");
    let encoded = batch.encode(&encoder);
    assert_eq!(encoded.len(), 1);
    assert_eq!(encoded[0].deliveries, 2);
    let expected = concat!(
        r#"{"text":"latency: a \"q\" &lt;é&gt;, avg_latency 2000, requests 7, slow true (and 1 more)","blocks":["#,
        r#"{"type":"header","text":{"type":"plain_text","emoji":false,"text":"latency"}},"#,
        r#"{"type":"context","elements":[{"type":"plain_text","emoji":false,"text":"2026-01-01 00:00:00 – 00:05:00 UTC · 2 rows"}]},"#,
        r#"{"type":"section","fields":["#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"model_name\n*a \"q\" &lt;é&gt;*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"avg_latency\n*2000*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"requests\n*7*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"slow\n*true*"}]},"#,
        r#"{"type":"divider"},"#,
        r#"{"type":"section","fields":["#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"model_name\n*–*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"avg_latency\n*NaN*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"requests\n*–*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"slow\n*false*"}]}]}"#,
    );
    assert_eq!(body(&encoded[0]), expected);
}

#[test]
fn an_answer_is_judged_for_every_delivery() {
    let batch = latency();
    for name in ["webhook", "slack"] {
        let url = ("url", text("https://example.com"));
        let encoder = batch.open(&sink(name).start().unwrap(), &[url], "latency");
        let judge = |status, after: &str, body: &str| {
            let headers = vec![("retry-after".to_owned(), after.to_owned())];
            let response = Response { status, headers, body: body.into() };
            encoder.judge(&Request::default(), 2, &response).unwrap()
        };
        assert_eq!(judge(200, "9", "ok"), vec![Outcome::Delivered; 2]);
        assert_eq!(judge(429, "9", ""), vec![Outcome::Retry(Some(9000)); 2]);
        assert_eq!(judge(502, "9", ""), vec![Outcome::Retry(None); 2]);
        let rejected = Outcome::Rejected("the receiver answered 404: no_service".to_owned());
        assert_eq!(judge(404, "9", "no_service"), vec![rejected; 2]);
    }
}

#[test]
fn options_that_are_wrong_are_told_in_words() {
    let fields = latency().fields;
    let refused = |name: &str, options: &[(&str, Value)]| {
        sink(name).start().unwrap().open(options, "latency", &fields).err().unwrap().to_string()
    };
    assert_eq!(
        refused("webhook", &[]),
        "sink `webhook` needs the option `url`: where to: https://... or secret('NAME')"
    );
    assert_eq!(refused("slack", &[("colour", Value::Null)]), "sink `slack` has no option `colour`");
    let number = [("prefix", Value::Int64(1))];
    assert_eq!(
        refused("prometheus", &number),
        "sink `prometheus` takes TEXT for its option `prefix`, not BIGINT"
    );
    let null = [("url", Value::Null)];
    assert_eq!(
        refused("webhook", &null),
        "sink `webhook` cannot be opened: write url = 'https://...' or url = secret('NAME')"
    );
}

#[test]
fn a_refused_query_takes_nothing_from_the_others() {
    let prometheus = sink("prometheus").start().unwrap();
    let batch = latency();
    let encoder = batch.open(&prometheus, &[], "latency");
    let nothing = prometheus.open(&[], "other", &batch.fields[1..2]).err().unwrap().to_string();
    assert_eq!(
        nothing,
        "sink `prometheus` cannot be opened: nothing to show: select a number for Prometheus, such as count(*)"
    );
    assert_eq!(batch.encode(&encoder), []);
    assert!(page(&prometheus).contains("latency_requests"));
}

pub(crate) fn page(sink: &SinkInstance) -> String {
    let Response { status, headers, body } = sink.render().unwrap();
    let content_type = "text/plain; version=0.0.4; charset=utf-8".to_owned();
    assert_eq!((status, headers), (200, vec![("content-type".to_owned(), content_type)]));
    String::from_utf8(body).unwrap()
}

#[test]
fn prometheus_gets_one_page_for_all_queries() {
    let prometheus = sink("prometheus").start().unwrap();
    assert_eq!(page(&prometheus), "");
    let batch = latency();
    let latency = batch.open(&prometheus, &[], "latency");
    let cost = Batch::new(&[("cost", DataType::Float64)]).row(6, &[Value::Float64(0.25)]);
    let other = cost.open(&prometheus, &[("prefix", text("llm"))], "spend");
    assert_eq!(batch.encode(&latency), []);
    assert_eq!(cost.encode(&other), []);
    let samples = |page: &str| -> Vec<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(
        samples(&page(&prometheus)),
        [
            r#"latency_avg_latency{model_name="a \"q\" <é>",slow="true"} 2000.0"#,
            r#"latency_avg_latency{slow="false"} NaN"#,
            "latency_hidden_rows 0",
            r#"latency_requests{model_name="a \"q\" <é>",slow="true"} 7"#,
            "latency_window_end_seconds 1767225900",
            "llm_cost 0.25",
            "llm_hidden_rows 0",
            "llm_window_end_seconds 1767225960",
        ]
    );
    drop(latency);
    assert_eq!(samples(&page(&prometheus)).len(), 3, "a query that ends is off the page");
}

/// Names that people give columns, and names that nobody should.
const NAMES: &[&str] = &[
    "p95",
    "avg_latency",
    "count",
    "sum",
    "tokens_total",
    "x_bucket",
    "lat_ms",
    "latency_s",
    "idle_sec",
    "size_b",
    "size_kb",
    "size_mb",
    "size_gb",
    "size_tb",
    "size_pb",
    "time_us",
    "time_ns",
    "load_m",
    "load_h",
    "load_d",
    "latency_milliseconds",
    "latency_microseconds",
    "latency_nanoseconds",
    "gauge",
    "counter",
    "a_histogram_b",
    "summary",
    "camelCase",
    "größe",
    "日本",
    "a:b",
    "a.b-c",
    "9lives",
    "__x__",
    "HTTP Code (5xx)",
    " ",
    "uptime_seconds",
    "bytes",
    "ratio",
    "last_created",
    "info",
];

#[test]
fn promtool_finds_nothing_wrong_with_a_page() {
    let Some(promtool) = std::env::var_os("STREAMGAUGE_PROMTOOL") else {
        return println!("!!! SKIPPED: set STREAMGAUGE_PROMTOOL, or run .ci/tests/prometheus.sh");
    };
    let prometheus = sink("prometheus").start().unwrap();
    let labels = ["le", "quantile", "modelName", "__name__", "job", "a-b", "2nd", "é"];
    let mut fields: Vec<_> = NAMES.iter().map(|name| (*name, DataType::Float64)).collect();
    fields.extend(labels.map(|name| (name, DataType::Text)));
    fields.extend([("last_seen", DataType::Timestamp), ("window_end", DataType::Timestamp)]);
    let mut values: Vec<Value> = (0..NAMES.len()).map(|number| Value::Float64(number as f64 / 3.0)).collect();
    values.extend(labels.map(|_| text("a\"b\\c\nd é")));
    values.extend([Value::Timestamp(START + 1), Value::Timestamp(START)]);
    values[0] = Value::Float64(f64::NEG_INFINITY);
    values[1] = Value::Float64(f64::NAN);
    let batch = Batch::new(&fields).row(5, &values);
    let encoders: Vec<Encoder> = ["llm", "other query: 2"]
        .map(|query| batch.open(&prometheus, &[("prefix", text("llm:gpu"))], query))
        .into();
    encoders.iter().for_each(|encoder| drop(batch.encode(encoder)));
    latency().encode(&latency().open(&prometheus, &[], "select_1"));

    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let page = page(&prometheus);
    check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && words.is_empty(), "{}\n{page}", String::from_utf8_lossy(&words));
    assert_eq!(page.lines().filter(|line| line.starts_with("# TYPE")).count(), NAMES.len() + 3);
}

#[test]
fn a_sink_is_compiled_and_asked_once() {
    let plugins = Plugins::embedded(Runtime::new().unwrap());
    let first = plugins.sink("webhook").unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &plugins.sink("webhook").unwrap().unwrap()));
    assert_eq!(first.description, first.component.describe().unwrap());
    assert!(plugins.sink("nonesuch").unwrap().is_none());
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    let null = || Just(Value::Null);
    let time = -62_135_596_800_000_000..253_402_300_800_000_000_i64;
    (
        prop_oneof![
            null(),
            any::<String>().prop_map(Value::Text),
            Just(text("\u{0}\u{1f}\"\\\u{7f}\u{2028}"))
        ],
        prop_oneof![null(), any::<f64>().prop_map(Value::Float64), Just(Value::Float64(-0.0))],
        prop_oneof![null(), any::<i64>().prop_map(Value::Int64)],
        prop_oneof![null(), any::<bool>().prop_map(Value::Boolean)],
        prop_oneof![null(), time.prop_map(Value::Timestamp)],
    )
        .prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The body of a webhook is the line of a file, byte for byte.
    #[test]
    fn a_webhook_writes_rows_as_the_host_does(name: String, rows in vec(values(), 1..20)) {
        thread_local! {
            static WEBHOOK: SinkInstance = sink("webhook").start().unwrap();
        }
        let fields = [
            (name.as_str(), DataType::Text),
            ("b", DataType::Float64),
            ("c", DataType::Int64),
            ("d", DataType::Boolean),
            ("e", DataType::Timestamp),
        ];
        let batch = rows.iter().fold(Batch::new(&fields), |batch, values| batch.row(5, values));
        let encoder = WEBHOOK.with(|webhook| batch.open(webhook, &[("url", text("https://a"))], "q"));
        let encoded = batch.encode(&encoder);
        prop_assert_eq!(encoded.len(), rows.len());
        for (row, encoded) in encoded.iter().enumerate() {
            let mut line = Vec::new();
            write_json(&mut line, fields.iter().map(|(name, _)| *name).zip(&batch.columns), row);
            prop_assert_eq!(&encoded.request.body, &line);
        }
    }
}
