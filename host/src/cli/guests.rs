//! What compiles and runs components for a command: plugins of users in a process of this program, and their machine code is kept.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use streamgauge_component::{
    code_cache::CodeCache,
    compiler::Compiler,
    runtime::{Instances, Runtime, Settings},
};

use super::Failure;
use crate::limits::Limits;

/// Names the folder of machine code, or is `off`.
const CACHE: &str = "STREAMGAUGE_PLUGIN_CACHE";
/// This program, whatever became of its file meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What compiles and runs components, within these limits.
///
/// # Errors
/// Where this machine cannot run WebAssembly.
pub(super) fn runtime(limits: &Limits) -> Result<Runtime, Failure> {
    start(limits, None, Instances::Few)
}

/// The same for a check of one plugin, whose calls are bounded in all: it starts thousands of instances.
pub(super) fn checking(limits: &Limits) -> Result<Runtime, Failure> {
    start(limits, Some(limits.plugin_check_time), Instances::Thousands)
}

fn start(
    limits: &Limits,
    calls_time_max: Option<Duration>,
    instances: Instances,
) -> Result<Runtime, Failure> {
    let failed = |why: String| Failure::Runtime(format!("error: {why}"));
    let program = match Path::new(THIS_PROGRAM).exists() {
        true => THIS_PROGRAM.into(),
        false => env::current_exe()
            .map_err(|error| failed(format!("cannot find the file of this program: {error}")))?,
    };
    let bytes_max = u64::try_from(limits.plugin_cache_bytes).unwrap_or(u64::MAX);
    let folder = cache_folder(|name| env::var_os(name)).filter(|_| bytes_max > 0);
    let settings = Settings {
        limits: limits.component(),
        compiler: Compiler::Program(program),
        code_cache: folder.map(|folder| CodeCache::new(folder, bytes_max)),
        calls_time_max,
        instances,
    };
    Runtime::with(settings).map_err(|error| failed(error.to_string()))
}

/// Where machine code is kept; none = nowhere.
fn cache_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match set(CACHE) {
        Some(off) if off.as_os_str() == "off" => None,
        Some(folder) => Some(folder),
        None => {
            // The standard of such folders says that a relative path is ignored.
            let caches = set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
            let caches = caches.or_else(|| Some(set("HOME")?.join(".cache")))?;
            Some(caches.join("streamgauge/compiled"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_that_is_named_or_that_of_the_users_caches() {
        let folder = |set: &[(&str, &str)]| {
            let folder = cache_folder(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.into()));
            folder.map(|folder| folder.display().to_string())
        };
        let caches = [("HOME", "/home/me"), ("XDG_CACHE_HOME", "/caches")];
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&caches[..1]).unwrap(), "/home/me/.cache/streamgauge/compiled");
        assert_eq!(folder(&caches).unwrap(), "/caches/streamgauge/compiled");
        assert_eq!(
            folder(&[caches[0], ("XDG_CACHE_HOME", "caches")]).unwrap(),
            "/home/me/.cache/streamgauge/compiled"
        );
        assert_eq!(folder(&[caches[0], (CACHE, "mine")]).unwrap(), "mine");
        assert_eq!(folder(&[caches[0], (CACHE, "off")]), None);
        assert_eq!(folder(&[caches[0], (CACHE, "")]).unwrap(), "/home/me/.cache/streamgauge/compiled");
    }
}
