//! What a source connector is: it states the options of its WITH, says what it would refuse before a program runs, and says what
//! is read.

use std::{collections::BTreeMap, path::PathBuf};

use streamgauge_kafka::{ClientError, Connection, Depth};
use streamgauge_sql::{
    catalog::WrongOption,
    connector::OptionSpec,
    manifest::{OptionValue, Source},
};

/// Gives a secret by its name; an error says what to do about it.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// A kind of source. Each is one file of [`connectors`](super::connectors); nothing else tells sources apart by name.
pub trait SourceConnector: Send + Sync {
    /// What `connector = '...'` says, in lower case.
    fn name(&self) -> &str;

    /// What WITH takes beside `connector` and what all sources take, in the order in which messages list it.
    fn options(&self) -> Vec<OptionSpec>;

    /// What of bound options a run would refuse, beside what [`options`](Self::options) says.
    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, depth: Depth) -> Option<WrongOption> {
        let _ = (options, depth);
        None
    }

    /// The files that a source names as its input; none where it is not read from files.
    fn files(&self, source: &Source) -> Vec<PathBuf> {
        let _ = source;
        Vec::new()
    }

    /// What is read.
    ///
    /// # Errors
    /// Its options cannot be used, or a secret is not there.
    fn open(&self, source: &Source, secrets: Secrets<'_>) -> Result<SourceInput, ClientError>;
}

/// What a source reads.
#[derive(Clone, Debug)]
pub enum SourceInput {
    /// Files, to their ends; each is a partition.
    Files(Vec<PathBuf>),
    /// The partitions of a topic.
    Topic(Connection, String),
}
