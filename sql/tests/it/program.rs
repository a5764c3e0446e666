//! What a program's parts are: names, numbers of columns, options. Plans as text are in `golden`.

use streamgauge_sql::expr::{Expr, Node};
use streamgauge_sql::manifest::{Column, Manifest, OptionValue, Start, Target, TimeFormat};
use streamgauge_sql::types::{DataType, Value};
use streamgauge_sql::{Compiled, Diagnostic, SourceText, compile};

use crate::catalog::Builtin;

const SOURCE: &str = "CREATE SOURCE s (id TEXT, x DOUBLE, n BIGINT, b BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (connector = 'file', path = 'e.jsonl');\n";

fn file(name: &str, text: &str) -> SourceText {
    SourceText { name: name.to_owned(), text: text.to_owned() }
}

fn try_compile(statements: &str) -> Result<Compiled, Vec<Diagnostic>> {
    compile(&[file("q.sql", &format!("{SOURCE}{statements}"))], &Builtin)
}

fn compiled(statements: &str) -> Compiled {
    try_compile(statements).unwrap_or_else(|diagnostics| {
        let text: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        panic!("{statements}\n{}", text.join("\n"))
    })
}

pub(crate) fn manifest(statement: &str) -> Manifest {
    compiled(statement).program.queries.remove(0).plan.manifest
}

fn output(statement: &str) -> Vec<(String, DataType)> {
    manifest(statement).output.into_iter().map(|output| (output.name, output.data_type)).collect()
}

fn names(statement: &str) -> Vec<String> {
    output(statement).into_iter().map(|(name, _)| name).collect()
}

fn first_expr(statement: &str) -> Expr {
    compiled(statement).program.queries.remove(0).plan.ingest.unwrap().computed.remove(0)
}

#[test]
fn views_that_no_query_reads() {
    let view = "CREATE VIEW read AS SELECT id FROM s; CREATE VIEW Unread AS SELECT x FROM s;";
    assert!(compiled(view).unread.is_empty(), "a part of a program");
    let found = compiled(&format!("{view} SELECT * FROM READ")).unread;
    let found: Vec<_> = found.iter().map(|told| (told.column, told.message.as_str())).collect();
    assert_eq!(found, [(51, "no query reads the view `Unread`")]);
}

#[test]
fn names_of_queries() {
    let program = compiled(
        "CREATE SINK Team WITH (connector = 'console');
         CREATE VIEW Fast AS SELECT id, x FROM s;
         INSERT INTO team SELECT * FROM fast;
         SELECT id FROM s;
         INSERT INTO TEAM SELECT id FROM s;
         SELECT x FROM FAST;",
    )
    .program;
    let names: Vec<&str> = program.queries.iter().map(|query| query.plan.manifest.name.as_str()).collect();
    assert_eq!(names, ["fast", "insert_team_1", "select_1", "insert_team_2", "select_2"]);
    let targets: Vec<&Target> = program.queries.iter().map(|query| &query.plan.manifest.target).collect();
    let team = Target::Sink("Team".to_owned());
    assert_eq!(targets, [&Target::View, &team, &Target::Console, &team, &Target::Console]);
}

#[test]
fn several_files_are_one_program() {
    let files = [
        file("a.sql", SOURCE),
        file("b.sql", "SELECT id FROM s"),
        file("c.sql", "SELECT y FROM s;\nSELECT z FROM s"),
    ];
    let diagnostics = compile(&files, &Builtin).unwrap_err();
    let places: Vec<(&str, usize, usize)> =
        diagnostics.iter().map(|d| (d.file.as_str(), d.line, d.column)).collect();
    assert_eq!(places, [("c.sql", 1, 8), ("c.sql", 2, 8)]);
    assert_eq!(compile(&files[..2], &Builtin).unwrap().program.queries.len(), 1);
}

#[test]
fn statements_keep_their_text() {
    let text = "SELECT  id, -- the ä one\n  x FROM s WHERE id = 'ö;'";
    assert_eq!(manifest(&format!("/* before */ {text}  ;  ")).sql, text);
}

#[test]
fn names_of_columns() {
    assert_eq!(
        names("SELECT ID, X AS Y, x + 1, lower(id), Lower(id) l, -n, CAST(n AS TEXT), (n), s.Ts FROM s"),
        ["id", "Y", "column_3", "lower", "l", "column_6", "column_7", "n", "ts"]
    );
    assert_eq!(
        names("SELECT Window_End, avg(x), P95(x), count(*) \"Count\" FROM TUMBLE(s, ts, INTERVAL 1 MINUTE)"),
        ["window_end", "avg", "p95", "Count"]
    );
}

#[test]
fn only_read_columns_are_decoded() {
    let plan = manifest("SELECT n FROM s WHERE b");
    let columns: Vec<&str> = plan.columns.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(columns, ["n", "b"]);
    assert_eq!(plan.output[0].column, Column::Input(0));
    assert_eq!(plan.ingest.unwrap().arguments, [Column::Input(1)]);
}

#[test]
fn the_event_time_is_always_decoded() {
    let plan = manifest("SELECT count(*) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)");
    assert_eq!(plan.columns.len(), 1);
    assert_eq!(plan.window.unwrap().time, 0);
    assert_eq!((plan.ingest, plan.emit), (None, None));
}

#[test]
fn equal_aggregates_and_columns_are_computed_once() {
    let plan = manifest(
        "SELECT lower(id) k, avg(x * 2) a, AVG( x*2 ) b, max(x * 2) c, avg(x) d, p95(x), percentile(x, 95) e, \
         approx_percentile(0.95) WITHIN GROUP (ORDER BY x) f, stddev(x), stddev_samp(x), std(x) \
         FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY lower(id) HAVING avg(x * 2) > 1",
    );
    let window = plan.window.unwrap();
    assert_eq!(window.aggregates.len(), 5);
    assert_eq!(plan.ingest.unwrap().computed, [DataType::Text, DataType::Float64]);
    assert_eq!(window.keys[0].column, Column::Computed(0));
    let columns: Vec<Column> = plan.output.iter().map(|output| output.column).collect();
    let aggregate = Column::Aggregate;
    assert_eq!(
        columns,
        [
            Column::Key(0),
            aggregate(0),
            aggregate(0),
            aggregate(1),
            aggregate(2),
            aggregate(3),
            aggregate(3),
            aggregate(3),
            aggregate(4),
            aggregate(4),
            aggregate(4)
        ]
    );
}

#[test]
fn parameters_of_aggregates() {
    let parameters = |call: &str| {
        let plan = manifest(&format!("SELECT {call} AS y FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)"));
        let aggregate = plan.window.unwrap().aggregates.remove(0);
        (aggregate.reducer, aggregate.signature, aggregate.parameters)
    };
    let flags = |sample, root| vec![Value::Boolean(sample), Value::Boolean(root)];
    for (call, expected) in [
        ("stddev(x)", flags(true, true)),
        ("std(x)", flags(true, true)),
        ("stddev_pop(x)", flags(false, true)),
        ("var_samp(x)", flags(true, false)),
        ("variance(x)", flags(true, false)),
        ("var_pop(n)", flags(false, false)),
    ] {
        assert_eq!(parameters(call), ("stddev".to_owned(), 0, expected), "{call}");
    }
    for (call, p) in [
        ("percentile(x, 95)", 95.0),
        ("percentile(x, 99.9)", 99.9),
        ("percentile(x, p => 0)", 0.0),
        ("p999(x)", 99.9),
        ("P50(n)", 50.0),
        ("approx_percentile(0.999) WITHIN GROUP (ORDER BY n)", 99.9),
        ("approx_percentile(0.07) WITHIN GROUP (ORDER BY n ASC)", 7.0),
        ("approx_percentile(1) WITHIN GROUP (ORDER BY x)", 100.0),
    ] {
        assert_eq!(parameters(call), ("percentile".to_owned(), 0, vec![Value::Float64(p)]), "{call}");
    }
    for (call, reducer, signature) in [
        ("count(*)", "count", 0),
        ("count(1)", "count", 0),
        ("count(id)", "count", 5),
        ("count(*) FILTER (WHERE b)", "count", 1),
        ("count(1) FILTER (WHERE x > 0)", "count", 1),
        ("sum(n)", "sum", 0),
        ("sum(x) FILTER (WHERE b)", "sum", 1),
        ("avg(n)", "avg", 0),
        ("max(id)", "max", 3),
        ("min(ts)", "min", 2),
        ("z_score(n)", "z_score", 0),
    ] {
        assert_eq!(parameters(call), (reducer.to_owned(), signature, vec![]), "{call}");
    }
}

#[test]
fn soft_words_are_names() {
    let text = "CREATE SOURCE e (timestamp TIMESTAMP, start DOUBLE, value DOUBLE, time TEXT, date TEXT, \"end\" TEXT,
          key TEXT, user TEXT, position BIGINT, text TEXT, WATERMARK FOR timestamp AS timestamp)
        WITH (connector = 'file', path = 'x');
        SELECT timestamp, start, value, time, date, \"end\", key, user, position, text FROM e
          WHERE value > 1 AND start - 1 < 2 AND timestamp > TIMESTAMP '2026-01-01T00:00:00Z' AND time LIKE 'a%'
            AND e.timestamp > '2026-01-01 00:00:00' AND timestamp - INTERVAL '1' DAY < CAST(time AS TIMESTAMP);
        SELECT avg(value) AS value, max(start) start, min(time) AS time, max(timestamp) AS timestamp
          FROM TUMBLE(e, timestamp, INTERVAL '1' MINUTE) AS time GROUP BY time.key, time, value HAVING avg(value) > 1;";
    let program = compile(&[file("q.sql", text)], &Builtin).unwrap_or_else(|d| panic!("{}", d[0])).program;
    let output: Vec<&str> = program.queries[0].plan.manifest.output.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(
        output,
        ["timestamp", "start", "value", "time", "date", "end", "key", "user", "position", "text"]
    );
}

#[test]
fn quoted_names_match_exactly() {
    let text =
        "CREATE SOURCE e (\"Id\" TEXT, \"ID\" TEXT, Model TEXT) WITH (connector = 'file', path = 'x');\n";
    let run = |select: &str| compile(&[file("q.sql", &format!("{text}{select}"))], &Builtin);
    let columns = |select: &str| -> Vec<String> {
        let program = run(select).unwrap_or_else(|d| panic!("{}", d[0])).program;
        program.queries[0].plan.manifest.output.iter().map(|output| output.name.clone()).collect()
    };
    assert_eq!(columns("SELECT \"ID\", \"Id\", MODEL, \"Model\" AS m FROM e"), ["ID", "Id", "Model", "m"]);
    assert_eq!(columns("SELECT Id FROM e"), ["Id"]);
    assert!(run("SELECT id FROM e").is_err_and(|d| d[0].message.contains("may mean several")));
    assert!(run("SELECT \"model\" FROM e").is_err_and(|d| d[0].message.contains("no column `model`")));
}

#[test]
fn types_of_expressions() {
    for (expression, expected) in [
        ("n + 1", DataType::Int64),
        ("n / 2", DataType::Int64),
        ("n + 1.0", DataType::Float64),
        ("n * x", DataType::Float64),
        ("x % 2", DataType::Float64),
        ("-n", DataType::Int64),
        ("abs(n)", DataType::Int64),
        ("round(n)", DataType::Float64),
        ("round(x, 2)", DataType::Float64),
        ("floor(x)", DataType::Float64),
        ("ceil(x)", DataType::Float64),
        ("length(id)", DataType::Int64),
        ("id || n", DataType::Text),
        ("ts + INTERVAL '1' DAY", DataType::Timestamp),
        ("INTERVAL '1' DAY + ts", DataType::Timestamp),
        ("ts - ts", DataType::Int64),
        ("(ts - ts) / 1000", DataType::Int64),
        ("ts - ts > INTERVAL '1' DAY", DataType::Boolean),
        ("ts > '2026-01-01'", DataType::Boolean),
        ("ts BETWEEN '2026-01-01T00:00:00Z' AND ts + INTERVAL 5 MINUTE", DataType::Boolean),
        ("n IN (1, 2.5, NULL)", DataType::Boolean),
        ("n = '5'", DataType::Boolean),
        ("b = 'true'", DataType::Boolean),
        ("b IS NOT TRUE", DataType::Boolean),
        ("id IS DISTINCT FROM NULL", DataType::Boolean),
        ("NOT b IS NULL AND id NOT LIKE 'a\\%%'", DataType::Boolean),
        ("CASE WHEN b THEN 1 ELSE 2.5 END", DataType::Float64),
        ("CASE n WHEN 1 THEN 'a' WHEN 2.5 THEN NULL END", DataType::Text),
        ("coalesce(NULL, n, 0)", DataType::Int64),
        ("nullif(x, 0)", DataType::Float64),
        ("n::DOUBLE PRECISION", DataType::Float64),
        ("CAST('5' AS BIGINT)", DataType::Int64),
        ("CAST(NULL AS TIMESTAMP)", DataType::Timestamp),
        ("NULL", DataType::Text),
        ("NULL + n", DataType::Int64),
        ("mod(n, 3)", DataType::Int64),
        ("-9223372036854775808", DataType::Int64),
    ] {
        assert_eq!(output(&format!("SELECT {expression} AS y FROM s"))[0].1, expected, "{expression}");
    }
}

#[test]
fn literals_are_converted_at_once() {
    let micros = 1_767_225_600_000_000;
    for spelling in [
        "'2026-01-01T00:00:00Z'",
        "TIMESTAMP '2026-01-01 00:00:00'",
        "'2026-01-01'",
        "'2026-01-01T02:00:00+02:00'",
    ] {
        let Node::Compare(_, _, right) = first_expr(&format!("SELECT ts > {spelling} AS y FROM s")).node
        else {
            panic!()
        };
        assert_eq!(right.node, Node::Literal(Value::Timestamp(micros)), "{spelling}");
    }
    let Node::Compare(_, _, right) = first_expr("SELECT x > -2000 AS y FROM s").node else { panic!() };
    assert_eq!(right.node, Node::Literal(Value::Float64(-2000.0)));
    let Node::Compare(_, left, _) = first_expr("SELECT n > 0.5 AS y FROM s").node else { panic!() };
    assert!(matches!(left.node, Node::Cast(_)));
}

#[test]
fn options_of_sources() {
    let source = |options: &str| {
        let text = format!("CREATE SOURCE s (ts TIMESTAMP) WITH ({options}); SELECT ts FROM s");
        compile(&[file("q.sql", &text)], &Builtin)
            .unwrap_or_else(|d| panic!("{}", d[0]))
            .program
            .sources
            .remove(0)
    };
    let kafka = "connector = 'kafka', brokers = 'a:1,b:2', topic = 't'";
    let found = source(&format!(
        "{kafka}, \"format\" = 'JSON', 'time_format' = 'unix_ms', numbers = 'lenient', idle_timeout = INTERVAL '3' SECOND,
         max_future_skew = '1 hour', dead_letters = 'd.jsonl', start = 'latest', sasl_username = 'u',
         sasl_password = secret('PW'), kafka.fetch.min.bytes = 10, security_protocol = 'SASL_SSL'"
    ));
    assert_eq!(
        (found.time_format, found.lenient_numbers, found.start),
        (TimeFormat::UnixMillis, true, Start::Latest)
    );
    assert_eq!((found.idle_timeout_us, found.max_future_skew_us), (3_000_000, Some(3_600_000_000)));
    let options: Vec<(&str, &OptionValue)> =
        found.options.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let text = |text: &str| OptionValue::Text(text.to_owned());
    assert_eq!(
        options,
        [
            ("brokers", &text("a:1,b:2")),
            ("kafka.fetch.min.bytes", &text("10")),
            ("kafka.sasl.password", &OptionValue::Secret("PW".to_owned())),
            ("kafka.sasl.username", &text("u")),
            ("kafka.security.protocol", &text("SASL_SSL")),
            ("topic", &text("t")),
        ]
    );
    assert_eq!(source(kafka).idle_timeout_us, 10_000_000);
    assert!(
        source(kafka).late_dead_letters
            && !source(&format!("{kafka}, late_dead_letters = false")).late_dead_letters
    );
    for (start, expected) in [
        ("'earliest'", Start::Earliest),
        ("'1 hour'", Start::Ago(3_600_000_000)),
        ("INTERVAL '1' HOUR", Start::Ago(3_600_000_000)),
        ("'2026-01-01T00:00:00Z'", Start::At(1_767_225_600_000_000)),
    ] {
        assert_eq!(source(&format!("{kafka}, start = {start}")).start, expected, "{start}");
    }
}

#[test]
fn diagnostics_count_characters() {
    let diagnostics = try_compile("SELECT 'äöü', wrong FROM s").unwrap_err();
    assert_eq!((diagnostics[0].line, diagnostics[0].column, diagnostics[0].width), (3, 15, 5));
    assert_eq!(diagnostics[0].source_line, "SELECT 'äöü', wrong FROM s");
}

#[test]
fn line_ends_and_byte_order_marks_of_windows() {
    let text = format!("\u{feff}{}SELECT id,\r\n  wrong FROM s;\r\n", SOURCE.replace('\n', "\r\n"));
    let diagnostics = compile(&[file("q.sql", &text)], &Builtin).unwrap_err();
    assert_eq!(diagnostics.len(), 1);
    let found = &diagnostics[0];
    assert_eq!((found.line, found.column, found.source_line.as_str()), (4, 3, "  wrong FROM s;"));
}

#[test]
fn what_follows_from_an_error_is_not_reported() {
    let diagnostics = try_compile(
        "CREATE VIEW v AS SELECT wrong FROM s; CREATE VIEW w AS SELECT * FROM v; SELECT * FROM w;",
    )
    .unwrap_err();
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_failing_reducer_is_an_error_of_its_call() {
    let diagnostics = try_compile("SELECT broken(x) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)").unwrap_err();
    assert!(diagnostics[0].message.contains("its file is no component"));
}

#[test]
fn manifests_survive_json() {
    let found = manifest(
        "SELECT avg(x) + 1 AS y FROM HOP(s, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) WHERE n > 1 GROUP BY id",
    );
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), found);
}

#[test]
fn an_option_that_does_not_fit_rows_of_another_file_is_shown_in_its_own() {
    let sink = "CREATE SINK k WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', key = 'idd');";
    let files =
        [file("a.sql", SOURCE), file("b.sql", sink), file("c.sql", "\nINSERT INTO k SELECT id FROM s")];
    let diagnostics = compile(&files, &Builtin).unwrap_err();
    let shown: Vec<_> =
        diagnostics.iter().map(|d| (d.file.as_str(), d.line, d.column, d.source_line.as_str())).collect();
    assert_eq!(shown, [("b.sql", 1, 81, sink)]);
}
