//! `streamgauge plugin bench`: what the calls of a reducer take.

use streamgauge_component::check::Refusal;
use streamgauge_conformance::bench;

use super::File;
use crate::cli::{Failure, guests, print, print_json};

pub(super) fn run(file: &File) -> Result<(), Failure> {
    let bytes = file.bytes()?;
    let benched = bench(&guests::runtime(&file.limits.limits())?, &bytes).map_err(|refusal| {
        let text = format!("error: {} {refusal}", file.name());
        match refusal {
            Refusal::Transient(_) => Failure::Runtime(text),
            _ => Failure::Input(text),
        }
    })?;
    match file.json {
        true => print_json(&benched.to_json(&file.name())),
        false => print(&format!("{benched}\n")),
    }
}
