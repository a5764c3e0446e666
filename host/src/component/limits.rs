//! What a guest may use, and who keeps count of it.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The bounds of every guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `plugin_memory`: bytes of all memories and tables of an instance.
    pub plugin_memory: usize,
    /// `plugin_call_timeout`: how long one call may take.
    pub plugin_call_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { plugin_memory: 1 << 30, plugin_call_timeout: Duration::from_secs(1) }
    }
}

/// The largest component that is read: a guest that brings a whole language along has 20 MB.
pub(super) const COMPONENT_BYTES_MAX: usize = 64 << 20;
/// Core modules in one component: a handful, some tens where a language brings shared libraries.
const INSTANCES_MAX: usize = 64;
const MEMORIES_MAX: usize = 8;
const TABLES_MAX: usize = 16;
/// What a table's element takes on this side.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Sums the memories and tables of one instance, and remembers that more was wanted than there is.
///
/// A guest does not trap when it is refused memory: its allocator gives up in some way of its own. So only this note tells
/// "out of memory" from a trap.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: usize,
    bytes: usize,
    /// The growth that was granted last: taken back if it fails after all.
    granted: usize,
    refused: bool,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, granted: 0, refused: false }
    }

    /// Forgets refusals: what a guest survived in an earlier call explains nothing in the next one.
    pub(super) fn begin_call(&mut self) {
        self.refused = false;
    }

    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        self.granted = 0;
        let more = desired.saturating_sub(current);
        match self.bytes.checked_add(more) {
            Some(bytes) if bytes <= self.bytes_max => {
                self.bytes = bytes;
                self.granted = more;
                true
            }
            _ => {
                self.refused = true;
                false
            }
        }
    }

    /// Growth that was granted came to nothing: the guest's own maximum, or the machine has no more.
    fn grow_failed(&mut self) {
        self.bytes = self.bytes.saturating_sub(self.granted);
        self.granted = 0;
        self.refused = true;
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_and_tables_are_summed() {
        let mut budget = Budget::new(100);
        assert!(budget.memory_growing(0, 40, None).unwrap());
        assert!(budget.memory_growing(0, 20, None).unwrap());
        assert!(budget.table_growing(0, 5, None).unwrap());
        assert!(!budget.refused());
        assert!(!budget.memory_growing(40, 41, None).unwrap());
        assert!(budget.refused());
        budget.begin_call();
        assert!(!budget.refused());
    }

    #[test]
    fn growth_that_fails_is_taken_back_and_noted() {
        let mut budget = Budget::new(100);
        assert!(budget.memory_growing(0, 90, None).unwrap());
        budget.memory_grow_failed(wasmtime::Error::msg("no more")).unwrap();
        assert!(budget.refused());
        assert!(budget.memory_growing(0, 100, None).unwrap());
        assert!(!budget.memory_growing(0, usize::MAX, None).unwrap());
    }
}
