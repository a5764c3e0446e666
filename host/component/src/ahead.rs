//! Machine code of what is part of the product, compiled ahead of time: when the binary is built, `make` lets it compile its own plugins and
//! the shell of queries into a file beside it. Without the file, or with that of another version, they are compiled when they are
//! first used.
//!
//! Machine code is not verified when it is loaded. So the file has to belong to whom the binary belongs, nobody else may write to it, and
//! what it holds is loaded only if its digest fits.

mod file;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use streamgauge_bundle::{QUERY_SHELL, REDUCERS, SINKS};
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};

use self::file::Ahead;
use super::{
    cache::FunctionCache,
    code_cache::Key,
    config::{MemoryImages, config},
};

/// What the functions of queries are kept as.
const FUNCTIONS: &[u8] = b"functions of the query shell";

/// Machine code that was compiled ahead of time, if it was.
#[derive(Debug, Default)]
pub struct AheadOfTime {
    file: Option<Ahead>,
    damage_told: AtomicBool,
}

/// The file that belongs to a binary.
pub fn path_of(binary: &Path) -> PathBuf {
    let mut path = binary.as_os_str().to_owned();
    path.push(".aot");
    path.into()
}

impl AheadOfTime {
    /// Opens what belongs to a binary. Where there is nothing that can be trusted, everything is compiled when it is used.
    pub fn of(binary: &Path) -> Self {
        let path = path_of(binary);
        let opened = Ahead::open(&path, binary).inspect_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                let path = path.display();
                warn!("{path} is not used: {error}; plugins that are part of Streamgauge are compiled when they are used");
            }
        });
        let file = opened.ok();
        Self { file, damage_told: AtomicBool::new(false) }
    }

    /// The machine code of a component, for this engine.
    pub(super) fn get(&self, engine: &Engine, component: &[u8]) -> Option<Vec<u8>> {
        let file = self.file.as_ref()?;
        let read = file.read(&Key::of(engine, component));
        read.unwrap_or_else(|error| {
            if !self.damage_told.swap(true, Relaxed) {
                warn!("machine code that was compiled ahead of time is not used: {error}");
            }
            None
        })
    }

    /// Gives the functions of queries to a cache.
    pub(super) fn fill(&self, engine: &Engine, cache: &FunctionCache) {
        let Some(functions) = self.get(engine, FUNCTIONS) else { return };
        if cache.read(&functions).is_none() {
            debug!("the functions of the query shell that were compiled ahead of time cannot be read");
        }
    }
}

/// Compiles all that is part of the product into the file that belongs to a binary.
///
/// # Errors
/// Where something cannot be compiled or written.
pub fn write(binary: &Path) -> Result<PathBuf, String> {
    let failed = |error: wasmtime::Error| format!("cannot compile ahead of time: {error:#}");
    let engine = Engine::new(&config(MemoryImages::Shared)).map_err(failed)?;
    let mut entries = Vec::new();
    for (name, component) in REDUCERS.iter().chain(SINKS) {
        let compiled = Component::from_binary(&engine, component).and_then(|compiled| compiled.serialize());
        let code = compiled.map_err(|error| format!("cannot compile '{name}' ahead of time: {error:#}"))?;
        entries.push((Key::of(&engine, component), code));
    }
    let functions = Arc::new(FunctionCache::new(usize::MAX));
    let mut config = config(MemoryImages::Shared);
    let config = config.enable_incremental_compilation(functions.clone()).map_err(failed)?;
    let engine = Engine::new(config).map_err(failed)?;
    Component::from_binary(&engine, QUERY_SHELL).map_err(failed)?;
    entries.push((Key::of(&engine, FUNCTIONS), functions.written()));
    let path = path_of(binary);
    file::write(&path, &entries).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}
