//! Plugins in every language: a new project builds, keeps the laws, and gives the rows and requests that it gives in the others.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

use crate::{
    outcome,
    plugin_project::{REDUCER_CASES, SINK_CASES, check_geometric_means, target},
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

/// The rows of the reducer's query, compared with exact values.
fn check_rows(project: &Project) {
    let name = project.language.name;
    let (exit, rows, said) = project.run(&["run", "query.sql", "--input", "requests=requests.jsonl"]);
    assert_eq!(exit, 0, "{name}: {said}");
    check_geometric_means(&rows);
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

/// Puts other lines into the author's file of a project; each has to be there.
fn change(project: &Project, file: &str, changes: &[(&str, &str)]) {
    let source = project.path().join(file);
    let mut text = fs::read_to_string(&source).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{file} has no {from}");
        text = text.replace(from, to);
    }
    fs::write(&source, text).unwrap();
}

/// What a changed reducer says when its query runs.
fn said_by_changed(project: &Project, file: &str, changes: &[(&str, &str)]) -> String {
    let source = project.path().join(file);
    let original = fs::read_to_string(&source).unwrap();
    change(project, file, changes);
    let (exit, _, said) = project.run(&["plugin", "build"]);
    assert_eq!(exit, 0, "{said}");
    fs::write(&source, original).unwrap();
    project.run(&["run", "query.sql", "--input", "requests=requests.jsonl"]).2
}

#[test]
fn an_error_of_an_author_is_told_with_its_text_and_line() {
    // What is changed, and what is said of it: a name that is not there, a value that the state cannot have, and a state that is returned.
    let cases = [
        (
            JAVASCRIPT,
            "plugin.js",
            [
                (
                    "state.count += 1;",
                    "state.count += nothing;",
                    "refused a batch: ReferenceError: nothing is not defined (plugin.js, line ",
                ),
                (
                    "state.count += 1;",
                    "state.count += 0.5;",
                    "refused a batch: TypeError: `state.count` is U64 and got 0.5 (number)",
                ),
                (
                    "state.sum += other.sum;",
                    "return { count: 1, sum: 2 };",
                    "merge: TypeError: it must change `state` in place; its return value",
                ),
            ],
        ),
        (
            PYTHON,
            "plugin.py",
            [
                (
                    "state.count += 1\n",
                    "state.count += nothing\n",
                    "refused a batch: NameError: name 'nothing' is not defined (plugin.py, line ",
                ),
                (
                    "state.count += 1\n",
                    "state.count += \"1\" if state.count else 0.5\n",
                    "refused a batch: `Logs.count` is U64 and got 0.5 (float) after `add`",
                ),
                (
                    "state.sum += other.sum",
                    "return Logs(1, 2.0)",
                    "merge: `GeoMean.merge` must change `state` in place; its return value",
                ),
            ],
        ),
    ];
    for (language, file, cases) in cases {
        let Some(project) = language.project("reducer") else { continue };
        for (from, to, expected) in cases {
            let said = said_by_changed(&project, file, &[(from, to)]);
            assert!(said.contains(expected), "{}: {said}", language.name);
            assert!(!said.contains("trapped"), "{}: {said}", language.name);
        }
    }
}

/// How a sink of a language makes one request of the rows of a window: its file, and what is changed in it.
type Batches = (Language, &'static str, &'static [(&'static str, &'static str)]);

const BATCHES: [Batches; 2] = [
    (
        PYTHON,
        "plugin.py",
        &[
            ("import Row, Sink, export", "import Sink, by_window, delivered, export"),
            (
                "    def request(self, row: Row):\n        text = \", \".join(f\"{column} {value}\" for column, value in row.texts())\n        \
                 return post_json(self.url, {\"text\": text})\n",
                "    def requests(self, rows):\n        for of in by_window(rows):\n            \
                 names = sorted(f\"{row.texts()[1][1]} {(row.window or [0, 0])[1]}\" for row in of)\n            \
                 yield post_json(self.url, {\"text\": names, \"nan\": float(\"nan\")}, key=of[0].key), of\n",
            ),
        ],
    ),
    (
        JAVASCRIPT,
        "plugin.js",
        &[
            ("import { TEXT,", "import { TEXT, byWindow,"),
            (
                "    request(row) {\n      const text = row.texts().map(([column, value]) => `${column} ${value}`).join(', ');\n      \
                 return postJson(url, { text });\n    },\n",
                "    *requests(rows) {\n      for (const of of byWindow(rows)) {\n        \
                 const text = of.map((row) => `${row.texts()[1][1]} ${row.window?.[1]}`).sort();\n        \
                 yield [postJson(url, { text, nan: NaN }, of[0].key), of];\n      }\n    },\n",
            ),
        ],
    ),
];

/// Runs the query of a sink into a receiver of so many requests; gives their bodies, and what was said.
fn delivered(project: &Project, requests: usize) -> (Vec<String>, String) {
    let (url, took) = receiver(requests);
    let mut command = streamgauge();
    command.current_dir(project.path()).args(["run", "query.sql", "--input", "requests=requests.jsonl"]);
    command.env("CHAT_URL", url).env("CHAT_PRIVATE", "true").stdin(Stdio::null());
    let (_, _, said) = outcome(&mut command);
    let mut bodies = took.join().unwrap();
    bodies.sort();
    (bodies, said)
}

#[test]
fn rows_of_a_window_go_into_one_request() {
    for (language, file, changes) in BATCHES {
        let Some(project) = language.project("sink") else { continue };
        change(&project, file, changes);
        let (exit, _, said) = project.run(&["plugin", "build"]);
        assert_eq!(exit, 0, "{said}");
        let (exit, printed, _) = project.run(&["plugin", "check", "mine.wasm"]);
        assert!(exit == 0 && printed.ends_with("all 7 laws hold\n"), "{printed}");
        let (bodies, said) = delivered(&project, 2);
        let due = [
            r#"{"text":["large 1767225660000000","small 1767225660000000"],"nan":null}"#,
            r#"{"text":["small 1767225720000000"],"nan":null}"#,
        ];
        assert_eq!(bodies, due, "{}: {said}", language.name);
        assert!(said.contains("dead_letters=0"), "{said}");
    }
}

#[test]
fn what_judge_may_not_return_is_told() {
    for (language, file, from, to, expected) in [
        (
            PYTHON,
            "plugin.py",
            "\n\nexport(Chat)",
            "\n    def judge(self, response):\n        return True\n\n\nexport(Chat)",
            "the sink cannot judge the answer: `judge` returned bool: return delivered, retry(...) or rejected(...)",
        ),
        (
            JAVASCRIPT,
            "plugin.js",
            "    request(row) {",
            "    judge: () => true,\n    request(row) {",
            "the sink cannot judge the answer: TypeError: `judge` returned true (boolean): return delivered, retry(...) or rejected(...)",
        ),
    ] {
        let Some(project) = language.project("sink") else { continue };
        change(&project, file, &[(from, to)]);
        let (exit, _, said) = project.run(&["plugin", "build"]);
        assert_eq!(exit, 0, "{said}");
        // The first answer, 503, is judged as well: its row is a dead letter, and the two others are taken and judged.
        let (bodies, said) = delivered(&project, 2);
        assert_eq!(bodies.len(), 2, "{said}");
        assert!(said.contains(expected) && said.contains("dead_letters=3"), "{}: {said}", language.name);
    }
}

#[test]
fn what_is_wrong_in_python_is_told_without_the_tool_and_with_the_reason_last() {
    let Some(project) = PYTHON.project("reducer") else { return };
    let source = project.path().join("plugin.py");
    let original = fs::read_to_string(&source).unwrap();
    for (from, to, expected) in [
        (
            "export(GeoMean)",
            "nothing",
            "error: this folder cannot be built:\n  File \"plugin.py\", line LINE, in <module>\n    nothing\nNameError: name 'nothing' is not defined\n",
        ),
        (
            "    sum: float",
            "    sum: set[float]",
            "\n`Logs.sum`: set[float] has no place in a state: use list[float]\n",
        ),
        (
            "    sum: float",
            "    sum = 0.0",
            "\n`Logs.sum` has no annotation, so it would not be kept: write `sum: float`, or `typing.ClassVar` for a constant\n",
        ),
        (
            "def merge",
            "def merges",
            "\n`GeoMean` has no method `merge`: write `def merge(self, state: Logs, other: Logs)`\n",
        ),
        ("export(GeoMean)", "", "\nplugin.py names no aggregate: let it end with `export(YourClass)`\n"),
    ] {
        fs::write(&source, original.replace(from, to)).unwrap();
        let line = original.lines().count();
        let (exit, _, said) = project.run(&["plugin", "build"]);
        assert_eq!(exit, 1, "{said}");
        assert!(said.ends_with(&expected.replace("LINE", &line.to_string())), "{said}");
        assert!(said.lines().count() < 8 && !said.contains("/1/"), "{said}");
    }
}
