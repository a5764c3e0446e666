//! `streamgauge demo`: everything at work in one process.
//!
//! Made-up traffic goes to Kafka, a broker inside the process where none is named; the example queries read it from there
//! as they would read anybody's. First ten minutes of history are written, so that there is something to see at once.

mod broker;
mod screen;
mod traffic;

use std::{sync::Arc, time::Duration};

use clap::Args;
use streamgauge_component::plugins::Plugins;
use streamgauge_sql::{
    Compiled, SourceText,
    manifest::{OptionValue, Source, Start},
    variables::Variables,
};

use self::{broker::Broker, screen::screen, traffic::Traffic};
use super::{
    Failure,
    limit_options::LimitOptions,
    log_options::LogOptions,
    print, process, program,
    run::{self, Reports, Signals},
    say,
};
use crate::{
    deliver::{output::Output, pretty::Pretty},
    deploy::{Connectors, Deployment, HostResources, Wired, wire},
    limits::Limits,
    timings::Timings,
};

const QUERIES: &str = include_str!("../../../examples/demo/queries.sql");
const QUERIES_FILE: &str = "examples/demo/queries.sql";
/// How long deliveries may take at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// How much is written before the traffic goes live.
const HISTORY: Duration = Duration::from_secs(600);

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A Kafka to send the traffic to and to read it from; without it one runs inside the process
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// The topic; made if it is missing
    #[arg(long, value_name = "NAME", default_value = "llm_metrics")]
    topic: String,
    /// Requests a second, on average
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: u32,
    /// Stop after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Print rows as `run` does: one JSON object a line
    #[arg(long)]
    plain: bool,
    /// Print the queries, and do nothing else
    #[arg(long)]
    sql: bool,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    pub(super) log: LogOptions,
}

pub(super) fn run(options: Options) -> Result<(), Failure> {
    if options.sql {
        return print(QUERIES);
    }
    let signals = Signals::listen()?;
    process::begins(None);
    let limits = options.limits.limits();
    let plugins = Arc::new(program::plugins(&limits)?);
    let queries = SourceText { name: QUERIES_FILE.to_owned(), text: QUERIES.to_owned() };
    let (variables, format) = (Variables::default(), options.log.format());
    let mut compiled = program::compile_texts(&[queries], &variables, &plugins, &limits, format)?;
    let broker = Broker::start(options.brokers.as_deref(), &options.topic)?;
    compiled.program.sources.iter_mut().for_each(|source| read_from(source, &broker));
    say(&introduction(&options, &broker, compiled.program.queries.len()));

    let mut traffic = Traffic::new(&broker, HISTORY, f64::from(options.rate))?;
    traffic.write_history()?;
    let reports = Reports::new(&options.log);
    let resources = HostResources::new(&limits);
    let wired = reports.within(|| wired(&options, &compiled, &plugins, &limits, &resources))?;
    let live = traffic.go_live()?;
    let limit = options.seconds.map(Duration::from_secs);
    let done = run::host(wired, resources, &signals, DRAIN_TIMEOUT, limit, reports, None);
    live.stop();
    done
}

/// Lets a source read the demo's topic instead of the one that it names.
fn read_from(source: &mut Source, broker: &Broker) {
    let text = |text: &str| OptionValue::Text(text.to_owned());
    source.options.insert("brokers".to_owned(), text(broker.address()));
    source.options.insert("topic".to_owned(), text(broker.topic()));
    if broker.is_embedded() {
        // It cannot find offsets by time, and has nothing older.
        source.start = Start::Earliest;
    }
}

fn wired(
    options: &Options,
    compiled: &Compiled,
    plugins: &Arc<Plugins>,
    limits: &Limits,
    resources: &HostResources,
) -> Result<Wired, Failure> {
    let output = Output::stdout();
    let console = if options.plain { output } else { output.with_format(Pretty::new(screen())) };
    let (connectors, timings) = (Connectors::default(), Arc::new(Timings::default()));
    let deployment = Deployment {
        console: Some(Arc::new(console)),
        drain_timeout: DRAIN_TIMEOUT,
        limits,
        ..Deployment::new(run::DEPLOYMENT, &compiled.program, plugins, &connectors, &timings)
    };
    Ok(wire(&deployment, resources)?)
}

fn introduction(options: &Options, broker: &Broker, queries: usize) -> String {
    let Options { topic, rate, .. } = options;
    let (address, minutes) = (broker.address(), HISTORY.as_secs() / 60);
    let (place, yours) = if broker.is_embedded() {
        ("a broker inside this process", "  yours    streamgauge demo --brokers HOST:9092 --topic NAME\n")
    } else {
        ("yours", "")
    };
    format!(
        "Made-up traffic of five language models, measured by SQL over Kafka.\n\
         \n  \
         traffic  about {rate} requests a second: the last {minutes} minutes first, then live\n  \
         Kafka    {place} at {address}, topic {topic}\n  \
         queries  {queries}, each a WebAssembly component: streamgauge demo --sql prints them\n\
         {yours}\n\
         Times are UTC. Ctrl-C ends it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::LogFormat;

    #[test]
    fn the_queries_that_are_shown_are_those_that_run() {
        let limits = Limits::default();
        let plugins = program::plugins(&limits).unwrap();
        let queries = SourceText { name: QUERIES_FILE.to_owned(), text: QUERIES.to_owned() };
        let (variables, format) = (Variables::default(), LogFormat::Text);
        let compiled = program::compile_texts(&[queries], &variables, &plugins, &limits, format).unwrap();
        let names: Vec<&str> =
            compiled.program.queries.iter().map(|query| query.plan.manifest.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "select_1",
                "latency",
                "insert_slow_1",
                "quality",
                "insert_unstable_1",
                "insert_failing_1",
                "insert_outlier_1"
            ]
        );
    }
}
