//! Comparisons: each type has its order.

use wasm_encoder::ValType;

use super::EncodeError;
use super::generator::Generator;
use super::operand::{Local, Locals, Operand, Valid};
use super::runtime::Runtime;
use crate::expr::{Comparison, Expr};
use crate::types::DataType;

impl Generator<'_> {
    pub(super) fn comparison(
        &mut self,
        comparison: Comparison,
        a: &Expr,
        b: &Expr,
    ) -> Result<Operand, EncodeError> {
        let data_type = a.data_type;
        let (a, b) = (self.expression(a)?, self.expression_of(b, data_type)?);
        self.strict(DataType::Boolean, &[a, b], |generator| {
            generator.compare(comparison, data_type, a.place, b.place)
        })
    }

    /// `a IS NOT DISTINCT FROM b`: equal, or both NULL.
    pub(super) fn same(&mut self, a: &Expr, b: &Expr) -> Result<Operand, EncodeError> {
        let data_type = a.data_type;
        let (a, b) = (self.expression(a)?, self.expression_of(b, data_type)?);
        let both = self.both_valid(a.valid, b.valid);
        let equal = self.equal_where(both, data_type, a.place, b.place)?;
        let same = self.local(ValType::I32);
        self.push_valid(a.valid);
        self.push_valid(b.valid);
        self.op().i32_or().i32_eqz().local_get(equal.0).i32_or().local_set(same.0);
        Ok(Operand { place: Locals::Scalar(same), valid: Valid::Always })
    }

    /// `a = b` and its like for two values of one type, 1 or 0 on the stack.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        data_type: DataType,
        a: Locals,
        b: Locals,
    ) -> Result<(), EncodeError> {
        match (data_type, a, b) {
            (DataType::Float64, Locals::Scalar(a), Locals::Scalar(b)) => {
                self.compare_floats(comparison, a, b)
            }
            (DataType::Boolean, Locals::Scalar(_), Locals::Scalar(_)) => {
                self.push(a);
                self.push(b);
                self.compare_i32(comparison);
            }
            (_, Locals::Scalar(_), Locals::Scalar(_)) => {
                self.push(a);
                self.push(b);
                self.compare_i64(comparison);
            }
            _ => self.compare_texts(comparison, a, b),
        }
        Ok(())
    }

    fn compare_i32(&mut self, comparison: Comparison) {
        match comparison {
            Comparison::Equal => self.op().i32_eq(),
            Comparison::NotEqual => self.op().i32_ne(),
            Comparison::Less => self.op().i32_lt_s(),
            Comparison::LessOrEqual => self.op().i32_le_s(),
            Comparison::Greater => self.op().i32_gt_s(),
            Comparison::GreaterOrEqual => self.op().i32_ge_s(),
        };
    }

    fn compare_i64(&mut self, comparison: Comparison) {
        match comparison {
            Comparison::Equal => self.op().i64_eq(),
            Comparison::NotEqual => self.op().i64_ne(),
            Comparison::Less => self.op().i64_lt_s(),
            Comparison::LessOrEqual => self.op().i64_le_s(),
            Comparison::Greater => self.op().i64_gt_s(),
            Comparison::GreaterOrEqual => self.op().i64_ge_s(),
        };
    }

    /// The instructions know no order of NaN, which is equal to itself and the greatest.
    fn compare_floats(&mut self, comparison: Comparison, a: Local, b: Local) {
        match comparison {
            Comparison::Equal => self.floats_equal(a, b),
            Comparison::Less => self.float_less(a, b),
            Comparison::Greater => self.float_less(b, a),
            Comparison::NotEqual => {
                self.floats_equal(a, b);
                self.op().i32_eqz();
            }
            Comparison::LessOrEqual => {
                self.float_less(b, a);
                self.op().i32_eqz();
            }
            Comparison::GreaterOrEqual => {
                self.float_less(a, b);
                self.op().i32_eqz();
            }
        }
    }

    /// `a = b`, or both are NaN.
    fn floats_equal(&mut self, a: Local, b: Local) {
        self.get(a).local_get(b.0).f64_eq();
        self.push_is_nan(a);
        self.push_is_nan(b);
        self.op().i32_and().i32_or();
    }

    /// `a < b`, or only `b` is NaN.
    fn float_less(&mut self, a: Local, b: Local) {
        self.get(a).local_get(b.0).f64_lt();
        self.push_is_nan(a);
        self.op().i32_eqz();
        self.push_is_nan(b);
        self.op().i32_and().i32_or();
    }

    pub(super) fn push_is_nan(&mut self, value: Local) {
        self.get(value).local_get(value.0).f64_ne();
    }

    fn compare_texts(&mut self, comparison: Comparison, a: Locals, b: Locals) {
        self.push(a);
        self.push(b);
        match comparison {
            Comparison::Equal => self.call(Runtime::Equal),
            Comparison::NotEqual => {
                self.call(Runtime::Equal);
                self.op().i32_eqz();
            }
            comparison => {
                self.call(Runtime::Compare);
                self.op().i32_const(0);
                self.compare_i32(comparison);
            }
        }
    }
}
