//! `streamgauge plugin check`: the laws.

use streamgauge_conformance::check;

use super::File;
use crate::cli::{Failure, print, print_json};

pub(super) fn run(file: &File) -> Result<(), Failure> {
    let bytes = file.bytes()?;
    let checked = check(&file.runtime()?, &bytes)
        .map_err(|why| Failure::Runtime(format!("error: {} {why}", file.name())))?;
    match file.json {
        true => print_json(&checked.to_json(&file.name()))?,
        false => print(&format!("{checked}\n"))?,
    }
    if checked.holds() { Ok(()) } else { Err(Failure::ToldInput) }
}
