//! One file of a log in a directory.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4096 | the header, then zeros |
//! | 4096..12288 | two marks |
//! | 12288.. | entries, then zeros that were written ahead |
//!
//! It appears under its name only when all of it is on the disk, so what is not intact up to its mark is damage.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use streamgauge_common::crash;

use super::{
    entry::{self, Found},
    mark::{Mark, PAGE_BYTES},
};
use crate::{
    error::StateError,
    header::{HEADER_BYTES, Header, Kind},
    rights,
    store::sync_folder,
};

/// Where the entries begin.
const ENTRIES_AT: usize = 3 * PAGE_BYTES;
/// So many zeros are written ahead of the entries: a sync then writes data alone, without the file system's journal
/// (a third faster than a file that grows; `fallocate` is not, as each first write to a page changes the journal).
const AHEAD_BYTES: u64 = 1 << 20;
/// They are part of the program, so they are few.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Writes [`AHEAD_BYTES`] zeros.
fn write_ahead(file: &File, at: u64) -> io::Result<()> {
    (at..at + AHEAD_BYTES).step_by(ZEROS.len()).try_for_each(|at| file.write_all_at(&ZEROS, at))
}

/// `log-` and the first index; the order of names is the order of indexes.
pub(super) fn name(first: u64) -> String {
    format!("log-{first:020}")
}

/// The first index of a segment by its name.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-").filter(|digits| digits.len() == 20)?;
    digits.parse().ok().filter(|first| self::name(*first) == name)
}

/// A segment that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    identity: u128,
    /// The newest mark.
    mark: Mark,
    /// Where the entries end.
    end: u64,
    /// Up to here are zeros.
    ahead: u64,
}

impl Segment {
    /// Creates a segment, whole and on the disk when it gets its name, with some entries that are encoded already and end
    /// before index `next`. It takes the place of one that begins with the same index.
    pub(super) fn create(
        folder: &Path,
        identity: u128,
        first: u64,
        next: u64,
        entries: &[u8],
    ) -> Result<Self, StateError> {
        let path = folder.join(name(first));
        let staged = path.with_extension("new");
        let failed = |doing| StateError::file(doing, staged.display());
        let created = rights::options().read(true).write(true).create(true).truncate(true).open(&staged);
        let file = created.map_err(failed("create"))?;
        let end = (ENTRIES_AT + entries.len()) as u64;
        let mark = Mark { turn: 1, first, next, end, sealed: false };
        let mut start = Header { first, ..Header::of(Kind::Segment, identity, 0, first, &[]) }.encode();
        start.resize(PAGE_BYTES, 0);
        start.extend(Mark { turn: 0, ..mark }.encode(identity));
        start.extend(mark.encode(identity));
        let ahead = end + AHEAD_BYTES;
        let write = || {
            file.write_all_at(&start, 0)?;
            file.write_all_at(entries, ENTRIES_AT as u64)?;
            write_ahead(&file, end)?;
            file.sync_all()
        };
        write().map_err(failed("write"))?;
        fs::rename(&staged, &path).map_err(failed("rename"))?;
        sync_folder(folder)?;
        Ok(Self { file, path, identity, mark, end, ahead })
    }

    /// The index behind its last synced entry.
    pub(super) fn next(&self) -> u64 {
        self.mark.next
    }

    pub(super) fn first(&self) -> u64 {
        self.mark.first
    }

    /// How long it is, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Hands entries to the system.
    pub(super) fn write(&mut self, entries: &[u8]) -> Result<(), StateError> {
        let end = self.end + entries.len() as u64;
        let mut write = || {
            while self.ahead < end {
                write_ahead(&self.file, self.ahead)?;
                self.ahead += AHEAD_BYTES;
            }
            self.file.write_all_at(entries, self.end)
        };
        write().map_err(self.failed("write"))?;
        self.end = end;
        Ok(())
    }

    /// All entries, which end before index `next`, are on the disk when it returns, and marked so.
    pub(super) fn sync(&mut self, next: u64) -> Result<(), StateError> {
        self.file.sync_data().map_err(self.failed("sync"))?;
        crash::point("log.after_sync");
        crash::point("log.before_mark");
        self.mark(next, false)?;
        crash::point("log.after_mark");
        Ok(())
    }

    /// The log goes on in another segment, which is on the disk.
    pub(super) fn seal(mut self) -> Result<(), StateError> {
        self.mark(self.mark.next, true)?;
        self.file.set_len(self.end).map_err(self.failed("truncate"))
    }

    fn mark(&mut self, next: u64, sealed: bool) -> Result<(), StateError> {
        let mark = Mark { turn: self.mark.turn + 1, next, end: self.end, sealed, ..self.mark };
        let at = (1 + mark.page()) * PAGE_BYTES;
        self.file.write_all_at(&mark.encode(self.identity), at as u64).map_err(self.failed("mark"))?;
        self.mark = mark;
        Ok(())
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> StateError + use<> {
        let file = self.path.display().to_string();
        move |cause| StateError::File { doing, file, cause }
    }
}

/// A segment that was read.
pub(super) struct Read {
    path: PathBuf,
    identity: u128,
    bytes: Vec<u8>,
    pub(super) mark: Mark,
    /// The payloads of all intact entries, one behind the other.
    pub(super) payloads: Vec<Range<usize>>,
    /// What is not as it should be and does no harm.
    pub(super) notices: Vec<String>,
}

impl Read {
    /// Reads a segment of this first index. What its mark vouches for is intact, and there may be more.
    pub(super) fn open(folder: &Path, identity: u128, first: u64) -> Result<Self, StateError> {
        let path = folder.join(name(first));
        let file = path.display().to_string();
        let bytes = fs::read(&path).map_err(StateError::file("read", &file))?;
        Header::decode(&bytes, &file, Kind::Segment, identity, first)?;
        let page = |number| {
            bytes.get(number * PAGE_BYTES..).and_then(|rest| rest.get(..PAGE_BYTES)).unwrap_or_default()
        };
        let mut notices = Vec::new();
        if page(0).iter().skip(HEADER_BYTES).any(|byte| *byte != 0) {
            notices.push(format!("{file:?} has something behind its header that nobody reads"));
        }
        let (mark, is_damaged) = Mark::newest([page(1), page(2)], identity, first);
        let mark =
            mark.ok_or_else(|| StateError::damaged(&file, PAGE_BYTES as u64, "none of its marks is intact"))?;
        if is_damaged {
            notices.push(format!("{file:?} has a damaged mark; the other one stands"));
        }
        let mut read = Self { path, identity, bytes, mark, payloads: Vec::new(), notices };
        let (end, found) = read.walk();
        read.check_mark(end, &found)?;
        if let Found::Torn(why) = found {
            read.notices.push(format!(
                "{file:?} ends in what was never synced: {why} at byte {end}; it was never sent, and is dropped"
            ));
        }
        Ok(read)
    }

    /// Gathers the payloads; where they end, and what stands there.
    fn walk(&mut self) -> (usize, Found) {
        let mut at = ENTRIES_AT;
        loop {
            let index = self.next();
            match entry::find(&self.bytes, at, entry::seed(self.identity), index) {
                Found::Entry(payload) => {
                    at = entry::after(&payload);
                    self.payloads.push(payload);
                }
                other => return (at, other),
            }
        }
    }

    fn check_mark(&self, end: usize, found: &Found) -> Result<(), StateError> {
        let marked =
            self.mark.next.checked_sub(self.mark.first).and_then(|count| usize::try_from(count).ok());
        let what = match (marked, found) {
            (Some(count), _) if count <= self.payloads.len() => {
                match self.entries_end(count) as u64 == self.mark.end {
                    true => return Ok(()),
                    false => "its entries do not end where its mark says",
                }
            }
            (_, Found::Torn(why)) => why,
            _ => "it lacks entries that were synced",
        };
        Err(StateError::damaged(self.path.display(), end as u64, what))
    }

    /// Where so many of its entries end.
    fn entries_end(&self, count: usize) -> usize {
        let last = count.checked_sub(1).and_then(|last| self.payloads.get(last));
        last.map_or(ENTRIES_AT, entry::after)
    }

    /// The index behind its last entry.
    pub(super) fn next(&self) -> u64 {
        self.mark.first + self.payloads.len() as u64
    }

    /// Entries that its mark does not vouch for, as they are encoded.
    pub(super) fn unmarked(&self) -> &[u8] {
        let end = self.entries_end(self.payloads.len());
        self.bytes.get(self.mark.end as usize..end).unwrap_or_default()
    }

    /// A payload by its place.
    pub(super) fn payload(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// To seal it: what its mark does not vouch for is cut off.
    pub(super) fn into_segment(self) -> Result<Segment, StateError> {
        let failed = StateError::file("open", self.path.display());
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(failed)?;
        let Self { path, identity, mark, .. } = self;
        Ok(Segment { file, path, identity, mark, end: mark.end, ahead: mark.end })
    }
}
