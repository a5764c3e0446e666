//! What a marker says of a file: what the file holds, and how it is known again when it has another path.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use streamgauge_state::bytes::{Malformed, Reader, Writer, checksum};

const MAGIC: &[u8; 8] = b"SGMARK\0\x03";
/// A marker of a file that was never rotated: it ends behind how the file is known again, as all of an earlier version did.
const MAGIC_2: &[u8; 8] = b"SGMARK\0\x02";
/// A marker of an earlier version: it does not say how the file is known again.
const MAGIC_1: &[u8; 8] = b"SGMARK\0\x01";
/// How many bytes before the mark are compared.
const ENDING_BYTES: u64 = 4 << 10;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileMark {
    /// Its length, in bytes.
    pub length: u64,
    /// By query, as its state calls it: the number of the last message that is in it.
    pub sequences: BTreeMap<String, u64>,
    /// How the file is known again; none where an earlier version wrote the marker.
    pub seen: Option<Seen>,
    /// How far its rotation is; none where it was never rotated.
    pub rotation: Option<RotationMark>,
}

/// How far the rotation of a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RotationMark {
    /// The last number that a file was given, or was about to be.
    pub number: u64,
    /// When the file's first row was written, in microseconds since the epoch; none where it holds none.
    pub begun_us: Option<i64>,
    /// Whether the file was about to be renamed: it is there still, or under its number, and an empty one or none is at the path.
    pub is_moving: bool,
}

/// How a file is known again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its device and its inode.
    pub id: (u64, u64),
    /// The checksum of the last bytes before the mark.
    pub ending: u64,
    /// Where it was.
    pub path: String,
}

/// The last bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Vec<u8>);

impl FileMark {
    /// Whether a file holds what was written up to the mark: it is long enough, and its bytes before the mark are those.
    pub fn fits(&self, file: &File) -> io::Result<bool> {
        if file.metadata()?.len() < self.length {
            return Ok(false);
        }
        let Some(seen) = &self.seen else { return Ok(true) };
        Ok(Ending::of(file, self.length)?.checksum() == seen.ending)
    }
}

impl Seen {
    pub(super) fn of(file: &File, path: &Path, ending: &Ending) -> io::Result<Self> {
        let path = path.display().to_string();
        Ok(Self { id: id(file)?, ending: ending.checksum(), path })
    }

    /// Whether it is this file, whatever path leads to it.
    pub fn is(&self, file: &File) -> bool {
        id(file).is_ok_and(|id| id == self.id)
    }
}

fn id(file: &File) -> io::Result<(u64, u64)> {
    let there = file.metadata()?;
    Ok((there.dev(), there.ino()))
}

impl Ending {
    /// The last bytes of a file's first `length`.
    pub(super) fn of(file: &File, length: u64) -> io::Result<Self> {
        let count = length.min(ENDING_BYTES);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        file.read_exact_at(&mut bytes, length - count)?;
        Ok(Self(bytes))
    }

    /// More bytes follow.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let over = self.0.len().saturating_sub(usize::try_from(ENDING_BYTES).unwrap_or(usize::MAX));
        self.0.drain(..over);
    }

    pub(super) fn checksum(&self) -> u64 {
        checksum(&self.0)
    }
}

pub(super) fn write(turn: u64, mark: &FileMark) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(match (&mark.seen, &mark.rotation) {
        (Some(_), Some(_)) => MAGIC,
        (Some(_), None) => MAGIC_2,
        (None, _) => MAGIC_1,
    });
    out.u64(turn);
    out.u64(mark.length);
    out.u64(mark.sequences.len() as u64);
    for (query, &sequence) in &mark.sequences {
        out.str(query);
        out.u64(sequence);
    }
    if let Some(Seen { id: (device, inode), ending, path }) = &mark.seen {
        [device, inode, ending].into_iter().for_each(|&number| out.u64(number));
        out.str(path);
        if let Some(RotationMark { number, begun_us, is_moving }) = mark.rotation {
            out.u64(number);
            out.bool(begun_us.is_some());
            out.i64(begun_us.unwrap_or_default());
            out.bool(is_moving);
        }
    }
    let sum = checksum(out.as_bytes());
    out.u64(sum);
    out.into_bytes()
}

pub(super) fn read(bytes: &[u8]) -> Result<(u64, FileMark), Malformed> {
    let mut input = Reader::new(bytes);
    let Some((content, sum)) = bytes.split_last_chunk::<8>() else {
        return Err(input.malformed("it is too short"));
    };
    if checksum(content) != u64::from_le_bytes(*sum) {
        return Err(input.malformed("its checksum does not fit"));
    }
    let magic = input.raw(MAGIC.len())?;
    if ![MAGIC, MAGIC_2, MAGIC_1].iter().any(|known| magic == *known) {
        return Err(input.malformed("it is no marker of this version"));
    }
    let turn = input.u64()?;
    let length = input.u64()?;
    let count = input.count(16)?;
    let sequences = (0..count).map(|_| Ok((input.str()?.to_owned(), input.u64()?)));
    let sequences = sequences.collect::<Result<_, Malformed>>()?;
    let seen = match magic == MAGIC_1 {
        true => None,
        false => {
            let (id, ending) = ((input.u64()?, input.u64()?), input.u64()?);
            Some(Seen { id, ending, path: input.str()?.to_owned() })
        }
    };
    let rotation = match magic == MAGIC {
        true => {
            let (number, is_begun, begun_us) = (input.u64()?, input.bool()?, input.i64()?);
            Some(RotationMark { number, begun_us: is_begun.then_some(begun_us), is_moving: input.bool()? })
        }
        false => None,
    };
    Ok((turn, FileMark { length, sequences, seen, rotation }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_only_a_rotated_file_has_a_new_format() {
        let sequences: BTreeMap<String, u64> = [("q".to_owned(), 5), ("r".to_owned(), u64::MAX)].into();
        let seen = Some(Seen { id: (1, 2), ending: 3, path: "/d/rows.jsonl".to_owned() });
        let moving = RotationMark { number: 9, begun_us: Some(-7), is_moving: true };
        let begun = RotationMark { number: 1, begun_us: None, is_moving: false };
        for (format, seen, rotation) in [
            (1, None, None),
            (2, seen.clone(), None),
            (3, seen.clone(), Some(moving)),
            (3, seen, Some(begun)),
        ] {
            let mark = FileMark { length: 11, sequences: sequences.clone(), seen, rotation };
            let bytes = write(4, &mark);
            assert_eq!((bytes[7], read(&bytes).unwrap()), (format, (4, mark)));
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 4;
                assert!(read(&bad).is_err() && read(&bytes[..at]).is_err(), "format {format}, byte {at}");
            }
        }
    }
}
