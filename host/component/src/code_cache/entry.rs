//! The bytes of an entry: magic, key, the digest of the machine code, and the machine code.

use std::io;

use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 8] = b"SGCODE\0\x01";
const HEAD_BYTES: usize = MAGIC.len() + 32 + 32;

/// The machine code of an entry whose digest fits.
pub(crate) struct Kept(Vec<u8>);

impl Kept {
    /// Machine code that was kept under this key.
    ///
    /// # Errors
    /// Where the bytes are not those that were written.
    pub(super) fn decode(key: &[u8; 32], bytes: Vec<u8>) -> io::Result<Self> {
        let damaged = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let Some((head, code)) = bytes.split_at_checked(HEAD_BYTES) else {
            return Err(damaged("it is shorter than the head of an entry"));
        };
        if head != self::head(key, code) {
            return Err(damaged("its digest does not fit"));
        }
        Ok(Self(bytes))
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.0.get(HEAD_BYTES..).unwrap_or_default()
    }
}

/// What stands before the machine code of a key.
pub(super) fn head(key: &[u8; 32], code: &[u8]) -> Vec<u8> {
    [MAGIC.as_slice(), key, &Sha256::digest(code)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_any_other_bit_or_length_is_not_used() {
        let (key, code) = ([7; 32], b"machine code".as_slice());
        let entry = [&head(&key, code), code].concat();
        assert_eq!(Kept::decode(&key, entry.clone()).unwrap().as_ref(), code);
        for bit in 0..entry.len() * 8 {
            let mut flipped = entry.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Kept::decode(&key, flipped).is_err(), "bit {bit}");
        }
        for length in 0..entry.len() {
            assert!(Kept::decode(&key, entry[..length].to_vec()).is_err(), "{length} bytes");
        }
        assert!(Kept::decode(&key, [&entry, &b"x"[..]].concat()).is_err(), "a byte more");
        assert!(Kept::decode(&[8; 32], entry).is_err(), "of another key");
    }
}
