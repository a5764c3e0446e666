//! A function in the making: its instructions, locals and constants, and the few shapes that all code is made of.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::EncodeError;
use super::column::ColumnLocals;
use super::kernel::Kernel;
use super::module::KERNEL_PARAMETERS;
use super::operand::{Local, Locals, Operand, Valid, scalar_type};
use super::runtime::Runtime;
use crate::expr::Failure;
use crate::library::Library;
use crate::types::DataType;

/// How deep an expression may be nested.
const DEPTH_MAX: u32 = 500;
/// What WebAssembly engines take (`wasmparser::limits`), with some room for parameters and the loop.
const LOCALS_MAX: usize = 49_000;
const CODE_BYTES_MAX: usize = 7_000_000;

/// The parameters of a kernel.
pub(super) const ROWS: Local = Local(0);
pub(super) const VIEWS: Local = Local(1);
pub(super) const RESULT: Local = Local(2);

/// A kernel in the making.
pub(super) struct Generator<'a> {
    pub(super) arguments: &'a [DataType],
    /// The columns that were read so far: their addresses are in locals before the loop begins.
    pub(super) columns: Vec<Option<ColumnLocals>>,
    /// The row that the loop is at.
    pub(super) row: Local,
    /// The expression that is compiled: what failures name.
    pub(super) expression: u32,
    /// Whether some row can fail.
    pub(super) fails: bool,
    /// The functions of the library that are imported so far.
    pub(super) library: Vec<Library>,
    before: Vec<u8>,
    code: Vec<u8>,
    locals: Vec<ValType>,
    constants: Vec<u8>,
    /// Where the constants are.
    constants_base: Local,
    /// How many labels are open within the row's own block.
    labels: u32,
    nesting: u32,
}

impl<'a> Generator<'a> {
    pub(super) fn new(arguments: &'a [DataType], library: Vec<Library>) -> Self {
        let mut generator = Self {
            arguments,
            columns: vec![None; arguments.len()],
            row: Local(0),
            expression: 0,
            fails: false,
            library,
            before: Vec::new(),
            code: Vec::new(),
            locals: Vec::new(),
            constants: Vec::new(),
            constants_base: Local(0),
            labels: 0,
            nesting: 0,
        };
        generator.row = generator.local(ValType::I32);
        generator.constants_base = generator.local(ValType::I32);
        generator
    }

    /// The instructions of a row.
    pub(super) fn op(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    /// The instructions before the loop.
    pub(super) fn before(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.before)
    }

    /// A local of its own; the limit is checked at the end.
    pub(super) fn local(&mut self, value_type: ValType) -> Local {
        self.locals.push(value_type);
        Local((KERNEL_PARAMETERS.len() + self.locals.len() - 1) as u32)
    }

    /// Locals for a value.
    pub(super) fn place(&mut self, data_type: DataType) -> Locals {
        match data_type {
            DataType::Text => {
                Locals::Text { pointer: self.local(ValType::I32), length: self.local(ValType::I32) }
            }
            scalar => Locals::Scalar(self.local(scalar_type(scalar))),
        }
    }

    pub(super) fn get(&mut self, local: Local) -> InstructionSink<'_> {
        let mut op = self.op();
        op.local_get(local.0);
        op
    }

    pub(super) fn set(&mut self, local: Local) {
        self.op().local_set(local.0);
    }

    pub(super) fn set_i32(&mut self, local: Local, value: i32) {
        self.op().i32_const(value).local_set(local.0);
    }

    /// The value on the stack.
    pub(super) fn push(&mut self, place: Locals) {
        match place {
            Locals::Scalar(local) => self.op().local_get(local.0),
            Locals::Text { pointer, length } => self.op().local_get(pointer.0).local_get(length.0),
        };
    }

    /// The validity on the stack, 1 or 0.
    pub(super) fn push_valid(&mut self, valid: Valid) {
        match valid {
            Valid::Always => self.op().i32_const(1),
            Valid::Never => self.op().i32_const(0),
            Valid::When(local) => self.op().local_get(local.0),
        };
    }

    /// From the stack to its place.
    pub(super) fn pop(&mut self, place: Locals) {
        match place {
            Locals::Scalar(local) => self.op().local_set(local.0),
            Locals::Text { pointer, length } => self.op().local_set(length.0).local_set(pointer.0),
        };
    }

    /// Valid where both are.
    pub(super) fn both_valid(&mut self, a: Valid, b: Valid) -> Valid {
        match (a, b) {
            (Valid::Never, _) | (_, Valid::Never) => Valid::Never,
            (Valid::Always, valid) | (valid, Valid::Always) => valid,
            (Valid::When(a), Valid::When(b)) => {
                let both = self.local(ValType::I32);
                self.op().local_get(a.0).local_get(b.0).i32_and().local_set(both.0);
                Valid::When(both)
            }
        }
    }

    /// A value that is NULL where an operand is, and else what `compute` leaves on the stack.
    pub(super) fn strict(
        &mut self,
        data_type: DataType,
        operands: &[Operand],
        compute: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<Operand, EncodeError> {
        let valid =
            operands.iter().fold(Valid::Always, |valid, operand| self.both_valid(valid, operand.valid));
        let place = self.place(data_type);
        self.when_valid(valid, |generator| {
            compute(generator)?;
            generator.pop(place);
            Ok(())
        })?;
        Ok(Operand { place, valid })
    }

    /// `then`, where there is a value.
    pub(super) fn when_valid(
        &mut self,
        valid: Valid,
        then: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        match valid {
            Valid::Always => then(self),
            Valid::Never => Ok(()),
            Valid::When(local) => {
                self.get(local);
                self.when(then)
            }
        }
    }

    /// `then`, if the I32 on the stack is not 0.
    pub(super) fn when(
        &mut self,
        then: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.op().if_(BlockType::Empty);
        self.labelled(then)
    }

    /// A block, which `br 0` within leaves.
    pub(super) fn block(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.op().block(BlockType::Empty);
        self.labelled(inner)
    }

    fn labelled(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.labels += 1;
        inner(self)?;
        self.labels -= 1;
        self.op().end();
        Ok(())
    }

    /// To the next row.
    pub(super) fn next_row(&mut self) {
        let labels = self.labels;
        self.op().br(labels);
    }

    /// To the next row if the I32 on the stack is 0.
    pub(super) fn next_row_unless(&mut self) {
        let labels = self.labels;
        self.op().i32_eqz().br_if(labels);
    }

    /// The row fails, if the I32 on the stack is not 0.
    pub(super) fn fail_if(&mut self, failure: Failure) -> Result<(), EncodeError> {
        self.when(|generator| {
            generator.push_row();
            generator.op().i32_const(failure_code(failure));
            generator.fail();
            Ok(())
        })
    }

    /// The row fails, if the status on the stack says so.
    pub(super) fn fail_by_status(&mut self) -> Result<(), EncodeError> {
        let status = self.local(ValType::I32);
        self.op().local_tee(status.0);
        self.when(|generator| {
            generator.push_row();
            generator.get(status).i32_const(1).i32_sub();
            generator.fail();
            Ok(())
        })
    }

    fn push_row(&mut self) {
        let row = self.row;
        self.get(row);
    }

    /// The row on the stack fails with the code on the stack.
    fn fail(&mut self) {
        self.fails = true;
        let expression = self.expression.cast_signed();
        self.op().i32_const(expression);
        self.call(Runtime::Fail);
        self.next_row();
    }

    pub(super) fn call(&mut self, function: Runtime) {
        self.op().call(function as u32);
    }

    /// A text that is the same for all rows.
    pub(super) fn constant(&mut self, text: &str, pointer: Local, length: Local) {
        let offset = self.constants.len();
        self.constants.extend_from_slice(text.as_bytes());
        let base = self.constants_base;
        self.get(base).i32_const(offset as i32).i32_add().local_set(pointer.0);
        self.set_i32(length, text.len() as i32);
    }

    /// Goes one expression deeper for `inner`.
    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        if self.nesting == DEPTH_MAX {
            return Err(EncodeError::TooDeep { limit: DEPTH_MAX });
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// The function, with its constants' bytes, which are data segment `segment`.
    pub(super) fn finish(self, segment: u32) -> Result<Kernel, EncodeError> {
        if self.locals.len() > LOCALS_MAX {
            return Err(EncodeError::TooLarge { what: "values", limit: LOCALS_MAX });
        }
        let mut function = Function::new_with_locals_types(self.locals);
        if !self.constants.is_empty() {
            let (base, length) = (self.constants_base.0, self.constants.len() as i32);
            function.instructions().i32_const(length).call(Runtime::Allocate as u32).local_tee(base);
            function.instructions().i32_const(0).i32_const(length).memory_init(0, segment);
        }
        function.raw(self.before).raw(self.code);
        function.instructions().end();
        if function.byte_len() > CODE_BYTES_MAX {
            return Err(EncodeError::TooLarge { what: "bytes of code", limit: CODE_BYTES_MAX });
        }
        Ok(Kernel { function, constants: self.constants, library: self.library })
    }
}

/// The number of a failure in `wit/query.wit`.
fn failure_code(failure: Failure) -> i32 {
    match failure {
        Failure::Overflow => 0,
        Failure::DivisionByZero => 1,
        Failure::InvalidCast => 2,
        Failure::OutOfRange => 3,
    }
}
