//! `plugin new` and `plugin build` in languages whose tools set-up installs: their templates in queries, with exact rows.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::{
    kept::answer,
    outcome,
    plugin_project::{REDUCER_CASES, SINK_CASES, check_geometric_means},
    streamgauge,
};

/// A language, and what is said where its tools are not there.
struct Toolchain {
    name: &'static str,
    missing: &'static str,
}

const C: Toolchain = Toolchain { name: "c", missing: "neither clang with wasi-libc, nor zig" };

const GO: Toolchain = Toolchain { name: "go", missing: "go does not start" };

/// Where set-up installs tools, if it did.
fn installed() -> PathBuf {
    let cache = |variable: &str| env::var_os(variable).map(PathBuf::from);
    let cache = cache("STREAMGAUGE_CACHE").or_else(|| Some(cache("XDG_CACHE_HOME")?.join("streamgauge")));
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    cache.unwrap_or_else(|| home.join(".cache/streamgauge")).join("python/bin")
}

/// The search path of programs, with what set-up installs before all others.
fn path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([installed()].into_iter().chain(env::split_paths(&path))).unwrap()
}

fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = streamgauge();
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command.env("PATH", path()).envs(variables.iter().copied());
    // What compilers make once for all projects is kept between runs. Nothing is downloaded.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    command.env("ZIG_GLOBAL_CACHE_DIR", kept.join("zig")).env("GOCACHE", kept.join("go"));
    command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    outcome(&mut command)
}

/// A project that was built and keeps its laws, of which one is that it imports nothing; none where the tools are missing, which `make ci` does not take.
fn built(toolchain: &Toolchain, kind: &str, laws: &str) -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let new = ["plugin", "new", "geo-mean", "--lang", toolchain.name, "--kind", kind, "--dir", "project"];
    let (exit, printed, said) = run(folder.path(), &new, &[]);
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    let project = folder.path().join("project");
    let (exit, printed, said) = run(&project, &["plugin", "build"], &[]);
    if exit != 0 && said.contains(toolchain.missing) {
        assert!(env::var_os("STRICT").is_none_or(|strict| strict.is_empty()), "!!! MISSING: {said}");
        #[expect(clippy::print_stderr, reason = "a test that was skipped must be seen")]
        {
            eprintln!("!!! SKIPPED: {said}");
        }
        return None;
    }
    assert_eq!(exit, 0, "{said}");
    assert!(
        printed.contains("next: streamgauge plugin test && streamgauge plugin check ./geo-mean.wasm"),
        "{printed}"
    );
    // The templates compile without a warning.
    assert!(!said.contains("warning"), "{said}");
    let cases = if kind == "sink" { SINK_CASES } else { REDUCER_CASES };
    let (exit, printed, said) = run(&project, &["plugin", "test"], &[]);
    assert!(exit == 0 && printed.ends_with(cases), "{printed}{said}");
    let (exit, printed, _) = run(&project, &["plugin", "check", "geo-mean.wasm"], &[]);
    assert!(exit == 0 && printed.ends_with(laws), "{printed}");
    Some(folder)
}

/// The template of a reducer gives the rows that the one in Rust gives.
fn geometric_means(toolchain: &Toolchain) {
    let Some(folder) = built(toolchain, "reducer", "all 20 laws hold\n") else { return };
    let project = folder.path().join("project");
    let (exit, rows, said) = run(&project, &["run", "query.sql", "--input", "requests=requests.jsonl"], &[]);
    assert_eq!(exit, 0, "{said}");
    check_geometric_means(&rows);

    let wrong = fs::read_to_string(project.join("query.sql")).unwrap().replace("offset => 1", "offset => -1");
    fs::write(project.join("wrong.sql"), wrong).unwrap();
    let (exit, _, said) = run(&project, &["run", "wrong.sql", "--input", "requests=requests.jsonl"], &[]);
    assert!(exit == 1 && said.contains("`offset` must be a number from 0 to 1000000"), "{exit} {said}");
}

/// The template of a sink posts each row to a receiver, and once more where that asks for it.
fn messages(toolchain: &Toolchain) {
    let Some(folder) = built(toolchain, "sink", "all 7 laws hold\n") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let receiver = thread::spawn(move || {
        let answers = ["429 Too Many Requests\r\nretry-after: 0", "204 No Content", "200 OK", "201 Created"];
        answers.map(|status| answer(&listener, status))
    });
    let variables = [("CHAT_URL", url.as_str()), ("CHAT_PRIVATE", "true")];
    let arguments = ["run", "query.sql", "--input", "requests=requests.jsonl"];
    let (exit, _, said) = run(&folder.path().join("project"), &arguments, &variables);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("dead_letters=0"), "{said}");
    let received = receiver.join().unwrap();
    for (head, _) in &received {
        assert!(
            head.starts_with("post /hook http/1.1") && head.contains("content-type: application/json"),
            "{head}"
        );
    }
    let mut bodies: Vec<&str> = received.iter().map(|(_, body)| body.as_str()).collect();
    let first = bodies.remove(0);
    assert!(bodies.contains(&first), "the one that was refused came again: {bodies:?}");
    bodies.sort_unstable();
    let expected = [
        r#"{"text":"window_end 2026-01-01T00:01:00.000Z, model large, requests 3, mean 500"}"#,
        r#"{"text":"window_end 2026-01-01T00:01:00.000Z, model small, requests 1, mean 50"}"#,
        r#"{"text":"window_end 2026-01-01T00:02:00.000Z, model small, requests 1, mean 100"}"#,
    ];
    assert_eq!(bodies, expected);
}

#[test]
fn a_reducer_in_c_gives_exact_rows() {
    geometric_means(&C);
}

#[test]
fn a_reducer_in_go_gives_exact_rows() {
    geometric_means(&GO);
}

#[test]
fn a_sink_in_go_posts_each_row() {
    messages(&GO);
}

#[test]
fn a_sink_in_c_posts_each_row() {
    messages(&C);
}

/// Texts, lists, event times and all types of parameters and results, which the template does not have.
#[test]
fn other_reducers_in_c_keep_their_laws() {
    let Some(folder) = built(&C, "reducer", "all 20 laws hold\n") else { return };
    let project = folder.path().join("project");
    for source in [include_str!("plugin_toolchains/last.c"), include_str!("plugin_toolchains/median.c")] {
        fs::write(project.join("plugin.c"), source).unwrap();
        let (exit, _, said) = run(&project, &["plugin", "build"], &[]);
        assert!(exit == 0 && !said.contains("warning"), "{said}");
        let (exit, printed, _) = run(&project, &["plugin", "check", "geo-mean.wasm"], &[]);
        assert!(exit == 0 && printed.ends_with("all 20 laws hold\n"), "{printed}");
    }
}

/// The page about languages of one's own goes this way, with these commands.
#[test]
fn a_reducer_of_the_bare_contract_in_zig_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::copy(docs.join("other-languages/hmean.zig"), folder.path().join("hmean.zig")).unwrap();
    let page = fs::read_to_string(docs.join("plugins-other-languages.md")).unwrap();
    let compile = page.lines().find_map(|line| line.trim().strip_prefix("python3 -m ziglang ")).unwrap();
    let mut zig = Command::new("python3");
    zig.current_dir(folder.path()).env("PATH", path()).args(["-m", "ziglang"]).args(compile.split(' '));
    zig.env("ZIG_GLOBAL_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("zig"));
    let (exit, _, said) = outcome(&mut zig);
    if said.contains("No module named ziglang") {
        assert!(env::var_os("STRICT").is_none_or(|strict| strict.is_empty()), "!!! MISSING: {said}");
        eprintln!("!!! SKIPPED: {said}");
        return;
    }
    assert_eq!(exit, 0, "{said}");
    let (exit, printed, said) =
        run(folder.path(), &["plugin", "adapt", "core.wasm", "-o", "hmean.wasm"], &[]);
    assert_eq!(exit, 0, "{printed}{said}");
    let (exit, printed, _) = run(folder.path(), &["plugin", "check", "hmean.wasm"], &[]);
    assert!(exit == 0 && printed.ends_with("all 20 laws hold\n"), "{printed}");
}
