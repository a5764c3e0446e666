//! What compiles and runs components for a command: plugins of users in a process of this program, and their machine code is kept.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use streamgauge_component::{
    ahead::AheadOfTime,
    code_cache::CodeCache,
    compiler::Compiler,
    runtime::{Runtime, Settings},
};

use super::Failure;
use crate::{cache_folder::cache_folder, limits::Limits};

/// Names the folder of machine code, or is `off`.
const CACHE: &str = "STREAMGAUGE_PLUGIN_CACHE";
/// This program, whatever became of its file meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What compiles and runs components, within these limits.
///
/// # Errors
/// Where this machine cannot run WebAssembly.
pub(super) fn runtime(limits: &Limits) -> Result<Runtime, Failure> {
    start(limits, None)
}

/// The same for a check of one plugin, whose calls are bounded in all.
pub(super) fn checking(limits: &Limits) -> Result<Runtime, Failure> {
    start(limits, Some(limits.plugin_check_time))
}

fn start(limits: &Limits, calls_time_max: Option<Duration>) -> Result<Runtime, Failure> {
    let failed = |why: String| Failure::Runtime(format!("error: {why}"));
    let program = match Path::new(THIS_PROGRAM).exists() {
        true => THIS_PROGRAM.into(),
        false => env::current_exe()
            .map_err(|error| failed(format!("cannot find the file of this program: {error}")))?,
    };
    let bytes_max = u64::try_from(limits.plugin_cache_bytes).unwrap_or(u64::MAX);
    let folder = code_folder(|name| env::var_os(name)).filter(|_| bytes_max > 0);
    let settings = Settings {
        limits: limits.component(),
        compiler: Compiler::Program(program),
        ahead: env::current_exe().map(|binary| AheadOfTime::of(&binary)).unwrap_or_default(),
        code_cache: folder.map(|folder| CodeCache::new(folder, bytes_max)),
        calls_time_max,
    };
    Runtime::with(settings).map_err(|error| failed(error.to_string()))
}

/// Where machine code is kept; none = nowhere.
fn code_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match variable(CACHE).filter(|value| !value.is_empty()) {
        Some(off) if off == "off" => None,
        Some(folder) => Some(folder.into()),
        None => Some(cache_folder(variable)?.join("compiled")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_that_is_named_or_that_of_the_users_caches() {
        let folder = |cache: &str| {
            let set = [("HOME", "/home/me"), (CACHE, cache)];
            let folder = code_folder(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.into()));
            folder.map(|folder| folder.display().to_string())
        };
        assert_eq!(folder("mine").unwrap(), "mine");
        assert_eq!(folder("off"), None);
        assert_eq!(folder("").unwrap(), "/home/me/.cache/streamgauge/compiled");
    }
}
