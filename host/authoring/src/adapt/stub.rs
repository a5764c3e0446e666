//! The core module of a component that exports what a plugin imports, and imports nothing itself.

use std::collections::HashMap;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function as Code,
    FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, NameMap,
    NameSection, TypeSection, ValType,
};
use wit_parser::{
    Function, Handle, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem,
    abi::{AbiVariant, WasmSignature, WasmType},
};

use super::{
    answer::{Answer, answer},
    layout::{Layout, Value},
};

mod code;

/// Where results that are made at run time stand; the constants come behind it.
const SCRATCH: u32 = 16;
/// Where the constants begin.
const CONSTANTS: u32 = 64;
const PAGE: u32 = 65536;

/// A module, and what it does.
pub(super) struct Stub {
    pub(super) module: Vec<u8>,
    /// Interfaces all of whose functions have an answer.
    pub(super) replaced: Vec<String>,
    /// Interfaces with functions that end the call that uses them.
    pub(super) ended: Vec<String>,
}

impl Stub {
    /// Answers all functions that a world exports.
    pub(super) fn of(resolve: &Resolve, world: WorldId) -> Self {
        let mut builder = Builder::new(resolve, world);
        let (mut replaced, mut ended) = (Vec::new(), Vec::new());
        for (name, functions) in interfaces(resolve, world) {
            let short = name.split('@').next().unwrap_or(&name);
            let mut ends = false;
            for function in functions.iter().copied() {
                ends |= builder.add(&name, short, function) == Answer::End;
            }
            if !functions.is_empty() {
                if ends { &mut ended } else { &mut replaced }.push(short.to_owned());
            }
        }
        Self { module: builder.finish(), replaced, ended }
    }
}

/// The interfaces of a world with their functions.
fn interfaces(resolve: &Resolve, world: WorldId) -> Vec<(String, Vec<&Function>)> {
    let exports = resolve.worlds.get(world).map(|world| &world.exports);
    let named = exports.into_iter().flatten().filter_map(|(key, item)| match item {
        WorldItem::Interface { id, .. } => {
            let functions = resolve.interfaces.get(*id)?.functions.values().collect();
            Some((resolve.name_world_key(key), functions))
        }
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    });
    named.collect()
}

/// A module in the making.
struct Builder<'a> {
    resolve: &'a Resolve,
    layout: Layout<'a>,
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    data: DataSection,
    names: NameMap,
    /// Makes a resource: the function that is imported for its type.
    constructors: HashMap<TypeId, u32>,
    /// The number of the next function.
    next: u32,
    /// Where the next constant stands.
    top: u32,
}

impl<'a> Builder<'a> {
    fn new(resolve: &'a Resolve, world: WorldId) -> Self {
        let mut builder = Self {
            resolve,
            layout: Layout::new(resolve),
            types: TypeSection::new(),
            imports: ImportSection::new(),
            functions: FunctionSection::new(),
            exports: ExportSection::new(),
            code: CodeSection::new(),
            data: DataSection::new(),
            names: NameMap::new(),
            constructors: HashMap::new(),
            next: 0,
            top: CONSTANTS,
        };
        builder.import_constructors(world);
        let allocator =
            builder.define("cabi_realloc", &[ValType::I32; 4], &[ValType::I32], &code::allocator());
        builder.exports.export("cabi_realloc", ExportKind::Func, allocator);
        builder
    }

    /// Makers of resources, for all types of resources in a world.
    fn import_constructors(&mut self, world: WorldId) {
        let ty = self.ty(&[ValType::I32], &[ValType::I32]);
        let exports = self.resolve.worlds.get(world).map(|world| &world.exports);
        for (key, item) in exports.into_iter().flatten() {
            let WorldItem::Interface { id, .. } = item else { continue };
            let module = format!("[export]{}", self.resolve.name_world_key(key));
            let types = self.resolve.interfaces.get(*id).map(|interface| &interface.types);
            for (name, id) in types.into_iter().flatten() {
                let kind = self.resolve.types.get(*id).map(|ty| &ty.kind);
                if let Some(TypeDefKind::Resource) = kind {
                    self.imports.import(&module, &format!("[resource-new]{name}"), EntityType::Function(ty));
                    self.constructors.insert(*id, self.next);
                    self.next += 1;
                }
            }
        }
    }

    /// Exports a function with its answer, which is given back.
    fn add(&mut self, interface: &str, short: &str, function: &Function) -> Answer {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let wanted = answer(short, &function.name);
        let (answer, code) = match self.code(&wanted, function, &signature) {
            Some(code) => (wanted, code),
            None => (Answer::End, code::end()),
        };
        // Traps name the function that they are in.
        let name = function.name.rsplit(']').next().unwrap_or(&function.name);
        let params: Vec<ValType> = signature.params.iter().map(value_type).collect();
        let results: Vec<ValType> = signature.results.iter().map(value_type).collect();
        let at = self.define(&format!("{short}.{name}"), &params, &results, &code);
        self.exports.export(&format!("{interface}#{}", function.name), ExportKind::Func, at);
        answer
    }

    /// The body of a function; none where its types are not those that the answer is for.
    fn code(&mut self, answer: &Answer, function: &Function, signature: &WasmSignature) -> Option<Code> {
        let result = function.result.as_ref();
        let is_number = signature.results == [WasmType::I64];
        match answer {
            Answer::End => Some(code::end()),
            Answer::Value(value) => match (result, signature.retptr) {
                (None, _) => (*value == Value::Zero).then(code::nothing),
                (Some(ty), true) => {
                    let bytes = self.layout.bytes(ty, value)?;
                    Some(code::address(self.place(&bytes)))
                }
                (Some(ty), false) => {
                    code::constant(signature.results.first()?, &self.layout.bytes(ty, value)?)
                }
            },
            Answer::Resource => {
                let ty = self.resource(result?)?;
                Some(code::resource(*self.constructors.get(&ty)?))
            }
            Answer::Now => is_number.then(code::now),
            Answer::Instant => {
                // A record of 64 and 32 bits.
                let is_instant = self.layout.bytes(result?, &Value::Zero)?.len() == 16;
                (signature.retptr && is_instant).then(|| code::instant(SCRATCH))
            }
            Answer::RandomNumber => is_number.then(code::random_number),
            Answer::RandomBytes => {
                let takes_length = signature.params == [WasmType::I64] && signature.retptr;
                takes_length.then(|| code::random_bytes(self.allocator(), SCRATCH))
            }
            Answer::Poll => {
                let takes_list =
                    signature.params == [WasmType::Pointer, WasmType::Length] && signature.retptr;
                takes_list.then(|| code::poll(SCRATCH))
            }
        }
    }

    /// The resource that a function gives.
    fn resource(&self, ty: &Type) -> Option<TypeId> {
        let Type::Id(mut id) = *ty else { return None };
        loop {
            id = match &self.resolve.types.get(id)?.kind {
                TypeDefKind::Handle(Handle::Own(id)) | TypeDefKind::Type(Type::Id(id)) => *id,
                TypeDefKind::Resource => return Some(id),
                _ => return None,
            };
        }
    }

    /// Puts a constant into memory.
    fn place(&mut self, bytes: &[u8]) -> u32 {
        let at = self.top;
        self.data.active(0, &ConstExpr::i32_const(at.cast_signed()), bytes.iter().copied());
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.top = at.saturating_add(size).saturating_add(15) & !15;
        at
    }

    fn define(&mut self, name: &str, params: &[ValType], results: &[ValType], code: &Code) -> u32 {
        let ty = self.ty(params, results);
        self.functions.function(ty);
        self.code.function(code);
        let at = self.next;
        self.names.append(at, name);
        self.next += 1;
        at
    }

    fn ty(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let at = self.types.len();
        self.types.ty().function(params.iter().copied(), results.iter().copied());
        at
    }

    /// The number of `cabi_realloc`, the first function behind the imports.
    fn allocator(&self) -> u32 {
        u32::try_from(self.constructors.len()).unwrap_or(u32::MAX)
    }

    fn finish(mut self) -> Vec<u8> {
        let mut memories = MemorySection::new();
        let pages = u64::from(self.top / PAGE + 1);
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut globals = GlobalSection::new();
        for (val_type, first) in [
            (ValType::I32, ConstExpr::i32_const(self.top.cast_signed())),
            (ValType::I32, ConstExpr::i32_const(self.top.cast_signed())),
            (ValType::I64, ConstExpr::i64_const(code::CLOCK_START)),
            (ValType::I64, ConstExpr::i64_const(code::RANDOM_START)),
        ] {
            globals.global(GlobalType { val_type, mutable: true, shared: false }, &first);
        }
        let mut names = NameSection::new();
        names.functions(&self.names);
        let mut module = Module::new();
        module.section(&self.types).section(&self.imports).section(&self.functions).section(&memories);
        module
            .section(&globals)
            .section(&self.exports)
            .section(&self.code)
            .section(&self.data)
            .section(&names);
        module.finish()
    }
}

fn value_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
