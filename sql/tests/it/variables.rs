//! Values of `env('NAME')`: a program is as if they had been written.

use streamgauge_sql::variables::{Origin, Variable, Variables};
use streamgauge_sql::{Compiled, Diagnostic, SourceText, SqlLimits, compile, compile_within};

use crate::catalog::Builtin;

fn file(text: &str) -> SourceText {
    SourceText { name: "q.sql".to_owned(), text: text.to_owned() }
}

fn with(text: &str, variables: &[(&str, &str, Origin)]) -> Result<Compiled, Vec<Diagnostic>> {
    let variable = |&(name, value, origin): &(&str, &str, Origin)| {
        (name.to_owned(), Variable { value: value.to_owned(), origin })
    };
    let variables: Variables = variables.iter().map(variable).collect();
    compile_within(&SqlLimits::default(), &variables, &[file(text)], &Builtin)
}

#[test]
fn a_program_is_as_if_the_values_had_been_written() {
    let program = |topic: &str, idle: &str, numbers: &str, brokers: &str, team: &str| {
        format!(
            "CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', topic = {topic}, brokers = {brokers},
             idle_timeout = {idle}, numbers = {numbers}, client_id = '');
             CREATE SINK k WITH (connector = 'webhook', url = 'http://h/', headers = (\"X-Team\" = {team}));
             INSERT INTO k SELECT a FROM s;"
        )
    };
    let written = compile(&[file(&program("'dev-a'", "'3 s'", "'lenient'", "'b:1'", "'a b'"))], &Builtin);
    let values = [
        ("STAGE", "dev", Origin::Environment),
        ("IDLE", "3 s", Origin::CommandLine),
        ("NUMBERS", "LENIENT", Origin::Environment),
        ("B", "b", Origin::Environment),
        ("UNUSED", "x", Origin::Environment),
    ];
    let team = "'a' || env('BLANK', ' ') || 'b'";
    let text = program(
        "env('STAGE', 'never') || '-' || 'a'",
        "env('IDLE')",
        "env('NUMBERS')",
        "env('B') || ':1'",
        team,
    );
    assert_eq!(with(&text, &values).unwrap().program, written.unwrap().program);
}

#[test]
fn an_empty_value_is_set() {
    let text = "CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', topic = 't' || env('SUFFIX', '-dev'), brokers = 'b');
        SELECT a FROM s;";
    let topic = |compiled: &Compiled| format!("{:?}", compiled.program.sources[0].options["topic"]);
    let compiled = with(text, &[("SUFFIX", "", Origin::Environment)]).unwrap();
    assert_eq!(topic(&compiled), "Text(\"t\")");
    assert_eq!(topic(&with(text, &[]).unwrap()), "Text(\"t-dev\")");
}

#[test]
fn what_is_wrong_with_a_value_is_said_at_the_call_with_who_gave_it() {
    let text = "CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', topic = 't', brokers = 'b', numbers = env('N'));";
    for (origin, words) in
        [(Origin::Environment, "the value of N"), (Origin::CommandLine, "the value of --set N")]
    {
        let found = with(text, &[("N", "roman", origin)]).unwrap_err();
        assert_eq!(found[0].message, format!("`numbers` cannot be 'roman', {words}"));
        assert_eq!((found[0].column, found[0].width), (text.find("env(").unwrap() + 1, "env('N')".len()));
    }
    let text =
        "CREATE SINK k WITH (connector = 'webhook', url = env('SCHEME') || '://h/' || env('PATH_', ''));";
    let found = with(text, &[("SCHEME", "ftp", Origin::CommandLine)]).unwrap_err();
    assert_eq!(
        found[0].message,
        "`url` must begin with https:// or http://; `url` is made of the value of --set SCHEME and the default of PATH_"
    );
}

#[test]
fn names_are_those_of_the_environment_exactly() {
    let text = "CREATE SINK k WITH (connector = 'file', path = env('Out'));";
    let found = with(text, &[("OUT", "rows.jsonl", Origin::Environment)]).unwrap_err();
    assert_eq!(found[0].message, "`Out` is not set");
}
