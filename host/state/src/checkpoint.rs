//! Generations of a query's state: data of sections, and a manifest that says which sections make a state.
//!
//! A generation is written in two steps: [`Checkpoints::begin`] puts its sections, `data-N`, and says where they are;
//! [`Checkpoints::finish`] puts its manifest, `checkpoint-N`, which may point to sections of earlier generations too. There
//! is a checkpoint when its manifest is there; both are whole and durable or not there at all, and neither changes.
//!
//! Several owners, one after the other, may write to a bucket; the log fences them (see [`super::log`]). An owner whose log is
//! fenced may still finish a generation, which is harmless: its state is one of the log's. It must not
//! [`Checkpoints::retain`], so sync the log between the two.

mod section;

use bytes::Bytes;
use streamgauge_common::crash::{self, Phase};

use super::{
    error::{HELP, StateError},
    header::{HEADER_BYTES, Header, Kind},
    store::Store,
};

pub use section::SectionRef;

const DATA: &str = "data-";
const MANIFEST: &str = "checkpoint-";
/// Names have as many digits, so their order is the order of generations.
const DIGITS: usize = 12;
/// How many generations another owner may have taken before this one gives up.
const TAKEN_MAX: u64 = 64;

/// The checkpoints of one folder.
pub struct Checkpoints {
    store: Store,
    identity: u128,
    epoch: u64,
    /// The generation that is written next.
    next: u64,
}

/// A checkpoint that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its generation.
    pub generation: u64,
    /// What its manifest holds.
    pub payload: Bytes,
    /// What is wrong with newer ones, for people.
    pub notices: Vec<String>,
}

/// A generation whose sections are written and whose manifest is not.
#[derive(Debug)]
#[must_use = "without its manifest it is no checkpoint"]
pub struct Begun {
    /// Its generation.
    pub generation: u64,
    /// Where its sections are, in the order they were given.
    pub sections: Vec<SectionRef>,
}

impl Checkpoints {
    /// The checkpoints of a folder, for the owner that the log calls by this epoch. Whatever is there must be of this
    /// identity, or it is refused when it is read.
    pub fn open(store: &Store, identity: u128, epoch: u64) -> Result<Self, StateError> {
        let mut checkpoints = Self { store: store.clone(), identity, epoch, next: 1 };
        let taken = [checkpoints.generations(DATA)?, checkpoints.generations(MANIFEST)?].concat();
        checkpoints.next = taken.into_iter().max().unwrap_or(0) + 1;
        Ok(checkpoints)
    }

    /// Whether a generation was begun, whatever became of it.
    pub fn is_begun(&self) -> bool {
        self.next > 1
    }

    /// The name of the object that makes a generation a checkpoint.
    pub fn name(generation: u64) -> String {
        name(MANIFEST, generation)
    }

    /// The name of a checkpoint, with its place, for people.
    pub fn shown_name(&self, generation: u64) -> String {
        self.store.shown_name(&Self::name(generation))
    }

    /// The newest checkpoint that is intact; none if there never was one. Damaged ones are passed over with a notice;
    /// if there are checkpoints and none is intact, it is an error.
    pub fn newest(&self) -> Result<Option<Found>, StateError> {
        let generations = self.generations(MANIFEST)?;
        if generations.is_empty() {
            return Ok(None);
        }
        self.newest_of(generations, Vec::new()).map(Some)
    }

    /// The newest intact checkpoint before one that was found and cannot be used after all, and why not: a section of it is
    /// damaged. An error that names all that is damaged if there is none.
    pub fn before(&self, found: Found, why: &StateError) -> Result<Found, StateError> {
        let mut generations = self.generations(MANIFEST)?;
        generations.retain(|older| *older < found.generation);
        let mut notices = found.notices;
        notices.push(notice(why));
        self.newest_of(generations, notices)
    }

    fn newest_of(&self, generations: Vec<u64>, mut notices: Vec<String>) -> Result<Found, StateError> {
        for generation in generations.into_iter().rev() {
            match self.manifest(generation) {
                Ok(payload) => {
                    if !notices.is_empty() {
                        notices.push(format!("going back to {:?}", name(MANIFEST, generation)));
                    }
                    return Ok(Found { generation, payload, notices });
                }
                Err(error) if error.is_damage() => notices.push(notice(&error)),
                Err(error) => return Err(error),
            }
        }
        let folder = self.store.shown().to_owned();
        Err(StateError::NoneIntact { folder, why: notices.join("; "), help: HELP })
    }

    fn manifest(&self, generation: u64) -> Result<Bytes, StateError> {
        let name = name(MANIFEST, generation);
        let file = self.store.shown_name(&name);
        let bytes = self.store.get(&name)?.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
        let header = Header::decode(&bytes, &file, Kind::Manifest, self.identity, generation)?;
        let payload = bytes.slice(HEADER_BYTES..);
        header.check(&payload, &file)?;
        Ok(payload)
    }

    /// A section, as it was written.
    pub fn read(&self, section: &SectionRef) -> Result<Bytes, StateError> {
        let name = name(DATA, section.generation);
        let file = self.store.shown_name(&name);
        let found = self.store.get_range(&name, section.range())?;
        let bytes = found.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
        section.check(&bytes, &file, self.identity)
    }

    /// Writes the sections of the next generation; none is no file.
    pub fn begin(&mut self, sections: Vec<Vec<u8>>) -> Result<Begun, StateError> {
        let _inside = crash::during(Phase::CheckpointWrite);
        let sections: Vec<_> = sections.into_iter().map(Bytes::from).collect();
        for _ in 0..TAKEN_MAX {
            let generation = self.next;
            self.next += 1;
            let (payload, refs) = section::encode(&sections, self.identity, self.epoch, generation);
            crash::point("checkpoint.before_data");
            let put = match sections.is_empty() {
                true => Ok(()),
                false => self.store.put_new(&name(DATA, generation), payload),
            };
            crash::point("checkpoint.after_data");
            match put {
                Err(StateError::Exists { .. }) => self.check_epoch(DATA, generation, Kind::Section)?,
                put => return put.map(|()| Begun { generation, sections: refs }),
            }
        }
        Err(StateError::Exists { file: self.store.shown_name(&name(DATA, self.next - 1)) })
    }

    /// Writes the manifest, and so makes the generation a checkpoint. Its generation; not that which was begun if another
    /// owner had taken that.
    pub fn finish(&mut self, begun: Begun, manifest: &[u8]) -> Result<u64, StateError> {
        let _inside = crash::during(Phase::CheckpointWrite);
        let mut generation = begun.generation;
        for _ in 0..TAKEN_MAX {
            let header = Header::of(Kind::Manifest, self.identity, self.epoch, generation, manifest);
            crash::point("checkpoint.before_manifest");
            let bytes = Bytes::from([&header.encode(), manifest].concat());
            let put = self.store.put_own(&name(MANIFEST, generation), &bytes);
            crash::point("checkpoint.after_manifest");
            match put {
                Err(StateError::Exists { .. }) => self.check_epoch(MANIFEST, generation, Kind::Manifest)?,
                put => return put.map(|()| generation),
            }
            generation = self.next;
            self.next += 1;
        }
        Err(StateError::Exists { file: self.store.shown_name(&name(MANIFEST, generation)) })
    }

    /// Whether a generation that is taken was taken by an older owner: then the next one will do.
    fn check_epoch(&self, prefix: &str, generation: u64, kind: Kind) -> Result<(), StateError> {
        let name = name(prefix, generation);
        let file = self.store.shown_name(&name);
        let start = self.store.get_range(&name, 0..HEADER_BYTES as u64)?.unwrap_or_default();
        match Header::decode(&start, &file, kind, self.identity, generation) {
            Ok(header) if header.owner > self.epoch => Err(StateError::Fenced { file }),
            _ => Ok(()),
        }
    }

    /// Removes checkpoints older than the newest of those to keep, except those, and then data of generations that none of
    /// them needs. Call it only when a sync of the log after [`Checkpoints::finish`] has returned.
    pub fn retain(&self, kept: &[u64], needed: &[u64]) -> Result<(), StateError> {
        let _inside = crash::during(Phase::CheckpointWrite);
        let Some(newest) = kept.iter().copied().max() else { return Ok(()) };
        for (prefix, kept) in [(MANIFEST, kept), (DATA, needed)] {
            let mut old = self.generations(prefix)?;
            old.retain(|generation| *generation < newest && !kept.contains(generation));
            crash::point("checkpoint.retain");
            let names: Vec<_> = old.into_iter().map(|generation| name(prefix, generation)).collect();
            self.store.delete_all(&names)?;
        }
        Ok(())
    }

    /// The generations that there are files of, ascending.
    fn generations(&self, prefix: &str) -> Result<Vec<u64>, StateError> {
        let names = self.store.list(prefix)?;
        Ok(names.iter().filter_map(|(name, _)| generation_of(prefix, name)).collect())
    }
}

/// A damage that an older checkpoint may make good: without what to do otherwise.
fn notice(damage: &StateError) -> String {
    match damage {
        StateError::Damaged { file, at, what, .. } => format!("{file:?} is damaged at byte {at}: {what}"),
        other => other.to_string(),
    }
}

fn name(prefix: &str, generation: u64) -> String {
    format!("{prefix}{generation:0DIGITS$}")
}

fn generation_of(prefix: &str, name: &str) -> Option<u64> {
    let generation = name.strip_prefix(prefix)?.parse().ok()?;
    (self::name(prefix, generation) == name).then_some(generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Reader, Writer};

    fn write(checkpoints: &mut Checkpoints, sections: &[&[u8]]) -> (u64, Vec<SectionRef>) {
        let begun = checkpoints.begin(sections.iter().map(|section| section.to_vec()).collect()).unwrap();
        let mut writer = Writer::new();
        begun.sections.iter().for_each(|section| section.encode(&mut writer));
        let refs = begun.sections.clone();
        (checkpoints.finish(begun, writer.as_bytes()).unwrap(), refs)
    }

    fn read(checkpoints: &Checkpoints, found: &Found) -> Vec<Vec<u8>> {
        let mut reader = Reader::new(&found.payload);
        let mut sections = Vec::new();
        while reader.left() > 0 {
            let section = SectionRef::decode(&mut reader).unwrap();
            sections.push(checkpoints.read(&section).unwrap().to_vec());
        }
        sections
    }

    #[test]
    fn the_newest_generation_is_found_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        for store in [Store::open(folder.path().to_str().unwrap()).unwrap(), Store::memory().unwrap()] {
            let store = store.folder("query").unwrap();
            let mut checkpoints = Checkpoints::open(&store, 7, 0).unwrap();
            assert_eq!(checkpoints.newest().unwrap(), None);
            write(&mut checkpoints, &[b"one", b"", b"three"]);
            let (two, refs) = write(&mut checkpoints, &[b"four"]);
            let (three, none) = write(&mut checkpoints, &[]);
            assert_eq!((two, three, none), (2, 3, vec![]));

            let mut checkpoints = Checkpoints::open(&store, 7, 0).unwrap();
            let newest = checkpoints.newest().unwrap().unwrap();
            assert_eq!((newest.generation, newest.notices.len()), (3, 0));
            let damage = StateError::damaged("some file", 3, "wrong");
            let older = checkpoints.before(newest, &damage).unwrap();
            let told =
                ["\"some file\" is damaged at byte 3: wrong", "going back to \"checkpoint-000000000002\""];
            assert_eq!((older.generation, &older.notices[..]), (2, &told.map(str::to_owned)[..]));
            assert_eq!(&checkpoints.read(&refs[0]).unwrap()[..], b"four");
            let oldest = checkpoints.before(older, &damage).unwrap();
            assert_eq!(read(&checkpoints, &oldest), [&b"one"[..], b"", b"three"]);
            assert!(matches!(checkpoints.before(oldest, &damage), Err(StateError::NoneIntact { .. })));

            checkpoints.retain(&[3], &[2]).unwrap();
            let names: Vec<_> = store.list("").unwrap().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["checkpoint-000000000003", "data-000000000002"]);
            assert_eq!(write(&mut checkpoints, &[b"x"]).0, 4);
        }
    }

    #[test]
    fn a_begun_generation_is_no_checkpoint_and_its_number_is_not_used_again() {
        let store = Store::memory().unwrap();
        let mut checkpoints = Checkpoints::open(&store, 7, 0).unwrap();
        drop(checkpoints.begin(vec![vec![1]]).unwrap());
        let mut checkpoints = Checkpoints::open(&store, 7, 0).unwrap();
        assert_eq!(checkpoints.newest().unwrap(), None);
        assert_eq!(write(&mut checkpoints, &[b"x"]).0, 2);
    }

    #[test]
    fn an_older_owner_is_passed_over_and_a_newer_one_fences() {
        let store = Store::memory().unwrap();
        let mut older = Checkpoints::open(&store, 7, 1).unwrap();
        write(&mut older, &[b"x"]);
        let mut newer = Checkpoints::open(&store, 7, 4).unwrap();
        // The older one is not dead yet, and quicker: with data, and without.
        write(&mut older, &[b"older"]);
        write(&mut older, &[]);
        assert_eq!(write(&mut newer, &[b"newer"]).0, 4, "3 is taken by a manifest");
        let newest = newer.newest().unwrap().unwrap();
        assert_eq!(read(&newer, &newest), [b"newer"]);
        let begun = older.begin(vec![]).unwrap();
        assert!(matches!(older.finish(begun, &[]), Err(StateError::Fenced { .. })));
    }
}
