//! The sinks of a program, and who delivers to them: a thread or a task for each query's outbox.

mod judge;
mod options;
mod refused;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use streamgauge_common::{
    crash,
    message::{Payload, Response},
    panics::{self, caught},
};
use streamgauge_component::{
    self,
    sink::{Encoder, SinkComponent, SinkInstance},
};
use streamgauge_engine::Fault;
use streamgauge_kafka::{Connection, Control};
use streamgauge_sql::{
    Program,
    manifest::{self, Input, OptionValue, Sink},
    types::Value,
};
use streamgauge_state::outbox::Outbox;
use tokio::{runtime::Runtime, sync::watch};

use self::{
    judge::{ResponseClassifier, keep},
    options::check_secrets,
    refused::{NO_WINDOW, wrong_url},
};
use super::{
    output_files::{Mode, Named, OutputFiles},
    secret::secret,
};
use crate::{
    deliver::{
        encode::{self, Encode},
        http::{
            client::{Client, Limits},
            sender::{OnAmbiguous, Sender, Settings},
            signature::SigningSecret,
        },
        kafka::KafkaSink,
        key::Keys,
        letters::DeadLetterQueue,
        lines::FileSink,
        output::Output,
        scrape::Scrape,
    },
    deploy::DeployError,
};

pub use self::refused::{wrong_option, wrong_rows};
pub(super) use self::{judge::RejectedRows, options::declared_now};

/// Where Kafka sinks remember what was delivered, beside their topics, if they do not say otherwise.
const CONTROL_TOPIC: &str = "streamgauge-control";
/// Slack takes one message a second.
const SLACK_GAP: Duration = Duration::from_secs(1);

/// Tells people what happens.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Threads and tasks that deliver. They end when it is dropped.
pub struct Workers {
    stop: Arc<AtomicBool>,
    cancel: watch::Sender<bool>,
    runtime: Option<Runtime>,
    threads: Vec<JoinHandle<()>>,
    notice: Notice,
    /// Rows that no receiver will ever take.
    rejected: Arc<AtomicU64>,
    /// Which sink no longer answers scrapes, and the panic that is why.
    silent: Arc<OnceLock<(String, String)>>,
    clients: [Option<Client>; 2],
    /// By sink: its component, with all encoders.
    instances: Vec<(String, Arc<SinkInstance>)>,
}

/// How the rows of a query leave.
pub(super) enum SinkBinding {
    /// Written at once.
    Direct(Arc<Output>),
    /// Through an outbox.
    Outbox(Box<OutboxBinding>),
}

/// What an outbox needs.
pub(super) struct OutboxBinding {
    pub(super) encode: Box<dyn Encode>,
    pub(super) deliver: Deliver,
    /// Up to this number the sink itself says that it has all.
    pub(super) has: u64,
    /// Whether the last messages stay until newer ones come.
    pub(super) keeps_last: bool,
}

/// Who delivers.
pub(super) enum Deliver {
    FileSink { lines: Arc<FileSink>, name: String },
    Kafka(Box<KafkaSink>),
    Http { encoder: Arc<Encoder>, sink: Sink, client: Client },
    Kept(Arc<Encoder>),
}

impl Deliver {
    /// Whether these are its messages: they may be those of an earlier run.
    pub(super) fn takes(&self, payload: &Payload) -> bool {
        matches!(
            (self, payload),
            (Self::FileSink { .. }, Payload::Lines(_))
                | (Self::Kafka(_), Payload::Record(_))
                | (Self::Http { .. }, Payload::Request(_))
                | (Self::Kept(_), Payload::Rows(_))
        )
    }
}

/// Which query's rows go where.
pub(super) struct Route<'a> {
    pub(super) query: &'a manifest::Manifest,
    /// Whether its rows are of windows.
    pub(super) windowed: bool,
    pub(super) keys: Keys,
    /// The identity of the state; none where nothing is durable.
    pub(super) identity: Option<u128>,
}

impl Route<'_> {
    /// What a sink that remembers calls the query: another state's query of that name is another one. None where nothing is
    /// durable.
    fn name(&self) -> Option<String> {
        self.identity.map(|identity| format!("{identity:032x}/{}", self.query.name))
    }
}

impl Workers {
    /// No worker yet.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(notice: Notice) -> Result<Self, DeployError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("deliver")
            .enable_all()
            .build()
            .map_err(|error| DeployError::Runtime(format!("error: {error}")))?;
        let (cancel, _) = watch::channel(false);
        Ok(Self {
            stop: Arc::default(),
            cancel,
            runtime: Some(runtime),
            threads: Vec::new(),
            notice,
            rejected: Arc::default(),
            silent: Arc::default(),
            clients: [None, None],
            instances: Vec::new(),
        })
    }

    /// Rows that no receiver will ever take.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// What failed beside the queries.
    pub fn panicked(&self) -> Option<(String, String)> {
        self.silent.get().cloned()
    }

    /// What is told of a query's messages that nobody takes.
    pub(super) fn rejections(
        &self,
        source: &str,
        query: &str,
        sink: &str,
        letters: Option<Arc<DeadLetterQueue>>,
    ) -> RejectedRows {
        let (notice, count) = (self.notice.clone(), self.rejected.clone());
        let [source, query, sink] = [source, query, sink].map(str::to_owned);
        RejectedRows { source, query, sink, at: String::new(), letters, notice, count, told: Arc::default() }
    }

    /// How rows go to an output: at once, or where they are decided first, through an outbox.
    pub(super) fn open_output(
        &self,
        output: Arc<Output>,
        path: Option<&Path>,
        route: &Route<'_>,
        files: &mut OutputFiles,
    ) -> Result<SinkBinding, DeployError> {
        let Some(name) = route.name() else { return Ok(SinkBinding::Direct(output)) };
        let lines = files.lines(output, path, &name)?;
        let has = lines.has(&name);
        let deliver = Deliver::FileSink { lines, name };
        Ok(SinkBinding::Outbox(Box::new(OutboxBinding {
            encode: Box::new(encode::Lines),
            deliver,
            has,
            keeps_last: false,
        })))
    }

    /// How rows go to a sink that a program declares, and that is no output.
    pub(super) fn open_sink(
        &mut self,
        sink: &Sink,
        route: &Route<'_>,
        runtime: &streamgauge_component::runtime::Runtime,
    ) -> Result<SinkBinding, DeployError> {
        let wrong =
            |why: &dyn std::fmt::Display| DeployError::Input(format!("error: sink '{}': {why}", sink.name));
        check_secrets(sink).map_err(|why| wrong(&why))?;
        if sink.connector == "kafka" {
            return self.open_kafka(sink, route).map_err(|why| wrong(&why));
        }
        let instance = self.instance(sink, runtime)?;
        let encoder = open(&instance, sink, route.query).map_err(|fault| wrong(&fault))?;
        let encoder = Arc::new(encoder);
        if sink.connector == "prometheus" {
            if !route.windowed {
                return Err(wrong(&NO_WINDOW));
            }
            let (encode, deliver) = (Box::new(encode::Kept), Deliver::Kept(encoder));
            return Ok(SinkBinding::Outbox(Box::new(OutboxBinding {
                encode,
                deliver,
                has: 0,
                keeps_last: true,
            })));
        }
        check_address(sink).map_err(|why| wrong(&why))?;
        let in_one_lane = sink.connector == "slack";
        let encode =
            Box::new(encode::Requests { encoder: encoder.clone(), keys: route.keys.clone(), in_one_lane });
        let client = self.client(text(sink, "allow_private") == Some("true"))?;
        let deliver = Deliver::Http { encoder, sink: sink.clone(), client };
        Ok(SinkBinding::Outbox(Box::new(OutboxBinding { encode, deliver, has: 0, keeps_last: false })))
    }

    fn open_kafka(&self, sink: &Sink, route: &Route<'_>) -> Result<SinkBinding, String> {
        let (connection, topic) =
            Connection::from_options(&sink.options, secret).map_err(|error| error.to_string())?;
        let control = route
            .name()
            .map(|id| Control { topic: text(sink, "control_topic").unwrap_or(CONTROL_TOPIC).to_owned(), id });
        let deliver = Deliver::Kafka(Box::new(KafkaSink { connection, topic, control }));
        let encode = Box::new(encode::Records { keys: route.keys.clone() });
        Ok(SinkBinding::Outbox(Box::new(OutboxBinding { encode, deliver, has: 0, keeps_last: false })))
    }

    /// The component of a sink, started when the first query needs it; one that is asked listens from then on.
    fn instance(
        &mut self,
        sink: &Sink,
        runtime: &streamgauge_component::runtime::Runtime,
    ) -> Result<Arc<SinkInstance>, DeployError> {
        if let Some((_, instance)) = self.instances.iter().find(|(name, _)| *name == sink.name) {
            return Ok(instance.clone());
        }
        let failed =
            |why: &dyn std::fmt::Display| DeployError::Runtime(format!("error: sink '{}': {why}", sink.name));
        let component = SinkComponent::embedded(runtime, &sink.connector).map_err(|error| failed(&error))?;
        let component = component.ok_or_else(|| failed(&format!("there is no sink '{}'", sink.connector)))?;
        let instance = Arc::new(component.start().map_err(|fault| failed(&fault))?);
        if component.answers_scrapes() {
            self.listen(sink, instance.clone())?;
        }
        self.instances.push((sink.name.clone(), instance.clone()));
        Ok(instance)
    }

    fn listen(&self, sink: &Sink, instance: Arc<SinkInstance>) -> Result<(), DeployError> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let listen = text(sink, "listen").unwrap_or(manifest::PROMETHEUS_LISTEN);
        let render = move || {
            crash::point("scrape.render");
            match instance.render() {
                Ok(page) => page,
                Err(fault) => {
                    Response { status: 500, body: fault.to_string().into_bytes(), ..Response::default() }
                }
            }
        };
        let bound = runtime.block_on(Scrape::bind(listen, Arc::new(render)));
        let scrape =
            bound.map_err(|error| DeployError::Input(format!("error: sink '{}': {error}", sink.name)))?;
        (self.notice)(&format!(
            "sink '{}' answers scrapes at http://{}/metrics",
            sink.name,
            scrape.address()
        ));
        let (who, notice, silent) =
            (format!("sink '{}'", sink.name), self.notice.clone(), self.silent.clone());
        panics::attend(runtime, scrape.serve(self.cancel.subscribe()), move |why| {
            notice(&format!("{who} answers no scrapes any more: {why}"));
            silent.get_or_init(|| (who, why));
        });
        Ok(())
    }

    /// One client for all sinks with the same rights: it is slow to make.
    fn client(&mut self, allow_private: bool) -> Result<Client, DeployError> {
        let Some(slot) = self.clients.get_mut(usize::from(allow_private)) else {
            unreachable!("there are two")
        };
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        let client = Client::new(allow_private, Limits::default());
        let client = client.map_err(|error| DeployError::Runtime(format!("error: {error}")))?;
        Ok(slot.insert(client).clone())
    }

    /// Delivers what comes into an outbox.
    pub(super) fn start(
        &mut self,
        deliver: Deliver,
        outbox: Outbox,
        rejections: RejectedRows,
    ) -> Result<(), DeployError> {
        let failed =
            |error: std::io::Error| DeployError::Runtime(format!("error: cannot start a thread: {error}"));
        let stop = self.stop.clone();
        let left = outbox.clone();
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let left = left.clone();
            let work = move || caught(work).unwrap_or_else(|why| left.fail(format!("who delivers: {why}")));
            thread::Builder::new().name(name.to_owned()).spawn(work).map_err(failed)
        };
        match deliver {
            Deliver::FileSink { lines, name } => {
                let work = move || lines.deliver(&name, &outbox, &stop, &rejections);
                self.threads.push(thread("lines", Box::new(work))?);
            }
            Deliver::Kafka(sink) => {
                let rejections =
                    RejectedRows { at: format!(" at {}", sink.connection.brokers), ..rejections };
                let work = move || sink.deliver(&outbox, &stop, &rejections);
                self.threads.push(thread("to kafka", Box::new(work))?);
            }
            Deliver::Kept(encoder) => {
                let work = move || keep(&encoder, &outbox, &stop);
                self.threads.push(thread("to scrapes", Box::new(work))?);
            }
            Deliver::Http { encoder, sink, client } => {
                let signing = signing(&sink).map_err(DeployError::Input)?;
                let sender = Sender {
                    outbox,
                    client,
                    settings: settings(&sink),
                    declared: declared_now(&sink),
                    sink: Arc::new(ResponseClassifier { encoder, rejections }),
                    secrets: Arc::new(secret),
                    signing,
                };
                if let Some(runtime) = &self.runtime {
                    let work = sender.run(self.cancel.subscribe());
                    panics::attend(runtime, work, move |why| left.fail(format!("who delivers: {why}")));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        // Nobody listens where nobody was started.
        let _ = self.cancel.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(500));
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn settings(sink: &Sink) -> Settings {
    let gap = if sink.connector == "slack" { SLACK_GAP } else { Duration::ZERO };
    let on_ambiguous = match text(sink, "on_ambiguous") {
        Some("drop") => OnAmbiguous::Drop,
        _ => OnAmbiguous::Resend,
    };
    let settings = Settings { gap, on_ambiguous, ..Settings::default() };
    // As the front end writes it.
    let reject_after = text(sink, "reject_after_us").and_then(|micros| micros.parse().ok());
    let reject_after = reject_after.map_or(settings.reject_after, Duration::from_micros);
    Settings { reject_after, ..settings }
}

fn signing(sink: &Sink) -> Result<Option<SigningSecret>, String> {
    let Some(OptionValue::Secret(name)) = sink.options.get("signing_secret") else { return Ok(None) };
    let value = secret(name).map_err(|why| format!("error: sink '{}': secret '{name}': {why}", sink.name))?;
    let secret = SigningSecret::new(&value);
    secret.map(Some).map_err(|why| format!("error: sink '{}': secret '{name}': {why}", sink.name))
}

/// An address that will never be sent to is better known before the first row.
fn check_address(sink: &Sink) -> Result<(), String> {
    let url = match sink.options.get("url") {
        Some(OptionValue::Text(url)) => url.clone(),
        Some(OptionValue::Secret(name)) => secret(name)?,
        None => return Ok(()),
    };
    wrong_url(&url, text(sink, "allow_private") == Some("true"))
        .map_or(Ok(()), |(why, help)| Err(format!("its `url` {why}; {help}")))
}

/// The encoder of a query's rows.
fn open(instance: &SinkInstance, sink: &Sink, query: &manifest::Manifest) -> Result<Encoder, Fault> {
    let options = options::of_component(sink);
    let known = |name: &String| instance.described().options.iter().any(|option| option.name == *name);
    let options: Vec<(&str, Value)> = options
        .iter()
        .filter(|(name, _)| known(name))
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    // A view is what people named; the statement that sends its rows has only a number.
    let name = match &query.input {
        Input::View(view) => view,
        Input::Source(_) => &query.name,
    };
    instance.open(&options, name, &query.output)
}

/// The file that a sink names, where it is one of files, and what it says about what the file holds.
pub(super) fn file(sink: &Sink) -> Option<(PathBuf, Named)> {
    let path = text(sink, "path").filter(|_| sink.connector == "file")?;
    let mode = match text(sink, "mode") {
        Some("append") => Some(Mode::Append),
        Some("overwrite") => Some(Mode::Overwrite),
        _ => None,
    };
    Some((path.into(), Named::Sink(mode)))
}

fn text<'a>(sink: &'a Sink, option: &str) -> Option<&'a str> {
    super::text(sink.options.get(option))
}

/// The declaration of a sink.
pub(super) fn declared<'a>(program: &'a Program, name: &str) -> Result<&'a Sink, DeployError> {
    let sink = program.sinks.iter().find(|sink| sink.name == name);
    sink.ok_or_else(|| DeployError::Input(format!("error: there is no sink '{name}'")))
}
