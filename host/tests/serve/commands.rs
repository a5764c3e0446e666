//! The commands that ask a host.

use std::fs;

use crate::host::{Host, write};

#[track_caller]
fn run(host: &Host, arguments: &[&str], status: i32) -> (String, String) {
    let output = host.command(arguments);
    let (out, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {out}{told}");
    (out, told)
}

#[test]
fn a_file_is_deployed_shown_changed_and_dropped() {
    let host = Host::of_files();
    let files = host.files();
    write(&files.join("in.jsonl"), &[r#"{"n":1,"t":"x"}"#, r#"{"n":2,"t":null}"#]);
    let sql = |condition: &str| {
        format!(
            "CREATE SOURCE f (n BIGINT, t TEXT) WITH (connector = 'file', path = '{}/in.jsonl', format = 'json');\n\
             SELECT n, t FROM f {condition};\n",
            files.display()
        )
    };
    let file = host.folder.path().join("numbers.sql");
    fs::write(&file, sql("")).unwrap();
    let (plan, _) = run(&host, &["deploy", "numbers.sql", "--plan"], 0);
    assert!(
        plan.starts_with(
            "deployment 'numbers' is new\n  warm  select_1  it reads source 'f' from its oldest record\nplan "
        ),
        "{plan}"
    );
    let (_, told) = run(&host, &["deploy", "numbers.sql", "--wait"], 0);
    assert!(told.starts_with("deployment 'numbers': version 1, "), "{told}");
    host.until_state("numbers", "finished");
    let (list, _) = run(&host, &["list"], 0);
    let words: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[1], ["numbers", "finished", "1", "1", "2", "2", "0"], "{list}");
    let (rows, _) = run(&host, &["tail", "numbers", "--no-follow"], 0);
    assert_eq!(rows, "n         t\n1         x\n2         NULL\n");
    let (rows, _) = run(&host, &["tail", "numbers.select_1", "--no-follow", "--json", "-n", "1"], 0);
    assert_eq!(rows, "{\"n\":2,\"t\":null}\n");
    let (text, _) = run(&host, &["show", "numbers", "--sql"], 0);
    assert_eq!(text, sql(""));
    let (shown, _) = run(&host, &["show", "numbers"], 0);
    assert!(shown.starts_with("deployment 'numbers': finished, version 1 since "), "{shown}");

    fs::write(&file, "CREATE SOURCE f (n BIGNT) WITH (connector = 'file');\n").unwrap();
    let (_, told) = run(&host, &["deploy", "numbers.sql"], 1);
    assert!(told.contains("numbers.sql:1:20: error: "), "{told}");
    assert!(told.contains("CREATE SOURCE f (n BIGNT)"), "the line is shown: {told}");
    let (json, _) = run(&host, &["list", "--json"], 0);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["deployments"][0]["version"], 1);
    let (_, told) = run(&host, &["savepoint", "numbers"], 0);
    assert_eq!(told, "deployment 'numbers' has savepoint 1, of version 1\n");
    let (_, told) = run(&host, &["deploy", "-", "--name", "empty"], 1);
    assert!(told.contains("standard input is empty") && told.contains("exec"), "{told}");
    let (_, told) = run(&host, &["rollback", "numbers"], 1);
    assert!(told.contains("has no version before this one"), "{told}");
    let (logs, _) = run(&host, &["logs", "numbers"], 0);
    assert!(logs.contains("deployment 'numbers': version 1 runs"), "{logs}");
    run(&host, &["drop", "numbers"], 0);
    fs::write(&file, sql("")).unwrap();
    for arguments in [&["deploy", "numbers.sql", "--plan"][..], &["deploy", "numbers.sql"]] {
        let (_, told) = run(&host, arguments, 1);
        assert!(told.contains("was dropped") && told.contains("deploy --restore"), "{told}");
    }
    let (plan, _) = run(&host, &["deploy", "numbers.sql", "--plan", "--restore"], 0);
    assert!(plan.starts_with("deployment 'numbers' goes from version 1 to 2\n  keep  select_1"), "{plan}");
    let digest = plan.lines().last().unwrap().strip_prefix("plan ").unwrap();
    run(&host, &["deploy", "numbers.sql", "--restore", "--plan-digest", digest], 0);
    let (_, told) = run(&host, &["logs", "none"], 1);
    assert!(told.contains("there is no deployment 'none'"), "{told}");
    let (_, told) = run(&host, &["show", "none"], 1);
    assert!(told.contains("there is no deployment 'none'"), "{told}");
    let (_, told) = run(&host, &["deploy", "numbers.sql", "--host", "http://127.0.0.1:1"], 3);
    assert!(told.contains("cannot be asked") && told.contains("streamgauge serve"), "{told}");
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let host = Host::new("");
    let file = host.folder.path().join("c.toml");
    fs::write(&file, "[server]\nlisten = \"127.0.0.1:9000\"\n").unwrap();
    let (out, told) = run(&host, &["config", "check", "--config", "c.toml"], 0);
    assert_eq!((out.as_str(), told.as_str()), ("", ""));
    let (shown, _) = run(&host, &["config", "show", "--config", "c.toml"], 0);
    assert!(shown.contains("listen = \"127.0.0.1:9000\"  # c.toml:2\n"), "{shown}");
    assert!(shown.contains("checkpoint_interval = \"5s\"  # default\n"), "{shown}");
    fs::write(&file, "[server]\nlisen = 1\n").unwrap();
    let (_, told) = run(&host, &["config", "check", "--config", "c.toml"], 1);
    assert!(told.starts_with("c.toml:2:1: error: there is no key `server.lisen`"), "{told}");
    let (schema, _) = run(&host, &["config", "schema"], 0);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["server"]["properties"]["insecure"]["default"], false);
}

#[test]
fn dead_letters_are_shown_with_their_records() {
    let host = Host::of_files();
    let files = host.files();
    write(&files.join("in.jsonl"), &[r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{"n":2"#]);
    let sql = format!(
        "CREATE SOURCE f (n BIGINT) WITH (connector = 'file', path = '{}/in.jsonl', format = 'json');\nSELECT n FROM f;\n\
         SELECT n AS m FROM f;\nCREATE VIEW unread AS SELECT n FROM f;\n",
        files.display()
    );
    fs::write(host.folder.path().join("numbers.sql"), sql).unwrap();
    let (plan, _) = run(&host, &["deploy", "numbers.sql", "--plan"], 0);
    assert!(plan.contains("warning: view 'unread' does not run, as nothing reads it"), "{plan}");
    run(&host, &["deploy", "numbers.sql", "--wait"], 0);
    host.until_state("numbers", "finished");
    // Of both queries, each record once.
    let (letters, told) = run(&host, &["dead-letters", "numbers"], 0);
    let lines: Vec<&str> = letters.lines().collect();
    assert_eq!(lines.len(), 4, "{letters}");
    assert!(lines[0].starts_with("f partition 0 offset 1: wrong_type: "), "{letters}");
    assert!(
        lines[1] == "  {\"n\":\"x\"}" && lines[2].starts_with("f partition 0 offset 2: malformed: "),
        "{letters}"
    );
    assert_eq!(told, "");
    let (json, _) = run(&host, &["dead-letters", "numbers.select_1", "--json", "-n", "1"], 0);
    let letter: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&letter["offset"], &letter["reason"]), (&2.into(), &"malformed".into()));
    run(&host, &["dead-letters", "numbers.none"], 1);
    // What the log says of the first one names what there is under a host.
    let (logs, _) = run(&host, &["logs", "numbers"], 0);
    assert!(logs.contains("`streamgauge dead-letters numbers` shows the last ones"), "{logs}");
    assert!(!logs.contains("run --dead-letters"), "{logs}");
}

#[test]
fn the_log_of_a_deployment_has_the_lines_about_a_source_that_it_shares() {
    let host = Host::of_files();
    // Nobody answers there.
    let sql = |column: &str| {
        format!(
            "CREATE SOURCE s (n BIGINT, m BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
             SELECT {column} FROM s;"
        )
    };
    host.put("one", "", &sql("n")).is(201);
    host.put("two", "", &sql("m")).is(201);
    let waits = |name: &str| run(&host, &["logs", name], 0).0.contains("source 's' at 127.0.0.1:1 waits: ");
    host.until("both are told of", || waits("one") && waits("two"));
    let (others, told) = run(&host, &["logs", "three"], 1);
    assert_eq!(others, "");
    assert!(told.contains("there is no deployment 'three'"), "{told}");
}

#[test]
fn what_to_do_is_said_as_it_is_done_under_a_host() {
    let host = Host::of_files();
    let files = host.files();
    write(&files.join("in.jsonl"), &[r#"{"n":1}"#]);
    write(&files.join("out.jsonl"), &["somebody's"]);
    let sql = |mode: &str| {
        format!(
            "CREATE SOURCE f (n BIGINT) WITH (connector = 'file', path = '{0}/in.jsonl', format = 'json');
             CREATE SINK k WITH (connector = 'file', path = '{0}/out.jsonl'{mode}); INSERT INTO k SELECT n FROM f;",
            files.display()
        )
    };
    let refused = host.put("d", "", &sql("")).is(422).json();
    let told = refused["detail"].as_str().unwrap();
    assert!(told.contains("write mode = 'overwrite' into the sink's WITH to remove what it holds"), "{told}");
    assert!(!told.contains("--overwrite") && !told.contains("--state"), "{told}");
    // And it does.
    host.put("d", "", &sql(", mode = 'overwrite'")).is(201);
    host.until_state("d", "finished");
    assert_eq!(fs::read_to_string(files.join("out.jsonl")).unwrap(), "{\"n\":1}\n");
}
