//! Whether the files that a query reads are those that its state has read: a state goes on in the same file only.

use std::{collections::BTreeMap, io, sync::Arc};

use streamgauge_common::partition::Partition;
use streamgauge_state::{
    inputs::{self, KnownFile, KnownFiles},
    manifest::{PartitionProgress, TaskManifest},
    store::Store,
};
use tracing::warn;

use super::Deployment;
use crate::{
    deploy::DeployError,
    pipeline,
    source::input_file::{FileChange, InputFile, InputFiles},
};

/// The files of a query with the partitions that they are, as far as they can be compared.
fn comparable(files: &InputFiles) -> impl Iterator<Item = (Partition, &InputFile)> {
    let files = files.iter().map(|(number, file)| (pipeline::INPUT.partition(number), file));
    files.filter(|(_, file)| file.is_comparable())
}

/// What people are told of a query that has finished.
pub(super) fn over(query: &str) -> String {
    format!("query '{query}' came to the end of its input in an earlier run with this state: nothing is read")
}

/// The same, where its files are not what they were.
pub(super) fn finished(
    query: &str,
    files: &InputFiles,
    store: &Store,
) -> Result<Option<String>, DeployError> {
    let known = read(query, store)?;
    let mut changes = Vec::new();
    for (partition, file) in comparable(files) {
        let path = file.path.display();
        let Some(known) = known.get(&partition) else {
            changes.extend((!known.is_empty()).then(|| format!("'{path}' was no input then")));
            continue;
        };
        let change = match file.change(known) {
            Ok(change) => change,
            Err(cause) => {
                changes.push(format!("'{path}' cannot be read: {cause}"));
                continue;
            }
        };
        match change {
            FileChange::Same => {}
            FileChange::Grown(more) => changes.push(format!("'{path}' has grown by {more} bytes since")),
            FileChange::Other(length) => changes.push(format!(
                "'{path}' is another file than it was: it has {length} bytes, and the {} bytes that were read are not its first",
                known.length
            )),
            FileChange::Missing => changes.push(format!("'{path}' is not there any more")),
        }
    }
    let help =
        "name another --state to read its files from their starts; what goes on for ever is read from Kafka";
    Ok((!changes.is_empty())
        .then(|| format!("{}, though {}\nhelp: {help}", over(query), changes.join(", and "))))
}

impl Deployment<'_> {
    /// Refuses to go on from a state in files that are not those that it has read, and keeps what they are now.
    pub(super) fn check_and_write_inputs(
        &self,
        query: &str,
        files: &InputFiles,
        store: &Store,
        saved: Option<&TaskManifest>,
    ) -> Result<(), DeployError> {
        let known = read(query, store)?;
        let is_read = |partition: &Partition| {
            let progress = saved.and_then(|saved| saved.offsets.get(partition));
            progress.is_some_and(|&PartitionProgress { next, done }| next.0 > 0 || done)
        };
        let mut now = KnownFiles::new();
        for (partition, file) in comparable(files) {
            let failed = |cause: io::Error| unreadable(file, &cause);
            if let Some(known) = known.get(&partition).filter(|_| is_read(&partition)) {
                let change = file.change(known).map_err(failed)?;
                let (there, then) = (file.path.display(), known.length);
                let why = match change {
                    FileChange::Same | FileChange::Grown(_) => None,
                    FileChange::Missing => {
                        Some(format!("'{there}' is not there, and {then} bytes of it were before"))
                    }
                    FileChange::Other(length) if length < then => {
                        Some(format!("'{there}' has {length} bytes, and had {then} before"))
                    }
                    FileChange::Other(length) => Some(format!(
                        "'{there}' is another file than it was: it has {length} bytes, and the {then} bytes that it had are not its first"
                    )),
                };
                if let Some(why) = why {
                    return Err(self.other_file(query, &why, known));
                }
            }
            now.insert(partition, file.now().map_err(failed)?);
        }
        if now == known || now.is_empty() {
            return Ok(());
        }
        inputs::write(store, &now).map_err(|error| failed(query, &error))
    }

    fn other_file(&self, query: &str, why: &str, known: &KnownFile) -> DeployError {
        let removal = |store| self.advice.removal(self.name, store, query);
        let removal = self.state.as_ref().map(removal).unwrap_or_default();
        DeployError::Runtime(format!(
            "error: query '{query}': its state was in the middle of a file that is not what it was: {why}\n\
             help: bring the file back as it was, which was read as '{}'; or, to begin the query anew, first: {removal}",
            known.path
        ))
    }
}

/// Keeps what the files of a query were when their ends were reached.
pub(super) fn note_read(query: &str, files: &Arc<InputFiles>, store: &Store) {
    let read: Result<BTreeMap<Partition, KnownFile>, io::Error> = comparable(files)
        .filter_map(|(partition, file)| Some(file.as_read().transpose()?.map(|known| (partition, known))))
        .collect();
    let noted = read.map_err(|error| error.to_string()).and_then(|read| match read.is_empty() {
        true => Ok(()),
        false => inputs::write(store, &read).map_err(|error| error.to_string()),
    });
    if let Err(why) = noted {
        warn!(query, "query '{query}': how far its files were read is not kept: {why}");
    }
}

fn read(query: &str, store: &Store) -> Result<KnownFiles, DeployError> {
    inputs::read(store).map_err(|error| failed(query, &error))
}

fn failed(query: &str, error: &dyn std::fmt::Display) -> DeployError {
    DeployError::Runtime(format!("error: query '{query}': {error}"))
}

fn unreadable(file: &InputFile, cause: &io::Error) -> DeployError {
    DeployError::Input(format!("error: cannot read \"{}\": {cause}", file.path.display()))
}
