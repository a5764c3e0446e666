//! What `check` finds: everything that a run would refuse when it starts and that a query file alone can tell.

use std::fs;

use serde_json::Value;

use crate::{outcome, streamgauge};

const SOURCE: &str = "CREATE SOURCE s (n BIGINT, m TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) \
    WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');\n";

/// A sink that is written to: what is wrong with it, where in the line of its statement, and in which words.
const SINKS: [(&str, &str, &str); 18] = [
    ("webhook', url = 'http://127.0.0.1/'", "'http", "`url` leads to a loopback address"),
    ("webhook', url = 'http://127.1/'", "'http", "`url` leads to a loopback address"),
    ("webhook', url = 'https://0x7f000001/a'", "'http", "`url` leads to a loopback address"),
    ("webhook', url = 'https://localhost/'", "'http", "`url` leads to a loopback address"),
    ("webhook', url = 'https://10.1.2.3/'", "'http", "`url` leads to a private address"),
    ("webhook', url = 'http://169.254.169.254/'", "'http", "`url` leads to a link-local address"),
    ("slack', url = 'https://[::1]:8080/'", "'http", "`url` leads to a loopback address"),
    ("slack', url = 'https://[::1/'", "'http", "`url` is none: invalid IPv6 address"),
    ("webhook', url = 'https://256.0.0.1/'", "'http", "`url` is none: invalid IPv4 address"),
    ("webhook', url = 'https://a^b.com/'", "'http", "`url` is none: invalid international domain name"),
    ("webhook', url = 'ftp://example.com/'", "'ftp", "`url` must begin with https:// or http://"),
    ("webhook', url = 'https://a:b@example.com/'", "'http", "`url` has a user or a password in it"),
    ("webhook', url = 'https://example.com:0/'", "'http", "`url` has a port that is not between"),
    ("webhook', url = 'https://example.com/', reject_after = 'soon'", "'soon", "`soon` is no duration"),
    (
        "kafka', brokers = 'b:1', topic = 't', linger_ms = 'long'",
        "'long",
        "the Kafka client does not take it",
    ),
    ("kafka', brokers = 'b:1', topic = 't', security_protocol = 'TLS'", "'TLS", "the Kafka client does not"),
    ("prometheus', listen = 'here'", "'here", "'here' is no address to listen on"),
    ("prometheus', prefix = '9'", "'9'", "'9' cannot begin the name of a metric"),
];

#[test]
fn every_option_that_a_run_refuses_is_found_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.sql");
    let rows = "SELECT window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)";
    for (sink, at, why) in SINKS {
        let statement = format!("CREATE SINK k WITH (connector = '{sink});");
        fs::write(&path, format!("{SOURCE}{statement}\nINSERT INTO k {rows};\n")).unwrap();
        let column = statement.rfind(at).unwrap() + 1;
        let (exit, _, said) = outcome(streamgauge().arg("check").arg(&path));
        assert_eq!(exit, 1, "{sink}: {said}");
        assert!(said.starts_with(&format!("{}:2:{column}: error: {why}", path.display())), "{sink}: {said}");
        // A run does not begin either, and says the same.
        let (exit, _, ran) = outcome(streamgauge().arg("run").arg(&path).args(["--input", "s=/dev/null"]));
        assert_eq!((exit, ran), (1, said), "{sink}");
    }
}

#[test]
fn a_view_that_no_query_reads_is_told_where_the_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.sql");
    let views = format!("{SOURCE}CREATE VIEW v AS SELECT n FROM s;\nCREATE VIEW w AS SELECT m FROM s;\n");
    fs::write(&path, &views).unwrap();
    assert_eq!(outcome(streamgauge().arg("check").arg(&path)), (0, String::new(), String::new()));
    fs::write(&path, format!("{views}SELECT * FROM v;\n")).unwrap();
    let (exit, _, said) = outcome(streamgauge().arg("check").arg(&path));
    let expected = format!("{}:3:13: warning: no query reads the view `w`\n", path.display());
    assert!(exit == 0 && said.starts_with(&expected) && said.matches("warning").count() == 1, "{said}");
}

#[test]
fn what_a_sink_says_of_rows_is_found_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.sql");
    let sinks =
        "CREATE SINK p WITH (connector = 'prometheus'); CREATE SINK q WITH (connector = 'prometheus');\n";
    let windows = "FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)";
    for (statements, line, why) in [
        (
            "INSERT INTO p SELECT n FROM s;".to_owned(),
            3,
            "error: sink 'p': it shows the last window of a view",
        ),
        (format!("INSERT INTO p SELECT max(m) AS m {windows};"), 3, "nothing to show: select a number"),
        (
            format!(
                "CREATE VIEW v AS SELECT count(*) AS \"x y\", max(n) AS x_y {windows};\nINSERT INTO p SELECT * FROM v;"
            ),
            4,
            "would both be `v_x_y` for Prometheus",
        ),
        (
            format!(
                "INSERT INTO p SELECT count(*) AS n {windows};\nINSERT INTO q SELECT count(*) AS n {windows};"
            ),
            4,
            "error: the sinks `p` and `q` would listen on the same address",
        ),
    ] {
        fs::write(&path, format!("{SOURCE}{sinks}{statements}\n")).unwrap();
        let (exit, _, said) = outcome(streamgauge().arg("check").arg(&path));
        assert_eq!(exit, 1, "{statements}: {said}");
        assert!(said.starts_with(&format!("{}:{line}:1: error: ", path.display())), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_only_a_run_can_know_is_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.sql");
    for sink in [
        "webhook', url = secret('NOWHERE'), signing_secret = secret('NOWHERE')",
        "webhook', url = 'http://127.0.0.1/', allow_private = 'true', reject_after = INTERVAL '1' MINUTE",
        "slack', url = 'https://no.such.host.example/a', reject_after = '0 s'",
        "kafka', brokers = 'b:1', topic = 't', security_protocol = 'SSL', ssl_ca_location = '/nowhere'",
        "kafka', brokers = 'b:1', topic = 't', security_protocol = 'SASL_PLAINTEXT', sasl_mechanism = 'PLAIN',
         sasl_username = secret('NOWHERE'), sasl_password = secret('NOWHERE')",
        "file', path = '/nowhere/rows.jsonl'",
    ] {
        let sink = format!("CREATE SINK k WITH (connector = '{sink}); INSERT INTO k SELECT n FROM s;");
        fs::write(&path, format!("{SOURCE}{sink}")).unwrap();
        assert_eq!(outcome(streamgauge().arg("check").arg(&path)), (0, String::new(), String::new()), "{sink}");
    }
}

/// What a command prints as JSON on standard output.
fn diagnostics(arguments: &[&str], folder: &std::path::Path) -> Vec<Value> {
    let (exit, printed, said) = outcome(streamgauge().args(arguments).current_dir(folder));
    assert_eq!((exit, said.as_str()), (1, ""), "{arguments:?}");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    printed.pointer("/diagnostics").and_then(Value::as_array).unwrap().clone()
}

#[test]
fn what_is_wrong_with_files_is_json_where_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("latin.sql"), b"SELECT 1;\n-- \xe4\n").unwrap();
    fs::write(folder.path().join("wrong.sql"), format!("{SOURCE}SELECT x FROM s;\n")).unwrap();
    let expected: [(&str, Value, &str); 4] = [
        ("missing.sql", Value::Null, "cannot read missing.sql: No such file or directory (os error 2)"),
        ("latin.sql", 2.into(), "the file is not UTF-8 in this line"),
        ("empty", Value::Null, "the folder empty has no query file"),
        ("wrong.sql", 2.into(), "the source `s` has no column `x`"),
    ];
    for (file, line, message) in expected {
        for command in ["check", "explain"] {
            let found = diagnostics(&[command, "--json", file], folder.path());
            let [found] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!((&found["file"], &found["line"]), (&file.into(), &line), "{command} {file}");
            assert_eq!(
                (&found["severity"], &found["message"]),
                (&"error".into(), &message.into()),
                "{command} {file}"
            );
        }
        let (exit, _, said) =
            outcome(streamgauge().args(["run", "--log-format", "json", file]).current_dir(folder.path()));
        let found: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((exit, &found["level"], &found["message"]), (1, &"error".into(), &message.into()));
        assert_eq!((&found["file"], found.get("line").cloned().unwrap_or_default()), (&file.into(), line));
    }
    let (exit, _, said) = outcome(
        streamgauge()
            .args(["run", "--log-format", "json", "wrong.sql", "--input", "nothing=x"])
            .current_dir(folder.path()),
    );
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, found["column"].as_u64()), (1, Some(8)), "{said}");
    fs::write(folder.path().join("right.sql"), format!("{SOURCE}SELECT n FROM s;\n")).unwrap();
    let (exit, _, said) = outcome(
        streamgauge()
            .args(["run", "--log-format", "json", "right.sql", "--input", "x=y"])
            .current_dir(folder.path()),
    );
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(exit, 2);
    assert_eq!(
        (&found["message"], &found["help"]),
        (&"--input x=y: no source is called 'x'".into(), &"there is s".into()),
        "{said}"
    );
}
