//! `streamgauge plugin adapt`: from a core module, or a component that imports WASI, to a component that imports nothing.

use std::path::PathBuf;

use clap::Args;
use streamgauge_authoring::adapt;

use super::bytes;
use crate::cli::{Failure, files, print};

/// Options of `plugin adapt`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A core module or a component, built with the bindings of wit/
    #[arg(value_name = "IN.wasm")]
    module: PathBuf,
    /// Where the component is written
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { module, output } = options;
    let adapted =
        adapt(&bytes(module)?).map_err(|why| Failure::Input(format!("error: {} {why}", module.display())))?;
    files::replace(output, &adapted.component, None)
        .map_err(|error| Failure::Runtime(format!("error: cannot write {}: {error}", output.display())))?;
    let told = adapted.told().unwrap_or_else(|| "it imported nothing of WASI".to_owned());
    print(&format!("{}: a component of {} bytes; {told}\n", output.display(), adapted.component.len()))
}
