//! One compiler and clock for all guests.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::clock::Stopwatch;
use tracing::info;
use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use super::{
    ahead::AheadOfTime,
    cache::FunctionCache,
    check::{Refusal, Refused, World, check},
    code_cache::{CodeCache, Key},
    compiler::{self, Bounds, Compiler, Origin},
    config::{MemoryImages, config},
    limits::{Budget, Limits, NO_MORE, is_systems},
    ticker::Ticker,
};

/// How often guests that run are looked at for having run too long.
const TICK: Duration = Duration::from_millis(5);

/// A component of others from which on it is told that it is compiled: it takes seconds.
const TOLD_BYTES: usize = 1 << 20;

/// What a runtime is to be.
#[derive(Debug, Default)]
pub struct Settings {
    /// The limits of every guest.
    pub limits: Limits,
    /// What compiles components of others.
    pub compiler: Compiler,
    /// Where machine code is kept; none = nowhere.
    pub code_cache: Option<CodeCache>,
    /// Machine code of what is part of the product.
    pub ahead: AheadOfTime,
    /// What all calls of all guests may take in all, as those of a check; none = they may be called for ever.
    pub calls_time_max: Option<Duration>,
}

/// Compiles guests and stops those that run too long. A clone is the same runtime.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<RuntimeInner>,
}

struct RuntimeInner {
    engine: Engine,
    images: MemoryImages,
    settings: Settings,
    /// Microseconds that calls have taken, where that is bounded.
    calls_us: AtomicU64,
    /// Held while a component of others is compiled, so that what all of them take together is bounded.
    compiling: Mutex<()>,
    compiled: Mutex<CompiledGuests>,
    ticker: Ticker,
}

/// What was compiled: equal bytes have one machine code.
#[derive(Default)]
struct CompiledGuests {
    /// By their bytes, to the end of the runtime: there are few, and programs that are only looked at use them too.
    plugins: HashMap<Arc<[u8]>, Arc<InstancePre<Budget>>>,
    /// By the digests of their bytes, as long as one is used.
    queries: HashMap<[u8; 32], Weak<InstancePre<Budget>>>,
}

impl CompiledGuests {
    fn get(&self, world: World, bytes: &[u8]) -> Option<Arc<InstancePre<Budget>>> {
        match world {
            World::Query => self.queries.get(&digest(bytes))?.upgrade(),
            _ => self.plugins.get(bytes).cloned(),
        }
    }

    fn insert(&mut self, world: World, bytes: &[u8], compiled: &Arc<InstancePre<Budget>>) {
        match world {
            World::Query => {
                self.queries.retain(|_, query| query.strong_count() > 0);
                self.queries.insert(digest(bytes), Arc::downgrade(compiled));
            }
            _ => drop(self.plugins.insert(bytes.into(), Arc::clone(compiled))),
        }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Where the machine code of a component is kept.
struct Keep<'a> {
    cache: &'a CodeCache,
    key: Key,
}

/// The machine cannot run guests: no memory, or no support for its processor.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly runtime: {0}")]
pub struct RuntimeError(String);

impl Runtime {
    /// A runtime with the default limits, which compiles everything in this process and keeps nothing.
    pub fn new() -> Result<Self, RuntimeError> {
        Self::with(Settings::default())
    }

    /// The same with other limits.
    pub fn with_limits(limits: Limits) -> Result<Self, RuntimeError> {
        Self::with(Settings { limits, ..Settings::default() })
    }

    /// A runtime.
    pub fn with(settings: Settings) -> Result<Self, RuntimeError> {
        let functions = Arc::new(FunctionCache::new(settings.limits.function_cache_bytes));
        let images = MemoryImages::allowed();
        let mut config = config(images);
        let engine =
            config.enable_incremental_compilation(functions.clone()).and_then(|config| Engine::new(config));
        let engine = engine.map_err(|error| RuntimeError(format!("{error:#}")))?;
        settings.ahead.fill(&engine, &functions);
        let weak = engine.weak();
        let tick = move || weak.upgrade().map(|engine| engine.increment_epoch()).is_some();
        let ticker = Ticker::start(TICK, tick).map_err(|error| RuntimeError(error.to_string()))?;
        let (calls_us, compiling, compiled) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        let shared = RuntimeInner { engine, images, settings, calls_us, compiling, compiled, ticker };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The limits of every guest.
    pub fn limits(&self) -> Limits {
        self.shared.settings.limits
    }

    /// Does a call; none where all calls have taken as long as they may.
    pub(super) fn timed<T>(&self, call: impl FnOnce() -> T) -> Result<T, Duration> {
        let RuntimeInner { settings, calls_us, ticker, .. } = &*self.shared;
        let _calling = ticker.begin();
        let Some(most) = settings.calls_time_max else { return Ok(call()) };
        if u128::from(calls_us.load(Ordering::Relaxed)) >= most.as_micros() {
            return Err(most);
        }
        let since = Stopwatch::start();
        let done = call();
        let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        calls_us.fetch_add(took, Ordering::Relaxed);
        Ok(done)
    }

    /// Checks and compiles a guest, unless the same bytes were compiled before. `who` names it in errors.
    pub(super) fn compile(
        &self,
        who: &str,
        world: World,
        bytes: &[u8],
        origin: Origin,
    ) -> Result<Arc<InstancePre<Budget>>, Refused> {
        let refused = |why| Refused { who: who.to_owned(), why };
        check(world, bytes, self.limits().component_bytes_max).map_err(refused)?;
        if let Some(compiled) = self.compiled().get(world, bytes) {
            return Ok(compiled);
        }
        let component = match origin {
            Origin::Own => match self.ahead_of_time(bytes) {
                Some(component) => Ok(component),
                None => self.kept_or(bytes, |keep| self.compile_here(bytes, origin, keep)),
            },
            Origin::Foreign => {
                let _alone = self.shared.compiling.lock().unwrap_or_else(PoisonError::into_inner);
                self.kept_or(bytes, |keep| self.compile_foreign(who, bytes, keep))
            }
        };
        // Nothing is linked: `check` saw that nothing is wanted.
        let linked = component.and_then(|component| {
            Linker::new(&self.shared.engine).instantiate_pre(&component).map_err(uncompiled)
        });
        let compiled = Arc::new(linked.map_err(refused)?);
        self.compiled().insert(world, bytes, &compiled);
        Ok(compiled)
    }

    /// What was compiled when the binary was built.
    fn ahead_of_time(&self, bytes: &[u8]) -> Option<Component> {
        let RuntimeInner { engine, settings, .. } = &*self.shared;
        let code = settings.ahead.get(engine, bytes)?;
        load(engine, &code).ok()
    }

    /// The bytes of a plugin that was compiled, which are kept once.
    pub(super) fn bytes_of(&self, bytes: &[u8]) -> Arc<[u8]> {
        self.compiled()
            .plugins
            .get_key_value(bytes)
            .map_or_else(|| bytes.into(), |(kept, _)| Arc::clone(kept))
    }

    /// Takes the machine code that is kept, or compiles a component. `compile` gets what keeps its machine code.
    fn kept_or(
        &self,
        bytes: &[u8],
        compile: impl FnOnce(Option<Keep<'_>>) -> Result<Component, Refusal>,
    ) -> Result<Component, Refusal> {
        let RuntimeInner { engine, settings, .. } = &*self.shared;
        let Some(cache) = &settings.code_cache else { return compile(None) };
        let key = Key::of(engine, bytes);
        let kept = || cache.get(&key).and_then(|kept| kept.load(engine).ok());
        match kept() {
            Some(component) => Ok(component),
            // What comes from a file takes memory only where it runs.
            None => compile(Some(Keep { cache, key })).map(|compiled| kept().unwrap_or(compiled)),
        }
    }

    fn compile_here(
        &self,
        bytes: &[u8],
        origin: Origin,
        keep: Option<Keep<'_>>,
    ) -> Result<Component, Refusal> {
        let component = Component::from_binary(&self.shared.engine, bytes).map_err(uncompiled)?;
        if let Some(Keep { cache, key }) = keep {
            cache.put(&key, &component.serialize().map_err(uncompiled)?, origin);
        }
        Ok(component)
    }

    fn compile_foreign(&self, who: &str, bytes: &[u8], keep: Option<Keep<'_>>) -> Result<Component, Refusal> {
        let RuntimeInner { engine, settings, .. } = &*self.shared;
        let keep = keep.filter(|keep| keep.cache.is_usable());
        tell_compilation(who, bytes.len(), keep.as_ref().map(|keep| keep.cache));
        match &settings.compiler {
            Compiler::InProcess => self.compile_here(bytes, Origin::Foreign, keep),
            Compiler::Program(program) => {
                let code = compiler::compile(program, bytes, &bounds(&settings.limits), self.shared.images)?;
                if let Some(Keep { cache, key }) = keep {
                    cache.put(&key, &code, Origin::Foreign);
                }
                load(engine, &code).map_err(uncompiled)
            }
        }
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

    fn compiled(&self) -> MutexGuard<'_, CompiledGuests> {
        self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the compilation of a component of others may take.
fn bounds(limits: &Limits) -> Bounds {
    /// Machine code is about three times as large as the component.
    const CODE_PER_COMPONENT: usize = 4;
    Bounds {
        memory: limits.compile_memory,
        seconds: limits.compile_time.as_secs().max(1),
        code_bytes_max: limits.component_bytes_max.saturating_mul(CODE_PER_COMPONENT),
    }
}

/// Loads machine code. It is not verified.
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(
        unsafe_code,
        reason = "the code was made by the compiler of this program, and its digest fits if it was kept"
    )]
    unsafe {
        Component::deserialize(engine, code)
    }
}

fn uncompiled(error: wasmtime::Error) -> Refusal {
    match is_systems(&error) {
        true => Refusal::Transient(NO_MORE.to_owned()),
        false => Refusal::Compile(format!("{error:#}")),
    }
}

/// Tells why nothing happens for some seconds.
fn tell_compilation(who: &str, bytes: usize, cache: Option<&CodeCache>) {
    if bytes < TOLD_BYTES {
        return;
    }
    // Nobody counts these bytes.
    let size = format!("{:.0} MB", bytes as f64 / 1e6);
    match cache {
        Some(cache) => {
            info!("compiling {who} ({size}), once: its machine code is kept in {}", cache.path().display());
        }
        None => info!("compiling {who} ({size}); its machine code is not kept"),
    }
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}
