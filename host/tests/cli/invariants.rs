//! What ARCHITECTURE.md says is absent, is absent: who may name what, read off the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every Rust file below `folder`, with its path in the repository and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 5, "{folder} has files");
    found
}

/// The code of a file: no comments, no unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn only_in(folder: &str, words: &[&str], allowed: impl Fn(&str) -> bool) {
    for (name, text) in sources(folder) {
        let code = code(&text);
        for word in words.iter().filter(|word| code.contains(**word)) {
            assert!(allowed(&name), "{name} names `{word}`");
        }
    }
}

#[test]
fn rdkafka_is_known_in_one_place() {
    only_in("host/src", &["rdkafka::", "use rdkafka"], |name| name.starts_with("host/src/source/kafka"));
}

#[test]
fn wasmtime_is_known_in_one_place() {
    only_in("host/src", &["wasmtime::", "use wasmtime"], |name| name.starts_with("host/src/component"));
}

#[test]
fn clocks_are_read_in_one_place() {
    let clocks = ["SystemTime::now", "Instant::now", "clock_gettime"];
    only_in("host/src", &clocks, |name| name == "host/src/clock.rs");
}

#[test]
fn the_engine_is_pure() {
    let outside = ["std::fs", "std::io", "std::net", "std::thread", "std::time", "clock::", "tokio", "rand"];
    only_in("host/src/engine", &outside, |_| false);
}

#[test]
fn the_compiler_does_no_input_or_output() {
    only_in(
        "sql/src",
        &["std::fs", "TcpStream", "std::env", "std::process", "std::thread", "wasmtime"],
        |_| false,
    );
}

#[test]
fn every_file_says_what_it_is() {
    for folder in ["host/src", "sql/src", "sql/functions/src", "sql/shell/src", "plugins"] {
        for (name, text) in sources(folder).into_iter().filter(|(name, _)| !name.contains("/target/")) {
            assert!(text.starts_with("//!"), "{name} begins without `//!`");
            let lines = text.lines().count();
            assert!(lines <= 450, "{name} has {lines} lines: is it one concept?");
        }
    }
}
