//! `streamgauge compile`: the components, as files.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    Failure,
    files::{QueryFiles, replace},
    limit_options::LimitOptions,
    print, program,
    set_options::SetOptions,
};

/// Options of `compile`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Where to write the components: `<view>.wasm`, `insert_<sink>_<n>.wasm`, `select_<n>.wasm`
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let files = options.files.paths(&[])?;
    let compiled = program::compile(&files, &options.set, &options.limits.limits())?;
    let failed =
        |path: &PathBuf, error| Failure::Input(format!("error: cannot write {}: {error}", path.display()));
    fs::create_dir_all(&options.output).map_err(|error| failed(&options.output, error))?;
    for query in &compiled.program.queries {
        let component = crate::deploy::component(query)?;
        let path = options.output.join(format!("{}.wasm", query.plan.manifest.name));
        if files.iter().any(|file| is_same(&path, file)) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "error: '{path}' is a query file itself\nhelp: write the components into another folder"
            )));
        }
        replace(&path, &component, None).map_err(|error| failed(&path, error))?;
        print(&format!("{} {} bytes\n", path.display(), component.len()))?;
    }
    Ok(())
}

/// Whether two paths lead to one file.
fn is_same(path: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    id(path).is_some_and(|found| id(other) == Some(found))
}
