//! An entry: the machine code, and behind it a seal of magic, key and the digest of the machine code.
//!
//! The code comes first, so that the file of an entry can be mapped: of code that is mapped, only what runs takes memory.

use std::{fs::File, io, os::fd::AsRawFd as _};

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

const MAGIC: &[u8; 8] = b"SGCODE\0\x02";
const SEAL_BYTES: usize = MAGIC.len() + 32 + 32;

/// The machine code of an entry whose digest fits.
pub(crate) struct Kept {
    file: File,
    bytes: Vec<u8>,
}

impl Kept {
    /// The machine code that a file has, whose bytes were read; it was kept under this key.
    ///
    /// # Errors
    /// Where the bytes are not those that were written.
    pub(super) fn new(key: &[u8; 32], file: File, mut bytes: Vec<u8>) -> io::Result<Self> {
        let length = code(key, &bytes)?.len();
        bytes.truncate(length);
        Ok(Self { file, bytes })
    }

    /// Loads it: from its file, or from a copy in memory where the system has no names for open files.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        let opened = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        #[expect(
            unsafe_code,
            reason = "the digest fits, and the file stays as it is: only this user can write to it, and entries are never written twice"
        )]
        unsafe {
            Component::deserialize_file(engine, opened)
                .or_else(|_| Component::deserialize(engine, &self.bytes))
        }
    }
}

/// The machine code in the bytes of an entry.
fn code<'a>(key: &[u8; 32], bytes: &'a [u8]) -> io::Result<&'a [u8]> {
    let damaged = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let length = bytes.len().checked_sub(SEAL_BYTES).ok_or_else(|| damaged("it is shorter than a seal"))?;
    let (code, found) = bytes.split_at(length);
    match found == seal(key, code) {
        true => Ok(code),
        false => Err(damaged("its digest does not fit")),
    }
}

/// What stands behind the machine code of a key.
pub(super) fn seal(key: &[u8; 32], code: &[u8]) -> Vec<u8> {
    [MAGIC.as_slice(), key, &Sha256::digest(code)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_any_other_bit_or_length_is_not_used() {
        let (key, kept) = ([7; 32], b"machine code".as_slice());
        let entry = [kept, &seal(&key, kept)].concat();
        assert_eq!(code(&key, &entry).unwrap(), kept);
        for bit in 0..entry.len() * 8 {
            let mut flipped = entry.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(code(&key, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..entry.len() {
            assert!(code(&key, &entry[..length]).is_err(), "{length} bytes");
        }
        assert!(code(&key, &[&entry, &b"x"[..]].concat()).is_err(), "a byte more");
        assert!(code(&[8; 32], &entry).is_err(), "of another key");
    }
}
