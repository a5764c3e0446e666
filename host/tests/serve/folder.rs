//! A folder of query files as the source of truth.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::host::{Host, write};

const CONFIG: &str = "[queries]\nfolder = \"FILES/queries\"\ninterval = \"100ms\"\ndrop_after = \"1s\"\n[allow]\nfile_roots = [\"FILES\"]\n";

fn sql(files: &Path, condition: &str) -> String {
    format!(
        "CREATE SOURCE f (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'file', path = '{}/in.jsonl', format = 'json');
         CREATE VIEW counts AS SELECT window_end, count(*) AS n FROM TUMBLE(f, ts, INTERVAL '1' MINUTE) {condition} GROUP BY window_end;
         SELECT * FROM counts;",
        files.display()
    )
}

fn host() -> Host {
    let mut host = Host::new(CONFIG);
    let files = host.files();
    write(&files.join("in.jsonl"), &[r#"{"n":1,"ts":"2026-01-01T00:00:01Z"}"#]);
    fs::create_dir(files.join("queries")).unwrap();
    host.start();
    host
}

fn names(host: &Host) -> Vec<String> {
    let list = host.get("/v1/deployments").json();
    let running = list["deployments"].as_array().unwrap().iter().filter(|one| one["state"] != "dropped");
    running.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_deployments_are_those_of_the_folder() {
    let host = host();
    let files = host.files();
    let queries = files.join("queries");
    fs::write(queries.join("one.sql"), sql(&files, "")).unwrap();
    fs::write(queries.join("wrong.sql"), "SELEC").unwrap();
    fs::write(queries.join("Not A Name.sql"), sql(&files, "")).unwrap();
    fs::write(queries.join("notes.txt"), "x").unwrap();
    host.until("it is deployed", || names(&host) == ["one"]);
    host.until("the mistake is told", || host.log().contains("deployment 'wrong': the file is not applied"));
    // What keeps state is applied, what does not is pending.
    fs::write(
        queries.join("one.sql"),
        sql(&files, "").replace("SELECT * FROM counts", "SELECT n FROM counts"),
    )
    .unwrap();
    host.until("the change is applied", || host.deployment("one")["version"] == 2);
    fs::write(queries.join("one.sql"), sql(&files, "WHERE n > 5")).unwrap();
    host.until("it is pending", || host.log().contains("the changed file is not applied"));
    assert_eq!(host.deployment("one")["version"], 2);
    fs::remove_file(queries.join("one.sql")).unwrap();
    host.until("it is dropped", || names(&host).is_empty());
    fs::write(queries.join("one.sql"), sql(&files, "")).unwrap();
    host.until("it is back, with its state", || names(&host) == ["one"]);
}

#[test]
fn a_folder_that_kubernetes_replaces_is_followed() {
    let mut host = Host::new(CONFIG);
    let files = host.files();
    write(&files.join("in.jsonl"), &[r#"{"n":1,"ts":"2026-01-01T00:00:01Z"}"#]);
    // queries -> ..data -> ..1, as kubelet lays a ConfigMap out: files are links through ..data, which is swapped.
    let queries = files.join("queries");
    let lay = |version: &str, texts: &[(&str, String)]| {
        fs::create_dir_all(queries.join(version)).unwrap();
        for (name, text) in texts {
            fs::write(queries.join(version).join(name), text).unwrap();
            drop(symlink(Path::new("..data").join(name), queries.join(name)));
        }
        symlink(version, queries.join("..data_tmp")).unwrap();
        fs::rename(queries.join("..data_tmp"), queries.join("..data")).unwrap();
    };
    fs::create_dir(&queries).unwrap();
    lay("..1", &[("a.sql", sql(&files, "")), ("b.sql", sql(&files, ""))]);
    host.start();
    host.until("both are deployed", || names(&host) == ["a", "b"]);
    fs::remove_file(queries.join("b.sql")).unwrap();
    lay("..2", &[("a.sql", sql(&files, "").replace("SELECT * FROM counts", "SELECT n FROM counts"))]);
    fs::remove_dir_all(queries.join("..1")).unwrap();
    host.until("one is changed", || host.deployment("a")["version"] == 2);
    host.until("the other is dropped", || names(&host) == ["a"]);
}

#[test]
fn what_was_deployed_over_a_file_stays_until_the_file_changes() {
    let mut host = host();
    let files = host.files();
    let queries = files.join("queries");
    fs::write(queries.join("one.sql"), sql(&files, "")).unwrap();
    fs::write(queries.join("bad.sql"), b"\xff").unwrap();
    host.until("it is deployed", || names(&host) == ["one"]);
    host.until("a file that is no text is told of", || host.log().contains("bad.sql is ignored"));
    let other = sql(&files, "").replace("SELECT * FROM counts", "SELECT n FROM counts");
    host.put("one", "", &other).is(200);
    host.put("mine", "", &sql(&files, "")).is(201);
    host.kill();
    host.start();
    host.until("both are there", || names(&host) == ["mine", "one"]);
    streamgauge_common::clock::pause(std::time::Duration::from_millis(2500));
    assert_eq!(
        host.deployment("one")["text"],
        serde_json::Value::from(other.as_str()),
        "the file has not changed"
    );
    assert_eq!(names(&host), ["mine", "one"], "what never came from a file is not dropped");
    let waits = |column: &str| {
        format!(
            "CREATE SOURCE s (n BIGINT, m BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
             SELECT {column} FROM s;"
        )
    };
    fs::write(queries.join("waits.sql"), waits("n")).unwrap();
    host.until("it is deployed", || names(&host).contains(&"waits".to_owned()));
    host.until_state("waits", "starting");
    host.ask("POST", "/v1/deployments/waits/pause", "").is(200);
    fs::write(queries.join("waits.sql"), waits("n + 1 AS n")).unwrap();
    host.until("the change is there", || host.deployment("waits")["version"] == 2);
    assert_eq!(host.state_of("waits"), "paused", "a file does not end a pause");
}
