//! A new project in Go: the kit, the contract and its bindings are copied into it, so that it needs no other module.

use super::{
    Template,
    bindings::{CONTRACT, GO_KIT, GO_REDUCER, GO_SINK, placed},
};
use crate::language::Kind;

/// The files of a reducer, with their places.
const REDUCER: [(&str, &str); 8] = [
    ("go.mod", include_str!("../../templates/go/go.mod")),
    ("plugin.go", include_str!("../../templates/go/reducer/plugin.go")),
    ("plugin_test.go", include_str!("../../templates/go/reducer/plugin_test.go")),
    ("README.md", include_str!("../../templates/go/reducer/README.md")),
    ("query.sql", include_str!("../../templates/rust/reducer/query.sql")),
    ("cases.json", include_str!("../../templates/rust/reducer/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", IGNORED),
];
/// The files of a sink, with their places.
const SINK: [(&str, &str); 8] = [
    ("go.mod", include_str!("../../templates/go/go.mod")),
    ("plugin.go", include_str!("../../templates/go/sink/plugin.go")),
    ("plugin_test.go", include_str!("../../templates/go/sink/plugin_test.go")),
    ("README.md", include_str!("../../templates/go/sink/README.md")),
    ("query.sql", include_str!("../../templates/c/sink/query.sql")),
    ("cases.json", include_str!("../../templates/rust/sink/cases.json")),
    ("requests.jsonl", include_str!("../../templates/rust/reducer/requests.jsonl")),
    (".gitignore", IGNORED),
];
const IGNORED: &str = "/build\n*.wasm\n";
/// The package that the bindings need, and where it lies in a project.
const RUNTIME: (&str, &str) = ("go.bytecodealliance.org/pkg/wit", "MODULE/streamgauge/internal/wit");

pub(super) fn template(kind: Kind, name: &str) -> Template {
    let (texts, bindings, other) = match kind {
        Kind::Reducer => (&REDUCER, GO_REDUCER, "sink"),
        Kind::Sink => (&SINK, GO_SINK, "reducer"),
    };
    let mut copies = placed(bindings, "streamgauge/internal/bindings");
    // Names of files say for which kind of plugin a part of the kit is.
    copies.extend(placed(GO_KIT, "streamgauge").into_iter().filter(|(path, _)| !path.contains(other)));
    for (_, bytes) in &mut copies {
        let text = String::from_utf8_lossy(bytes).replace(RUNTIME.0, RUNTIME.1);
        *bytes = text.replace("MODULE/", &format!("{name}/")).into_bytes();
    }
    copies.extend(placed(CONTRACT, "wit"));
    Template { texts, copies, source: "plugin.go", next: "go test && streamgauge plugin build" }
}
