//! `streamgauge plugin push`: a component into a registry.

use std::path::PathBuf;

use clap::Args;
use streamgauge_component::{
    check::{Outline, World},
    limits::Limits,
};
use streamgauge_registry::{Location, PushError, push};

use super::bytes;
use crate::cli::{Failure, print};

/// Options of `plugin push`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Where it is stored: oci://REGISTRY/NAME:TAG
    #[arg(value_name = "oci://REF")]
    location: Location,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { file, location } = options;
    let component = bytes(file)?;
    let outline = Outline::of(&component, Limits::default().component_bytes_max)
        .map_err(|refusal| Failure::Input(format!("error: {} {refusal}", file.display())))?;
    let statement = match outline.world() {
        Some(World::Reducer) => "CREATE AGGREGATE",
        Some(World::Sink | World::Scrape) => "CREATE CONNECTOR",
        Some(World::Query) | None => {
            return Err(Failure::Input(format!(
                "error: {} is no plugin: it exports neither a reducer nor a sink",
                file.display()
            )));
        }
    };
    let pushed = push(location, component, &outline.exports).map_err(|error| {
        let text = format!("error: {location} {error}");
        match error {
            PushError::HasDigest => Failure::Usage(text),
            PushError::Registry(_) => Failure::Runtime(text),
        }
    })?;
    let pinned = location.at(&pushed.digest);
    print(&format!("{pinned}\nin SQL: {statement} name FROM '{pinned}';\n"))
}
