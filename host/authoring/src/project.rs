//! The files of a new project of a plugin: it builds with the ordinary tools of its language.

use super::vendored::{FILES, laws_manifest, sdk_manifest};

/// A project that is not written yet.
#[derive(Debug)]
pub struct Project {
    /// Paths beneath its folder, and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A name that no plugin can have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' cannot be the name of a plugin: use a lower-case letter, then letters, digits, `_` and `-`, 64 at most"
)]
pub struct WrongName(String);

/// The files of a reducer in Rust, with their places.
const RUST_REDUCER: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../templates/rust/reducer/Cargo.toml")),
    ("src/lib.rs", include_str!("../templates/rust/reducer/lib.rs")),
    ("README.md", include_str!("../templates/rust/reducer/README.md")),
    ("query.sql", include_str!("../templates/rust/reducer/query.sql")),
    ("requests.jsonl", include_str!("../templates/rust/reducer/requests.jsonl")),
];

impl Project {
    /// A reducer in Rust: the geometric mean, to begin with.
    ///
    /// # Errors
    /// A name that no package can have.
    pub fn rust_reducer(name: &str) -> Result<Self, WrongName> {
        check_name(name)?;
        let function = name.replace('-', "_");
        let filled = |text: &str| text.replace("{name}", name).replace("{function}", &function).into_bytes();
        let mut files: Vec<(String, Vec<u8>)> =
            RUST_REDUCER.iter().map(|(path, text)| ((*path).to_owned(), filled(text))).collect();
        files.push((".gitignore".to_owned(), b"/target\n*.wasm\n".to_vec()));
        let vendor = |path: &str| format!("vendor/{path}");
        files.push((vendor("streamgauge-sdk/Cargo.toml"), sdk_manifest().into_bytes()));
        files.push((vendor("streamgauge-laws/Cargo.toml"), laws_manifest().into_bytes()));
        files.extend(FILES.iter().map(|(path, bytes)| (vendor(path), bytes.to_vec())));
        Ok(Self { files })
    }
}

fn check_name(name: &str) -> Result<(), WrongName> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    match begins && name.chars().all(fits) && name.len() <= 64 {
        true => Ok(()),
        false => Err(WrongName(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages_and_functions() {
        for name in ["geomean", "geo-mean_2", "a"] {
            assert_eq!(check_name(name), Ok(()));
        }
        for name in ["", "2a", "-a", "Geo", "a b", "../a", "é", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_all_paths_stay_inside() {
        let project = Project::rust_reducer("geo-mean").unwrap();
        for (path, bytes) in &project.files {
            assert!(!path.starts_with('/') && !path.contains(".."), "{path}");
            if !path.starts_with("vendor/") {
                let text = String::from_utf8(bytes.clone()).unwrap();
                assert!(!text.contains("{name}") && !text.contains("{function}"), "{path}");
            }
        }
        let has = |path: &str| project.files.iter().any(|(known, _)| known == path);
        assert!(has("vendor/streamgauge-sdk/wit/reducer.wit") && has("vendor/streamgauge-sdk/src/lib.rs"));
        assert!(has("vendor/streamgauge-laws/src/lib.rs"));
    }
}
