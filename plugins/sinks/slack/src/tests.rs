//! Messages, seen as Slack sees them.

use super::*;

use serde_json::Value;
use streamgauge_sdk::{
    Cell,
    sink::{Batch, Message, Operation, Outcome, Response, laws},
};

const URL: &str = "{secret:SLACK_WEBHOOK_URL}";
/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000;
const MINUTE: i64 = 60_000_000;

fn schema() -> Schema {
    use DataType::{Float64, Int64, Text, Timestamp};
    let columns =
        [("window_end", Timestamp), ("model_name", Text), ("avg_latency", Float64), ("requests", Int64)];
    Schema::of("latency", &columns)
}

fn encode(batch: &Batch) -> Vec<Request> {
    batch.encode(&mut Slack::open(&[Literal::Text(URL.into())], batch.schema()).unwrap()).unwrap()
}

fn body(request: &Request) -> &[u8] {
    let Message::Http(http) = &request.message else { panic!("{request:?}") };
    assert_eq!((http.method.as_str(), http.url.as_str()), ("POST", URL));
    assert_eq!(http.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    &http.body
}

fn row<'a>(model: &'a str, latency: Option<f64>) -> [Option<Cell<'a>>; 4] {
    let end = Cell::Timestamp(START + 5 * MINUTE);
    [Some(end), Some(Cell::Text(model)), latency.map(Cell::Float64), Some(Cell::Int64(7))]
}

/// The window that begins so many minutes after the start.
fn window(minutes: i64) -> Option<(i64, i64)> {
    Some((START + minutes * MINUTE, START + (minutes + 5) * MINUTE))
}

/// Counts characters as the limits do, and panics where one is passed.
fn check_limits(body: &[u8]) -> Value {
    let message: Value = serde_json::from_slice(body).unwrap();
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50, "{} blocks", blocks.len());
    assert!(message["blocks"].to_string().len() <= 13_000);
    assert!(message["text"].as_str().unwrap().chars().count() <= 4000);
    for block in blocks {
        let chars = |text: &Value| text["text"].as_str().unwrap().chars().count();
        match block["type"].as_str().unwrap() {
            "header" => assert!((1..=150).contains(&chars(&block["text"]))),
            "context" => assert!(block["elements"].as_array().unwrap().len() <= 10),
            "divider" => {}
            "section" => {
                let fields = block["fields"].as_array().unwrap();
                assert!((1..=10).contains(&fields.len()));
                assert!(fields.iter().all(|field| (1..=2000).contains(&chars(field))));
            }
            other => panic!("{other}"),
        }
    }
    message
}

#[test]
fn the_laws_hold() {
    laws::check::<Slack>(&[Literal::Text(URL.into())], &schema(), false);
}

#[test]
fn the_rows_of_a_window_are_one_message() {
    let batch = Batch::new(&schema())
        .row(window(0), &row("gpt-4 <x> & co", Some(2_350.256_789)))
        .row(window(0), &row("_a_", None))
        .row(window(1), &row("b", Some(1.0)));
    let requests = encode(&batch);
    assert_eq!(requests.iter().map(|request| request.deliveries).collect::<Vec<_>>(), [2, 1]);
    let expected = concat!(
        r#"{"text":"latency: gpt-4 &lt;x&gt; &amp; co, avg_latency 2350.26, requests 7 (and 1 more)","blocks":["#,
        r#"{"type":"header","text":{"type":"plain_text","emoji":false,"text":"latency"}},"#,
        r#"{"type":"context","elements":[{"type":"plain_text","emoji":false,"text":"2026-01-01 00:00:00 – 00:05:00 UTC · 2 rows"}]},"#,
        r#"{"type":"section","fields":["#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"model_name\n*gpt-4 &lt;x&gt; &amp; co*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"avg_latency\n*2350.26*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"requests\n*7*"}]},"#,
        r#"{"type":"divider"},"#,
        r#"{"type":"section","fields":["#,
        r#"{"type":"plain_text","emoji":false,"text":"model_name\n_a_"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"avg_latency\n*–*"},"#,
        r#"{"type":"mrkdwn","verbatim":true,"text":"requests\n*7*"}]}]}"#,
    );
    assert_eq!(str::from_utf8(body(&requests[0])).unwrap(), expected);
    requests.iter().for_each(|request| drop(check_limits(body(request))));
}

#[test]
fn more_rows_than_fit_are_further_messages() {
    let batch = (0..120).fold(Batch::new(&schema()), |batch, _| batch.row(window(0), &row("a", Some(1.0))));
    let requests = encode(&batch);
    assert_eq!(requests.iter().map(|request| request.deliveries).sum::<u32>(), 120);
    let titles: Vec<String> = requests
        .iter()
        .map(|request| check_limits(body(request))["blocks"][0]["text"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(titles[..2], ["latency", "latency (2)"]);
    assert!(requests[..requests.len() - 1].iter().all(|request| request.deliveries >= 15), "{requests:?}");
}

#[test]
fn whatever_is_in_a_row_the_limits_hold() {
    let wide: Vec<(String, DataType)> =
        (0..300).map(|number| (format!("column {number} {}", "&".repeat(100)), DataType::Text)).collect();
    let wide: Vec<(&str, DataType)> = wide.iter().map(|(name, of)| (name.as_str(), *of)).collect();
    for text in ["&".repeat(5000), "é\n".repeat(5000), "\u{1}\"\\".repeat(5000), "𝒳".repeat(5000), "x".into()]
    {
        let schema = Schema::of(&"<q>".repeat(500), &wide);
        let cells = vec![Some(Cell::Text(&text)); wide.len()];
        let requests = encode(&Batch::new(&schema).row(window(0), &cells).row(window(0), &cells));
        for request in &requests {
            let message = check_limits(body(request));
            assert!(message["blocks"].to_string().contains("more columns"), "{message}");
        }
    }
}

#[test]
fn a_row_without_a_window_or_columns_is_told_too() {
    let message = check_limits(body(&encode(&Batch::new(&schema()).row(None, &row("a", None)))[0]));
    assert_eq!(message["blocks"][1]["elements"][0]["text"], "1 row");
    assert!(message.to_string().contains("2026-01-01 00:05:00 UTC"), "the column stays: {message}");
    let empty = Schema::of("q", &[("window_end", DataType::Timestamp)]);
    let batch = Batch::new(&empty).row(window(0), &[Some(Cell::Timestamp(0))]);
    check_limits(body(&encode(&batch)[0]));
}

#[test]
fn a_row_that_changes_says_so() {
    let batch = Batch::new(&schema()).row(window(0), &row("a", None)).operation(Operation::Delete);
    let message = check_limits(body(&encode(&batch)[0]));
    assert!(message.to_string().contains("withdrawn"), "{message}");
}

#[test]
fn what_slack_answers_is_judged() {
    let slack = Slack::open(&[Literal::Text(URL.into())], &schema()).unwrap();
    let request = Request::http(HttpRequest::default(), 2);
    let judge = |status, retry_after: Option<&str>, body: &str| {
        let headers = retry_after.map(|after| ("retry-after".to_owned(), after.to_owned()));
        let response = Response { status, headers: headers.into_iter().collect(), body: body.into() };
        slack.judge(&request, &response)
    };
    assert_eq!(judge(200, None, "ok"), [Outcome::Delivered, Outcome::Delivered]);
    assert_eq!(judge(429, Some("30"), "rate_limited"), vec![Outcome::Retry(Some(30_000)); 2]);
    assert_eq!(judge(500, None, "rollup_error"), vec![Outcome::Retry(None); 2]);
    let gone = Outcome::Rejected("the receiver answered 404: no_service".into());
    assert_eq!(judge(404, None, "no_service"), [gone.clone(), gone]);
}
