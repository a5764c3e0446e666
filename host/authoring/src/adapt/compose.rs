//! Two components in one: what the second exports is given to the first, whose exports are handed on.

use wasm_encoder::{ComponentBuilder, ComponentExportKind};
use wasmparser::{
    BinaryReaderError, ComponentExternalKind, Encoding, Parser, Payload, Validator, WasmFeatures,
};

/// Names and kinds of what a component imports or exports.
#[derive(Default)]
struct Outside {
    imports: Vec<(String, ComponentExportKind)>,
    exports: Vec<(String, ComponentExportKind)>,
}

/// Composes them. What `plugin` imports must be exported by `answers`.
pub(super) fn compose(plugin: &[u8], answers: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let outside = Outside::of(plugin)?;
    let mut whole = ComponentBuilder::default();
    let answers = whole.component_raw(Some("answers"), answers);
    let inner = whole.component_raw(Some("plugin"), plugin);
    let none: [(&str, ComponentExportKind, u32); 0] = [];
    let answers = whole.instantiate(Some("answers"), answers, none);
    let given: Vec<(&str, ComponentExportKind, u32)> = outside
        .imports
        .iter()
        .map(|(name, kind)| (name.as_str(), *kind, whole.alias_export(answers, name, *kind)))
        .collect();
    let inner = whole.instantiate(Some("plugin"), inner, given);
    for (name, kind) in &outside.exports {
        let at = whole.alias_export(inner, name, *kind);
        whole.export(name.as_str(), *kind, at, None);
    }
    whole.append_names();
    let bytes = whole.finish();
    Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes)?;
    Ok(bytes)
}

impl Outside {
    fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut outside = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        let import = import?;
                        outside.imports.push((import.name.name.to_owned(), kind(import.ty.kind())));
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let export = export?;
                        outside.exports.push((export.name.name.to_owned(), kind(export.kind)));
                    }
                }
                _ => {}
            }
        }
        Ok(outside)
    }
}

fn kind(kind: ComponentExternalKind) -> ComponentExportKind {
    match kind {
        ComponentExternalKind::Module => ComponentExportKind::Module,
        ComponentExternalKind::Func => ComponentExportKind::Func,
        ComponentExternalKind::Value => ComponentExportKind::Value,
        ComponentExternalKind::Type => ComponentExportKind::Type,
        ComponentExternalKind::Instance => ComponentExportKind::Instance,
        ComponentExternalKind::Component => ComponentExportKind::Component,
    }
}
