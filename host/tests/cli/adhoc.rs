//! Questions that are asked once: `query` and `tap`; and what commands take as query files.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{outcome, streamgauge};

const SOURCE: &str = "CREATE SOURCE s (n BIGINT, m TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) \
    WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');\n";
const VIEW: &str = "CREATE VIEW v AS SELECT window_end, m, sum(n) AS total \
    FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, m;\n";
/// An output that must not be touched by a question.
const INSERT: &str =
    "CREATE SINK f WITH (connector = 'file', path = 'rows.jsonl');\nINSERT INTO f SELECT * FROM v;\n";
const EVENTS: &str = r#"{"n": 1, "m": "a", "ts": "2026-01-01T00:00:01Z"}
{"n": 5, "m": "b\u001b[31m", "ts": "2026-01-01T00:00:02Z"}
{"n": 2, "m": "a", "ts": "2026-01-01T00:00:03Z"}
{"n": null, "m": null, "ts": "2026-01-01T00:01:04Z"}
"#;

/// A folder with `a_source.sql`, `b_view.sql`, `c_insert.sql` and `events.jsonl`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files =
        [("a_source.sql", SOURCE), ("b_view.sql", VIEW), ("c_insert.sql", INSERT), ("events.jsonl", EVENTS)];
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    folder
}

fn within(folder: &Path) -> Command {
    let mut command = streamgauge();
    command.current_dir(folder);
    command
}

/// What a command says that is given a text on standard input.
fn fed(command: &mut Command, text: &str) -> (i32, String, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_question_is_answered_with_a_table_and_nothing_else_is_run() {
    let folder = folder();
    let question = ["query", "-e", "SELECT m, total FROM v", ".", "--input", "s=events.jsonl"];
    let (exit, table, said) = outcome(within(folder.path()).args(question));
    assert_eq!(
        table,
        "\
┌────────┬───────┐
│ m      ┆ total │
╞════════╪═══════╡
│ a      ┆     3 │
│ b�[31m ┆     5 │
│ NULL   ┆  NULL │
└────────┴───────┘
"
    );
    assert_eq!((exit, said.lines().last()), (0, Some("events=4 rows=3 late=0 dead_letters=0")));
    assert!(!folder.path().join("rows.jsonl").exists(), "INSERTs of the files are left out");
}

#[test]
fn a_question_ends_after_its_rows_and_says_so() {
    let folder = folder();
    let question =
        ["query", "--json", "--rows", "2", "-e", "SELECT n FROM s", ".", "--input", "s=events.jsonl"];
    let (exit, rows, said) = outcome(within(folder.path()).args(question));
    assert_eq!((exit, rows.as_str()), (0, "{\"n\":1}\n{\"n\":5}\n"), "{said}");
    assert!(said.ends_with("shown are the first 2 rows; --rows N shows more\n"), "{said}");
    let all = ["query", "--json", "--rows", "4", "-e", "SELECT n FROM s", ".", "--input", "s=events.jsonl"];
    let (exit, rows, said) = outcome(within(folder.path()).args(all));
    assert_eq!((exit, rows.lines().count()), (0, 4));
    assert!(!said.contains("shown are"), "{said}");
}

#[test]
fn a_question_that_writes_or_is_wrong_is_refused() {
    let folder = folder();
    let ask = |sql: &str| {
        outcome(within(folder.path()).args(["query", "-e", sql, ".", "--input", "s=events.jsonl"]))
    };
    let (exit, rows, said) = ask("INSERT INTO f SELECT * FROM v");
    assert_eq!((exit, rows.as_str()), (1, ""));
    assert!(
        said.starts_with("error: this sends rows to a sink: INSERT INTO f SELECT * FROM v\nhelp: "),
        "{said}"
    );
    let (exit, _, said) = ask("SELECT x FROM v");
    assert_eq!(exit, 1);
    assert!(said.starts_with("<-e>:1:8: error: the view `v` has no column `x`"), "{said}");
}

#[test]
fn each_question_has_rows_of_its_own() {
    let folder = folder();
    let question =
        ["query", "-q", "--rows", "1", "-e", "SELECT n FROM s; SELECT n AS five FROM s WHERE n = 5"];
    let (exit, tables, said) =
        outcome(within(folder.path()).args(question).args([".", "--input", "s=events.jsonl"]));
    assert_eq!(exit, 0, "{said}");
    let rows: Vec<&str> = tables.lines().filter(|line| line.starts_with('│')).collect();
    assert_eq!(rows, ["│ n │", "│ 1 │", "│ five │", "│    5 │"]);
    for nothing in ["", ";", "/* nothing */"] {
        let (exit, _, said) =
            outcome(within(folder.path()).args(["query", "-e", nothing, ".", "--input", "s=events.jsonl"]));
        assert_eq!(exit, 1, "{nothing}");
        assert!(said.starts_with("error: there is no question\nhelp: "), "{said}");
    }
    let tap = ["tap", "s", "a_source.sql", "--input", "s=events.jsonl", "--where", "n > 1; SELECT n FROM s"];
    assert_eq!(outcome(within(folder.path()).args(tap)).0, 1, "one condition, not two statements");
}

#[test]
fn what_is_doubtful_in_a_question_is_told() {
    let folder = folder();
    let sql = "SELECT percentile(n, 0.95) AS p FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_end";
    let (exit, _, said) =
        outcome(within(folder.path()).args(["query", "-q", "-e", sql, ".", "--input", "s=events.jsonl"]));
    assert_eq!(exit, 0);
    assert!(said.starts_with("<-e>:1:22: warning: ") && said.contains("did you mean 95?"), "{said}");
    assert_eq!(said.matches("warning").count(), 1, "{said}");
}

#[test]
fn events_of_a_source_are_shown_as_they_are_decoded() {
    let folder = folder();
    let tap = ["tap", "s", "a_source.sql", "--input", "s=events.jsonl", "--where", "n > 1"];
    let (exit, rows, said) = outcome(within(folder.path()).args(tap));
    assert_eq!(exit, 0, "{said}");
    assert_eq!(
        rows,
        "{\"n\":5,\"m\":\"b\\u001b[31m\",\"ts\":\"2026-01-01T00:00:02.000Z\"}\n{\"n\":2,\"m\":\"a\",\"ts\":\"2026-01-01T00:00:03.000Z\"}\n"
    );
}

#[test]
fn a_record_with_columns_that_cannot_be_read_is_shown_and_all_that_is_wrong_is_told() {
    let folder = folder();
    let events = r#"{"n": "1", "m": 7, "ts": "2026-01-01T00:00:01Z"}
{"n": 2, "m": "b", "ts": "2026-01-01T00:00:02Z"}
{"n": "3", "m": "c", "ts": "2026-01-01T00:00:03Z"}
no record
"#;
    fs::write(folder.path().join("events.jsonl"), events).unwrap();
    let tap = ["tap", "s", "a_source.sql", "--input", "s=events.jsonl"];
    let (exit, rows, said) = outcome(within(folder.path()).args(tap));
    assert_eq!(exit, 0, "{said}");
    assert_eq!(
        rows,
        r#"{"n":null,"m":null,"ts":"2026-01-01T00:00:01.000Z"}
{"n":2,"m":"b","ts":"2026-01-01T00:00:02.000Z"}
{"n":null,"m":"c","ts":"2026-01-01T00:00:03.000Z"}
"#
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "source 's': column \"n\": expected BIGINT, found `\"1\"`; column \"m\": expected TEXT, found `7`; \
             partition 0, offset 0 (line 1 of 'events.jsonl'): {\"n\": \"1\", \"m\": 7, \"ts\": \"2026-01-01T00:00:01Z\"}",
            "help: write numbers = 'lenient' in the WITH of source 's'; declare column m as BIGINT, if that is what the source has; \
             CAST converts it in a query",
            "source 's': column \"n\": expected BIGINT, found `\"3\"`; partition 0, offset 2 (line 3 of 'events.jsonl'): \
             {\"n\": \"3\", \"m\": \"c\", \"ts\": \"2026-01-01T00:00:03Z\"}",
        ],
        "{said}"
    );
    assert!(lines[3].starts_with("source 's': first dead letter 'malformed': "), "{said}");
    assert!(
        said.ends_with("query 'tap': rows=3 late=0 dead_letters=1\nevents=4 rows=3 late=0 dead_letters=1\n"),
        "{said}"
    );
    let question = ["query", "-e", "SELECT n FROM s", "a_source.sql", "--input", "s=events.jsonl"];
    let (_, _, said) = outcome(within(folder.path()).args(question));
    assert!(
        said.contains("\nquery '-e': rows=1 late=0 dead_letters=3\n"),
        "a question leaves them out: {said}"
    );
    let view = ["tap", "v", "a_source.sql", "b_view.sql", "--input", "s=events.jsonl"];
    let (_, rows, _) = outcome(within(folder.path()).args(view));
    assert_eq!(
        rows, "{\"window_end\":\"2026-01-01T00:01:00.000Z\",\"m\":\"b\",\"total\":2}\n",
        "a window has none of them"
    );
}

#[test]
fn packed_records_on_standard_input_are_unpacked() {
    let folder = folder();
    for packer in ["gzip -c", "cat"] {
        let binary = env!("CARGO_BIN_EXE_streamgauge");
        let line =
            format!("{packer} events.jsonl | {binary} tap s a_source.sql --input s=- -q --where 'n = 5'");
        let (exit, rows, said) = outcome(Command::new("sh").args(["-c", &line]).current_dir(folder.path()));
        assert_eq!((exit, rows.lines().count(), said.as_str()), (0, 1, ""), "{packer}");
    }
}

#[test]
fn what_a_question_cannot_have_is_told_with_what_it_has() {
    let folder = folder();
    for clause in ["ORDER BY n", "LIMIT 5"] {
        let sql = format!("SELECT n FROM s {clause}");
        let (exit, _, said) = outcome(within(folder.path()).args(["query", "-e", &sql, "a_source.sql"]));
        assert_eq!(exit, 1);
        let help = said.lines().last().unwrap();
        assert!(help.contains("`streamgauge query --rows N` shows the first"), "{said}");
    }
}

#[test]
fn a_folder_stands_for_its_query_files_by_name() {
    let folder = folder();
    let (exit, plans, said) = outcome(within(folder.path()).args(["explain", "."]));
    assert_eq!((exit, said.as_str()), (0, ""));
    let queries: Vec<&str> = plans.lines().filter(|line| line.starts_with("query ")).collect();
    assert_eq!(queries, ["query v", "query insert_f_1"]);
    std::os::unix::fs::symlink("gone", folder.path().join("d.sql")).unwrap();
    let (exit, _, said) = outcome(within(folder.path()).args(["check", "."]));
    assert_eq!(exit, 1);
    assert!(said.starts_with("error: cannot read ./d.sql: "), "{said}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    for command in ["check", "explain", "run"] {
        let (exit, _, said) = outcome(within(folder.path()).args([command, "empty"]));
        assert_eq!(exit, 1);
        assert!(said.starts_with("error: the folder empty has no query file\nhelp: "), "{said}");
    }
}

#[test]
fn definitions_alone_can_be_checked_and_not_run() {
    let folder = folder();
    for files in [&["a_source.sql"][..], &["a_source.sql", "b_view.sql"]] {
        let (exit, _, said) = outcome(within(folder.path()).arg("check").args(files));
        assert_eq!((exit, said.as_str()), (0, ""), "{files:?}");
        let (exit, _, said) = outcome(within(folder.path()).arg("run").args(files));
        assert_eq!(exit, 1);
        assert!(said.contains("error: the program writes nowhere\n"), "{said}");
    }
}

#[test]
fn standard_input_is_a_query_file_once() {
    let folder = folder();
    let (exit, _, said) = fed(within(folder.path()).args(["check", "a_source.sql", "-"]), "SELECT x FROM s");
    assert_eq!(exit, 1);
    assert!(said.starts_with("<stdin>:1:8: error: the source `s` has no column `x`"), "{said}");
    for twice in [&["check", "-", "-"][..], &["run", "-", "--input", "s=-"]] {
        let (exit, _, said) = fed(within(folder.path()).args(twice), "");
        assert_eq!(exit, 2);
        assert!(said.starts_with("error: standard input (-) can"), "{said}");
    }
    let run = ["run", "a_source.sql", "-", "--input", "s=events.jsonl"];
    let (exit, rows, said) = fed(within(folder.path()).args(run), "SELECT n FROM s WHERE n = 5");
    assert_eq!((exit, rows.as_str()), (0, "{\"n\":5}\n"), "{said}");
}

#[test]
fn diagnostics_are_json_for_editors() {
    let folder = folder();
    fs::write(folder.path().join("d.sql"), "SELECT x\nFROM s;\nSELECT n FROM s;\n").unwrap();
    let (exit, json, said) =
        outcome(within(folder.path()).args(["check", "--json", "a_source.sql", "d.sql"]));
    assert_eq!((exit, said.as_str()), (1, ""));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let [diagnostic] = report["diagnostics"].as_array().unwrap().as_slice() else { panic!("{json}") };
    let place = ["file", "line", "column", "width", "severity"].map(|key| diagnostic[key].clone());
    assert_eq!(serde_json::json!(place), serde_json::json!(["d.sql", 1, 8, 1, "error"]));
    assert!(
        diagnostic["message"].as_str().unwrap().contains("`x`") && diagnostic["help"].is_string(),
        "{json}"
    );
    let (exit, json, _) = outcome(within(folder.path()).args(["check", "--json", "."]).arg("a_source.sql"));
    assert_eq!(exit, 1, "a source that is declared twice");
    assert!(json.contains("a_source.sql"), "{json}");
    fs::remove_file(folder.path().join("d.sql")).unwrap();
    let (exit, json, _) = outcome(within(folder.path()).args(["check", "--json", "."]));
    assert_eq!((exit, json.as_str()), (0, "{\n  \"diagnostics\": []\n}\n"));
}

#[test]
fn plans_are_json_for_programs() {
    let folder = folder();
    let (_, text, _) = outcome(within(folder.path()).args(["explain", "."]));
    let (exit, json, said) = outcome(within(folder.path()).args(["explain", "--json", "."]));
    assert_eq!((exit, said.as_str()), (0, ""));
    let plans: serde_json::Value = serde_json::from_str(&json).unwrap();
    let queries = plans["queries"].as_array().unwrap();
    let names: Vec<&str> = queries.iter().map(|query| query["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["v", "insert_f_1"]);
    assert!(queries.iter().all(|query| text.contains(query["plan"].as_str().unwrap())));
    assert_eq!(queries[0]["manifest"]["input"]["source"], "s");
}

#[test]
fn diagnostics_have_colours_where_that_is_asked() {
    let check = |options: &[&str]| {
        let mut command = streamgauge();
        command.env_remove("NO_COLOR").arg("check").arg("-").args(options);
        fed(&mut command, "SELECT x FROM s").2
    };
    let plain = check(&[]);
    assert!(!plain.contains('\u{1b}'), "standard error is no terminal");
    assert_eq!(check(&["--color", "never"]), plain);
    let coloured = check(&["--color", "always"]);
    assert!(coloured.starts_with("<stdin>:1:15: \u{1b}[1;31merror\u{1b}[0m: "), "{coloured:?}");
    let taken_out = ["\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m"];
    assert_eq!(taken_out.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
}

#[test]
fn files_are_laid_out_alike_and_keep_their_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let (path, link) = (folder.path().join("c_insert.sql"), folder.path().join("link.sql"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("c_insert.sql", &link).unwrap();
    let (exit, listed, _) = outcome(within(folder.path()).args(["fmt", "--check", "link.sql"]));
    assert_eq!((exit, listed.as_str()), (1, "link.sql\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), INSERT, "--check changes nothing");
    let (exit, _, said) = outcome(within(folder.path()).args(["fmt", "link.sql"]));
    assert_eq!((exit, said.as_str()), (0, ""));
    let formatted =
        "CREATE SINK f WITH (connector = 'file', path = 'rows.jsonl');\n\nINSERT INTO f\nSELECT *\nFROM v;\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), formatted);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let (exit, listed, _) = outcome(within(folder.path()).args(["fmt", "--check", "c_insert.sql"]));
    assert_eq!((exit, listed.as_str()), (0, ""));
    let (exit, text, _) = fed(streamgauge().args(["fmt", "-"]), INSERT);
    assert_eq!((exit, text.as_str()), (0, formatted));
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let (_, help, _) = outcome(streamgauge().arg("--help"));
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"query") && commands.contains(&"man"), "{commands:?}");
    let (exit, page, _) = outcome(streamgauge().arg("man"));
    assert_eq!(exit, 0);
    // In the manual's language a hyphen stands behind a backslash.
    let plain = page.replace("\\-", "-");
    for shell in ["bash", "zsh", "fish"] {
        let (exit, script, _) = outcome(streamgauge().args(["completions", shell]));
        assert_eq!(exit, 0);
        for command in &commands {
            assert!(script.contains(command) && plain.contains(command), "{shell}: {command}");
        }
    }
    assert!(page.contains("\\-\\-checkpoint\\-interval"), "options of commands are on the page");
}
