//! All keys of the configuration, but for limits.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A path of a file or folder.
    Path,
    /// `ADDRESS:PORT`.
    Address,
    /// `true` or `false`.
    Switch,
    /// One of these.
    Word(&'static [&'static str]),
    /// `500ms`, `5s`, `24h`.
    Duration,
    /// A number from 0 to 1.
    Fraction,
    /// A whole number in this range.
    Count(u64, u64),
    /// `64KiB`, `1MiB`.
    Size,
    /// A list of texts.
    Texts,
    /// A table of lists of texts.
    Lists,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it is where nobody sets it, as it stands in the file; none = nothing.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { name, kind, default, meaning }
}

/// All of them, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key(
        "server.listen",
        Kind::Address,
        Some("127.0.0.1:8420"),
        "where the API, /metrics and the probes answer; an address other than loopback needs tokens and TLS, or `insecure`",
    ),
    key("server.tls_cert", Kind::Path, None, "the certificate chain, in PEM"),
    key("server.tls_key", Kind::Path, None, "its private key, in PEM, without a password"),
    key(
        "server.tokens",
        Kind::Path,
        None,
        "the file of tokens that `streamgauge token new` writes; without it everybody who reaches the address may do everything",
    ),
    key(
        "server.insecure",
        Kind::Switch,
        Some("false"),
        "let other machines ask without tokens or TLS: something else must keep strangers out",
    ),
    key(
        "server.max_connections",
        Kind::Count(1, 4096),
        Some("256"),
        "connections at a time; beyond it the one that has been silent for longest is closed",
    ),
    key(
        "server.max_body_bytes",
        Kind::Size,
        Some("1MiB"),
        "the body of a request; a plugin may have `max_component_bytes`",
    ),
    key(
        "server.body_timeout",
        Kind::Duration,
        Some("30s"),
        "how long the body of a request may take to arrive",
    ),
    key(
        "state.url",
        Kind::Text,
        Some("/var/lib/streamgauge"),
        "where deployments and their state are kept: a directory, or the URL of a bucket (s3://, gs://, az://)",
    ),
    key("state.checkpoint_interval", Kind::Duration, Some("5s"), "how often a checkpoint is written"),
    key(
        "state.checkpoints_kept",
        Kind::Count(1, 255),
        Some("2"),
        "how many checkpoints are kept: if the newest is damaged, the one before it is used",
    ),
    key(
        "state.drain_timeout",
        Kind::Duration,
        Some("30s"),
        "how long deliveries may take when a deployment or the host ends; what is left is delivered by the next start",
    ),
    key(
        "state.drop_retention",
        Kind::Duration,
        Some("24h"),
        "how long the state of a dropped deployment is kept",
    ),
    key(
        "state.savepoints_kept",
        Kind::Count(1, 100),
        Some("5"),
        "how many of the savepoints that each deploy takes are kept; those that somebody asked for stay",
    ),
    key(
        "queries.folder",
        Kind::Path,
        None,
        "a folder whose files NAME.sql are the deployments: what is there is deployed, and what is gone is dropped",
    ),
    key("queries.interval", Kind::Duration, Some("2s"), "how often the folder is looked at"),
    key(
        "queries.drop_after",
        Kind::Duration,
        Some("30s"),
        "how long a file must be gone before its deployment is dropped",
    ),
    key(
        "plugins.folder",
        Kind::Path,
        None,
        "where `FROM 'file.wasm'` is looked for, before the plugins that were uploaded",
    ),
    key("secrets.folder", Kind::Path, None, "a folder with one file for each secret, named as the secret"),
    key(
        "log.format",
        Kind::Word(&["auto", "json", "text"]),
        Some("auto"),
        "what a line on standard error looks like; auto is words on a terminal, and JSON elsewhere",
    ),
    key("log.level", Kind::Word(&["warn", "info", "debug"]), Some("info"), "up to which level is told"),
    key(
        "telemetry.otlp_endpoint",
        Kind::Text,
        None,
        "where spans of the host's own work are sent: the base URL of an OTLP endpoint over HTTP, as `http://collector:4318`; without it nothing is traced",
    ),
    key(
        "telemetry.otlp_headers",
        Kind::Texts,
        None,
        "headers for that endpoint, as `NAME=SECRET`: the value is the secret of that name, in the folder of secrets or in the environment",
    ),
    key(
        "telemetry.trace_sample_ratio",
        Kind::Fraction,
        Some("0.01"),
        "the share of batches, checkpoints and deliveries that are traced, from 0 to 1; what fails is always sent",
    ),
    key(
        "allow.brokers",
        Kind::Texts,
        None,
        "Kafka brokers that programs may name: `host:port`, `host` or `*.domain`; without it any",
    ),
    key(
        "allow.url_hosts",
        Kind::Texts,
        None,
        "hosts that sinks may send to: `host` or `*.domain`; without it any that is public",
    ),
    key(
        "allow.private_hosts",
        Kind::Texts,
        None,
        "hosts whose addresses need not be public, for sinks with `allow_private`; link-local addresses are never reached",
    ),
    key("allow.listen", Kind::Texts, None, "addresses that sinks may listen on: `address:port`"),
    key(
        "allow.file_roots",
        Kind::Texts,
        None,
        "folders in which programs may read and write files; without it none",
    ),
    key("allow.env", Kind::Texts, None, "names that `env('NAME')` may read; without it none"),
    key(
        "allow.registries",
        Kind::Texts,
        None,
        "registries that `FROM 'oci://REGISTRY/...'` may name; without it none",
    ),
    key(
        "allow.secret_hosts",
        Kind::Lists,
        None,
        "secrets that are sent to some hosts only: `NAME = [\"host\"]`",
    ),
];

/// The key of a name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The sections, in order.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = Vec::new();
    for section in KEYS.iter().filter_map(|key| key.name.split('.').next()).chain(["limits"]) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}
