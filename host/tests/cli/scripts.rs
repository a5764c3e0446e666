//! Scripts as text: a query and events in, rows and dead letters out.
//!
//! A file of `tests/cli/scripts/` holds sections that begin with `=== NAME`. In: `query.sql`, and `events SOURCE` once for
//! each input. Out: `rows` (standard output), `dead letters`, `stderr` and `exit` (0 where it is left out). With
//! `UPDATE_GOLDEN=1` the out sections are written anew: read them before you believe them.

use std::{env, fs, path::Path};

use crate::{outcome, streamgauge};

const OUT: [&str; 4] = ["rows", "dead letters", "stderr", "exit"];

#[test]
fn every_script_gives_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/scripts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 15, "the scripts are there");
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let found = run(&text);
        if found != text && update {
            fs::write(&path, &found).unwrap();
        } else if found != text {
            wrong.push(format!("--- {}\n{}", path.display(), difference(&text, &found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The script with its out sections as they are now.
fn run(script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("letters.jsonl");
    let query = folder.path().join("query.sql");
    let mut command = streamgauge();
    command.arg("run").arg(&query).arg("--dead-letters").arg(&letters);
    let mut now = String::new();
    for (name, body) in sections(script) {
        if OUT.contains(&name) {
            continue;
        }
        now += if name.is_empty() { "" } else { "=== " };
        now += name;
        now += if name.is_empty() { "" } else { "\n" };
        now += body;
        if name == "query.sql" {
            fs::write(&query, body.trim_end()).unwrap();
        } else if let Some(source) = name.strip_prefix("events ") {
            let path = folder.path().join(format!("{}.jsonl", now.len()));
            fs::write(&path, body.trim_end_matches('\n')).unwrap();
            command.arg("--input").arg(format!("{source}={}", path.display()));
        } else {
            assert_eq!(name, "", "an unknown section");
        }
    }
    let (exit, rows, stderr) = outcome(&mut command);
    let letters = fs::read_to_string(&letters).unwrap_or_default();
    let stderr = stderr.replace(&format!("{}/", folder.path().display()), "");
    let exit = if exit == 0 { String::new() } else { format!("{exit}\n") };
    for (name, body) in OUT.iter().zip([rows, letters, stderr, exit]) {
        if !body.is_empty() {
            now += &format!("=== {name}\n{body}\n");
        }
    }
    format!("{}\n", now.trim_end())
}

/// What stands before the first section under no name, then each section.
fn sections(script: &str) -> Vec<(&str, &str)> {
    let mut sections = Vec::new();
    let (mut name, mut start) = ("", 0);
    let mut at = 0;
    for line in script.split_inclusive('\n') {
        if let Some(next) = line.strip_prefix("=== ") {
            sections.push((name, &script[start..at]));
            (name, start) = (next.trim_end(), at + line.len());
        }
        at += line.len();
    }
    sections.push((name, &script[start..]));
    sections
}

fn difference(expected: &str, found: &str) -> String {
    let mut lines = Vec::new();
    let (mut expected, mut found) = (expected.lines(), found.lines());
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return lines.join("\n"),
            (a, b) if a == b => {}
            (a, b) => lines.push(format!("expected: {}\n   found: {}", a.unwrap_or("-"), b.unwrap_or("-"))),
        }
    }
}
