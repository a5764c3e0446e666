//! `streamgauge plugin inspect`: what a component is.

use streamgauge_component::check::Refusal;
use streamgauge_conformance::inspect;

use super::File;
use crate::cli::{Failure, print, print_json};

pub(super) fn run(file: &File) -> Result<(), Failure> {
    let bytes = file.bytes()?;
    let inspected = inspect(&file.runtime()?, &bytes).map_err(|refusal| {
        let text = format!("error: {} {refusal}", file.name());
        match refusal {
            Refusal::Transient(_) => Failure::Runtime(text),
            _ => Failure::Input(text),
        }
    })?;
    match file.json {
        true => print_json(&inspected.to_json(&file.name())),
        false => print(&format!("{inspected}\n")),
    }
}
