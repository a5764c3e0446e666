//! The report for programs.

use serde_json::{Map, Value, json};
use streamgauge_laws::{Example, Outcome, Table};

use super::{Checked, CheckedLaw};

impl Checked {
    /// One object: what the file is, and each law with `ok`. One that does not hold has what was found, or why it could not be tried.
    pub fn to_json(&self, file: &str) -> Value {
        json!({
            "file": file,
            "sha256": self.sha256,
            "kind": self.kind,
            "name": self.kind.map(|_| &self.name),
            "version": self.kind.map(|_| &self.version),
            "ok": self.holds(),
            "laws": self.laws.iter().map(law).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

fn law(law: &CheckedLaw) -> Value {
    let CheckedLaw { name, says, advice, outcome } = law;
    let mut object = Map::new();
    object.insert("law".to_owned(), json!(name));
    object.insert("says".to_owned(), json!(says));
    object.insert("ok".to_owned(), json!(*outcome == Outcome::Holds));
    match outcome {
        Outcome::Holds => {}
        Outcome::Untried(why) => drop(object.insert("not_tried".to_owned(), json!(why))),
        Outcome::Broken(example) => {
            let Example { signature, parameters, rows, what, expected, got } = &**example;
            let found = [
                ("signature", json!(signature)),
                ("parameters", json!(parameters)),
                ("rows", rows.as_ref().map_or(Value::Null, table)),
                ("done", json!(what)),
                ("expected", json!(expected)),
                ("got", json!(got)),
                ("change", json!(advice)),
            ];
            object.extend(found.map(|(name, value)| (name.to_owned(), value)));
        }
    }
    Value::Object(object)
}

fn table(table: &Table) -> Value {
    json!({ "columns": table.head, "values": table.lines, "count": table.rows })
}
