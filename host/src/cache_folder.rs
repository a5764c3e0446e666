//! Where a user's files are kept that can be made anew: machine code of plugins, components of registries.

use std::{ffi::OsString, path::PathBuf};

/// `streamgauge` in the user's cache folder, by the variables of the environment; none where they name no such folder.
pub fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The standard of such folders says that a relative path is ignored.
    let caches = set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    let caches = caches.or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(caches.join("streamgauge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_the_users_caches() {
        let folder = |set: &[(&str, &str)]| {
            let folder = cache_folder(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.into()));
            folder.map(|folder| folder.display().to_string())
        };
        let home = ("HOME", "/home/me");
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&[home]).unwrap(), "/home/me/.cache/streamgauge");
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/caches")]).unwrap(), "/caches/streamgauge");
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "caches")]).unwrap(), "/home/me/.cache/streamgauge");
    }
}
