//! What a program would do to the states that are kept, before anything is done.

use std::collections::BTreeMap;

use streamgauge_engine::StateVersions;
use streamgauge_kafka::{StartAt, count_records};
use streamgauge_sql::{
    Query,
    manifest::{Input, Manifest, Source},
};
use streamgauge_state::{
    error::StateError,
    fingerprint::StateFingerprint,
    recovery::{self, Fit},
    store::Store,
};

use super::{
    DeployError, Deployment, identity,
    leftovers::delivered,
    needed::{check_chains, needed},
    operators,
};
use crate::source::connector::SourceInput;

/// What becomes of the state of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Keep,
    /// There is none: the query begins.
    Begin,
    /// It was made when the query meant something else, and does not fit: what is different.
    Reset(String),
    /// The program does not have the query any more.
    Drop,
}

/// Whether it is asked how many records are read again: brokers take a while to say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It is.
    Asked,
    /// It is not.
    Unasked,
}

/// Where a query begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadsFrom {
    /// At the oldest record.
    Earliest,
    /// At the records that come.
    Latest,
    /// At an event time, in microseconds since the epoch.
    Time(i64),
}

/// What becomes of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedQuery {
    /// Its name, as the state has it.
    pub name: String,
    /// What becomes of its state.
    pub action: Action,
    /// The source that it reads.
    pub source: String,
    /// Where it begins to read, where it begins.
    pub reads_from: Option<ReadsFrom>,
    /// How many records it reads again from there; none where nobody asked, or the broker gave no answer.
    pub records: Option<u64>,
    /// Queries that read its rows: they go with it.
    pub readers: Vec<String>,
    /// Rows of its state that are decided and not delivered.
    pub undelivered: u64,
}

impl Deployment<'_> {
    /// What running this program would do to the states of its store. Nothing is changed. `counts` says whether brokers are asked.
    ///
    /// # Errors
    /// A program that no state can be kept for; states that cannot be read.
    pub fn plan(&self, counts: Counts) -> Result<Vec<PlannedQuery>, DeployError> {
        let Some(store) = &self.state else { return Ok(Vec::new()) };
        let named = identity::name(self.program, store)?;
        let program = &named.program;
        let needed = needed(program);
        check_chains(&needed)?;
        let has = delivered(store);
        let mut planned = Vec::new();
        for source in &program.sources {
            let reads = |query: &&&Query| query.plan.manifest.input == Input::Source(source.name.clone());
            let tasks: Vec<&Query> = needed.iter().filter(reads).copied().collect();
            let begin = self.start(source, &tasks);
            for task in &tasks {
                let manifest = &task.plan.manifest;
                let action = self.action(manifest, source, store, &needed)?;
                let begins = !matches!(action, Action::Keep);
                let reads_from = begins.then_some(match begin.start {
                    StartAt::Earliest => ReadsFrom::Earliest,
                    StartAt::Latest => ReadsFrom::Latest,
                    StartAt::Time(time_us) => ReadsFrom::Time(time_us),
                });
                planned.push(PlannedQuery {
                    name: manifest.name.clone(),
                    action,
                    source: source.name.clone(),
                    reads_from,
                    records: reads_from
                        .filter(|_| counts == Counts::Asked)
                        .and_then(|_| self.records(source, begin.start)),
                    readers: readers(manifest, &needed),
                    undelivered: 0,
                });
            }
        }
        let folders = store.folders().map_err(|error| failed(&error))?;
        for (name, folder) in folders {
            let runs = planned.iter_mut().find(|query| folder.is_of(&query.name));
            if !recovery::is_state(&folder).map_err(|error| failed(&error))? {
                continue;
            }
            let undelivered = match recovery::look(&folder) {
                Err(error) if is_broken(&error) => 0,
                looked => looked.map_err(|error| failed(&error))?.undelivered(&has),
            };
            match runs {
                Some(query) => query.undelivered = undelivered,
                None => planned.push(PlannedQuery {
                    name,
                    action: Action::Drop,
                    source: String::new(),
                    reads_from: None,
                    records: None,
                    readers: Vec::new(),
                    undelivered,
                }),
            }
        }
        Ok(planned)
    }

    fn action(
        &self,
        manifest: &Manifest,
        source: &Source,
        store: &Store,
        needed: &[&Query],
    ) -> Result<Action, DeployError> {
        let open = self.opener(manifest);
        let accumulators = open()
            .map_err(|fault| DeployError::Runtime(format!("error: query '{}': {fault}", manifest.name)))?;
        let versions: Vec<_> = accumulators.iter().map(|calls| StateVersions::of(&**calls)).collect();
        let fingerprint = StateFingerprint::of(manifest, Some(source), &versions);
        let Some((_, folder)) = store.existing(&manifest.name).map_err(|error| failed(&error))? else {
            return Ok(Action::Begin);
        };
        if !folder.is_of(&manifest.name) {
            return Ok(Action::Begin);
        }
        let fit = match recovery::fit(&folder, &fingerprint) {
            // Nothing can go on from it.
            Err(error) if is_broken(&error) => return Ok(Action::Reset(error.to_string())),
            fit => fit.map_err(|error| failed(&error))?,
        };
        Ok(match fit {
            Fit::New => Action::Begin,
            Fit::Same => match lost(&folder, &operators::kept(&[manifest], needed))? {
                Some(lost) => Action::Reset(lost),
                None => Action::Keep,
            },
            Fit::Changed(changes) => Action::Reset(changes),
        })
    }

    /// How many records are read from there on; none where that cannot be known now.
    fn records(&self, source: &Source, start: StartAt) -> Option<u64> {
        let connector = self.connectors.source(&source.connector)?;
        match connector.open(source, &*self.secrets).ok()? {
            SourceInput::Topic(connection, topic) => {
                self.check_brokers(source, &connection.brokers).ok()?;
                count_records(&connection, &topic, start)
            }
            SourceInput::Files(_) => None,
        }
    }
}

/// What a state holds of operators and windows over views that the program does not have; none where it has all.
fn lost(folder: &Store, kept: &BTreeMap<u64, String>) -> Result<Option<String>, DeployError> {
    let looked = recovery::look(folder).map_err(|error| failed(&error))?;
    let operators = looked.task.map(|task| task.operators).unwrap_or_default();
    let lost: Vec<&str> = operators
        .iter()
        .filter(|(id, _)| !kept.contains_key(id))
        .map(|(_, meaning)| meaning.as_str())
        .collect();
    Ok((!lost.is_empty()).then(|| format!("changed or gone: {}", lost.join("; "))))
}

/// Whether nothing can go on from a state.
fn is_broken(error: &StateError) -> bool {
    error.is_damage() || matches!(error, StateError::NoneIntact { .. })
}

fn failed(error: &StateError) -> DeployError {
    DeployError::Runtime(format!("error: {error}"))
}

/// The queries that read a query's rows, directly or through others.
fn readers(manifest: &Manifest, needed: &[&Query]) -> Vec<String> {
    let mut readers: Vec<String> = Vec::new();
    for query in needed {
        let read = query.plan.manifest.input.query();
        if read.is_some_and(|read| *read == manifest.name || readers.iter().any(|known| known == read)) {
            readers.push(query.plan.manifest.name.clone());
        }
    }
    readers
}
