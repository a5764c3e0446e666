//! `plugin check` and `plugin inspect`: what they print, and how they end.

use std::{env, fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{outcome, streamgauge};

#[path = "../../component/tests/component/guests.rs"]
#[expect(dead_code, reason = "the guests of another crate's tests, of which these use some")]
pub(crate) mod guests;
#[path = "../../conformance/tests/conformance/counter.rs"]
pub(crate) mod counter;

use counter::{Counter, counter as component, text};

/// A folder with a reducer that is right, one that is wrong, and files that are none.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("rows.wasm", &component(&Counter::default()));
    let wrong = "(i64.store (local.get $into) (i64.load (local.get $source)))";
    write("wrong.wasm", &component(&Counter { merge: wrong, ..Counter::default() }));
    write("module.wasm", &wat::parse_str("(module)").unwrap());
    write("simd.wasm", &wat::parse_str("(component (core module (func (param v128))))").unwrap());
    for (name, bytes) in streamgauge_bundle::REDUCERS.iter().chain(streamgauge_bundle::SINKS) {
        write(&format!("{name}.wasm"), bytes);
    }
    folder
}

pub(crate) fn plugin(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    outcome(streamgauge().current_dir(folder.path()).arg("plugin").args(arguments))
}

/// Compares with a file beside this one; `UPDATE_GOLDEN` writes it.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/plugin").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
}

#[test]
fn reports_are_as_they_were_read() {
    let folder = folder();
    for (file, status) in [("rows", 0), ("wrong", 1), ("module", 1), ("simd", 1), ("webhook", 0)] {
        let (exit, printed, said) = plugin(&folder, &["check", &format!("{file}.wasm")]);
        assert_eq!((exit, said.as_str()), (status, ""), "{file}: {printed}");
        golden(&format!("check_{file}.txt"), &printed);
    }
    // Size and digest of a hand-written component change with nothing but its text.
    for file in ["rows", "percentile", "prometheus"] {
        let (exit, printed, said) = plugin(&folder, &["inspect", &format!("{file}.wasm")]);
        assert_eq!((exit, said.as_str()), (0, ""), "{file}: {printed}");
        let lines = printed.lines().filter(|line| !line.starts_with("size") && !line.starts_with("sha256"));
        golden(&format!("inspect_{file}.txt"), &(lines.collect::<Vec<_>>().join("\n") + "\n"));
    }
}

#[test]
fn every_plugin_of_the_product_keeps_its_laws() {
    let folder = folder();
    for (name, _) in streamgauge_bundle::REDUCERS.iter().chain(streamgauge_bundle::SINKS) {
        let (exit, printed, _) = plugin(&folder, &["check", &format!("{name}.wasm")]);
        assert_eq!(exit, 0, "{name}: {printed}");
    }
}

#[test]
fn json_says_the_same() {
    let folder = folder();
    let (exit, printed, said) = plugin(&folder, &["check", "--json", "wrong.wasm"]);
    assert_eq!((exit, said.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&report["file"], &report["kind"]), (&"wrong.wasm".into(), &"reducer".into()));
    assert_eq!((&report["name"], &report["version"]), (&"probe_rows".into(), &"1.0".into()));
    let broken: Vec<&Value> = report["laws"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|law| law["ok"] == false && law["got"].is_string())
        .collect();
    let names: Vec<&str> = broken.iter().map(|law| law["law"].as_str().unwrap()).collect();
    assert_eq!(names, ["merge-empty", "merge-commutative"], "{report}");
    assert_eq!(broken[1]["rows"]["columns"][0], "slot");

    let (exit, printed, _) = plugin(&folder, &["check", "--json", "module.wasm"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &report["kind"], &report["ok"]), (1, &Value::Null, &false.into()));
    assert_eq!(report["laws"][0]["law"], "loads");

    let (exit, printed, _) = plugin(&folder, &["inspect", "--json", "rows.wasm"]);
    let inspected: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &inspected["sha256"]), (0, &report_digest(&folder, "rows.wasm")));
    assert_eq!(inspected["signatures"][0]["state_bytes_max"], 8);
}

/// The digest that `check` gives.
fn report_digest(folder: &TempDir, file: &str) -> Value {
    let (_, printed, _) = plugin(folder, &["check", "--json", file]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    report.get("sha256").cloned().unwrap_or_default()
}

#[test]
fn what_cannot_be_read_is_usage() {
    let folder = folder();
    for command in ["check", "inspect"] {
        let (exit, printed, said) = plugin(&folder, &[command, "nonesuch.wasm"]);
        assert_eq!((exit, printed.as_str()), (2, ""));
        assert!(said.starts_with("error: cannot read nonesuch.wasm: "), "{said}");
        assert_eq!(plugin(&folder, &[command]).0, 2);
    }
    let (exit, printed, said) = plugin(&folder, &["inspect", "module.wasm"]);
    assert_eq!((exit, printed.as_str()), (1, ""));
    assert!(said.starts_with("error: module.wasm is a core module, not a component: "), "{said}");
}

#[test]
fn a_limit_is_one_of_the_plugin() {
    let folder = folder();
    let (exit, printed, _) = plugin(&folder, &["check", "rows.wasm", "--limit", "plugin_memory=64KiB"]);
    assert_eq!(exit, 1);
    assert!(printed.contains("wanted more than 64 KiB of memory (--limit plugin_memory)"), "{printed}");
}

/// What the runtime of a language asks of WASI when it starts, and calls of each kind in between.
const RUNTIME: &str = r#"
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
"#;

/// Adds one where each answer is what it should be, else it exits.
const ASKS: &str = r#"
  (if (call $clock (i32.const 1) (i64.const 0) (i32.const 400)) (then (call $exit (i32.const 1))))
  (if (i64.eqz (i64.load (i32.const 400))) (then (call $exit (i32.const 2))))
  (if (call $random (i32.const 408) (i32.const 16)) (then (call $exit (i32.const 3))))
  (if (i64.eqz (i64.load (i32.const 408))) (then (call $exit (i32.const 4))))
  (if (call $environ (i32.const 424) (i32.const 428)) (then (call $exit (i32.const 5))))
  (if (i32.or (i32.load (i32.const 424)) (i32.load (i32.const 428))) (then (call $exit (i32.const 6))))
  (i32.store (i32.const 432) (i32.const 1024)) (i32.store (i32.const 436) (i32.const 5))
  (if (call $write (i32.const 2) (i32.const 432) (i32.const 1) (i32.const 440)) (then (call $exit (i32.const 7))))
  (if (i32.ne (i32.load (i32.const 440)) (i32.const 5)) (then (call $exit (i32.const 8))))
  (if (i32.ne (call $prestat (i32.const 3) (i32.const 432)) (i32.const 8)) (then (call $exit (i32.const 9))))
  (i64.store (i32.const 16) (i64.const 0))
"#;

fn module(asks: &str, runtime: &str) -> Vec<u8> {
    let add = format!("{asks}{}", Counter::default().add);
    let counter = Counter { add: &add, ..Counter::default() };
    guests::module("reducer-plugin", &text(&counter).replacen("(module", &format!("(module{runtime}"), 1))
}

#[test]
fn a_module_that_asks_for_a_system_becomes_a_plugin_that_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("core.wasm"), module(ASKS, RUNTIME)).unwrap();
    let (exit, printed, said) = plugin(&folder, &["adapt", "core.wasm", "-o", "rows.wasm"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    let bytes = fs::metadata(folder.path().join("rows.wasm")).unwrap().len();
    let expected = format!(
        "rows.wasm: a component of {bytes} bytes; answered inside of it, the same at every run: clock_time_get, environ_sizes_get, \
         fd_prestat_get, fd_write, poll_oneoff, proc_exit, random_get\n"
    );
    assert_eq!(printed, expected);
    let (exit, printed, said) = plugin(&folder, &["check", "rows.wasm"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    let (_, printed, _) = plugin(&folder, &["inspect", "rows.wasm"]);
    assert!(printed.contains("imports    none"), "{printed}");
    // What ends the program traps in a function of its name.
    fs::write(folder.path().join("core.wasm"), module("(call $exit (i32.const 0))", RUNTIME)).unwrap();
    assert_eq!(plugin(&folder, &["adapt", "core.wasm", "-o", "rows.wasm"]).0, 0);
    let (exit, printed, _) = plugin(&folder, &["check", "rows.wasm"]);
    assert!(exit == 1 && printed.contains("trapped in `proc_exit`"), "{printed}");
}

#[test]
fn what_cannot_become_a_plugin_is_refused_and_nothing_is_written() {
    let folder = folder();
    let foreign = r#"(import "env" "now" (func $now (result i64)))"#;
    fs::write(folder.path().join("foreign.wasm"), module("(drop (call $now))", foreign)).unwrap();
    fs::write(folder.path().join("text.wasm"), "text").unwrap();
    for (file, expected) in [
        ("rows.wasm", "rows.wasm is a component already"),
        ("text.wasm", "text.wasm is not WebAssembly"),
        ("module.wasm", "module.wasm does not say which world it has"),
        ("foreign.wasm", "foreign.wasm imports `env.now`, which only a host could answer"),
    ] {
        let (exit, printed, said) = plugin(&folder, &["adapt", file, "-o", "out.wasm"]);
        assert_eq!((exit, printed.as_str()), (1, ""), "{said}");
        assert!(said.starts_with("error: ") && said.contains(expected), "{said}");
        assert!(!folder.path().join("out.wasm").exists(), "{file}");
    }
    let (exit, _, said) = plugin(&folder, &["adapt", "nowhere.wasm", "-o", "out.wasm"]);
    assert!(exit == 2 && said.starts_with("error: cannot read nowhere.wasm"), "{said}");
}

#[test]
fn a_bench_measures_each_signature_that_can_be_called_with_its_defaults() {
    let folder = folder();
    let (exit, printed, said) = plugin(&folder, &["bench", "z_score.wasm"]);
    assert!(exit == 0 && said.is_empty() && printed.contains("z_score(DOUBLE)"), "{printed}{said}");
    let (exit, printed, said) = plugin(&folder, &["bench", "count.wasm", "--json"]);
    assert_eq!((exit, said.as_str()), (0, ""));
    let benched: Value = serde_json::from_str(&printed).unwrap();
    let signatures = benched["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 6, "one without arguments, and one a type");
    for signature in signatures {
        for figure in ["row_ns", "row_with_null_ns", "merge_ns", "evaluate_ns", "snapshot_ns", "restore_ns"] {
            let nanos = signature[figure].as_f64().unwrap();
            assert!(nanos > 0.0 && nanos < 1e9, "{figure}: {signature}");
        }
        // A state is the number of rows.
        assert_eq!(signature["state_bytes"], 8, "{signature}");
        assert!(signature["memory_bytes"].as_u64().unwrap() >= 65_536);
    }
    // What must be given is not made up.
    let (exit, printed, _) = plugin(&folder, &["bench", "percentile.wasm"]);
    assert!(exit == 0 && printed.contains("not measured: its parameter `p` has no default"), "{printed}");
    for (file, expected) in [("webhook.wasm", "it is of another kind"), ("module.wasm", "is a core module")] {
        let (exit, printed, said) = plugin(&folder, &["bench", file]);
        assert!(exit == 1 && printed.is_empty() && said.contains(expected), "{said}");
    }
}
