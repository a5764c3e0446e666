//! `streamgauge run`: query files over Kafka or over files.

mod interrupt;
mod wiring;

use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use clap::Args;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(super) use interrupt::listen;
pub(super) use wiring::{Wiring, wire};

use super::{Failure, program, say};
use crate::{
    clock::Stopwatch,
    pipeline::{Ended, Pipeline, Progress},
    progress::ProgressLine,
    query::Counts,
    timings::Timings,
};

/// Options of `run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Query files; together they are one program
    #[arg(required = true, value_name = "FILE.sql")]
    files: Vec<PathBuf>,
    /// Read a source from a JSON Lines file (.gz and .zst too, - is standard input) to its end, instead of from Kafka;
    /// the same source twice: two partitions, in that order
    #[arg(long, value_name = "SOURCE=PATH", value_parser = binding)]
    input: Vec<Binding>,
    /// Send a sink's rows to a file (- is standard output), as the console shows them
    #[arg(long, value_name = "SINK=PATH", value_parser = binding)]
    output: Vec<Binding>,
    /// Read Kafka to its end as it is now, from the earliest offset; emit all windows; then end as a file does
    #[arg(long)]
    bounded: bool,
    /// Write what could not be used, with why, as JSON Lines
    #[arg(long, value_name = "PATH")]
    dead_letters: Option<PathBuf>,
    /// At the end say what each step took of the processor's time
    #[arg(long)]
    timings: bool,
}

/// `NAME=PATH`.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

fn binding(text: &str) -> Result<Binding, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok(Binding { name: name.to_owned(), path: path.into() })
        }
        _ => Err("write it as NAME=PATH".to_owned()),
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let stop = listen()?;
    let plugins = program::plugins()?;
    let compiled = program::compile_with(&options.files, &plugins)?;
    let timings = Arc::new(Timings::new(options.timings));
    let pipelines = wire(&Wiring {
        program: &compiled.program,
        plugins: &plugins,
        inputs: &options.input,
        outputs: &options.output,
        bounded: options.bounded,
        dead_letters: options.dead_letters.as_deref(),
        timings: &timings,
        console: None,
    })?;
    let done = host(pipelines, &stop, None);
    if options.timings {
        say(&timings);
    }
    done
}

/// Runs pipelines, a thread each, until their input ends, Ctrl-C, or some time has passed; tells progress, then the counts.
pub(super) fn host(
    pipelines: Vec<Pipeline>,
    stop: &AtomicBool,
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    let (report, reports) = unbounded_channel();
    let progress: Vec<Arc<Progress>> = pipelines.iter().map(|pipeline| pipeline.progress.clone()).collect();
    let ended = thread::scope(|scope| {
        for pipeline in pipelines {
            let report = report.clone();
            scope.spawn(move || {
                let notice = |text: &str| drop(report.send(Report::Notice(text.to_owned())));
                let ended = pipeline.run(stop, &notice);
                drop(report.send(Report::Ended(ended)));
            });
        }
        drop(report);
        runtime.block_on(watch(reports, &progress, stop, limit))
    });
    conclude(&ended)
}

/// What a pipeline's thread tells.
enum Report {
    Notice(String),
    Ended(Ended),
}

/// Waits for all pipelines and shows how far they are.
async fn watch(
    mut reports: UnboundedReceiver<Report>,
    progress: &[Arc<Progress>],
    stop: &AtomicBool,
    limit: Option<Duration>,
) -> Vec<Ended> {
    let since = Stopwatch::start();
    let mut line = stderr().is_terminal().then(ProgressLine::default);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let mut ended = Vec::new();
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(Report::Notice(text)) => {
                    line.iter().for_each(ProgressLine::clear);
                    say(&text);
                }
                Some(Report::Ended(one)) => ended.push(one),
                None => break,
            },
            _ = tick.tick() => {
                if limit.is_some_and(|limit| since.elapsed() >= limit) {
                    stop.store(true, Relaxed);
                }
                if let Some(line) = &mut line {
                    line.show(progress);
                }
            }
        }
    }
    line.iter().for_each(ProgressLine::clear);
    ended
}

fn conclude(ended: &[Ended]) -> Result<(), Failure> {
    let mut counts = Counts::default();
    ended.iter().for_each(|one| counts.add(&one.counts));
    let failures: Vec<String> = ended
        .iter()
        .flat_map(|one| &one.failures)
        .map(|(who, why)| format!("error: {who} failed: {why}"))
        .collect();
    let Counts { events, rows, late, dead_letters, .. } = counts;
    failures.iter().for_each(|failure| say(failure));
    say(&format!("events={events} rows={rows} late={late} dead_letters={dead_letters}"));
    if failures.is_empty() { Ok(()) } else { Err(Failure::Told) }
}
