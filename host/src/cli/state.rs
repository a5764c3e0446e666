//! `streamgauge state`: what is kept of queries, without a program.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use streamgauge_common::{clock, partition::Partition};
use streamgauge_state::{
    error::StateError,
    recovery::{self, AcceptError, Looked},
    store::Store,
};

use super::{Failure, print, say};
use crate::deploy::{delivered, find};

/// Options of `state`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is kept of each query: what it does, offsets, the newest checkpoint, rows that wait
    Ls(List),
    /// Remove what is kept of queries, with the rows that wait: they begin anew
    Rm(Remove),
    /// Let the queries of a source go on with its topic although it was deleted and made anew, or is another cluster's
    AcceptTopic(AcceptTopic),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// As one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Remove {
    #[command(flatten)]
    place: Place,
    /// The queries, as `state ls` names them
    #[arg(required = true, value_name = "QUERY")]
    names: Vec<String>,
}

#[derive(Debug, Args)]
struct AcceptTopic {
    #[command(flatten)]
    place: Place,
    /// The source, as the query file names it
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Read the new topic from its start; without it, from the offsets up to which the old one was read
    #[arg(long)]
    from_start: bool,
}

/// Where state is kept.
#[derive(Debug, Args)]
struct Place {
    /// The directory, or the URL of a bucket, that `run --state` was given. Stop the run before `rm` and `accept-topic`: with a
    /// bucket this is not checked
    #[arg(long, value_name = "DIR")]
    state: String,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Ls(list) => list.run(),
        Command::Rm(remove) => remove.run(),
        Command::AcceptTopic(accept) => accept.run(),
    }
}

/// What is known of one query.
struct Kept {
    name: String,
    looked: Result<Looked, StateError>,
    undelivered_rows: u64,
}

impl List {
    fn run(&self) -> Result<(), Failure> {
        let store = self.place.look()?;
        let kept = kept(&store).map_err(failed)?;
        if self.json {
            let kept: Vec<Value> = kept.iter().map(Kept::json).collect();
            return print(&format!("{}\n", Value::from(kept)));
        }
        if kept.is_empty() {
            say(&format!("there is no state of a query in '{}'", store.shown()));
        }
        kept.iter().try_for_each(|kept| print(&kept.text()))
    }
}

impl Remove {
    fn run(&self) -> Result<(), Failure> {
        // First without creating anything.
        self.place.look()?;
        let store = Store::open(&self.place.state).map_err(failed)?;
        let mut found = Vec::new();
        let names: BTreeSet<&String> = self.names.iter().collect();
        for name in names {
            found.push(find(&store, name).map_err(failed)?.ok_or_else(|| unknown(&store, name))?);
        }
        let has = delivered(&store);
        for (name, folder) in found {
            let rows = recovery::look(&folder).map(|looked| looked.undelivered(&has));
            folder.remove().map_err(failed)?;
            say(&match rows {
                Ok(0) => format!("state of query '{name}' is removed"),
                Ok(rows) => format!("state of query '{name}' is removed, and {rows} rows that waited in it"),
                Err(error) => format!("state of query '{name}' is removed, which could not be read: {error}"),
            });
        }
        Ok(())
    }
}

impl AcceptTopic {
    fn run(&self) -> Result<(), Failure> {
        // First without creating anything.
        self.place.look()?;
        let store = Store::open(&self.place.state).map_err(failed)?;
        let (mut sources, mut reading) = (BTreeSet::new(), Vec::new());
        for (name, folder) in store.folders().map_err(failed)? {
            if !recovery::is_state(&folder).map_err(failed)? {
                continue;
            }
            let source = recovery::source_of(&folder).map_err(failed)?;
            if source.eq_ignore_ascii_case(&self.source) {
                reading.push((name, folder));
            } else {
                sources.insert(source);
            }
        }
        if reading.is_empty() {
            let (source, shown) = (&self.source, store.shown());
            let there = match sources.into_iter().collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "there is no state of a query".to_owned(),
                sources => format!("queries there read {sources}"),
            };
            return Err(Failure::Input(format!(
                "error: no query whose state is in '{shown}' reads a source '{source}'\nhelp: {there}"
            )));
        }
        for (name, folder) in reading {
            let accepted = recovery::accept_topic(&folder, &name, self.from_start);
            let accepted = accepted.map_err(|error| match error {
                AcceptError::State(error) => failed(error),
                error => Failure::Input(format!(
                    "error: {error}\nhelp: streamgauge state rm --state {} {name}",
                    self.place.state
                )),
            })?;
            let from = if self.from_start { "from its start" } else { "at the offsets that it has" };
            say(&match accepted {
                true => format!("query '{name}' goes on with the topic that it finds, {from}"),
                false => format!("query '{name}' has no checkpoint: it begins anyway"),
            });
        }
        Ok(())
    }
}

impl Place {
    fn look(&self) -> Result<Store, Failure> {
        Store::look(&self.state).map_err(|error| {
            Failure::Input(format!("error: {error}\nhelp: name what `run --state` was given"))
        })
    }
}

fn kept(store: &Store) -> Result<Vec<Kept>, StateError> {
    let has = delivered(store);
    let mut all = Vec::new();
    for (name, folder) in store.folders()? {
        if recovery::is_state(&folder)? {
            let looked = recovery::look(&folder);
            let undelivered_rows = looked.as_ref().map_or(0, |looked| looked.undelivered(&has));
            all.push(Kept { name, looked, undelivered_rows });
        }
    }
    Ok(all)
}

fn unknown(store: &Store, name: &str) -> Failure {
    let there: Vec<String> = kept(store).into_iter().flatten().map(|kept| kept.name).collect();
    let there =
        if there.is_empty() { "there is none".to_owned() } else { format!("there is {}", there.join(", ")) };
    let shown = store.shown();
    Failure::Input(format!("error: there is no state of a query '{name}' in '{shown}'\nhelp: {there}"))
}

fn failed(error: StateError) -> Failure {
    Failure::Runtime(format!("error: {error}"))
}

impl Kept {
    fn text(&self) -> String {
        let looked = match &self.looked {
            Ok(looked) => looked,
            Err(error) => return format!("{}\n  cannot be read: {error}\n", self.name),
        };
        let mut lines = vec![self.name.clone(), looked.means.clone()];
        match &looked.task {
            None => lines.push("no checkpoint: nothing was decided".to_owned()),
            Some(saved) => {
                let offsets = saved
                    .offsets
                    .iter()
                    .map(|(partition, progress)| format!("{partition}:{}", progress.next));
                let end = if saved.finished { ", at its end" } else { "" };
                lines.push(format!("offsets {}{end}", offsets.collect::<Vec<_>>().join(" ")));
                lines.push(format!("checkpoint {} s ago", age_s(looked).unwrap_or(0)));
            }
        }
        lines.push(format!("{} rows not delivered", self.undelivered_rows));
        format!("{}\n", lines.join("\n  "))
    }

    fn json(&self) -> Value {
        let looked = match &self.looked {
            Ok(looked) => looked,
            Err(error) => return json!({"name": self.name, "error": error.to_string()}),
        };
        let saved = looked.task.as_ref();
        let offset =
            |(partition, progress): (&Partition, &streamgauge_state::manifest::PartitionProgress)| {
                (partition.to_string(), Value::from(progress.next.0))
            };
        let offsets: Map<String, Value> =
            saved.map(|saved| saved.offsets.iter().map(offset).collect()).unwrap_or_default();
        json!({
            "name": self.name,
            "means": looked.means,
            "offsets": offsets,
            "finished": saved.is_some_and(|saved| saved.finished),
            "checkpoint_age_s": age_s(looked),
            "undelivered_rows": self.undelivered_rows,
        })
    }
}

/// How old the newest checkpoint is, in seconds.
fn age_s(looked: &Looked) -> Option<i64> {
    looked.checkpoint_us.map(|us| clock::now_us().saturating_sub(us).max(0) / 1_000_000)
}
