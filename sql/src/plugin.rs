//! Components of the user's own, as a program names them: `CREATE AGGREGATE name FROM 'file.wasm' WITH (...)`.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file with a component, and what the program asks of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginFile {
    /// Where it is: a path, beneath the folder of the query file where it is relative, or a place in a registry, which begins with
    /// [`REGISTRY`].
    pub path: String,
    /// The SHA-256 of its bytes, 64 lower-case hexadecimal digits; none = whichever they have. In a plan it is always given.
    pub sha256: Option<String>,
    /// `memory`: bytes that an instance may have, where they are fewer than the host's limit.
    pub memory_bytes: Option<u64>,
    /// `call_timeout`: microseconds that a call may take, where they are fewer than the host's limit.
    pub call_timeout_us: Option<u64>,
}

/// A component that a plan calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// What it calls itself, which its state belongs to.
    pub name: String,
    /// The file.
    pub file: PluginFile,
}

/// What the names of components in OCI registries begin with.
pub const REGISTRY: &str = "oci://";

/// A path as the host opens it: relative to the folder of the query file that names it. A name in a registry stays as it is.
pub(crate) fn beside(query_file: &str, path: &str) -> String {
    if path.starts_with(REGISTRY) {
        return path.to_owned();
    }
    let folder = Path::new(query_file).parent().unwrap_or(Path::new(""));
    folder.join(path).display().to_string()
}

/// Whether a text is the SHA-256 of something, in hexadecimal digits.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_file_that_names_it() {
        for (file, path, expected) in [
            ("q/a.sql", "plugins/x.wasm", "q/plugins/x.wasm"),
            ("a.sql", "x.wasm", "x.wasm"),
            ("<stdin>", "x.wasm", "x.wasm"),
            ("/etc/q/a.sql", "../x.wasm", "/etc/q/../x.wasm"),
            ("q/a.sql", "/opt/x.wasm", "/opt/x.wasm"),
            ("q/a.sql", "oci://registry.example/x:1", "oci://registry.example/x:1"),
        ] {
            assert_eq!(beside(file, path), expected);
        }
    }

    #[test]
    fn a_digest_has_64_digits() {
        assert!(is_sha256(&"aF".repeat(32)));
        for wrong in ["", &"a".repeat(63), &"a".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(!is_sha256(wrong), "{wrong}");
        }
    }
}
