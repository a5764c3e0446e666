//! `streamgauge plugin build`: the component of a project.

use std::path::{Path, PathBuf};

use clap::Args;
use streamgauge_authoring::build;

use super::{shown, test::CASES};
use crate::cli::{Failure, files, print};

/// Options of `plugin build`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Where the component is written; by default NAME.wasm in the folder
    #[arg(short, long, value_name = "FILE.wasm")]
    output: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let folder = options.folder.as_path();
    let built = build(folder).map_err(|why| Failure::Input(format!("error: {} {why}", shown(folder))))?;
    let output = options.output.clone().unwrap_or_else(|| folder.join(format!("{}.wasm", built.name)));
    write(&output, &built.adapted.component)?;
    let told = built.adapted.told().map_or_else(String::new, |told| format!("; {told}"));
    let (shown, bytes) = (output.display(), built.adapted.component.len());
    let next = next_test(options).unwrap_or_default();
    print(&format!(
        "{shown}: a component of {bytes} bytes{told}\nnext: {next}streamgauge plugin check {shown}\n"
    ))
}

/// The test of a project that has cases, if its component is where the test looks for it.
fn next_test(options: &Options) -> Option<String> {
    let Options { folder, output } = options;
    if output.is_some() || !folder.join(CASES).exists() {
        return None;
    }
    let place = if folder == Path::new(".") { String::new() } else { format!(" {}", folder.display()) };
    Some(format!("streamgauge plugin test{place} && "))
}

fn write(output: &Path, component: &[u8]) -> Result<(), Failure> {
    files::replace(output, component, None)
        .map_err(|error| Failure::Runtime(format!("error: cannot write {}: {error}", output.display())))
}
