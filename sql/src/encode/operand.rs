//! Where generated code has a value: in locals, one for its validity.

use wasm_encoder::ValType;

use crate::types::DataType;

/// A local of the function in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Local(pub(super) u32);

/// A value; unspecified where it is not valid.
#[derive(Clone, Copy, Debug)]
pub(super) enum Locals {
    /// A BOOLEAN (I32, always 0 or 1), BIGINT, TIMESTAMP (I64) or DOUBLE (F64).
    Scalar(Local),
    /// A TEXT: two I32.
    Text {
        /// Where its bytes are.
        pointer: Local,
        /// How many.
        length: Local,
    },
}

/// Whether there is a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Valid {
    /// Never NULL.
    Always,
    /// NULL.
    Never,
    /// NULL where the I32 is 0; else it is 1.
    When(Local),
}

/// What an expression comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) place: Locals,
    pub(super) valid: Valid,
}

/// The WebAssembly type of a scalar.
pub(super) fn scalar_type(data_type: DataType) -> ValType {
    match data_type {
        DataType::Boolean | DataType::Text => ValType::I32,
        DataType::Int64 | DataType::Timestamp => ValType::I64,
        DataType::Float64 => ValType::F64,
    }
}
