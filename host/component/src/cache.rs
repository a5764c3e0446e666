//! Machine code by function: the functions of the shell, which are the same in every query, are compiled once.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wasmtime::CacheStore;

/// What was compiled by one runtime.
#[derive(Debug)]
pub(super) struct FunctionCache {
    /// How much is kept; what comes later is compiled each time. A query of its own takes a few KiB.
    bytes_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Box<[u8]>, Vec<u8>>,
    /// The bytes of all keys and values.
    bytes: usize,
}

impl FunctionCache {
    /// Keeps up to so many bytes of keys and machine code.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, entries: Mutex::default() }
    }

    /// All that is kept, as bytes.
    pub(super) fn written(&self) -> Vec<u8> {
        let entries = self.entries();
        let mut all: Vec<_> = entries.by_key.iter().collect();
        all.sort_unstable();
        let parts = all.into_iter().flat_map(|(key, value)| [&**key, value.as_slice()]);
        parts.flat_map(|part| [&(part.len() as u64).to_le_bytes(), part].concat()).collect()
    }

    /// Keeps what was [`written`](Self::written); none where the bytes are not such.
    pub(super) fn read(&self, mut bytes: &[u8]) -> Option<()> {
        let mut part = || {
            let (length, rest) = bytes.split_first_chunk()?;
            let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            bytes = rest;
            Some(part)
        };
        while let Some(key) = part() {
            self.insert(key, part()?.to_vec());
        }
        bytes.is_empty().then_some(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheStore for FunctionCache {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.entries().by_key.get(key).map(|value| Cow::Owned(value.clone()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let mut entries = self.entries();
        let bytes = entries.bytes + key.len() + value.len();
        if bytes > self.bytes_max {
            return false;
        }
        // Of two threads that compiled the same function the later one's is left out.
        if !entries.by_key.contains_key(key) {
            entries.bytes = bytes;
            entries.by_key.insert(key.into(), value);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let cache = FunctionCache::new(1000);
        assert!(cache.insert(b"ab", vec![1, 2, 3]));
        assert!(cache.insert(b"c", vec![]));
        let (bytes, other) = (cache.written(), FunctionCache::new(1000));
        assert_eq!(other.read(&bytes), Some(()));
        assert_eq!(other.get(b"ab").as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(other.get(b"c").as_deref(), Some(&[][..]));
        for length in 1..bytes.len() {
            let other = FunctionCache::new(1000);
            let whole = other.read(&bytes[..length]).is_some();
            // The first entry ends there.
            assert_eq!(whole, length == 8 + 2 + 8 + 3, "{length} bytes");
        }
    }

    #[test]
    fn what_is_kept_is_found_and_has_a_bound() {
        let cache = FunctionCache::new(10);
        assert!(cache.insert(b"a", vec![1, 2]));
        assert!(cache.insert(b"a", vec![1, 2]));
        assert_eq!(cache.entries().bytes, 3, "kept once");
        assert!(cache.insert(b"b", vec![0; 6]));
        assert!(!cache.insert(b"c", vec![0]), "full");
        assert_eq!(cache.get(b"a").as_deref(), Some(&[1, 2][..]));
        assert_eq!(cache.get(b"c"), None);
    }
}
