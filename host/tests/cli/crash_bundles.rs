//! What a run keeps of the calls of reducers that failed, and `plugin replay`, which makes them again.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use crate::{
    hostile::calls::{Call, LOOP, around},
    outcome, own_plugins,
    plugin::{
        counter::{ADD, Counter, counter, text},
        guests,
    },
    streamgauge,
};

const TRAP: &str = "trapped in `explodes`: wasm `unreachable` instruction executed";

/// A reducer that counts the rows of a group, and traps at the fourth.
fn three_at_most() -> Vec<u8> {
    let add =
        format!("(if (i64.ge_s (i64.load (local.get $state)) (i64.const 3)) (then (call $explodes))) {ADD}");
    let module = text(&Counter { add: &add, ..Counter::default() });
    let module = module.trim_end().strip_suffix(')').unwrap();
    guests::component("reducer-plugin", &format!("{module} (func $explodes unreachable))"))
}

fn good() -> Vec<u8> {
    counter(&Counter::default())
}

/// Rows of groups of one letter each, a second apart.
fn events(groups: &str) -> String {
    let event = |(second, group): (usize, char)| {
        format!("{{\"model\":\"{group}\",\"ts\":\"2026-01-01T00:{:02}:{:02}Z\"}}\n", second / 60, second % 60)
    };
    groups.chars().enumerate().map(event).collect()
}

/// A folder with a query that counts by windows, and its events.
fn folder(component: &[u8], window: &str, groups: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.wasm"), component).unwrap();
    fs::write(folder.path().join("events.jsonl"), events(groups)).unwrap();
    let program = format!(
        "CREATE SOURCE s (model TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
        WITH (connector = 'file', path = 'events.jsonl', format = 'json');
        CREATE AGGREGATE mine FROM 'mine.wasm' WITH (memory = '64 MiB', call_timeout = '150 ms');
        CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');
        CREATE VIEW counted AS SELECT model, mine() AS n FROM {window} GROUP BY model;
        INSERT INTO k SELECT model, n FROM counted;"
    );
    fs::write(folder.path().join("query.sql"), program).unwrap();
    folder
}

const MINUTE: &str = "TUMBLE(s, ts, INTERVAL '1' MINUTE)";
const SLIDING: &str = "HOP(s, ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)";

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments).stdin(Stdio::null());
    let (exit, _, said) = outcome(&mut command);
    (exit, said)
}

fn replay(bundle: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = streamgauge();
    command.current_dir(bundle.parent().unwrap()).args(["plugin", "replay"]).arg(bundle).args(arguments);
    outcome(&mut command)
}

/// What is in a folder, if it is there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

fn only(folder: &Path, said: &str) -> PathBuf {
    let [path] = <[PathBuf; 1]>::try_from(entries(folder)).unwrap_or_else(|all| panic!("{all:?}: {said}"));
    assert!(said.contains(&format!("/{} ", path.file_name().unwrap().to_str().unwrap())), "{said}");
    path
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_record_of_a_trap_is_kept_with_the_state_before_it() {
    let folder = folder(&three_at_most(), MINUTE, "aabababb");
    let path = folder.path();
    let (exit, said) = run(path, &["--state", "state", "--dead-letters", "dead"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(
        fs::read_to_string(path.join("rows.jsonl")).unwrap(),
        "{\"model\":\"a\",\"n\":3}\n{\"model\":\"b\",\"n\":3}\n"
    );
    let letters = fs::read_to_string(path.join("dead")).unwrap();
    assert_eq!((letters.lines().count(), letters.matches(TRAP).count()), (2, 2), "{letters}");
    assert!(!said.contains("--crash-bundles"), "{said}");
    // The second record that traps has no bundle of its own.
    let bundle = only(&path.join("state/+crashes"), &said);
    let name = bundle.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("mine-") && name.ends_with("-1.crash") && name.len() == 25, "{name}");
    assert_eq!((mode(&bundle), mode(bundle.parent().unwrap())), (0o600, 0o700));
    assert_eq!(said.matches(".crash holds the call that failed").count(), 1, "{said}");

    let (exit, printed, said) = replay(&bundle, &[]);
    assert_eq!((exit, said.as_str()), (1, ""), "{printed}");
    assert!(printed.contains(&format!("\nreproduced: {TRAP}\n  at explodes\n")), "{printed}");
    assert!(printed.contains("call       accumulate of mine() in query 'counted'"), "{printed}");
    assert!(
        printed.contains("the states before it, version 1:") && printed.contains("0300000000000000"),
        "{printed}"
    );
    let (exit, printed, _) = replay(&bundle, &["--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &report["reproduced"], &report["ok"]), (1, &true.into(), &false.into()));
    assert_eq!((&report["failure"]["what"], &report["before"][0]), (&TRAP.into(), &"restore".into()));
    assert_eq!(report["rows"].as_array().unwrap().len(), 1, "one record: {report}");

    fs::write(bundle.with_file_name("good.wasm"), good()).unwrap();
    let (exit, printed, said) = replay(&bundle, &["--component", "good.wasm"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    assert!(printed.contains("\ndoes not fail\n") && !printed.contains("reproduced"), "{printed}");
    let (exit, printed, _) = replay(&bundle, &["--component", "good.wasm", "--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &report["results"][0]["value"], &report["ok"]), (0, &4.into(), &true.into()));

    // The state is used again: what is kept beside it is in nobody's way.
    let (exit, said) = run(path, &["--state", "state"]);
    assert_eq!(exit, 0, "{said}");
    let (exit, listed, _) =
        outcome(streamgauge().current_dir(path).args(["state", "ls", "--state", "state"]));
    assert!(exit == 0 && !listed.contains("crashes"), "{listed}");
    assert_eq!(entries(&path.join("state/+crashes")).len(), 2, "the bundle and the good component");
}

/// Faults that are of no record, or may be: the call that failed, and words of the fault.
#[test]
fn what_fails_when_windows_close_and_what_takes_too_much_is_kept_as_well() {
    let grow = "(loop $again
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $again))";
    let trap = "wasm `unreachable` instruction executed";
    let cases = [
        (Call::Accumulate, LOOP, "accumulate", "ran longer than 150 ms (its option call_timeout)"),
        (Call::Accumulate, grow, "accumulate", "wanted more than 64 MiB of memory (its option memory)"),
        (Call::Merge, "unreachable", "merge", trap),
        (Call::Evaluate, "unreachable", "evaluate", trap),
        (Call::Evaluate, LOOP, "evaluate", "ran longer than 150 ms (its option call_timeout)"),
        (Call::Release, "unreachable", "release", trap),
    ];
    for (call, before, name, words) in cases {
        let folder = folder(&around(call, before, ""), SLIDING, &"ab".repeat(12));
        let path = folder.path();
        let (exit, said) = run(path, &["--crash-bundles", "kept"]);
        assert_eq!(exit, 3, "{name}: {said}");
        let bundle = only(&path.join("kept"), &said);
        let (exit, printed, said) = replay(&bundle, &["--json"]);
        assert_eq!((exit, said.as_str()), (1, ""), "{name}: {printed}");
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((&report["call"], &report["reproduced"]), (&name.into(), &true.into()), "{report}");
        assert!(report["failure"]["what"].as_str().unwrap().ends_with(words), "{report}");
        fs::write(bundle.with_file_name("good.wasm"), good()).unwrap();
        let (exit, printed, _) = replay(&bundle, &["--component", "good.wasm"]);
        assert!(exit == 0 && printed.contains("does not fail"), "{name}: {printed}");
        // Another fault is said to be one.
        fs::write(
            bundle.with_file_name("other.wasm"),
            around(call, "(drop (call $deeper (i32.const 0)))", ""),
        )
        .unwrap();
        let (exit, printed, _) = replay(&bundle, &["--component", "other.wasm"]);
        let expected = [
            format!("fails otherwise: {name}: trapped in `deeper`"),
            format!("in the run:      {}", report["expected"].as_str().unwrap()),
        ];
        assert!(exit == 1 && expected.iter().all(|expected| printed.contains(expected)), "{name}: {printed}");
    }
}

#[test]
fn rows_are_those_of_a_run_that_keeps_nothing() {
    // The third call fails, or only if no state was captured in this instance: `snapshot` leaves its place at 264. A query that has gone
    // back captures what it seals, so there the recording closes windows that the run has not decided yet.
    let count = "(global.set $count (i32.add (global.get $count) (i32.const 1)))
        (if (i32.eq (global.get $count) (i32.const 3)) (then";
    let cases = [
        (format!("{count} unreachable))"), "the call of reducer `mine` fails otherwise, or not, ", (3, 6)),
        (
            format!("{count} (if (i32.eqz (i32.load (i32.const 264))) (then unreachable))))"),
            "reducer `mine` did not fail when the records were read again",
            (0, 20),
        ),
    ];
    for (before, why, expected) in cases {
        let ran = |arguments: &[&str]| {
            let folder = folder(&around(Call::Evaluate, &before, ""), SLIDING, &"abc".repeat(9));
            let (exit, said) = run(folder.path(), arguments);
            let rows = fs::read_to_string(folder.path().join("rows.jsonl")).unwrap();
            (exit, rows, said.lines().last().unwrap().to_owned(), said)
        };
        let (exit, rows, counts, said) = ran(&[]);
        let (same_exit, same_rows, same_counts, kept) = ran(&["--crash-bundles", "kept"]);
        assert_eq!((exit, &rows, &counts), (same_exit, &same_rows, &same_counts), "{said}{kept}");
        assert_eq!((exit, rows.lines().count()), expected, "{said}");
        assert_eq!(kept.matches("no crash bundle is written: ").count(), 1, "{kept}");
        assert!(kept.contains(why), "{kept}");
    }
}

#[test]
fn a_state_that_cannot_be_captured_or_restored_is_kept() {
    let folder = folder(&around(Call::Snapshot, "unreachable", ""), "TUMBLE(s, ts, INTERVAL '10' HOUR)", "");
    let path = folder.path();
    fs::write(path.join("events.jsonl"), events(&"ab".repeat(50_000))).unwrap();
    let (exit, said) = run(path, &["--state", "state", "--checkpoint-interval", "1ms"]);
    assert_eq!(exit, 3, "{said}");
    let bundle = only(&path.join("state/+crashes"), &said);
    let (exit, printed, _) = replay(&bundle, &[]);
    assert!(exit == 1 && printed.contains("call       snapshot of mine()"), "{printed}");
    assert!(printed.contains("\nreproduced: trapped"), "{printed}");

    let statements = "CREATE AGGREGATE f FROM 'plugins/mine.wasm';
        INSERT INTO k SELECT model, f() AS m FROM TUMBLE(s, ts, INTERVAL '10' SECOND) GROUP BY model;";
    let folder = own_plugins::folder(&good(), statements);
    let path = folder.path();
    let begin = [(1, "a"), (2, "a"), (12, "a")].map(|(second, model)| own_plugins::event(second, model, 1));
    until_captured(path, &begin.concat());
    fs::write(path.join("q/plugins/mine.wasm"), around(Call::Restore, "unreachable", "")).unwrap();
    let mut command = streamgauge();
    command.current_dir(path).args(["run", "q/query.sql", "--input", "s=-", "--state", "state"]);
    let (exit, _, said) = outcome(command.stdin(Stdio::null()));
    assert_eq!(exit, 3, "{said}");
    let bundle = only(&path.join("state/+crashes"), &said);
    let (exit, printed, _) = replay(&bundle, &[]);
    assert!(exit == 1 && printed.contains("call       restore of f()"), "{printed}");
    fs::write(bundle.with_file_name("good.wasm"), good()).unwrap();
    let (exit, printed, _) = replay(&bundle, &["--component", "good.wasm"]);
    assert!(exit == 0 && printed.contains("does not fail"), "{printed}");
}

/// Runs on standard input until the state holds the open window, then kills it.
fn until_captured(folder: &Path, events: &str) {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "q/query.sql", "--input", "s=-", "--state", "state"]);
    let mut child = command.args(["--checkpoint-interval", "50ms"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(events.as_bytes()).unwrap();
    let since = Stopwatch::start();
    let newest = || {
        let names = entries(&folder.join("state/insert_k_1")).into_iter();
        let names = names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        names.filter(|name| name.starts_with("checkpoint-")).max()
    };
    let mut wait_for = |is_there: &dyn Fn() -> bool| {
        while !is_there() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended");
            assert!(since.elapsed() < Duration::from_secs(30), "no group is captured");
            thread::yield_now();
        }
    };
    wait_for(&|| fs::read_to_string(folder.join("rows.jsonl")).is_ok_and(|rows| rows.ends_with('\n')));
    // One checkpoint may be under way; the one behind it has what was read before.
    for _ in 0..2 {
        let before = newest();
        wait_for(&|| newest() != before);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn without_a_place_people_are_told_how_to_keep_a_bundle() {
    let folder = folder(&around(Call::Evaluate, "unreachable", ""), MINUTE, "ab");
    let (exit, said) = run(folder.path(), &[]);
    assert_eq!(exit, 3, "{said}");
    let hint = "it goes back to its beginning; run --crash-bundles DIR keeps what reproduces it\n";
    assert_eq!(said.matches(hint).count(), 1, "once, not at each of three faults: {said}");
    assert_eq!(said.matches("--crash-bundles").count(), 1, "{said}");

    // A folder that cannot be made is told, and changes nothing else.
    fs::write(folder.path().join("file"), "").unwrap();
    let (same, said) = run(folder.path(), &["--crash-bundles", "file/kept"]);
    assert_eq!(same, exit, "{said}");
    assert!(said.contains("query 'counted': cannot write a crash bundle to file/kept: "), "{said}");
}

#[test]
fn a_folder_holds_eight_bundles_and_each_fault_once() {
    let folder = folder(&around(Call::Evaluate, "unreachable", ""), MINUTE, "ab");
    let kept = folder.path().join("kept");
    let keep = ["--crash-bundles", "kept"];
    let (_, said) = run(folder.path(), &keep);
    let first = only(&kept, &said);
    let (_, said) = run(folder.path(), &keep);
    assert_eq!(only(&kept, &said), first);
    assert!(said.contains(" of an earlier run holds such a call"), "{said}");
    // Those of other names are not looked into.
    (2..=8).for_each(|number| fs::write(kept.join(format!("other-{number}.crash")), "").unwrap());
    fs::remove_file(&first).unwrap();
    let (_, said) = run(folder.path(), &keep);
    assert!(first.exists(), "seven leave room for one: {said}");
    fs::rename(&first, kept.join("other-1.crash")).unwrap();
    let (exit, said) = run(folder.path(), &keep);
    assert_eq!((exit, entries(&kept).len()), (3, 8), "{said}");
    assert_eq!(said.matches("no crash bundle is written: kept holds 8 already").count(), 1, "{said}");
}

#[test]
fn what_is_no_whole_bundle_is_refused() {
    let folder = folder(&around(Call::Evaluate, "unreachable", ""), MINUTE, "ab");
    let (_, said) = run(folder.path(), &["--crash-bundles", "kept"]);
    let bundle = only(&folder.path().join("kept"), &said);
    let whole = fs::read(&bundle).unwrap();
    let other = bundle.with_file_name("other.crash");
    let refused = |bytes: &[u8], arguments: &[&str]| {
        fs::write(&other, bytes).unwrap();
        let (exit, printed, said) = replay(&other, arguments);
        assert_eq!((exit, printed.as_str()), (1, ""), "{said}");
        said
    };
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [&changed, &whole[..whole.len() / 2]] {
        let said = refused(bytes, &[]);
        assert!(
            said.starts_with("error: ") && said.contains("other.crash is damaged or cut off: "),
            "{said}"
        );
    }
    assert!(refused(&good(), &[]).contains("other.crash is no crash bundle: "));
    let newer = [b"streamgauge crash bundle 7 ", &whole[27..]].concat();
    assert!(
        refused(&newer, &[])
            .contains("is a crash bundle of format 7, and this version of Streamgauge reads format 1")
    );
    // A component that is none, or that takes other columns.
    fs::write(bundle.with_file_name("module.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    let said = refused(&whole, &["--component", "module.wasm"]);
    assert!(said.contains("error: module.wasm: reducer `mine` is a core module"), "{said}");
    let (_, avg) = streamgauge_bundle::REDUCERS.iter().find(|(name, _)| *name == "avg").unwrap();
    fs::write(bundle.with_file_name("avg.wasm"), avg).unwrap();
    let said = refused(&whole, &["--component", "avg.wasm"]);
    assert!(said.contains("has no signature of the columns ()"), "{said}");
    for path in [bundle.with_file_name("nonesuch"), bundle.parent().unwrap().to_owned()] {
        let (exit, _, said) = replay(&path, &[]);
        assert!(exit == 2 && said.starts_with("error: cannot read "), "{said}");
    }
}

#[test]
fn no_secret_of_a_sink_is_in_a_bundle() {
    let folder = folder(&around(Call::Evaluate, "unreachable", ""), MINUTE, "ab");
    let program = fs::read_to_string(folder.path().join("query.sql")).unwrap();
    let sink = "CREATE SINK k WITH (connector = 'webhook', url = secret('HOOK'), allow_private = 'true',
        signing_secret = secret('KEY'), headers = (\"X-Api-Key\" = secret('TOKEN')));";
    let program = program.replace("CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');", sink);
    assert!(program.contains("secret('HOOK')"));
    fs::write(folder.path().join("query.sql"), program).unwrap();
    let secrets = [
        ("HOOK", "http://127.0.0.1:9/hidden-hook"),
        ("KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("TOKEN", "abc-123456"),
    ];
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["run", "query.sql", "--crash-bundles", "kept"]);
    let (_, _, said) = outcome(command.envs(secrets).stdin(Stdio::null()));
    let bytes = fs::read(only(&folder.path().join("kept"), &said)).unwrap();
    for (name, secret) in secrets {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{name}");
    }
    assert!(!bytes.windows(6).any(|part| part == b"secret"), "no option of a sink is in it at all");
}
