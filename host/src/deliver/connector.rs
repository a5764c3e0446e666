//! What a sink connector is.
//!
//! A connector states the options of its WITH, says what it would refuse before a program runs, and opens itself for the rows
//! of a query: it returns the encoder of the rows and the worker that delivers the encoded messages. Each connector is one file
//! of [`connectors`](super::connectors); no other code tells sinks apart by name.
//!
//! | call | when | what it may do |
//! |---|---|---|
//! | [`options`](SinkConnector::options) | a statement names the connector | load its component |
//! | [`wrong_option`](SinkConnector::wrong_option), [`wrong_rows`](SinkConnector::wrong_rows) | `check`, and before a run | look at options and columns: no network, no secrets |
//! | [`open`](SinkConnector::open) | a run is put together, once a query | read secrets, listen; send nothing |
//! | [`resume`](SinkWorker::resume) | the same, for messages of an earlier run | look at them |
//! | [`start`](SinkWorker::start) | every query, file and sink of the deployment is checked | deliver |

use std::{collections::BTreeMap, io, sync::Arc};

use streamgauge_common::message::{Message, Payload};
use streamgauge_component::{check::Refused, plugins::Plugins, sink::SinkInstance};
use streamgauge_engine::Fault;
use streamgauge_kafka::{ClientError, Depth};
use streamgauge_sql::{
    catalog::WrongOption,
    connector::OptionSpec,
    manifest::{Manifest, OptionValue, Sink},
};
use streamgauge_state::outbox::Outbox;

use super::{
    connectors::file::FileTarget,
    encode::Encode,
    http::{self, secrets::Lookup, signature::BadSecret},
    key::Keys,
    rejected::RejectedRows,
    scrape::ListenError,
    workers::Workers,
};
use crate::deliver::permissions::{Forbidden, Permissions};

/// A kind of sink.
pub trait SinkConnector: Send + Sync {
    /// What `connector = '...'` says, in lower case.
    fn name(&self) -> &str;

    /// What WITH takes beside `connector`, in the order in which messages list it.
    ///
    /// # Errors
    /// The connector's component cannot be loaded.
    fn options(&self, plugins: &Plugins) -> Result<Vec<OptionSpec>, Refused>;

    /// What of bound options a run would refuse, beside what [`options`](Self::options) says.
    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, depth: Depth) -> Option<WrongOption> {
        let _ = (options, depth);
        None
    }

    /// Why it does not take the rows of a query; none where it does, or where only a run can know.
    fn wrong_rows(&self, sink: &Sink, query: &Manifest, windowed: bool, plugins: &Plugins) -> Option<String> {
        let _ = (sink, query, windowed, plugins);
        None
    }

    /// The file that a sink writes to, where the sink is one of files.
    fn file(&self, sink: &Sink) -> Option<FileTarget> {
        let _ = sink;
        None
    }

    /// The address that a sink listens on, where it answers those who ask.
    fn listens(&self, sink: &Sink) -> Option<String> {
        let _ = sink;
        None
    }

    /// Where the rows of a query go. It is called once for each query that writes to the sink.
    ///
    /// # Errors
    /// What is wrong with the sink, or failed.
    fn open(
        &self,
        sink: &Sink,
        route: &Route<'_>,
        context: &mut SinkContext<'_>,
    ) -> Result<Destination, SinkError>;
}

/// Which query's rows go where.
pub struct Route<'a> {
    /// The query.
    pub query: &'a Manifest,
    /// Whether its rows are of windows.
    pub windowed: bool,
    /// Makes the idempotency keys of its rows.
    pub keys: Keys,
    /// The identity of the state; none where nothing is durable.
    pub identity: Option<u128>,
}

impl Route<'_> {
    /// What a sink that remembers calls the query: another state's query of that name is another one. None where nothing is
    /// durable.
    pub fn name(&self) -> Option<String> {
        self.identity.map(|identity| format!("{identity:032x}/{}", self.query.name))
    }
}

/// What connectors share while a deployment is put together.
pub struct SinkContext<'a> {
    /// The components that sinks are made of.
    pub plugins: &'a Plugins,
    /// Gives secrets by name.
    pub secrets: &'a Arc<Lookup>,
    /// What the operator lets sinks reach; none = what the user of the process may.
    pub permissions: Option<&'a Permissions>,
    /// Threads, tasks and clients.
    pub workers: &'a mut Workers,
    /// Whether all that is read has an end.
    pub input_ends: bool,
    /// By sink: its running component, which has the encoders of all queries that write to the sink.
    pub instances: &'a mut BTreeMap<String, Arc<SinkInstance>>,
}

/// Where the rows of a query go. Files and the console belong to the deployment, since several sinks may share one.
pub enum Destination {
    /// To the console.
    Console,
    /// To a file.
    File(FileTarget),
    /// To the connector's own worker, through an outbox.
    Outbox(OutboxBinding),
}

/// What an outbox needs.
pub struct OutboxBinding {
    /// Makes messages of rows.
    pub encode: Box<dyn Encode>,
    /// Delivers the messages.
    pub worker: Box<dyn SinkWorker>,
    /// Up to this number the receiver itself says that it has all.
    pub has: u64,
    /// Whether the last messages stay until newer ones come.
    pub keeps_last: bool,
}

impl OutboxBinding {
    /// An outbox whose receiver says nothing about what it has, and whose messages go when they are delivered.
    pub fn new(encode: impl Encode + 'static, worker: impl SinkWorker + 'static) -> Self {
        Self { encode: Box::new(encode), worker: Box::new(worker), has: 0, keeps_last: false }
    }
}

/// Delivers the messages of one outbox.
pub trait SinkWorker: Send {
    /// Whether a message is one of its kind: those of an earlier run may be of another connector.
    fn takes(&self, payload: &Payload) -> bool;

    /// A message of an earlier run that it [`takes`](Self::takes), as it is delivered now.
    ///
    /// # Errors
    /// Why the sink, as it is declared now, cannot deliver the message.
    fn resume(&self, message: Arc<Message>) -> Result<Arc<Message>, String> {
        Ok(message)
    }

    /// Begins to deliver what comes into the outbox, and goes on until it is drained or `workers` stop.
    ///
    /// # Errors
    /// A secret cannot be used, or the system gives no thread.
    fn start(
        self: Box<Self>,
        outbox: Outbox,
        rejected: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError>;
}

/// Why a sink cannot be used; its text is the end of a sentence about the sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// There is no such connector.
    #[error("there is no sink connector '{0}'")]
    Unknown(String),
    /// An option that the binder requires is not there.
    #[error("the option `{0}` is missing")]
    Missing(&'static str),
    /// A secret is not there.
    #[error("secret '{name}': {why}")]
    Secret {
        /// Its name.
        name: String,
        /// What to do about it.
        why: String,
    },
    /// A secret cannot sign.
    #[error("secret '{name}': {why}")]
    Signing {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: BadSecret,
    },
    /// Nothing is sent to this address. The text does not show it: it may be a secret.
    #[error("its `url` {why}; {help}")]
    Url {
        /// What is wrong with it.
        why: String,
        /// What to write.
        help: &'static str,
    },
    /// The operator does not let it reach this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The options of Kafka cannot be used.
    #[error(transparent)]
    Kafka(#[from] ClientError),
    /// An option names columns that the rows do not have.
    #[error("{0}")]
    Columns(String),
    /// It takes no rows but those of windows.
    #[error("it shows the last window of a view, but these rows have no window")]
    NoWindow,
    /// Its component does not take the options or the columns.
    #[error(transparent)]
    Encoder(Fault),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its component cannot be loaded.
    #[error(transparent)]
    Component(#[from] Refused),
    /// Its component is not there.
    #[error("there is no sink component '{0}'")]
    NoComponent(String),
    /// Its component does not start.
    #[error(transparent)]
    Start(Fault),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] http::client::ClientError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl SinkError {
    /// Whether the user's program or its secrets are wrong; otherwise something failed.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Unknown(_)
            | Self::Missing(_)
            | Self::Secret { .. }
            | Self::Signing { .. }
            | Self::Url { .. }
            | Self::Forbidden(_)
            | Self::Kafka(_)
            | Self::Columns(_)
            | Self::NoWindow
            | Self::Encoder(_)
            | Self::Listen(_) => true,
            Self::Component(_)
            | Self::NoComponent(_)
            | Self::Start(_)
            | Self::Client(_)
            | Self::Thread(_) => false,
        }
    }
}
