//! `streamgauge pause`, `resume` and `savepoint`; what else changes a deployment is asked for in the same way.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{HostOptions, Remote, Request};
use crate::cli::{Failure, print_json, say};

/// Options of these commands, and of others that change a deployment.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The deployment
    name: String,
    /// What is answered, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options, change: &str, done: &str) -> Result<(), Failure> {
    ask(options, change, &[], done)
}

/// Asks for a change with parameters.
pub(super) fn ask(
    options: &Options,
    change: &str,
    query: &[(&str, String)],
    done: &str,
) -> Result<(), Failure> {
    let name = options.name.as_str();
    let request = Request { method: Method::POST, path: &["deployments", name, change], query, body: None };
    let answer = Remote::new(&options.host)?.ask(request)?;
    if options.json {
        return print_json(&answer.json);
    }
    let version = answer.json.get("version").and_then(Value::as_u64).unwrap_or_default();
    let savepoints =
        answer.json.get("savepoints").and_then(Value::as_array).filter(|_| change == "savepoint");
    match savepoints.and_then(|all| all.iter().filter_map(|one| one.get("number")?.as_u64()).max()) {
        Some(number) => say(&format!("deployment '{name}' has savepoint {number}, of version {version}")),
        None => say(&format!("deployment '{name}' {done}: version {version}")),
    }
    Ok(())
}
