//! What a record means does not depend on the records around it.

use proptest::prelude::*;

use super::*;

/// Records that are alike but for order, blanks and spelling of keys: the guess at the layout is right and wrong in turns.
fn record() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just(r#""a":1"#),
        Just(r#""a": 2"#),
        Just(r#" "a" :3 "#),
        Just("\"\\u0061\":4"),
        Just(r#""a":"text""#),
        Just(r#""a_long_name_that_is_not_remembered_at_all":5"#),
        Just(r#""b":{"c":7,"a":8}"#),
        Just(r#""b": {"c":7,"a":8}"#),
        Just("\"b\"\t: \n{ \"c\" : 7,\t\"a\": 8 }"),
        Just(r#""b":{"c": 7,"d":{"e":1}}"#),
        Just(r#""b":{"c":7,"d": {"e":2}}"#),
        Just(r#""b":{"a":8}"#),
        Just(r#""b":{}"#),
        Just(r#""b": null"#),
        Just(r#""b":{"c":"}","d":[{"c":9}]}"#),
        Just(r#""c":10"#),
        Just(r#""aa":11"#),
        Just(r#""":12"#),
    ];
    let end = prop_oneof![20 => Just("}"), 1 => Just(""), 1 => Just("}}"), 1 => Just(",}"), 1 => Just("} ")];
    (prop::collection::vec(field, 0..6), end).prop_map(|(fields, end)| format!("{{{}{end}", fields.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn records_mean_the_same_alone_and_together(
        records in prop::collection::vec(record(), 1..12),
        between in prop::sample::select(vec!["", "\n", "\"", "}", "}}}}}}}}}}}}}}}}}}"]),
    ) {
        let schema = [column("a", DataType::Int64), column("b.c", DataType::Int64), column("b", DataType::Text), column("b.d.e", DataType::Int64)];
        let decoder = decoder(&schema);
        let together = decoder.decode(chunk(&records, between.as_bytes()));
        for (row, record) in records.iter().enumerate() {
            let alone = decoder.decode(chunk(&[record], b""));
            for column in 0..schema.len() {
                prop_assert_eq!(outcome(&together, column, row), outcome(&alone, column, 0), "{}", record);
            }
        }
    }
}
