//! Plugins in every language: a new project builds, keeps the laws, and gives the rows and requests that it gives in the others.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    thread::{self, JoinHandle},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    outcome,
    plugin_project::{REDUCER_CASES, SINK_CASES, target},
    streamgauge,
};

/// What `plugin new` calls a language.
#[derive(Clone, Copy, PartialEq)]
struct Language {
    name: &'static str,
    /// Where the tools are, and which ones; without them what is tested here cannot be built.
    tools: Option<(&'static str, &'static [&'static str])>,
}

const PYTHON_TOOLS: &str = "STREAMGAUGE_PYTHON_TOOLS";
const NODE_MODULES: &str = "STREAMGAUGE_NODE_MODULES";

const RUST: Language = Language { name: "rust", tools: None };
const JAVASCRIPT: Language = Language { name: "js", tools: Some((NODE_MODULES, &[".bin/componentize-qjs"])) };
const TYPESCRIPT: Language =
    Language { name: "ts", tools: Some((NODE_MODULES, &[".bin/componentize-qjs", ".bin/tsc"])) };
const PYTHON: Language = Language { name: "python", tools: Some((PYTHON_TOOLS, &["componentize-py"])) };

/// A project of a language.
struct Project {
    language: Language,
    folder: TempDir,
}

impl Language {
    /// The folder of its tools; none where they are not there, which is told, and a fault where everything has to be tested.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn tools(self) -> Option<PathBuf> {
        let Some((variable, needed)) = self.tools else { return Some(PathBuf::new()) };
        let folder = PathBuf::from(env::var_os(variable).unwrap_or_default());
        if needed.iter().all(|tool| folder.join(tool).exists()) {
            return Some(folder);
        }
        let name = self.name;
        assert!(
            env::var_os("STRICT").is_none_or(|strict| strict.is_empty()),
            "{variable} has no tools of {name}: run .ci/setup.sh tests"
        );
        eprintln!("skipped: plugins in {name}, since {variable} has no tools of it (.ci/setup.sh tests)");
        None
    }

    /// A new project, with the tools in it.
    fn project(self, kind: &str) -> Option<Project> {
        let tools = self.tools()?;
        let project = Project { language: self, folder: tempfile::tempdir().unwrap() };
        let (exit, printed, said) = project
            .run_in(project.folder.path(), &["plugin", "new", "mine", "--lang", self.name, "--kind", kind]);
        assert_eq!((exit, said.as_str()), (0, ""));
        assert!(printed.starts_with(&format!("mine: a {kind} in ")), "{printed}");
        if self.tools.is_some_and(|(variable, _)| variable == NODE_MODULES) {
            std::os::unix::fs::symlink(tools, project.path().join("node_modules")).unwrap();
        }
        Some(project)
    }
}

impl Project {
    fn path(&self) -> PathBuf {
        self.folder.path().join("mine")
    }

    fn run_in(&self, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
        let mut command = streamgauge();
        let path = env::var_os("PATH").unwrap_or_default();
        let tools = env::var_os(PYTHON_TOOLS).map(PathBuf::from);
        let path = env::join_paths(tools.into_iter().chain(env::split_paths(&path))).unwrap();
        command.current_dir(folder).args(arguments).env("PATH", path).stdin(Stdio::null());
        outcome(command.env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true"))
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_in(&self.path(), arguments)
    }

    /// Builds it and tries its cases and the laws.
    fn build_and_check(&self, cases: &str, laws: usize) {
        let name = self.language.name;
        let (exit, printed, said) = self.run(&["plugin", "build"]);
        assert_eq!(exit, 0, "{name}: {said}");
        assert!(printed.starts_with("./mine.wasm: a component of "), "{name}: {printed}");
        let (exit, printed, said) = self.run(&["plugin", "test"]);
        assert!(exit == 0 && printed.ends_with(cases), "{name}: {printed}{said}");
        let (exit, printed, said) = self.run(&["plugin", "check", "mine.wasm"]);
        assert_eq!(exit, 0, "{name}: {printed}{said}");
        assert!(printed.ends_with(&format!("all {laws} laws hold\n")), "{name}: {printed}");
    }
}

/// The rows of the reducer's query, compared with exact values: of 200 and 800, of 50, and of 100. A row with NULL counts as a request only.
fn check_rows(project: &Project) {
    let name = project.language.name;
    let (exit, rows, said) = project.run(&["run", "query.sql", "--input", "requests=requests.jsonl"]);
    assert_eq!(exit, 0, "{name}: {said}");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let shifted = (201.0_f64 * 801.0).sqrt() - 1.0;
    let due = [("large", 3, 400.0, shifted), ("small", 1, 50.0, 50.0), ("small", 1, 100.0, 100.0)];
    assert_eq!(rows.len(), due.len(), "{name}: {rows:?}");
    for (row, (model, requests, middle, shifted)) in rows.iter().zip(due) {
        let near = |field: &str, exact: f64| (row[field].as_f64().unwrap() - exact).abs() < 1e-9 * exact;
        assert_eq!(
            (row["model"].as_str(), row["requests"].as_i64()),
            (Some(model), Some(requests)),
            "{name}"
        );
        assert!(near("middle", middle) && near("shifted", shifted), "{name}: {row}");
    }
    let query = fs::read_to_string(project.path().join("query.sql")).unwrap();
    fs::write(project.path().join("wrong.sql"), query.replace("offset => 1", "offset => -1")).unwrap();
    let (exit, _, said) = project.run(&["run", "wrong.sql", "--input", "requests=requests.jsonl"]);
    assert!(
        exit == 1 && said.contains("`offset` must be a number from 0 to 1000000"),
        "{name}: {exit} {said}"
    );
}

/// A receiver that answers the first request with 503 and the others with 204; it gives the bodies of those that it took.
fn receiver(count: usize) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let took = thread::spawn(move || {
        let mut taken = Vec::new();
        for number in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let body = loop {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).unwrap();
                request.extend_from_slice(piece.get(..read).unwrap());
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                assert!(head.starts_with("POST /hook "), "{head}");
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
                });
                if body.len() == length.unwrap() {
                    break body.to_owned();
                }
            };
            let status = if number == 0 { "503 Later" } else { "204 No Content" };
            let end = "Connection: close\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(format!("HTTP/1.1 {status}\r\n{end}").as_bytes()).unwrap();
            if number > 0 {
                taken.push(body);
            }
            if taken.len() == count {
                break;
            }
        }
        taken
    });
    (url, took)
}

/// The requests of the sink's query: each is tried again until it is taken.
fn check_requests(project: &Project) {
    let name = project.language.name;
    let (url, took) = receiver(3);
    let mut command = streamgauge();
    command.current_dir(project.path()).args(["run", "query.sql", "--input", "requests=requests.jsonl"]);
    command.env("CHAT_URL", url).env("CHAT_PRIVATE", "true").stdin(Stdio::null());
    let (exit, _, said) = outcome(&mut command);
    assert_eq!(exit, 0, "{name}: {said}");
    let mut bodies = took.join().unwrap();
    bodies.sort();
    let text = |end: &str, model: &str, requests: u32, mean: u32| {
        format!(
            r#"{{"text":"window_end 2026-01-01T00:{end}:00Z, model {model}, requests {requests}, mean {mean}"}}"#
        )
    };
    let due = [text("01", "large", 3, 500), text("01", "small", 1, 50), text("02", "small", 1, 100)];
    assert_eq!(bodies, due, "{name}");
}

fn reducer(language: Language) {
    let Some(project) = language.project("reducer") else { return };
    project.build_and_check(REDUCER_CASES, 20);
    check_rows(&project);
}

fn sink(language: Language) {
    let Some(project) = language.project("sink") else { return };
    project.build_and_check(SINK_CASES, 7);
    check_requests(&project);
}

#[test]
fn a_reducer_in_javascript() {
    reducer(JAVASCRIPT);
}

#[test]
fn a_reducer_in_typescript() {
    reducer(TYPESCRIPT);
}

#[test]
fn a_reducer_in_python() {
    reducer(PYTHON);
}

#[test]
fn a_sink_in_rust() {
    sink(RUST);
}

#[test]
fn a_sink_in_javascript() {
    sink(JAVASCRIPT);
}

#[test]
fn a_sink_in_typescript() {
    sink(TYPESCRIPT);
}

#[test]
fn a_sink_in_python() {
    sink(PYTHON);
}

#[test]
fn a_tool_that_is_missing_is_named_with_where_to_get_it() {
    for (language, tool, help) in [
        ("js", "componentize-qjs", "run `npm install` in the project"),
        ("ts", "tsc", "run `npm install` in the project"),
        (
            "python",
            "componentize-py",
            "run `python3 -m venv .venv && .venv/bin/pip install componentize-py==",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let mut command = streamgauge();
            command.current_dir(folder.path()).args(arguments).env("PATH", "/nowhere").stdin(Stdio::null());
            outcome(&mut command)
        };
        assert_eq!(run(&["plugin", "new", "mine", "--lang", language]).0, 0);
        let (exit, _, said) = run(&["plugin", "build", "mine"]);
        let expected = format!("error: mine cannot be built: {tool} does not start (");
        assert!(exit == 1 && said.starts_with(&expected) && said.contains(help), "{language}: {said}");
    }
}

#[test]
fn an_error_of_an_author_is_told_with_its_text() {
    for (language, file, sum, wrong, expected) in [
        (
            JAVASCRIPT,
            "plugin.js",
            "state.count += 1;",
            "state.count += nothing;",
            "ReferenceError: nothing is not defined",
        ),
        (
            PYTHON,
            "plugin.py",
            "state.count += 1",
            "state.count += nothing",
            "NameError: name 'nothing' is not defined",
        ),
    ] {
        let Some(project) = language.project("reducer") else { continue };
        let source = project.path().join(file);
        let text = fs::read_to_string(&source).unwrap();
        fs::write(&source, text.replace(sum, wrong)).unwrap();
        let (exit, _, said) = project.run(&["plugin", "build"]);
        assert_eq!(exit, 0, "{said}");
        let (_, _, said) = project.run(&["run", "query.sql", "--input", "requests=requests.jsonl"]);
        assert!(said.contains(&format!("refused a batch: {expected}")), "{said}");
    }
}
