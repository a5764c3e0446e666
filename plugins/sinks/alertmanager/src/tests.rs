//! Rows and transitions as alerts, seen from outside.

use streamgauge_sdk::{
    Cell,
    sink::{Batch, Message, laws},
};

use super::*;

fn options(labels: Option<&str>, resolve_after: Option<i64>) -> [Literal; 4] {
    [
        "{option:url}".into(),
        Literal::Null,
        labels.map_or(Literal::Null, Literal::from),
        resolve_after.map_or(Literal::Null, Literal::from),
    ]
}

fn schema() -> Schema {
    use DataType::{Boolean, Float64, Int64, Text};
    Schema::of("slow", &[("model", Text), ("p95 ms", Float64), ("n", Int64), ("ok", Boolean)])
}

fn body(request: &Request) -> String {
    let Message::Http(http) = &request.message else { panic!("{request:?}") };
    assert_eq!((http.method.as_str(), http.url.as_str(), request.deliveries), ("POST", "{option:url}", 1));
    String::from_utf8(http.body.clone()).unwrap()
}

#[test]
fn the_laws_hold() {
    laws::check::<Alertmanager>(&options(None, None), &schema(), false);
    laws::check::<Alertmanager>(&options(Some("n, ok"), Some(i64::MAX)), &schema(), false);
}

#[test]
fn a_row_is_an_alert() {
    let window = Some((0, 60_000_000));
    let cells = [Some(Cell::Text("a\"b")), Some(Cell::Float64(2.5)), Some(Cell::Int64(7)), None];
    let batch =
        Batch::new(&schema()).row(window, &cells).row(window, &[Some(Cell::Text("")), None, None, None]);
    let of = |options: &[Literal]| -> Vec<String> {
        let mut alerts = Alertmanager::open(options, &schema()).unwrap();
        batch.encode(&mut alerts).unwrap().iter().map(body).collect()
    };
    let [one, empty] = of(&options(None, None)).try_into().unwrap();
    assert_eq!(
        one,
        r#"[{"labels":{"alertname":"slow","model":"a\"b"},"annotations":{"p95_ms":"2.5","n":"7"},"startsAt":"1970-01-01T00:01:00.000Z"}]"#
    );
    assert_eq!(
        empty,
        r#"[{"labels":{"alertname":"slow"},"annotations":{},"startsAt":"1970-01-01T00:01:00.000Z"}]"#
    );
    let [one, _] = of(&options(Some("n,model"), Some(300))).try_into().unwrap();
    assert_eq!(
        one,
        concat!(
            r#"[{"labels":{"alertname":"slow","model":"a\"b","n":"7"},"annotations":{"p95_ms":"2.5"},"#,
            r#""startsAt":"1970-01-01T00:01:00.000Z","endsAt":"1970-01-01T00:06:00.000Z"}]"#
        )
    );
}

#[test]
fn transitions_of_alerts_begin_and_end() {
    let mut alerts = Alertmanager::open(&options(None, None), &schema()).unwrap();
    let alert = |state| Alert {
        key: "key".into(),
        name: "TooSlow".into(),
        state,
        labels: vec![("team".into(), "infra".into()), ("model".into(), "other".into())],
        annotations: vec![("summary".into(), "p95 is 2 s".into())],
        starts_at: 60_000_000,
        window_end: 180_000_000,
        reason: "no_data".into(),
        group: vec![("model".into(), "a".into()), ("n".into(), Literal::Null)],
        row: None,
    };
    let made = [AlertState::Pending, AlertState::Firing, AlertState::Resolved].map(alert);
    let [pending, firing, resolved] =
        alerts.encode_alerts(&made).unwrap().iter().map(body).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(pending, "[]");
    let begun = concat!(
        r#"[{"labels":{"alertname":"TooSlow","model":"a","team":"infra"},"#,
        r#""annotations":{"summary":"p95 is 2 s","reason":"no_data"},"startsAt":"1970-01-01T00:01:00.000Z""#
    );
    assert_eq!(firing, format!("{begun}}}]"));
    assert_eq!(resolved, format!("{begun},\"endsAt\":\"1970-01-01T00:03:00.000Z\"}}]"));
}

#[test]
fn wrong_options_say_what_to_write() {
    let said = |options: [Literal; 4], schema: &Schema| match Alertmanager::open(&options, schema) {
        Err(Error::Invalid(said)) => said,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        said(options(Some("m"), None), &schema()),
        "`labels` names `m`, which is no column of the rows"
    );
    assert_eq!(
        said(options(None, Some(0)), &schema()),
        "`resolve_after` must be a number of seconds above 0"
    );
    let twice = Schema::of("q", &[("a b", DataType::Text), ("a-b", DataType::Text)]);
    assert_eq!(
        said(options(None, None), &twice),
        "two labels are called `a_b`: give the column `a-b` another name"
    );
    let named = Schema::of("q", &[("alertname", DataType::Text)]);
    assert!(said(options(None, None), &named).starts_with("two labels are called `alertname`"));
}
