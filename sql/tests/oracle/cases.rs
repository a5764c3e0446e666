//! Expressions with the results of PostgreSQL: `tests/expressions`, where `complete.py` says how they are written.

use std::fs;
use std::path::Path;

use streamgauge_functions::parse_timestamp;
use streamgauge_sql::eval::Outcome;
use streamgauge_sql::expr::Code;
use streamgauge_sql::manifest::Column as Place;
use streamgauge_sql::types::{DataType, Value};
use streamgauge_sql::{SourceText, compile};

use crate::catalog::Builtin;

const SOURCE: &str = "CREATE SOURCE r (b BOOLEAN, i BIGINT, j BIGINT, x DOUBLE, y DOUBLE, t TEXT, u TEXT, ts TIMESTAMP, ts2 TIMESTAMP) \
     WITH (connector = 'file', path = 'r.jsonl');";

/// How far the platform's logarithms and powers, which PostgreSQL computes by, may be from ours.
const RELATIVE_ERROR: f64 = 1e-14;

pub struct Case {
    pub file: String,
    pub expression: String,
    kind: char,
    /// One for each row.
    expected: Vec<String>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expressions")
}

/// All cases of all files.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "test") {
            let text = fs::read_to_string(&path).unwrap();
            let file = path.file_name().unwrap().display().to_string();
            let blocks = text.trim_end().split("\n\n").filter(|block| !block.starts_with('#'));
            cases.extend(blocks.map(|block| case(&file, block)));
        }
    }
    cases
}

fn case(file: &str, block: &str) -> Case {
    let (head, expected) = block.split_once("\n----\n").unwrap();
    let mut head = head.lines();
    let kind = head.next().unwrap().strip_prefix("query ").unwrap().chars().next().unwrap();
    Case {
        file: file.to_owned(),
        expression: head.next().unwrap().to_owned(),
        kind,
        expected: expected.split('\n').map(str::to_owned).collect(),
    }
}

/// The names of the columns of the table, their types, and its rows.
pub fn table() -> (Vec<String>, Vec<Vec<Value>>) {
    let text = fs::read_to_string(folder().join("rows.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let names: Vec<String> = lines.next().unwrap().map(str::to_owned).collect();
    let row = |cells: std::str::Split<'_, char>| {
        names.iter().zip(cells).map(|(name, cell)| value(data_type(name), cell)).collect()
    };
    let rows = lines.map(row).collect();
    (names, rows)
}

pub fn data_type(column: &str) -> DataType {
    match column {
        "b" => DataType::Boolean,
        "i" | "j" => DataType::Int64,
        "x" | "y" => DataType::Float64,
        "t" | "u" => DataType::Text,
        _ => DataType::Timestamp,
    }
}

fn value(data_type: DataType, text: &str) -> Value {
    match (data_type, text) {
        (_, "NULL") => Value::Null,
        (DataType::Boolean, text) => Value::Boolean(text == "true"),
        (DataType::Int64, text) => Value::Int64(text.parse().unwrap()),
        (DataType::Float64, text) => Value::Float64(text.parse().unwrap()),
        (DataType::Text, "(empty)") => Value::Text(String::new()),
        (DataType::Text, text) => Value::Text(text.to_owned()),
        (DataType::Timestamp, text) => Value::Timestamp(parse_timestamp(text.as_bytes()).unwrap()),
    }
}

impl Case {
    /// The expression as code, and the names of the columns that it takes.
    pub fn code(&self) -> (Code, Vec<String>) {
        let text = format!("{SOURCE} SELECT {} AS result FROM r", self.expression);
        let compiled = compile(&[SourceText { name: self.file.clone(), text }], &Builtin);
        let mut queries = compiled.unwrap_or_else(|problems| panic!("{}", problems[0])).program.queries;
        let plan = queries.remove(0).plan;
        let name = |place: &Place| match place {
            Place::Input(number) => plan.manifest.columns[*number].name.clone(),
            place => panic!("{place:?} of a source"),
        };
        let names = plan.manifest.ingest.as_ref().unwrap().arguments.iter().map(name).collect();
        (plan.ingest.unwrap(), names)
    }

    /// Whether a row came to what is expected.
    pub fn fits(&self, row: usize, outcome: &Outcome) -> bool {
        let expected = self.expected[row].as_str();
        let data_type = match self.kind {
            'B' => DataType::Boolean,
            'I' => DataType::Int64,
            'R' => DataType::Float64,
            'T' => DataType::Text,
            _ => DataType::Timestamp,
        };
        match outcome {
            Outcome::Failed { .. } => expected == "error",
            Outcome::Kept(values) if expected != "error" => match (&values[..], value(data_type, expected)) {
                ([Value::Float64(found)], Value::Float64(expected)) => {
                    found.is_nan() && expected.is_nan()
                        || *found == expected
                        || (found - expected).abs() <= expected.abs() * RELATIVE_ERROR
                }
                ([found], expected) => *found == expected,
                _ => false,
            },
            _ => false,
        }
    }

    pub fn expected(&self, row: usize) -> &str {
        &self.expected[row]
    }

    pub fn rows(&self) -> usize {
        self.expected.len()
    }
}
