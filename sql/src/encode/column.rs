//! Columns: their addresses before the loop, their value at a row within.

use wasm_encoder::{MemArg, ValType};

use super::EncodeError;
use super::generator::{Generator, VIEWS};
use super::operand::{Local, Locals, Operand, Valid};
use crate::types::DataType;

/// The bytes of a view: three addresses (`sql/shell/src/input.rs`).
const VIEW_BYTES: u64 = 12;
const VALUES_OFFSET: u64 = 0;
const BYTES_OFFSET: u64 = 4;
const VALID_OFFSET: u64 = 8;

/// The addresses of a column that is read.
#[derive(Clone, Copy)]
pub(super) struct ColumnLocals {
    values: Local,
    bytes: Local,
    /// 0 = no row is NULL.
    valid: Local,
}

impl Generator<'_> {
    /// The value of a column at the row.
    pub(super) fn column(&mut self, number: usize, data_type: DataType) -> Result<Operand, EncodeError> {
        let column = self.column_locals(number, data_type)?;
        let place = self.place(data_type);
        match place {
            Locals::Scalar(value) => self.load_scalar(column, data_type, value),
            Locals::Text { pointer, length } => self.load_text(column, pointer, length)?,
        }
        let valid = self.local(ValType::I32);
        self.set_i32(valid, 1);
        self.get(column.valid);
        self.when(|generator| {
            generator.push_bit(column.valid);
            generator.set(valid);
            Ok(())
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    fn load_scalar(&mut self, column: ColumnLocals, data_type: DataType, value: Local) {
        let eight = MemArg { offset: 0, align: 3, memory_index: 0 };
        match data_type {
            DataType::Boolean => self.push_bit(column.values),
            DataType::Float64 => {
                self.push_address(column.values, 3);
                self.op().f64_load(eight);
            }
            _ => {
                self.push_address(column.values, 3);
                self.op().i64_load(eight);
            }
        }
        self.set(value);
    }

    /// A text begins where the one before it ends, the first one at 0.
    fn load_text(&mut self, column: ColumnLocals, pointer: Local, length: Local) -> Result<(), EncodeError> {
        let end = |offset| MemArg { offset, align: 2, memory_index: 0 };
        let (row, address) = (self.row, self.local(ValType::I32));
        self.set_i32(pointer, 0);
        self.push_address(column.values, 2);
        self.set(address);
        self.get(row);
        self.when(|generator| {
            generator.get(address).i32_const(4).i32_sub().i32_load(end(0)).local_set(pointer.0);
            Ok(())
        })?;
        self.get(address).i32_load(end(0)).local_get(pointer.0).i32_sub().local_set(length.0);
        self.get(pointer).local_get(column.bytes.0).i32_add().local_set(pointer.0);
        Ok(())
    }

    /// The address of the row's item on the stack; an item has 2 to the power of `shift` bytes.
    pub(super) fn push_address(&mut self, base: Local, shift: i32) {
        let row = self.row;
        self.get(base).local_get(row.0);
        if shift != 0 {
            self.op().i32_const(shift).i32_shl();
        }
        self.op().i32_add();
    }

    /// The row's bit on the stack.
    fn push_bit(&mut self, base: Local) {
        let row = self.row.0;
        self.get(base).local_get(row).i32_const(3).i32_shr_u().i32_add();
        self.op().i32_load8_u(MemArg { offset: 0, align: 0, memory_index: 0 });
        self.op().local_get(row).i32_const(7).i32_and().i32_shr_u().i32_const(1).i32_and();
    }

    /// The addresses of a column; loaded before the loop when it is first read.
    fn column_locals(&mut self, number: usize, data_type: DataType) -> Result<ColumnLocals, EncodeError> {
        if self.arguments.get(number) != Some(&data_type) {
            return Err(EncodeError::IllTyped(format!("column {number} as {data_type}")));
        }
        if let Some(Some(column)) = self.columns.get(number) {
            return Ok(*column);
        }
        let mut load = |offset| {
            let local = self.local(ValType::I32);
            let from = MemArg { offset: number as u64 * VIEW_BYTES + offset, align: 2, memory_index: 0 };
            self.before().local_get(VIEWS.0).i32_load(from).local_set(local.0);
            local
        };
        let column = ColumnLocals {
            values: load(VALUES_OFFSET),
            bytes: load(BYTES_OFFSET),
            valid: load(VALID_OFFSET),
        };
        if let Some(known) = self.columns.get_mut(number) {
            *known = Some(column);
        }
        Ok(column)
    }
}
