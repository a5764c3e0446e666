//! Spans of a host's own work, as they arrive at an endpoint of OTLP.

use std::{collections::BTreeSet, fs, net::TcpListener};

use streamgauge_kafka::create_topic;

use crate::{
    host::{Host, write},
    otlp::{Arrived, Receiver},
    real_broker,
};

const EVENTS: [&str; 4] = [
    r#"{"model":"a","ms":10.0,"ts":"2026-01-01T00:00:10Z"}"#,
    r#"{"model":"b","ms":20.0,"ts":"2026-01-01T00:00:20Z"}"#,
    r#"{"model":"a","ms":30.0,"ts":"2026-01-01T00:01:10Z"}"#,
    r#"{"model":"a","ms":50.0,"ts":"2026-01-01T00:02:10Z"}"#,
];
/// The rows of the file: counted by hand.
const ROWS: [(&str, &str, u64); 4] = [
    ("2026-01-01T00:01", "a", 1),
    ("2026-01-01T00:01", "b", 1),
    ("2026-01-01T00:02", "a", 1),
    ("2026-01-01T00:03", "a", 1),
];

/// A host that sends a share of its traces there, with a secret, and has events to read.
fn host(endpoint: &str, ratio: &str) -> Host {
    let host = Host::new(&format!(
        "[allow]\nfile_roots = [\"FILES\"]\nprivate_hosts = [\"127.0.0.1\"]\n[secrets]\nfolder = \"FILES\"\n\
         [telemetry]\notlp_endpoint = \"{endpoint}\"\notlp_headers = [\"authorization=otlp-token\"]\n\
         trace_sample_ratio = {ratio}\n"
    ));
    fs::write(host.files().join("otlp-token"), "Bearer open-sesame\n").unwrap();
    write(&host.files().join("events.jsonl"), &EVENTS);
    host
}

/// Windows of a minute, to a file and to a webhook.
fn sql(host: &Host, hook: &Receiver) -> String {
    let files = host.files();
    let files = files.display();
    format!(
        "CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'file', path = '{files}/events.jsonl', format = 'json');
         CREATE SINK rows WITH (connector = 'file', path = '{files}/rows.jsonl', mode = 'append');
         CREATE SINK hook WITH (connector = 'webhook', url = '{}/hook', allow_private = 'true');
         CREATE VIEW load AS SELECT window_end, model, count(*) AS n
         FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, model;
         INSERT INTO rows SELECT * FROM load;
         INSERT INTO hook SELECT * FROM load WHERE n > 0;",
        hook.url()
    )
}

/// Deploys it, lets it finish, and ends the host: all its spans have left then.
fn finish(host: &mut Host, hook: &Receiver) {
    host.start();
    host.put("load", "?wait=true", &sql(host, hook)).is(201);
    host.until_state("load", "finished");
    let rows = fs::read_to_string(host.files().join("rows.jsonl")).unwrap();
    let found: BTreeSet<(String, String, u64)> = rows
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("window_end").get(..16).unwrap().to_owned(), text("model"), row["n"].as_u64().unwrap())
        })
        .collect();
    let expected = ROWS.map(|(end, model, n)| (end.to_owned(), model.to_owned(), n));
    assert_eq!(found, BTreeSet::from(expected), "{}", host.log());
}

#[track_caller]
fn one(spans: &[Arrived], what: impl Fn(&Arrived) -> bool) -> Arrived {
    let found: Vec<&Arrived> = spans.iter().filter(|one| what(one)).collect();
    assert!(!found.is_empty(), "it is not among {spans:#?}");
    found[0].clone()
}

#[test]
fn a_span_of_each_kind_arrives_with_what_is_known_of_it() {
    let receiver = Receiver::start(&[]);
    let hook = Receiver::start(&[503]);
    let mut host = host(&receiver.url(), "1");
    finish(&mut host, &hook);
    assert!(host.end().success());

    let spans = receiver.spans();
    let batch = one(&spans, |one| one.span.name == "batch");
    assert!(batch.is_root());
    assert_eq!(batch.get("streamgauge.source"), "requests");
    let offsets = ["streamgauge.records", "streamgauge.events"].map(|name| batch.get(name));
    assert_eq!(offsets, ["4", "4"]);
    let decode = one(&spans, |one| one.span.name == "decode");
    let fold = one(&spans, |one| one.span.name == "fold");
    assert!(decode.is_part_of(&batch) && fold.is_part_of(&batch), "{spans:#?}");
    assert_eq!([fold.get("streamgauge.deployment"), fold.get("streamgauge.query")], ["load", "load"]);
    assert_eq!(fold.get("messaging.destination.partition.id"), "0");
    let close = one(&spans, |one| one.span.name == "close" && one.is_part_of(&fold));
    assert_eq!([close.get("streamgauge.windows"), close.get("streamgauge.rows")], ["2", "6"], "of two sinks");
    assert_eq!(close.get("streamgauge.window_end_us"), "1767225720000000");
    let last = one(&spans, |one| one.span.name == "close" && one.is_root());
    assert_eq!(last.get("streamgauge.windows"), "1", "the end of the file closes it");

    let checkpoint = one(&spans, |one| one.span.name == "checkpoint");
    assert_eq!(
        [checkpoint.get("streamgauge.deployment"), checkpoint.get("streamgauge.query")],
        ["load", "load"]
    );
    assert!(checkpoint.get("streamgauge.bytes").parse::<u64>().unwrap() > 0);
    for part in ["capture", "write"] {
        one(&spans, |one| one.span.name == part && one.is_part_of(&checkpoint));
    }

    let to = |sink: &str| -> Vec<Arrived> {
        let deliveries = receiver.named("deliver").into_iter();
        deliveries.filter(|one| one.get("streamgauge.sink") == sink).collect()
    };
    let file = to("rows");
    assert!(file.iter().all(|one| one.get("streamgauge.outcome") == "accepted" && !one.has_failed()));
    let rows: u64 = file.iter().map(|one| one.get("streamgauge.rows").parse::<u64>().unwrap()).sum();
    assert_eq!(rows, 4);
    let hooks = to("hook");
    let failed: Vec<&Arrived> = hooks.iter().filter(|one| one.has_failed()).collect();
    let [failed] = failed[..] else { panic!("{hooks:#?}") };
    assert_eq!(failed.get("http.response.status_code"), "503");
    assert_eq!(failed.get("streamgauge.outcome"), "retried");
    assert_eq!(failed.get("streamgauge.address"), hook.url());
    let accepted = hooks.iter().filter(|one| one.get("streamgauge.outcome") == "accepted");
    assert!(accepted.clone().all(|one| one.get("http.response.status_code") == "200"));
    assert_eq!(accepted.count(), 4, "a request a row");

    for one in &spans {
        assert!(one.span.end_time_unix_nano >= one.span.start_time_unix_nano);
        assert_eq!(one.resource["service.name"], "streamgauge");
        assert_eq!(one.resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(one.resource["service.instance.id"], spans[0].resource["service.instance.id"]);
    }
    let heads = receiver.heads();
    let has_token = |head: &String| head.to_ascii_lowercase().contains("authorization: bearer open-sesame");
    assert!(heads.iter().all(has_token), "{heads:?}");
    assert!(!host.log().contains("open-sesame"), "{}", host.log());
}

#[test]
fn a_share_of_nothing_sends_nothing_but_what_fails() {
    let receiver = Receiver::start(&[]);
    let hook = Receiver::start(&[]);
    let mut quiet = host(&receiver.url(), "0");
    finish(&mut quiet, &hook);
    assert!(quiet.end().success());
    assert_eq!(receiver.spans().len(), 0, "{:#?}", receiver.spans());

    let hook = Receiver::start(&[503]);
    let mut troubled = host(&receiver.url(), "0.0");
    finish(&mut troubled, &hook);
    assert!(troubled.end().success());
    let spans = receiver.spans();
    let [failed] = &spans[..] else { panic!("{spans:#?}") };
    assert!(failed.has_failed() && failed.is_root() && failed.span.name == "deliver");
}

#[test]
fn an_endpoint_that_is_down_is_told_once_and_changes_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hook = Receiver::start(&[]);
    let mut host = host(&format!("http://{closed}"), "1");
    finish(&mut host, &hook);
    let failed = r#"streamgauge_spans_total{outcome="failed"} "#;
    host.until("spans are lost", || {
        let page = host.get("/metrics").is(200).body;
        page.lines().any(|line| line.strip_prefix(failed).is_some_and(|count| count != "0"))
    });
    assert!(host.end().success());
    let told = host.log().matches("traces do not arrive at").count();
    assert_eq!(told, 1, "{}", host.log());
    assert!(!host.log().contains("open-sesame"));
}

#[test]
fn a_host_does_not_start_with_headers_that_have_no_secret() {
    let host = host("http://127.0.0.1:1", "1");
    fs::remove_file(host.files().join("otlp-token")).unwrap();
    let config = host.folder.path().join("wrong.toml");
    let text = format!(
        "state.url = {:?}\n[secrets]\nfolder = {:?}\n[telemetry]\notlp_endpoint = \"http://127.0.0.1:1\"\notlp_headers = [\"authorization=otlp-token\"]\n",
        host.folder.path().join("state"),
        host.files()
    );
    fs::write(&config, text).unwrap();
    let done = host.command(&["serve", "--config", "wrong.toml", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("secret 'otlp-token'") && said.contains("neither"), "{said}");
}

#[test]
fn deliveries_to_kafka_are_traced_by_transaction() {
    let Some(brokers) = real_broker::broker() else { return };
    let topic = format!("traces-{}", streamgauge_common::clock::now_us());
    create_topic(&brokers, &topic, 1).unwrap();
    let receiver = Receiver::start(&[]);
    let mut host = host(&receiver.url(), "1");
    let files = host.files();
    let sql = format!(
        "CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'file', path = '{}/events.jsonl', format = 'json');
         CREATE SINK topic WITH (connector = 'kafka', brokers = '{}', topic = '{topic}', control_topic = '{topic}-control');
         CREATE VIEW slow AS SELECT model, ms FROM requests WHERE ms > 10;
         INSERT INTO topic SELECT * FROM slow;",
        files.display(),
        brokers.brokers
    );
    host.start();
    host.put("slow", "?wait=true", &sql).is(201);
    host.until_state("slow", "finished");
    assert!(host.end().success());
    let deliveries = receiver.named("deliver");
    let accepted = deliveries.iter().filter(|one| one.get("streamgauge.outcome") == "accepted");
    let rows: u64 = accepted.map(|one| one.get("streamgauge.rows").parse::<u64>().unwrap()).sum();
    assert_eq!(rows, 3, "{deliveries:#?}");
    assert!(deliveries.iter().all(|one| one.get("messaging.destination.name") == topic));
}
