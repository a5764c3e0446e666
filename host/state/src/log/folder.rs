//! A log in a directory: segments one behind the other, the last of which grows.

use std::{
    collections::VecDeque,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use streamgauge_common::crash;

use super::{
    Entry, Found,
    segment::{self, Read, Segment},
};
use crate::{
    backend::LogLimits,
    error::{HELP, StateError},
    lock::Lock,
    store::sync_folder,
};

/// The segments of a log.
pub(super) struct Folder {
    folder: PathBuf,
    identity: u128,
    /// First indexes of all segments, ascending; the last one is `current`.
    firsts: VecDeque<u64>,
    current: Segment,
    pub(super) segment_bytes: u64,
    /// One writer at a time, in this process too.
    _lock: Lock,
}

impl Folder {
    /// Takes the log over: what its last segment holds is made sure of and a new segment is begun.
    pub(super) fn open(folder: &Path, identity: u128) -> Result<(Self, Found), StateError> {
        let lock = Lock::take(folder, ".log-lock")?;
        let mut notices = Vec::new();
        let mut firsts = list(folder, &mut notices)?;
        let last = firsts.back().map(|last| Read::open(folder, identity, *last)).transpose()?;
        let current = match last {
            None => Segment::create(folder, identity, 1, 1, &[])?,
            Some(mut last) => {
                notices.append(&mut last.notices);
                continue_behind(folder, identity, last)?
            }
        };
        crash::point("log.rotate.created");
        let next = current.next();
        let is_new = firsts.is_empty();
        if firsts.back() != Some(&current.first()) {
            firsts.push_back(current.first());
        }
        let segment_bytes = LogLimits::default().segment_bytes;
        let folder = folder.to_owned();
        let log = Self { folder, identity, firsts, current, segment_bytes, _lock: lock };
        Ok((log, Found { notices, next, epoch: 0, is_new }))
    }

    /// The entries from an index on, up to before `end`.
    pub(super) fn entries(
        &self,
        from: u64,
        end: u64,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Entry>, StateError> {
        entries(&self.folder, self.identity, &self.firsts, from..end, notices)
    }

    pub(super) fn write(&mut self, entries: &[u8]) -> Result<(), StateError> {
        self.current.write(entries)
    }

    pub(super) fn sync(&mut self, next: u64) -> Result<(), StateError> {
        self.current.sync(next)
    }

    pub(super) fn is_full(&self) -> bool {
        self.current.bytes() >= self.segment_bytes
    }

    /// Goes on in a new segment; all before index `next` is synced.
    pub(super) fn rotate(&mut self, next: u64) -> Result<(), StateError> {
        if self.current.first() == next {
            return Ok(());
        }
        let new = Segment::create(&self.folder, self.identity, next, next, &[])?;
        crash::point("log.rotate.created");
        self.firsts.push_back(next);
        std::mem::replace(&mut self.current, new).seal()
    }

    /// Removes segments that hold nothing from an index on, the oldest first.
    pub(super) fn remove_below(&mut self, index: u64) -> Result<(), StateError> {
        while let Some((first, next)) = self.firsts.front().zip(self.firsts.get(1))
            && *next <= index
        {
            let path = self.folder.join(segment::name(*first));
            crash::point("log.remove");
            fs::remove_file(&path).map_err(StateError::file("remove", path.display()))?;
            self.firsts.pop_front();
        }
        Ok(())
    }
}

/// The entries from an index on of a log that stays as it is.
pub(super) fn look(folder: &Path, identity: u128, from: u64) -> Result<Vec<Entry>, StateError> {
    let mut firsts: Vec<u64> =
        names(folder)?.iter().filter_map(|path| segment::first_of(name_of(path))).collect();
    firsts.sort_unstable();
    let Some(last) = firsts.last() else { return Err(missing(folder, from..from + 1)) };
    let end = Read::open(folder, identity, *last)?.next();
    match from <= end {
        true => entries(folder, identity, &firsts.into(), from..end, &mut Vec::new()),
        false => Err(missing(folder, end..from)),
    }
}

/// The entries of a range, of the segments that begin with these indexes.
fn entries(
    folder: &Path,
    identity: u128,
    firsts: &VecDeque<u64>,
    range: Range<u64>,
    notices: &mut Vec<String>,
) -> Result<Vec<Entry>, StateError> {
    let Range { start: from, end } = range;
    let start = firsts.iter().rposition(|first| *first <= from);
    let start = start.ok_or_else(|| missing(folder, from..firsts.front().copied().unwrap_or(end)))?;
    let mut entries = Vec::new();
    for (position, first) in firsts.iter().enumerate().skip(start).take_while(|(_, first)| **first < end) {
        let mut read = Read::open(folder, identity, *first)?;
        let end = firsts.get(position + 1).map_or(end, |next| end.min(*next));
        if read.next() < end {
            return Err(missing(folder, read.next()..end));
        }
        notices.append(&mut read.notices);
        let payloads = (*first..end).zip(&read.payloads).skip_while(|(index, _)| *index < from);
        entries.extend(
            payloads.map(|(index, payload)| Entry { index, payload: read.payload(payload).to_vec() }),
        );
    }
    Ok(entries)
}

fn missing(folder: &Path, range: Range<u64>) -> StateError {
    let what = format!("the log's entries from {} to before {}", range.start, range.end);
    StateError::Missing { folder: folder.display().to_string(), what, help: HELP }
}

/// Begins a segment behind what the last one's mark vouches for; what is behind that is written again, as a failed sync
/// may have left it in the system's memory alone.
fn continue_behind(folder: &Path, identity: u128, last: Read) -> Result<Segment, StateError> {
    let first = last.mark.next;
    if last.mark.sealed {
        return Err(StateError::Missing {
            folder: folder.display().to_string(),
            what: format!("{:?}, in which the log goes on", segment::name(first)),
            help: HELP,
        });
    }
    let current = Segment::create(folder, identity, first, last.next(), last.unmarked())?;
    if last.mark.first != first {
        last.into_segment()?.seal()?;
    }
    Ok(current)
}

/// The first indexes of the segments that are there, ascending. What a crash left of one that was being made is removed.
fn list(folder: &Path, notices: &mut Vec<String>) -> Result<VecDeque<u64>, StateError> {
    let mut firsts = Vec::new();
    for path in names(folder)? {
        let name = name_of(&path);
        if let Some(first) = segment::first_of(name) {
            firsts.push(first);
        } else if name.strip_suffix(".new").is_some_and(|name| segment::first_of(name).is_some()) {
            fs::remove_file(&path).map_err(StateError::file("remove", path.display()))?;
        } else if name.starts_with("log-") {
            notices
                .push(format!("{:?} is no part of the log and is passed over", path.display().to_string()));
        }
    }
    firsts.sort_unstable();
    sync_folder(folder)?;
    Ok(firsts.into())
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, StateError> {
    let failed = || StateError::file("list", folder.display());
    let entries = fs::read_dir(folder).map_err(failed())?;
    entries.map(|entry| Ok(entry.map_err(failed())?.path())).collect()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
