//! A kernel: one loop over the rows.
//!
//! ```text
//! addresses of constants, columns and outputs
//! loop
//!   block                        a row that fails or is not kept leaves it
//!     the filter
//!     the computed columns       all before any is written: a row that fails leaves no trace
//!     write them
//!     keep the row
//!   end
//!   next row
//! end
//! ```

use wasm_encoder::{BlockType, Function, MemArg, ValType};

use super::EncodeError;
use super::generator::{Generator, ROWS};
use super::operand::{Local, Locals, Operand, Valid, scalar_type};
use super::runtime::Runtime;
use crate::expr::{Code, Expr};
use crate::library::Library;
use crate::types::DataType;

/// A generated function and the bytes of its constants.
pub(super) struct Kernel {
    pub(super) function: Function,
    pub(super) constants: Vec<u8>,
    /// The functions of the library that it and the kernels before it call.
    pub(super) library: Vec<Library>,
}

/// The kernel of `code`; its constants are data segment `segment`, and these functions of the library are imported already.
pub(super) fn kernel(code: &Code, segment: u32, library: Vec<Library>) -> Result<Kernel, EncodeError> {
    let mut generator = Generator::new(&code.arguments, library);
    if code.filter.is_some() || !code.computed.is_empty() {
        let row = generator.row.0;
        generator.get(ROWS).i32_eqz().if_(BlockType::Empty).return_().end();
        generator.op().loop_(BlockType::Empty).block(BlockType::Empty);
        each_row(&mut generator, code)?;
        generator.op().end();
        generator
            .op()
            .local_get(row)
            .i32_const(1)
            .i32_add()
            .local_tee(row)
            .local_get(ROWS.0)
            .i32_lt_u()
            .br_if(0)
            .end();
    }
    generator.finish(segment)
}

fn each_row(generator: &mut Generator<'_>, code: &Code) -> Result<(), EncodeError> {
    if let Some(filter) = &code.filter {
        let Operand { place, valid } = generator.expression_of(filter, DataType::Boolean)?;
        generator.push(place);
        generator.push_valid(valid);
        generator.op().i32_and();
        generator.next_row_unless();
        generator.expression += 1;
    }
    let mut computed = Vec::with_capacity(code.computed.len());
    for expr in &code.computed {
        computed.push(generator.expression(expr)?);
        generator.expression += 1;
    }
    for (expr, operand) in code.computed.iter().zip(computed) {
        write(generator, expr, operand);
    }
    if code.filter.is_some() || generator.fails {
        keep(generator);
    }
    Ok(())
}

/// Writes the row's value and validity into buffers of the shell.
fn write(generator: &mut Generator<'_>, expr: &Expr, Operand { place, valid }: Operand) {
    let values = generator.local(ValType::I32);
    generator.before().i32_const(number(expr.data_type)).call(Runtime::Output as u32).local_set(values.0);
    match place {
        Locals::Scalar(value) => write_scalar(generator, expr.data_type, values, value),
        Locals::Text { pointer, length } => {
            for (offset, word) in [(0, pointer), (4, length)] {
                generator.push_address(values, 3);
                generator.get(word).i32_store(MemArg { offset, align: 2, memory_index: 0 });
            }
        }
    }
    if !matches!(valid, Valid::Always) {
        let validity = generator.local(ValType::I32);
        generator.before().call(Runtime::Validity as u32).local_set(validity.0);
        write_byte(generator, validity, |generator| generator.push_valid(valid));
    }
}

fn write_scalar(generator: &mut Generator<'_>, data_type: DataType, values: Local, value: Local) {
    let eight = MemArg { offset: 0, align: 3, memory_index: 0 };
    match scalar_type(data_type) {
        ValType::I32 => write_byte(generator, values, |generator| generator.push(Locals::Scalar(value))),
        ValType::F64 => {
            generator.push_address(values, 3);
            generator.get(value).f64_store(eight);
        }
        _ => {
            generator.push_address(values, 3);
            generator.get(value).i64_store(eight);
        }
    }
}

/// Says that the row is kept; without this every row is.
fn keep(generator: &mut Generator<'_>) {
    let keep = generator.local(ValType::I32);
    generator.before().call(Runtime::Keep as u32).local_set(keep.0);
    write_byte(generator, keep, |generator| generator.push_valid(Valid::Always));
}

fn write_byte(generator: &mut Generator<'_>, base: Local, push: impl FnOnce(&mut Generator<'_>)) {
    generator.push_address(base, 0);
    push(generator);
    generator.op().i32_store8(MemArg { offset: 0, align: 0, memory_index: 0 });
}

/// The number of a data type in `wit/columns.wit`.
fn number(data_type: DataType) -> i32 {
    match data_type {
        DataType::Boolean => 0,
        DataType::Int64 => 1,
        DataType::Float64 => 2,
        DataType::Timestamp => 3,
        DataType::Text => 4,
    }
}
