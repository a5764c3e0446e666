//! CREATE AGGREGATE: reducers from files of the user's own.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use crate::{kept::answer, outcome, streamgauge};

const SOURCE: &str = "
CREATE SOURCE s (model TEXT, v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');
CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');
";
const WINDOW: &str = "FROM TUMBLE(s, ts, INTERVAL '10' SECOND) GROUP BY model;\n";

/// The bytes of a reducer that is part of the product.
fn reducer(name: &str) -> Vec<u8> {
    let (_, bytes) = streamgauge_bundle::REDUCERS.iter().find(|(known, _)| *known == name).unwrap();
    bytes.to_vec()
}

/// The same component with other bytes: a custom section is added.
fn rebuilt(mut component: Vec<u8>) -> Vec<u8> {
    component.extend([0, 6, 4]);
    component.extend(b"note\x01");
    component
}

pub(crate) fn event(second: u32, model: &str, v: u32) -> String {
    format!("{{\"model\":\"{model}\",\"v\":{v},\"ts\":\"2026-01-01T00:00:{second:02}Z\"}}\n")
}

/// A folder with `q/query.sql`, `q/plugins/mine.wasm` and events beside `q`.
pub(crate) fn folder(component: &[u8], statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("q/plugins")).unwrap();
    fs::write(folder.path().join("q/plugins/mine.wasm"), component).unwrap();
    fs::write(folder.path().join("q/query.sql"), format!("{SOURCE}{statements}")).unwrap();
    let events: String = (0..40)
        .map(|second| event(second, if second % 2 == 0 { "a" } else { "b" }, second * 7 % 5))
        .collect();
    fs::write(folder.path().join("events.jsonl"), events).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    outcome(
        streamgauge().current_dir(folder).args(["run", "q/query.sql"]).args(arguments).stdin(Stdio::null()),
    )
}

fn check(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (exit, out, said) =
        outcome(streamgauge().current_dir(folder).args(["check", "q/query.sql"]).args(arguments));
    (exit, out + &said)
}

#[test]
fn a_reducer_of_a_file_gives_the_rows_that_it_gives_when_it_is_built_in() {
    let statements = |call: &str| {
        format!(
            "CREATE AGGREGATE my_mean FROM 'plugins/mine.wasm' WITH (memory = '64 MiB', call_timeout = '900 ms');\n\
             INSERT INTO k SELECT model, {call}(v) AS m, {call}(v * 2) FILTER (WHERE v > 1) AS n {WINDOW}"
        )
    };
    let rows = |call: &str| {
        let folder = folder(&reducer("avg"), &statements(call));
        let (exit, _, said) = run(folder.path(), &[]);
        assert_eq!(exit, 0, "{said}");
        fs::read_to_string(folder.path().join("rows.jsonl")).unwrap()
    };
    let own = rows("my_mean");
    assert_eq!(own, rows("avg"));
    assert_eq!(own.lines().count(), 8, "{own}");
    assert_eq!(own.lines().next().unwrap(), r#"{"model":"a","m":2.0,"n":6.0}"#);
}

#[test]
fn explain_says_where_it_comes_from() {
    let folder = folder(
        &reducer("max"),
        &format!(
            "CREATE AGGREGATE most FROM 'plugins/mine.wasm' WITH (memory = '32 MiB');\nSELECT most(v) AS m {WINDOW}"
        ),
    );
    let (exit, out, said) =
        outcome(streamgauge().current_dir(folder.path()).args(["explain", "q/query.sql"]));
    assert_eq!(exit, 0, "{said}");
    let (_, digest) = out.split_once("from q/plugins/mine.wasm, sha256 ").unwrap();
    let (digest, rest) = digest.split_at(64);
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{out}");
    assert!(rest.starts_with(", at most 32 MiB\n"), "{out}");
    // These bytes are taken, others are not.
    let pinned = |digest: &str| {
        let statements = format!(
            "CREATE AGGREGATE most FROM 'plugins/mine.wasm' WITH (sha256 = '{digest}');\nSELECT most(v) AS m {WINDOW}"
        );
        fs::write(folder.path().join("q/query.sql"), format!("{SOURCE}{statements}")).unwrap();
        check(folder.path(), &[])
    };
    assert_eq!(pinned(&digest.to_uppercase()).0, 0);
    let (exit, said) = pinned(&"0".repeat(64));
    assert_eq!(exit, 1, "{said}");
    assert!(
        said.contains("q/query.sql:5:63: error: the bytes of q/plugins/mine.wasm have another SHA-256"),
        "{said}"
    );
    assert!(said.contains(&format!("write sha256 = '{digest}'")), "{said}");
}

#[test]
fn what_cannot_be_used_is_refused_where_it_is_declared() {
    let module = wat::parse_str("(module)").unwrap();
    let clock = wat::parse_str(
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func)))))"#,
    )
    .unwrap();
    let cases: [(&[u8], &str, &[&str], &str); 8] = [
        (
            &reducer("avg"),
            "'plugins/other.wasm'",
            &[],
            "cannot read the component q/plugins/other.wasm: No such file",
        ),
        (&reducer("avg"), "'plugins'", &[], "cannot read the component q/plugins: Is a directory"),
        (
            b"text",
            "'plugins/mine.wasm'",
            &[],
            "q/plugins/mine.wasm cannot be used: reducer `f` is not WebAssembly",
        ),
        (&module, "'plugins/mine.wasm'", &[], "reducer `f` is a core module, not a component"),
        (
            &clock,
            "'plugins/mine.wasm'",
            &[],
            "reducer `f` imports `now` of `wasi:clocks/monotonic-clock@0.2.0`, but a guest gets nothing from its host: no clock, \
             files, network or other functions; `streamgauge plugin adapt` makes a component in which what it asks of WASI is answered",
        ),
        (
            &reducer("avg"),
            "'plugins/mine.wasm' WITH (memory = '2 GiB')",
            &[],
            "`memory` is more than this host lets a plugin have, which is 1 GiB",
        ),
        (
            &reducer("avg"),
            "'plugins/mine.wasm' WITH (call_timeout = '2 s')",
            &["--limit", "plugin_call_timeout=1500ms"],
            "`call_timeout` is more than this host lets a plugin have, which is 1500 ms",
        ),
        (
            &reducer("avg"),
            "'plugins/mine.wasm' WITH (memory = '64 KiB')",
            &[],
            "reducer `f` wanted more than 64 KiB of memory (its option memory)",
        ),
    ];
    for (component, from, arguments, expected) in cases {
        let folder =
            folder(component, &format!("CREATE AGGREGATE f FROM {from};\nSELECT f(v) AS m {WINDOW}"));
        let (exit, said) = check(folder.path(), arguments);
        assert_eq!(exit, 1, "{said}");
        assert!(said.contains("q/query.sql:5:") && said.contains(expected), "{expected}\n{said}");
        assert_eq!(said.matches("error:").count(), 1, "what calls it is not told again: {said}");
    }
}

/// Runs on standard input until the first window's row is in the file and a checkpoint holds what is open, then kills it.
fn until_first_row(folder: &Path, events: &str) {
    let mut child: Child = streamgauge()
        .current_dir(folder)
        .args(["run", "q/query.sql", "--input", "s=-", "--state", "state", "--checkpoint-interval", "50ms"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(events.as_bytes()).unwrap();
    let since = Stopwatch::start();
    while !fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default().ends_with('\n')
        || !has_checkpoint(&folder.join("state"))
    {
        assert_eq!(child.try_wait().unwrap(), None, "it ended");
        assert!(since.elapsed() < Duration::from_secs(30), "no row and checkpoint come");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn has_checkpoint(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.map(|entry| entry.unwrap()).any(|entry| match entry.path().is_dir() {
        true => has_checkpoint(&entry.path()),
        false => entry.file_name().to_string_lossy().starts_with("checkpoint-"),
    })
}

#[test]
fn a_state_goes_on_with_a_rebuilt_component_and_not_with_another_one() {
    let statements = format!(
        "CREATE AGGREGATE f FROM 'plugins/mine.wasm';\nINSERT INTO k SELECT model, f(v) AS m {WINDOW}"
    );
    let folder = folder(&reducer("avg"), &statements);
    let path = folder.path();
    // The first window is complete, the second one is open.
    let begin = [event(1, "a", 1), event(2, "a", 3), event(12, "a", 10)].concat();
    until_first_row(path, &begin);
    let goes_on = |component: &[u8]| {
        fs::write(path.join("q/plugins/mine.wasm"), component).unwrap();
        fs::write(path.join("all.jsonl"), begin.clone() + &event(13, "a", 20)).unwrap();
        let mut command = streamgauge();
        command.current_dir(path).args(["run", "q/query.sql", "--input", "s=-", "--state", "state"]);
        outcome(command.stdin(fs::File::open(path.join("all.jsonl")).unwrap()))
    };
    let (exit, _, said) = goes_on(&reducer("sum"));
    assert_eq!(exit, 3, "{said}");
    let expected = "the reducer of f(v) changed: signature (DOUBLE) of plugin \"avg\" -> signature (DOUBLE) of plugin \"sum\"";
    assert!(said.contains(expected), "{said}");
    let (exit, _, said) = goes_on(&rebuilt(reducer("avg")));
    assert_eq!(exit, 0, "{said}");
    let rows = fs::read_to_string(path.join("rows.jsonl")).unwrap();
    assert_eq!(rows, "{\"model\":\"a\",\"m\":2.0}\n{\"model\":\"a\",\"m\":15.0}\n");
}

/// The bytes of a sink that is part of the product.
fn sink(name: &str) -> Vec<u8> {
    let (_, bytes) = streamgauge_bundle::SINKS.iter().find(|(known, _)| *known == name).unwrap();
    bytes.to_vec()
}

#[test]
fn a_sink_of_a_file_sends_what_it_sends_when_it_is_built_in() {
    let sent = |declared: &str, connector: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let statements = format!(
            "{declared}CREATE SINK w WITH (connector = '{connector}', url = secret('HOOK'), allow_private = 'true',
                 signing_secret = secret('KEY'), headers = (\"X-Api-Key\" = secret('TOKEN')));
            INSERT INTO w SELECT model, max(v) AS most {}",
            WINDOW.replace("GROUP BY model", "WHERE model = 'a' AND v = 4 GROUP BY model")
        );
        let folder = folder(&sink("webhook"), &statements);
        fs::write(folder.path().join("events.jsonl"), event(1, "a", 4)).unwrap();
        let took = thread::spawn(move || answer(&listener, "204 No Content"));
        let mut command = streamgauge();
        command.current_dir(folder.path()).args(["run", "q/query.sql"]).stdin(Stdio::null());
        command
            .env("HOOK", url)
            .env("KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .env("TOKEN", "abc-123456");
        let (exit, _, said) = outcome(&mut command);
        assert_eq!(exit, 0, "{said}");
        let (head, body) = took.join().unwrap();
        assert!(head.starts_with("post /hook ") && head.contains("\nx-api-key: abc-123456\r"), "{head}");
        assert!(head.contains("\nwebhook-signature: v1,"), "{head}");
        body
    };
    let own = sent("CREATE CONNECTOR my_hook FROM 'plugins/mine.wasm';", "my_hook");
    assert!(own.contains("\"most\":4.0"), "{own}");
    assert_eq!(own, sent("", "webhook"));
}

#[test]
fn a_component_that_is_no_sink_for_requests_is_refused_where_it_is_declared() {
    for (component, expected) in [
        (reducer("avg"), "sink `f` does not export `streamgauge:plugin/sink@0.2.0`"),
        (sink("prometheus"), "sink `f` answers scrapes, and a connector of your own makes requests"),
    ] {
        let statements = "CREATE CONNECTOR f FROM 'plugins/mine.wasm';
            CREATE SINK w WITH (connector = 'f', url = 'https://example.com/');
            INSERT INTO w SELECT model FROM s;";
        let folder = folder(&component, statements);
        let (exit, said) = check(folder.path(), &[]);
        assert_eq!(exit, 1, "{said}");
        assert!(
            said.contains("q/query.sql:5:25: error: q/plugins/mine.wasm cannot be used")
                && said.contains(expected),
            "{said}"
        );
        assert_eq!(said.matches("error:").count(), 1, "{said}");
    }
    let aggregate = folder(
        &sink("webhook"),
        &format!("CREATE AGGREGATE f FROM 'plugins/mine.wasm';\nSELECT f(v) AS m {WINDOW}"),
    );
    let (_, said) = check(aggregate.path(), &[]);
    assert!(said.contains("does not export `streamgauge:plugin/reducer@0.2.0`"), "{said}");
}
