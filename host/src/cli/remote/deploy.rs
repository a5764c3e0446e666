//! `streamgauge deploy`: query files to a host.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use streamgauge_common::{
    clock::{self, Stopwatch},
    hexadecimal::hexadecimal,
};
use streamgauge_sql::{SourceText, plugin};

use super::{HostOptions, Remote, Request, plan};
use crate::cli::{Failure, cells::plain, files, print, print_json, say};

/// How long sources are waited for.
const WAIT: Duration = Duration::from_secs(60);
/// After how long it is said what is waited for.
const TOLD_AFTER: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Options of `deploy`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// Query files; each becomes the deployment of its name without .sql, or with --name all become one
    #[arg(required = true, value_name = "FILE.sql")]
    files: Vec<PathBuf>,
    /// What the deployment is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    plan: bool,
    /// Do exactly the plan with this digest, which --plan has shown, or nothing
    #[arg(long, value_name = "DIGEST")]
    plan_digest: Option<String>,
    /// Remove the state of this query, which begins anew. Can be given several times
    #[arg(long, value_name = "QUERY")]
    reset: Vec<String>,
    /// Go on with the state of a deployment of this name that was dropped
    #[arg(long)]
    restore: bool,
    /// Wait until all sources are read
    #[arg(long)]
    wait: bool,
    /// What is answered, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let remote = Remote::new(&options.host)?;
    let texts = options.files.iter().map(|path| files::read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut given = options.files.iter().zip(&texts);
    if given.any(|(path, text)| files::is_stdin(path) && text.text.trim().is_empty()) {
        return Err(Failure::Input(
            "error: standard input is empty\nhelp: `docker exec` and `podman exec` pass it on with -i"
                .to_owned(),
        ));
    }
    match &options.name {
        Some(name) => options.deploy(&remote, name, &texts, &options.files),
        None => {
            for (path, text) in options.files.iter().zip(&texts) {
                let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| !files::is_stdin(path));
                let Some(name) = name else {
                    return Err(Failure::Usage(format!(
                        "error: '{}' is no name for a deployment\nhelp: give it one with --name",
                        path.display()
                    )));
                };
                options.deploy(&remote, name, std::slice::from_ref(text), std::slice::from_ref(path))?;
            }
            Ok(())
        }
    }
}

impl Options {
    fn deploy(
        &self,
        remote: &Remote,
        name: &str,
        texts: &[SourceText],
        paths: &[PathBuf],
    ) -> Result<(), Failure> {
        for (text, path) in texts.iter().zip(paths) {
            self.upload(remote, text, path)?;
        }
        let sql = texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n");
        let mut query = Vec::new();
        let mut switch = |name, is_set: bool| query.extend(is_set.then(|| (name, "true".to_owned())));
        switch("plan", self.plan);
        switch("restore", self.restore);
        if let Some(digest) = self.plan_digest.as_ref().filter(|_| !self.plan) {
            query.push(("plan_digest", digest.clone()));
        }
        if !self.reset.is_empty() {
            query.push(("reset", self.reset.join(",")));
        }
        let answer = remote.ask_all(Request {
            method: Method::PUT,
            path: &["deployments", name],
            query: &query,
            body: Some(("application/sql", sql.clone().into_bytes())),
        })?;
        let sent = match texts {
            [one] => one.clone(),
            _ => SourceText { name: format!("{name}.sql"), text: sql },
        };
        if !(200..300).contains(&answer.status) {
            if let Some(found) = answer.json.get("plan").filter(|_| !self.json) {
                say(&plan::shown(found));
            }
            return Err(remote.failure(&answer, std::slice::from_ref(&sent)));
        }
        if self.plan {
            return if self.json { print_json(&answer.json) } else { print(&plan::shown(&answer.json)) };
        }
        let deployment = if self.wait { self.settled(remote, name, answer.json)? } else { answer.json };
        match self.json {
            true => print_json(&deployment)?,
            false => say(&standing(name, &deployment)),
        }
        if self.wait { tell_failures(&deployment) } else { Ok(()) }
    }

    /// The deployment once all its sources are read, or after [`WAIT`]; meanwhile it says what is waited for.
    fn settled(&self, remote: &Remote, name: &str, mut deployment: Value) -> Result<Value, Failure> {
        let since = Stopwatch::start();
        let (mut told, mut is_first) = (String::new(), true);
        while state(&deployment) == "starting" && since.elapsed() < WAIT {
            if since.elapsed() >= TOLD_AFTER && !self.json {
                if std::mem::take(&mut is_first) {
                    say(&standing(name, &deployment));
                }
                let query = [("limit", "1".to_owned()), ("deployment", name.to_owned())];
                let answer = remote.ask(Request { query: &query, ..Request::get(&["logs"]) })?;
                let last = answer.json.pointer("/rows/0/message").and_then(Value::as_str).unwrap_or_default();
                if last != told {
                    last.clone_into(&mut told);
                    say(&format!("it waits: {}", plain(last)));
                }
            }
            clock::pause(LOOK_EVERY);
            deployment = remote.ask(Request::get(&["deployments", name]))?.json;
        }
        Ok(deployment)
    }
}

fn state(deployment: &Value) -> &str {
    deployment.get("state").and_then(Value::as_str).unwrap_or_default()
}

/// Which version there is, and how it is.
fn standing(name: &str, deployment: &Value) -> String {
    let version = deployment.get("version").and_then(Value::as_u64).unwrap_or_default();
    format!("deployment '{name}': version {version}, {}", state(deployment))
}

/// A deployment that has failed is a failure of the command that waited for it.
fn tell_failures(deployment: &Value) -> Result<(), Failure> {
    match state(deployment) {
        "starting" => Err(Failure::Runtime(
            "error: not all sources are read after 60 s; `streamgauge logs` says what is waited for"
                .to_owned(),
        )),
        "failed" => {
            let why = deployment.get("reason").and_then(Value::as_str).unwrap_or_default();
            Err(Failure::Runtime(format!("error: {why}")))
        }
        _ => Ok(()),
    }
}

impl Options {
    /// Uploads the components that a file names, as far as the host does not have them. Where only a plan is asked for, none of the host's is
    /// replaced.
    fn upload(&self, remote: &Remote, text: &SourceText, path: &Path) -> Result<(), Failure> {
        for from in plugin::named(std::slice::from_ref(text)) {
            if from.starts_with(plugin::REGISTRY) {
                continue;
            }
            let file = path.parent().unwrap_or(Path::new("")).join(&from);
            // It may be in the host's folder: the host says if it is not there.
            let Ok(bytes) = fs::read(&file) else { continue };
            let name = Path::new(&from).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = name.strip_suffix(".wasm").unwrap_or(name);
            let has = remote.ask_all(Request::get(&["plugins", name]))?;
            let sha256 = hexadecimal(&Sha256::digest(&bytes));
            if has.status == 200 && has.json.get("sha256").and_then(Value::as_str) == Some(&sha256) {
                continue;
            }
            if self.plan && has.status == 200 {
                say(&format!(
                    "plugin '{name}' of the host differs from {}: the plan is made with that of the host, and a deploy uploads this one",
                    file.display()
                ));
                continue;
            }
            let request = Request {
                method: Method::PUT,
                path: &["plugins", name],
                query: &[],
                body: Some(("application/wasm", bytes)),
            };
            remote.ask(request)?;
            say(&format!("plugin '{name}' is uploaded: {}", file.display()));
        }
        Ok(())
    }
}
