//! `streamgauge run`: query files over Kafka or over files.

mod interrupt;
mod listening;
mod display;

use std::{
    io::{IsTerminal, stderr},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use streamgauge_common::{clock::Stopwatch, crash, panics::caught};
use streamgauge_sql::{Printed, size};
use streamgauge_state::{error::StateError, store::Store};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::{Dispatch, dispatcher::with_default, error, info};

use super::{
    Failure,
    files::{QueryFiles, is_stdin},
    limit_options::LimitOptions,
    log_options::LogOptions,
    print, process, program, say,
    set_options::SetOptions,
    telemetry,
};
use crate::{
    deliver::dead_letter::RecordText,
    deploy::{
        Binding, Connectors, Deployment, DeploymentEnd, HostResources, Runtime, RuntimeEvent, Wired, wire,
        without_end,
    },
    limits, logging,
    monitor::Monitor,
    query::{Counts, Subscription},
    summary::tell_totals,
    timings::Timings,
    traces::LAST_SPANS,
};

use self::{
    display::RunDisplay,
    listening::{Reading, answer},
};

pub(super) use interrupt::Signals;

/// How often it is looked how a run is.
const TICK: Duration = Duration::from_millis(500);

/// Options of `run`.
#[derive(Debug, Args)]
#[command(after_long_help = limits::help())]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Read a source from a file of JSON Lines to its end, instead of from where the source says. The file may be packed with gzip or
    /// zstd; - is standard input. Give the same source twice to read two files, each as a partition, in that order
    #[arg(long, value_name = "SOURCE=PATH", value_parser = binding)]
    input: Vec<Binding>,
    /// Write a sink's rows to a file as JSON Lines, instead of to where the sink says; - is standard output. Without --state the file
    /// is emptied first. With --state rows are appended, and a file that holds anything which this state did not write is refused
    #[arg(long, value_name = "SINK=PATH", value_parser = binding)]
    output: Vec<Binding>,
    /// Allow the run to empty this sink's file if it holds anything else than rows of this state. Rows that this state wrote are kept,
    /// and what others wrote behind them is removed
    #[arg(long, value_name = "SINK")]
    overwrite: Vec<String>,
    /// Read each topic from its oldest record to its end as it is at the start, emit all windows, then end
    #[arg(long)]
    bounded: bool,
    /// Append records that cannot be used and events that come too late to this file, each with the reason, as JSON Lines. With
    /// --state a dead letter that this state wrote before is not written again
    #[arg(long, value_name = "PATH")]
    dead_letters: Option<PathBuf>,
    /// How much of its record a dead letter holds: excerpt is the first 4 KiB, with length and SHA-256 of a longer record; full is all
    #[arg(long, value_name = "excerpt|full", default_value = "excerpt", value_parser = record_text)]
    dead_letter_records: RecordText,
    /// How large the file of dead letters may become, such as 64KiB or 2GiB. Then it is renamed to PATH.1, which replaces an older
    /// PATH.1, and a new file begins
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    dead_letters_max_bytes: u64,
    /// Keep crash bundles in this folder, of the first fault of each kind of a reducer: its component, and the call that failed with rows
    /// and states. `streamgauge plugin replay` makes the call again. By default the folder is +crashes in the directory of --state. It
    /// holds 8 bundles of at most 64 MiB
    #[arg(long, value_name = "DIR")]
    crash_bundles: Option<PathBuf>,
    /// Keep state in a directory, or in a bucket by its URL (s3://, gs://, az://). If the process ends at any moment, the next run with
    /// the same state resumes where this one was, and no row is lost. After a run that reached the end of its input there
    /// is nothing left to do
    #[arg(long, value_name = "DIR")]
    state: Option<String>,
    /// Remove the state of a query that is no longer in the query files, with its rows that are not delivered yet
    #[arg(long, value_name = "QUERY", requires = "state")]
    forget: Vec<String>,
    /// How often a checkpoint is written, such as 500ms, 5s or 2m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, requires = "state")]
    checkpoint_interval: Duration,
    /// How many checkpoints are kept: if the newest is damaged, the one before it is used
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..), requires = "state")]
    checkpoints_kept: u8,
    /// How long the run waits for sinks at its end. If rows are still not delivered, the run fails; with --state the next run delivers
    /// them
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    drain_timeout: Duration,
    /// How long --bounded waits for a Kafka broker, a topic or a permission before the run fails
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    connect_timeout: Duration,
    /// Answer HTTP requests at this address: /metrics for Prometheus, /livez, and /readyz, which is 200 while all sources are read
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening::address)]
    listen: Option<SocketAddr>,
    /// At the end print how much processor time each step took
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    pub(super) log: LogOptions,
}

/// `NAME=PATH`.
pub(super) fn binding(text: &str) -> Result<Binding, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok(Binding { name: name.to_owned(), path: path.into() })
        }
        _ => Err("write it as NAME=PATH".to_owned()),
    }
}

fn record_text(text: &str) -> Result<RecordText, String> {
    match text {
        "excerpt" => Ok(RecordText::Excerpt),
        "full" => Ok(RecordText::Full),
        _ => Err("it can be excerpt or full".to_owned()),
    }
}

/// `64KiB`, `256MiB`, `4096`.
fn size(text: &str) -> Result<u64, String> {
    let bytes = size::bytes(text).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| format!("write it as {}", size::SPELLING))
}

/// `30s`, `500ms`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write it as 500ms, 30s, 2m or 1h".to_owned())
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    process::begins(options.state.as_deref());
    let limits = options.limits.limits();
    let plugins = Arc::new(program::plugins(&limits)?);
    let mut files = options.files.paths(&options.input)?;
    let format = options.log.format();
    let compiled = program::compile_with(&files, &options.set, &plugins, &limits, format)?;
    print_statements(compiled.printed.iter())?;
    if let Some(nothing) = &compiled.writes_nowhere {
        if !compiled.printed.is_empty() {
            return Ok(());
        }
        return Err(Failure::Wrong(vec![nothing.clone()]));
    }
    let connectors = Connectors::default();
    if !options.bounded && options.input.is_empty() {
        let endless = without_end(&compiled, &connectors);
        if !endless.is_empty() {
            return Err(Failure::Wrong(endless));
        }
    }
    files.retain(|path| !is_stdin(path));
    let state = options.state.as_deref().map(Store::open).transpose();
    let state = state.map_err(|error| match error {
        StateError::Place { .. } => Failure::Input(format!("error: {error}")),
        error => Failure::Runtime(format!("error: {error}")),
    })?;
    let reports = Reports::new(&options.log);
    let reading: Reading = Arc::default();
    let listens = |listen| reports.within(|| answer(listen, &limits, signals.stop(), &reading));
    let monitor = options.listen.map(listens).transpose()?;
    // After what records is there, for spans are counted.
    let traces = reports.within(telemetry::of_run)?;
    let timings = Arc::new(Timings::new(options.timings).traced(traces));
    let deployment = Deployment {
        inputs: &options.input,
        outputs: &options.output,
        files: &files,
        overwrite: &options.overwrite,
        forget: &options.forget,
        bounded: options.bounded,
        dead_letters: options.dead_letters.as_deref(),
        dead_letter_records: options.dead_letter_records,
        dead_letters_bytes_max: options.dead_letters_max_bytes,
        crash_bundles: options.crash_bundles.as_deref(),
        state,
        checkpoint_interval: options.checkpoint_interval,
        checkpoints_kept: usize::from(options.checkpoints_kept),
        drain_timeout: options.drain_timeout,
        connect_timeout: options.connect_timeout,
        limits: &limits,
        ..Deployment::new(DEPLOYMENT, &compiled.program, &plugins, &connectors, &timings)
    };
    let resources = HostResources::new(&limits);
    let wired = reports.within(|| wire(&deployment, &resources))?;
    reading.get_or_init(|| wired.subscriptions());
    let done = host(wired, resources, &signals, options.drain_timeout, None, reports, monitor.as_ref());
    if options.timings {
        say(&timings);
    }
    done
}

/// Prints what EXPLAIN and DESCRIBE say.
pub(super) fn print_statements<'a>(printed: impl Iterator<Item = &'a Printed>) -> Result<(), Failure> {
    let texts: Vec<String> = printed.map(|printed| format!("{}\n", printed.text)).collect();
    if texts.is_empty() { Ok(()) } else { print(&texts.join("\n")) }
}

/// What `run` and `demo` call their one deployment; nobody sees it.
pub(super) const DEPLOYMENT: &str = "run";

/// What is told while a program runs, from any thread: whoever tells never waits for standard error.
pub(super) struct Reports {
    dispatch: Dispatch,
    lines: UnboundedReceiver<String>,
    shows_progress: bool,
    summary_interval: Duration,
}

impl Reports {
    /// As the command line says.
    pub(super) fn new(options: &LogOptions) -> Self {
        let (sender, lines) = unbounded_channel();
        // Whoever prints may be gone.
        let write = move |line| drop(sender.send(line));
        let dispatch = logging::dispatch(options.level(), options.format(), write);
        let (shows_progress, summary_interval) = (options.shows_progress(), options.summary_interval());
        Self { dispatch, lines, shows_progress, summary_interval }
    }

    /// Lets `work`, and the threads that it starts, tell here.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        with_default(&self.dispatch, work)
    }

    /// Prints what was told until now.
    fn print(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            say(&line);
        }
    }
}

/// Runs a deployment until its input ends, Ctrl-C, or some time has passed; tells progress, then the counts.
pub(super) fn host(
    wired: Wired,
    resources: HostResources,
    signals: &Signals,
    drain_timeout: Duration,
    limit: Option<Duration>,
    mut reports: Reports,
    monitor: Option<&Monitor>,
) -> Result<(), Failure> {
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let waiting = waiting.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    let subscriptions = wired.subscriptions();
    let shown = subscriptions.clone();
    let noticing = signals.watch_stop(drain_timeout, move || undelivered(&shown));
    let (sender, mut ended) = unbounded_channel();
    // Whoever listens is there until the deployment has ended.
    let tell = Arc::new(move |RuntimeEvent::Ended(_, end)| drop(sender.send(end)));
    let runtime = reports
        .within(|| Runtime::start(tell, signals.stop().clone(), resources))
        .map_err(|error| Failure::Runtime(format!("error: cannot start a thread: {error}")))?;
    let end = match runtime.run(DEPLOYMENT, wired) {
        Ok(()) => {
            // Nobody hears signals, or nobody is answered, any more.
            let lost = || {
                let deaf = signals.panicked().map(|why| ("the thread that hears signals".to_owned(), why));
                deaf.or_else(|| {
                    Some(("the thread that answers at --listen".to_owned(), monitor?.panicked()?))
                })
            };
            let watching =
                Watching { subscriptions: &subscriptions, runtime: &runtime, signals, limit, lost: &lost };
            let watched = watching.run(&mut reports, &mut ended);
            caught(|| waiting.block_on(watched)).unwrap_or_else(|why| broken("the main thread", why))
        }
        Err(error) => broken("the supervisor", error.to_string()),
    };
    // Nothing is left where the deployment has ended; where the supervisor has failed that is told already.
    drop(runtime.shut_down());
    drop(noticing);
    subscriptions.iter().take(1).for_each(|one| one.timings.traces().shut_down(LAST_SPANS));
    let done = reports.within(|| conclude(&end, &subscriptions));
    reports.print();
    done
}

/// What stands for a deployment that ended with somebody who failed.
fn broken(who: &str, why: String) -> DeploymentEnd {
    DeploymentEnd { failures: vec![(who.to_owned(), why)], ..DeploymentEnd::default() }
}

/// Waits for the deployment and shows how far it is.
struct Watching<'a> {
    subscriptions: &'a [Arc<Subscription>],
    runtime: &'a Runtime,
    signals: &'a Signals,
    limit: Option<Duration>,
    /// Which thread beside the deployment has panicked, with why.
    lost: &'a dyn Fn() -> Option<(String, String)>,
}

impl Watching<'_> {
    async fn run(self, reports: &mut Reports, ended: &mut UnboundedReceiver<DeploymentEnd>) -> DeploymentEnd {
        let since = Stopwatch::start();
        let mut shown =
            RunDisplay::new(reports.shows_progress && stderr().is_terminal(), reports.summary_interval);
        let mut tick = tokio::time::interval(TICK.min(reports.summary_interval));
        let mut lost = None;
        loop {
            tokio::select! {
                // What was told before the end is printed before it.
                biased;
                Some(text) = reports.lines.recv() => {
                    shown.clear();
                    say(&text);
                }
                end = ended.recv() => match end {
                    Some(mut end) => {
                        shown.clear();
                        reports.print();
                        end.failures.extend(lost);
                        return end;
                    }
                    None => return broken("the supervisor", "it has ended without a word".to_owned()),
                },
                _ = tick.tick() => {
                    crash::point("run.tick");
                    if let Some(why) = self.runtime.panicked() {
                        self.signals.stop().set();
                        return broken("the supervisor", why);
                    }
                    lost = lost.or_else(self.lost);
                    if lost.is_some() || self.limit.is_some_and(|limit| since.elapsed() >= limit) {
                        self.signals.stop().set();
                    }
                    reports.within(|| shown.tick(self.subscriptions));
                }
            }
        }
    }
}

/// Which rows wait to be delivered, and what becomes of them; none where none do.
fn undelivered(subscriptions: &[Arc<Subscription>]) -> Option<String> {
    let queries = subscriptions.iter().flat_map(|subscription| subscription.queries());
    let waiting = queries.filter_map(|query| {
        let rows = query.outbox_rows().filter(|&rows| rows > 0)?;
        Some(format!("query '{}': {rows}", query.name()))
    });
    let waiting: Vec<String> = waiting.collect();
    let fate = match process::keeps_state() {
        true => "the next run with this state delivers them",
        false => "they are lost, as without --state nothing is kept",
    };
    (!waiting.is_empty()).then(|| format!("rows not delivered: {}; {fate}", waiting.join(", ")))
}

fn conclude(end: &DeploymentEnd, subscriptions: &[Arc<Subscription>]) -> Result<(), Failure> {
    // What was told when it happened is not told again.
    let is_told = |who: &str, why: &str| {
        let failed = |one: &&Arc<Subscription>| one.failure.get().is_some_and(|failure| failure == why);
        subscriptions.iter().filter(failed).any(|one| who == format!("source '{}'", one.source))
    };
    for (who, why) in end.failures.iter().filter(|(who, why)| !is_told(who, why)) {
        let help = process::help(why);
        error!(deployment = DEPLOYMENT, help, "error: {who} failed: {why}");
    }
    display::tell_without_rows(subscriptions);
    tell_totals(DEPLOYMENT, subscriptions);
    let Counts { events, rows, late, dead_letters, .. } = end.counts;
    info!(
        deployment = DEPLOYMENT,
        events,
        rows,
        late,
        dead_letters,
        "events={events} rows={rows} late={late} dead_letters={dead_letters}"
    );
    if end.failures.is_empty() { Ok(()) } else { Err(Failure::Told) }
}
