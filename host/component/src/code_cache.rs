//! Machine code that is kept between two runs: a component is compiled once.
//!
//! Machine code is not verified when it is loaded, so the [`folder`] belongs to the user alone, and an [`entry`] is loaded
//! only if its digest fits. What is damaged, or was put there by others, is compiled again. Nothing depends on the folder: where it
//! cannot be used, a warning says so once, and each run compiles.

mod entry;
mod folder;

use std::{
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use tracing::{debug, warn};
use wasmtime::Engine;

use super::compiler::Origin;

use self::{entry::Kept, folder::Folder};

/// How entries are named and laid out. Another version does not find them.
const LAYOUT: &[u8] = b"streamgauge machine code, layout 2\n";

/// A folder of machine code.
#[derive(Debug)]
pub struct CodeCache {
    path: PathBuf,
    bytes_max: u64,
    /// The folder, or why it cannot be used.
    folder: OnceLock<Result<Folder, String>>,
    failure_told: AtomicBool,
}

/// What machine code was compiled from, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of a component that this engine compiles: its version, its settings and the processor are part of it.
    pub(super) fn of(engine: &Engine, component: &[u8]) -> Self {
        let mut key = Sha256::new_with_prefix(LAYOUT);
        key.update(Sha256::digest(component));
        let mut compatible = Hashed(key);
        engine.precompile_compatibility_hash().hash(&mut compatible);
        Self(compatible.0.finalize().into())
    }

    /// What it is.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of its entry.
    fn name(&self) -> String {
        hexadecimal(&self.0) + folder::ENDING
    }
}

/// A hasher whose result is a digest.
struct Hashed(Sha256);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Never asked: the digest is taken.
    fn finish(&self) -> u64 {
        0
    }
}

impl CodeCache {
    /// A folder that is made when it is first needed. It keeps up to so many bytes: what was used least recently is removed.
    pub fn new(path: PathBuf, bytes_max: u64) -> Self {
        Self { path, bytes_max, folder: OnceLock::new(), failure_told: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be used. If not, a warning says so once.
    pub(super) fn is_usable(&self) -> bool {
        let Err(why) = self.folder() else { return true };
        self.warn_once(&format!("is not kept in {}: {why}", self.path.display()));
        false
    }

    /// Tells, once, that machine code is not kept.
    fn warn_once(&self, why: &str) {
        if !self.failure_told.swap(true, Relaxed) {
            let help = "each run compiles its plugins again; set STREAMGAUGE_PLUGIN_CACHE to another folder, or to `off`";
            warn!(help, "machine code of plugins {why}");
        }
    }

    /// The machine code of a key. What is damaged is not there.
    pub(super) fn get(&self, key: &Key) -> Option<Kept> {
        let (folder, name) = (self.folder().as_ref().ok()?, key.name());
        let read = folder.read(&name);
        match read.and_then(|read| read.map(|(file, bytes)| Kept::new(&key.0, file, bytes)).transpose()) {
            Ok(kept) => kept,
            Err(why) => {
                debug!("machine code in {}/{name} is not used: {why}", self.path.display());
                None
            }
        }
    }

    /// Keeps the machine code of a key, and removes other entries if there are too many. `whose` says who misses it where that fails.
    pub(super) fn put(&self, key: &Key, code: &[u8], whose: Origin) {
        let Ok(folder) = self.folder() else { return };
        let (name, seal) = (key.name(), entry::seal(&key.0, code));
        let bytes = u64::try_from(seal.len().saturating_add(code.len())).unwrap_or(u64::MAX);
        if bytes > self.bytes_max {
            debug!("machine code of {bytes} bytes is not kept: more than --limit plugin_cache_bytes");
            return;
        }
        let kept = folder.write(&name, &[code, &seal]).and_then(|()| folder.shrink(self.bytes_max, &name));
        let Err(why) = kept else { return };
        let why = format!("cannot be kept in {}: {why}", self.path.display());
        match whose {
            Origin::Foreign => self.warn_once(&why),
            // It is compiled in no time.
            Origin::Own => debug!("machine code {why}"),
        }
    }

    fn folder(&self) -> &Result<Folder, String> {
        self.folder.get_or_init(|| Folder::open(&self.path).map_err(|why| why.to_string()))
    }
}
