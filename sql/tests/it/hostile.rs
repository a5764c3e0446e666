//! Programs made to hang or to overflow the stack: each must be answered at once, with a diagnostic or a plan.

use streamgauge_sql::{SourceText, compile};

use crate::catalog::Builtin;

const SOURCE: &str = "CREATE SOURCE s (x BIGINT, b BOOLEAN, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) \
                      WITH (connector = 'file', path = 'x');\n";

/// Compiles `SELECT <expression>` in a thread with the stack that tests have; whether it was accepted.
fn run(expression: &str) -> bool {
    run_text(&format!("{SOURCE}SELECT {expression} AS y FROM s;"))
}

fn run_text(text: &str) -> bool {
    let files = [SourceText { name: "hostile.sql".to_owned(), text: text.to_owned() }];
    let compile = move || match compile(&files, &Builtin) {
        Ok(compiled) => {
            let plans: Vec<String> =
                compiled.program.queries.iter().map(|query| query.plan.to_string()).collect();
            assert!(!plans.concat().is_empty() || compiled.writes_nowhere.is_some());
            true
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            assert!(diagnostics.iter().all(|diagnostic| !diagnostic.to_string().is_empty()));
            false
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(compile).unwrap().join().unwrap()
}

fn chain(first: &str, next: &str, count: usize) -> String {
    format!("{first}{}", next.repeat(count))
}

#[test]
fn long_chains() {
    let chains = [
        ("x", " + x"),
        ("x", " - 1"),
        ("x", " * x"),
        ("t", " || t"),
        ("b", " AND b"),
        ("b", " OR b"),
        ("b", " AND NOT b"),
        ("b", " OR b AND NOT b"),
        ("b", " IS NULL"),
        ("b", " IS NOT TRUE"),
        ("x", "::DOUBLE"),
        ("b", " = b"),
        ("x", " BETWEEN x AND x"),
        ("t", " LIKE t"),
        ("x", ".x"),
        ("x", ".not-b"),
        ("case", "-case"),
        ("x", " COLLATE c"),
        ("ts", " AT TIME ZONE 'UTC'"),
        ("ts", " + INTERVAL '1' DAY"),
    ];
    for (first, next) in chains {
        for count in [3, 100, 250, 400, 660, 990, 1900] {
            run(&chain(first, next, count));
        }
        // 80 KB.
        assert!(!run(&chain(first, next, 80 * 1024 / next.len())), "{next}");
    }
}

#[test]
fn flat_chains_are_flat() {
    assert!(run(&chain("b", " AND b", 900)));
    assert!(run(&chain("b", " OR b", 900)));
    assert!(run(&chain("x", " + x", 200)));
    assert!(!run(&chain("x", " + x", 900)));
}

#[test]
fn deep_nesting() {
    let nestings = [
        ("(", "x", ")"),
        ("((", "x", "))"),
        ("abs(", "x", ")"),
        ("coalesce(x, ", "x", ")"),
        ("CASE WHEN b THEN ", "x", " END"),
        ("CASE WHEN b THEN x ELSE ", "x", " END"),
        ("CASE ", "x", " WHEN x THEN x END"),
        ("NOT ", "b", ""),
        ("NOT (", "b", ")"),
        ("- ", "x", ""),
        ("-(", "x", ")"),
        ("+ ", "x", ""),
        ("~ ", "x", ""),
        ("CAST(", "x", " AS DOUBLE)"),
        ("x IN (", "x", ")"),
        ("avg(", "x", ")"),
        ("x + (", "x", ")"),
        ("x = x AND (b OR ", "b", ")"),
        ("INTERVAL ", "'1' DAY", ""),
        ("EXISTS (SELECT ", "x", ")"),
        ("(SELECT ", "x", ")"),
        ("ARRAY[", "x", "]"),
        ("[", "x", "]"),
        ("{", "x", "}"),
        ("x -> ", "x", ""),
        ("IF(current_time(", "x", "))"),
        ("PRIOR ", "x", ""),
        ("x[", "1", "]"),
    ];
    for (open, inner, close) in nestings {
        for depth in [5, 20, 45, 60, 300] {
            run(&format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)));
            run(&format!("{}{inner}", open.repeat(depth)));
            run(&format!("{}{}", open.repeat(depth), close.repeat(depth)));
        }
        let depth = 80 * 1024 / (open.len() + close.len());
        assert!(!run(&format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))), "{open}");
    }
}

#[test]
fn nested_from() {
    for depth in [1, 10, 45, 100, 10_000] {
        for (open, close) in
            [("(", ")"), ("(SELECT * FROM ", ")"), ("TABLE(", ")"), ("HOP(", ")"), ("LATERAL (", ")")]
        {
            let text = format!("{SOURCE}SELECT x FROM {}s{};", open.repeat(depth), close.repeat(depth));
            run_text(&text);
        }
    }
}

/// Queries over queries that name each column twice: each doubles what it is made of.
#[test]
fn queries_that_double() {
    let doubled = [
        ("SELECT x + x AS x, b, ts FROM", "x > 5"),
        ("SELECT x * x - x AS x, b AND NOT b AS b, ts FROM", "b"),
        ("SELECT CASE WHEN b THEN x ELSE -x END AS x, x > 0 AS b, ts FROM", "b OR x > 5"),
        ("SELECT x, b, ts FROM", "b"),
        ("SELECT x, NOT b AS b, ts FROM", "x > 5"),
    ];
    let sum = "SELECT window_end, sum(x) AS x FROM TUMBLE(v, ts, INTERVAL '1' HOUR) GROUP BY window_end";
    for (list, condition) in doubled {
        for depth in [3, 12, 20, 200] {
            let of = |at: usize| if at == 0 { "s".to_owned() } else { format!("v{at}") };
            let query = |at: usize| format!("{list} {} WHERE {condition}", of(at));
            let views: String =
                (0..depth).map(|at| format!("CREATE VIEW v{} AS {};\n", at + 1, query(at))).collect();
            let last = sum.replace("(v,", &format!("({},", of(depth)));
            let accepted = run_text(&format!("{SOURCE}{views}{last};"));
            assert!(accepted || depth > 3, "{list} {depth}");
            // The last one takes what is left over.
            let all = format!("{last};\n").repeat(20);
            run_text(&format!("{SOURCE}{views}{all}"));
            if depth <= 20 {
                let with: Vec<String> =
                    (0..depth).map(|at| format!("v{} AS ({})", at + 1, query(at))).collect();
                assert_eq!(
                    run_text(&format!("{SOURCE}WITH {} {last};", with.join(", "))),
                    accepted,
                    "{list}"
                );
            }
        }
    }
}

#[test]
fn names_of_queries_are_no_paths() {
    let named = |name: &str| {
        let counts =
            "SELECT window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' HOUR) GROUP BY window_end";
        let with = run_text(&format!("{SOURCE}WITH \"{name}\" AS ({counts}) SELECT n FROM \"{name}\";"));
        let from = run_text(&format!("{SOURCE}SELECT n FROM ({counts}) AS \"{name}\";"));
        assert_eq!(with, from, "{name}");
        with
    };
    assert!(named("hours") && named("Stunden-ü_1"));
    for wrong in ["../../etc", "a/b", "/", "..", ".", "a b", "", "\\", "a\nb", &"x".repeat(101)] {
        assert!(!named(wrong), "{wrong}");
    }
}

#[test]
fn unfinished_text() {
    for text in [
        "SELECT 'abc",
        "SELECT \"abc",
        "/* open",
        "/* /* */",
        "SELECT $$a",
        "SELECT 1 FROM",
        ";;;",
        "",
        "--",
        "\u{0}",
    ] {
        assert!(!run_text(text), "{text}");
    }
    for n in [1_000, 100_000] {
        run_text(&"/*".repeat(n));
        run_text(&";".repeat(n));
        run_text(&"SELECT ".repeat(n));
        run_text(&"'".repeat(n + 1));
        run_text(&"(".repeat(n));
        run_text(&"CREATE SOURCE s (".repeat(n));
        run_text(&format!("SELECT {} FROM s;", "x,".repeat(n)));
        run_text(&"a".repeat(n));
    }
}

#[test]
fn every_prefix_of_a_program_is_answered() {
    let text = include_str!("../cases/llm_monitoring.sql");
    for (at, _) in text.char_indices() {
        run_text(&text[..at]);
    }
}

#[test]
fn every_token_left_out_is_answered() {
    let text = include_str!("../cases/llm_monitoring.sql");
    let words: Vec<&str> = text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for left_out in 0..words.len() {
        let rest: String =
            words.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, word)| *word).collect();
        run_text(&rest);
    }
}

#[test]
fn many_errors_in_a_long_line_are_few_lines() {
    let text = format!("{SOURCE}{}", "SELECT wrong FROM s; ".repeat(5_000));
    let files = [SourceText { name: "hostile.sql".to_owned(), text }];
    let diagnostics = compile(&files, &Builtin).unwrap_err();
    assert_eq!(diagnostics.len(), 51);
    assert_eq!(diagnostics[50].message, "and 4950 more from here on");
    let output: usize = diagnostics.iter().map(|diagnostic| diagnostic.to_string().len()).sum();
    assert!(output < 30_000, "{output} bytes");
}
