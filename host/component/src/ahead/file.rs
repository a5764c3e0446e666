//! The file of machine code: magic, the digest of the table, the number of its entries, the table, and the machine code.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::code_cache::Key;

const MAGIC: &[u8; 8] = b"SGAHEAD\x01";
const HEAD_BYTES: usize = 8 + 32 + 8;
/// Key, offset, length, digest.
const ENTRY_BYTES: usize = 32 + 8 + 8 + 32;
/// More entries than there will be.
const ENTRIES_MAX: u64 = 10_000;
/// Bits of a mode by which others may write.
const OTHERS_WRITE: u32 = 0o022;

/// An open file.
#[derive(Debug)]
pub(super) struct Ahead {
    file: File,
    places: HashMap<[u8; 32], Place>,
}

/// Where machine code is in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    length: u64,
    digest: [u8; 32],
}

impl Ahead {
    /// Opens the file that belongs to a binary.
    ///
    /// # Errors
    /// Where it is not there, is not one that a binary may trust, or is damaged.
    pub(super) fn open(path: &Path, binary: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let (found, owner) = (file.metadata()?, fs::metadata(binary)?.uid());
        if found.uid() != owner && found.uid() != 0 {
            return Err(refused("it belongs to another user than the binary"));
        }
        if found.mode() & OTHERS_WRITE != 0 {
            return Err(refused("others than its owner may write to it"));
        }
        let mut head = [0; HEAD_BYTES];
        read(&file, &mut head, 0)?;
        let count = u64::from_le_bytes(part(&head, 40)).min(ENTRIES_MAX);
        let mut table = vec![0; count as usize * ENTRY_BYTES];
        read(&file, &mut table, HEAD_BYTES as u64)?;
        if head != self::head(count, &table) {
            return Err(damaged());
        }
        let place = |entry: &[u8]| {
            let (offset, length) = (u64::from_le_bytes(part(entry, 32)), u64::from_le_bytes(part(entry, 40)));
            (part(entry, 0), Place { offset, length, digest: part(entry, 48) })
        };
        let places: HashMap<_, _> = table.chunks_exact(ENTRY_BYTES).map(place).collect();
        let lies_within =
            |place: &Place| place.offset.checked_add(place.length).is_some_and(|end| end <= found.len());
        match places.values().all(lies_within) {
            true => Ok(Self { file, places }),
            false => Err(damaged()),
        }
    }

    /// The machine code of a key, if there is some.
    ///
    /// # Errors
    /// Where it is not what was written.
    pub(super) fn read(&self, key: &Key) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.places.get(key.bytes()) else { return Ok(None) };
        let mut code = vec![0; usize::try_from(place.length).map_err(io::Error::other)?];
        read(&self.file, &mut code, place.offset)?;
        match Sha256::digest(&code)[..] == place.digest {
            true => Ok(Some(code)),
            false => Err(damaged()),
        }
    }
}

/// Writes a file of machine code in place of an earlier one.
pub(super) fn write(path: &Path, entries: &[(Key, Vec<u8>)]) -> io::Result<()> {
    let mut table = Vec::new();
    let mut offset = (HEAD_BYTES + entries.len() * ENTRY_BYTES) as u64;
    for (key, code) in entries {
        let length = code.len() as u64;
        table.extend([key.bytes().as_slice(), &offset.to_le_bytes(), &length.to_le_bytes()].concat());
        table.extend(Sha256::digest(code));
        offset += length;
    }
    let temporary = path.with_extension(format!("aot-{}", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(&head(entries.len() as u64, &table))?;
        file.write_all(&table)?;
        entries.iter().try_for_each(|(_, code)| file.write_all(code))?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Fills a buffer; a file that ends before is damaged.
fn read(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(),
        _ => error,
    })
}

fn head(count: u64, table: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let bytes = [MAGIC.as_slice(), &Sha256::digest(table), &count.to_le_bytes()].concat();
    head.copy_from_slice(&bytes);
    head
}

/// A part of something that is long enough.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
    part
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged: build Streamgauge again")
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use wasmtime::Engine;

    use super::*;

    fn keys() -> [Key; 3] {
        let engine = Engine::default();
        [b"a", b"b", b"c"].map(|component| Key::of(&engine, component))
    }

    #[test]
    fn what_was_written_is_read_and_no_flipped_bit_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, [a, b, c]) = (folder.path().join("x.aot"), keys());
        write(&path, &[(a, b"machine".to_vec()), (b, b"code".to_vec())]).unwrap();
        let file = Ahead::open(&path, folder.path()).unwrap();
        assert_eq!(file.read(&a).unwrap().as_deref(), Some(b"machine".as_slice()));
        assert_eq!(file.read(&b).unwrap().as_deref(), Some(b"code".as_slice()));
        assert_eq!(file.read(&c).unwrap(), None);

        let bytes = fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            let Ok(file) = Ahead::open(&path, folder.path()) else { continue };
            let (a, b) = (file.read(&a), file.read(&b));
            assert!(a.is_err() ^ b.is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let why = Ahead::open(&path, folder.path()).unwrap_err().to_string();
            assert_eq!(why, damaged().to_string(), "{length} bytes");
        }
    }

    #[test]
    fn a_file_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, [a, ..]) = (folder.path().join("x.aot"), keys());
        write(&path, &[(a, b"machine".to_vec())]).unwrap();
        for (mode, trusted) in [(0o644, true), (0o444, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Ahead::open(&path, folder.path()).is_ok(), trusted, "{mode:o}");
        }
    }
}
