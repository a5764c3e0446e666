//! `streamgauge serve`: the host, with many deployments in one process.

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use openssl::pkey::PKey;
use streamgauge_common::{
    clock::{self, Stopwatch},
    panics::Attended,
    wakeup::Stop,
};
use streamgauge_state::{error::StateError, store::Store};
use tokio::sync::{mpsc::unbounded_channel, watch};
use tokio_native_tls::{
    TlsAcceptor,
    native_tls::{self, Identity},
};
use tracing::{dispatcher::with_default, error, info, warn};

use super::{Failure, cells::plain, process, program, run::Signals, say, telemetry};
use crate::{
    config::{Config, Reloaded, Settings, WrongSetting},
    deliver::scrape::{Scrape, ScrapeLimits},
    logging::{self, LogFormat},
    monitor,
    server::{Api, Deployments, Refused, access::Tokens, folder::Folder, logs::Logs},
    traces::{LAST_SPANS, Traces},
};

/// How long another process may take to let go of the state.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked how the host is.
const TICK: Duration = Duration::from_millis(500);
/// How often states of dropped deployments are looked for whose time has come.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How long the head of each further request may be waited for.
const REQUEST_TIME: Duration = Duration::from_secs(75);

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The configuration; without it the defaults and the environment hold. `streamgauge config show` shows what holds
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_CONFIG")]
    config: Option<PathBuf>,
    /// Where the API answers, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where deployments and their state are kept, instead of what the configuration says: a directory, or the URL of a bucket
    #[arg(long, value_name = "DIR")]
    state: Option<String>,
    /// A folder whose files NAME.sql are the deployments, instead of what the configuration says
    #[arg(long, value_name = "DIR")]
    queries: Option<String>,
}

impl Options {
    fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = read_settings(self.config.as_deref())?;
        let given = [
            ("server.listen", &self.listen, "--listen"),
            ("state.url", &self.state, "--state"),
            ("queries.folder", &self.queries, "--queries"),
        ];
        for (key, value, option) in given {
            let Some(value) = value else { continue };
            settings
                .set(key, value, option)
                .map_err(|wrong| Failure::Usage(format!("error: {option}: {}", wrong.message)))?;
        }
        Ok(settings)
    }

    /// What lines look like, also before anything is started.
    pub(super) fn log_format(&self) -> LogFormat {
        self.read().map_or(LogFormat::Text, |config| config.log.format)
    }

    fn read(&self) -> Result<Config, Failure> {
        Config::new(&self.settings()?).map_err(|wrong| told(&[wrong]))
    }
}

/// What a configuration file and the environment say.
pub(super) fn read_settings(file: Option<&Path>) -> Result<Settings, Failure> {
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    let text = file.map(fs::read_to_string).transpose();
    let text = text.map_err(|error| Failure::Input(format!("error: cannot read {name}: {error}")))?;
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let file = text.as_deref().map(|text| (name.as_str(), text));
    Settings::read(file, environment).map_err(|wrong| told(&wrong))
}

/// All that is wrong with a configuration.
pub(super) fn told(wrong: &[WrongSetting]) -> Failure {
    Failure::Input(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let config = options.read()?;
    process::begins(Some(&config.state.url));
    let logs = Logs::default();
    let (sender, mut lines) = unbounded_channel();
    let (kept, format) = (logs.clone(), config.log.format);
    // As JSON, since that is kept for those who ask; whoever prints may be gone.
    let write = move |line: String| {
        kept.add(&line);
        let shown = if format == LogFormat::Text { in_words(&line) } else { line };
        drop(sender.send(shown));
    };
    let dispatch = logging::dispatch(config.log.level, LogFormat::Json, write);
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let waiting = waiting.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    with_default(&dispatch, || {
        let done = Host::start(options, config, &signals, logs).and_then(|host| {
            let noticing = signals.watch_stop(host.deployments.config().state.drain_timeout, || None);
            let done = waiting.block_on(host.run(&signals, &mut lines));
            drop(noticing);
            done
        });
        while let Ok(line) = lines.try_recv() {
            say(&line);
        }
        done
    })
}

/// What works while the host runs.
struct Host<'a> {
    options: &'a Options,
    deployments: Arc<Deployments>,
    api: Arc<Api>,
    /// Threads that must not end before the host does, with what they do.
    threads: Vec<(&'static str, Attended)>,
    traces: Traces,
    /// The API goes on while deployments drain.
    answering: watch::Sender<bool>,
}

impl<'a> Host<'a> {
    fn start(options: &'a Options, config: Config, signals: &Signals, logs: Logs) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Runtime(format!("error: {error}"));
        let recorded = monitor::record().map_err(|error| failed(&error))?;
        crate::metrics::describe();
        let plugins = Arc::new(program::plugins(&config.limits)?);
        let tokens = tokens(&config)?;
        if tokens.is_none() && config.server.insecure {
            warn!("everybody who reaches {} may do everything: there are no tokens", config.server.listen);
        }
        let tls =
            config.server.tls.as_ref().map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
        let root = open_state(&config.state.url).map_err(|error| match error {
            StateError::InUse { .. } => Failure::Runtime(format!("error: {error}")),
            error => Failure::Input(format!(
                "error: {error}\nhelp: the host keeps its state in `state.url` of the configuration; --state DIR names another place"
            )),
        })?;
        let (listen, connections_max) = (config.server.listen, config.server.connections_max);
        let traces = telemetry::of_host(&config)?;
        let opened = Deployments::open(root, config, plugins, signals.stop().clone());
        let opened = opened.map_err(|refused: Refused| failed(&refused))?;
        let deployments: Arc<Deployments> = Arc::new(opened.traced(&traces));
        if let Some(folder) = deployments.panics().folder() {
            process::note_panics(folder.to_owned());
        }
        let api = Arc::new(Api::new(deployments.clone(), tokens, recorded.clone(), logs));
        let (answering, answered) = watch::channel(false);
        let limits = ScrapeLimits { connections_max, request_time: REQUEST_TIME, ..ScrapeLimits::default() };
        let (server, address) = serve(listen, limits, tls, api.clone(), answered, recorded)?;
        // After the address is known to be ours: another host with this state would have been refused before.
        let starting = deployments.clone();
        let folder = deployments.config().queries.folder.clone();
        let stop = signals.stop().clone();
        let keeper = Attended::start("deployments", move || keep(&starting, folder, &stop));
        let keeper = keeper.map_err(|error| failed(&format!("cannot start a thread: {error}")))?;
        info!("streamgauge {} answers at {address}", env!("CARGO_PKG_VERSION"));
        let threads =
            vec![("the thread that answers requests", server), ("the thread that keeps deployments", keeper)];
        Ok(Self { options, deployments, api, threads, traces, answering })
    }

    /// Until the host is to end, and all of it has.
    async fn run(
        self,
        signals: &Signals,
        lines: &mut tokio::sync::mpsc::UnboundedReceiver<String>,
    ) -> Result<(), Failure> {
        let mut hang_ups = signals.hang_ups();
        let mut tick = tokio::time::interval(TICK);
        let mut failure = None;
        let mut ending: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => say(&line),
                Ok(()) = hang_ups.changed() => self.reload(),
                _ = tick.tick() => {
                    failure = failure.or_else(|| self.lost(signals));
                    if failure.is_some() {
                        signals.stop().set();
                    }
                    match &ending {
                        Some(ended) if ended.is_finished() => break,
                        Some(_) => {}
                        None if signals.stop().is_set() => {
                            info!("the host is ending: deployments deliver what they have decided");
                            let deployments = self.deployments.clone();
                            ending = Some(tokio::task::spawn_blocking(move || deployments.shut_down()));
                        }
                        None => {}
                    }
                }
            }
        }
        self.answering.send_replace(true);
        self.traces.shut_down(LAST_SPANS);
        info!("the host has ended");
        match failure {
            None => Ok(()),
            Some((who, why)) => Err(Failure::Runtime(format!("error: {who} failed: {why}"))),
        }
    }

    /// Which thread has panicked, with why.
    fn lost(&self, signals: &Signals) -> Option<(&'static str, String)> {
        let mut threads = self.threads.iter().map(|(who, thread)| (*who, thread.panicked()));
        let lost = threads.find_map(|(who, why)| Some((who, why?)));
        let deaf = || Some(("the thread that hears signals", signals.panicked()?));
        lost.or_else(deaf).or_else(|| Some(("the supervisor", self.deployments.panicked()?)))
    }

    /// Reads the configuration and the tokens again.
    fn reload(&self) {
        let config = match self.options.read() {
            Ok(config) => config,
            Err(wrong) => {
                error!("error: the configuration is not read again, and stays as it was: {wrong}");
                return;
            }
        };
        match tokens(&config) {
            Ok(None) if self.api.has_tokens() => {
                error!(
                    "error: the configuration is not read again, and stays as it was: it names no tokens, and the host was started with some; \
                        without any it has to be started anew"
                );
                return;
            }
            Ok(tokens) => self.api.set_tokens(tokens),
            Err(wrong) => {
                error!("error: the configuration is not read again, and stays as it was: {wrong}");
                return;
            }
        }
        let Reloaded { config, needs_restart } = self.deployments.config().reload(&config);
        self.deployments.set_config(config);
        info!("the configuration was read again; it holds for what is deployed from now on");
        if !needs_restart.is_empty() {
            warn!("these need a restart of the host: {}", needs_restart.join(", "));
        }
    }
}

/// Opens the state. A host that was killed may not be gone yet: its lock is waited for.
fn open_state(url: &str) -> Result<Store, StateError> {
    let since = Stopwatch::start();
    loop {
        match Store::open(url) {
            Err(StateError::InUse { .. }) if since.elapsed() < LOCK_WITHIN => {
                clock::pause(Duration::from_millis(50))
            }
            opened => return opened,
        }
    }
}

/// Starts all deployments, then keeps them as the folder says and removes what is not needed any more.
fn keep(deployments: &Deployments, folder: Option<PathBuf>, stop: &Stop) {
    deployments.start_all();
    let mut folder = folder.map(Folder::new);
    let mut tidied = Stopwatch::start();
    while !stop.is_set() {
        let config = deployments.config();
        if let Some(folder) = &mut folder {
            folder.look(deployments, config.queries.drop_after);
        }
        if tidied.elapsed() >= TIDY_EVERY {
            deployments.forget_dropped();
            tidied = Stopwatch::start();
        }
        // In steps, so that the end is noticed.
        let since = Stopwatch::start();
        while since.elapsed() < config.queries.interval && !stop.is_set() {
            clock::pause(Duration::from_millis(100).min(config.queries.interval));
        }
    }
}

fn tokens(config: &Config) -> Result<Option<Tokens>, Failure> {
    let Some(path) = &config.server.tokens else { return Ok(None) };
    let read = Tokens::read(path).map(Some);
    read.map_err(|error| {
        Failure::Input(format!("error: cannot read the tokens in {}: {error}", path.display()))
    })
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Input(format!("error: TLS: {}: {error}", path.display()))
    };
    let read = |path: &Path| fs::read(path).map_err(|error: io::Error| wrong(path, &error));
    let (chain, secret) = (read(certificate)?, read(key)?);
    // In whichever of its forms a key is: the library takes one of them.
    let secret = PKey::private_key_from_pem(&secret).and_then(|key| key.private_key_to_pem_pkcs8());
    let secret = secret
        .map_err(|error| wrong(key, &format!("it is no private key in PEM without a password: {error}")))?;
    let identity = Identity::from_pkcs8(&chain, &secret).map_err(|error| wrong(certificate, &error))?;
    let acceptor = native_tls::TlsAcceptor::builder(identity)
        .min_protocol_version(Some(native_tls::Protocol::Tlsv12))
        .build()
        .map_err(|error| wrong(certificate, &error))?;
    Ok(acceptor.into())
}

/// Answers requests on a thread of its own until `answered` is true.
fn serve(
    listen: SocketAddr,
    limits: ScrapeLimits,
    tls: Option<TlsAcceptor>,
    api: Arc<Api>,
    answered: watch::Receiver<bool>,
    recorded: metrics_exporter_prometheus::PrometheusHandle,
) -> Result<(Attended, String), Failure> {
    let failed = |error: io::Error| Failure::Runtime(format!("error: cannot start a thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let scrape = runtime.block_on(Scrape::with_routes(&listen.to_string(), limits, api.router()));
    let scrape = scrape.map_err(|error| Failure::Input(format!("error: {error}")))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}", scrape.address());
    let scrape = match tls {
        Some(tls) => scrape.with_tls(tls),
        None => scrape,
    };
    let work = move || {
        runtime.block_on(async {
            let keep_up = async {
                let mut due = tokio::time::interval(Duration::from_secs(5));
                loop {
                    due.tick().await;
                    recorded.run_upkeep();
                }
            };
            tokio::select! {
                () = scrape.serve(answered) => {}
                () = keep_up => {}
            }
        });
    };
    Ok((Attended::start("api", work).map_err(failed)?, address))
}

/// A log line in words.
fn in_words(line: &str) -> String {
    let Ok(fields) = serde_json::from_str::<serde_json::Value>(line) else { return line.to_owned() };
    let text = |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    // Who asks the host may have chosen parts of it: no line is made of them.
    let text = |name: &str| plain(text(name));
    let error = if text("level") == "error" { "error: " } else { "" };
    let help = match text("help") {
        help if help.is_empty() => String::new(),
        help => format!("\nhelp: {help}"),
    };
    format!("{error}{}{help}", text("message"))
}
