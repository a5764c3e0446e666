//! `streamgauge plugin test`: the author's own cases.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use streamgauge_authoring::{NotBuilt, component_file};
use streamgauge_component::check::Refusal;
use streamgauge_conformance::{CaseFile, Untested, test};

use super::{bytes, shown};
use crate::cli::{Failure, guests, limit_options::LimitOptions, print, print_json};

/// The file of cases in a project.
pub(super) const CASES: &str = "cases.json";
const FOLDER: &str = "cases";

/// Options of `plugin test`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Options {
    /// The folder of the project, in which `plugin build` left NAME.wasm, or a component
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
    place: PathBuf,
    /// A file of cases, or a folder of files NAME.json; by default cases.json and cases/ in the folder of the project or component
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitOptions,
}

const HELP: &str = r#"A file of cases is a list in JSON. A case of a reducer:
  {"name": "the mean of 2 and 8", "rows": [[2], [null], [8]], "result": 4}
  {"name": "an offset", "parameters": {"offset": 1}, "rows": [[0], [3]], "result": 1, "tolerance": 1e-9}
  {"name": "no offset below zero", "parameters": [-1], "rows": [], "error": "must be a number"}
A row has a value for each argument, and the event time last if the function has one. Other fields: `arguments`, the types where a
function has several signatures, and `slices`, how many rows each slot gets that is merged.
A case of a sink:
  {"name": "a row is a message", "options": {"url": "https://chat.example.com/hook"}, "rows": [{"model": "large"}],
   "requests": [{"method": "POST", "url": "https://chat.example.com/hook", "body": {"text": "model large"}}],
   "answers": [{"status": 503, "outcome": "retry"}]}
Times are texts such as "2026-01-01T00:00:00Z".

Exit status: 0 all cases pass, 1 a case fails, 2 the component or the cases cannot be read."#;

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let place = options.place.as_path();
    let (component, folder) = match place.is_dir() {
        true => (component_file(place).map_err(|why| not_built(place, &why))?, place),
        false => (place.to_owned(), place.parent().unwrap_or(Path::new("."))),
    };
    let files = match &options.cases {
        Some(path) => given(path)?,
        None => found(folder)?,
    };
    let shown = component.display().to_string();
    let component = bytes(&component)?;
    let runtime = guests::checking(&options.limits.limits())?;
    let tested = test(&runtime, &component, &files).map_err(|why| match why {
        Untested::Cases(wrong) => {
            let lines: Vec<String> = wrong.iter().map(|line| format!("error: {line}")).collect();
            Failure::Usage(lines.join("\n"))
        }
        Untested::Plugin(Refusal::Transient(why)) => Failure::Runtime(format!("error: {shown} {why}")),
        Untested::Plugin(why) => Failure::Input(format!("error: {shown} {why}")),
    })?;
    match options.json {
        true => print_json(&tested.to_json(&shown))?,
        false => print(&format!("{tested}\n"))?,
    }
    if tested.passes() { Ok(()) } else { Err(Failure::ToldInput) }
}

fn not_built(folder: &Path, why: &NotBuilt) -> Failure {
    let shown = shown(folder);
    let help = match (why, folder == Path::new(".")) {
        (NotBuilt::Missing(_) | NotBuilt::Older { .. }, true) => {
            "\nhelp: run `streamgauge plugin build`".to_owned()
        }
        (NotBuilt::Missing(_) | NotBuilt::Older { .. }, false) => {
            format!("\nhelp: run `streamgauge plugin build {}`", folder.display())
        }
        _ => String::new(),
    };
    Failure::Usage(format!("error: {shown} {why}{help}"))
}

/// The cases of a project.
fn found(folder: &Path) -> Result<Vec<CaseFile>, Failure> {
    let (file, more) = (folder.join(CASES), folder.join(FOLDER));
    let mut files = if file.exists() { vec![read(&file)?] } else { Vec::new() };
    if more.is_dir() {
        files.extend(in_folder(&more)?);
    }
    if files.is_empty() {
        let wanted = file.display();
        return Err(Failure::Usage(format!(
            "error: there are no cases: {wanted} does not exist\nhelp: write a list of cases, such as [{{\"name\": \"no rows\", \"rows\": [], \
             \"result\": null}}]; `streamgauge plugin test --help` shows their fields"
        )));
    }
    Ok(files)
}

fn given(path: &Path) -> Result<Vec<CaseFile>, Failure> {
    match path.is_dir() {
        true => in_folder(path),
        false => Ok(vec![read(path)?]),
    }
}

/// The files NAME.json of a folder, by name.
fn in_folder(folder: &Path) -> Result<Vec<CaseFile>, Failure> {
    let shown = folder.display();
    let unreadable = |error| Failure::Usage(format!("error: cannot read {shown}: {error}"));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") && !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Failure::Usage(format!("error: the folder {shown} has no file NAME.json with cases")));
    }
    paths.sort_unstable();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<CaseFile, Failure> {
    let name = path.strip_prefix(".").unwrap_or(path).display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("error: cannot read {name}: {error}")))?;
    Ok(CaseFile { name, text })
}
