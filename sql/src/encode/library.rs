//! Calls of the library: each function that is called is imported, and a text is one word.

use wasm_encoder::ValType;

use super::EncodeError;
use super::generator::{Generator, RESULT};
use super::operand::{Locals, Operand, Valid, scalar_type};
use super::runtime::IMPORTS;
use crate::expr::Expr;
use crate::library::{End, Entry, Library};
use crate::types::DataType;

/// The status of a call that gave NULL. (`sql/shell/src/runtime/pattern.rs`)
const NO_VALUE: i32 = -1;

impl Generator<'_> {
    pub(super) fn library(&mut self, function: Library, arguments: &[Expr]) -> Result<Operand, EncodeError> {
        let entry = function.entry();
        let operands =
            arguments.iter().map(|argument| self.expression(argument)).collect::<Result<Vec<_>, _>>()?;
        if entry.end == End::FailsOrNull {
            return self.library_or_null(entry, &operands);
        }
        self.strict(entry.returns, &operands, |generator| {
            generator.push_words(&operands);
            if entry.end == End::Value {
                generator.call_library(function);
            } else {
                generator.get(RESULT);
                generator.call_library(function);
                generator.fail_by_status()?;
                generator.load_result(word(entry.returns));
            }
            if entry.returns == DataType::Text {
                generator.unpack_text();
            }
            Ok(())
        })
    }

    fn library_or_null(&mut self, entry: &Entry, operands: &[Operand]) -> Result<Operand, EncodeError> {
        let given =
            operands.iter().fold(Valid::Always, |valid, operand| self.both_valid(valid, operand.valid));
        let (place, valid) = (self.place(entry.returns), self.local(ValType::I32));
        self.set_i32(valid, 0);
        self.when_valid(given, |generator| {
            let status = generator.local(ValType::I32);
            generator.push_words(operands);
            generator.get(RESULT);
            generator.call_library(entry.function);
            generator.op().local_tee(status.0).i32_const(NO_VALUE).i32_ne();
            generator.when(|generator| {
                generator.get(status);
                generator.fail_by_status()?;
                generator.load_result(word(entry.returns));
                if entry.returns == DataType::Text {
                    generator.unpack_text();
                }
                generator.pop(place);
                generator.set_i32(valid, 1);
                Ok(())
            })
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    /// Each value as one word on the stack.
    fn push_words(&mut self, operands: &[Operand]) {
        for operand in operands {
            match operand.place {
                Locals::Scalar(local) => drop(self.get(local)),
                Locals::Text { pointer, length } => {
                    self.get(length).i64_extend_i32_u().i64_const(32).i64_shl();
                    self.get(pointer).i64_extend_i32_u().i64_or();
                }
            }
        }
    }

    fn call_library(&mut self, function: Library) {
        let known = self.library.iter().position(|known| *known == function);
        let number = known.unwrap_or_else(|| {
            self.library.push(function);
            self.library.len() - 1
        });
        self.op().call((IMPORTS.len() + number) as u32);
    }
}

/// What a function of the library takes.
pub(super) fn parameters(entry: &Entry) -> Vec<ValType> {
    let result = (entry.end != End::Value).then_some(ValType::I32);
    entry.arguments.iter().map(|argument| word(*argument)).chain(result).collect()
}

/// What it gives back: its value, or a status.
pub(super) fn result(entry: &Entry) -> ValType {
    if entry.end == End::Value { word(entry.returns) } else { ValType::I32 }
}

/// The word in which a value is passed.
fn word(data_type: DataType) -> ValType {
    if data_type == DataType::Text { ValType::I64 } else { scalar_type(data_type) }
}
