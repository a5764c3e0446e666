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
