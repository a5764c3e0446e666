//! The API: every route with what it needs, takes and answers.

mod handlers;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use self::handlers::{
    accept_topic, dead_letters, delete, delete_plugin, list, livez, logs, metrics, openapi, pause, plugin,
    plugins, put, put_plugin, queries, query, readyz, resume, rollback, rows, savepoint, show,
};
use super::{
    access::Scope,
    deployments::{Deployments, Refused},
    logs::Logs,
    problem::{Mistake, Problem},
};
use crate::recent::Recent;

/// A route.
pub struct Route {
    /// `GET`, `PUT`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Its path; a part in braces stands for any text.
    pub path: &'static str,
    /// What a token must allow; none = nobody needs a token.
    pub scope: Option<Scope>,
    /// What programs call it.
    pub id: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What may stand behind the `?`.
    pub parameters: &'static [Parameter],
    /// What its body is.
    pub body: Option<BodyKind>,
    /// What is answered where all is well: status, shape, and in words.
    pub answers: &'static [(u16, Shape, &'static str)],
    /// The statuses of problem documents.
    pub problems: &'static [u16],
    /// Does it.
    pub(super) handler: fn(&Asked) -> Result<Reply, Problem>,
}

/// What may stand behind the `?`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it can be.
    pub kind: ParameterKind,
    /// What it means.
    pub meaning: &'static str,
}

/// What a parameter can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// `true` or `false`.
    Switch,
    /// A whole number in this range.
    Count(u64, u64),
    /// Any text.
    Text,
    /// A text that must be there and not be empty.
    RequiredText,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// SQL.
    Sql,
    /// A component.
    Component,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// Words.
    Text,
    /// The page of Prometheus.
    Metrics,
    /// Any JSON.
    Json,
    /// Rows, or with `follow` a stream of events.
    Rows,
    /// Log lines, the same.
    Logs,
    /// All deployments.
    DeploymentList,
    /// A deployment.
    Deployment,
    /// A plan, or a deployment.
    PlanOrDeployment,
    /// All queries.
    QueryList,
    /// A query.
    Query,
    /// All plugins.
    PluginList,
    /// A plugin.
    Plugin,
}

/// What is asked.
pub(super) struct Asked {
    pub(super) deployments: Arc<Deployments>,
    pub(super) logs: Logs,
    pub(super) metrics: Arc<dyn Fn(&Deployments) -> String + Send + Sync>,
    pub(super) openapi: Bytes,
    /// By the part of the path that they stand for.
    pub(super) path: BTreeMap<&'static str, String>,
    /// Those of the route, checked.
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Bytes,
    /// The number behind which a stream goes on, as the one who follows said.
    pub(super) last_event: Option<String>,
}

/// What is answered.
pub(super) enum Reply {
    Json(u16, String),
    Page(u16, &'static str, Bytes),
    /// Events as they come.
    Follow(Following),
    Empty,
}

/// What is followed.
pub(super) struct Following {
    pub(super) recent: Arc<Recent>,
    /// Tells of more of them; as long as it is held they are there as they come.
    pub(super) watch: watch::Receiver<u64>,
    pub(super) from: u64,
    /// Only log lines about this deployment.
    pub(super) only: Option<String>,
    /// The query whose rows they are: a later version of its deployment has others.
    pub(super) query: Option<String>,
}

const PLAN: Parameter = Parameter {
    name: "plan",
    kind: ParameterKind::Switch,
    meaning: "answer what would be done, and do nothing",
};
const PLAN_DIGEST: Parameter = Parameter {
    name: "plan_digest",
    kind: ParameterKind::Text,
    meaning: "do exactly the plan with this digest, or refuse",
};
const RESET: Parameter = Parameter {
    name: "reset",
    kind: ParameterKind::Text,
    meaning: "queries whose states are removed, with commas between them",
};
const RESTORE: Parameter = Parameter {
    name: "restore",
    kind: ParameterKind::Switch,
    meaning: "go on with the state of a deployment of this name that was dropped",
};
const WAIT_FOR: Parameter = Parameter {
    name: "wait",
    kind: ParameterKind::Switch,
    meaning: "answer when all sources are read, after 60 s at the latest",
};
const ROLLBACK_TO: Parameter = Parameter {
    name: "to",
    kind: ParameterKind::Count(1, u64::MAX),
    meaning: "the number of the version; without it the one before this one, or before the one that this one repeats",
};
const OF_VERSION: Parameter = Parameter {
    name: "version",
    kind: ParameterKind::Count(1, u64::MAX),
    meaning: "the version whose SQL and plugins are shown; without it the newest",
};
const OF_SOURCE: Parameter = Parameter {
    name: "source",
    kind: ParameterKind::RequiredText,
    meaning: "the source, as the SQL calls it",
};
const FROM_START: Parameter = Parameter {
    name: "from_start",
    kind: ParameterKind::Switch,
    meaning: "read the new topic from its start; without it, from the offsets up to which the old one was read",
};
const PURGE: Parameter =
    Parameter { name: "purge", kind: ParameterKind::Switch, meaning: "remove the state at once" };
const LIMIT: Parameter = Parameter {
    name: "limit",
    kind: ParameterKind::Count(0, 1000),
    meaning: "how many at most, the newest; a stream begins with so many",
};
const FOLLOW: Parameter = Parameter {
    name: "follow",
    kind: ParameterKind::Switch,
    meaning: "answer a stream of server-sent events: `data` is one, `id` its key; an event `dropped` says how many were too old",
};
const OF_DEPLOYMENT: Parameter =
    Parameter { name: "deployment", kind: ParameterKind::Text, meaning: "only lines about this deployment" };

const fn get(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    shape: Shape,
    handler: fn(&Asked) -> Result<Reply, Problem>,
) -> Route {
    Route {
        method: "GET",
        path,
        scope: Some(Scope::Read),
        id,
        summary,
        parameters: &[],
        body: None,
        answers: match shape {
            Shape::Text => &[(200, Shape::Text, "yes")],
            Shape::Metrics => &[(200, Shape::Metrics, "the metrics")],
            Shape::Json => &[(200, Shape::Json, "the document")],
            Shape::Rows => &[(200, Shape::Rows, "the rows")],
            Shape::Logs => &[(200, Shape::Logs, "the lines")],
            Shape::DeploymentList => &[(200, Shape::DeploymentList, "all deployments")],
            Shape::Deployment => &[(200, Shape::Deployment, "the deployment")],
            Shape::QueryList => &[(200, Shape::QueryList, "all queries")],
            Shape::Query => &[(200, Shape::Query, "the query")],
            Shape::PluginList => &[(200, Shape::PluginList, "all plugins")],
            Shape::Plugin => &[(200, Shape::Plugin, "the plugin")],
            Shape::Empty | Shape::PlanOrDeployment => &[],
        },
        problems: &[404],
        handler,
    }
}

const fn post(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: fn(&Asked) -> Result<Reply, Problem>,
) -> Route {
    Route {
        method: "POST",
        path,
        scope: Some(Scope::Deploy),
        id,
        summary,
        parameters: &[],
        body: None,
        answers: &[(200, Shape::Deployment, "the deployment as it is now")],
        problems: &[404, 409, 422],
        handler,
    }
}

/// All routes.
pub const ROUTES: &[Route] = &[
    Route {
        scope: None,
        problems: &[],
        ..get("/livez", "livez", "Whether the process answers", Shape::Text, livez)
    },
    Route {
        scope: None,
        problems: &[],
        answers: &[(200, Shape::Text, "ready"), (503, Shape::Text, "not ready: why")],
        ..get(
            "/readyz",
            "readyz",
            "Whether every deployment that should run reads its sources",
            Shape::Text,
            readyz,
        )
    },
    Route { problems: &[], ..get("/metrics", "metrics", "Metrics for Prometheus", Shape::Metrics, metrics) },
    Route { problems: &[], ..get("/openapi.json", "openapi", "This document", Shape::Json, openapi) },
    Route {
        problems: &[],
        ..get("/v1/deployments", "listDeployments", "All deployments", Shape::DeploymentList, list)
    },
    Route {
        parameters: &[OF_VERSION],
        ..get(
            "/v1/deployments/{name}",
            "showDeployment",
            "A deployment: its SQL, its queries and earlier versions",
            Shape::Deployment,
            show,
        )
    },
    Route {
        method: "PUT",
        path: "/v1/deployments/{name}",
        scope: Some(Scope::Deploy),
        id: "putDeployment",
        summary: "Deploys SQL, or says what that would do. Equal SQL changes nothing",
        parameters: &[PLAN, PLAN_DIGEST, RESET, RESTORE, WAIT_FOR],
        body: Some(BodyKind::Sql),
        answers: &[
            (
                200,
                Shape::PlanOrDeployment,
                "with `plan`: the plan; else the deployment, changed or as it was",
            ),
            (201, Shape::Deployment, "the deployment is new"),
        ],
        problems: &[409, 422],
        handler: put,
    },
    Route {
        method: "DELETE",
        path: "/v1/deployments/{name}",
        scope: Some(Scope::Deploy),
        id: "dropDeployment",
        summary: "Ends a deployment; its state is kept for a while",
        parameters: &[PURGE],
        body: None,
        answers: &[(204, Shape::Empty, "it is dropped")],
        problems: &[404, 409],
        handler: delete,
    },
    post("/v1/deployments/{name}/pause", "pauseDeployment", "Reads nothing more until it is resumed", pause),
    post("/v1/deployments/{name}/resume", "resumeDeployment", "Reads on", resume),
    Route {
        parameters: &[ROLLBACK_TO],
        ..post(
            "/v1/deployments/{name}/rollback",
            "rollBackDeployment",
            "Goes back to an earlier version, with its states of then; rows since then come again",
            rollback,
        )
    },
    Route {
        parameters: &[OF_SOURCE, FROM_START],
        ..post(
            "/v1/deployments/{name}/accept-topic",
            "acceptTopic",
            "Lets its queries go on with the topic of a source although that was deleted and made anew",
            accept_topic,
        )
    },
    post(
        "/v1/deployments/{name}/savepoint",
        "takeSavepoint",
        "Copies its states; the copy is kept until the deployment is gone",
        savepoint,
    ),
    Route { problems: &[], ..get("/v1/queries", "listQueries", "All queries", Shape::QueryList, queries) },
    get("/v1/queries/{query}", "showQuery", "A query, DEPLOYMENT.QUERY", Shape::Query, query),
    Route {
        parameters: &[LIMIT, FOLLOW],
        ..get(
            "/v1/queries/{query}/rows",
            "rows",
            "The last rows of a query that are in memory",
            Shape::Rows,
            rows,
        )
    },
    Route {
        parameters: &[LIMIT],
        ..get(
            "/v1/queries/{query}/dead-letters",
            "deadLetters",
            "The last dead letters of a query that are in memory",
            Shape::Rows,
            dead_letters,
        )
    },
    Route {
        parameters: &[LIMIT, FOLLOW, OF_DEPLOYMENT],
        problems: &[],
        ..get("/v1/logs", "logs", "The last log lines", Shape::Logs, logs)
    },
    Route {
        problems: &[],
        ..get("/v1/plugins", "listPlugins", "The plugins that were uploaded", Shape::PluginList, plugins)
    },
    get("/v1/plugins/{plugin}", "showPlugin", "A plugin that was uploaded", Shape::Plugin, plugin),
    Route {
        method: "PUT",
        path: "/v1/plugins/{plugin}",
        scope: Some(Scope::Admin),
        id: "putPlugin",
        summary: "Uploads a component; deployments that name it from now on use it",
        parameters: &[],
        body: Some(BodyKind::Component),
        answers: &[(200, Shape::Plugin, "the plugin")],
        problems: &[422],
        handler: put_plugin,
    },
    Route {
        method: "DELETE",
        path: "/v1/plugins/{plugin}",
        scope: Some(Scope::Admin),
        id: "deletePlugin",
        summary: "Removes a plugin's name; deployments that use it keep it",
        parameters: &[],
        body: None,
        answers: &[(204, Shape::Empty, "it is gone")],
        problems: &[404],
        handler: delete_plugin,
    },
];

/// JSON.
pub(super) const JSON: &str = "application/json";

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Unknown(_) | Refused::UnknownVersion(..) => Self::not_found(detail),
            Refused::Name(_) => Self::new(422, "name", "The name cannot be used", detail),
            Refused::Sql(diagnostics) => Self {
                diagnostics: diagnostics.iter().map(Mistake::from).collect(),
                ..Self::new(422, "sql", "The SQL is wrong", detail)
            },
            Refused::Forbidden(_) => Self::new(422, "forbidden", "The operator does not allow it", detail),
            Refused::Stale(plan) => {
                Self { plan: Some(plan), ..Self::new(409, "stale-plan", "The plan is stale", detail) }
            }
            Refused::Unasked(_, plan) => {
                Self { plan: Some(plan), ..Self::new(409, "reset", "A state would be removed", detail) }
            }
            Refused::Conflict(_) => Self::new(409, "conflict", "It cannot be done as things are", detail),
            Refused::Dropped(_) => Self::new(409, "dropped", "A deployment of that name was dropped", detail),
            Refused::Unusable(_) => Self::new(422, "unusable", "It cannot be run", detail),
            Refused::State(_) => Self::new(500, "state", "The state cannot be used", detail),
            Refused::Over(_) => Self::new(503, "over", "The host is ending", detail),
        }
    }
}
