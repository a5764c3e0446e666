//! The sections behind the shell, and the way back from a component to its manifest.

use std::borrow::Cow;

use wasm_encoder::{CustomSection, InstanceSection, ModuleArg, ModuleSection};

use super::EncodeError;
use super::module::module;
use super::sections::{next_section, take_sized};
use super::shell::shell;
use crate::expr::Code;
use crate::manifest::{FORMAT, Manifest, SECTION, Stage};

/// The shell's core instance: the first that it makes.
const SHELL_INSTANCE: u32 = 0;
/// The generated module: the shell is the only one before it.
const GENERATED_MODULE: u32 = 1;

/// The component of a query: what `ingest` and `emit` compute, and the manifest that says how to call them.
///
/// An export without code keeps every row and computes nothing. Equal arguments give equal bytes.
pub fn component(
    manifest: &Manifest,
    ingest: Option<&Code>,
    emit: Option<&Code>,
) -> Result<Vec<u8>, EncodeError> {
    agree("ingest", manifest.ingest.as_ref(), ingest)?;
    agree("emit", manifest.emit.as_ref(), emit)?;
    let (module, library) = module(ingest, emit)?;
    let mut component = shell(&module, library.iter().any(|function| function.needs_patterns()))?;
    let mut instance = InstanceSection::new();
    instance.instantiate(GENERATED_MODULE, [("shell", ModuleArg::Instance(SHELL_INSTANCE))]);
    let json = serde_json::to_vec(manifest).map_err(EncodeError::Manifest)?;
    let section = CustomSection { name: Cow::Borrowed(SECTION), data: Cow::Owned(json) };

    component.section(&ModuleSection(&module)).section(&instance).section(&section);
    Ok(component.finish())
}

/// Checks that a stage tells the host what its code does.
fn agree(name: &'static str, stage: Option<&Stage>, code: Option<&Code>) -> Result<(), EncodeError> {
    let differ = |what| Err(EncodeError::Disagreement { stage: name, what });
    match (stage, code) {
        (None, None) => Ok(()),
        (Some(stage), Some(code)) => {
            let computed = code.computed.iter().map(|expr| expr.data_type);
            if stage.arguments.len() != code.arguments.len() {
                differ("arguments")
            } else if stage.filters != code.filter.is_some() {
                differ("filters")
            } else if !computed.eq(stage.computed.iter().copied()) {
                differ("computed")
            } else if stage.expressions.len() != code.computed.len() + usize::from(stage.filters) {
                differ("expressions")
            } else {
                Ok(())
            }
        }
        _ => differ("one of the two is missing"),
    }
}

/// Why a component's manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are no WebAssembly component.
    #[error("not a WebAssembly component")]
    NotComponent,
    /// It has no section `streamgauge:query`.
    #[error("the component is not a query: it has no section '{SECTION}'")]
    Missing,
    /// The section does not hold a manifest.
    #[error("the query's manifest cannot be read: {0}")]
    Malformed(#[source] serde_json::Error),
    /// It was compiled for another version.
    #[error("the query's manifest has format {0}, not {FORMAT}; compile the query again")]
    Format(u32),
}

/// Reads the manifest of a query's component.
pub fn manifest(component: &[u8]) -> Result<Manifest, ManifestError> {
    /// `\0asm`, version 13, layer 1: a component.
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut rest = component.strip_prefix(HEADER).ok_or(ManifestError::NotComponent)?;
    while !rest.is_empty() {
        let section = next_section(&mut rest).ok_or(ManifestError::NotComponent)?;
        if let Some(json) = content_of(section) {
            #[derive(serde::Deserialize)]
            struct Format {
                format: u32,
            }
            let Format { format } = serde_json::from_slice(json).map_err(ManifestError::Malformed)?;
            if format != FORMAT {
                return Err(ManifestError::Format(format));
            }
            return serde_json::from_slice(json).map_err(ManifestError::Malformed);
        }
    }
    Err(ManifestError::Missing)
}

/// The data of a custom section (id 0) with the name [`SECTION`].
fn content_of((id, mut content): (u8, &[u8])) -> Option<&[u8]> {
    (id == 0 && take_sized(&mut content)? == SECTION.as_bytes()).then_some(content)
}
