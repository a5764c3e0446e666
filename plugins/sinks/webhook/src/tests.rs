//! Rows as POSTs, seen from outside.

use super::*;

use streamgauge_sdk::{
    Cell,
    sink::{Batch, Message, Outcome, Response, laws},
};

const URL: &str = "https://example.com/{secret:TOKEN}";

fn schema() -> Schema {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    let columns = [
        ("window_end", Timestamp),
        ("model \"x\"", Text),
        ("p95", Float64),
        ("requests", Int64),
        ("slow", Boolean),
    ];
    Schema::of("latency", &columns)
}

fn open() -> Posts {
    Webhook::open(&[Literal::Text(URL.into())], &schema()).unwrap()
}

fn http(request: &Request) -> &HttpRequest {
    let Message::Http(http) = &request.message else { panic!("{request:?}") };
    http
}

#[test]
fn the_laws_hold() {
    laws::check::<Webhook>(&[Literal::Text(URL.into())], &schema(), false);
}

#[test]
fn a_row_is_a_post_with_its_key() {
    let end = Some(Cell::Timestamp(1_767_225_900_123_999));
    let batch = Batch::new(&schema())
        .row(
            None,
            &[
                end,
                Some(Cell::Text("é \"q\"\n/")),
                Some(Cell::Float64(2000.0)),
                Some(Cell::Int64(i64::MIN)),
                Some(Cell::Boolean(true)),
            ],
        )
        .row(None, &[end, None, Some(Cell::Float64(f64::NAN)), None, None]);
    let requests = batch.encode(&mut open()).unwrap();
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((first.deliveries, second.deliveries), (1, 1));

    let HttpRequest { method, url, headers, body } = http(first);
    assert_eq!((method.as_str(), url.as_str()), ("POST", URL));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        headers,
        [("content-type", "application/json"), ("idempotency-key", "\"key-1\""), ("webhook-id", "key-1")]
    );
    assert_eq!(
        str::from_utf8(body).unwrap(),
        r#"{"window_end":"2026-01-01T00:05:00.123Z","model \"x\"":"é \"q\"\n/","p95":2000.0,"requests":-9223372036854775808,"slow":true}"#
    );
    assert_eq!(
        str::from_utf8(&http(second).body).unwrap(),
        r#"{"window_end":"2026-01-01T00:05:00.123Z","model \"x\"":null,"p95":null,"requests":null,"slow":null}"#
    );
}

#[test]
fn a_key_is_a_string_of_a_structured_header() {
    assert_eq!(quoted("a"), "\"a\"");
    assert_eq!(quoted(r#"a"\"#), r#""a\"\\""#);
}

#[test]
fn an_answer_is_judged_as_http_says() {
    let request = Request::http(HttpRequest::default(), 1);
    let judge = |status, body: &str| {
        let response = Response { status, headers: Vec::new(), body: body.into() };
        open().judge(&request, &response)
    };
    assert_eq!(judge(204, ""), [Outcome::Delivered]);
    assert_eq!(judge(500, "oops"), [Outcome::Retry(None)]);
    assert_eq!(judge(410, "gone"), [Outcome::Rejected("the receiver answered 410: gone".into())]);
}

#[test]
fn without_a_url_it_does_not_open() {
    for options in [&[][..], &[Literal::Null], &[Literal::Int64(7)]] {
        assert!(matches!(Webhook::open(options, &schema()), Err(Error::Invalid(_))));
    }
}
