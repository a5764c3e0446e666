//! The files of a new project of a plugin: it builds with the ordinary tools of its language.

mod bindings;
mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod typescript;
mod vendored;

use super::language::{Kind, Language};

/// A project that is not written yet.
#[derive(Debug)]
pub struct Project {
    /// Paths beneath its folder, and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// The file with what the author changes.
    pub source: &'static str,
    /// The commands to go on with, in the folder.
    pub next: &'static str,
}

/// A name that no plugin can have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongName {
    /// Other characters, or too many.
    #[error(
        "'{0}' cannot be the name of a plugin: use a lower-case letter, then letters, digits, `_` and `-`, 64 at most"
    )]
    Characters(String),
    /// It means something else.
    #[error(
        "'{name}' cannot be the name of a project in {language}, where it means something else: choose another name, such as my_{name}"
    )]
    Reserved {
        /// The name.
        name: String,
        /// The language.
        language: &'static str,
    },
}

/// What a language begins a project of a kind with.
struct Template {
    /// Paths and texts, in which `{name}` and `{function}` are filled in.
    texts: &'static [(&'static str, &'static str)],
    /// Paths and contents that are copied as they are.
    copies: Vec<(String, Vec<u8>)>,
    source: &'static str,
    next: &'static str,
}

impl Project {
    /// A plugin to begin with: a reducer is the geometric mean, a sink posts each row to a chat.
    ///
    /// # Errors
    /// A name that no plugin can have.
    pub fn new(language: Language, kind: Kind, name: &str) -> Result<Self, WrongName> {
        check_name(language, name)?;
        let template = match language {
            Language::Rust => rust::template(kind),
            Language::C => c::template(kind),
            Language::Go => go::template(kind, name),
            Language::JavaScript => javascript::template(kind),
            Language::TypeScript => typescript::template(kind),
            Language::Python => python::template(kind),
        };
        let function = name.replace('-', "_");
        let filled = |text: &str| text.replace("{name}", name).replace("{function}", &function).into_bytes();
        let texts = template.texts.iter().map(|(path, text)| ((*path).to_owned(), filled(text)));
        let files = texts.chain(template.copies).collect();
        Ok(Self { files, source: template.source, next: template.next })
    }
}

fn check_name(language: Language, name: &str) -> Result<(), WrongName> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !(begins && name.chars().all(fits) && name.len() <= 64) {
        return Err(WrongName::Characters(name.to_owned()));
    }
    let (name, reserved) = (name.to_owned(), reserved(language));
    match reserved.contains(&name.as_str()) {
        true => Err(WrongName::Reserved { name, language: language.name() }),
        false => Ok(()),
    }
}

/// Names that the tools of a language do not take, or take for something else. In the other languages the name of a project is text.
fn reserved(language: Language) -> &'static [&'static str] {
    match language {
        // What `cargo new` refuses: keywords, and what belongs to Rust.
        Language::Rust => &[
            "abstract",
            "alloc",
            "as",
            "async",
            "await",
            "become",
            "box",
            "break",
            "const",
            "continue",
            "core",
            "crate",
            "do",
            "dyn",
            "else",
            "enum",
            "extern",
            "false",
            "final",
            "fn",
            "for",
            "gen",
            "if",
            "impl",
            "in",
            "let",
            "loop",
            "macro",
            "match",
            "mod",
            "move",
            "mut",
            "override",
            "priv",
            "proc-macro",
            "proc_macro",
            "pub",
            "ref",
            "return",
            "self",
            "static",
            "std",
            "struct",
            "super",
            "test",
            "trait",
            "true",
            "try",
            "type",
            "typeof",
            "unsafe",
            "unsized",
            "use",
            "virtual",
            "where",
            "while",
            "yield",
        ],
        // Modules of Go itself, and what its commands mean by such a word.
        Language::Go => &["all", "cmd", "go", "main", "std", "toolchain"],
        Language::C | Language::JavaScript | Language::TypeScript | Language::Python => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages_and_functions() {
        for name in ["geomean", "geo-mean_2", "a"] {
            assert_eq!(check_name(Language::Rust, name), Ok(()));
        }
        for name in ["", "2a", "-a", "Geo", "a b", "../a", "é", &"a".repeat(65)] {
            let wrong = Err(WrongName::Characters(name.to_owned()));
            assert_eq!(check_name(Language::Rust, name), wrong);
        }
    }

    #[test]
    fn names_that_mean_something_else_in_a_language_are_refused_there() {
        for (language, name) in [(Language::Rust, "core"), (Language::Rust, "fn"), (Language::Go, "go")] {
            let text = check_name(language, name).unwrap_err().to_string();
            assert!(text.ends_with(&format!("choose another name, such as my_{name}")), "{text}");
            assert_eq!(check_name(Language::Python, name), Ok(()));
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_all_paths_stay_inside() {
        let all = Language::ALL.into_iter();
        for (language, kind) in
            all.flat_map(|language| [Kind::Reducer, Kind::Sink].map(|kind| (language, kind)))
        {
            let project = Project::new(language, kind, "geo-mean").unwrap();
            for (path, bytes) in &project.files {
                assert!(!path.starts_with('/') && !path.contains(".."), "{path}");
                let is_copied =
                    ["vendor/", "bindings/", "wit/"].iter().any(|folder| path.starts_with(folder));
                if !is_copied {
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    assert!(!text.contains("{name}") && !text.contains("{function}"), "{path}");
                }
            }
            let has = |wanted: &str| project.files.iter().any(|(path, _)| path == wanted);
            let parts = [project.source, "README.md", "query.sql", "cases.json", language.marker()];
            assert!(parts.into_iter().all(has), "{}", language.name());
            // No file of another language: the folder says which one it is.
            let markers = Language::ALL.into_iter().filter(|other| has(other.marker()));
            assert_eq!(markers.collect::<Vec<_>>(), [language]);
        }
    }
}
