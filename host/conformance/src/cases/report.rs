//! What became of the cases, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::{BrokenLaw, Failed, Tested, TestedCase};

impl Tested {
    /// Whether every case gives what it says.
    pub fn passes(&self) -> bool {
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.failed.is_some()).count()
    }

    /// One object: what the file is, and each case with `ok`. One that fails has what was done, expected and got.
    pub fn to_json(&self, file: &str) -> Value {
        json!({
            "file": file,
            "sha256": self.sha256,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "ok": self.passes(),
            "divisions": self.divisions,
            "cases": self.cases.iter().map(case_json).collect::<Vec<_>>(),
        })
    }
}

fn case_json(TestedCase { file, name, failed }: &TestedCase) -> Value {
    let mut object = json!({ "case": name, "file": file, "ok": failed.is_none() });
    if let (Some(object), Some(Failed { example, law })) = (object.as_object_mut(), failed) {
        let rows = example.rows.as_ref();
        let rows = rows.map(|rows| json!({ "columns": rows.head, "values": rows.lines, "count": rows.rows }));
        let found = [
            ("signature", json!(example.signature)),
            ("parameters", json!(example.parameters)),
            ("rows", json!(rows)),
            ("done", json!(example.what)),
            ("expected", json!(example.expected)),
            ("got", json!(example.got)),
            ("law", json!(law.map(|law| law.name))),
            ("change", json!(law.map(|law| law.advice))),
        ];
        object.extend(found.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// What it is, a line a case, and a summary; under a case that fails, what was found.
impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.kind, self.name, self.version)?;
        for TestedCase { file, name, failed } in &self.cases {
            let place = if self.has_files { format!("{file}: ") } else { String::new() };
            match failed {
                None => writeln!(f, "ok         {place}{name}")?,
                Some(Failed { example, law }) => {
                    write!(f, "FAILED     {place}{name}\n{example}")?;
                    if let Some(BrokenLaw { name, says, advice }) = law {
                        writeln!(f, "  law       {name}: {says}")?;
                        writeln!(f, "  change    {advice}")?;
                    }
                }
            }
        }
        let (all, failed) = (self.cases.len(), self.failed());
        let cases = if all == 1 { "case" } else { "cases" };
        let passed = if all == 1 { "1 case passes".to_owned() } else { format!("all {all} cases pass") };
        match (failed, self.divisions) {
            (0, 0) => write!(f, "{passed}"),
            (0, divisions) => {
                write!(f, "{passed}, also with their rows in slices that were merged ({divisions} divisions)")
            }
            _ => write!(f, "{failed} of {all} {cases} failed"),
        }
    }
}
