//! `streamgauge compile`: the components, as files.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, limit_options::LimitOptions, print, program};

/// Options of `compile`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The query file
    #[arg(value_name = "FILE.sql")]
    file: PathBuf,
    /// Where to write the components: `<view>.wasm`, `insert_<sink>_<n>.wasm`, `select_<n>.wasm`
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let compiled = program::compile(std::slice::from_ref(&options.file), &options.limits.limits())?;
    let failed =
        |path: &PathBuf, error| Failure::Input(format!("error: cannot write {}: {error}", path.display()));
    fs::create_dir_all(&options.output).map_err(|error| failed(&options.output, error))?;
    for query in &compiled.program.queries {
        let component = crate::deploy::component(query)?;
        let path = options.output.join(format!("{}.wasm", query.plan.manifest.name));
        if is_same(&path, &options.file) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "error: '{path}' is the query file itself\nhelp: write the components into another folder"
            )));
        }
        replace(&path, &component).map_err(|error| failed(&path, error))?;
        print(&format!("{} {} bytes\n", path.display(), component.len()))?;
    }
    Ok(())
}

/// Whether two paths lead to one file.
fn is_same(path: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    id(path).is_some_and(|found| id(other) == Some(found))
}

/// Writes a file beside the place and moves it there: a link that has the name is replaced, not followed, and a file there is
/// whole whenever somebody looks.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = path.with_extension(format!("wasm.{:016x}", fastrand::u64(..)));
    let write = || {
        File::create_new(&staged)?.write_all(bytes)?;
        fs::rename(&staged, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&staged)))
}
