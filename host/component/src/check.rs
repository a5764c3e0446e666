//! What is looked at before bytes are compiled: whether they are a guest at all, in words for the one who wrote it.

mod invalid;

use streamgauge_engine::{Fault, FaultKind};
use wasmparser::{
    Encoding, Parser, Payload, Validator, WasmFeatures,
    component_types::{ComponentEntityType, ComponentInstanceTypeId},
    types::TypesRef,
};

use super::{contract::ContractVersion, limits::spell};

/// What a guest is for: the interface that it must export ([`ContractVersion::interface`]).
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
    #[error("is a core module, not a component: {0}")]
    CoreModule(&'static str),
    /// Not well-formed, or it uses what is switched off.
    #[error("is not a valid component: {0}")]
    Invalid(String),
    /// It wants something from its host.
    #[error(
        "imports {}, but a guest gets nothing from its host: no clock, files, network or other functions{}",
        invalid::first_of(.0),
        invalid::of_imports(.0)
    )]
    Import(Vec<String>),
    /// It is something else.
    #[error("does not export `{0}`: {1}")]
    Export(&'static str, String),
    /// Its custom section says nothing that this version understands.
    #[error("has no plan that this version reads: {0}")]
    Manifest(String),
    /// The compiler gave up.
    #[error("does not compile: {0}")]
    Compile(String),
    /// The compiler wanted more memory than it may have.
    #[error(
        "takes more than {} of memory to compile: build it with smaller functions, or raise --limit plugin_compile_memory=SIZE", spell(*.0)
    )]
    CompileMemory(usize),
    /// The compiler took longer than it may.
    #[error(
        "takes more than {0} s of processor time to compile: build it with smaller functions, or raise --limit plugin_compile_time=TIME"
    )]
    CompileTime(u64),
    /// There is more machine code than is taken.
    #[error(
        "compiles to more than {} of machine code, which is 4 times --limit max_component_bytes", spell(*.0)
    )]
    CompiledTooLarge(usize),
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

/// WebAssembly as LLVM writes it by default, and tables that are imported.
///
/// No SIMD: no guest needs it so far, and much of what went wrong in code generators went wrong there; it can be allowed
/// later, never forbidden again. No threads, garbage collection, 64-bit or second memories, exceptions, tail calls.
const FEATURES: WasmFeatures = WasmFeatures::LIME1
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What a component shows from outside, after all that can be refused without knowing what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The names of its imports, which are types only.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
}

impl Outline {
    /// Looks at bytes, without compiling them.
    ///
    /// # Errors
    /// Where they are not a component that can be run.
    pub fn of(bytes: &[u8], bytes_max: usize) -> Result<Self, Refusal> {
        if bytes.len() > bytes_max {
            return Err(Refusal::TooLarge { bytes: bytes.len(), bytes_max });
        }
        if Parser::is_core_wasm(bytes) {
            return Err(Refusal::CoreModule(invalid::of_module(bytes)));
        }
        if !Parser::is_component(bytes) {
            return Err(Refusal::NotWasm);
        }
        let invalid =
            |error: wasmparser::BinaryReaderError| Refusal::Invalid(invalid::told(&error.to_string()));
        let types = Validator::new_with_features(FEATURES).validate_all(bytes).map_err(invalid)?;
        let types = types.as_ref();
        let (imports, exports) = names(bytes).map_err(invalid)?;
        let wanted = |name: &String| {
            let wanted = types.component_item_for_import(name).and_then(|item| wants(types, item.ty))?;
            Some(if wanted.is_empty() { format!("`{name}`") } else { format!("`{wanted}` of `{name}`") })
        };
        let wanted: Vec<String> = imports.iter().filter_map(wanted).collect();
        if !wanted.is_empty() {
            return Err(Refusal::Import(wanted));
        }
        let is_instance = |name: &String| {
            let item = types.component_item_for_export(name).map(|item| item.ty);
            matches!(item, Some(ComponentEntityType::Instance(_)))
        };
        Ok(Self { exports: exports.into_iter().filter(is_instance).collect(), imports })
    }

    /// What it is for, by the interface that it exports; none if it is nothing that a host runs.
    pub fn world(&self) -> Option<World> {
        let worlds = [World::Reducer, World::Scrape, World::Sink, World::Query];
        worlds.into_iter().find(|world| self.version(*world).is_some())
    }

    /// Why it is not of a world.
    pub fn other_than(&self, world: World) -> Refusal {
        let interface = ContractVersion::ALL[0].interface(world);
        Refusal::Export(interface, invalid::other_world(&self.exports, interface))
    }

    /// The version of the contract in which it is of a world; none if it is not.
    pub fn version(&self, world: World) -> Option<ContractVersion> {
        ContractVersion::exported(&self.exports, world)
    }
}

/// Whether bytes are a guest of this world that wants nothing from its host.
pub(super) fn check(world: World, bytes: &[u8], bytes_max: usize) -> Result<(), Refusal> {
    let outline = Outline::of(bytes, bytes_max)?;
    match outline.version(world) {
        Some(_) => Ok(()),
        None => Err(outline.other_than(world)),
    }
}

/// The names of a component's own imports, and of its exports.
fn names(bytes: &[u8]) -> wasmparser::Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
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
