//! The decision log of a query: what was decided, on the disk before anything of it is sent.
//!
//! Entries are numbered from 1 and never change. A group of them is appended, then synced at once; [`Log::sync`] returns
//! when they survive a power cut. After a crash exactly the entries of every sync that returned are there, and perhaps some
//! of those behind it, in order and without a gap: none of which was sent.
//!
//! In a directory the log is a row of segments ([`segment`]), in a bucket an object a sync ([`objects`]).

mod entry;
mod mark;
mod segment;
mod folder;
mod objects;

use folder::Folder;
use objects::Objects;
use streamgauge_common::crash::{self, Phase};

use crate::{
    error::{HELP, StateError},
    store::Store,
};

/// Entries that wait for a sync are handed to the system when they are as many bytes.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// One decision, whatever it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: 1, 2, 3, ...
    pub index: u64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// A log that is written to. One at a time: a second one is refused in a directory, and fences the first in a bucket.
pub struct Log {
    place: Place,
    shown: String,
    seed: u64,
    found: Found,
    /// Encoded entries that were not handed over yet.
    waiting: Vec<u8>,
    /// The index of the next entry.
    next: u64,
    /// The index behind the last synced entry.
    synced: u64,
    /// What went wrong: then nothing is written any more.
    broken: Option<String>,
}

enum Place {
    Folder(Folder),
    Objects(Objects),
}

/// What a log held when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// Its entries from some index on, without a gap.
    pub entries: Vec<Entry>,
    /// What was not as it should be and did no harm, for people.
    pub notices: Vec<String>,
}

/// What opening a place has found.
struct Found {
    notices: Vec<String>,
    next: u64,
    epoch: u64,
    is_new: bool,
}

impl Log {
    /// Takes over the log of a folder, or begins one. What is there must be of this identity, or it is refused.
    ///
    /// Open the log before looking for a checkpoint: from then on no other owner writes or removes any.
    pub fn open(store: &Store, identity: u128) -> Result<Self, StateError> {
        let (place, found) = match store.local_folder() {
            Some(folder) => {
                let (folder, found) = Folder::open(folder, identity)?;
                store.sweep()?;
                (Place::Folder(folder), found)
            }
            None => {
                let (objects, found) = Objects::open(store, identity)?;
                (Place::Objects(objects), found)
            }
        };
        let (shown, seed, next) = (store.shown().to_owned(), entry::seed(identity), found.next);
        Ok(Self { place, shown, seed, found, waiting: Vec::new(), next, synced: next, broken: None })
    }

    /// The entries of a log that another process may be writing to, from the index that a checkpoint stands at. Nothing is
    /// changed, and nobody is fenced.
    pub fn look(store: &Store, identity: u128, from: u64) -> Result<Vec<Entry>, StateError> {
        match store.local_folder() {
            Some(folder) => folder::look(folder, identity, from),
            None => Objects::look(store, identity, from),
        }
    }

    /// The entries that were there when it was opened, from the index that a checkpoint stands at; none = there is no
    /// checkpoint, and the log must go back to its first entry. Everything from there on is intact, or it is an error.
    pub fn recovered(&self, from: Option<u64>) -> Result<Recovered, StateError> {
        let (from, end) = (from.unwrap_or(1), self.found.next);
        if from > end {
            let what = format!("the log's entries up to {}, at which the checkpoint stands", from - 1);
            return Err(StateError::Missing { folder: self.shown.clone(), what, help: HELP });
        }
        let mut notices = self.found.notices.clone();
        let entries = match &self.place {
            Place::Folder(folder) => folder.entries(from, end, &mut notices),
            Place::Objects(objects) => objects.entries(from, end),
        }?;
        Ok(Recovered { entries, notices })
    }

    /// A segment that is longer is not continued after its next sync; in a bucket an object is a sync.
    pub fn set_segment_bytes(&mut self, segment_bytes: u64) {
        if let Place::Folder(folder) = &mut self.place {
            folder.segment_bytes = segment_bytes;
        }
    }

    /// Whether there was none.
    pub fn is_new(&self) -> bool {
        self.found.is_new
    }

    /// Which of the owners, one after the other, this is; 0 in a directory, which has one at a time.
    pub fn epoch(&self) -> u64 {
        self.found.epoch
    }

    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// Appends an entry; it may be lost until the next sync. Its index.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, StateError> {
        self.check()?;
        if payload.len() > entry::PAYLOAD_BYTES_MAX {
            return Err(StateError::TooLarge {
                what: "an entry of the log",
                bytes: payload.len() as u64,
                bytes_max: entry::PAYLOAD_BYTES_MAX as u64,
            });
        }
        crash::point("log.before_append");
        let index = self.next;
        entry::write(&mut self.waiting, self.seed, index, payload);
        self.next += 1;
        if self.waiting.len() > WAITING_BYTES_MAX {
            self.hand_over()?;
        }
        crash::point("log.after_append");
        Ok(index)
    }

    /// Appends an entry and hands it to the system: in a directory it survives the process, not a power cut. In a bucket it
    /// goes along with the next sync.
    pub fn write_lazily(&mut self, payload: &[u8]) -> Result<u64, StateError> {
        let index = self.append(payload)?;
        self.hand_over()?;
        Ok(index)
    }

    /// All entries are durable when it returns. After an error nothing is written any more: open the log again.
    pub fn sync(&mut self) -> Result<(), StateError> {
        self.check()?;
        if self.synced == self.next {
            return Ok(());
        }
        let _inside = crash::during(Phase::LogSync);
        crash::point("log.before_sync");
        self.hand_over()?;
        let synced = match &mut self.place {
            Place::Folder(folder) => folder.sync(self.next),
            Place::Objects(objects) => {
                let put = objects.put(self.synced, std::mem::take(&mut self.waiting));
                crash::point("log.after_sync");
                put
            }
        };
        self.note(synced)?;
        self.synced = self.next;
        match &self.place {
            Place::Folder(folder) if folder.is_full() => self.rotate(),
            _ => Ok(()),
        }
    }

    /// Syncs, and goes on in a new segment, so that those before it can be removed.
    pub fn rotate(&mut self) -> Result<(), StateError> {
        self.check()?;
        if self.synced != self.next {
            self.sync()?;
        }
        let rotated = match &mut self.place {
            Place::Folder(folder) => folder.rotate(self.next),
            Place::Objects(_) => Ok(()),
        };
        self.note(rotated)
    }

    /// Removes segments that hold nothing from an index on. No kept checkpoint may stand before it.
    pub fn remove_below(&mut self, index: u64) -> Result<(), StateError> {
        match &mut self.place {
            Place::Folder(folder) => folder.remove_below(index),
            Place::Objects(objects) => objects.remove_below(index),
        }
    }

    /// In a directory: hands what waits to the system.
    fn hand_over(&mut self) -> Result<(), StateError> {
        let Place::Folder(folder) = &mut self.place else { return Ok(()) };
        let written = folder.write(&self.waiting);
        self.waiting.clear();
        self.note(written)
    }

    fn check(&self) -> Result<(), StateError> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(StateError::Broken { folder: self.shown.clone(), why: why.clone() }),
        }
    }

    /// After a failed write or sync it is not known what is on the disk, and a second sync would not tell.
    fn note<T>(&mut self, done: Result<T, StateError>) -> Result<T, StateError> {
        if let Err(error) = &done {
            self.broken = Some(error.to_string());
        }
        done
    }
}
