//! The generated core module: what it takes from the shell, its two kernels and the table slots they go to.

use std::borrow::Cow;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    FunctionSection, ImportSection, MemoryType, Module, RefType, TableType, TypeSection, ValType,
};

use super::EncodeError;
use super::kernel::{Kernel, kernel};
use super::library;
use super::runtime::IMPORTS;
use crate::expr::Code;
use crate::library::Library;

/// The first table slot that the shell leaves free: `ingest`; `emit` is the next. (`sql/shell/src/kernel.rs`)
const FIRST_SLOT: i32 = 1;
/// The size of the shell's table at least. (`sql/shell/build.rs`)
const SLOTS_MIN: u64 = 16;
/// The rows, the views of the columns, and the place for a result beside a status.
pub(super) const KERNEL_PARAMETERS: [ValType; 3] = [ValType::I32; 3];

/// The core module of a query, and the functions of the library that it imports.
pub(super) fn module(
    ingest: Option<&Code>,
    emit: Option<&Code>,
) -> Result<(Module, Vec<Library>), EncodeError> {
    let nothing = Code { arguments: Vec::new(), filter: None, computed: Vec::new() };
    let ingest = kernel(ingest.unwrap_or(&nothing), 0, Vec::new())?;
    let emit = kernel(emit.unwrap_or(&nothing), 1, ingest.library.clone())?;
    let library = emit.library.clone();
    let kernels = [ingest, emit];

    let mut module = Module::new();
    module
        .section(&types(&library))
        .section(&imports(&library))
        .section(&functions(&kernels))
        .section(&table_slots(&kernels, &library))
        .section(&DataCountSection { count: kernels.len() as u32 })
        .section(&code(&kernels))
        .section(&constants(&kernels));
    Ok((module, library))
}

/// One type for each import, in their order; then the kernels' own, then those of the library.
fn types(library: &[Library]) -> TypeSection {
    let mut types = TypeSection::new();
    for import in &IMPORTS {
        types.ty().function(import.parameters.iter().copied(), import.results.iter().copied());
    }
    types.ty().function(KERNEL_PARAMETERS, []);
    for function in library {
        let entry = function.entry();
        types.ty().function(library::parameters(entry), [library::result(entry)]);
    }
    types
}

fn imports(library: &[Library]) -> ImportSection {
    let memory =
        MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    let table = TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: SLOTS_MIN,
        maximum: None,
        shared: false,
    };
    let mut imports = ImportSection::new();
    imports.import("shell", "memory", memory).import("shell", "__indirect_function_table", table);
    for import in &IMPORTS {
        imports.import("shell", import.name, EntityType::Function(import.function as u32));
    }
    for (function, own_type) in library.iter().zip(IMPORTS.len() as u32 + 1..) {
        imports.import("shell", function.entry().export, EntityType::Function(own_type));
    }
    imports
}

fn functions(kernels: &[Kernel]) -> FunctionSection {
    let mut functions = FunctionSection::new();
    for _ in kernels {
        functions.function(IMPORTS.len() as u32);
    }
    functions
}

fn table_slots(kernels: &[Kernel], library: &[Library]) -> ElementSection {
    let first = (IMPORTS.len() + library.len()) as u32;
    let numbers: Vec<u32> = (first..).take(kernels.len()).collect();
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(FIRST_SLOT), Elements::Functions(Cow::Owned(numbers)));
    elements
}

fn code(kernels: &[Kernel]) -> CodeSection {
    let mut code = CodeSection::new();
    for kernel in kernels {
        code.function(&kernel.function);
    }
    code
}

/// A passive segment for each kernel, which copies it to where its constants are.
fn constants(kernels: &[Kernel]) -> DataSection {
    let mut data = DataSection::new();
    for kernel in kernels {
        data.passive(kernel.constants.iter().copied());
    }
    data
}
