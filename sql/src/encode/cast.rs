//! Casts: numbers in place, texts by the shell.

use wasm_encoder::{MemArg, ValType};

use super::EncodeError;
use super::generator::{Generator, RESULT};
use super::operand::{Local, Locals, Operand, Valid, scalar_type};
use super::runtime::Runtime;
use crate::expr::{Expr, Failure};
use crate::types::DataType;

/// 2^63: the first DOUBLE above every BIGINT; its opposite is the least BIGINT.
const BIGINT_END: f64 = 9_223_372_036_854_775_808.0;

impl Generator<'_> {
    pub(super) fn cast(&mut self, operand: &Expr, to: DataType) -> Result<Operand, EncodeError> {
        let from = operand.data_type;
        let operand = self.expression(operand)?;
        match operand.place {
            _ if from == to => Ok(operand),
            Locals::Text { .. } => self.parse(operand, to),
            Locals::Scalar(_) if to == DataType::Text => self.format(operand, from),
            Locals::Scalar(value) => self.convert(value, operand, from, to),
        }
    }

    /// As a cast, but NULL where the cast would fail. Only casts of TEXT, and of DOUBLE to BIGINT, can.
    pub(super) fn try_cast(&mut self, operand: &Expr, to: DataType) -> Result<Operand, EncodeError> {
        match (operand.data_type, to) {
            (DataType::Text, to) if to != DataType::Text => self.try_parse(operand, to),
            (DataType::Float64, DataType::Int64) => self.try_integer(operand),
            _ => self.cast(operand, to),
        }
    }

    fn try_parse(&mut self, operand: &Expr, to: DataType) -> Result<Operand, EncodeError> {
        let operand = self.expression(operand)?;
        let Some(function) = parser(to) else { return Ok(operand) };
        let (place, valid) = (self.place(to), self.local(ValType::I32));
        self.set_i32(valid, 0);
        self.when_valid(operand.valid, |generator| {
            generator.push(operand.place);
            generator.get(RESULT);
            generator.call(function);
            generator.op().i32_eqz();
            generator.when(|generator| {
                generator.load_result(scalar_type(to));
                generator.pop(place);
                generator.set_i32(valid, 1);
                Ok(())
            })
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    fn try_integer(&mut self, operand: &Expr) -> Result<Operand, EncodeError> {
        let (value, operand) = self.scalar(operand)?;
        let (place, valid) = (self.place(DataType::Int64), self.local(ValType::I32));
        self.set_i32(valid, 0);
        self.when_valid(operand.valid, |generator| {
            let rounded = generator.push_fits_integer(value);
            generator.when(|generator| {
                generator.get(rounded).i64_trunc_f64_s();
                generator.pop(place);
                generator.set_i32(valid, 1);
                Ok(())
            })
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    fn parse(&mut self, operand: Operand, to: DataType) -> Result<Operand, EncodeError> {
        let Some(function) = parser(to) else { return Ok(operand) };
        self.strict(to, &[operand], |generator| {
            generator.push(operand.place);
            generator.call_with_result(function, scalar_type(to))
        })
    }

    fn format(&mut self, operand: Operand, from: DataType) -> Result<Operand, EncodeError> {
        let function = match from {
            DataType::Boolean => Runtime::FormatBoolean,
            DataType::Int64 => Runtime::FormatInt64,
            DataType::Float64 => Runtime::FormatFloat64,
            DataType::Timestamp => Runtime::FormatTimestamp,
            DataType::Text => return Ok(operand),
        };
        self.strict(DataType::Text, &[operand], |generator| {
            generator.push(operand.place);
            generator.call_for_text(function);
            Ok(())
        })
    }

    fn convert(
        &mut self,
        value: Local,
        operand: Operand,
        from: DataType,
        to: DataType,
    ) -> Result<Operand, EncodeError> {
        self.strict(to, &[operand], |generator| {
            match (from, to) {
                (DataType::Boolean, DataType::Int64) => drop(generator.get(value).i64_extend_i32_u()),
                (DataType::Int64, DataType::Boolean) => drop(generator.get(value).i64_const(0).i64_ne()),
                (DataType::Int64, DataType::Float64) => drop(generator.get(value).f64_convert_i64_s()),
                (DataType::Float64, DataType::Int64) => generator.float_to_integer(value)?,
                (DataType::Int64, DataType::Timestamp) | (DataType::Timestamp, DataType::Int64) => {
                    generator.get(value);
                }
                (from, to) => return Err(EncodeError::IllTyped(format!("a cast of {from} to {to}"))),
            }
            Ok(())
        })
    }

    /// Rounded, ties to even.
    fn float_to_integer(&mut self, value: Local) -> Result<(), EncodeError> {
        let rounded = self.push_fits_integer(value);
        self.op().i32_eqz();
        self.fail_if(Failure::Overflow)?;
        self.get(rounded).i64_trunc_f64_s();
        Ok(())
    }

    /// Whether the rounded value is a BIGINT, 1 or 0 on the stack; and that value.
    fn push_fits_integer(&mut self, value: Local) -> Local {
        let rounded = self.local(ValType::F64);
        self.get(value).f64_nearest().local_tee(rounded.0).f64_const((-BIGINT_END).into()).f64_ge();
        self.get(rounded).f64_const(BIGINT_END.into()).f64_lt().i32_and();
        rounded
    }

    /// Calls a function that gives a text, which it leaves on the stack: address and length.
    pub(super) fn call_for_text(&mut self, function: Runtime) {
        self.call(function);
        self.unpack_text();
    }

    /// Calls a function that gives a text and can fail; its arguments are on the stack, address and length are left there.
    pub(super) fn call_with_text_result(&mut self, function: Runtime) -> Result<(), EncodeError> {
        self.call_with_result(function, ValType::I64)?;
        self.unpack_text();
        Ok(())
    }

    /// The I64 on the stack as address and length.
    pub(super) fn unpack_text(&mut self) {
        let text = self.local(ValType::I64);
        self.op().local_tee(text.0).i32_wrap_i64().local_get(text.0).i64_const(32).i64_shr_u().i32_wrap_i64();
    }

    /// Calls a function that can fail; its arguments are on the stack, its result is left there.
    pub(super) fn call_with_result(&mut self, function: Runtime, result: ValType) -> Result<(), EncodeError> {
        self.get(RESULT);
        self.call(function);
        self.fail_by_status()?;
        self.load_result(result);
        Ok(())
    }

    pub(super) fn load_result(&mut self, result: ValType) {
        let at = |align| MemArg { offset: 0, align, memory_index: 0 };
        self.get(RESULT);
        match result {
            ValType::I32 => self.op().i32_load(at(2)),
            ValType::F64 => self.op().f64_load(at(3)),
            _ => self.op().i64_load(at(3)),
        };
    }
}

/// What reads a value of a type from a text; none for TEXT itself.
fn parser(to: DataType) -> Option<Runtime> {
    match to {
        DataType::Boolean => Some(Runtime::ParseBoolean),
        DataType::Int64 => Some(Runtime::ParseInt64),
        DataType::Float64 => Some(Runtime::ParseFloat64),
        DataType::Timestamp => Some(Runtime::ParseTimestamp),
        DataType::Text => None,
    }
}
