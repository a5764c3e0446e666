//! `streamgauge compile`: the components, as files.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{Failure, print, program};

/// Options of `compile`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The query file
    #[arg(value_name = "FILE.sql")]
    file: PathBuf,
    /// Where to write the components: `<view>.wasm`, `insert_<sink>_<n>.wasm`, `select_<n>.wasm`
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let compiled = program::compile(std::slice::from_ref(&options.file))?;
    let failed =
        |path: &PathBuf, error| Failure::Input(format!("error: cannot write {}: {error}", path.display()));
    fs::create_dir_all(&options.output).map_err(|error| failed(&options.output, error))?;
    for query in &compiled.program.queries {
        let component = program::component(query)?;
        let path = options.output.join(format!("{}.wasm", query.plan.manifest.name));
        fs::write(&path, &component).map_err(|error| failed(&path, error))?;
        print(&format!("{} {} bytes\n", path.display(), component.len()))?;
    }
    Ok(())
}
