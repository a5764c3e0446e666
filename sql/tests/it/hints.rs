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
        ("CAST(ts AS DATE)", Value::Timestamp(1_795_910_400_000_000)),
        ("hour(ts)", Value::Int64(6)),
        ("minute(ts)", Value::Int64(7)),
        ("second(ts)", Value::Float64(7.5)),
        ("datepart('year', ts)", Value::Int64(2026)),
        ("dayofmonth(ts)", Value::Int64(29)),
        ("dayofyear(ts)", Value::Int64(333)),
        ("dayofweek(ts)", Value::Int64(0)),
        ("weekofyear(ts)", Value::Int64(48)),
        ("unix_timestamp(ts)", Value::Float64(1_795_932_427.5)),
    ] {
        let refused = compile_expression(call).unwrap_err();
        let help = refused[0].help.clone().unwrap();
        let proposed = help.strip_prefix("write ").unwrap();
        let end = [", where Sunday", ", in UTC", ", the first instant", ", the seconds"];
        let end = end.iter().find_map(|behind| proposed.find(behind)).unwrap();
        let expr = compile_expression(&proposed[..end]).unwrap();
        assert_eq!(evaluate(&expr, &|_| Value::Timestamp(ts)), Ok(expected), "{help}");
    }
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
