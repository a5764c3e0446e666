//! Scalar functions and LIKE.

use wasm_encoder::ValType;

use super::EncodeError;
use super::generator::Generator;
use super::operand::Operand;
use super::runtime::Runtime;
use crate::expr::{Expr, Failure, Function};
use crate::types::DataType;

impl Generator<'_> {
    pub(super) fn like(&mut self, text: &Expr, pattern: &Expr) -> Result<Operand, EncodeError> {
        let (text, pattern) = (self.text(text)?, self.text(pattern)?);
        self.strict(DataType::Boolean, &[text, pattern], |generator| {
            generator.push(text.place);
            generator.push(pattern.place);
            generator.call_with_result(Runtime::Like, ValType::I32)
        })
    }

    pub(super) fn function(
        &mut self,
        function: Function,
        arguments: &[Expr],
        returns: DataType,
    ) -> Result<Operand, EncodeError> {
        if let Function::Library(function) = function {
            return self.library(function, arguments);
        }
        let operands =
            arguments.iter().map(|argument| self.expression(argument)).collect::<Result<Vec<_>, _>>()?;
        self.strict(returns, &operands, |generator| {
            for operand in &operands {
                generator.push(operand.place);
            }
            match function {
                Function::Lower => generator.call_for_text(Runtime::Lower),
                Function::Upper => generator.call_for_text(Runtime::Upper),
                Function::Concat => generator.call_for_text(Runtime::Concat),
                Function::Trim => generator.call_for_text(Runtime::Trim),
                Function::TrimStart => generator.call_for_text(Runtime::TrimStart),
                Function::TrimEnd => generator.call_for_text(Runtime::TrimEnd),
                Function::SplitPart => generator.call_with_text_result(Runtime::SplitPart)?,
                Function::LikeEscape => generator.call_with_text_result(Runtime::LikeEscape)?,
                Function::Length => generator.call(Runtime::Length),
                Function::RoundTo => generator.call_with_result(Runtime::RoundTo, ValType::F64)?,
                Function::Abs if returns == DataType::Int64 => generator.absolute_integer()?,
                Function::Abs => drop(generator.op().f64_abs()),
                Function::Round => drop(generator.op().f64_nearest()),
                Function::Floor => drop(generator.op().f64_floor()),
                Function::Ceil => drop(generator.op().f64_ceil()),
                Function::Trunc => drop(generator.op().f64_trunc()),
                Function::Library(function) => {
                    return Err(EncodeError::IllTyped(format!("{function:?} without its arguments")));
                }
            }
            if returns == DataType::Float64 {
                generator.canonical();
            }
            Ok(())
        })
    }

    /// Of the BIGINT on the stack.
    fn absolute_integer(&mut self) -> Result<(), EncodeError> {
        let value = self.local(ValType::I64);
        self.op().local_tee(value.0).i64_const(i64::MIN).i64_eq();
        self.fail_if(Failure::Overflow)?;
        self.op().i64_const(0).local_get(value.0).i64_sub().local_get(value.0);
        self.get(value).i64_const(0).i64_lt_s().select();
        Ok(())
    }
}
