//! What ARCHITECTURE.md says is absent, is absent: who may name what, read off the source.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    assert!(found.len() > 2, "{folder} has files");
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

/// What a crate depends on, without its tests.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (_, behind) = text.split_once("\n[dependencies]\n").unwrap();
    let section = behind.split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

/// The layers of the host: a crate may use those before it that are named beside it, and `streamgauge-sql`.
const LAYERS: [(&str, &str, &[&str]); 9] = [
    ("host/common", "streamgauge-common", &["streamgauge-functions"]),
    ("host/engine", "streamgauge-engine", &["streamgauge-common"]),
    ("host/state", "streamgauge-state", &["streamgauge-common", "streamgauge-engine"]),
    ("host/kafka", "streamgauge-kafka", &["streamgauge-common"]),
    (
        "host/component",
        "streamgauge-component",
        &["streamgauge-common", "streamgauge-engine", "streamgauge-bundle"],
    ),
    (
        "host/conformance",
        "streamgauge-conformance",
        &[
            "streamgauge-common",
            "streamgauge-engine",
            "streamgauge-component",
            "streamgauge-functions",
            "streamgauge-laws",
        ],
    ),
    ("host/authoring", "streamgauge-authoring", &[]),
    ("host/registry", "streamgauge-registry", &["streamgauge-common"]),
    (
        "host",
        "streamgauge",
        &[
            "streamgauge-authoring",
            "streamgauge-common",
            "streamgauge-engine",
            "streamgauge-state",
            "streamgauge-kafka",
            "streamgauge-component",
            "streamgauge-conformance",
            "streamgauge-functions",
            "streamgauge-registry",
        ],
    ),
];

#[test]
fn each_layer_uses_only_layers_below_it() {
    for (folder, name, below) in LAYERS {
        let mut used: BTreeSet<String> = dependencies(folder);
        used.retain(|used| used.starts_with("streamgauge") && used != "streamgauge-sql");
        let allowed: BTreeSet<String> = below.iter().map(|&below| below.to_owned()).collect();
        assert!(used.is_subset(&allowed), "{name} uses {used:?}");
    }
}

/// The modules of `host/src` that a file uses, itself among them where it names itself.
fn modules_used(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut used = BTreeSet::new();
    for behind in code.split("crate::").skip(1) {
        let Some(group) = behind.strip_prefix('{') else {
            used.insert(behind.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect());
            continue;
        };
        let (mut depth, mut name) = (0, String::new());
        for character in group.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => drop(used.insert(std::mem::take(&mut name))),
                _ if depth == 0 => name.push(character),
                _ => {}
            }
        }
        used.insert(name);
    }
    used.into_iter()
        .map(|path| path.trim().split("::").next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn no_circle_between_the_modules_of_the_host() {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources("host/src") {
        let module = name.trim_start_matches("host/src/").split(['/', '.']).next().unwrap().to_owned();
        let used = modules_used(&text).into_iter().filter(|used| *used != module);
        uses.entry(module.clone()).or_default().extend(used);
    }
    assert!(uses["cli"].contains("deploy"), "{uses:?}");
    // Take away what uses nothing that is left, until nothing is left.
    while !uses.is_empty() {
        let known: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|_, used| used.iter().any(|used| known.contains(used)));
        assert!(uses.len() < before, "a circle: {uses:#?}");
    }
}

#[test]
fn each_library_that_speaks_to_the_outside_has_one_crate() {
    let owners = [
        ("rdkafka", "streamgauge-kafka"),
        ("wasmtime", "streamgauge-component"),
        ("object_store", "streamgauge-state"),
        ("axum", "streamgauge"),
        ("reqwest", "streamgauge"),
    ];
    for (library, owner) in owners {
        let users = LAYERS.iter().filter(|(folder, ..)| dependencies(folder).contains(library));
        let mut users: Vec<&str> = users.map(|&(_, name, _)| name).collect();
        // The state's object store sends through the same client as webhooks.
        users.retain(|&user| library != "reqwest" || user != "streamgauge-state");
        assert_eq!(users, [owner], "{library}");
    }
}

#[test]
fn clocks_are_read_in_one_place() {
    let clocks = ["SystemTime::now", "Instant::now", "clock_gettime"];
    for (folder, ..) in LAYERS {
        only_in(&format!("{folder}/src"), &clocks, |name| name == "host/common/src/clock.rs");
    }
}

#[test]
fn the_engine_is_pure() {
    let mut used = dependencies("host/engine");
    used.retain(|used| !used.starts_with("streamgauge"));
    // Hash tables, checksums, searching bytes, error types: nothing with which to reach the outside.
    assert_eq!(
        used,
        ["foldhash", "hashbrown", "memchr", "thiserror", "xxhash-rust"].map(str::to_owned).into()
    );
    let outside = ["std::fs", "std::io", "std::net", "std::thread", "std::time", "clock::", "crash::"];
    only_in("host/engine/src", &outside, |_| false);
}

#[test]
fn the_compiler_does_no_input_or_output() {
    only_in(
        "sql/src",
        &["std::fs", "TcpStream", "std::env", "std::process", "std::thread", "wasmtime"],
        |_| false,
    );
}

/// The files that write what is kept: bytes that `Debug` made would change with a compiler or a renamed field.
const WRITES_STATE: [&str; 25] = [
    "host/engine/src/session/kept.rs",
    "host/kafka/src/control.rs",
    "host/src/deliver/letters/identity.rs",
    "host/src/deliver/lines/mark.rs",
    "host/src/deliver/rows.rs",
    "host/state/src/backend/checkpointer.rs",
    "host/state/src/backend/writer.rs",
    "host/state/src/bytes.rs",
    "host/state/src/checkpoint/section.rs",
    "host/state/src/decision.rs",
    "host/state/src/deployment.rs",
    "host/state/src/fingerprint.rs",
    "host/state/src/fingerprint/literal.rs",
    "host/state/src/header.rs",
    "host/state/src/log/entry.rs",
    "host/state/src/log/mark.rs",
    "host/state/src/manifest.rs",
    "host/state/src/manifest/decided.rs",
    "host/state/src/manifest/over_view.rs",
    "host/state/src/manifest/window_progress.rs",
    "host/state/src/recovery/accept.rs",
    "host/state/src/recovery/sections.rs",
    "host/state/src/segment.rs",
    "host/state/src/statements.rs",
    "host/state/src/table.rs",
];

#[test]
fn what_is_kept_holds_no_output_of_debug() {
    let mut found: Vec<String> = Vec::new();
    for (name, text) in sources("host") {
        if !name.contains("/src/") {
            continue;
        }
        let code = code(&text);
        // Who makes bytes of a kept format is in the list.
        assert!(
            !name.starts_with("host/state/")
                || !code.contains("out: &mut Writer")
                || WRITES_STATE.contains(&name.as_str()),
            "{name} writes what is kept and is not in the list"
        );
        if WRITES_STATE.contains(&name.as_str()) {
            for word in [":?}", ":#?}", "dbg!", "fmt::Debug"] {
                assert!(!code.contains(word), "{name} has `{word}`");
            }
            found.push(name);
        }
    }
    found.sort();
    assert_eq!(found, WRITES_STATE, "each of them is there");
}

#[test]
fn every_file_says_what_it_is() {
    let layers = LAYERS.iter().map(|(folder, ..)| format!("{folder}/src"));
    let others = ["sql/src", "sql/functions/src", "sql/shell/src", "plugins"].map(str::to_owned);
    for folder in layers.chain(others) {
        for (name, text) in sources(&folder).into_iter().filter(|(name, _)| !name.contains("/target/")) {
            assert!(text.starts_with("//!"), "{name} begins without `//!`");
            let lines = text.lines().count();
            assert!(lines <= 450, "{name} has {lines} lines: is it one concept?");
        }
    }
}

/// A connector is one file: nothing else of the host tells sources or sinks apart by name, and `sql` knows none of them.
#[test]
fn only_a_connector_names_itself() {
    let names = [
        "\"console\"",
        "\"kafka\"",
        "\"slack\"",
        "\"webhook\"",
        "\"pagerduty\"",
        "\"alertmanager\"",
        "\"prometheus\"",
    ];
    let is_connector = |name: &str| {
        name.starts_with("host/src/deliver/connectors/")
            || name.starts_with("host/src/source/connectors/")
            || name == "host/src/deploy/connectors/tests.rs"
    };
    only_in("host/src", &names, is_connector);
    only_in("sql/src", &names, |_| false);
}
