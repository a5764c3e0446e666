//! `streamgauge plugin adapt`: from a core module to a component that imports nothing.

use std::path::PathBuf;

use clap::Args;
use streamgauge_authoring::{Adapted, adapt};

use super::bytes;
use crate::cli::{Failure, files, print};

/// Options of `plugin adapt`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The core module, built with the bindings of wit/
    #[arg(value_name = "IN.wasm")]
    module: PathBuf,
    /// Where the component is written
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { module, output } = options;
    let Adapted { component, replaced } =
        adapt(&bytes(module)?).map_err(|why| Failure::Input(format!("error: {} {why}", module.display())))?;
    files::replace(output, &component, None)
        .map_err(|error| Failure::Runtime(format!("error: cannot write {}: {error}", output.display())))?;
    let answered = match replaced.as_slice() {
        [] => "it imported nothing of WASI".to_owned(),
        calls => format!("answered inside of it, the same at every run: {}", calls.join(", ")),
    };
    print(&format!("{}: a component of {} bytes; {answered}\n", output.display(), component.len()))
}
