//! What is kept of a deployment of a host, beside the states of its queries: its text, its earlier versions, and what a restart has to
//! finish.
//!
//! One object, `deployment`, in the folder of the deployment. It is replaced as a whole, and only while none of its queries runs, except
//! for `paused`. The changes that a version begins with (`reset`, `restore`) are made before it first runs; a process that is killed
//! meanwhile makes them again.
//!
//! ```text
//! "SGDEPLM\0"  format u32  paused u8  dropped (u8, i64)  reset count u64 {str}*  restore (u8, u64)
//! count u64  { number u64  deployed_us i64  savepoint (u8, u64)  text str  plugins count u64 { name str  sha256 str }*
//!              origin (u8, u64) }*
//! count u64  { number u64  taken_us i64  version u64  asked u8 }*  file (u8, u64)
//! trial u8 { paused u8  dropped (u8, i64)  failed u8 }  checksum u64
//! ```
//!
//! Format 1 has no `origin` and no `trial`.

use super::{
    bytes::{Malformed, Reader, Writer},
    error::StateError,
    object::ObjectLayout,
    store::Store,
};

const NAME: &str = "deployment";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGDEPLM\0", formats: 1..=2, other: "it is no deployment" };

/// What is kept of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentRecord {
    /// Whether it was paused.
    pub paused: bool,
    /// When it was dropped, in microseconds since the epoch; none = it was not.
    pub dropped_us: Option<i64>,
    /// Queries whose state is removed before the newest version first runs.
    pub reset: Vec<String>,
    /// The savepoint that is restored before the newest version first runs.
    pub restore: Option<u64>,
    /// Its versions, oldest first; the last one runs.
    pub versions: Vec<Version>,
    /// Its savepoints, oldest first.
    pub savepoints: Vec<Savepoint>,
    /// The checksum of the file from which it was deployed last; none = it never came from a file of the folder.
    pub file: Option<u64>,
    /// There while the newest version has not been put together yet: where that fails, the version before it comes back.
    pub trial: Option<Trial>,
}

/// What a version that cannot be put together gives back, beside the states in its savepoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Whether the deployment was paused before.
    pub paused: bool,
    /// When it had been dropped, in microseconds since the epoch; none = it was not.
    pub dropped_us: Option<i64>,
    /// Whether the version could not be put together: what was before is being brought back.
    pub failed: bool,
}

/// A text that was deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// From 1; no number is given twice.
    pub number: u64,
    /// When it was deployed, in microseconds since the epoch.
    pub deployed_us: i64,
    /// The savepoint of the version before, taken when this one was deployed; none where there was nothing.
    pub savepoint: Option<u64>,
    /// The SQL.
    pub text: String,
    /// The components that it names, by the name in FROM, with the SHA-256 of their bytes as they were when it was deployed.
    pub plugins: Vec<(String, String)>,
    /// The version that it repeats, where it came of a rollback; never one that came of a rollback itself.
    pub origin: Option<u64>,
}

/// A copy of the states of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Savepoint {
    /// From 1; no number is given twice.
    pub number: u64,
    /// When it was taken, in microseconds since the epoch.
    pub taken_us: i64,
    /// The version whose states it holds.
    pub version: u64,
    /// Whether somebody asked for it; the others are taken at each change.
    pub asked: bool,
}

impl DeploymentRecord {
    /// The version that runs.
    pub fn current(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The number of the version behind the newest.
    pub fn next_version(&self) -> u64 {
        self.versions.iter().map(|version| version.number).max().unwrap_or_default() + 1
    }

    /// The version that a rollback goes to: the one before the newest or, where that came of a rollback, before the one that it repeats.
    pub fn before_current(&self) -> Option<&Version> {
        let current = self.current()?;
        let at = current.origin.unwrap_or(current.number);
        self.versions.iter().rev().find(|version| version.number < at)
    }

    /// The newest savepoint that holds the states of a version.
    pub fn savepoint_of(&self, version: u64) -> Option<&Savepoint> {
        self.savepoints.iter().rev().find(|savepoint| savepoint.version == version)
    }

    /// What is to be done before anything of the deployment runs or is changed.
    pub fn unfinished(&self) -> Option<Unfinished> {
        match self.trial {
            Some(Trial { failed: true, .. }) => Some(Unfinished::TakeBack),
            _ if self.restore.is_some() => Some(Unfinished::Restore),
            _ if !self.reset.is_empty() => Some(Unfinished::Reset),
            _ => None,
        }
    }

    /// The record as it was before the newest version, which could not be put together; none where there was no deployment. What was
    /// forgotten meanwhile is not there again: the oldest version, and old savepoints.
    pub fn before_trial(&self) -> Option<Self> {
        let trial = self.trial.unwrap_or_default();
        let mut before = self.clone();
        let taken = before.versions.pop()?.savepoint?;
        before.savepoints.retain(|savepoint| savepoint.number != taken);
        let (paused, dropped_us) = (trial.paused, trial.dropped_us);
        Some(Self { paused, dropped_us, restore: None, reset: Vec::new(), trial: None, ..before })
    }

    /// What is kept in a folder; none where the folder is of no deployment.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(folder: &Store) -> Result<Option<Self>, StateError> {
        let Some(bytes) = folder.get(NAME)? else { return Ok(None) };
        LAYOUT.read(&bytes, &folder.shown_name(NAME), Self::decode).map(Some)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Store) -> Result<(), StateError> {
        folder.put(NAME, LAYOUT.write(|out| self.encode(out)))
    }

    /// Removes it: the folder is of no deployment then.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(folder: &Store) -> Result<(), StateError> {
        folder.delete(NAME)
    }

    fn encode(&self, out: &mut Writer) {
        let Self { paused, dropped_us, reset, restore, versions, savepoints, file, trial } = self;
        out.bool(*paused);
        out.bool(dropped_us.is_some());
        out.i64(dropped_us.unwrap_or_default());
        out.u64(reset.len() as u64);
        reset.iter().for_each(|name| out.str(name));
        optional(out, *restore);
        out.u64(versions.len() as u64);
        for Version { number, deployed_us, savepoint, text, plugins, origin } in versions {
            out.u64(*number);
            out.i64(*deployed_us);
            optional(out, *savepoint);
            out.str(text);
            out.u64(plugins.len() as u64);
            for (name, sha256) in plugins {
                out.str(name);
                out.str(sha256);
            }
            optional(out, *origin);
        }
        out.u64(savepoints.len() as u64);
        for Savepoint { number, taken_us, version, asked } in savepoints {
            out.u64(*number);
            out.i64(*taken_us);
            out.u64(*version);
            out.bool(*asked);
        }
        optional(out, *file);
        out.bool(trial.is_some());
        if let Some(Trial { paused, dropped_us, failed }) = trial {
            out.bool(*paused);
            out.bool(dropped_us.is_some());
            out.i64(dropped_us.unwrap_or_default());
            out.bool(*failed);
        }
    }

    fn decode(format: u32, input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let paused = input.bool()?;
        let (is_dropped, dropped) = (input.bool()?, input.i64()?);
        let resets = input.count(8)?;
        let reset = (0..resets).map(|_| Ok(input.str()?.to_owned())).collect::<Result<_, Malformed>>()?;
        let restore = read_optional(input)?;
        let count = input.count(41)?;
        let versions = (0..count).map(|_| version(format, input)).collect::<Result<_, _>>()?;
        let count = input.count(25)?;
        let savepoint = |_| {
            let (number, taken_us, version) = (input.u64()?, input.i64()?, input.u64()?);
            Ok(Savepoint { number, taken_us, version, asked: input.bool()? })
        };
        let savepoints = (0..count).map(savepoint).collect::<Result<_, Malformed>>()?;
        let dropped_us = is_dropped.then_some(dropped);
        let file = read_optional(input)?;
        let trial = if format > 1 && input.bool()? { Some(trial(input)?) } else { None };
        Ok(Self { paused, dropped_us, reset, restore, versions, savepoints, file, trial })
    }
}

/// What a change has left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The version before is to come back.
    TakeBack,
    /// A savepoint is to be restored.
    Restore,
    /// States are to be removed.
    Reset,
}

fn trial(input: &mut Reader<'_>) -> Result<Trial, Malformed> {
    let (paused, is_dropped, dropped) = (input.bool()?, input.bool()?, input.i64()?);
    Ok(Trial { paused, dropped_us: is_dropped.then_some(dropped), failed: input.bool()? })
}

fn version(format: u32, input: &mut Reader<'_>) -> Result<Version, Malformed> {
    let (number, deployed_us) = (input.u64()?, input.i64()?);
    let savepoint = read_optional(input)?;
    let text = input.str()?.to_owned();
    let count = input.count(16)?;
    let plugin = |_| Ok((input.str()?.to_owned(), input.str()?.to_owned()));
    let plugins = (0..count).map(plugin).collect::<Result<_, Malformed>>()?;
    let origin = if format > 1 { read_optional(input)? } else { None };
    Ok(Version { number, deployed_us, savepoint, text, plugins, origin })
}

fn optional(out: &mut Writer, value: Option<u64>) {
    out.bool(value.is_some());
    out.u64(value.unwrap_or_default());
}

fn read_optional(input: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    let (is_there, value) = (input.bool()?, input.u64()?);
    Ok(is_there.then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::refuses_damage;

    #[test]
    fn a_record_is_read_as_it_was_written_or_refused() {
        let store = Store::memory().unwrap();
        assert_eq!(DeploymentRecord::read(&store).unwrap(), None);
        let version = |number, savepoint| Version {
            number,
            deployed_us: -5,
            savepoint,
            text: "SELECT 1;".into(),
            plugins: vec![("a.wasm".into(), "00ff".into())],
            origin: savepoint.map(|_| 2),
        };
        let record = DeploymentRecord {
            paused: true,
            dropped_us: Some(7),
            reset: vec!["q".into(), "r".into()],
            restore: Some(3),
            versions: vec![version(1, None), version(4, Some(9))],
            savepoints: vec![Savepoint { number: 9, taken_us: 8, version: 1, asked: false }],
            file: Some(3),
            trial: Some(Trial { paused: true, dropped_us: Some(-1), failed: true }),
        };
        for record in [DeploymentRecord::default(), record] {
            record.write(&store).unwrap();
            assert_eq!(DeploymentRecord::read(&store).unwrap().unwrap(), record);
        }
        refuses_damage(&store, NAME, DeploymentRecord::read);
        DeploymentRecord::remove(&store).unwrap();
        assert_eq!(DeploymentRecord::read(&store).unwrap(), None);
    }

    /// A record as hosts wrote it that knew no rollbacks of rollbacks.
    #[test]
    fn a_record_of_the_first_format_is_read() {
        let layout = ObjectLayout { formats: 1..=1, ..LAYOUT };
        let bytes = layout.write(|out| {
            out.bool(true);
            out.bool(false);
            out.i64(0);
            out.u64(0);
            optional(out, None);
            out.u64(1);
            out.u64(5);
            out.i64(6);
            optional(out, Some(2));
            out.str("SELECT 1;");
            out.u64(0);
            out.u64(0);
            optional(out, Some(9));
        });
        let store = Store::memory().unwrap();
        store.put(NAME, bytes).unwrap();
        let version = Version {
            number: 5,
            deployed_us: 6,
            savepoint: Some(2),
            text: "SELECT 1;".into(),
            ..Version::default()
        };
        let record = DeploymentRecord {
            paused: true,
            versions: vec![version],
            file: Some(9),
            ..DeploymentRecord::default()
        };
        assert_eq!(DeploymentRecord::read(&store).unwrap().unwrap(), record);
    }

    #[test]
    fn a_rollback_of_a_rollback_goes_further_back() {
        let version = |number, origin| Version { number, origin, ..Version::default() };
        let before = |versions: &[(u64, Option<u64>)]| {
            let versions = versions.iter().map(|&(number, origin)| version(number, origin)).collect();
            let record = DeploymentRecord { versions, ..DeploymentRecord::default() };
            record.before_current().map(|version| version.number)
        };
        assert_eq!(before(&[]), None);
        assert_eq!(before(&[(1, None)]), None);
        assert_eq!(before(&[(1, None), (2, None), (3, None)]), Some(2));
        assert_eq!(before(&[(1, None), (2, None), (3, None), (4, Some(2))]), Some(1));
        assert_eq!(before(&[(1, None), (2, None), (3, None), (4, Some(2)), (5, Some(1))]), None);
        // What is deployed behind a rollback goes back to that.
        assert_eq!(before(&[(1, None), (2, None), (3, Some(1)), (4, None)]), Some(3));
        assert_eq!(before(&[(1, None), (2, None), (3, Some(1)), (4, None), (5, Some(1))]), None);
        // Old versions are forgotten.
        assert_eq!(before(&[(4, None), (5, None), (6, Some(3))]), None);
    }

    #[test]
    fn a_version_that_cannot_be_put_together_gives_back_what_was_before() {
        let version = |number, savepoint| Version { number, savepoint, ..Version::default() };
        let savepoint = |number| Savepoint { number, taken_us: 0, version: 1, asked: false };
        let before = DeploymentRecord {
            dropped_us: Some(3),
            versions: vec![version(1, None)],
            savepoints: vec![savepoint(1)],
            file: Some(4),
            ..DeploymentRecord::default()
        };
        let trial = DeploymentRecord {
            dropped_us: None,
            reset: vec!["q".into()],
            restore: Some(1),
            versions: vec![version(1, None), version(2, Some(2))],
            savepoints: vec![savepoint(1), savepoint(2)],
            trial: Some(Trial { paused: false, dropped_us: Some(3), failed: true }),
            ..before.clone()
        };
        assert_eq!(trial.unfinished(), Some(Unfinished::TakeBack));
        assert_eq!(trial.before_trial(), Some(before));
        let new = DeploymentRecord { versions: vec![version(1, None)], ..DeploymentRecord::default() };
        assert_eq!(new.before_trial(), None, "nothing was there");
    }
}
