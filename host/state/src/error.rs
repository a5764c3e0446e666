//! What can be wrong with kept state, by what the reader must do.

use std::io;

use thiserror::Error;

/// The state cannot be used, or not be written. Nothing is ever started empty instead.
#[derive(Debug, Error)]
pub enum StateError {
    /// The place is not one; the command line is to be changed.
    #[error("cannot keep state in {place:?}: {why}")]
    Place {
        /// As it was given.
        place: String,
        /// Why, and what would do.
        why: String,
    },
    /// A file or folder of a local place; the disk or its rights are to be looked at.
    #[error("cannot {doing} {file:?}: {cause}")]
    File {
        /// A verb.
        doing: &'static str,
        /// The path.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// An object of any place; the disk or the network is to be looked at.
    #[error("cannot {doing} {file:?}: {cause}")]
    Object {
        /// A verb.
        doing: &'static str,
        /// The path.
        file: String,
        /// What the store says.
        cause: Box<object_store::Error>,
    },
    /// What was to be created is there: somebody else was quicker.
    #[error("{file:?} exists already")]
    Exists {
        /// The path.
        file: String,
    },
    /// Another process has the directory; it is to be ended first.
    #[error("the state in {folder:?} is in use by {by}")]
    InUse {
        /// The directory.
        folder: String,
        /// Whom, for people.
        by: String,
    },
    /// Another process has taken over; this one must end and send nothing more.
    #[error("another streamgauge runs with this state: it wrote {file:?}; this one must end")]
    Fenced {
        /// The path.
        file: String,
    },
    /// Not what was written; a backup or another place is needed.
    #[error("{file:?} is damaged at byte {at}: {what}; {help}")]
    Damaged {
        /// The path.
        file: String,
        /// Where, in bytes from its start.
        at: u64,
        /// What is wrong.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A part of the log is not there; a backup or another place is needed.
    #[error("{folder:?} lacks {what}; {help}")]
    Missing {
        /// Where it should be.
        folder: String,
        /// What should be there.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// There are checkpoints, and none is intact; a backup or another place is needed.
    #[error("no checkpoint in {folder:?} is intact: {why}; {help}")]
    NoneIntact {
        /// Where they are.
        folder: String,
        /// What is wrong with each.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// Written by another version of streamgauge.
    #[error(
        "{file:?} has format {found}, this streamgauge reads format {known}: start the version that wrote it, or choose \
         another place for the state"
    )]
    Version {
        /// The path.
        file: String,
        /// The file's format.
        found: u32,
        /// The format that is known.
        known: u32,
    },
    /// Written for another query, or for this one when it meant something else.
    #[error(
        "{file:?} belongs to another query: put the file where it was, or choose another place for the state"
    )]
    Foreign {
        /// The path.
        file: String,
    },
    /// Written for this query when it meant something else.
    #[error("the query is not the one that {file:?} was written for: {changes}")]
    Changed {
        /// The path.
        file: String,
        /// What is different.
        changes: String,
    },
    /// More than a container takes.
    #[error("{what} has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        bytes_max: u64,
    },
    /// Writing failed before: what is on the disk is not known any more, so it must be opened again.
    #[error("the log in {folder:?} takes nothing more: {why}")]
    Broken {
        /// Where it is.
        folder: String,
        /// What failed.
        why: String,
    },
}

/// What to do about a file that is not what was written.
pub(super) const HELP: &str = "bring it back from a backup, or choose another place for the state";

impl StateError {
    /// For `map_err`: a file could not be read, written and the like.
    pub(super) fn file(doing: &'static str, file: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_string();
        move |cause| Self::File { doing, file, cause }
    }

    /// A file is not what was written.
    pub(super) fn damaged(file: impl ToString, at: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_string(), at, what: what.into(), help: HELP }
    }

    /// Whether a file is not what was written, so that an older one may do.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. })
    }
}
