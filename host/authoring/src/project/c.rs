//! A new project in C: the kit, the contract and its bindings are copied into it.

use super::{
    Template,
    bindings::{C_KIT, C_REDUCER, C_SINK, CONTRACT, placed},
};
use crate::language::Kind;

/// The files of a reducer, with their places.
const REDUCER: [(&str, &str); 7] = [
    ("plugin.c", include_str!("../../templates/c/reducer/plugin.c")),
    ("Makefile", include_str!("../../templates/c/Makefile")),
    ("README.md", include_str!("../../templates/c/reducer/README.md")),
    ("query.sql", include_str!("../../templates/rust/reducer/query.sql")),
    ("cases.json", include_str!("../../templates/rust/reducer/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", IGNORED),
];
/// The files of a sink, with their places.
const SINK: [(&str, &str); 7] = [
    ("plugin.c", include_str!("../../templates/c/sink/plugin.c")),
    ("Makefile", include_str!("../../templates/c/Makefile")),
    ("README.md", include_str!("../../templates/c/sink/README.md")),
    ("query.sql", include_str!("../../templates/c/sink/query.sql")),
    ("cases.json", include_str!("../../templates/rust/sink/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", IGNORED),
];
const IGNORED: &str = "/build\n*.wasm\n";

pub(super) fn template(kind: Kind) -> Template {
    let (texts, bindings) = match kind {
        Kind::Reducer => (&REDUCER, C_REDUCER),
        Kind::Sink => (&SINK, C_SINK),
    };
    let mut copies = placed(C_KIT, "kit");
    copies.extend(placed(bindings, "bindings"));
    copies.extend(placed(CONTRACT, "wit"));
    Template { texts, copies, source: "plugin.c", next: "streamgauge plugin build" }
}
