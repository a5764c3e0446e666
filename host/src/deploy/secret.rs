//! Secrets by name.

use std::{env, fs, path::PathBuf};

/// The value of a secret: the environment's, else the file of that name in `$STREAMGAUGE_SECRETS_DIR`.
pub(super) fn secret(name: &str) -> Result<String, String> {
    if let Ok(value) = env::var(name) {
        return Ok(value);
    }
    let file = secrets_folder().and_then(|folder| fs::read_to_string(folder.join(name)).ok());
    file.map(|value| value.trim_end_matches(['\r', '\n']).to_owned()).ok_or_else(|| {
        format!(
            "it is missing: set the environment variable {name}, or put it into a file of that name in \
             $STREAMGAUGE_SECRETS_DIR"
        )
    })
}

pub(super) fn secrets_folder() -> Option<PathBuf> {
    env::var("STREAMGAUGE_SECRETS_DIR").ok().map(PathBuf::from)
}
