//! `plugin test`: cases that hold, cases that do not, and files that are no cases.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plugin::{
    counter::{ADD, Counter, counter},
    folder, golden, plugin,
};

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What is printed on the cases of a component of the folder.
fn tested(folder: &TempDir, component: &str, cases: &Value) -> (i32, String, String) {
    write(folder, "cases.json", &cases.to_string());
    plugin(folder, &["test", component])
}

#[test]
fn right_cases_pass_whatever_the_types() {
    let folder = folder();
    let day = |hour: u32| format!("2026-01-01T{hour:02}:00:00Z");
    for (component, divisions, cases) in [
        (
            "avg.wasm",
            11,
            json!([
                {"name": "doubles", "arguments": ["DOUBLE"], "rows": [[1], [2.5], [null], ["NaN"]], "result": "NaN"},
                {"name": "whole numbers", "arguments": ["bigint"], "rows": [[1], [2]], "result": 1.5},
                {"name": "none", "arguments": ["BIGINT"], "rows": [], "result": null},
                {"name": "a third", "arguments": ["BIGINT"], "rows": [[1], [0], [0]], "result": 0.3333, "tolerance": 1e-3, "slices": [1, 2]},
            ]),
        ),
        (
            "first.wasm",
            5,
            json!([{
                "name": "the earliest by event time", "arguments": ["TEXT"],
                "rows": [["b", day(2)], ["a", day(1)], ["c", day(3)]], "result": "a",
            }]),
        ),
        (
            "max.wasm",
            3,
            json!([{
                "name": "times", "arguments": ["TIMESTAMP"], "rows": [[day(1)], [day(3)]], "result": "2026-01-01T04:00:00+01:00",
            }]),
        ),
        (
            "percentile.wasm",
            4,
            json!([
                {"name": "by place", "arguments": ["DOUBLE"], "parameters": [0.0], "rows": [[7], [9]], "result": 7, "tolerance": 0.01},
                {"name": "by name", "arguments": ["DOUBLE"], "parameters": {"p": -1}, "rows": [], "error": "from 0 to 100"},
                {"name": "empty", "arguments": ["DOUBLE"], "parameters": [99], "rows": [], "result": null},
            ]),
        ),
        ("count.wasm", 5, json!([{"name": "rows", "arguments": [], "rows": [[], [], []], "result": 3}])),
        (
            "sum.wasm",
            3,
            json!([{"name": "too much", "arguments": ["BIGINT"], "rows": [[i64::MAX], [1]], "error": "BIGINT"}]),
        ),
    ] {
        let (exit, printed, said) = tested(&folder, component, &cases);
        assert_eq!((exit, said.as_str()), (0, ""), "{component}: {printed}");
        let passed = match cases.as_array().unwrap().len() {
            1 => "1 case passes".to_owned(),
            count => format!("all {count} cases pass"),
        };
        let expected =
            format!("\n{passed}, also with their rows in slices that were merged ({divisions} divisions)\n");
        assert!(printed.ends_with(&expected), "{component}: {printed}");
    }
}

#[test]
fn wrong_cases_are_shown_with_what_was_due_and_what_came() {
    let folder = folder();
    let cases = json!([
        {"name": "right", "arguments": ["DOUBLE"], "rows": [[1], [3]], "result": 2},
        {"name": "wrong", "arguments": ["DOUBLE"], "rows": [[1], [null], [3]], "result": 4},
        {"name": "not NULL", "arguments": ["DOUBLE"], "rows": [], "result": 0},
        {"name": "no error", "arguments": ["DOUBLE"], "rows": [], "error": "empty"},
    ]);
    let (exit, printed, said) = tested(&folder, "avg.wasm", &cases);
    assert_eq!((exit, said.as_str()), (1, ""));
    golden("test_avg.txt", &printed);

    let (exit, printed, _) = plugin(&folder, &["test", "avg.wasm", "--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &report["ok"], &report["name"]), (1, &json!(false), &json!("avg")));
    let oks: Vec<bool> = report["cases"].as_array().unwrap().iter().map(|it| it["ok"] == true).collect();
    assert_eq!(oks, [true, false, false, false]);
    let wrong = &report["cases"][1];
    assert_eq!((&wrong["case"], &wrong["file"]), (&json!("wrong"), &json!("cases.json")));
    assert_eq!((&wrong["got"], &wrong["law"]), (&json!("2.0"), &Value::Null));
    assert_eq!(wrong["rows"]["values"][1], json!(["2", "NULL"]));
}

#[test]
fn a_result_that_depends_on_how_rows_are_divided_names_the_law() {
    let folder = folder();
    let counters = [
        // What the one that is merged has counted is lost, or comes instead.
        ("merge-parts", Counter { merge: "", ..Counter::default() }),
        ("merge-empty", Counter {
            merge: "(i64.store (local.get $into) (i64.load (local.get $source)))",
            ..Counter::default()
        }),
        // Right in order, wrong backwards: a count into a greater slot is one too many.
        ("merge-commutative", Counter {
            merge: "(i64.store (local.get $into) (i64.add (i64.add (i64.load (local.get $into)) (i64.load (local.get $source)))
                (i64.extend_i32_u (i32.gt_u (local.get $into) (local.get $source)))))",
            ..Counter::default()
        }),
    ];
    for (law, wrong) in counters {
        fs::write(folder.path().join("mine.wasm"), counter(&wrong)).unwrap();
        let cases = json!([{"name": "three rows", "rows": [[], [], []], "result": 3, "slices": [2, 1]}]);
        let cases = match law {
            // A slice that has no row.
            "merge-empty" => {
                json!([{"name": "three rows", "rows": [[], [], []], "result": 3, "slices": [3, 0]}])
            }
            _ => cases,
        };
        let (exit, printed, _) = tested(&folder, "mine.wasm", &cases);
        assert!(exit == 1 && printed.contains(&format!("\n  law       {law}: ")), "{law}: {printed}");
        // The same without `slices`.
        let cases = json!([{"name": "three rows", "rows": [[], [], []], "result": 3}]);
        let (exit, printed, _) = tested(&folder, "mine.wasm", &cases);
        assert!(exit == 1 && printed.contains("\n  law       merge-"), "{law}: {printed}");
        if law == "merge-commutative" {
            golden("test_merge.txt", &printed);
        }
    }
    let (law, wrong) = ("snapshot-restore", Counter { restore: "", ..Counter::default() });
    fs::write(folder.path().join("mine.wasm"), counter(&wrong)).unwrap();
    let (exit, printed, _) = tested(&folder, "mine.wasm", &json!([{"name": "n", "rows": [[]], "result": 1}]));
    assert!(exit == 1 && printed.contains(&format!("\n  law       {law}: ")), "{printed}");
    // Twice as many is another function, whole and merged: no law is broken.
    fs::write(
        folder.path().join("mine.wasm"),
        counter(&Counter { add: &ADD.repeat(2), ..Counter::default() }),
    )
    .unwrap();
    let (exit, printed, _) = tested(&folder, "mine.wasm", &json!([{"name": "n", "rows": [[]], "result": 1}]));
    assert!(exit == 1 && !printed.contains("  law "), "{printed}");
    let (exit, ..) = tested(&folder, "mine.wasm", &json!([{"name": "n", "rows": [[], []], "result": 4}]));
    assert_eq!(exit, 0);
}

#[test]
fn requests_and_answers_of_a_sink() {
    let folder = folder();
    let url = "https://chat.example.com/hook";
    let post = |body: Value| json!({"method": "POST", "url": url, "headers": {"Idempotency-Key": "\"key-1\""}, "body": body});
    let rows = json!([{"model": "large", "mean": 400.5, "at": "2026-01-01T00:00:00Z", "none": null}]);
    let case = |requests: Value| {
        json!({
            "name": "a row", "options": {"url": {"secret": url}}, "columns": {"none": "TEXT", "at": "TIMESTAMP"}, "rows": rows,
            "requests": requests,
            "answers": [
                {"status": 200, "outcome": "delivered"},
                {"status": 503, "headers": {"Retry-After": "7"}, "outcome": "retry", "retry_ms": 7000},
                {"status": 400, "body": "no model", "outcome": "rejected", "why": "no model"},
            ],
        })
    };
    let body = json!({"none": null, "at": "2026-01-01T00:00:00.000Z", "model": "large", "mean": 400.5});
    let right = case(json!([post(body.clone())]));
    let text = r#"{"at":"2026-01-01T00:00:00.000Z","mean":400.5,"model":"large","none":null}"#;
    let by_text = case(json!([post(json!(text))]));
    let refused = json!({"name": "no url", "options": {"url": null}, "rows": [], "error": "write url ="});
    let (exit, printed, said) = tested(&folder, "webhook.wasm", &json!([right, by_text, refused]));
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    assert!(printed.ends_with("\nall 3 cases pass\n"), "{printed}");

    let mut wrong: Vec<Value> = Vec::new();
    let mut other = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut it = right.clone();
        it["name"] = json!(name);
        change(&mut it);
        wrong.push(it);
    };
    other("url", &|it| it["requests"][0]["url"] = json!("https://other.example.com"));
    other("header", &|it| it["requests"][0]["headers"] = json!({"x-key": "1"}));
    other("body", &|it| it["requests"][0]["body"]["mean"] = json!(401));
    other("count", &|it| it["requests"] = json!([post(body.clone()), post(body.clone())]));
    other("answer", &|it| it["answers"][1]["retry_ms"] = json!(8000));
    other("reason", &|it| it["answers"][2]["why"] = json!("no mean"));
    let (exit, printed, _) = tested(&folder, "webhook.wasm", &json!(wrong));
    assert_eq!(exit, 1);
    golden("test_webhook.txt", &printed);
}

#[test]
fn a_page_of_a_sink_that_answers_scrapes() {
    let folder = folder();
    let case = |page: &str| {
        json!([{
            "name": "a gauge", "query": "latency", "columns": {"window_end": "TIMESTAMP"},
            "rows": [{"window_end": "2026-01-01T00:01:00Z", "model": "large", "mean": 400.5}],
            "windows": [{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"}],
            "page": page,
        }])
    };
    let (exit, printed, said) = tested(&folder, "prometheus.wasm", &case("nothing"));
    assert_eq!((exit, said.as_str()), (1, ""));
    let (exit, report, _) = plugin(&folder, &["test", "prometheus.wasm", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let page = report["cases"][0]["got"].as_str().unwrap();
    assert!(exit == 1 && page.contains("{model=\"large\"} 400.5"), "{printed}");
    assert_eq!(tested(&folder, "prometheus.wasm", &case(page)).0, 0);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one entry a mistake")]
fn what_is_no_case_is_refused_with_its_place() {
    let folder = folder();
    let one = |case: &str| format!("[{{\"name\": \"n\", \"arguments\": [\"DOUBLE\"], {case}}}]");
    for (text, expected) in [
        (
            "[\n{\"name\": \"n\",}]".to_owned(),
            "error: cases.json is no JSON: trailing comma at line 2 column 14",
        ),
        ("{}".to_owned(), "error: cases.json is an object, not a list of cases"),
        ("[]".to_owned(), "error: there is no case in cases.json"),
        ("[{\"rows\": [], \"rows\": []}]".to_owned(), "the field `rows` stands twice in one object"),
        ("[7]".to_owned(), "error: cases.json: case 1 is a number, not an object"),
        ("[{\"rows\": []}]".to_owned(), "error: cases.json: case 1 has no `name`"),
        (
            one("\"rows\": [], \"tolerence\": 1, \"result\": 1"),
            "case 1 'n' has the unknown field `tolerence`; the fields are `name`, `arguments`, `parameters`, `rows`, `slices`, `result`, \
             `error` and `tolerance`",
        ),
        (one("\"result\": 1"), "case 1 'n' has no `rows`"),
        (
            one("\"rows\": [[1], 2], \"result\": 1"),
            "case 1 'n' has a row 2 that is a number, not a list with a value for each argument",
        ),
        (one("\"rows\": [[1, 2]], \"result\": 1"), "has a row 1 that has 2 values instead of 1"),
        (
            one("\"rows\": [[\"x\"]], \"result\": 1"),
            "has a row 1 that has a value 1 that is \"x\", but its type is DOUBLE: write a number",
        ),
        (one("\"rows\": []"), "case 1 'n' has neither `result` nor `error`"),
        (
            one("\"rows\": [], \"result\": 1, \"error\": \"x\""),
            "has `result` and `error`: leave one of them out",
        ),
        (one("\"rows\": [], \"result\": true"), "has a `result` that is true, but its type is DOUBLE"),
        (
            one("\"rows\": [], \"result\": 1, \"tolerance\": -1"),
            "has the `tolerance` -1: write a number from 0",
        ),
        (
            one("\"rows\": [[1], [2]], \"result\": 1, \"slices\": [1]"),
            "do not divide its rows: write how many rows each slice has, 2 in all, such as [1, 1]",
        ),
        (
            one("\"rows\": [], \"result\": 1, \"parameters\": [1]"),
            "has 1 values in `parameters`, but the function has 0 parameters",
        ),
        (
            one("\"rows\": [], \"result\": 1, \"parameters\": {\"p\": 1}"),
            "has the unknown field `p`; the fields are none",
        ),
        (
            "[{\"name\": \"n\", \"rows\": [], \"result\": 1}]".to_owned(),
            "has no `arguments`, but there are several ways to call the function: avg(",
        ),
        (
            "[{\"name\": \"n\", \"arguments\": [\"TEXT\"], \"rows\": [], \"result\": 1}]".to_owned(),
            "has `arguments` that the function does not take: avg(",
        ),
        (
            "[{\"name\": \"n\", \"arguments\": [\"FLOAT\"], \"rows\": [], \"result\": 1}]".to_owned(),
            "has a type in `arguments` that is \"FLOAT\"; the types are",
        ),
    ] {
        write(&folder, "cases.json", &text);
        let (exit, printed, said) = plugin(&folder, &["test", "avg.wasm"]);
        assert_eq!((exit, printed.as_str()), (2, ""), "{text}: {said}");
        assert!(said.starts_with("error: ") && said.contains(expected), "{text}: {said}");
    }
    for (case, expected) in [
        (
            "\"rows\": [[]], \"requests\": []",
            "has a row that is a list: write an object with a value a column",
        ),
        (
            "\"rows\": [{\"a\": null}], \"requests\": []",
            "does not say which type the column `a` has: add \"columns\": {\"a\": \"DOUBLE\"}",
        ),
        (
            "\"rows\": [{\"a\": 1}, {\"a\": \"x\"}], \"requests\": []",
            "does not say which type the column `a` has",
        ),
        (
            "\"rows\": [], \"options\": {\"uri\": \"x\"}, \"requests\": []",
            "has the unknown option `uri`; the options of webhook are `url` and `template`",
        ),
        (
            "\"rows\": [], \"requests\": [{\"url\": \"x\", \"body\": 1}]",
            "has a request 1 that has no `method`",
        ),
        ("\"rows\": [], \"page\": \"\"", "has a `page`, but the sink answers no scrapes: write `requests`"),
        (
            "\"rows\": [], \"requests\": [], \"answers\": [{\"status\": 200, \"outcome\": \"delivered\"}]",
            "has `answers`, but no request that they answer",
        ),
        (
            "\"rows\": [], \"requests\": [], \"answers\": [{\"status\": 200, \"outcome\": \"done\"}]",
            "has an answer 1 that has the `outcome` \"done\"; the outcomes are",
        ),
        ("\"rows\": [{}], \"windows\": [], \"requests\": []", "has 0 `windows` for 1 rows: write one a row"),
    ] {
        write(&folder, "cases.json", &format!("[{{\"name\": \"n\", {case}}}]"));
        let (exit, _, said) = plugin(&folder, &["test", "webhook.wasm"]);
        assert!(
            exit == 2 && said.contains(&format!("error: cases.json: case 1 'n' {expected}")),
            "{case}: {said}"
        );
    }
}

#[test]
fn cases_are_found_beside_the_component_and_all_mistakes_are_told() {
    let folder = folder();
    let (exit, _, said) = plugin(&folder, &["test", "count.wasm"]);
    assert!(
        exit == 2
            && said.starts_with("error: there are no cases: cases.json does not exist\nhelp: write a list"),
        "{said}"
    );
    let case =
        |name: &str, result: u32| json!({"name": name, "arguments": [], "rows": [[]], "result": result});
    write(&folder, "cases.json", &json!([case("one", 1)]).to_string());
    write(&folder, "cases/b.json", &json!([case("two", 2)]).to_string());
    write(&folder, "cases/a.json", &json!([case("one", 1)]).to_string());
    let (exit, printed, _) = plugin(&folder, &["test", "count.wasm"]);
    assert_eq!(exit, 1);
    assert!(printed.starts_with("reducer count 0.1.0\nok         cases.json: one\nok         cases/a.json: one\nFAILED     cases/b.json: two\n"), "{printed}");
    assert!(printed.ends_with("\n1 of 3 cases failed\n"), "{printed}");
    // Those that are given, and no other ones.
    assert_eq!(plugin(&folder, &["test", "count.wasm", "--cases", "cases/a.json"]).0, 0);
    let (exit, _, said) = plugin(&folder, &["test", "count.wasm", "--cases", "nowhere.json"]);
    assert!(exit == 2 && said.contains("error: cannot read nowhere.json: "), "{said}");
    write(&folder, "cases/a.json", "[{\"name\": 1}, {}]");
    let (exit, _, said) = plugin(&folder, &["test", "count.wasm"]);
    assert!(exit == 2 && said.contains("error: cases/a.json: case 1 has a field `name` that is a number, not a text\nerror: cases/a.json: case 2 has no `name`"), "{said}");
    // What is no plugin fails, and what cannot be read is usage.
    write(&folder, "cases/a.json", "[]");
    let (exit, _, said) = plugin(&folder, &["test", "module.wasm"]);
    assert!(
        exit == 1 && said.starts_with("error: module.wasm is a core module, not a component: "),
        "{said}"
    );
    let (exit, _, said) = plugin(&folder, &["test", "nowhere.wasm"]);
    assert!(exit == 2 && said.starts_with("error: cannot read nowhere.wasm: "), "{said}");
}

#[test]
fn a_component_that_is_not_built_or_old_is_not_tested() {
    let folder = folder();
    let (exit, _, said) = plugin(&folder, &["test"]);
    assert!(
        exit == 2
            && said.starts_with("error: this folder has no project of a plugin: there is no Cargo.toml, "),
        "{said}"
    );
    assert!(said.ends_with("give the component instead: FILE.wasm\n"), "{said}");
    assert_eq!(plugin(&folder, &["new", "mine", "--lang", "c"]).0, 0);
    let (exit, _, said) = plugin(&folder, &["test", "mine"]);
    assert_eq!(
        (exit, said.as_str()),
        (
            2,
            "error: mine has no mine.wasm: its project is not built\nhelp: run `streamgauge plugin build mine`\n"
        )
    );

    let project = folder.path().join("mine");
    fs::copy(folder.path().join("count.wasm"), project.join("mine.wasm")).unwrap();
    let touch = |path: &Path, seconds: u64| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    let sources = ["plugin.c", "kit/reducer.h", "cases.json", "README.md", "query.sql"];
    for source in sources {
        touch(&project.join(source), 1_000_000_000);
    }
    fs::write(
        project.join("cases.json"),
        json!([{"name": "n", "arguments": [], "rows": [], "result": 0}]).to_string(),
    )
    .unwrap();
    let (exit, printed, said) = plugin(&folder, &["test", "mine"]);
    assert_eq!((exit, said.as_str()), (0, ""), "{printed}");
    // A header that is newer; what is no source may be.
    touch(&project.join("README.md"), 4_000_000_000);
    assert_eq!(plugin(&folder, &["test", "mine"]).0, 0);
    touch(&project.join("kit/reducer.h"), 4_000_000_000);
    let (exit, _, said) = plugin(&folder, &["test", "mine"]);
    let expected = "error: mine has a mine.wasm that is older than kit/reducer.h\nhelp: run `streamgauge plugin build mine`\n";
    assert_eq!((exit, said.as_str()), (2, expected));
    // The file itself is tested, whatever is beside it.
    assert_eq!(plugin(&folder, &["test", "mine/mine.wasm"]).0, 0);
}
