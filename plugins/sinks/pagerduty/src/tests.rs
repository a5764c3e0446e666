//! Rows as events, seen from outside.

use streamgauge_sdk::{
    Cell,
    sink::{Batch, Message, Outcome, Response, laws},
};

use super::*;

const KEY: &str = "{option:routing_key}";

fn options(severity: &str) -> [Literal; 3] {
    ["{option:url}", KEY, severity].map(Literal::from)
}

fn schema() -> Schema {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    Schema::of(
        "slow",
        &[
            ("model", Text),
            ("p95", Float64),
            ("n", Int64),
            ("ok", Boolean),
            ("at", Timestamp),
            ("severity", Text),
        ],
    )
}

fn body(request: &Request) -> String {
    let Message::Http(http) = &request.message else { panic!("{request:?}") };
    assert_eq!((http.method.as_str(), http.url.as_str()), ("POST", "{option:url}"));
    String::from_utf8(http.body.clone()).unwrap()
}

#[test]
fn the_laws_hold() {
    laws::check::<PagerDuty>(&options("info"), &schema(), false);
    laws::check::<PagerDuty>(&options("info"), &Schema::of("none", &[]), false);
}

#[test]
fn a_row_triggers_an_event_with_its_key() {
    let mut events = PagerDuty::open(&options("warning"), &schema()).unwrap();
    let cells = [
        Some(Cell::Text("a\"b")),
        Some(Cell::Float64(2.5)),
        Some(Cell::Int64(7)),
        Some(Cell::Boolean(true)),
        Some(Cell::Timestamp(0)),
        None,
    ];
    let mut worse = cells;
    worse[5] = Some(Cell::Text("critical"));
    let mut unknown = cells;
    unknown[5] = Some(Cell::Text("bad"));
    let window = Some((0, 60_000_000));
    let batch = Batch::new(&schema()).row(window, &cells).row(window, &worse).row(window, &unknown);
    let requests = batch.encode(&mut events).unwrap();
    assert_eq!(
        body(&requests[0]),
        concat!(
            r#"{"routing_key":"{option:routing_key}","event_action":"trigger","dedup_key":"key-1","client":"Streamgauge","#,
            r#""payload":{"summary":"slow: model a\"b, p95 2.5, n 7, ok true, at 1970-01-01T00:00:00.000Z, severity NULL","#,
            r#""source":"slow","severity":"warning","timestamp":"1970-01-01T00:01:00.000Z","#,
            r#""custom_details":{"model":"a\"b","p95":2.5,"n":7,"ok":true,"at":"1970-01-01T00:00:00.000Z","severity":null}}}"#
        )
    );
    assert!(body(&requests[1]).contains(r#""source":"slow","severity":"critical""#));
    assert!(body(&requests[2]).contains(r#""source":"slow","severity":"warning""#));
}

#[test]
fn a_column_is_the_summary_and_long_ones_are_cut() {
    let schema = Schema::of("q", &[("summary", DataType::Text)]);
    let mut events = PagerDuty::open(&options("info"), &schema).unwrap();
    let long = "é".repeat(2000);
    let batch = Batch::new(&schema)
        .row(None, &[Some(Cell::Text("p95 is 3 s"))])
        .row(None, &[Some(Cell::Text(&long))])
        .row(None, &[Some(Cell::Text(" "))]);
    let bodies: Vec<String> = batch.encode(&mut events).unwrap().iter().map(body).collect();
    assert!(bodies[0].contains(r#""summary":"p95 is 3 s""#));
    assert!(bodies[1].contains(&format!(r#""summary":"{}…","#, "é".repeat(1023))));
    assert!(bodies[2].contains(r#"{"summary":"q: summary  ","#), "{}", bodies[2]);
}

#[test]
fn an_unknown_severity_is_refused() {
    let opened = PagerDuty::open(&options("bad"), &schema()).map(drop);
    let words = "`severity` is 'bad': it must be critical, error, warning or info";
    assert_eq!(opened, Err(Error::Invalid(words.into())));
}

#[test]
fn answers_are_those_of_the_api() {
    let events = PagerDuty::open(&options("info"), &schema()).unwrap();
    let request = Request::http(HttpRequest::post_json("{option:url}", Vec::new()), 1);
    let judged = |status: u16| {
        let body = br#"{"status":"invalid event","errors":["Length of 'routing_key' is incorrect"]}"#;
        events.judge(&request, &Response { status, headers: Vec::new(), body: body.to_vec() }).pop().unwrap()
    };
    assert_eq!(judged(202), Outcome::Delivered);
    assert_eq!(judged(429), Outcome::Retry(None));
    let Outcome::Rejected(why) = judged(400) else { panic!() };
    assert!(why.contains("Length of 'routing_key' is incorrect"), "{why}");
}
