//! The configuration of the host: one TOML file, and the environment over it.
//!
//! 1. [`keys`] is the table of all keys: what each is, its default, and what it means. Limits have a table of their own
//!    ([`limits`](crate::limits)).
//! 2. [`Settings`] are the values with where each comes from: the default, the file, or the environment.
//! 3. [`Config`] is what the host reads: typed, complete, and possible.

pub mod keys;
mod schema;
mod settings;
mod shown;

use std::{collections::BTreeMap, io::IsTerminal as _, net::SocketAddr, path::PathBuf, time::Duration};

use tracing::Level;

use crate::{
    deliver::permissions::Permissions,
    limits::Limits,
    logging::LogFormat,
    traces::{Destination, Header},
};

pub use self::{
    schema::schema,
    settings::{Origin, Settings, Value, WrongSetting},
    shown::markdown,
};

/// What the host reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the API answers.
    pub server: Server,
    /// Where state is kept, and how.
    pub state: State,
    /// The folder whose query files are the deployments.
    pub queries: Queries,
    /// Where `FROM 'file.wasm'` is looked for.
    pub plugins_folder: Option<PathBuf>,
    /// Where `secret('NAME')` is looked for.
    pub secrets_folder: Option<PathBuf>,
    /// What everything is bounded by.
    pub limits: Limits,
    /// What is told, and how.
    pub log: Log,
    /// Where the host's own work is traced.
    pub telemetry: Telemetry,
    /// What programs may reach.
    pub allow: Allow,
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address.
    pub listen: SocketAddr,
    /// The certificate chain and the key, in PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The file of tokens.
    pub tokens: Option<PathBuf>,
    /// Whether others than this machine may ask without tokens and TLS.
    pub insecure: bool,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How large the body of a request may be.
    pub body_bytes_max: usize,
    /// How large the component of a plugin may be that is uploaded.
    pub plugin_bytes_max: usize,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
}

/// `[state]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// A directory, or the URL of a bucket.
    pub url: String,
    /// How often a checkpoint is written.
    pub checkpoint_interval: Duration,
    /// How many checkpoints are kept.
    pub checkpoints_kept: usize,
    /// How long deliveries may take when a deployment or the host ends.
    pub drain_timeout: Duration,
    /// How long the state of a dropped deployment is kept.
    pub drop_retention: Duration,
    /// How many savepoints that nobody asked for are kept of each deployment.
    pub savepoints_kept: usize,
}

/// `[queries]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queries {
    /// The folder.
    pub folder: Option<PathBuf>,
    /// How often it is looked at.
    pub interval: Duration,
    /// How long a file must be gone before its deployment is dropped.
    pub drop_after: Duration,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// What a line looks like.
    pub format: LogFormat,
    /// Up to which level is told.
    pub level: Level,
}

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where spans are sent, without the headers.
    pub traces: Option<Destination>,
    /// The headers.
    pub headers: Vec<Header>,
    /// The share of traces that are sent.
    pub sample_ratio: f64,
}

/// `[allow]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// What programs may reach.
    pub permissions: Permissions,
    /// Names that `env()` may read.
    pub env: Vec<String>,
    /// Registries that `FROM 'oci://...'` may name.
    pub registries: Vec<String>,
}

impl Config {
    /// The configuration that settings say.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub fn new(settings: &Settings) -> Result<Self, WrongSetting> {
        let path = |key| settings.text(key).map(PathBuf::from);
        let server = Self::server(settings)?;
        let optional = |key| settings.is_set(key).then(|| settings.texts(key));
        let permissions = Permissions {
            brokers: optional("allow.brokers"),
            url_hosts: optional("allow.url_hosts"),
            private_hosts: settings.texts("allow.private_hosts"),
            listen: settings.texts("allow.listen"),
            file_roots: settings.texts("allow.file_roots").into_iter().map(PathBuf::from).collect(),
            secret_hosts: settings.lists("allow.secret_hosts"),
        };
        if let Some(root) = permissions.file_roots.iter().find(|root| !root.is_absolute()) {
            let why = format!("'{}' is no absolute path", root.display());
            return Err(settings.wrong("allow.file_roots", &why, Some("write it from / on")));
        }
        Ok(Self {
            server,
            state: State {
                url: settings.text("state.url").unwrap_or_default(),
                checkpoint_interval: settings.duration("state.checkpoint_interval"),
                checkpoints_kept: settings.count("state.checkpoints_kept"),
                drain_timeout: settings.duration("state.drain_timeout"),
                drop_retention: settings.duration("state.drop_retention"),
                savepoints_kept: settings.count("state.savepoints_kept"),
            },
            queries: Queries {
                folder: path("queries.folder"),
                interval: settings.duration("queries.interval"),
                drop_after: settings.duration("queries.drop_after"),
            },
            plugins_folder: path("plugins.folder"),
            secrets_folder: path("secrets.folder"),
            limits: settings.limits,
            log: Log {
                format: match settings.text("log.format").as_deref() {
                    Some("text") => LogFormat::Text,
                    Some("auto") if std::io::stderr().is_terminal() => LogFormat::Text,
                    _ => LogFormat::Json,
                },
                level: match settings.text("log.level").as_deref() {
                    Some("warn") => Level::WARN,
                    Some("debug") => Level::DEBUG,
                    _ => Level::INFO,
                },
            },
            telemetry: Self::telemetry(settings)?,
            allow: Allow {
                permissions,
                env: settings.texts("allow.env"),
                registries: settings.texts("allow.registries"),
            },
        })
    }

    fn telemetry(settings: &Settings) -> Result<Telemetry, WrongSetting> {
        let traces = settings.text("telemetry.otlp_endpoint").map(|url| Destination::new(&url)).transpose();
        let traces = traces.map_err(|error| {
            let help = "write the base URL, as \"http://127.0.0.1:4318\"";
            settings.wrong("telemetry.otlp_endpoint", &error.to_string(), Some(help))
        })?;
        let headers = settings.texts("telemetry.otlp_headers");
        let headers = headers.iter().map(|text| Header::parse(text)).collect::<Result<Vec<_>, _>>();
        let headers = headers.map_err(|why| {
            settings.wrong("telemetry.otlp_headers", &why, Some("write [\"authorization=NAME-OF-A-SECRET\"]"))
        })?;
        Ok(Telemetry { traces, headers, sample_ratio: settings.fraction("telemetry.trace_sample_ratio") })
    }

    fn server(settings: &Settings) -> Result<Server, WrongSetting> {
        let path = |key| settings.text(key).map(PathBuf::from);
        let tls = match (path("server.tls_cert"), path("server.tls_key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(settings.wrong("server.tls_cert", "is set without `tls_key`", None));
            }
            (None, Some(_)) => {
                return Err(settings.wrong("server.tls_key", "is set without `tls_cert`", None));
            }
        };
        let server = Server {
            listen: settings.address("server.listen"),
            tls,
            tokens: path("server.tokens"),
            insecure: settings.text("server.insecure").as_deref() == Some("true"),
            connections_max: settings.count("server.max_connections"),
            body_bytes_max: settings.bytes("server.max_body_bytes"),
            plugin_bytes_max: settings.limits.max_component_bytes,
            body_timeout: settings.duration("server.body_timeout"),
        };
        if server.listen.ip().is_loopback() || server.insecure {
            return Ok(server);
        }
        let lacking = match (&server.tokens, &server.tls) {
            (None, None) => "without tokens and TLS",
            (None, Some(_)) => "without tokens",
            (Some(_), None) => "without TLS",
            (Some(_), Some(_)) => return Ok(server),
        };
        let why = format!("{} lets other machines ask {lacking}", server.listen);
        let help = "set `tokens`, `tls_cert` and `tls_key`; or listen on 127.0.0.1; or, where something else keeps others out, set `insecure = true`";
        Err(settings.wrong("server.listen", &why, Some(help)))
    }

    /// What changes when another configuration takes its place while the host runs, and what would need a restart.
    pub fn reload(&self, new: &Self) -> Reloaded {
        let fixed: [(&'static str, bool); 7] = [
            ("server", self.server != Server { tokens: self.server.tokens.clone(), ..new.server.clone() }),
            ("state", self.state != new.state),
            ("limits", self.limits != new.limits),
            ("log", self.log != new.log),
            ("telemetry", self.telemetry != new.telemetry),
            ("plugins", self.plugins_folder != new.plugins_folder),
            ("queries.folder", self.queries.folder != new.queries.folder),
        ];
        let config = Self {
            allow: new.allow.clone(),
            secrets_folder: new.secrets_folder.clone(),
            queries: Queries { folder: self.queries.folder.clone(), ..new.queries.clone() },
            ..self.clone()
        };
        let needs_restart = fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
        Reloaded { config, needs_restart }
    }
}

/// What became of a configuration that was read again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// What holds from now on.
    pub config: Config,
    /// Sections that differ and are read at the start only.
    pub needs_restart: Vec<&'static str>,
}

/// What `[allow.secret_hosts]` says: a list of hosts by the name of a secret.
pub type Lists = BTreeMap<String, Vec<String>>;

#[cfg(test)]
mod tests;
