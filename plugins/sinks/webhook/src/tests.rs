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
    Webhook::open(&[Literal::Text(URL.into()), Literal::Null], &schema()).unwrap()
}

fn http(request: &Request) -> &HttpRequest {
    let Message::Http(http) = &request.message else { panic!("{request:?}") };
    http
}

#[test]
fn the_laws_hold() {
    laws::check::<Webhook>(&[Literal::Text(URL.into()), Literal::Null], &schema(), false);
    let template =
        r#"{"at": "{window_end}", "text": "{requests} of {slow}: {p95}{p95}", "{slow}": ["{p95}"]}"#;
    laws::check::<Webhook>(&[Literal::Text(URL.into()), template.into()], &schema(), false);
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

/// The body of one row with a template.
fn filled(template: &str, cells: &[Option<Cell<'_>>]) -> Result<String, Error> {
    let mut posts = Webhook::open(&[Literal::Text(URL.into()), template.into()], &plain())?;
    let requests = Batch::new(&plain()).row(None, cells).encode(&mut posts)?;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    Ok(String::from_utf8(http(request).body.clone()).unwrap())
}

fn plain() -> Schema {
    Schema::of("latency", &[("model", DataType::Text), ("n", DataType::Int64), ("at", DataType::Timestamp)])
}

#[test]
fn a_template_is_filled_with_typed_values_and_with_texts() {
    let cells = [Some(Cell::Text("a\"b\\")), Some(Cell::Int64(-7)), Some(Cell::Timestamp(0))];
    let template = r#" { "model" : "{model}", "text": "{model}: {n} at {at}, {{n}}", "{n}": ["{n}", 1.5e3, true, {}],
        "at": "{at}" } "#;
    let body = r#"{"model":"a\"b\\","text":"a\"b\\: -7 at 1970-01-01T00:00:00.000Z, {n}","-7":[-7,1.5e3,true,{}],"at":"1970-01-01T00:00:00.000Z"}"#;
    assert_eq!(filled(template, &cells).as_deref(), Ok(body));
    let nulls = [None, None, None];
    let body = r#"{"a":null,"b":": "}"#;
    assert_eq!(filled(r#"{"a": "{n}", "b": "{n}: {model}"}"#, &nulls).as_deref(), Ok(body));
    // What a value holds is no placeholder.
    let cells = [Some(Cell::Text("{n}")), Some(Cell::Int64(1)), None];
    assert_eq!(filled(r#"["{model} {n}"]"#, &cells).as_deref(), Ok(r#"["{n} 1"]"#));
}

#[test]
fn a_wrong_template_says_why() {
    let said = |template: &str| match filled(template, &[None, None, None]) {
        Err(Error::Invalid(said)) => said,
        other => panic!("{template}: {other:?}"),
    };
    for (template, words) in [
        (r#"{"a": {n}}"#, "`template` is no JSON: expected a name in double quotes, found `n}}`"),
        (r#"{"a": "{m}"}"#, "`template` names `m`, which is no column of the rows: they are model, n, at"),
        (r#"{"a": "{n"}"#, "`template` is no JSON: expected `{column}`, or `{{` for a brace, found `{n\"}`"),
        (r#"{"a": "n}"}"#, "`template` has a `}` without `{`: write `}}` for a brace"),
        (r#"{"a": 01}"#, "`template` is no JSON: expected `,` or `}`, found `1}`"),
        (r#"["a" "b"]"#, "`template` is no JSON: expected `,` or `]`, found `\"b\"]`"),
        (r#"["a"] x"#, "`template` is no JSON: expected nothing more, found `x`"),
        (r#"["\x"]"#, "`template` is no JSON: expected an escape such as `\\n`, found `x\"]`"),
        ("", "`template` is no JSON: expected a value, with `{column}` in double quotes, found its end"),
        ("[1", "`template` is no JSON: expected `,` or `]`, found its end"),
    ] {
        assert_eq!(said(template), words, "{template}");
    }
    assert!(said(&"[".repeat(200)).starts_with("`template` has more than 64 arrays"));
    assert!(filled(&format!("{}{}", "[".repeat(60), "]".repeat(60)), &[None, None, None]).is_ok());
}
