//! `streamgauge plugin replay`: the call of a crash bundle, made again.

mod shown;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_component::{
    check::Refusal,
    crash::{BUNDLE_BYTES_MAX, CrashBundle},
};

use self::shown::Shown;
use super::bytes;
use crate::{
    cli::{Failure, guests, print, print_json},
    limits::Limits,
};

/// Options of `plugin replay`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A file that a run has left for a call that failed
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Make the call in this component, instead of in the one of the bundle
    #[arg(long, value_name = "FILE.wasm")]
    component: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { bundle: path, component, json } = options;
    let bundle = CrashBundle::decode(&read(path)?)
        .map_err(|why| Failure::Input(format!("error: {} {why}", path.display())))?;
    let given = component.as_deref().map(bytes).transpose()?;
    let bytes = given.as_deref().unwrap_or(&bundle.component);
    let name = component.as_ref().unwrap_or(path).display().to_string();
    let runtime = guests::runtime(&limits(&bundle))?;
    let replayed = bundle.replay(&runtime, bytes).map_err(|refused| {
        let text = format!("error: {name}: {refused}");
        match refused.why {
            Refusal::Transient(_) => Failure::Runtime(text),
            _ => Failure::Input(text),
        }
    })?;
    let digest = hexadecimal(&Sha256::digest(bytes));
    let shown =
        Shown { bundle: &bundle, replayed: &replayed, name: &name, digest: &digest, bytes: bytes.len() };
    match json {
        true => print_json(&shown.to_json())?,
        false => print(&shown.text())?,
    }
    if replayed.done.is_ok() { Ok(()) } else { Err(Failure::ToldInput) }
}

/// The limits that the call had.
fn limits(bundle: &CrashBundle) -> Limits {
    let run = bundle.limits.run;
    Limits {
        plugin_memory: run.plugin_memory,
        plugin_call_timeout: run.plugin_call_timeout,
        max_call_result_bytes: run.call_result_bytes_max,
        max_component_bytes: run.component_bytes_max,
        plugin_compile_memory: run.compile_memory,
        plugin_compile_time: run.compile_time,
        ..Limits::DEFAULT
    }
}

/// The bytes of a file, as far as a bundle can have so many.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::Usage(format!("error: cannot read {}: {error}", path.display())))?;
    Ok(bytes)
}
