//! What is kept of a deployment of a host, beside the states of its queries: its text, its earlier versions, and what a restart has to
//! finish.
//!
//! One object, `deployment`, in the folder of the deployment. It is replaced as a whole, and only while none of its queries runs, except
//! for `paused`. The changes that a version begins with (`reset`, `restore`) are made before it first runs; a process that is killed
//! meanwhile makes them again.
//!
//! ```text
//! "SGDEPLM\0"  format u32  paused u8  dropped (u8, i64)  reset count u64 {str}*  restore (u8, u64)
//! count u64  { number u64  deployed_us i64  savepoint (u8, u64)  text str  plugins count u64 { name str  sha256 str }* }*
//! count u64  { number u64  taken_us i64  version u64  asked u8 }*  file (u8, u64)  checksum u64
//! ```

use super::{
    bytes::{Malformed, Reader, Writer},
    error::StateError,
    object::ObjectLayout,
    store::Store,
};

const NAME: &str = "deployment";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGDEPLM\0", formats: 1..=1, other: "it is no deployment" };

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

    /// What is kept in a folder; none where the folder is of no deployment.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(folder: &Store) -> Result<Option<Self>, StateError> {
        let Some(bytes) = folder.get(NAME)? else { return Ok(None) };
        LAYOUT.read(&bytes, &folder.shown_name(NAME), |_, input| Self::decode(input)).map(Some)
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
        let Self { paused, dropped_us, reset, restore, versions, savepoints, file } = self;
        out.bool(*paused);
        out.bool(dropped_us.is_some());
        out.i64(dropped_us.unwrap_or_default());
        out.u64(reset.len() as u64);
        reset.iter().for_each(|name| out.str(name));
        optional(out, *restore);
        out.u64(versions.len() as u64);
        for Version { number, deployed_us, savepoint, text, plugins } in versions {
            out.u64(*number);
            out.i64(*deployed_us);
            optional(out, *savepoint);
            out.str(text);
            out.u64(plugins.len() as u64);
            for (name, sha256) in plugins {
                out.str(name);
                out.str(sha256);
            }
        }
        out.u64(savepoints.len() as u64);
        for Savepoint { number, taken_us, version, asked } in savepoints {
            out.u64(*number);
            out.i64(*taken_us);
            out.u64(*version);
            out.bool(*asked);
        }
        optional(out, *file);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let paused = input.bool()?;
        let (is_dropped, dropped) = (input.bool()?, input.i64()?);
        let resets = input.count(8)?;
        let reset = (0..resets).map(|_| Ok(input.str()?.to_owned())).collect::<Result<_, Malformed>>()?;
        let restore = read_optional(input)?;
        let count = input.count(41)?;
        let versions = (0..count).map(|_| version(input)).collect::<Result<_, _>>()?;
        let count = input.count(25)?;
        let savepoint = |_| {
            let (number, taken_us, version) = (input.u64()?, input.i64()?, input.u64()?);
            Ok(Savepoint { number, taken_us, version, asked: input.bool()? })
        };
        let savepoints = (0..count).map(savepoint).collect::<Result<_, Malformed>>()?;
        let dropped_us = is_dropped.then_some(dropped);
        let file = read_optional(input)?;
        Ok(Self { paused, dropped_us, reset, restore, versions, savepoints, file })
    }
}

fn version(input: &mut Reader<'_>) -> Result<Version, Malformed> {
    let (number, deployed_us) = (input.u64()?, input.i64()?);
    let savepoint = read_optional(input)?;
    let text = input.str()?.to_owned();
    let count = input.count(16)?;
    let plugin = |_| Ok((input.str()?.to_owned(), input.str()?.to_owned()));
    let plugins = (0..count).map(plugin).collect::<Result<_, Malformed>>()?;
    Ok(Version { number, deployed_us, savepoint, text, plugins })
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
        };
        let record = DeploymentRecord {
            paused: true,
            dropped_us: Some(7),
            reset: vec!["q".into(), "r".into()],
            restore: Some(3),
            versions: vec![version(1, None), version(4, Some(9))],
            savepoints: vec![Savepoint { number: 9, taken_us: 8, version: 1, asked: false }],
            file: Some(3),
        };
        for record in [DeploymentRecord::default(), record] {
            record.write(&store).unwrap();
            assert_eq!(DeploymentRecord::read(&store).unwrap().unwrap(), record);
        }
        refuses_damage(&store, NAME, DeploymentRecord::read);
        DeploymentRecord::remove(&store).unwrap();
        assert_eq!(DeploymentRecord::read(&store).unwrap(), None);
    }
}
