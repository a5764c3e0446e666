//! Scripts as text: a query and events in, rows and dead letters out.
//!
//! A file of `tests/cli/scripts/` holds sections that begin with `=== NAME`. In: `query.sql`, `events SOURCE` once for each
//! input, `environment`, a `NAME=VALUE` a line, and `arguments`, in which `FOLDER` is the script's own. Out: `rows` (standard output), `dead letters`, `stderr` and
//! `exit` (0 where it is left out). `again`, with a sentence why, begins another run: what it does not say stays as it was. With
//! `UPDATE_GOLDEN=1` the out sections are written anew: read them before you believe them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

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
    let mut setting = Setting::new();
    let mut now = String::new();
    for (name, body) in sections(script) {
        if OUT.contains(&name) {
            continue;
        }
        if name == "again" {
            now += &setting.outcome();
            setting.inputs_are_old = true;
        }
        if !name.is_empty() {
            now += &format!("=== {name}\n");
        }
        now += body;
        setting.take(name, body);
    }
    now += &setting.outcome();
    format!("{}\n", now.trim_end())
}

/// What the in sections said so far.
struct Setting {
    folder: TempDir,
    inputs: Vec<(String, PathBuf)>,
    /// Whether the next input is the first of another run.
    inputs_are_old: bool,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            inputs: Vec::new(),
            inputs_are_old: false,
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, body: &str) {
        if let Some(source) = name.strip_prefix("events ") {
            if std::mem::take(&mut self.inputs_are_old) {
                self.inputs.clear();
            }
            let path = self.path(&format!("{}.jsonl", self.inputs.len()));
            fs::write(&path, body.trim_end_matches('\n')).unwrap();
            self.inputs.push((source.to_owned(), path));
            return;
        }
        match name {
            "query.sql" => fs::write(self.path("query.sql"), body.trim_end()).unwrap(),
            "environment" => {
                let pairs = body.split_whitespace().map(|line| line.split_once('=').unwrap());
                self.environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            }
            "arguments" => {
                let folder = self.folder.path().display().to_string();
                self.arguments =
                    body.split_whitespace().map(|word| word.replace("FOLDER", &folder)).collect();
            }
            _ => assert!(matches!(name, "" | "again"), "an unknown section: {name}"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One run, as out sections.
    fn outcome(&self) -> String {
        let letters = self.path("letters.jsonl");
        let mut command = streamgauge();
        command.arg("run").arg(self.path("query.sql")).arg("--dead-letters").arg(&letters);
        for (source, path) in &self.inputs {
            command.arg("--input").arg(format!("{source}={}", path.display()));
        }
        let (exit, rows, stderr) =
            outcome(command.args(&self.arguments).envs(self.environment.iter().cloned()));
        let letters = fs::read_to_string(&letters).unwrap_or_default();
        let stderr = stderr.replace(&format!("{}/", self.folder.path().display()), "");
        let exit = if exit == 0 { String::new() } else { format!("{exit}\n") };
        let out = OUT.iter().zip([rows, letters, stderr, exit]);
        out.filter(|(_, body)| !body.is_empty()).map(|(name, body)| format!("=== {name}\n{body}\n")).collect()
    }
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
