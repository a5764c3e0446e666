//! One compiler and clock for all guests.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use wasmtime::{
    Config, Engine, Strategy,
    component::{Component, InstancePre, Linker},
};

use super::{
    cache::FunctionCache,
    check::{Refusal, Refused, World, check},
    limits::{Budget, Limits, NO_MORE, is_systems},
};

/// How often guests are looked at for having run too long.
const TICK: Duration = Duration::from_millis(5);
/// The stack of a call: part of the calling thread's.
const STACK_BYTES: usize = 512 << 10;
/// Frames of a trap that are worth keeping.
const TRAP_FRAMES: Option<NonZeroUsize> = NonZeroUsize::new(16);

/// Compiles guests and stops those that run too long. A clone is the same runtime.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<RuntimeInner>,
}

struct RuntimeInner {
    engine: Engine,
    limits: Limits,
    /// What was compiled, by its bytes: the same plugin in a hundred queries is compiled once.
    compiled: Mutex<HashMap<Box<[u8]>, InstancePre<Budget>>>,
    /// Dropped with the runtime: that ends the ticker.
    _ticker: Sender<()>,
}

/// The machine cannot run guests: no memory, or no support for its processor.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly runtime: {0}")]
pub struct RuntimeError(String);

impl Runtime {
    /// A runtime with the default limits.
    pub fn new() -> Result<Self, RuntimeError> {
        Self::with_limits(Limits::default())
    }

    /// A runtime.
    pub fn with_limits(limits: Limits) -> Result<Self, RuntimeError> {
        Self::start(limits, Instances::Few)
    }

    /// A runtime for trials: thousands of instances of one guest, each of which is used for a few calls.
    pub fn for_trials(limits: Limits) -> Result<Self, RuntimeError> {
        Self::start(limits, Instances::Thousands)
    }

    fn start(limits: Limits, instances: Instances) -> Result<Self, RuntimeError> {
        let engine = config(&limits, instances).and_then(|config| Engine::new(&config));
        let engine = engine.map_err(|error| RuntimeError(format!("{error:#}")))?;
        let ticker = start_ticker(&engine).map_err(|error| RuntimeError(error.to_string()))?;
        let shared = RuntimeInner { engine, limits, compiled: Mutex::default(), _ticker: ticker };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The limits of every guest.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Checks and compiles a guest, unless the same bytes were compiled before. `who` names it in errors.
    pub(super) fn compile(
        &self,
        who: &str,
        world: World,
        bytes: &[u8],
    ) -> Result<InstancePre<Budget>, Refused> {
        let refused = |why| Refused { who: who.to_owned(), why };
        check(world, bytes, self.limits().component_bytes_max).map_err(refused)?;
        if let Some(compiled) = self.compiled().get(bytes) {
            return Ok(compiled.clone());
        }
        let engine = &self.shared.engine;
        let failed = |error: wasmtime::Error| {
            refused(match is_systems(&error) {
                true => Refusal::Transient(NO_MORE.to_owned()),
                false => Refusal::Compile(format!("{error:#}")),
            })
        };
        let component = Component::from_binary(engine, bytes).map_err(failed)?;
        // Nothing is linked: `check` saw that nothing is wanted.
        let compiled = Linker::new(engine).instantiate_pre(&component).map_err(failed)?;
        self.compiled().insert(bytes.into(), compiled.clone());
        Ok(compiled)
    }

    /// Does `work` for each item on all cores: what [`Runtime::compile`] does for many guests at the start.
    pub(super) fn for_each<T: Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len());
        let done = Mutex::new(Vec::with_capacity(items.len()));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((index, item)) = take(&next, items) {
                        let result = work(item);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// How many ticks a call may take: at least the time-out, whenever between two ticks it begins.
    pub(super) fn call_ticks(timeout: Duration) -> u64 {
        let ticks = timeout.as_nanos().div_ceil(TICK.as_nanos());
        u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn compiled(&self) -> std::sync::MutexGuard<'_, HashMap<Box<[u8]>, InstancePre<Budget>>> {
        self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// How many instances of one guest are started.
#[derive(Clone, Copy, PartialEq)]
enum Instances {
    /// One a query and partition: each has memory of its own from the start.
    Few,
    /// The memory of each is the same until it is written to, which is much faster where a language brings 12 MB along.
    Thousands,
}

/// What guests may be made of, as in [`check`], and how they run: the same bits each time, never without end.
fn config(limits: &Limits, instances: Instances) -> wasmtime::Result<Config> {
    let mut config = Config::new();
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
    // Such an image is a file, if only in memory: `ulimit -f` holds for it, and a few instances do not share much.
    config.memory_init_cow(instances == Instances::Thousands);
    config.enable_incremental_compilation(Arc::new(FunctionCache::new(limits.function_cache_bytes)))?;
    Ok(config)
}

/// Counts the engine's epochs until the returned end of a channel is dropped.
fn start_ticker(engine: &Engine) -> std::io::Result<Sender<()>> {
    let (alive, runtime) = mpsc::channel::<()>();
    let engine = engine.weak();
    thread::Builder::new().name("guest-ticker".to_owned()).spawn(move || {
        while runtime.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    })?;
    Ok(alive)
}
