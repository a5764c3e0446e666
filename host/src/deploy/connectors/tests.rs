//! A connector that only these tests know, from its statement of options to the messages that its worker gets; and what the
//! connectors of the product state.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use streamgauge_common::{
    message::{Message, Payload},
    wakeup::Stop,
};
use streamgauge_component::{
    check::{Refusal, Refused},
    plugins::Plugins,
    runtime::Runtime,
};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    SourceText,
    catalog::WrongOption,
    connector::{OptionKind, OptionSpec, SecretUse},
    manifest::{OptionValue, Sink},
    types::DataType,
};
use streamgauge_state::{outbox::Outbox, store::Store};
use tracing::{Level, dispatcher::with_default};

use super::Connectors;
use crate::{
    deliver::{
        connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
        encode,
        rejected::RejectedRows,
        workers::Workers,
    },
    deploy::{Deployment, HostCatalog, HostResources, Wired, wire},
    logging::{LogFormat, dispatch},
    timings::Timings,
};

/// What workers were given, with the room that the sink says.
type Delivered = Arc<Mutex<Vec<(i64, String)>>>;

/// Keeps messages in memory.
#[derive(Clone, Default)]
struct MemoryConnector {
    delivered: Delivered,
    /// What the query was called that was opened last.
    named: Arc<Mutex<Option<String>>>,
}

struct MemoryWorker {
    room: i64,
    delivered: Delivered,
}

fn room() -> OptionSpec {
    OptionSpec::new("room", OptionKind::Literal(DataType::Int64), "how many rows are kept").required("100")
}

fn patience() -> OptionSpec {
    OptionSpec::new("patience", OptionKind::Duration, "how long a message is waited for").or("10 ms")
}

impl SinkConnector for MemoryConnector {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Ok(vec![room(), patience()])
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, _: Depth) -> Option<WrongOption> {
        let is_wrong = room().text(options) == Some("0");
        is_wrong.then(|| WrongOption {
            key: "room".into(),
            message: "nothing would be kept".into(),
            help: "write more than 0".into(),
        })
    }

    fn open(
        &self,
        sink: &Sink,
        route: &Route<'_>,
        _: &mut SinkContext<'_>,
    ) -> Result<Destination, SinkError> {
        *self.named.lock().unwrap() = route.name();
        assert_eq!(patience().micros(&sink.options), Some(10_000), "the default");
        let room = room().text(&sink.options).unwrap().parse().unwrap();
        let worker = MemoryWorker { room, delivered: self.delivered.clone() };
        Ok(Destination::Outbox(OutboxBinding::new(encode::Lines::default(), worker)))
    }
}

impl SinkWorker for MemoryWorker {
    fn takes(&self, payload: &Payload) -> bool {
        matches!(payload, Payload::Lines(_))
    }

    fn start(
        self: Box<Self>,
        outbox: Outbox,
        rejected: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError> {
        let deliver = move |messages: &[Arc<Message>]| {
            let mut delivered = self.delivered.lock().unwrap();
            for message in messages {
                let Payload::Lines(lines) = &message.payload else { panic!("it takes lines only") };
                match String::from_utf8(lines.clone()).unwrap() {
                    lines if lines.contains("13") => assert!(rejected.tell(message, "bad luck")),
                    lines => delivered.push((self.room, lines)),
                }
            }
        };
        let left = outbox.clone();
        Ok(workers.thread("memory", &left, move |stop| {
            while !stop.is_set() && !outbox.is_drained() {
                let messages = outbox.take_next(8, stop);
                deliver(&messages);
                outbox.acknowledge(messages.iter().map(|message| &**message));
            }
        })?)
    }
}

/// Its component is no component.
struct BrokenConnector;

impl SinkConnector for BrokenConnector {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Err(Refused { who: "sink `broken`".into(), why: Refusal::NotWasm })
    }

    fn open(&self, _: &Sink, _: &Route<'_>, _: &mut SinkContext<'_>) -> Result<Destination, SinkError> {
        Err(SinkError::NoComponent("broken".into()))
    }
}

/// A program that writes to a sink with these options.
fn program(options: &str) -> String {
    format!(
        "CREATE SOURCE s (n BIGINT) WITH (connector = 'file', path = 'events.jsonl');\n\
         CREATE SINK k WITH (connector = 'memory'{options});\n\
         INSERT INTO k SELECT n FROM s;\n"
    )
}

fn plugins() -> Arc<Plugins> {
    Arc::new(Plugins::embedded(Runtime::new().unwrap()))
}

/// Compiles a program with the connectors; the error is the first diagnostic.
fn compile(
    sql: &str,
    plugins: &Plugins,
    connectors: &Connectors,
) -> Result<streamgauge_sql::Program, String> {
    let file = SourceText { name: "q.sql".into(), text: sql.into() };
    let catalog = HostCatalog { plugins, connectors, depth: Depth::Thorough };
    let compiled = streamgauge_sql::compile(&[file], &catalog);
    compiled.map(|compiled| compiled.program).map_err(|found| found[0].to_string())
}

/// Compiles and runs a program over some events; gives what the user was told.
fn run(connector: &MemoryConnector, state: Option<&PathBuf>, events: &str) -> Result<Vec<String>, String> {
    let (plugins, mut connectors) = (plugins(), Connectors::default());
    connectors.add_sink(Box::new(connector.clone()));
    let program = compile(&program(", room = 7"), &plugins, &connectors)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, events).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let dispatch = dispatch(Level::INFO, LogFormat::Text, move |line| heard.lock().unwrap().push(line));
    let timings = Arc::new(Timings::default());
    let deployment = Deployment {
        inputs: &[crate::deploy::Binding { name: "s".into(), path }],
        state: state.map(|folder| Store::open(folder.to_str().unwrap()).unwrap()),
        ..Deployment::new("test", &program, &plugins, &connectors, &timings)
    };
    with_default(&dispatch, || {
        let wired = wire(&deployment, &HostResources::default()).map_err(|error| error.to_string())?;
        let Wired { pipelines, workers, .. } = wired;
        for pipeline in pipelines {
            let ends = pipeline.run(&Stop::default(), &|_| {});
            assert!(ends.iter().all(|end| end.failures.is_empty()), "{ends:?}");
        }
        drop(workers);
        Ok::<(), String>(())
    })?;
    let told = told.lock().unwrap().clone();
    Ok(told)
}

#[test]
fn the_options_of_a_registered_connector_are_checked_as_it_states_them() {
    let (plugins, mut connectors) = (plugins(), Connectors::default());
    let unknown = compile(&program(", room = 7"), &plugins, &connectors).unwrap_err();
    assert!(unknown.contains("there is no connector 'memory' here"), "{unknown}");
    connectors.add_sink(Box::<MemoryConnector>::default());
    for (options, said) in [
        ("", "q.sql:2:13: error: the option `room` is missing"),
        (", room = 'many'", "q.sql:2:50: error: `room` cannot be 'many': it is BIGINT"),
        (", room = secret('N')", "q.sql:2:50: error: `room` cannot be a secret"),
        (", room = 0", "q.sql:2:50: error: nothing would be kept"),
        (", room = 7, patience = 'some'", "`some` is no duration"),
        (", room = 7, colour = 'red'", "a memory sink has no option `colour`"),
        (", room = 7, colour = 'red'", "help: its options are connector, room, patience"),
        (", room = 7, patince = '1 s'", "help: did you mean `patience`?"),
    ] {
        let found = compile(&program(options), &plugins, &connectors).unwrap_err();
        assert!(found.contains(said), "{options}: {found}");
    }
    let mut program = compile(&program(", room = ' 7', patience = '2 s'"), &plugins, &connectors).unwrap();
    let sink = program.sinks.remove(0);
    assert_eq!(sink.connector, "memory");
    assert_eq!(patience().micros(&sink.options), Some(2_000_000));
}

#[test]
fn a_connector_that_cannot_be_loaded_is_an_error_where_it_is_named() {
    let mut connectors = Connectors::default();
    connectors.add_sink(Box::new(BrokenConnector));
    let sql = "CREATE SINK k WITH (connector = 'broken'); SELECT 1 AS one FROM s;";
    let said = compile(sql, &plugins(), &connectors).unwrap_err();
    let expected =
        "q.sql:1:33: error: the connector 'broken' cannot be loaded: sink `broken` is not WebAssembly";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn the_worker_of_a_registered_connector_gets_the_messages() {
    let connector = MemoryConnector::default();
    let events = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
    assert_eq!(run(&connector, None, events), Ok(Vec::new()));
    let delivered = connector.delivered.lock().unwrap().clone();
    assert!(delivered.iter().all(|(room, _)| *room == 7), "{delivered:?}");
    assert_eq!(delivered.iter().map(|(_, lines)| lines.as_str()).collect::<String>(), events);
}

#[test]
fn a_rejected_message_is_reported() {
    let connector = MemoryConnector::default();
    let told = run(&connector, None, "{\"n\":13}\n").unwrap();
    assert_eq!(told, ["sink 'k' rejects rows, they become dead letters: bad luck"]);
    assert!(connector.delivered.lock().unwrap().is_empty());
}

#[test]
fn a_registered_connector_takes_part_in_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let connector = MemoryConnector::default();
    let events = "{\"n\":1}\n{\"n\":2}\n";
    run(&connector, Some(&state), events).unwrap();
    assert_eq!(connector.delivered.lock().unwrap().len(), 1, "one batch, one message");
    let named = connector.named.lock().unwrap().clone().unwrap();
    assert!(named.ends_with("/insert_k_1"), "{named} is the query as the state calls it");
}

#[test]
fn each_connector_states_each_option_once_and_with_values_that_are_taken() {
    let (plugins, connectors) = (plugins(), Connectors::default());
    for connector in connectors.sinks() {
        let options = connector.options(&plugins).unwrap();
        let names: BTreeSet<&str> = options.iter().map(|option| option.name.as_ref()).collect();
        assert_eq!(names.len(), options.len(), "{}", connector.name());
        let value = |option: &OptionSpec| match (option.kind, option.default.as_deref()) {
            (OptionKind::Url, _) => Some("'https://example.com/'".to_owned()),
            (OptionKind::ClientProperties, _) => None,
            (_, Some(default)) => Some(format!("'{default}'")),
            (_, None) if option.required && option.secret == SecretUse::Required => {
                Some("secret('NAME')".to_owned())
            }
            (_, None) => {
                option.example.as_deref().filter(|_| option.required).map(|text| format!("'{text}'"))
            }
        };
        let given: String = options
            .iter()
            .filter_map(|option| Some(format!(", {} = {}", option.name, value(option)?)))
            .collect();
        let sql = format!("CREATE SINK k WITH (connector = '{}'{given}); SELECT n FROM s;", connector.name());
        let source = "CREATE SOURCE s (n BIGINT) WITH (connector = 'file', path = 'events.jsonl');";
        let program = compile(&format!("{source} {sql}"), &plugins, &connectors);
        assert_eq!(program.map(|program| program.sinks.len()), Ok(1), "{sql}");
        assert!(options.iter().all(|option| !option.docs.is_empty()), "{}", connector.name());
    }
}

#[test]
fn a_connector_takes_what_its_component_describes() {
    let (plugins, connectors) = (plugins(), Connectors::default());
    for name in ["webhook", "slack", "prometheus"] {
        let stated = connectors.sink(name).unwrap().options(&plugins).unwrap();
        let described = plugins.sink(name).unwrap().unwrap().description.options.clone();
        assert!(!described.is_empty(), "{name}");
        for option in described {
            let found = stated.iter().find(|spec| spec.name == option.name).unwrap();
            assert_eq!((&*found.docs, found.required), (&*option.docs, option.default.is_none()), "{name}");
        }
    }
}

#[test]
fn the_documentation_names_each_option_of_each_connector() {
    let sinks = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sinks.md");
    let sinks = fs::read_to_string(sinks).unwrap();
    let plugins = plugins();
    for connector in Connectors::default().sinks() {
        let row = format!("| `{}` |", connector.name());
        let row = sinks.lines().find(|line| line.starts_with(&row)).unwrap();
        for option in connector.options(&plugins).unwrap() {
            let is_listed = option.kind == OptionKind::ClientProperties || option.name == "format";
            assert!(is_listed || row.contains(&format!("`{}`", option.name)), "{}: {row}", option.name);
        }
    }
}
