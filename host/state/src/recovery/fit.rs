//! Whether a query could go on from what is kept, without taking it from a process that uses it.

use super::check_newest;
use crate::{
    error::StateError,
    fingerprint::{self, StateFingerprint},
    store::Store,
};

/// How a query and what is kept under its name fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Nothing is kept.
    New,
    /// It goes on from it.
    Same,
    /// It was kept when the query meant something else: what is different.
    Changed(String),
}

/// Compares a query with what is kept in its folder.
///
/// # Errors
/// What is kept cannot be read, or is damaged.
pub fn fit(store: &Store, fingerprint: &StateFingerprint) -> Result<Fit, StateError> {
    if !fingerprint::is_there(store)? {
        return Ok(Fit::New);
    }
    let compared = fingerprint::compare(store, fingerprint)
        .and_then(|identity| check_newest(store, identity, fingerprint));
    match compared {
        Ok(()) => Ok(Fit::Same),
        Err(StateError::Changed { changes, .. }) => Ok(Fit::Changed(changes)),
        Err(error) => Err(error),
    }
}
