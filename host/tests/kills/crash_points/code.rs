//! The points that the code names.

use std::{collections::BTreeSet, fs, path::Path};

/// How a point is written in the code.
const CALL: &str = "crash::point(";

/// All of them.
pub(super) fn points() -> BTreeSet<String> {
    let mut points = BTreeSet::new();
    for layer in ["src", "state/src", "kafka/src", "component/src", "engine/src"] {
        add(&Path::new(env!("CARGO_MANIFEST_DIR")).join(layer), &mut points);
    }
    points
}

fn add(folder: &Path, points: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add(&path, points);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = fs::read_to_string(&path).unwrap();
            points.extend(code.split(CALL).skip(1).map(|rest| name(rest, &path)));
        }
    }
}

/// The name behind the bracket.
fn name(rest: &str, path: &Path) -> String {
    let name = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let name =
        name.unwrap_or_else(|| panic!("{}: a point is named where it is: {CALL}\"...\")", path.display()));
    name.0.to_owned()
}
