//! `plugin adapt` on components that import WASI.

use std::fs;

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::{
    outcome,
    plugin::counter::{Counter, text},
    streamgauge,
};

/// What the module of a component imports, and what it checks at each row: all that is not as it should be traps.
const IMPORTS: &str = include_str!("plugin_adapt/imports.wat");
const ASKS: &str = include_str!("plugin_adapt/asks.wat");
/// Interfaces of which every function has an answer, in the order of the world.
const ANSWERED: &str = "wasi:io/poll, wasi:io/streams, wasi:clocks/monotonic-clock, wasi:clocks/wall-clock, wasi:random/random, \
     wasi:random/insecure-seed, wasi:cli/environment, wasi:cli/stdin, wasi:cli/stderr, wasi:cli/terminal-stdin, \
     wasi:filesystem/preopens";

/// A counter of rows whose module imports this and does that at each row, beside counting.
fn component(imports: &str, asks: &str, version: &str) -> Vec<u8> {
    let add = format!("{asks}{}", Counter::default().add);
    let counter = text(&Counter { add: &add, ..Counter::default() });
    let module = counter.replacen("(module", &format!("(module{imports}"), 1);
    let mut module = wat::parse_str(module.replace("VERSION", version)).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_path("../wit").unwrap();
    let wasi = include_str!("plugin_adapt/wasi.wit").replace("VERSION", version);
    let package = resolve.push_str("wasi.wit", &format!("package local:root;\n{wasi}")).unwrap();
    let world = resolve.select_world(&[package], Some("local:worlds/reducer")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

fn folder(component: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.wasm"), component).unwrap();
    folder
}

fn plugin(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    outcome(streamgauge().current_dir(folder.path()).arg("plugin").args(arguments))
}

/// Adapts, and gives what was said and the report of the laws.
fn adapted(component: &[u8]) -> (String, i32, String) {
    let folder = folder(component);
    let (exit, told, said) = plugin(&folder, &["adapt", "in.wasm", "-o", "out.wasm"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{told}");
    let (exit, report, said) = plugin(&folder, &["check", "out.wasm"]);
    assert_eq!(said, "");
    let (_, inspected, _) = plugin(&folder, &["inspect", "out.wasm"]);
    assert!(exit != 0 || inspected.contains("imports    none"), "{inspected}");
    (told, exit, report)
}

#[test]
fn a_component_that_asks_for_a_system_becomes_a_plugin_that_keeps_the_laws() {
    for version in ["0.2.0", "0.2.12", "0.7.1"] {
        let (told, exit, report) = adapted(&component(IMPORTS, ASKS, version));
        assert!(
            told.contains(&format!("answered inside of it, the same at every run: {ANSWERED}; a call that")),
            "{told}"
        );
        assert!(
            told.ends_with("ends with a fault: wasi:cli/exit, wasi:sockets/tcp-create-socket\n"),
            "{told}"
        );
        assert!(exit == 0 && report.ends_with("all 20 laws hold\n"), "{version}: {report}");
    }
}

#[test]
fn what_could_matter_ends_the_call_with_its_name() {
    for (asks, name) in [
        ("(call $socket (i32.const 0) (i32.const 800))", "wasi:sockets/tcp-create-socket.create-tcp-socket"),
        ("(call $exit (i32.const 1))", "wasi:cli/exit.exit"),
    ] {
        let (_, exit, report) = adapted(&component(IMPORTS, asks, "0.2.3"));
        assert!(exit == 1 && report.contains(&format!("trapped in `{name}`")), "{report}");
    }
}

#[test]
fn what_nobody_can_answer_is_refused_by_name() {
    let log = r#"(import "local:foreign/log" "write" (func $log (param i32 i32)))"#;
    let folder = folder(&component(log, "(call $log (i32.const 0) (i32.const 0))", "0.2.0"));
    let (exit, printed, said) = plugin(&folder, &["adapt", "in.wasm", "-o", "out.wasm"]);
    assert_eq!((exit, printed.as_str()), (1, ""));
    assert!(
        said.starts_with("error: in.wasm imports `local:foreign/log`, which only a host could"),
        "{said}"
    );
    assert!(!folder.path().join("out.wasm").exists());
    // It is no hint where it would not help.
    let (_, report, _) = plugin(&folder, &["check", "in.wasm"]);
    assert!(
        report.contains("imports `write` of `local:foreign/log`") && !report.contains("adapt"),
        "{report}"
    );
}

#[test]
fn who_uses_a_component_with_imports_is_told_the_command() {
    let folder = folder(&component(IMPORTS, ASKS, "0.2.0"));
    let (exit, report, _) = plugin(&folder, &["check", "in.wasm"]);
    let hint = "`streamgauge plugin adapt` makes a component in which what it asks of WASI is answered";
    assert!(exit == 1 && report.contains(hint), "{report}");
    // Not all of them are named: the hint must not be cut away.
    assert!(
        report.contains("`pollable` of `wasi:clocks/monotonic-clock@0.2.0` and 13 more, but a guest"),
        "{report}"
    );
    fs::write(folder.path().join("query.sql"), "CREATE AGGREGATE rows FROM 'in.wasm';\n").unwrap();
    let (exit, _, said) = outcome(streamgauge().current_dir(folder.path()).args(["check", "query.sql"]));
    assert!(exit == 1 && said.contains(hint), "{said}");
}
