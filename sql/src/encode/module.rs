//! The generated core module: what it takes from the shell, its two kernels and the table slots they go to.

use std::borrow::Cow;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    FunctionSection, ImportSection, MemoryType, Module, RefType, TableType, TypeSection, ValType,
};

use super::EncodeError;
use super::kernel::{Kernel, kernel};
use super::runtime::IMPORTS;
use crate::expr::Code;

/// The first table slot that the shell leaves free: `ingest`; `emit` is the next. (`sql/shell/src/kernel.rs`)
const FIRST_SLOT: i32 = 1;
/// The size of the shell's table at least. (`sql/shell/build.rs`)
const SLOTS_MIN: u64 = 16;
/// The rows, the views of the columns, and the place for a result beside a status.
pub(super) const KERNEL_PARAMETERS: [ValType; 3] = [ValType::I32; 3];

/// The core module of a query.
pub(super) fn module(ingest: Option<&Code>, emit: Option<&Code>) -> Result<Module, EncodeError> {
    let nothing = Code { arguments: Vec::new(), filter: None, computed: Vec::new() };
    let kernels = [kernel(ingest.unwrap_or(&nothing), 0)?, kernel(emit.unwrap_or(&nothing), 1)?];

    let mut module = Module::new();
    module
        .section(&types())
        .section(&imports())
        .section(&functions(&kernels))
        .section(&table_slots(&kernels))
        .section(&DataCountSection { count: kernels.len() as u32 })
        .section(&code(&kernels))
        .section(&constants(&kernels));
    Ok(module)
}

/// One type for each import, in their order; then the kernels' own.
fn types() -> TypeSection {
    let mut types = TypeSection::new();
    for import in &IMPORTS {
        types.ty().function(import.parameters.iter().copied(), import.results.iter().copied());
    }
    types.ty().function(KERNEL_PARAMETERS, []);
    types
}

fn imports() -> ImportSection {
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
    imports
}

fn functions(kernels: &[Kernel]) -> FunctionSection {
    let mut functions = FunctionSection::new();
    for _ in kernels {
        functions.function(IMPORTS.len() as u32);
    }
    functions
}

fn table_slots(kernels: &[Kernel]) -> ElementSection {
    let first = IMPORTS.len() as u32;
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
