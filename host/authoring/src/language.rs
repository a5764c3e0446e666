//! The languages that plugins are written in, and the kinds of plugins.

use std::path::Path;

/// A language that has templates, a kit and a way to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// By cargo.
    Rust,
    /// By clang or zig.
    C,
    /// By the standard toolchain of Go.
    Go,
    /// By componentize-qjs.
    JavaScript,
    /// By tsc and componentize-qjs.
    TypeScript,
    /// By componentize-py.
    Python,
}

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An aggregate function.
    Reducer,
    /// Where rows are delivered to.
    Sink,
}

impl Language {
    /// All of them, in the order in which a folder is asked for the file that its language has.
    pub(super) const ALL: [Self; 6] =
        [Self::Rust, Self::C, Self::Go, Self::JavaScript, Self::TypeScript, Self::Python];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Go => "Go",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
        }
    }

    /// The file that every project of the language has, and no project of another one.
    pub(super) const fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            // Many projects have a Makefile.
            Self::C => "kit/streamgauge.h",
            Self::Go => "go.mod",
            // Every project of npm has a package.json; these say to editors which language it is.
            Self::JavaScript => "jsconfig.json",
            Self::TypeScript => "tsconfig.json",
            Self::Python => "pyproject.toml",
        }
    }

    /// The endings of the files that its tools read.
    pub(super) const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["rs"],
            Self::C => &["c", "h"],
            Self::Go => &["go"],
            Self::JavaScript => &["js", "mjs"],
            // The compiler makes the files of JavaScript.
            Self::TypeScript => &["ts"],
            Self::Python => &["py"],
        }
    }

    /// The language of the project in a folder.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|language| folder.join(language.marker()).is_file())
    }
}

impl Kind {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reducer => "reducer",
            Self::Sink => "sink",
        }
    }
}
