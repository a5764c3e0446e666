//! `streamgauge dead-letters`: what of a query's input could not be used.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::Value;

use super::{HostOptions, Remote, Request, follow::kept};
use crate::cli::{Failure, cells::plain, print, say};

/// Options of `dead-letters`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The query, DEPLOYMENT.QUERY, or the deployment: all of its queries
    query: String,
    /// How many at most of a query, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(..=1000))]
    letters: u16,
    /// A JSON object a dead letter
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let remote = Remote::new(&options.host)?;
    let limit = [("limit", options.letters.to_string())];
    let (mut dropped, mut seen) = (0, BTreeSet::new());
    for query in remote.queries(&options.query)? {
        let path = ["queries", query.as_str(), "dead-letters"];
        let answer = remote.ask(Request { query: &limit, ..Request::get(&path) })?;
        for letter in kept(&answer.text) {
            let line = if options.json { format!("{}\n", letter.get()) } else { shown(letter.get()) };
            // A record that cannot be read is a dead letter of each query that reads it.
            if seen.insert(line.clone()) {
                print(&line)?;
            }
        }
        dropped += answer.json.get("dropped").and_then(Value::as_u64).unwrap_or_default();
    }
    if seen.is_empty() {
        say(&format!("there are no dead letters of '{}' since the host started", options.query));
    }
    if dropped > 0 {
        say(&format!(
            "{dropped} older ones are not in memory any more; the source's option `dead_letters` keeps all of them in a file"
        ));
    }
    Ok(())
}

/// Where it is, why, and the record below it.
fn shown(letter: &str) -> String {
    let letter: Value = serde_json::from_str(letter).unwrap_or(Value::Null);
    let text = |key: &str| match letter.get(key) {
        Some(Value::String(text)) => plain(text),
        Some(Value::Null) | None => String::new(),
        Some(value) => plain(&value.to_string()),
    };
    let place = match text("offset") {
        none if none.is_empty() => text("source"),
        offset => format!("{} partition {} offset {offset}", text("source"), text("partition")),
    };
    format!("{place}: {}: {}\n  {}\n", text("reason"), text("message"), text("record"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_has_its_place_its_reason_and_its_record() {
        let letter = r#"{"source":"s","query":"q","partition":1,"offset":7,"reason":"wrong_type","message":"m","record":"{\"n\":\u001b}"}"#;
        assert_eq!(shown(letter), "s partition 1 offset 7: wrong_type: m\n  {\"n\":\u{fffd}}\n");
        let of_window = r#"{"source":"s","query":"q","reason":"evaluate","message":"m","record":{"k":1}}"#;
        assert_eq!(shown(of_window), "s: evaluate: m\n  {\"k\":1}\n");
    }
}
