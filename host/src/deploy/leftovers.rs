//! State of queries that the program does not have any more: it is told of at each start, and a run is refused while rows wait in
//! it that nobody would send.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::message::{Message, Payload};
use streamgauge_sql::{Query, manifest::Manifest};
use streamgauge_state::{
    error::StateError,
    recovery::{self, Looked},
    store::Store,
};

use super::{Deployment, output_files::OUTPUTS};
use crate::{deliver::lines::CommitMarker, deploy::DeployError};

impl Deployment<'_> {
    /// Removes what is to be forgotten; gives the queries that the program does not have any more, by the identity of their
    /// state, and what people should know of them.
    ///
    /// # Errors
    /// Rows of such a query wait, or it cannot be known whether they do.
    pub(super) fn forget_and_list_leftovers(
        &self,
        tasks: &[&Query],
    ) -> Result<(BTreeMap<u128, String>, Vec<String>), DeployError> {
        let (mut left, mut notices) = (BTreeMap::new(), Vec::new());
        let Some(store) = &self.state else { return Ok((left, notices)) };
        let failed = |error: StateError| DeployError::Runtime(format!("error: {error}"));
        let runs = |folder: &Store| tasks.iter().any(|task| folder.is_of(&task.plan.manifest.name));
        for name in self.forget {
            match find(store, name).map_err(failed)? {
                Some((name, folder)) if runs(&folder) => {
                    return Err(DeployError::Usage(format!(
                        "error: --forget {name}: the program has this query\n\
                         help: to begin it anew, remove its state once: {}",
                        removal(store, &name)
                    )));
                }
                Some((name, folder)) => {
                    folder.remove().map_err(failed)?;
                    notices.push(format!("state of query '{name}' is removed, as --forget {name} says"));
                }
                None => notices.push(format!("--forget {name}: there is no state of a query '{name}'")),
            }
        }
        let has = delivered(store);
        let mut refused = Vec::new();
        for (name, folder) in store.folders().map_err(failed)? {
            if runs(&folder) || !recovery::is_state(&folder).map_err(failed)? {
                continue;
            }
            let gone = match self.program.queries.iter().any(|query| query.plan.manifest.name == name) {
                true => "no query of the program goes on from it",
                false => "the program does not have it any more",
            };
            match recovery::look(&folder).map(|looked| (looked.undelivered(&has), looked)) {
                // A start that was refused left it: nothing was decided.
                Ok((_, Looked { task: None, .. })) => {}
                Ok((0, Looked { identity, .. })) => {
                    notices.push(format!("state of query '{name}' is kept, but {gone}: --forget {name} removes it"));
                    left.insert(identity, name);
                }
                Ok((rows, _)) => refused.push(format!(
                    "error: query '{name}': {rows} rows of it were decided and are not known to be delivered, but {gone}\n\
                     help: run the program with this query once more, so that they are delivered; or add --forget {name} to drop them"
                )),
                Err(error) => refused.push(format!(
                    "error: query '{name}': {gone}, and whether rows of it wait cannot be known: {error}\n\
                     help: add --forget {name} to remove its state"
                )),
            }
        }
        match refused.is_empty() {
            true => Ok((left, notices)),
            false => Err(DeployError::Input(refused.join("\n"))),
        }
    }
}

/// The state of a query, by its name.
pub fn find(store: &Store, name: &str) -> Result<Option<(String, Store)>, StateError> {
    match store.existing(name)? {
        Some((name, folder)) if recovery::is_state(&folder)? => Ok(Some((name, folder))),
        _ => Ok(None),
    }
}

/// Up to which number files have the messages of a query, as its state calls it: what their markers say.
pub fn delivered(store: &Store) -> impl Fn(&str) -> u64 + use<> {
    let marks =
        store.local_folder().map(|folder| CommitMarker::all(&folder.join(OUTPUTS))).unwrap_or_default();
    move |name| marks.iter().filter_map(|(_, mark)| mark.sequences.get(name)).copied().max().unwrap_or(0)
}

/// The command that removes the state of a query.
pub(super) fn removal(store: &Store, name: &str) -> String {
    format!("streamgauge state rm --state {} {}", word(store.shown()), word(name))
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    match text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Rows that are decided for somebody who is not there.
pub(super) fn undelivered(
    manifest: &Manifest,
    query: &str,
    messages: &[Arc<Message>],
    why: &str,
) -> DeployError {
    let rows: u64 = messages.iter().map(|message| u64::from(message.rows)).sum();
    DeployError::Runtime(format!(
        "error: query '{}': {rows} rows of '{query}' were decided and not delivered, but {why}\n\
         help: run the program as it was once more, so that they are delivered; or choose another place for the state",
        manifest.name
    ))
}

/// Whether a message is only shown until a newer one comes: it is not owed to anybody.
pub(super) fn is_shown(message: &Message) -> bool {
    matches!(message.payload, Payload::Rows(_))
}
