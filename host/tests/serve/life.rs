//! The life of a deployment, over files: what is deployed, changed, dropped and brought back, and what a restart keeps.

use std::fs;

use serde_json::{Value, json};

use crate::host::{Host, write};

/// Counts events by model; a file is its input.
pub(crate) fn sql(host: &Host, condition: &str, having: &str) -> String {
    let files = host.files();
    let files = files.display();
    format!(
        "CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'file', path = '{files}/in.jsonl', format = 'json');
         CREATE SINK out WITH (connector = 'file', path = '{files}/out.jsonl', mode = 'append');
         CREATE VIEW counts AS SELECT window_end, model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
         {condition} GROUP BY window_end, model {having};
         INSERT INTO out SELECT * FROM counts;"
    )
}

pub(crate) fn with_input() -> Host {
    let host = Host::of_files();
    write(
        &host.files().join("in.jsonl"),
        &[
            r#"{"model":"a","ms":1.5,"ts":"2026-01-01T00:00:01Z"}"#,
            r#"{"model":"a","ms":2.5,"ts":"2026-01-01T00:00:02Z"}"#,
            r#"{"model":"b","ms":"x","ts":"2026-01-01T00:00:03Z"}"#,
            r#"{"model":"b","ms":4.5,"ts":"2026-01-01T00:01:03Z"}"#,
        ],
    );
    host
}

fn actions(plan: &Value) -> Vec<(String, String)> {
    let queries = plan["queries"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    queries.map(|query| (text(&query["name"]), text(&query["action"]))).collect()
}

#[test]
fn a_deployment_begins_shows_its_rows_and_comes_back_after_a_kill() {
    let mut host = with_input();
    let text = sql(&host, "", "");
    let plan = host.put("counts", "?plan=true", &text).is(200).json();
    assert_eq!((&plan["version"], &plan["changes"]), (&Value::Null, &json!(true)));
    assert_eq!(actions(&plan), [("counts".to_owned(), "warm".to_owned())]);
    assert_eq!(plan["queries"][0]["readers"], json!(["insert_out_1"]));
    assert_eq!(host.get("/v1/deployments").json(), json!({"deployments": []}), "a plan changes nothing");

    let new =
        host.put("counts", &format!("?plan_digest={}&wait=true", plan["digest"].as_str().unwrap()), &text);
    assert_eq!(new.is(201).json()["version"], 1);
    host.until_state("counts", "finished");
    let rows = [
        r#"{"window_end":"2026-01-01T00:01:00.000Z","model":"a","n":2}"#,
        r#"{"window_end":"2026-01-01T00:01:00.000Z","model":"b","n":1}"#,
        r#"{"window_end":"2026-01-01T00:02:00.000Z","model":"b","n":1}"#,
    ];
    let written = fs::read_to_string(host.files().join("out.jsonl")).unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), rows);
    let shown = host.get("/v1/queries/counts.counts/rows").is(200).json();
    let body = host.get("/v1/queries/counts.counts/rows").body;
    assert!(body.contains(rows[0]), "fields are in their order: {body}");
    let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(shown, json!({"rows": rows, "dropped": 0}));
    let last = host.get("/v1/queries/counts.insert_out_1/rows?limit=1").json();
    assert_eq!(last, json!({"rows": [rows[2]], "dropped": 0}));

    let equal = host.put("counts", "", &text).is(200).json();
    assert_eq!((equal["version"].as_u64(), equal["text"].as_str()), (Some(1), Some(text.as_str())));
    host.kill();
    host.start();
    host.until_state("counts", "finished");
    assert_eq!(host.deployment("counts")["text"], json!(text));
    assert_eq!(fs::read_to_string(host.files().join("out.jsonl")).unwrap(), written, "nothing comes twice");
    assert!(host.end().success());
}

#[test]
fn a_mistake_is_told_with_its_place_and_disturbs_nothing() {
    let host = with_input();
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    let problem = host.put("counts", "", "SELECT modl FROM requests;\nSELEC").is(422);
    assert!(problem.head.contains("application/problem+json"), "{}", problem.head);
    let problem = problem.json();
    assert_eq!(problem["type"], "urn:streamgauge:problem:sql");
    let first = &problem["diagnostics"][0];
    assert_eq!(
        (&first["file"], &first["line"], &first["severity"]),
        (&json!("counts.sql"), &json!(1), &json!("error"))
    );
    assert!(problem["diagnostics"].as_array().unwrap().len() > 1, "all at once: {problem}");
    assert_eq!(host.put("other", "", "").is(422).json()["type"], "urn:streamgauge:problem:sql");
    assert_eq!(host.deployment("counts")["version"], 1);
    host.get("/v1/deployments/other").is(404);
    // It compiles, and cannot be put together: the file is not there.
    let text = sql(&host, "", "").replace("in.jsonl", "none.jsonl");
    assert_eq!(host.put("other", "", &text).is(422).json()["type"], "urn:streamgauge:problem:unusable");
    host.get("/v1/deployments/other").is(404);
    assert_eq!(
        host.put("counts", "?reset=counts", &text).is(422).json()["type"],
        "urn:streamgauge:problem:unusable"
    );
    assert_eq!(
        (host.deployment("counts")["version"].as_u64(), host.state_of("counts").as_str()),
        (Some(1), "finished")
    );
    assert_eq!(
        fs::read_to_string(host.files().join("out.jsonl")).unwrap().lines().count(),
        3,
        "its state came back"
    );
}

#[test]
fn other_windows_over_a_view_are_a_reset_of_the_view_that_has_their_state() {
    let host = with_input();
    let over = |size: &str, having: &str| {
        sql(&host, "", having).replace(
            "SELECT * FROM counts",
            &format!("SELECT window_end, sum(n) AS n FROM TUMBLE(counts, window_end, INTERVAL '{size}') GROUP BY window_end"),
        )
    };
    host.put("counts", "", &over("1 hour", "")).is(201);
    host.until_state("counts", "finished");
    let planned = |text: &str| {
        let plan = host.put("counts", "?plan=true", text).is(200).json();
        let reason = plan["queries"][0]["reason"].as_str().unwrap_or_default().to_owned();
        (actions(&plan), reason)
    };
    let kept = [("counts".to_owned(), "keep".to_owned())];
    let reset = [("counts".to_owned(), "reset".to_owned())];
    let same = over("1 hour", "").replace("sum(n) AS n", "sum(n) AS total");
    assert_eq!(planned(&same).0, kept, "the SELECT list of the outer windows");
    for changed in [over("2 hours", ""), over("1 hour", "HAVING count(*) > 1"), sql(&host, "", "")] {
        let (actions, reason) = planned(&changed);
        assert_eq!(actions, reset, "{changed}");
        assert!(reason.contains("changed or gone") && reason.contains("windows of 3600 s"), "{reason}");
        assert_eq!(host.put("counts", "", &changed).is(409).json()["type"], "urn:streamgauge:problem:reset");
    }
    host.put("counts", "?reset=counts", &over("2 hours", "")).is(200);
    host.until_state("counts", "finished");
    let written = fs::read_to_string(host.files().join("out.jsonl")).unwrap();
    let ends: Vec<&str> = written.lines().map(|line| &line[15..31]).collect();
    assert_eq!(ends, ["2026-01-01T01:00", "2026-01-01T02:00"], "{written}");
}

#[test]
fn what_state_depends_on_is_reset_only_where_that_is_asked_for() {
    let mut host = with_input();
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    let having = sql(&host, "", "HAVING count(*) > 1");
    let plan = host.put("counts", "?plan=true", &having).is(200).json();
    assert_eq!(actions(&plan), [("counts".to_owned(), "keep".to_owned())]);
    host.put("counts", "", &having).is(200);
    host.until_state("counts", "finished");
    assert_eq!(host.deployment("counts")["version"], 2);

    let changed = sql(&host, "WHERE ms > 2", "");
    let plan = host.put("counts", "?plan=true", &changed).is(200).json();
    assert_eq!(actions(&plan), [("counts".to_owned(), "reset".to_owned())]);
    let reason = plan["queries"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("WHERE"), "{reason}");
    let refused = host.put("counts", "", &changed).is(409).json();
    assert_eq!(refused["type"], "urn:streamgauge:problem:reset");
    assert_eq!(refused["plan"]["digest"], plan["digest"]);
    assert_eq!(host.deployment("counts")["version"], 2, "nothing was done");
    assert_eq!(
        host.put("counts", "?reset=none", &changed).is(422).json()["type"],
        "urn:streamgauge:problem:unusable"
    );
    let stale = host.put("counts", "?plan_digest=0123456789abcdef&reset=counts", &changed).is(409).json();
    assert_eq!(stale["type"], "urn:streamgauge:problem:stale-plan");
    let digest = stale["plan"]["digest"].as_str().unwrap();
    host.put("counts", &format!("?plan_digest={digest}&reset=counts"), &changed).is(200);
    host.until_state("counts", "finished");
    let written = fs::read_to_string(host.files().join("out.jsonl")).unwrap();
    let counted = |line: &str| line.ends_with(r#""model":"a","n":1}"#);
    assert_eq!(
        written.lines().filter(|line| counted(line)).count(),
        1,
        "the reset query counts anew: {written}"
    );

    host.kill();
    host.start();
    host.until_state("counts", "finished");
    assert_eq!(host.deployment("counts")["version"], 3);
    host.ask("POST", "/v1/deployments/counts/rollback", "").is(200);
    host.until_state("counts", "finished");
    let back = host.deployment("counts");
    assert_eq!((back["version"].as_u64(), back["text"].as_str()), (Some(4), Some(having.as_str())));
    assert_eq!(
        fs::read_to_string(host.files().join("out.jsonl")).unwrap(),
        written,
        "the state of then had read all"
    );
}

#[test]
fn a_dropped_deployment_keeps_its_state_for_who_asks_for_it() {
    let mut host = with_input();
    let text = sql(&host, "", "");
    host.put("counts", "", &text).is(201);
    host.until_state("counts", "finished");
    host.ask("DELETE", "/v1/deployments/counts", "").is(204);
    host.ask("DELETE", "/v1/deployments/counts", "").is(404);
    assert_eq!(host.state_of("counts"), "dropped");
    assert_eq!(host.put("counts", "", &text).is(409).json()["type"], "urn:streamgauge:problem:dropped");
    host.kill();
    host.start();
    assert_eq!(host.state_of("counts"), "dropped");
    host.put("counts", "?restore=true", &text).is(200);
    host.until_state("counts", "finished");
    assert_eq!(fs::read_to_string(host.files().join("out.jsonl")).unwrap().lines().count(), 3);
    host.ask("DELETE", "/v1/deployments/counts?purge=true", "").is(204);
    host.get("/v1/deployments/counts").is(404);
    host.put("counts", "", &text).is(201);
    host.until_state("counts", "finished");
    assert_eq!(
        fs::read_to_string(host.files().join("out.jsonl")).unwrap().lines().count(),
        6,
        "it began anew"
    );
}

#[test]
fn dead_letters_are_shown_by_query() {
    let host = with_input();
    host.put("slow", "", &sql(&host, "WHERE ms > 2", "")).is(201);
    host.until_state("slow", "finished");
    let shown = host.get("/v1/queries/slow.counts/dead-letters").is(200).json();
    let letter = &shown["rows"][0];
    assert_eq!(
        (&letter["reason"], &letter["query"], &letter["offset"]),
        (&json!("wrong_type"), &json!("counts"), &json!(2))
    );
    assert_eq!(shown["rows"].as_array().unwrap().len(), 1);
    host.get("/v1/queries/slow.none/dead-letters").is(404);
}

#[test]
fn a_place_that_holds_something_else_is_refused() {
    let mut host = with_input();
    assert!(host.end().success());
    fs::create_dir_all(host.folder.path().join("state/lost+found")).unwrap();
    host.start();
    assert!(host.end().success());
    fs::create_dir_all(host.folder.path().join("state/counts")).unwrap();
    fs::write(host.folder.path().join("state/counts/query"), b"SGQUERY\0").unwrap();
    let config = host.folder.path().join("host.toml");
    let refused = host.command(&["serve", "--config", config.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{told}");
    assert!(told.contains("holds the state of a query 'counts', and no deployment"), "{told}");
}

#[test]
fn a_deployment_that_makes_the_host_panic_again_and_again_is_not_started() {
    let mut host = with_input();
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    host.ask("DELETE", "/v1/deployments/counts?purge=true", "").is(204);
    host.put("other", "", &sql(&host, "", "").replace("out.jsonl", "other.jsonl")).is(201);
    host.until_state("other", "finished");
    assert!(host.end().success());
    for turn in 1..=3 {
        host.start_with(&[("STREAMGAUGE_PANIC", "close.decided")]);
        if turn == 1 {
            // It may panic before it can answer.
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                host.put("counts", "", &sql(&host, "", ""))
            })));
        }
        host.wait();
    }
    host.start_with(&[("STREAMGAUGE_PANIC", "close.decided")]);
    host.until_state("counts", "failed");
    let reason = host.deployment("counts")["reason"].to_string();
    assert!(reason.contains("ended the host 3 times"), "{reason}");
    host.until_state("other", "finished");
    assert!(host.end().success());
    host.start();
    host.until_state("counts", "failed");
    host.put("counts", "", &sql(&host, "", "")).is(200);
    host.until_state("counts", "finished");
    assert_eq!(
        fs::read_to_string(host.files().join("out.jsonl")).unwrap().lines().count(),
        6,
        "each deployment's rows once"
    );
}

#[test]
fn what_a_kill_leaves_of_a_deployment_that_was_begun_or_purged_stops_nobody() {
    let mut host = with_input();
    assert!(host.end().success());
    let state = host.folder.path().join("state");
    fs::create_dir_all(state.join("begun")).unwrap();
    fs::write(state.join("begun/deployment#1"), "").unwrap();
    fs::create_dir_all(state.join("purged/+outputs")).unwrap();
    fs::write(state.join("purged/statements"), "x").unwrap();
    fs::create_dir_all(state.join("damaged")).unwrap();
    fs::write(state.join("damaged/deployment"), "x").unwrap();
    host.start();
    host.until_state("damaged", "failed");
    assert_eq!(
        host.put("damaged", "", &sql(&host, "", "")).is(409).json()["type"],
        "urn:streamgauge:problem:conflict"
    );
    host.ask("DELETE", "/v1/deployments/damaged?purge=true", "").is(204);
    for name in ["begun", "purged", "damaged"] {
        host.get(&format!("/v1/deployments/{name}")).is(404);
        let text = sql(&host, "", "").replace("out.jsonl", &format!("{name}.jsonl"));
        host.put(name, "", &text).is(201);
        host.until_state(name, "finished");
    }
}

#[test]
fn a_rollback_whose_savepoint_is_gone_is_refused_and_removes_nothing() {
    let host = with_input();
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    host.put("counts", "", &sql(&host, "", "HAVING count(*) > 0")).is(200);
    host.until_state("counts", "finished");
    let state = host.folder.path().join("state/counts");
    fs::remove_dir_all(state.join("+savepoints/1")).unwrap();
    let refused = host.ask("POST", "/v1/deployments/counts/rollback", "").is(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("savepoint 1"), "{refused}");
    assert_eq!(
        (host.deployment("counts")["version"].as_u64(), host.state_of("counts").as_str()),
        (Some(2), "finished")
    );
    assert!(state.join("counts/query").exists());
}

#[test]
fn old_savepoints_go_when_the_version_after_them_runs_and_not_before() {
    let mut host = with_input();
    assert!(host.end().success());
    host.start_with(&[("STREAMGAUGE_STATE_SAVEPOINTS_KEPT", "1")]);
    let savepoints = |host: &Host| -> Vec<String> {
        let folder = host.folder.path().join("state/counts/+savepoints");
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    host.put("counts", "", &sql(&host, "", "HAVING count(*) > 0")).is(200);
    host.until_state("counts", "finished");
    assert_eq!(savepoints(&host), ["1"]);
    host.ask("POST", "/v1/deployments/counts/rollback", "").is(200);
    host.until_state("counts", "finished");
    assert_eq!(host.deployment("counts")["version"].as_u64(), Some(3));
    assert_eq!(savepoints(&host), ["1", "2"], "the one that was restored, and the newest");
    // A version whose file cannot be opened does not start: everything is as before.
    let unusable = sql(&host, "", "").replace("out.jsonl", "folder");
    fs::create_dir(host.files().join("folder")).unwrap();
    let refused = host.ask("PUT", "/v1/deployments/counts", &unusable);
    assert!(refused.status >= 400, "{}", refused.body);
    assert_eq!(host.deployment("counts")["version"].as_u64(), Some(3));
    assert_eq!(savepoints(&host), ["1", "2"], "they are as they were");
    host.put("counts", "", &sql(&host, "", "HAVING count(*) > 1")).is(200);
    assert_eq!(savepoints(&host), ["3"]);
}

#[test]
fn states_that_are_damaged_are_reset_where_that_is_asked_for() {
    let mut host = with_input();
    host.put("counts", "", &sql(&host, "", "")).is(201);
    host.until_state("counts", "finished");
    assert!(host.end().success());
    let state = host.folder.path().join("state/counts/counts");
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-") {
            fs::write(path, "damaged").unwrap();
        }
    }
    host.start();
    host.until_state("counts", "failed");
    let plan = host.put("counts", "?plan=true", &sql(&host, "", "")).is(200).json();
    assert_eq!(actions(&plan), [("counts".to_owned(), "reset".to_owned())]);
    host.put("counts", "?reset=counts", &sql(&host, "", "")).is(200);
    host.until_state("counts", "finished");
}

#[test]
fn views_that_read_views_too_often_are_refused_and_end_nothing() {
    let host = with_input();
    let files = host.files();
    let mut text = format!(
        "CREATE SOURCE f (model TEXT) WITH (connector = 'file', path = '{}/in.jsonl', format = 'json');\nCREATE VIEW v0 AS SELECT model FROM f;\n",
        files.display()
    );
    for number in 1..400 {
        text.push_str(&format!("CREATE VIEW v{number} AS SELECT model FROM v{};\n", number - 1));
    }
    let deep = format!("{text}SELECT model FROM v399;");
    assert!(host.put("deep", "", &deep).is(422).body.contains("one behind the other"));
    let text = format!("{text}SELECT model FROM v99;");
    host.put("deep", "", &text).is(201);
    host.until_state("deep", "finished");
}
