//! `streamgauge plugin pull`: a component out of a registry.

use std::path::PathBuf;

use clap::Args;
use streamgauge_component::limits::Limits;
use streamgauge_registry::{Location, PullError, pull};

use crate::{
    cli::{Failure, files, print},
    deploy::kept_components,
};

/// Options of `plugin pull`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where it is: oci://REGISTRY/NAME:TAG, with or without @sha256:DIGEST
    #[arg(value_name = "oci://REF")]
    location: Location,
    /// Where the component is written
    #[arg(short, long, value_name = "FILE.wasm")]
    output: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { location, output } = options;
    let pulled = pull(location, kept_components().as_ref(), Limits::default().component_bytes_max).map_err(
        |error| {
            let text = format!("error: {location} {error}");
            match error {
                PullError::Registry(_) => Failure::Runtime(text),
                _ => Failure::Input(text),
            }
        },
    )?;
    files::replace(output, &pulled.component, None)
        .map_err(|error| Failure::Runtime(format!("error: cannot write {}: {error}", output.display())))?;
    let (shown, pinned) = (output.display(), location.at(&pulled.digest));
    print(&format!("{shown}: a component of {} bytes, {pinned}\n", pulled.component.len()))
}
