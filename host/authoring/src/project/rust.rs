//! A new project in Rust: the kit, the laws and the contract of this version are copied into it as crates.

use super::{
    Template,
    vendored::{FILES, laws_manifest, sdk_manifest},
};
use crate::language::Kind;

/// The files of a reducer, with their places.
const REDUCER: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../../templates/rust/reducer/Cargo.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/reducer/lib.rs")),
    ("README.md", include_str!("../../templates/rust/reducer/README.md")),
    ("query.sql", include_str!("../../templates/rust/reducer/query.sql")),
    ("cases.json", include_str!("../../templates/rust/reducer/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/target\n*.wasm\n"),
];

/// The files of a sink, with their places.
const SINK: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../../templates/rust/sink/Cargo.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/sink/lib.rs")),
    ("README.md", include_str!("../../templates/rust/sink/README.md")),
    ("query.sql", include_str!("../../templates/rust/sink/query.sql")),
    ("cases.json", include_str!("../../templates/rust/sink/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/target\n*.wasm\n"),
];

pub(super) fn template(kind: Kind) -> Template {
    let texts = match kind {
        Kind::Reducer => &REDUCER,
        Kind::Sink => &SINK,
    };
    let vendor = |path: &str| format!("vendor/{path}");
    let mut copies = vec![
        (vendor("streamgauge-sdk/Cargo.toml"), sdk_manifest().into_bytes()),
        (vendor("streamgauge-laws/Cargo.toml"), laws_manifest().into_bytes()),
    ];
    copies.extend(FILES.iter().map(|(path, bytes)| (vendor(path), bytes.to_vec())));
    Template { texts, copies, source: "src/lib.rs", next: "cargo test && streamgauge plugin build" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_the_laws_and_the_contract_are_in_it() {
        let template = template(Kind::Reducer);
        for wanted in
            ["streamgauge-sdk/wit/reducer.wit", "streamgauge-sdk/src/lib.rs", "streamgauge-laws/src/lib.rs"]
        {
            assert!(template.copies.iter().any(|(path, _)| *path == format!("vendor/{wanted}")), "{wanted}");
        }
    }
}
