//! What a component is, as it says itself.

use std::fmt;

use serde_json::{Value, json};
use streamgauge_component::{
    check::{Outline, Refusal},
    runtime::Runtime,
    sink,
};
use streamgauge_laws::{Parameter, Signature};

use crate::{
    checked::digest,
    loaded::Loaded,
    reducer::{descriptor, parameter},
};

/// What a plugin is.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    kind: &'static str,
    name: String,
    version: String,
    docs: String,
    /// Of a reducer.
    signatures: Vec<Signature>,
    /// Of a sink.
    options: Vec<Parameter>,
    scrapes: bool,
    outline: Outline,
    bytes: usize,
    sha256: String,
}

/// Compiles a plugin and asks it what it is.
///
/// # Errors
/// Where the bytes are no plugin, or it does not answer.
pub fn inspect(runtime: &Runtime, bytes: &[u8]) -> Result<Inspected, Refusal> {
    let (loaded, outline) = Loaded::new(runtime, bytes)?;
    let asked = |fault: streamgauge_engine::Fault| Refusal::Start(fault.what);
    let (bytes, sha256) = (bytes.len(), digest(bytes));
    match loaded {
        Loaded::Reducer(component) => {
            let described = descriptor(component.describe().map_err(asked)?);
            Ok(Inspected {
                kind: "reducer",
                name: described.name,
                version: described.version,
                docs: described.docs,
                signatures: described.signatures,
                options: Vec::new(),
                scrapes: false,
                outline,
                bytes,
                sha256,
            })
        }
        Loaded::Sink(component) => {
            let sink::Descriptor { name, version, docs, options } = component.describe().map_err(asked)?;
            let options = options.into_iter().map(parameter).collect();
            let (kind, scrapes) = ("sink", component.answers_scrapes());
            let signatures = Vec::new();
            Ok(Inspected { kind, name, version, docs, signatures, options, scrapes, outline, bytes, sha256 })
        }
    }
}

impl Inspected {
    /// One object.
    pub fn to_json(&self, file: &str) -> Value {
        let mut object = json!({
            "file": file,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "docs": self.docs,
            "contract": self.contract(),
            "imports": self.outline.imports,
            "exports": self.outline.exports,
        });
        let (name, value) = match self.kind {
            "sink" => ("options", self.options.iter().map(parameter_json).collect()),
            _ => ("signatures", self.signatures.iter().map(signature_json).collect()),
        };
        if let Some(object) = object.as_object_mut() {
            object.insert(name.to_owned(), value);
            if self.kind == "sink" {
                object.insert("answers_scrapes".to_owned(), json!(self.scrapes));
            }
        }
        object
    }

    /// The package of the interface that it exports.
    fn contract(&self) -> String {
        let named = self.outline.exports.iter().find_map(|name| {
            let (package, interface) = name.split_once('/')?;
            let (_, version) = interface.split_once('@')?;
            (package == "streamgauge:plugin").then(|| format!("{package}@{version}"))
        });
        named.unwrap_or_default()
    }
}

fn signature_json(signature: &Signature) -> Value {
    json!({
        "sql": signature.to_string(),
        "arguments": signature.arguments.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "parameters": signature.parameters.iter().map(parameter_json).collect::<Vec<_>>(),
        "returns": signature.returns.to_string(),
        "needs_time": signature.needs_time,
        "tolerance": signature.tolerance,
        "state_bytes_max": signature.bytes_max,
        "state_version": signature.state_version,
        "restores": signature.restores,
    })
}

fn parameter_json(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "type": parameter.data_type.to_string(),
        "default": parameter.default.as_ref().map(ToString::to_string),
        "docs": parameter.docs,
    })
}

/// For people: what it is, then how to call it.
impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, version, docs, bytes, sha256, outline, .. } = self;
        writeln!(f, "{kind} {name} {version}: {docs}")?;
        if self.scrapes {
            writeln!(f, "answers scrapes")?;
        }
        writeln!(f, "contract   {}", self.contract())?;
        let imports = match outline.imports.is_empty() {
            true => "none".to_owned(),
            false => format!("{} (types only)", outline.imports.join(", ")),
        };
        writeln!(f, "imports    {imports}")?;
        writeln!(f, "size       {bytes} bytes")?;
        write!(f, "sha256     {sha256}")?;
        for signature in &self.signatures {
            write!(f, "\n\n{name}{signature}")?;
            let Signature { parameters, needs_time, tolerance, bytes_max, state_version, restores, .. } =
                signature;
            show_parameters(f, parameters)?;
            if *needs_time {
                write!(f, "\n  event time  is one more argument")?;
            }
            match bytes_max {
                Some(bytes) => write!(f, "\n  state       at most {bytes} bytes a slot")?,
                None => write!(f, "\n  state       grows with the values")?,
            }
            let older: Vec<String> = restores.iter().map(u32::to_string).collect();
            match older.is_empty() {
                true => write!(f, "\n  version     {state_version} of states")?,
                false => write!(
                    f,
                    "\n  version     {state_version} of states; restores {}, too",
                    older.join(", ")
                )?,
            }
            match *tolerance == 0.0 {
                true => write!(f, "\n  tolerance   0: merges are exact")?,
                false => write!(f, "\n  tolerance   {tolerance:e}, relative to the values")?,
            }
        }
        if !self.options.is_empty() {
            write!(f, "\n\noptions")?;
            show_parameters(f, &self.options)?;
        }
        Ok(())
    }
}

fn show_parameters(f: &mut fmt::Formatter<'_>, parameters: &[Parameter]) -> fmt::Result {
    for Parameter { name, data_type, docs, default } in parameters {
        match default {
            Some(default) => write!(f, "\n  {name} {data_type}, default {default}: {docs}")?,
            None => write!(f, "\n  {name} {data_type}, required: {docs}")?,
        }
    }
    Ok(())
}
