//! `streamgauge logs`: what a host tells.

use clap::Args;
use serde_json::Value;

use super::{
    HostOptions, Remote, Request,
    follow::{Event, kept},
};
use crate::cli::{Failure, cells::plain, print, say};

/// Options of `logs`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// Only lines about this deployment
    deployment: Option<String>,
    /// Wait for more lines
    #[arg(short, long)]
    follow: bool,
    /// How many lines that came before are shown first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(..=1000))]
    lines: u16,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let remote = Remote::new(&options.host)?;
    let mut query = vec![("limit", options.lines.to_string())];
    query.extend(options.deployment.iter().map(|name| ("deployment", name.clone())));
    let show = |line: &str| match options.json {
        true => print(&format!("{line}\n")),
        false => print(&shown(line)),
    };
    if !options.follow {
        let answer = remote.ask(Request { query: &query, ..Request::get(&["logs"]) })?;
        let lines = kept(&answer.text);
        if let Some(name) = options.deployment.as_ref().filter(|_| lines.is_empty()) {
            remote.ask(Request::get(&["deployments", name]))?;
            say(&format!("there are no lines about '{name}' since the host started"));
        }
        return lines.iter().try_for_each(|item| show(item.get()));
    }
    remote.follow(&["logs"], &query, |event| {
        match event {
            Event::Data(line) => show(&line)?,
            Event::Dropped(count) => {
                say(&format!("{count} lines came faster than they were read, and are not shown"))
            }
        }
        Ok(false)
    })
}

/// Time, level and message, and what can be done below it.
fn shown(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let text = |key: &str| plain(line.get(key).and_then(Value::as_str).unwrap_or_default());
    let help = match text("help") {
        help if help.is_empty() => String::new(),
        help => format!("  help: {help}\n"),
    };
    format!("{} {:<5} {}\n{help}", text("timestamp"), text("level"), text("message"))
}
