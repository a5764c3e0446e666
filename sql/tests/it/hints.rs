//! What hints propose is compiled and computed.

use streamgauge_sql::eval::evaluate;
use streamgauge_sql::expr::Expr;
use streamgauge_sql::types::Value;
use streamgauge_sql::{Diagnostic, SourceText, compile};

use crate::catalog::Builtin;

fn compile_expression(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let source = "CREATE SOURCE s (ts TIMESTAMP) WITH (connector = 'file', path = 'e.jsonl');";
    let file = SourceText { name: "q.sql".to_owned(), text: format!("{source} SELECT {text} AS y FROM s") };
    let mut queries = compile(&[file], &Builtin)?.program.queries;
    Ok(queries.remove(0).plan.ingest.unwrap().computed.remove(0))
}

#[test]
fn hints_about_times_give_what_they_say() {
    // A Sunday.
    let ts = 1_795_932_427_500_000;
    for (call, expected) in [
        ("date_trunc('minute', ts)", Value::Timestamp(ts - 7_500_000)),
        ("date_trunc('hour', ts)", Value::Timestamp(1_795_932_000_000_000)),
        ("date_trunc('day', ts)", Value::Timestamp(1_795_910_400_000_000)),
        ("date_trunc('week', ts)", Value::Timestamp(1_795_392_000_000_000)),
        ("CAST(ts AS DATE)", Value::Timestamp(1_795_910_400_000_000)),
        ("EXTRACT(hour FROM ts)", Value::Int64(6)),
        ("date_part('minute', ts)", Value::Int64(7)),
        ("EXTRACT(second FROM ts)", Value::Float64(7.5)),
        ("EXTRACT(milliseconds FROM ts)", Value::Float64(7500.0)),
        ("EXTRACT(microseconds FROM ts)", Value::Int64(7_500_000)),
        ("EXTRACT(epoch FROM ts)", Value::Float64(1_795_932_427.5)),
        ("EXTRACT(dow FROM ts)", Value::Int64(0)),
        ("dayofweek(ts)", Value::Int64(1)),
        ("EXTRACT(isodow FROM ts)", Value::Int64(7)),
    ] {
        let refused = compile_expression(call).unwrap_err();
        let help = refused[0].help.clone().unwrap();
        let proposed = help.split_once(" 1970 write ").or(help.rsplit_once(" is ")).unwrap().1;
        let end = proposed.find("; rows by time").or(proposed.find(": in UTC")).unwrap();
        let expr = compile_expression(&proposed[..end]).unwrap();
        assert_eq!(evaluate(&expr, &|_| Value::Timestamp(ts)), Ok(expected), "{help}");
    }
}

#[test]
fn the_seconds_between_two_times_are_what_the_hint_says() {
    for call in [
        "EXTRACT(epoch FROM ts - TIMESTAMP '1970-01-01T00:00:01Z')",
        "EXTRACT(epoch FROM (ts - TIMESTAMP '1970-01-01T00:00:01Z'))",
    ] {
        let help = compile_expression(call).unwrap_err()[0].help.clone().unwrap();
        let proposed =
            help.strip_prefix("the seconds are ").unwrap().split_once(": the difference").unwrap().0;
        let expr = compile_expression(proposed).unwrap();
        assert_eq!(evaluate(&expr, &|_| Value::Timestamp(3_500_000)), Ok(Value::Float64(2.5)), "{help}");
    }
    // An INTERVAL that is taken from a time leaves a time.
    let help =
        compile_expression("EXTRACT(epoch FROM ts - INTERVAL '1' SECOND)").unwrap_err()[0].help.clone();
    assert!(help.unwrap().contains("TIMESTAMP '1970-01-01T00:00:00Z'"));
}

#[test]
fn the_share_of_a_condition_leaves_null_out_as_avg_of_booleans_does() {
    let source = "CREATE SOURCE s (ok BOOLEAN, b BOOLEAN, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'e');";
    let compiled = |call: &str| {
        let text = format!("{source} SELECT {call} AS y FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)");
        compile(&[SourceText { name: "q.sql".to_owned(), text }], &Builtin)
    };
    let help = compiled("avg(ok OR b)").unwrap_err()[0].help.clone().unwrap();
    let proposed = help.strip_prefix("the share of events for which it holds is ").unwrap();
    let (proposed, _) = proposed.split_once(", their number").unwrap();
    let program = compiled(proposed).unwrap().program;
    let ingest = program.queries[0].plan.ingest.as_ref().unwrap();
    for (ok, b, expected) in [
        (Value::Boolean(true), Value::Null, Value::Float64(1.0)),
        (Value::Boolean(false), Value::Boolean(false), Value::Float64(0.0)),
        (Value::Boolean(false), Value::Null, Value::Null),
    ] {
        let found = evaluate(&ingest.computed[0], &|column| if column == 0 { ok.clone() } else { b.clone() });
        assert_eq!(found, Ok(expected), "{ok:?} {b:?}");
    }
}
