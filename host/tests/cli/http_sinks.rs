//! Sinks of APIs: what PagerDuty, Alertmanager and a receiver of JSON of its own form get.

use std::{fs, net::TcpListener, thread};

use serde_json::{Value, json};

use crate::{
    kept::{answer, folder, over_events, program, run},
    outcome,
};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    (listener, url)
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// The one request that a sink makes of the event 1.
fn sent(with: &str, select: &str, environment: &[(&str, &str)]) -> (String, String) {
    let (listener, url) = listener();
    let folder = folder(&format!(
        "CREATE SINK w WITH (connector = {with}, url = '{url}', allow_private = 'true');
         INSERT INTO w SELECT {select} FROM s WHERE n = 1;"
    ));
    let took = thread::spawn(move || answer(&listener, "202 Accepted"));
    let mut command = run(folder.path(), &["--input", "s=events.jsonl"]);
    let (exit, _, said) = outcome(command.envs(environment.iter().copied()));
    assert_eq!(exit, 0, "{said}");
    took.join().unwrap()
}

#[test]
fn pagerduty_gets_an_event_with_the_key_that_no_state_holds() {
    let (down, wrong) = listener();
    let (up, right) = listener();
    let sink = |url: &str| {
        format!(
            "CREATE SINK w WITH (connector = 'pagerduty', url = '{url}', allow_private = 'true', severity = 'warning',
               routing_key = secret('PD_KEY'));
             INSERT INTO w SELECT n, model || '{{option:routing_key}}' AS model FROM s WHERE n = 1;"
        )
    };
    let folder = folder(&sink(&wrong));
    let arguments = ["--input", "s=events.jsonl", "--state", "state", "--drain-timeout", "300ms"];
    let took = thread::spawn(move || answer(&down, "503 Service Unavailable"));
    let (exit, _, said) = outcome(run(folder.path(), &arguments).env("PD_KEY", KEY));
    assert_eq!(exit, 3, "{said}");
    let (_, first) = took.join().unwrap();
    let event = parsed(&first);
    assert_eq!(event["routing_key"], KEY);
    assert_eq!(
        (&event["event_action"], &event["payload"]["severity"]),
        (&json!("trigger"), &json!("warning"))
    );
    assert_eq!(event["payload"]["source"], "insert_w_1");
    // What a row says is no option.
    assert_eq!(event["payload"]["custom_details"], json!({"n": 1, "model": "a{option:routing_key}"}));
    let dedup_key = event["dedup_key"].as_str().unwrap();
    assert!(!dedup_key.is_empty() && dedup_key.len() <= 255, "{dedup_key}");

    // The row that waited has the key that the secret has now, and the same dedup_key.
    program(folder.path(), &sink(&right));
    let took = thread::spawn(move || answer(&up, "202 Accepted"));
    let other = KEY.replace('0', "f");
    let (exit, _, again) = outcome(run(folder.path(), &arguments).env("PD_KEY", &other));
    assert_eq!(exit, 0, "{again}");
    let (_, second) = took.join().unwrap();
    assert_eq!(second, first.replace(KEY, &other));
    for told in [said, again] {
        assert!(!told.contains(KEY) && !told.contains(&other), "{told}");
    }
    let mut folders = vec![folder.path().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let bytes = fs::read(&entry).unwrap();
                assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{}", entry.display());
            }
        }
    }
}

#[test]
fn alertmanager_gets_labels_and_annotations() {
    let with = "'alertmanager', alertname = 'TooSlow', labels = 'model'";
    let (head, body) = sent(with, "model, n, n > 0 AS ok", &[]);
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    let due = json!([{
        "labels": {"alertname": "TooSlow", "model": "a"},
        "annotations": {"n": "1", "ok": "true"},
    }]);
    assert_eq!(parsed(&body), due);
}

#[test]
fn a_template_is_the_body_of_a_webhook() {
    let with = r#"'webhook', headers = ("X-Team" = 'ml'),
        template = '{"text": "{model} has {n}", "n": "{n}", "none": "{no}", "fixed": [1, true]}'"#;
    let (head, body) = sent(with, "model, n, nullif(n, 1) AS no", &[]);
    assert!(head.contains("\r\nx-team: ml\r\n") && head.contains("\r\nidempotency-key: "), "{head}");
    assert_eq!(body, r#"{"text":"a has 1","n":1,"none":null,"fixed":[1,true]}"#);
}

#[test]
fn what_a_sink_would_refuse_is_told_by_check() {
    for (with, select, words) in [
        ("'pagerduty', routing_key = 'abc'", "n", "secret('NAME')"),
        ("'pagerduty'", "n", "routing_key"),
        ("'pagerduty', routing_key = secret('K'), severity = 'bad'", "n", "`severity` is 'bad'"),
        ("'alertmanager', labels = 'm'", "n", "`labels` names `m`, which is no column of the rows"),
        ("'alertmanager', resolve_after = 0", "n", "`resolve_after` must be a number of seconds above 0"),
        (
            "'webhook', template = '{\"a\": \"{m}\"}'",
            "n",
            "names `m`, which is no column of the rows: they are n",
        ),
        ("'webhook', template = '{\"a\": {n}}'", "n", "`template` is no JSON"),
    ] {
        let folder = folder(&format!(
            "CREATE SINK w WITH (connector = {with}, url = 'https://example.com/');
             INSERT INTO w SELECT {select} FROM s;"
        ));
        let mut check = crate::streamgauge();
        let (exit, _, said) = outcome(check.current_dir(folder.path()).args(["check", "query.sql"]));
        assert_eq!(exit, 1, "{with}: {said}");
        assert!(said.contains(words), "{with}: {said}");
    }
    let folder = folder(
        "CREATE SINK w WITH (connector = 'pagerduty', url = 'https://example.com/', routing_key = secret('NOWHERE')); INSERT INTO w SELECT n FROM s;",
    );
    let (exit, _, said) = over_events(folder.path(), &[]);
    assert_ne!(exit, 0);
    assert!(said.contains("secret 'NOWHERE'"), "{said}");
}
