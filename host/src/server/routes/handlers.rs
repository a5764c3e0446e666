//! What routes do.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;
use streamgauge_common::clock;

use super::{Asked, Following, JSON, Reply};
use crate::{
    monitor::{METRICS_PAGE, TEXT},
    recent::{Item, Read, Recent},
    server::{
        deployments::Change,
        logs::is_about,
        plugins::{is_component, is_plugin_name},
        problem::Problem,
        shapes::{self, Deployment, DeploymentList, DeploymentState, PluginList, QueryList, Rows},
    },
};

/// How long `wait=true` waits.
const WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many bytes of rows one answer has: whoever reads slowly keeps them in memory.
const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Asked {
    fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(in crate::server) fn is_set(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true")
    }

    fn count(&self, name: &str, default: usize) -> usize {
        self.query.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    fn text(&self) -> Result<&str, Problem> {
        let text = std::str::from_utf8(&self.body);
        text.map_err(|error| {
            Problem::bad_request(format!("the SQL is not UTF-8 behind byte {}", error.valid_up_to()))
        })
    }

    /// The deployment as it is now.
    fn shown(&self, status: u16) -> Result<Reply, Problem> {
        let mut detail = self.deployments.detail(self.part("name"))?;
        self.explain(&mut detail.deployment);
        json(status, &detail)
    }

    /// What a deployment waits for whose sources are not all read yet.
    fn explain(&self, deployment: &mut Deployment) {
        if deployment.state == DeploymentState::Starting
            && let Some(reason) = &mut deployment.reason
            && let Some(what) = self.logs.last_warning(&deployment.name)
        {
            reason.push_str("; ");
            reason.push_str(&what);
        }
    }
}

fn json(status: u16, value: &impl Serialize) -> Result<Reply, Problem> {
    match serde_json::to_string(value) {
        Ok(text) => Ok(Reply::Json(status, text)),
        Err(error) => Err(Problem::new(500, "bug", "The answer cannot be written", error.to_string())),
    }
}

pub(super) fn livez(_: &Asked) -> Result<Reply, Problem> {
    Ok(Reply::Page(200, TEXT, "alive\n".into()))
}

pub(super) fn readyz(asked: &Asked) -> Result<Reply, Problem> {
    Ok(match asked.deployments.ready() {
        Ok(()) => Reply::Page(200, TEXT, "ready\n".into()),
        Err((name, why)) => {
            let waits = asked.logs.last_warning(&name).map(|what| format!("; {what}")).unwrap_or_default();
            Reply::Page(503, TEXT, format!("not ready: deployment '{name}': {why}{waits}\n").into())
        }
    })
}

pub(super) fn metrics(asked: &Asked) -> Result<Reply, Problem> {
    Ok(Reply::Page(200, METRICS_PAGE, (asked.metrics)(&asked.deployments).into()))
}

pub(super) fn openapi(asked: &Asked) -> Result<Reply, Problem> {
    Ok(Reply::Page(200, JSON, asked.openapi.clone()))
}

pub(super) fn list(asked: &Asked) -> Result<Reply, Problem> {
    let mut deployments = asked.deployments.list()?;
    deployments.iter_mut().for_each(|deployment| asked.explain(deployment));
    json(200, &DeploymentList { deployments })
}

pub(super) fn show(asked: &Asked) -> Result<Reply, Problem> {
    let Some(version) = asked.query.get("version") else { return asked.shown(200) };
    let mut detail = asked.deployments.detail_of(asked.part("name"), version.parse().unwrap_or_default())?;
    asked.explain(&mut detail.deployment);
    json(200, &detail)
}

pub(super) fn put(asked: &Asked) -> Result<Reply, Problem> {
    let (name, text) = (asked.part("name"), asked.text()?);
    let resets = asked.query.get("reset").map(String::as_str).unwrap_or_default();
    let resets: Vec<String> =
        resets.split(',').map(str::trim).filter(|reset| !reset.is_empty()).map(str::to_owned).collect();
    if asked.is_set("plan") {
        return json(200, &asked.deployments.plan(name, text, &resets, asked.is_set("restore"))?);
    }
    let plan_digest = asked.query.get("plan_digest").cloned();
    let change = Change { plan_digest, resets, restore: asked.is_set("restore"), ..Change::default() };
    let changed = asked.deployments.deploy(name, text, &change)?;
    if asked.is_set("wait") {
        let since = clock::Stopwatch::start();
        while matches!(asked.deployments.is_settled(name), Ok(false)) && since.elapsed() < WAIT {
            clock::pause(LOOK_EVERY);
        }
    }
    asked.shown(if changed.is_new { 201 } else { 200 })
}

pub(super) fn delete(asked: &Asked) -> Result<Reply, Problem> {
    asked.deployments.drop_deployment(asked.part("name"), asked.is_set("purge"))?;
    Ok(Reply::Empty)
}

pub(super) fn pause(asked: &Asked) -> Result<Reply, Problem> {
    asked.deployments.pause(asked.part("name"))?;
    asked.shown(200)
}

pub(super) fn resume(asked: &Asked) -> Result<Reply, Problem> {
    asked.deployments.resume(asked.part("name"))?;
    asked.shown(200)
}

pub(super) fn rollback(asked: &Asked) -> Result<Reply, Problem> {
    let to = asked.query.get("to").and_then(|to| to.parse().ok());
    asked.deployments.rollback(asked.part("name"), to)?;
    asked.shown(200)
}

pub(super) fn accept_topic(asked: &Asked) -> Result<Reply, Problem> {
    let source = asked.query.get("source").ok_or_else(|| {
        Problem::bad_request("the parameter `source` is missing: it names a source of the deployment")
    })?;
    asked.deployments.accept_topic(asked.part("name"), source, asked.is_set("from_start"))?;
    asked.shown(200)
}

pub(super) fn savepoint(asked: &Asked) -> Result<Reply, Problem> {
    asked.deployments.savepoint(asked.part("name"))?;
    asked.shown(200)
}

pub(super) fn queries(asked: &Asked) -> Result<Reply, Problem> {
    json(200, &QueryList { queries: asked.deployments.queries()? })
}

pub(super) fn query(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("query");
    let found = asked.deployments.queries()?.into_iter().find(|query| query.name == name);
    json(200, &found.ok_or_else(|| Problem::not_found(format!("there is no query '{name}'")))?)
}

pub(super) fn rows(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("query");
    let (_, progress) = asked
        .deployments
        .progress(name)
        .map_err(|_| Problem::not_found(format!("there is no query '{name}'")))?;
    let rows = progress.recent();
    if !asked.is_set("follow") {
        let read = rows.map(|rows| rows.recent().last(asked.count("limit", 100)));
        return recent(&read.unwrap_or_default());
    }
    let none = || {
        let none = Arc::new(Recent::new(1));
        let watch = none.watch();
        (none, watch)
    };
    let (recent, watch) = rows.map_or_else(none, |rows| rows.follow());
    let from = match asked.last_event.as_deref().and_then(|key| recent.behind(key)) {
        Some(from) => from,
        None => begin(&recent.last(asked.count("limit", 0))),
    };
    Ok(Reply::Follow(Following { recent, watch, from, only: None, query: Some(name.to_owned()) }))
}

pub(super) fn dead_letters(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("query");
    let (subscription, progress) = asked
        .deployments
        .progress(name)
        .map_err(|_| Problem::not_found(format!("there is no query '{name}'")))?;
    let Some(letters) = &subscription.recent_letters else {
        return json(200, &Rows { rows: Vec::new(), dropped: 0 });
    };
    let mut read = letters.last(letters.items_max());
    read.items.retain(|item| item.key == progress.name());
    // Those that are not kept any more; a limit drops nothing.
    read.dropped = progress.counts().dead_letters.saturating_sub(read.items.len() as u64);
    let over = read.items.len().saturating_sub(asked.count("limit", 100));
    read.items.drain(..over);
    recent(&read)
}

pub(super) fn logs(asked: &Asked) -> Result<Reply, Problem> {
    let recent = asked.logs.recent();
    let only = asked.query.get("deployment").cloned();
    let last = |count: usize| {
        let mut read = recent.last(recent.items_max());
        read.items.retain(|item| only.as_ref().is_none_or(|only| is_about(&item.key, only)));
        let over = read.items.len().saturating_sub(count);
        read.items.drain(..over);
        read
    };
    if asked.is_set("follow") {
        let read = last(asked.count("limit", 0));
        let from = if read.items.is_empty() { read.next } else { begin(&read) };
        let (recent, watch) = (recent.clone(), recent.watch());
        return Ok(Reply::Follow(Following { recent, watch, from, only, query: None }));
    }
    self::recent(&last(asked.count("limit", 100)))
}

fn begin(read: &Read) -> u64 {
    read.items.first().map_or(read.next, |item| item.number)
}

fn recent(read: &Read) -> Result<Reply, Problem> {
    let mut bytes = 0;
    // The newest, as far as one answer has room for them.
    let shown = read.items.iter().rev().take_while(|Item { json, .. }| {
        bytes += json.len();
        bytes <= ANSWER_BYTES_MAX
    });
    // Each is a JSON object.
    let mut rows: Vec<Box<RawValue>> =
        shown.filter_map(|item| RawValue::from_string(item.json.clone()).ok()).collect();
    rows.reverse();
    let cut = (read.items.len() - rows.len()) as u64;
    json(200, &Rows { rows, dropped: read.dropped + cut })
}

pub(super) fn plugins(asked: &Asked) -> Result<Reply, Problem> {
    let plugins = asked.deployments.uploaded()?;
    let plugins = plugins.into_iter().map(|(uploaded, used_by)| shapes::Plugin {
        name: uploaded.name,
        sha256: uploaded.sha256,
        bytes: uploaded.bytes,
        used_by,
    });
    json(200, &PluginList { plugins: plugins.collect() })
}

pub(super) fn plugin(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("plugin");
    let found = asked.deployments.uploaded()?.into_iter().find(|(uploaded, _)| uploaded.name == name);
    let (uploaded, used_by) =
        found.ok_or_else(|| Problem::not_found(format!("there is no plugin '{name}'")))?;
    json(
        200,
        &shapes::Plugin { name: uploaded.name, sha256: uploaded.sha256, bytes: uploaded.bytes, used_by },
    )
}

pub(super) fn put_plugin(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("plugin");
    if !is_plugin_name(name) {
        let detail =
            format!("'{name}' can be no name of a plugin: use 1 to 64 letters, digits, '_', '-' and '.'");
        return Err(Problem::new(422, "name", "The name cannot be used", detail));
    }
    if !is_component(&asked.body) {
        let detail = "the bytes are no WebAssembly component; `streamgauge plugin build` makes one";
        return Err(Problem::new(422, "component", "The component cannot be used", detail));
    }
    let name = name.strip_suffix(".wasm").unwrap_or(name);
    let uploaded = asked.deployments.upload(name, &asked.body)?;
    json(
        200,
        &shapes::Plugin {
            name: uploaded.name,
            sha256: uploaded.sha256,
            bytes: uploaded.bytes,
            used_by: Vec::new(),
        },
    )
}

pub(super) fn delete_plugin(asked: &Asked) -> Result<Reply, Problem> {
    let name = asked.part("plugin");
    match is_plugin_name(name) && asked.deployments.remove_plugin(name)? {
        true => Ok(Reply::Empty),
        false => Err(Problem::not_found(format!("there is no plugin '{name}'"))),
    }
}
