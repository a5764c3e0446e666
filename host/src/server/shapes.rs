//! The JSON that the API answers. Times are RFC 3339 in UTC.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use streamgauge_functions::format_timestamp;

/// A time in microseconds since the epoch, as it is shown.
pub fn time(time_us: i64) -> String {
    let mut text = Vec::new();
    format_timestamp(time_us, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// All deployments.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeploymentList {
    /// By name.
    pub deployments: Vec<Deployment>,
}

/// A deployment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: DeploymentState,
    /// Why it has failed, or why its queries have; what it waits for where it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version that runs.
    pub version: u64,
    /// When it was deployed.
    pub deployed_at: String,
    /// When it was dropped; its state is kept for `drop_retention`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_at: Option<String>,
    /// Its queries.
    pub queries: Vec<Query>,
}

/// How a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentState {
    /// It is being put together, or reads what its state lacks.
    Starting,
    /// Its queries run.
    Running,
    /// It was paused.
    Paused,
    /// It is about to end.
    Ending,
    /// It could not be started, or a query of it has failed.
    Failed,
    /// All its input was read.
    Finished,
    /// It was dropped.
    Dropped,
}

/// A deployment, whole.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeploymentDetail {
    /// What a list shows.
    #[serde(flatten)]
    pub deployment: Deployment,
    /// Its SQL.
    pub text: String,
    /// The components that it names: the SHA-256 of each by the name in FROM.
    pub plugins: BTreeMap<String, String>,
    /// Earlier versions, newest first. It can be rolled back to those of which there is a savepoint.
    pub versions: Vec<Version>,
    /// The version that this one repeats, where it came of a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u64>,
    /// The version that a rollback goes to; null where there is none before this one.
    pub rolls_back_to: Option<u64>,
    /// Its savepoints, newest first.
    pub savepoints: Vec<Savepoint>,
    /// What the last change did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// An earlier version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// When it was deployed.
    pub deployed_at: String,
    /// The savepoint that holds its states; null where that is gone.
    pub savepoint: Option<u64>,
    /// The version that it repeats, where it came of a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u64>,
}

/// A copy of the states of a deployment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Savepoint {
    /// Its number.
    pub number: u64,
    /// When it was taken.
    pub taken_at: String,
    /// The version whose states it holds.
    pub version: u64,
    /// Whether somebody asked for it.
    pub asked: bool,
}

/// All queries.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct QueryList {
    /// By deployment and name.
    pub queries: Vec<Query>,
}

/// A query that runs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Query {
    /// `DEPLOYMENT.QUERY`.
    pub name: String,
    /// The source that it, or the view that it reads, reads.
    pub source: String,
    /// Why it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Events read of the source, in this process.
    pub events: u64,
    /// Rows that went to its sink, in this process.
    pub rows: u64,
    /// Events that were late for all their windows, in this process.
    pub late: u64,
    /// What could not be used, in this process.
    pub dead_letters: u64,
    /// Offsets between what it has read and the ends of its partitions; null where that is not known, or where it reads a view.
    pub lag: Option<u64>,
    /// Rows that are decided and not acknowledged by the sink; null where it has no outbox.
    pub outbox_rows: Option<u64>,
    /// The sink that they wait for; null where it has no outbox.
    pub sink: Option<String>,
    /// How long the oldest of them has waited in this process, in seconds; 0 where none waits.
    pub outbox_age_seconds: Option<f64>,
    /// How old its last checkpoint is, in seconds; null where this process wrote none.
    pub checkpoint_age_seconds: Option<f64>,
    /// Up to which event time its input is complete; null where no event was read.
    pub watermark: Option<String>,
}

/// The last rows of a query, or its last dead letters. Their fields are in the order of the SELECT list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Rows {
    /// Each as a sink gets it.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub rows: Vec<Box<RawValue>>,
    /// How many before them are not in memory any more.
    pub dropped: u64,
}

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// The deployment.
    pub deployment: String,
    /// The version that runs; null where there is none.
    pub version: Option<u64>,
    /// What the plan depends on: it is refused as stale where that has changed.
    pub digest: String,
    /// Whether anything would change.
    pub changes: bool,
    /// What becomes of each query.
    pub queries: Vec<PlannedQuery>,
    /// What is doubtful in the SQL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What becomes of a query.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedQuery {
    /// Its name.
    pub name: String,
    /// What becomes of its state.
    pub action: PlannedAction,
    /// Why.
    pub reason: String,
    /// From when it reads again what Kafka holds; null where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmed_from: Option<String>,
    /// How many records that is; null where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Rows that are decided and not delivered yet: they are delivered before the change, and where that fails in time they go with
    /// the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<u64>,
    /// The queries that read its rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<String>,
}

/// What becomes of the state of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlannedAction {
    /// The query goes on with it.
    Keep,
    /// There is none: the query begins, and reads from Kafka what its first windows need.
    Warm,
    /// There is none: the query begins with what comes.
    Begin,
    /// It does not fit and is removed: the query begins anew. It must be asked for.
    Reset,
    /// The query is gone, and its state is removed.
    Drop,
}

/// All plugins that were uploaded.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PluginList {
    /// By name.
    pub plugins: Vec<Plugin>,
}

/// A plugin that was uploaded.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plugin {
    /// Its name, as in FROM 'name.wasm'.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The deployments that use these bytes.
    pub used_by: Vec<String>,
}
