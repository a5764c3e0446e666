//! A new project in JavaScript: a package of npm, in which the kit and the contract of this version are copied.

use super::{Template, vendored::kit_and_contract};
use crate::language::Kind;

/// The files of a reducer, with their places.
const REDUCER: [(&str, &str); 9] = [
    ("package.json", include_str!("../../templates/javascript/reducer/package.json")),
    ("jsconfig.json", include_str!("../../templates/javascript/jsconfig.json")),
    ("plugin.js", include_str!("../../templates/javascript/reducer/plugin.js")),
    ("plugin.test.js", include_str!("../../templates/javascript/reducer/plugin.test.js")),
    ("README.md", include_str!("../../templates/javascript/reducer/README.md")),
    ("query.sql", include_str!("../../templates/rust/reducer/query.sql")),
    ("cases.json", include_str!("../../templates/rust/reducer/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/node_modules\n/build\n*.wasm\n"),
];

/// The files of a sink, with their places.
const SINK: [(&str, &str); 9] = [
    ("package.json", include_str!("../../templates/javascript/sink/package.json")),
    ("jsconfig.json", include_str!("../../templates/javascript/jsconfig.json")),
    ("plugin.js", include_str!("../../templates/javascript/sink/plugin.js")),
    ("plugin.test.js", include_str!("../../templates/javascript/sink/plugin.test.js")),
    ("README.md", include_str!("../../templates/javascript/sink/README.md")),
    ("query.sql", include_str!("../../templates/rust/sink/query.sql")),
    ("cases.json", include_str!("../../templates/rust/sink/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", "/node_modules\n/build\n*.wasm\n"),
];

pub(super) fn template(kind: Kind) -> Template {
    let texts = match kind {
        Kind::Reducer => &REDUCER,
        Kind::Sink => &SINK,
    };
    let copies = kit_and_contract("js", "vendor/streamgauge");
    Template {
        texts,
        copies,
        source: "plugin.js",
        next: "npm install && npm test && streamgauge plugin build",
    }
}
