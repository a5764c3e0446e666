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
