//! A new project in Python, in which the kit and the contract of this version are copied.

use super::{Template, vendored::kit_and_contract};
use crate::language::Kind;

/// The files of a reducer, with their places.
const REDUCER: [(&str, &str); 8] = [
    ("pyproject.toml", include_str!("../../templates/python/reducer/pyproject.toml")),
    ("plugin.py", include_str!("../../templates/python/reducer/plugin.py")),
    ("test_plugin.py", include_str!("../../templates/python/reducer/test_plugin.py")),
    ("README.md", include_str!("../../templates/python/reducer/README.md")),
    ("query.sql", include_str!("../../templates/rust/reducer/query.sql")),
    ("cases.json", include_str!("../../templates/rust/reducer/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/.venv\n/build\n__pycache__\n*.wasm\n"),
];

/// The files of a sink, with their places.
const SINK: [(&str, &str); 8] = [
    ("pyproject.toml", include_str!("../../templates/python/sink/pyproject.toml")),
    ("plugin.py", include_str!("../../templates/python/sink/plugin.py")),
    ("test_plugin.py", include_str!("../../templates/python/sink/test_plugin.py")),
    ("README.md", include_str!("../../templates/python/sink/README.md")),
    ("query.sql", include_str!("../../templates/rust/sink/query.sql")),
    ("cases.json", include_str!("../../templates/rust/sink/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/.venv\n/build\n__pycache__\n*.wasm\n"),
];

pub(super) fn template(kind: Kind) -> Template {
    let texts = match kind {
        Kind::Reducer => &REDUCER,
        Kind::Sink => &SINK,
    };
    let next =
        "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1 && streamgauge plugin build";
    Template { texts, copies: kit_and_contract("python", "vendor"), source: "plugin.py", next }
}
