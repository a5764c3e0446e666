//! `+ - * / %` and `-`: checked, as `streamgauge_functions::{integer, float}` has them.

use streamgauge_functions::timestamp;
use wasm_encoder::ValType;

use super::EncodeError;
use super::generator::Generator;
use super::operand::{Local, Operand};
use super::runtime::Runtime;
use crate::expr::{Arithmetic, Expr, Failure};
use crate::types::DataType;

/// The one NaN that is a result.
const NAN: u64 = 0x7ff8_0000_0000_0000;

impl Generator<'_> {
    pub(super) fn arithmetic(
        &mut self,
        operator: Arithmetic,
        a: &Expr,
        b: &Expr,
        returns: DataType,
    ) -> Result<Operand, EncodeError> {
        let is_float = a.data_type == DataType::Float64;
        let ((a, a_operand), (b, b_operand)) = (self.scalar(a)?, self.scalar(b)?);
        self.strict(returns, &[a_operand, b_operand], |generator| {
            if is_float {
                generator.float_arithmetic(operator, a, b)
            } else {
                generator.integer_arithmetic(operator, a, b)?;
                if returns == DataType::Timestamp { generator.check_timestamp() } else { Ok(()) }
            }
        })
    }

    pub(super) fn negate(&mut self, operand: &Expr) -> Result<Operand, EncodeError> {
        let data_type = operand.data_type;
        let (a, operand) = self.scalar(operand)?;
        self.strict(data_type, &[operand], |generator| {
            if data_type == DataType::Float64 {
                generator.get(a).f64_neg();
                generator.canonical();
                return Ok(());
            }
            generator.get(a).i64_const(i64::MIN).i64_eq();
            generator.fail_if(Failure::Overflow)?;
            generator.op().i64_const(0).local_get(a.0).i64_sub();
            Ok(())
        })
    }

    /// The TIMESTAMP on the stack, unless it is outside of the years 1 to 9999.
    fn check_timestamp(&mut self) -> Result<(), EncodeError> {
        let result = self.local(ValType::I64);
        let (first, last) = timestamp::RANGE.into_inner();
        self.op().local_tee(result.0).i64_const(first).i64_lt_s();
        self.get(result).i64_const(last).i64_gt_s().i32_or();
        self.fail_if(Failure::Overflow)?;
        self.get(result);
        Ok(())
    }

    fn integer_arithmetic(&mut self, operator: Arithmetic, a: Local, b: Local) -> Result<(), EncodeError> {
        match operator {
            Arithmetic::Add => self.add_or_subtract(a, b, true),
            Arithmetic::Subtract => self.add_or_subtract(a, b, false),
            Arithmetic::Multiply => self.multiply(a, b),
            Arithmetic::Divide => {
                self.get(b).i64_eqz();
                self.fail_if(Failure::DivisionByZero)?;
                self.get(a).i64_const(i64::MIN).i64_eq().local_get(b.0).i64_const(-1).i64_eq().i32_and();
                self.fail_if(Failure::Overflow)?;
                self.get(a).local_get(b.0).i64_div_s();
                Ok(())
            }
            Arithmetic::Remainder => {
                self.get(b).i64_eqz();
                self.fail_if(Failure::DivisionByZero)?;
                self.get(a).local_get(b.0).i64_rem_s();
                Ok(())
            }
        }
    }

    /// A sum overflows if its sign is neither that of `a` nor of `b`; a difference if it is not that of `a`, which is
    /// not that of `b`.
    fn add_or_subtract(&mut self, a: Local, b: Local, add: bool) -> Result<(), EncodeError> {
        let result = self.local(ValType::I64);
        self.get(a).local_get(b.0);
        if add {
            self.op().i64_add();
        } else {
            self.op().i64_sub();
        }
        self.op().local_tee(result.0).local_get(a.0).i64_xor();
        let other = if add { result } else { a };
        self.get(other).local_get(b.0).i64_xor().i64_and().i64_const(0).i64_lt_s();
        self.fail_if(Failure::Overflow)?;
        self.get(result);
        Ok(())
    }

    /// A product of two numbers of 32 bits always fits. Else it is divided again, by an `a` that is neither 0 nor -1.
    fn multiply(&mut self, a: Local, b: Local) -> Result<(), EncodeError> {
        let result = self.local(ValType::I64);
        self.get(a).local_get(b.0).i64_mul().local_set(result.0);
        for operand in [a, b] {
            self.get(operand).i64_const(1 << 31).i64_add();
        }
        self.op().i64_or().i64_const(1 << 32).i64_ge_u();
        self.when(|generator| {
            generator.get(a).i64_const(-1).i64_eq();
            generator.when(|generator| {
                generator.get(b).i64_const(i64::MIN).i64_eq();
                generator.fail_if(Failure::Overflow)
            })?;
            // 0 and -1 are the two numbers that become 0 or 1 when 1 is added.
            generator.get(a).i64_const(1).i64_add().i64_const(1).i64_gt_u();
            generator.when(|generator| {
                generator.get(result).local_get(a.0).i64_div_s().local_get(b.0).i64_ne();
                generator.fail_if(Failure::Overflow)
            })
        })?;
        self.get(result);
        Ok(())
    }

    fn float_arithmetic(&mut self, operator: Arithmetic, a: Local, b: Local) -> Result<(), EncodeError> {
        if matches!(operator, Arithmetic::Divide | Arithmetic::Remainder) {
            self.get(b).f64_const(0.0.into()).f64_eq();
            self.fail_if(Failure::DivisionByZero)?;
        }
        let result = self.local(ValType::F64);
        self.get(a).local_get(b.0);
        match operator {
            Arithmetic::Add => drop(self.op().f64_add()),
            Arithmetic::Subtract => drop(self.op().f64_sub()),
            Arithmetic::Multiply => drop(self.op().f64_mul()),
            Arithmetic::Divide => drop(self.op().f64_div()),
            Arithmetic::Remainder => self.call(Runtime::Remainder),
        }
        self.set(result);
        self.push_is_finite(result);
        self.op().i32_eqz();
        self.when(|generator| {
            generator.push_is_finite(a);
            generator.push_is_finite(b);
            generator.op().i32_and();
            generator.fail_if(Failure::Overflow)?;
            generator.get(result);
            generator.canonical();
            generator.set(result);
            Ok(())
        })?;
        self.get(result);
        Ok(())
    }

    fn push_is_finite(&mut self, value: Local) {
        self.get(value).f64_abs().f64_const(f64::INFINITY.into()).f64_lt();
    }

    /// The DOUBLE on the stack, any NaN as the one.
    pub(super) fn canonical(&mut self) {
        let value = self.local(ValType::F64);
        self.op()
            .local_tee(value.0)
            .f64_const(f64::from_bits(NAN).into())
            .local_get(value.0)
            .local_get(value.0);
        self.op().f64_eq().select();
    }
}
