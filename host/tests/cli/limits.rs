//! What the system does not give: it is told by name, and nobody is blamed for it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::streamgauge;

const QUERY: &str = "
CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
CREATE SOURCE timed (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_ms');
CREATE SINK k WITH (connector = 'console');
";
const EVENTS: usize = 20_000;

fn folder(statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), format!("{QUERY}{statements}")).unwrap();
    let event = |n: usize| format!("{{\"n\":{n},\"ts\":{}}}\n", n * 10);
    fs::write(folder.path().join("events.jsonl"), (0..EVENTS).map(event).collect::<String>()).unwrap();
    folder
}

/// Runs the binary in a shell that has limited itself.
fn limited(folder: &TempDir, limit: &str, arguments: &str) -> Output {
    limited_by(folder, limit, "", arguments)
}

/// The same, by another program.
fn limited_by(folder: &TempDir, limit: &str, program: &str, arguments: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_streamgauge");
    let script = format!("{limit} && exec {program}{binary} {arguments}");
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_file_that_may_not_become_so_large_is_told_by_its_name() {
    let folder = folder("INSERT INTO k SELECT n FROM s;");
    let named = [
        ("--output k=rows.jsonl", "cannot write to rows.jsonl: File too large"),
        ("--output k=rows.jsonl --state state --drain-timeout 1s", "cannot write "),
        ("--output k=/dev/null --state state", "/state/insert_k_1/log-"),
        // Reading waits for dead letters, until it is interrupted (once: without `--foreground` the whole group is, twice).
        (
            "--output k=/dev/null --dead-letters events.dead.jsonl --drain-timeout 1s",
            "events.dead.jsonl: File too large",
        ),
    ];
    for (arguments, words) in named {
        let input = if arguments.contains("dead") { "broken.jsonl" } else { "events.jsonl" };
        fs::write(folder.path().join("broken.jsonl"), "{\n".repeat(EVENTS)).unwrap();
        let arguments = format!("run query.sql --input s={input} {arguments}");
        let interrupted =
            if arguments.contains("dead") { "timeout --foreground --preserve-status -s INT 4 " } else { "" };
        let output = limited_by(&folder, "ulimit -f 40", interrupted, &arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{arguments}: {}: {said}", output.status);
        assert!(said.contains(words), "{arguments}: {said}");
        assert!(said.contains("\nhelp: a file may not become that large"), "{arguments}: {said}");
    }
    let output = limited(&folder, "ulimit -f 1", "compile query.sql -o out");
    assert!(said(&output).contains("error: cannot write out/insert_k_1.wasm: File too large"), "{output:?}");
}

#[test]
fn that_no_more_files_may_be_opened_is_told_with_its_limit() {
    let folder = folder("INSERT INTO k SELECT n FROM s;");
    for limit in [6, 8, 12, 16, 24] {
        let run = "run query.sql --input s=events.jsonl --output k=rows.jsonl --state state";
        let output = limited(&folder, &format!("ulimit -n {limit}"), run);
        let said = said(&output);
        assert!(!said.contains("is a bug"), "{limit}: {said}");
        assert!(output.status.success() || said.contains("raise its limit (ulimit -n)"), "{limit}: {said}");
    }
}

/// Whatever there is of it, memory that is lacking is named, and it is nobody's fault who asks for it.
#[test]
fn memory_that_the_system_does_not_give_is_no_fault_of_a_plugin() {
    let folder = folder(
        "INSERT INTO k SELECT window_end, count(*) AS n, sum(n) AS total, percentile(n, 95) AS p
        FROM TUMBLE(timed, ts, INTERVAL '1' SECOND) GROUP BY window_end;",
    );
    let run = "run query.sql --input timed=events.jsonl --output k=rows.jsonl --dead-letters dead.jsonl";
    let mut worked = 0;
    // In KiB: too little to begin with, to compile, for one plugin, for some of them, enough. The least is more than the program's 52 MB,
    // or the system cannot load it, and says so itself.
    for limit in [66_000, 80_000, 200_000, 1_000_000, 4_400_000, 9_000_000, 13_500_000, 60_000_000] {
        let output = limited(&folder, &format!("ulimit -v {limit}"), run);
        let said = said(&output);
        if output.status.success() {
            worked += 1;
            continue;
        }
        assert!(said.contains("memory"), "{limit}: {}: {said}", output.status);
        for blame in ["broke its contract", "trapped", "does not compile", "is a bug"] {
            assert!(!said.contains(blame), "{limit}: {said}");
        }
        assert!(output.status.code() == Some(3) || output.status.signal() == Some(6), "{limit}: {said}");
        let letters = fs::read_to_string(folder.path().join("dead.jsonl")).unwrap_or_default();
        assert_eq!(letters, "", "{limit}: no record is condemned for it");
    }
    assert!(worked >= 1, "there is enough at last");
}

/// A core dump would hold secrets. Linux takes a limit of 0 for none where dumps go to a program, but not one of 1.
#[test]
fn a_process_leaves_no_core_dump_unless_it_is_asked_to() {
    let folder = folder("INSERT INTO k SELECT n FROM s;");
    let limit = |command: &mut Command| {
        let mut child = command
            .current_dir(folder.path())
            .args(["run", "query.sql", "--input", "s=-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{{\"n\":1}}").unwrap();
        let mut row = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut row).unwrap();
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success());
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        core.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit(&mut streamgauge()), "1");
    let asked = limit(streamgauge().env("STREAMGAUGE_CORE_DUMPS", "1"));
    let own = fs::read_to_string("/proc/self/limits").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(asked, own.split_whitespace().next().unwrap(), "as the user has it");
}
