//! How guests are compiled.

mod processor;

use std::num::NonZeroUsize;

use rustix::process::{Resource, getrlimit};
use wasmtime::{Config, Strategy};

/// The stack of a call: part of the calling thread's.
const STACK_BYTES: usize = 512 << 10;
/// Frames of a trap that are worth keeping.
const TRAP_FRAMES: Option<NonZeroUsize> = NonZeroUsize::new(16);

/// What the memory of a new instance begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemoryImages {
    /// All instances of a guest share one image, which is copied where it is written to. Where a language brings megabytes of data along
    /// an instance starts much faster, and so does the compiler.
    Shared,
    /// Each instance gets a copy.
    Copied,
}

impl MemoryImages {
    /// An image is a file, if only in memory, and `ulimit -f` holds for it: where there is such a limit there are no images.
    pub(super) fn allowed() -> Self {
        match getrlimit(Resource::Fsize).current {
            None => Self::Shared,
            Some(_) => Self::Copied,
        }
    }

    /// As a process that compiles is told: its machine code fits such an engine only.
    pub(super) const fn argument(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Copied => "copied",
        }
    }

    /// The same backwards.
    pub(super) fn of_argument(text: &str) -> Option<Self> {
        [Self::Shared, Self::Copied].into_iter().find(|images| images.argument() == text)
    }
}

/// What guests may be made of, as in [`check`](crate::check), and how they run: the same bits each time, never without end.
///
/// Machine code that one process compiles is loaded by another one: both have this configuration.
pub(super) fn config(images: MemoryImages) -> Config {
    let mut config = Config::new();
    processor::set(&mut config);
    config
        .strategy(Strategy::Cranelift)
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_extended_const(true)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_threads(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_tail_call(false)
        // For what wasmtime itself puts between the parts of a composed component, which without it cannot be compiled. An author's
        // module with several memories is refused by `check`.
        .wasm_multi_memory(true)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    // NaNs are made canonical where they leave a guest (`columns.rs`); doing it behind each operation inside costs reducers
    // of doubles up to five times their time, and a replay on the same kind of processor gives the same bits anyway.
    config.cranelift_nan_canonicalization(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES);
    config.wasm_backtrace_max_frames(TRAP_FRAMES);
    // Traps are walked by wasmtime itself; registering tables for others costs at each load.
    config.native_unwind_info(false);
    // 4 GiB of addresses a memory, none of them used before they are touched: no bounds checks in loops. There are
    // addresses for thousands of instances.
    config.memory_reservation(4 << 30).memory_guard_size(32 << 20).memory_may_move(false);
    config.memory_init_cow(images == MemoryImages::Shared);
    config
}
