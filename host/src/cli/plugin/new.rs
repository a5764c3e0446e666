//! `streamgauge plugin new`: the project of a plugin.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use streamgauge_authoring::{Kind, Language, Project};

use crate::cli::{Failure, print, program};

/// Options of `plugin new`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The name of the plugin, such as geomean
    name: String,
    /// The language that it is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: LanguageName,
    /// What it is: a reducer is an aggregate function, a sink a connector that rows are delivered through
    #[arg(long, value_enum, default_value = "reducer")]
    kind: KindName,
    /// The folder of the project, which must not be there yet; by default the name
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// [`Language`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageName {
    Rust,
    C,
    Go,
    Js,
    Ts,
    Python,
}

/// [`Kind`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindName {
    Reducer,
    Sink,
}

impl LanguageName {
    const fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::C => Language::C,
            Self::Go => Language::Go,
            Self::Js => Language::JavaScript,
            Self::Ts => Language::TypeScript,
            Self::Python => Language::Python,
        }
    }
}

impl KindName {
    const fn kind(self) -> Kind {
        match self {
            Self::Reducer => Kind::Reducer,
            Self::Sink => Kind::Sink,
        }
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let (language, kind) = (options.lang.language(), options.kind.kind());
    let project = Project::new(language, kind, &options.name)
        .map_err(|wrong| Failure::Usage(format!("error: {wrong}")))?;
    check_name_in_sql(kind, &options.name)?;
    let folder = options.dir.clone().unwrap_or_else(|| PathBuf::from(&options.name));
    let shown = folder.display();
    let failed = |error: std::io::Error| Failure::Runtime(format!("error: cannot write {shown}: {error}"));
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Input(format!(
            "error: {shown} is there already, and nothing is written over it\nhelp: give another folder with --dir"
        )),
        _ => failed(error),
    })?;
    for (path, bytes) in &project.files {
        let path = folder.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        fs::write(path, bytes).map_err(failed)?;
    }
    print(&format!(
        "{shown}: a {} in {}; {} is all of it, and README.md says how to go on\nnext: cd {shown} && {}\n",
        kind.name(),
        language.name(),
        project.source,
        project.next,
    ))
}

/// A query has to be able to name it: what is built in, and words of SQL, cannot be named so.
fn check_name_in_sql(kind: Kind, name: &str) -> Result<(), Failure> {
    let function = name.replace('-', "_");
    let (statement, call) = match kind {
        Kind::Reducer => (
            "CREATE AGGREGATE ",
            format!("SELECT {function}(v) AS v FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);"),
        ),
        Kind::Sink => ("CREATE CONNECTOR ", String::new()),
    };
    let text = format!(
        "{statement}{function} FROM 'not-built-yet.wasm';
         CREATE SOURCE s (v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'file', path = 'none', format = 'json');
         {call}"
    );
    let refused = |why: &str, help: &str| {
        Err(Failure::Usage(format!("error: a query cannot name a plugin '{name}': {why}\nhelp: {help}")))
    };
    // That the file is not there yet is a problem behind the name.
    let name_ends = statement.len() + function.len();
    for problem in program::problems_of(text)? {
        let help = problem.help.unwrap_or_else(|| format!("choose another name, such as my_{function}"));
        match problem.line {
            1 if problem.column <= name_ends => return refused(&problem.message, &help),
            1 => {}
            _ => {
                let help = format!("choose another name, such as my_{function}");
                return refused(&format!("`{function}` is a word of SQL"), &help);
            }
        }
    }
    Ok(())
}
