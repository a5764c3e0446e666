//! What is looked at before bytes are compiled: whether they are a guest at all, in words for the one who wrote it.

use streamgauge_engine::{Fault, FaultKind};
use wasmparser::{
    Encoding, Parser, Payload, Validator, WasmFeatures,
    component_types::{ComponentEntityType, ComponentInstanceTypeId},
    types::TypesRef,
};

/// What a guest is for: the interface that it must export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `reducer-plugin`
    Reducer,
    /// `query-component`
    Query,
    /// `sink-plugin`
    Sink,
    /// What `scrape-plugin` has beside `sink-plugin`.
    Scrape,
}

/// Bytes that are not a guest which can be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} {why}")]
pub struct Refused {
    /// Which plugin or query.
    pub who: String,
    /// What is wrong with it.
    pub why: Refusal,
}

/// What is wrong with a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than are read.
    #[error(
        "has {bytes} bytes, but a component may have {bytes_max} at most, or --limit max_component_bytes=SIZE"
    )]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// `max_component_bytes`.
        bytes_max: usize,
    },
    /// No WebAssembly at all.
    #[error("is not WebAssembly")]
    NotWasm,
    /// A module that was not wrapped.
    #[error("is a core module, not a component: `wasm-tools component new` makes it one")]
    CoreModule,
    /// Not well-formed, or it uses what is switched off.
    #[error("is not a valid component: {0}")]
    Invalid(String),
    /// It wants something from its host.
    #[error(
        "imports {0}, but a guest gets nothing from its host: no clock, files, network or other functions"
    )]
    Import(String),
    /// It is something else.
    #[error("does not export `{0}`: {1}")]
    Export(&'static str, String),
    /// Its custom section says nothing that this version understands.
    #[error("has no plan that this version reads: {0}")]
    Manifest(String),
    /// The compiler gave up.
    #[error("does not compile: {0}")]
    Compile(String),
    /// It failed before it could be used.
    #[error("{0}")]
    Start(String),
    /// There was not enough of the machine for it, which is not its fault: another time there may be.
    #[error("{0}")]
    Transient(String),
}

impl From<Fault> for Refused {
    fn from(Fault { who, what, kind }: Fault) -> Self {
        let why = match kind {
            FaultKind::Deterministic => Refusal::Start(what),
            FaultKind::Transient => Refusal::Transient(what),
        };
        Self { who, why }
    }
}

impl From<Refused> for Fault {
    fn from(Refused { who, why }: Refused) -> Self {
        let kind = if matches!(why, Refusal::Transient(_)) {
            FaultKind::Transient
        } else {
            FaultKind::Deterministic
        };
        Self { who, what: why.to_string(), kind }
    }
}

impl World {
    /// The interface that it exports.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Reducer => "streamgauge:plugin/reducer@0.1.0",
            Self::Query => "streamgauge:plugin/query@0.1.0",
            Self::Sink => "streamgauge:plugin/sink@0.1.0",
            Self::Scrape => "streamgauge:plugin/scrape@0.1.0",
        }
    }
}

/// WebAssembly as LLVM writes it by default, and tables that are imported.
///
/// No SIMD: no guest needs it so far, and much of what went wrong in code generators went wrong there; it can be allowed
/// later, never forbidden again. No threads, garbage collection, 64-bit or second memories, exceptions, tail calls.
const FEATURES: WasmFeatures = WasmFeatures::LIME1
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Whether bytes are a guest of this world that wants nothing from its host.
pub(super) fn check(world: World, bytes: &[u8], bytes_max: usize) -> Result<(), Refusal> {
    if bytes.len() > bytes_max {
        return Err(Refusal::TooLarge { bytes: bytes.len(), bytes_max });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(Refusal::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(Refusal::NotWasm);
    }
    let invalid = |error: wasmparser::BinaryReaderError| Refusal::Invalid(error.to_string());
    let types = Validator::new_with_features(FEATURES).validate_all(bytes).map_err(invalid)?;
    let types = types.as_ref();
    for name in import_names(bytes).map_err(invalid)? {
        let imported = types.component_item_for_import(&name).map(|item| item.ty);
        if let Some(wanted) = imported.and_then(|entity| wants(types, entity)) {
            return Err(Refusal::Import(if wanted.is_empty() {
                format!("`{name}`")
            } else {
                format!("`{wanted}` of `{name}`")
            }));
        }
    }
    match types.component_item_for_export(world.interface()).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(_)) => Ok(()),
        _ => {
            Err(Refusal::Export(world.interface(), "it is a component of another kind or version".to_owned()))
        }
    }
}

/// The names of a component's own imports.
fn import_names(bytes: &[u8]) -> wasmparser::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// What an import wants of its host: the name of the function or resource in it, empty if it is one itself; none = types only.
fn wants(types: TypesRef<'_>, entity: ComponentEntityType) -> Option<String> {
    match entity {
        ComponentEntityType::Instance(id) => wants_inside(types, id),
        ComponentEntityType::Type { referenced, .. } if !is_resource(referenced) => None,
        _ => Some(String::new()),
    }
}

fn wants_inside(types: TypesRef<'_>, id: ComponentInstanceTypeId) -> Option<String> {
    let instance = types.get(id)?;
    instance.exports.iter().find_map(|(name, item)| wants(types, item.ty).map(|_| name.clone()))
}

fn is_resource(id: wasmparser::component_types::ComponentAnyTypeId) -> bool {
    matches!(id, wasmparser::component_types::ComponentAnyTypeId::Resource(_))
}
