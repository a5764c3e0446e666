//! An author's own cases, tried on a component: rows in, the result or the requests out. `plugin test`.

mod node;
mod fields;
mod value;
mod reducer_case;
mod slices;
mod sink_case;
mod requests;
mod report;

use streamgauge_component::{check::Refusal, runtime::Runtime};
use streamgauge_engine::Fault;
use streamgauge_laws::{Descriptor, Example};

use self::{fields::Fields, node::Node, reducer_case::ReducerCase, sink_case::SinkCase};
use crate::{
    checked::digest,
    loaded::Loaded,
    reducer::{Component, descriptor},
};

/// A file of cases: a list of them in JSON.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// What errors call it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What became of all cases.
#[derive(Clone, Debug)]
pub struct Tested {
    sha256: String,
    kind: &'static str,
    name: String,
    version: String,
    cases: Vec<TestedCase>,
    /// In how many ways the rows of all cases were divided into slots and merged.
    divisions: usize,
    /// Whether reports name the file of each case.
    has_files: bool,
}

/// A case and what became of it.
#[derive(Clone, Debug)]
struct TestedCase {
    file: String,
    name: String,
    failed: Option<Failed>,
}

/// What is wrong.
#[derive(Clone, Debug)]
struct Failed {
    example: Example,
    /// The law that does not hold, where a result depends on how its rows were divided.
    law: Option<BrokenLaw>,
}

#[derive(Clone, Copy, Debug)]
struct BrokenLaw {
    name: &'static str,
    says: &'static str,
    advice: &'static str,
}

/// Why no case was tried.
#[derive(Debug)]
pub enum Untested {
    /// The component is no plugin; the text is the end of a sentence about the file.
    Plugin(Refusal),
    /// Files or cases cannot be read: a sentence each.
    Cases(Vec<String>),
}

/// Tries the cases of some files on a component.
///
/// # Errors
/// Where the bytes are no plugin, or cases cannot be read: all mistakes of all files.
pub fn test(runtime: &Runtime, bytes: &[u8], files: &[CaseFile]) -> Result<Tested, Untested> {
    let nodes = parsed(files)?;
    let (loaded, _) = Loaded::new(runtime, bytes).map_err(Untested::Plugin)?;
    let asked = |fault: Fault| Untested::Plugin(Refusal::Start(fault.what));
    let mut tested = Tested {
        sha256: digest(bytes),
        kind: "reducer",
        name: String::new(),
        version: String::new(),
        cases: Vec::new(),
        divisions: 0,
        has_files: files.len() > 1,
    };
    match &loaded {
        Loaded::Reducer(component) => {
            let described = component.describe_calls(1).map_err(asked)?.into_iter().next();
            let described: Descriptor = described
                .map(descriptor)
                .ok_or_else(|| Untested::Plugin(Refusal::Start("says nothing about itself".to_owned())))?;
            let read = |fields: Fields<'_>| ReducerCase::read(fields, &described);
            let reducer = Component::new(component);
            for (file, name, case) in cases(&nodes, &reducer_case::FIELDS, read)? {
                let tried = slices::tried(&reducer, &described.name, &case);
                tested.divisions += tried.divisions;
                tested.cases.push(TestedCase { file, name, failed: tried.failed });
            }
            (tested.name, tested.version) = (described.name, described.version);
        }
        Loaded::Sink(component) => {
            tested.kind = "sink";
            let described = component.describe().map_err(asked)?;
            let scrapes = component.answers_scrapes();
            let read = |fields: Fields<'_>| SinkCase::read(fields, &described, scrapes);
            for (file, name, case) in cases(&nodes, &sink_case::FIELDS, read)? {
                tested.cases.push(TestedCase { file, name, failed: requests::tried(component, &case) });
            }
            (tested.name, tested.version) = (described.name, described.version);
        }
    }
    Ok(tested)
}

/// The names of files, and the lists in them.
fn parsed(files: &[CaseFile]) -> Result<Vec<(&str, Vec<Node>)>, Untested> {
    let mut wrong = Vec::new();
    let mut parsed = Vec::new();
    for CaseFile { name, text } in files {
        match serde_json::from_str::<Node>(text) {
            Ok(Node::List(cases)) => parsed.push((name.as_str(), cases)),
            Ok(other) => wrong.push(format!("{name} is {}, not a list of cases", other.kind())),
            Err(error) => wrong.push(format!("{name} is no JSON: {error}")),
        }
    }
    if wrong.is_empty() && parsed.iter().all(|(_, cases)| cases.is_empty()) {
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        wrong.push(format!("there is no case in {}", names.join(", ")));
    }
    if wrong.is_empty() { Ok(parsed) } else { Err(Untested::Cases(wrong)) }
}

/// All cases: the file, the name, and what was read of it.
fn cases<T>(
    files: &[(&str, Vec<Node>)],
    known: &[&str],
    read: impl Fn(Fields<'_>) -> Result<T, String>,
) -> Result<Vec<(String, String, T)>, Untested> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for (file, nodes) in files {
        for (index, node) in nodes.iter().enumerate() {
            let number = index + 1;
            let fields = match Fields::of(node, known) {
                Ok(fields) => fields,
                Err(why) => {
                    wrong.push(format!("{file}: case {number}{} {why}", named(node)));
                    continue;
                }
            };
            let name = fields.needed_text("name").map(str::to_owned);
            let case = name.and_then(|name| Ok((name, read(fields)?)));
            match case {
                Ok((name, case)) => found.push(((*file).to_owned(), name, case)),
                Err(why) => wrong.push(format!("{file}: case {number}{} {why}", named(node))),
            }
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(Untested::Cases(wrong)) }
}

/// The name of a case that cannot be read, if it has one.
fn named(node: &Node) -> String {
    let Node::Object(fields) = node else { return String::new() };
    match fields.iter().find(|(name, _)| name == "name") {
        Some((_, Node::Text(name))) => format!(" '{name}'"),
        _ => String::new(),
    }
}
