//! `plugin new` and `plugin build`: from nothing to a plugin in a query.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{outcome, streamgauge};

/// How the report on the cases of a new reducer ends, in any language.
pub(crate) const REDUCER_CASES: &str =
    "all 4 cases pass, also with their rows in slices that were merged (9 divisions)\n";
/// The same of a new sink.
pub(crate) const SINK_CASES: &str = "all 2 cases pass\n";

/// Where cargo builds: kept between runs of the tests.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-projects")
}

/// The rows of a new reducer's query, in any language, compared with exact values. The windows overlap: `merge` puts 50 and 100 together, and
/// 200 and 800 with a NULL, which counts as a request only.
pub(crate) fn check_geometric_means(rows: &str) {
    let rows: Vec<serde_json::Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let mean =
        |one: f64, other: f64| Some(((one * other).sqrt(), ((one + 1.0) * (other + 1.0)).sqrt() - 1.0));
    let due = [
        ("00:30", "large", 2, mean(200.0, 800.0)),
        ("01:00", "large", 3, mean(200.0, 800.0)),
        ("01:00", "small", 1, mean(50.0, 50.0)),
        ("01:30", "large", 1, None),
        ("01:30", "small", 2, mean(50.0, 100.0)),
        ("02:00", "small", 1, mean(100.0, 100.0)),
    ];
    assert_eq!(rows.len(), due.len(), "{rows:?}");
    for (row, (end, model, requests, means)) in rows.iter().zip(due) {
        let found = (row["window_end"].as_str(), row["model"].as_str(), row["requests"].as_i64());
        let end = format!("2026-01-01T00:{end}.000Z");
        assert_eq!(found, (Some(end.as_str()), Some(model), Some(requests)));
        let near = |field: &str, exact: Option<f64>| match (row[field].as_f64(), exact) {
            (Some(found), Some(exact)) => (found - exact).abs() < 1e-9 * exact,
            (found, exact) => found == exact,
        };
        assert!(
            near("middle", means.map(|(middle, _)| middle))
                && near("shifted", means.map(|(_, shifted)| shifted)),
            "{row}"
        );
    }
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = streamgauge();
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    outcome(command.env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true"))
}

#[test]
fn a_new_project_builds_keeps_the_laws_and_runs_in_its_query() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, printed, said) = run(folder.path(), &["plugin", "new", "geo-mean"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    assert!(printed.contains("next: cd geo-mean && cargo test && streamgauge plugin build"), "{printed}");
    let project = folder.path().join("geo-mean");

    // Nothing is written over it.
    let (exit, _, said) = run(folder.path(), &["plugin", "new", "geo-mean"]);
    assert!(exit == 1 && said.contains("geo-mean is there already"), "{said}");

    let mut tests = Command::new("cargo");
    tests.current_dir(&project).args(["test", "--offline", "--quiet"]).env("CARGO_TARGET_DIR", target());
    let (exit, printed, said) = outcome(&mut tests);
    assert!(exit == 0 && printed.contains("2 passed"), "{printed}{said}");

    let (exit, printed, said) = run(&project, &["plugin", "build"]);
    assert_eq!(exit, 0, "{said}");
    assert!(
        printed.contains("next: streamgauge plugin test && streamgauge plugin check ./geo-mean.wasm"),
        "{printed}"
    );
    let (exit, printed, said) = run(&project, &["plugin", "test"]);
    assert!(exit == 0 && printed.ends_with(REDUCER_CASES), "{printed}{said}");
    let (exit, printed, _) = run(&project, &["plugin", "check", "geo-mean.wasm"]);
    assert!(exit == 0 && printed.ends_with("all 20 laws hold\n"), "{printed}");

    let (exit, rows, said) = run(&project, &["run", "query.sql", "--input", "requests=requests.jsonl"]);
    assert_eq!(exit, 0, "{said}");
    check_geometric_means(&rows);

    let wrong = fs::read_to_string(project.join("query.sql")).unwrap().replace("offset => 1", "offset => -1");
    fs::write(project.join("wrong.sql"), wrong).unwrap();
    let (exit, _, said) = run(&project, &["run", "wrong.sql", "--input", "requests=requests.jsonl"]);
    assert!(exit == 1 && said.contains("`offset` must be a number from 0 to 1000000"), "{exit} {said}");
}

#[test]
fn what_cannot_be_built_is_told_in_the_words_of_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, expected) in
        [("Geo", "'Geo' cannot be the name of a plugin"), ("../a", "'../a' cannot be the name")]
    {
        let (exit, _, said) = run(path, &["plugin", "new", name]);
        assert!(exit == 2 && said.contains(expected), "{said}");
    }
    let (exit, _, said) = run(path, &["plugin", "build", "."]);
    assert!(
        exit == 1 && said.contains("error: this folder has no project of a plugin: there is no Cargo.toml"),
        "{said}"
    );

    fs::write(path.join("Cargo.toml"), "[workspace]\n").unwrap();
    let (exit, _, said) = run(path, &["plugin", "build"]);
    assert!(exit == 1 && said.contains("its Cargo.toml has no package, only a workspace"), "{said}");

    let manifest = "[package]\nname = \"plain\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::create_dir(path.join("src")).unwrap();
    fs::write(path.join("Cargo.toml"), manifest).unwrap();
    fs::write(path.join("src/lib.rs"), "pub fn f() -> u32 { 1 }\n").unwrap();
    let (exit, _, said) = run(path, &["plugin", "build"]);
    assert!(
        exit == 1
            && said
                .contains("error: this folder was built, but what came out does not say which world it has"),
        "{said}"
    );
    assert!(said.contains("without `export_aggregate!`"), "{said}");

    fs::write(path.join("src/lib.rs"), "pub fn f() -> u32 { }\n").unwrap();
    let (exit, _, said) = run(path, &["plugin", "build"]);
    assert!(exit == 1 && said.contains("error[E0308]") && said.contains("cargo says why above"), "{said}");
    assert!(!path.join("plain.wasm").exists());
}

#[test]
fn a_name_that_no_query_can_use_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            ["avg", "reducer"],
            "a query cannot name a plugin 'avg': `avg` is built in\nhelp: choose another name, such as my_avg",
        ),
        (["p95", "reducer"], "a query cannot name a plugin 'p95'"),
        (["select", "reducer"], "a query cannot name a plugin 'select': `select` is a word of SQL"),
        (["kafka", "sink"], "a query cannot name a plugin 'kafka': `kafka` is built in"),
        (
            ["core", "reducer"],
            "'core' cannot be the name of a project in Rust, where it means something else",
        ),
    ];
    for ([name, kind], words) in cases {
        let (exit, _, said) = run(folder.path(), &["plugin", "new", name, "--kind", kind]);
        assert_eq!(exit, 2, "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!folder.path().join(name).exists(), "{name}");
    }
    // What is a reducer's name is free for a sink.
    let (exit, _, said) = run(folder.path(), &["plugin", "new", "avg", "--kind", "sink"]);
    assert_eq!((exit, said.as_str()), (0, ""));
}
