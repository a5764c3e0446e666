//! Headers of webhooks: they are what the sink says when a request is sent.

use std::{collections::BTreeSet, fs, net::TcpListener, path::Path, thread};

use crate::{
    kept::{answer, folder, over_events, program, run},
    outcome,
};

const FIRST: &str = "first-0123456789";
const SECOND: &str = "second-0123456789";

fn sink(url: &str, headers: &str) -> String {
    format!(
        "CREATE SINK w WITH (connector = 'webhook', url = '{url}', allow_private = 'true', headers = ({headers}));
        INSERT INTO w SELECT n FROM s WHERE n = 1;"
    )
}

/// The value of a header in the head of a request; the head is in lower case.
fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

/// All that is in the files below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes_below(&path) } else { fs::read(path).unwrap() });
    }
    all
}

#[test]
fn rows_that_wait_have_the_headers_that_the_sink_has_now() {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (down, up) = (listener(), listener());
    let hook = |listener: &TcpListener| format!("http://{}/hook", listener.local_addr().unwrap());
    let headers = "authorization = 'Bearer ' || secret('TOKEN'), \"X-Team\" = env('TEAM')";
    let folder = folder(&sink(&hook(&down), headers));
    let path = folder.path();
    let took = thread::spawn(move || answer(&down, "503 Service Unavailable"));
    let waiting = ["--input", "s=events.jsonl", "--state", "state", "--drain-timeout", "300ms"];
    let (exit, _, first_said) = outcome(run(path, &waiting).env("TOKEN", FIRST).env("TEAM", "ml"));
    assert_eq!(exit, 3, "{first_said}");
    let (first, body) = took.join().unwrap();
    assert_eq!(header(&first, "authorization"), [format!("bearer {FIRST}")]);
    assert_eq!(header(&first, "x-team"), ["ml"]);

    let headers =
        "\"X-Team\" = env('TEAM') || '-2', \"X-Api-Key\" = secret('TOKEN'), \"User-Agent\" = 'gauge'";
    program(path, &sink(&hook(&up), headers));
    let took = thread::spawn(move || answer(&up, "204 No Content"));
    let (exit, _, said) = outcome(run(path, &waiting).env("TOKEN", SECOND).args(["--set", "TEAM=ai"]));
    assert_eq!(exit, 0, "{said}");
    let (second, again) = took.join().unwrap();
    assert_eq!(header(&second, "x-team"), ["ai-2"]);
    assert_eq!(header(&second, "x-api-key"), [SECOND]);
    assert_eq!(header(&second, "user-agent"), ["gauge"]);
    assert_eq!(header(&second, "authorization"), [""; 0]);
    for kept in ["idempotency-key", "webhook-id", "content-type"] {
        assert_eq!((header(&second, kept).len(), header(&second, kept)), (1, header(&first, kept)), "{kept}");
    }
    assert_eq!(again, body);

    let state = bytes_below(&path.join("state"));
    let told = [state, first_said.into_bytes(), said.into_bytes()].concat();
    for secret in [FIRST, SECOND, "ai-2"] {
        assert!(
            !told.windows(secret.len()).any(|part| part == secret.as_bytes()),
            "{secret} is not kept or told"
        );
    }
}

#[test]
fn secrets_of_headers_are_looked_up_before_the_first_row_and_not_by_check() {
    let folder = folder(&sink("http://127.0.0.1:1/", "\"X-Api-Key\" = secret('NOWHERE')"));
    let path = folder.path();
    let (exit, _, said) = outcome(run(path, &[]).args(["--input", "s=events.jsonl"]));
    let missing = "error: sink 'w': secret 'NOWHERE': it is missing: set the environment variable NOWHERE, or put it into a \
                   file of that name in $STREAMGAUGE_SECRETS_DIR\n";
    assert_eq!((exit, said.as_str()), (1, missing));
    let mut check = crate::streamgauge();
    assert_eq!(outcome(check.current_dir(path).args(["check", "query.sql"])).0, 0);
    // The same words as for a URL.
    program(
        path,
        "CREATE SINK w WITH (connector = 'webhook', url = secret('NOWHERE')); INSERT INTO w SELECT n FROM s;",
    );
    assert_eq!(over_events(path, &[]).2, missing);
}

#[test]
fn a_secret_that_no_header_can_hold_is_refused_and_not_told() {
    let folder = folder(&sink("http://127.0.0.1:1/", "authorization = 'Bearer ' || secret('TOKEN')"));
    let mut found = BTreeSet::new();
    for (token, why) in [
        ("abcdefgh\r\nhost: evil", "it has a line end in it"),
        ("abcdefgh\n", "it has a line end in it"),
        ("abcdefgh\u{e9}", "it has a character in it that is no visible character of ASCII"),
    ] {
        let (exit, _, said) = outcome(run(folder.path(), &["--input", "s=events.jsonl"]).env("TOKEN", token));
        let expected = format!(
            "error: sink 'w': secret 'TOKEN': {why}, so it cannot be in the header `authorization`\n"
        );
        assert_eq!((exit, &said), (1, &expected));
        found.insert(said);
    }
    assert_eq!(found.len(), 2);
}
