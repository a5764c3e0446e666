//! Changes that fail or are killed between their steps: what was before comes back.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use streamgauge_state::{deployment::DeploymentRecord, store::Store};

use crate::{
    host::Host,
    life::{sql, with_input},
};

/// A text that compiles and that cannot be put together: one of its files has lines that it may not touch. The query `counts` is as
/// before, but for `condition`.
fn unusable(host: &Host, condition: &str) -> String {
    let other = host.files().join("other.jsonl");
    fs::write(&other, "{}\n").unwrap();
    format!(
        "{}\nCREATE SINK other WITH (connector = 'file', path = '{}');\nINSERT INTO other SELECT model FROM requests;\n",
        sql(host, condition, ""),
        other.display()
    )
}

fn lines(host: &Host) -> usize {
    fs::read_to_string(host.files().join("out.jsonl")).unwrap().lines().count()
}

#[test]
fn a_kill_while_a_version_that_failed_is_taken_back_leaves_the_one_before() {
    for (point, condition, query) in [
        ("change.failed", "", ""),
        ("change.states_back", "", ""),
        // Its state is removed before it is put together.
        ("change.failed", "WHERE ms > 2", "?reset=counts"),
        ("change.states_back", "WHERE ms > 2", "?reset=counts"),
    ] {
        let mut host = with_input();
        assert!(host.end().success());
        host.start_with(&[("STREAMGAUGE_CRASH", point)]);
        host.put("counts", "", &sql(&host, "", "")).is(201);
        host.until_state("counts", "finished");
        let text = unusable(&host, condition);
        // Who is killed does not answer.
        drop(catch_unwind(AssertUnwindSafe(|| host.put("counts", query, &text))));
        host.wait();
        host.start();
        host.until_state("counts", "finished");
        let shown = host.deployment("counts");
        assert_eq!(shown["version"], 1, "{point} {condition}: {}", host.log());
        assert_eq!(shown["savepoints"].as_array().unwrap().len(), 0, "{point} {condition}");
        assert!(host.log().contains("is as it was before its last change"), "{}", host.log());
        assert_eq!(lines(&host), 3, "{point} {condition}: its state came back, so nothing is read again");
        // The next version has the number of the one that is gone.
        host.put("counts", "", &sql(&host, "", "HAVING count(*) > 0")).is(200);
        assert_eq!(host.deployment("counts")["version"], 2);
        assert!(host.end().success());
    }
}

#[test]
fn a_deployment_that_was_new_and_failed_is_gone_after_a_kill() {
    let mut host = with_input();
    assert!(host.end().success());
    host.start_with(&[("STREAMGAUGE_CRASH", "change.failed")]);
    let text = unusable(&host, "");
    drop(catch_unwind(AssertUnwindSafe(|| host.put("new", "", &text))));
    host.wait();
    host.start();
    host.until("it is gone", || host.get("/v1/deployments/new").status == 404);
    host.put("new", "", &sql(&host, "", "")).is(201);
    host.until_state("new", "finished");
}

/// A savepoint that a rollback was to restore and could not: nothing is built on states that are half restored.
#[test]
fn a_rollback_that_is_not_finished_is_finished_before_the_next_change() {
    for change in ["deploy", "rollback", "resume"] {
        let mut host = with_input();
        host.put("counts", "", &sql(&host, "", "")).is(201);
        host.until_state("counts", "finished");
        host.put("counts", "", &sql(&host, "", "HAVING count(*) > 0")).is(200);
        host.until_state("counts", "finished");
        assert!(host.end().success());
        let state = host.folder.path().join("state");
        let edit = |change: &dyn Fn(&mut DeploymentRecord)| {
            let store = Store::open(state.to_str().unwrap()).unwrap();
            let folder = store.folder("counts").unwrap();
            let mut record = DeploymentRecord::read(&folder).unwrap().unwrap();
            change(&mut record);
            record.write(&folder).unwrap();
        };
        edit(&|record| record.restore = Some(1));
        let (savepoint, hidden) = (state.join("counts/+savepoints/1"), host.folder.path().join("hidden"));
        fs::rename(&savepoint, &hidden).unwrap();
        host.start();
        host.until_state("counts", "failed");
        let text = sql(&host, "", "HAVING count(*) > 1");
        let ask = |host: &Host| match change {
            "deploy" => host.put("counts", "", &text),
            change => host.ask("POST", &format!("/v1/deployments/counts/{change}"), ""),
        };
        let refused = ask(&host).is(409).json();
        let told = refused["detail"].as_str().unwrap();
        assert!(
            told.contains("the savepoint of its rollback is not restored") && told.contains("savepoint 1"),
            "{told}"
        );
        fs::rename(&hidden, &savepoint).unwrap();
        let shown = ask(&host).is(200).json();
        assert_eq!(shown["version"], if change == "deploy" { 3 } else { 2 }, "{change}");
        host.until_state("counts", "finished");
        let timeline = fs::read_dir(state.join("counts/counts"))
            .unwrap()
            .any(|entry| entry.unwrap().file_name() == "timeline");
        assert!(timeline, "{change}: the savepoint was restored, on a timeline of its own");
        assert!(host.end().success());
        edit(&|record| assert_eq!((record.restore, record.trial), (None, None), "{change}"));
    }
}
