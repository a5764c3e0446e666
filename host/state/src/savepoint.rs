//! Copies of the states of a deployment: taken and restored while none of its queries runs.
//!
//! A savepoint is a folder of `+savepoints` in the deployment's folder. It holds a copy of each query's folder and of `statements`. What
//! files hold (`+outputs`) is no part of it: files are appended to, never cut.

use super::{error::StateError, recovery, statements, store::Store, timeline};

/// The folder of all savepoints, in that of the deployment.
const FOLDER: &str = "+savepoints";

/// On which timeline queries go on whose states are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeline {
    /// A new one: what was decided since then comes again.
    New,
    /// The same: nothing was decided since then.
    Same,
}

/// Copies the states of a deployment. One of this number that was not copied to its end is copied anew.
///
/// # Errors
/// They cannot be read or written.
pub fn take(deployment: &Store, number: u64) -> Result<(), StateError> {
    remove(deployment, number)?;
    copy(deployment, &folder(deployment, number)?)
}

/// Brings the states of a deployment back as a savepoint holds them. Killed meanwhile, it is to be done again.
///
/// # Errors
/// They cannot be read or written.
pub fn restore(deployment: &Store, number: u64, on: Timeline) -> Result<(), StateError> {
    let Some((_, savepoint)) = deployment.part(FOLDER)?.existing(&number.to_string())? else {
        return Err(StateError::Missing {
            folder: deployment.shown().to_owned(),
            what: format!("savepoint {number}"),
            help: "bring it back from a backup, or deploy the text again",
        });
    };
    for (_, query) in deployment.folders()? {
        if recovery::is_state(&query)? {
            query.remove()?;
        }
    }
    copy(&savepoint, deployment)?;
    for (_, query) in deployment.folders()? {
        if on == Timeline::New && recovery::is_state(&query)? {
            timeline::begin(&query)?;
        }
    }
    Ok(())
}

/// Whether there is a savepoint of this number.
///
/// # Errors
/// They cannot be listed.
pub fn is_there(deployment: &Store, number: u64) -> Result<bool, StateError> {
    Ok(deployment.part(FOLDER)?.existing(&number.to_string())?.is_some())
}

/// Removes a savepoint; it may be gone already.
///
/// # Errors
/// It cannot be removed.
pub fn remove(deployment: &Store, number: u64) -> Result<(), StateError> {
    folder(deployment, number)?.remove_tree()
}

/// Removes the savepoints of a deployment whose numbers are not among `kept`.
///
/// # Errors
/// They cannot be listed or removed.
pub fn remove_all_but(deployment: &Store, kept: &[u64]) -> Result<(), StateError> {
    for (name, savepoint) in deployment.part(FOLDER)?.folders()? {
        let is_kept = name.parse().is_ok_and(|number| kept.contains(&number));
        if !is_kept {
            savepoint.remove_tree()?;
        }
    }
    Ok(())
}

/// Removes all savepoints of a deployment.
///
/// # Errors
/// They cannot be removed.
pub fn remove_all(deployment: &Store) -> Result<(), StateError> {
    deployment.part(FOLDER)?.remove_tree()
}

fn folder(deployment: &Store, number: u64) -> Result<Store, StateError> {
    deployment.part(FOLDER)?.folder(&number.to_string())
}

fn copy(from: &Store, to: &Store) -> Result<(), StateError> {
    // The names of statements first: states without them would be taken for those of other statements.
    from.copy_object(statements::NAME, to)?;
    for (name, query) in from.folders()? {
        if recovery::is_state(&query)? {
            query.copy_objects(&to.folder(&name)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_comes_back_whatever_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        for store in [Store::open(place.to_str().unwrap()).unwrap(), Store::memory().unwrap()] {
            let deployment = store.folder("d").unwrap();
            let query = deployment.folder("q").unwrap();
            let begin = |query: &Store, log: &[u8]| {
                query.put("query", b"SGQUERY\0 and more".to_vec()).unwrap();
                query.put("log-1", log.to_vec()).unwrap();
            };
            begin(&query, b"old");
            deployment.put(statements::NAME, b"names".to_vec()).unwrap();
            take(&deployment, 1).unwrap();
            if let Some(local) = query.local_folder() {
                // As a log grows: in place.
                std::fs::write(local.join("log-1"), "grown").unwrap();
            }
            begin(&query, b"newer");
            begin(&deployment.folder("other").unwrap(), b"x");
            deployment.put(statements::NAME, b"others".to_vec()).unwrap();
            take(&deployment, 2).unwrap();
            restore(&deployment, 1, Timeline::Same).unwrap();
            let names: Vec<String> =
                deployment.folders().unwrap().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["q"]);
            assert_eq!(query.get("log-1").unwrap().unwrap(), "old");
            assert_eq!(deployment.get(statements::NAME).unwrap().unwrap(), "names");
            assert_eq!(query.get(timeline::NAME).unwrap(), None);
            restore(&deployment, 2, Timeline::New).unwrap();
            assert_eq!(query.get("log-1").unwrap().unwrap(), "newer");
            assert_eq!(deployment.folders().unwrap().len(), 2);
            let first = query.get(timeline::NAME).unwrap().unwrap();
            restore(&deployment, 2, Timeline::New).unwrap();
            assert_ne!(query.get(timeline::NAME).unwrap().unwrap(), first);
            remove(&deployment, 2).unwrap();
            remove(&deployment, 2).unwrap();
            assert!(is_there(&deployment, 1).unwrap() && !is_there(&deployment, 2).unwrap());
            assert!(restore(&deployment, 2, Timeline::Same).is_err());
            assert_eq!(deployment.folders().unwrap().len(), 2, "nothing was removed");
            restore(&deployment, 1, Timeline::Same).unwrap();
            remove_all(&deployment).unwrap();
            assert_eq!(deployment.folders().unwrap().len(), 1, "the states stay");
        }
    }
}
