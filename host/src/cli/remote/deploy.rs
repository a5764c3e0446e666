//! `streamgauge deploy`: query files to a host.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_sql::{SourceText, plugin};

use super::{HostOptions, Remote, Request, plan};
use crate::cli::{Failure, files, print, print_json, say};

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
        switch("restore", self.restore && !self.plan);
        switch("wait", self.wait && !self.plan);
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
        if self.json {
            return print_json(&answer.json);
        }
        if self.plan {
            return print(&plan::shown(&answer.json));
        }
        let text = |key: &str| answer.json.get(key).and_then(Value::as_str).unwrap_or_default();
        let version = answer.json.get("version").and_then(Value::as_u64).unwrap_or_default();
        say(&format!("deployment '{name}': version {version}, {}", text("state")));
        if self.wait {
            tell_failures(&answer.json)?;
        }
        Ok(())
    }
}

/// A deployment that has failed is a failure of the command that waited for it.
fn tell_failures(deployment: &Value) -> Result<(), Failure> {
    match deployment.get("state").and_then(Value::as_str) {
        Some("starting") => Err(Failure::Runtime(
            "error: not all sources are read after 60 s; `streamgauge logs` says what is waited for"
                .to_owned(),
        )),
        Some("failed") => {
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
