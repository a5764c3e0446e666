//! Going back to earlier versions, one after the other or to one that is named.

use serde_json::{Value, json};

use crate::{
    host::Host,
    life::{sql, with_input},
};

const HAVING: [&str; 3] = ["", "HAVING count(*) > 0", "HAVING count(*) > 1"];

/// Versions 1, 2 and 3 of a deployment.
fn deploy_three(host: &Host) {
    for (index, having) in HAVING.into_iter().enumerate() {
        host.put("counts", "", &sql(host, "", having)).is(if index == 0 { 201 } else { 200 });
        host.until_state("counts", "finished");
    }
}

/// The version that runs, and which of the texts it has.
fn version(host: &Host) -> (u64, usize) {
    let shown = host.deployment("counts");
    let text = HAVING.iter().rposition(|having| shown["text"] == json!(sql(host, "", having)));
    (shown["version"].as_u64().unwrap(), text.expect("one of them") + 1)
}

fn roll_back(host: &Host, query: &str, status: u16) -> Value {
    let answer = host.ask("POST", &format!("/v1/deployments/counts/rollback{query}"), "").is(status).json();
    host.until_state("counts", "finished");
    answer
}

#[test]
fn each_rollback_goes_further_back_and_one_can_be_named() {
    let host = with_input();
    deploy_three(&host);
    assert_eq!(host.deployment("counts")["rolls_back_to"], 2);
    roll_back(&host, "", 200);
    assert_eq!(version(&host), (4, 2));
    let shown = host.deployment("counts");
    assert_eq!((&shown["repeats"], &shown["rolls_back_to"]), (&json!(2), &json!(1)));
    let output = host.command(&["show", "counts"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("deployment 'counts': finished, version 4 since ")
            && text.contains(", version 2 again\n"),
        "{text}"
    );
    let marked: Vec<&str> = text.lines().filter(|line| line.ends_with(" <- rollback")).collect();
    assert!(marked.len() == 1 && marked[0].starts_with("version 1 of "), "{text}");
    roll_back(&host, "", 200);
    assert_eq!(version(&host), (5, 1));
    let refused = roll_back(&host, "", 409);
    assert!(refused["detail"].as_str().unwrap().contains("has no version before this one"), "{refused}");
    assert_eq!(version(&host), (5, 1));
    let output = host.command(&["rollback", "counts", "--to", "3"]);
    assert!(output.status.success(), "{output:?}");
    host.until_state("counts", "finished");
    assert_eq!(version(&host), (6, 3));
    assert_eq!(host.deployment("counts")["rolls_back_to"], 2, "as version 3 did");
    let earlier = host.command(&["show", "counts", "--sql", "--version", "2"]);
    assert_eq!(String::from_utf8(earlier.stdout).unwrap(), sql(&host, "", HAVING[1]));
    let unknown = host.get("/v1/deployments/counts?version=99").is(404).json();
    assert_eq!(unknown["detail"], "deployment 'counts' has no version 99 any more or yet");
    let refused = roll_back(&host, "?to=99", 409);
    let told = refused["detail"].as_str().unwrap();
    assert!(told.contains("has no version 99") && told.ends_with("are kept: 1, 2, 3, 4, 5"), "{told}");
    let refused = roll_back(&host, "?to=6", 409);
    assert!(refused["detail"].as_str().unwrap().contains("is the one that runs"), "{refused}");
    host.ask("POST", "/v1/deployments/counts/rollback?to=0", "").is(400);
    // What is deployed behind rollbacks goes back to the last of them.
    host.put("counts", "", &sql(&host, "", HAVING[0])).is(200);
    host.until_state("counts", "finished");
    roll_back(&host, "", 200);
    assert_eq!(version(&host), (8, 3));
}

#[test]
fn how_far_back_it_goes_is_bounded_by_the_savepoints_that_are_kept() {
    let mut host = with_input();
    assert!(host.end().success());
    host.start_with(&[("STREAMGAUGE_STATE_SAVEPOINTS_KEPT", "1")]);
    deploy_three(&host);
    roll_back(&host, "", 200);
    assert_eq!(version(&host), (4, 2));
    let refused = roll_back(&host, "", 409);
    let told = refused["detail"].as_str().unwrap();
    assert!(told.contains("the savepoint of version 1 is gone, as `state.savepoints_kept` is 1"), "{told}");
    assert_eq!(version(&host), (4, 2));
    let output = host.command(&["show", "counts"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("its savepoint is gone: no rollback to it"), "{text}");
}
