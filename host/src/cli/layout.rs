//! `streamgauge fmt`: query files laid out alike.

use std::{fs, path::Path};

use clap::Args;

use super::{
    Failure,
    files::{QueryFiles, is_stdin, read, replace},
    print,
};

/// Options of `fmt`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Change nothing; list the files that are laid out differently, and end with 1 if there are any
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let mut differs = false;
    for path in options.files.paths(&[])? {
        let file = read(&path)?;
        let formatted = streamgauge_sql::format(&file).map_err(|why| Failure::Input(why.styled()))?;
        let is_same = formatted == file.text;
        if options.check {
            differs |= !is_same;
            print(&if is_same { String::new() } else { format!("{}\n", file.name) })?;
        } else if is_stdin(&path) {
            print(&formatted)?;
        } else if !is_same {
            write(&path, &formatted)
                .map_err(|error| Failure::Input(format!("error: cannot write {}: {error}", file.name)))?;
        }
    }
    if differs { Err(Failure::ToldInput) } else { Ok(()) }
}

/// Replaces the text of a file, which keeps its rights; a link leads to the file as before.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let rights = fs::metadata(&path)?.permissions();
    replace(&path, text.as_bytes(), Some(rights))
}
