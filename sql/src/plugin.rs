//! Components of the user's own, as a program names them: `CREATE AGGREGATE name FROM 'file.wasm' WITH (...)`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::{
    error::SourceText,
    parse::{BYTE_ORDER_MARK, is_word, tokens},
};

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

/// The components that files name in `CREATE AGGREGATE name FROM '...'` and `CREATE CONNECTOR name FROM '...'`, as they are written, in order
/// and each once, whatever else is wrong in the files.
pub fn named(files: &[SourceText]) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for file in files {
        // A text that cannot be cut into tokens is reported where it is compiled.
        let tokens = tokens::words(file.text.trim_start_matches(BYTE_ORDER_MARK)).unwrap_or_default();
        for from in tokens.windows(5).filter_map(named_here) {
            if !named.iter().any(|known| known == from) {
                named.push(from.to_owned());
            }
        }
    }
    named
}

/// The text in `CREATE AGGREGATE name FROM '...'`.
fn named_here(tokens: &[TokenWithSpan]) -> Option<&str> {
    match tokens {
        [create, kind, _, from, TokenWithSpan { token: Token::SingleQuotedString(name), .. }]
            if is_word(&create.token, "create")
                && (is_word(&kind.token, "aggregate") || is_word(&kind.token, "connector"))
                && is_word(&from.token, "from") =>
        {
            Some(name)
        }
        _ => None,
    }
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

    #[test]
    fn components_are_found_in_files_that_are_wrong_otherwise() {
        let file = |text: &str| SourceText { name: "q.sql".to_owned(), text: text.to_owned() };
        let files = [
            file("create aggregate g from 'a.wasm' WITH (x = ; CREATE CONNECTOR \"K\" FROM 'p/b.wasm';"),
            file(
                "-- CREATE AGGREGATE c FROM 'c.wasm'\nCREATE AGGREGATE g FROM 'a.wasm'; CREATE SINK s FROM 'd.wasm'",
            ),
        ];
        assert_eq!(named(&files), ["a.wasm", "p/b.wasm"]);
    }
}
