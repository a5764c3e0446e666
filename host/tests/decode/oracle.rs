//! `serde_json` reads the same documents, and says what their columns hold.

use proptest::prelude::*;
use serde_json::Value as Json;
use streamgauge_sql::path::PathStep;

use super::*;

/// Every type, plainly and nested, a path through another column, and one column twice.
fn schema() -> Vec<SourceColumn> {
    vec![
        column("a", DataType::Int64),
        column("b", DataType::Float64),
        column("c", DataType::Text),
        column("d", DataType::Boolean),
        column("e", DataType::Timestamp),
        column("n", DataType::Text),
        column("n.a", DataType::Int64),
        column("n.n.c", DataType::Text),
        column("a", DataType::Float64),
        column(r#""é""""#, DataType::Text),
        column("n[0]", DataType::Int64),
        column("n[2].a", DataType::Int64),
        column("n[1][1]", DataType::Text),
        column("n.n[0]", DataType::Int64),
    ]
}

/// What a column holds of a document, by the design's words.
fn expected(document: &Json, column: &SourceColumn) -> Result<Value, Reason> {
    let field = column.path.iter().try_fold(document, |value, step| match step {
        PathStep::Field(name) => value.as_object()?.get(name),
        PathStep::Element(number) => value.as_array()?.get(*number as usize),
    });
    let Some(value) = field.filter(|value| !value.is_null()) else { return Ok(Value::Null) };
    match (column.data_type, value) {
        (DataType::Boolean, Json::Bool(value)) => Ok(Value::Boolean(*value)),
        (DataType::Text, Json::String(text)) => Ok(Value::Text(text.clone())),
        (DataType::Timestamp, Json::String(text)) => {
            let time = streamgauge_functions::parse_timestamp(text.as_bytes());
            time.map(Value::Timestamp).map_err(|_| Reason::WrongType)
        }
        (DataType::Int64, Json::Number(number)) => match number.as_i64() {
            // serde_json makes a double of -0.
            Some(value) => Ok(Value::Int64(value)),
            None if number.as_f64() == Some(0.0) => Ok(Value::Int64(0)),
            None => Err(Reason::OutOfRange),
        },
        (DataType::Float64, Json::Number(number)) => Ok(Value::Float64(number.as_f64().unwrap())),
        _ => Err(Reason::WrongType),
    }
}

/// Any document; texts with every kind of character, names that collide.
fn json() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "[a-c ]{0,20}",
        "\\PC{0,12}",
        "[\\x00-\\x7f]{0,8}",
        Just("2026-01-01T00:00:00Z".to_string())
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1000i64..1000).prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    let name = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "d",
        "e",
        "n",
        "é\"",
        "",
        "x",
        "aa",
        "long name of a field",
    ]);
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect()),
        ]
    })
}

/// An object with the schema's fields, most of them of the types that fit.
fn document() -> impl Strategy<Value = Json> {
    let some = |value: BoxedStrategy<Json>| prop_oneof![3 => value, 1 => json()];
    let fields = (
        some(any::<i64>().prop_map(Json::from).boxed()),
        some((-1e300f64..1e300).prop_map(Json::from).boxed()),
        some("\\PC{0,20}".prop_map(Json::from).boxed()),
        some(any::<bool>().prop_map(Json::from).boxed()),
        json(),
        prop_oneof![
            2 => some(json().prop_map(|inner| serde_json::json!({"a": 1, "n": inner})).boxed()),
            1 => prop::collection::vec(json(), 0..5).prop_map(Json::from),
        ],
        prop::collection::vec(any::<bool>(), 6),
    );
    fields.prop_map(|(a, b, c, d, e, n, there)| {
        let fields = [("a", a), ("b", b), ("c", c), ("d", d), ("e", e), ("n", n)];
        let fields = fields.into_iter().zip(there).filter(|(_, there)| *there);
        fields.map(|((name, value), _)| (name.to_string(), value)).collect()
    })
}

/// The same document in one of many spellings.
fn spell(value: &Json, style: u32, out: &mut String) {
    let blanks = ["", " ", "", "\n\t", "  \r"][style as usize % 5];
    match value {
        Json::Object(fields) => {
            out.push('{');
            for (number, (name, value)) in fields.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                out.push_str(blanks);
                spell_text(name, style, out);
                out.push_str(blanks);
                out.push(':');
                out.push_str(blanks);
                spell(value, style.rotate_right(3), out);
                out.push_str(blanks);
            }
            out.push('}');
        }
        Json::Array(items) => {
            let mut spelled = Vec::new();
            for item in items {
                let mut text = String::new();
                spell(item, style.rotate_right(5), &mut text);
                spelled.push(text);
            }
            out.push_str(&format!("[{blanks}{}{blanks}]", spelled.join(&format!("{blanks},{blanks}"))));
        }
        Json::String(text) => spell_text(text, style, out),
        other => out.push_str(&other.to_string()),
    }
}

fn spell_text(text: &str, style: u32, out: &mut String) {
    if style.is_multiple_of(3) {
        out.push('"');
        text.encode_utf16().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        return out.push('"');
    }
    out.push_str(&serde_json::to_string(text).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_hold_what_serde_json_says(documents in prop::collection::vec((document(), any::<u32>()), 1..6)) {
        let schema = schema();
        let records: Vec<String> = documents.iter().map(|(document, style)| {
            let mut record = String::new();
            spell(document, *style, &mut record);
            record
        }).collect();
        let batch = decoder(&schema).decode(chunk(&records, b""));
        for (row, (document, _)) in documents.iter().enumerate() {
            for (number, column) in schema.iter().enumerate() {
                prop_assert_eq!(outcome(&batch, number, row), expected(document, column), "{}: {}", &column.name, records[row]);
            }
        }
    }

    /// Broken bytes: never a panic; what `serde_json` takes we take alike; what we take and it does not is broken only in
    /// parts that nobody reads, or has a value that does not fit.
    #[test]
    fn mutated_documents_are_taken_no_worse(
        document in document(),
        style: u32,
        mutations in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, prop::sample::select(b"{}[]\":,\\ 0x\xc3\x1fnu-.eE+".to_vec())), 0..4),
    ) {
        let schema = schema();
        let mut record = String::new();
        spell(&document, style, &mut record);
        let mut record = record.into_bytes();
        for (place, kind, byte) in mutations {
            let place = place.index(record.len().max(1));
            match kind {
                0 => record.truncate(place),
                1 if place < record.len() => drop(record.remove(place)),
                2 if place < record.len() => record[place] = byte,
                _ => record.insert(place.min(record.len()), byte),
            }
        }
        let batch = decoder(&schema).decode(chunk(&[&record], b"\""));
        let is_object = |document: &Json| document.is_object();
        if let Some(document) = serde_json::from_slice::<Json>(&record).ok().filter(is_object) {
            for (number, column) in schema.iter().enumerate() {
                let (ours, theirs) = (outcome(&batch, number, 0), expected(&document, column));
                // serde_json keeps a number's value, not its spelling: 5e0 and 5.0 are no BIGINT, but are doubles there.
                let spelling = column.data_type == DataType::Int64 && ours == Err(Reason::WrongType);
                prop_assert!(spelling || ours == theirs, "{}: {:?} {:?}", column.name, ours, theirs);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        records in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\":,\\ane0-".to_vec())], 0..60), 0..8),
    ) {
        let batch = decoder(&schema()).decode(chunk(&records, b""));
        for (row, record) in records.iter().enumerate() {
            let whole = batch.rejects.iter().any(|reject| row_of(reject) == row && reject.column.is_none());
            let is_object = serde_json::from_slice::<Json>(record).is_ok_and(|document| document.is_object());
            prop_assert!(!(whole && is_object), "{}", String::from_utf8_lossy(record));
        }
        for (_, column) in batch.columns.iter() {
            prop_assert_eq!(column.len(), records.len());
        }
    }
}
