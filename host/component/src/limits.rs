//! What a guest may use, and who keeps count of it.

use std::{io, time::Duration};

use rustix::io::Errno;
use streamgauge_sql::size;
use wasmtime::ResourceLimiter;

/// The bounds of every guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `plugin_memory`: bytes of all memories and tables of an instance.
    pub plugin_memory: usize,
    /// `plugin_call_timeout`: how long one call may take.
    pub plugin_call_timeout: Duration,
    /// `max_call_result_bytes`: bytes that a guest may hand over in one call, as they are counted on this side.
    pub call_result_bytes_max: usize,
    /// `max_component_bytes`: the largest component that is read; a guest that brings a whole language along has 20 MB.
    pub component_bytes_max: usize,
    /// `plugin_compile_memory`: addresses of the process that compiles a plugin of others.
    pub compile_memory: usize,
    /// `plugin_compile_time`: processor time of that process, in whole seconds.
    pub compile_time: Duration,
    /// `function_cache_bytes`: how much machine code is kept by function.
    pub function_cache_bytes: usize,
}

/// What one guest may use, where the program that names it lets it have less than [`Limits`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestLimits {
    /// `memory`: bytes of all memories and tables of an instance.
    pub memory: Option<usize>,
    /// `call_timeout`: how long one call may take.
    pub call_timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            plugin_memory: 1 << 30,
            plugin_call_timeout: Duration::from_secs(1),
            call_result_bytes_max: 256 << 20,
            component_bytes_max: 64 << 20,
            compile_memory: 2 << 30,
            compile_time: Duration::from_secs(60),
            function_cache_bytes: 16 << 20,
        }
    }
}

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
    refused: Option<Refusal>,
}

/// Who gave a guest no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// We did: `plugin_memory`, or the guest's own maximum.
    Bound,
    /// The system did: the machine, or what this process may have of it.
    System,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, granted: 0, refused: None }
    }

    /// Forgets refusals: what a guest survived in an earlier call explains nothing in the next one.
    pub(super) fn begin_call(&mut self) {
        self.refused = None;
    }

    /// What was granted in all.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn refused(&self) -> Option<Refusal> {
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
                self.refused = Some(Refusal::Bound);
                false
            }
        }
    }

    /// Growth that was granted came to nothing: the guest's own maximum, or the system has no more.
    fn grow_failed(&mut self, error: &wasmtime::Error) {
        self.bytes = self.bytes.saturating_sub(self.granted);
        self.granted = 0;
        self.refused = Some(if is_systems(error) { Refusal::System } else { Refusal::Bound });
    }
}

/// Whether something failed since the system has no more memory, or lets this process have no more: nobody's fault who asked.
pub(super) fn is_systems(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::OutOfMemory>()
        || error.chain().any(|cause| {
            cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
                || cause
                    .downcast_ref::<io::Error>()
                    .is_some_and(|cause| cause.kind() == io::ErrorKind::OutOfMemory)
        })
}

/// A number of bytes in words.
pub(super) fn spell(bytes: usize) -> String {
    size::spell(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// What is told of it, behind who asked.
pub(super) const NO_MORE: &str = "got no more memory from the system: raise what this process may have (ulimit -v, where each \
                                  plugin needs 4 GiB of addresses; the container's limit), or free some";

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error);
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
        assert_eq!(budget.refused(), None);
        assert!(!budget.memory_growing(40, 41, None).unwrap());
        assert_eq!(budget.refused(), Some(Refusal::Bound));
        budget.begin_call();
        assert_eq!(budget.refused(), None);
    }

    #[test]
    fn growth_that_fails_is_taken_back_and_noted() {
        let mut budget = Budget::new(100);
        assert!(budget.memory_growing(0, 90, None).unwrap());
        budget.memory_grow_failed(wasmtime::Error::msg("no more")).unwrap();
        assert_eq!(budget.refused(), Some(Refusal::Bound));
        budget.memory_grow_failed(wasmtime::Error::from(Errno::NOMEM).context("mprotect failed")).unwrap();
        assert_eq!(budget.refused(), Some(Refusal::System));
        assert!(budget.memory_growing(0, 100, None).unwrap());
        assert!(!budget.memory_growing(0, usize::MAX, None).unwrap());
    }
}
