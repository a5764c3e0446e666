//! `docs/options.md`: the page is what the connectors declare, and what stands in it is accepted.

use std::{collections::BTreeSet, env, fs, path::Path};

use streamgauge::deploy::{Connectors, HostCatalog, OptionPage};
use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    Catalog, SourceText,
    catalog::UsedAs,
    compile,
    connector::{OptionKind, OptionSpec, SecretUse},
    source_options,
    types::DataType,
};

use crate::{outcome, streamgauge};

/// With `UPDATE_GOLDEN=1` the page is written anew.
#[test]
fn the_page_is_what_the_connectors_declare() {
    let plugins = Plugins::embedded(Runtime::new().unwrap());
    let page = OptionPage::new(&Connectors::default(), &plugins).unwrap().to_string();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/options.md");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "docs/options.md should be:\n\n{page}");
    let (exit, printed, told) = outcome(streamgauge().arg("options"));
    assert_eq!((exit, told.as_str()), (0, ""));
    assert!(printed == page, "the command prints the page");
}

#[test]
fn the_tables_of_one_connector_are_printed_alone() {
    let (exit, printed, _) = outcome(streamgauge().args(["options", "File"]));
    let titles: Vec<&str> = printed.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!((exit, titles), (0, vec!["## Source `file`", "## Sink `file`"]));
    assert!(printed.contains("| `path` | a text | **required** | the file that is read |"), "{printed}");
    let (exit, _, told) = outcome(streamgauge().args(["options", "kafak"]));
    assert_eq!(exit, 2);
    assert_eq!(
        told,
        "error: there is no connector 'kafak'\nhelp: there is kafka, file, console, slack, webhook, pagerduty, alertmanager, prometheus\n"
    );
}

/// Values that an option can have, as WITH spells them.
fn values(spec: &OptionSpec) -> Vec<String> {
    let shown = spec.example.iter().chain(&spec.default).map(|text| format!("'{text}'"));
    let mut values: Vec<String> = shown.filter(|value| value != "'https://...'").collect();
    let one = |value: &str| vec![value.to_owned()];
    values.extend(match spec.kind {
        _ if spec.secret == SecretUse::Required => one("secret('NAME')"),
        OptionKind::Literal(DataType::Text) => one("'x'"),
        OptionKind::Literal(DataType::Boolean) => one("TRUE"),
        OptionKind::Literal(DataType::Int64 | DataType::Float64) => one("7"),
        OptionKind::Literal(DataType::Timestamp) => one("'2026-01-01T00:00:00Z'"),
        OptionKind::Word(words) => words.iter().map(|word| format!("'{word}'")).collect(),
        OptionKind::Duration => vec!["'10 s'".to_owned(), "INTERVAL '10' SECOND".to_owned()],
        OptionKind::Bytes => one("'64 MiB'"),
        OptionKind::Headers(_) => one("(\"X-Team\" = 'ml')"),
        OptionKind::Url => one("'https://example.com/x'"),
        OptionKind::Listen => one("'127.0.0.1:1'"),
        OptionKind::Brokers => one("'a:1,b:2'"),
        OptionKind::Topic => one("'some-topic'"),
        OptionKind::Columns => vec!["'x'".to_owned(), "'\"x\", y'".to_owned()],
        OptionKind::Checked(_) | OptionKind::ClientProperties => Vec::new(),
    });
    if spec.secret == SecretUse::Allowed {
        values.push(match spec.kind {
            OptionKind::Headers(_) => "(authorization = 'Bearer ' || secret('NAME'))".to_owned(),
            _ => "secret('NAME')".to_owned(),
        });
    }
    if spec.secret == SecretUse::Required {
        values.retain(|value| value.starts_with("secret"));
    }
    values
}

/// A program in which a source or sink has these options.
fn program(used_as: UsedAs, options: &str) -> String {
    let source = "(x TEXT, y DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)";
    match used_as {
        UsedAs::Source => format!("CREATE SOURCE s {source} WITH ({options}); SELECT x FROM s;"),
        UsedAs::Sink => format!(
            "CREATE SOURCE s {source} WITH (connector = 'file', path = 'x');
             CREATE SINK k WITH ({options});
             INSERT INTO k SELECT window_end, x, max(y) AS y FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)
             GROUP BY window_start, window_end, x;"
        ),
    }
}

#[test]
fn each_option_of_the_page_is_accepted_with_each_kind_of_value() {
    let (plugins, connectors) = (Plugins::embedded(Runtime::new().unwrap()), Connectors::default());
    let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
    let mut tried = BTreeSet::new();
    for used_as in [UsedAs::Source, UsedAs::Sink] {
        for connector in catalog.connectors(used_as) {
            let own = catalog.options(used_as, &connector).unwrap();
            let common = if used_as == UsedAs::Source { source_options::all() } else { Vec::new() };
            let given = |spec: &OptionSpec, value: &str| format!("{} = {value}", spec.name);
            let required: Vec<&OptionSpec> = own.iter().filter(|spec| spec.required).collect();
            for spec in own.iter().chain(&common).filter(|spec| spec.kind != OptionKind::ClientProperties) {
                let values = values(spec);
                assert!(!values.is_empty(), "no value is known of `{}`", spec.name);
                for value in values {
                    let others = required.iter().filter(|other| other.name != spec.name);
                    let mut options: Vec<String> =
                        others.map(|other| given(other, &self::values(other)[0])).collect();
                    options.push(format!("connector = '{connector}'"));
                    options.push(given(spec, &value));
                    if spec.name == "time_zone" {
                        options.push("time_format = '%F %T'".to_owned());
                    }
                    let text = program(used_as, &options.join(", "));
                    let file = SourceText { name: "q.sql".to_owned(), text: text.clone() };
                    if let Err(said) = compile(&[file], &catalog) {
                        panic!("{text}\n{}", said[0]);
                    }
                    tried.insert((connector.clone(), spec.name.to_string()));
                }
            }
        }
    }
    for (connector, option) in [("webhook", "signing_secret"), ("kafka", "key"), ("file", "numbers")] {
        assert!(tried.contains(&(connector.to_owned(), option.to_owned())), "{connector} {option}");
    }
}
