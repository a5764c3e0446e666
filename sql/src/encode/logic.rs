//! The nodes that look at NULL themselves, or do not evaluate all of their operands.

use wasm_encoder::ValType;

use super::EncodeError;
use super::generator::Generator;
use super::operand::{Local, Locals, Operand, Valid};
use crate::expr::{Comparison, Expr};
use crate::types::DataType;

impl Generator<'_> {
    /// AND is decided by the first false, OR by the first true.
    pub(super) fn decide(&mut self, operands: &[Expr], decisive: bool) -> Result<Operand, EncodeError> {
        let search = self.search_begins(decisive);
        self.block(|generator| {
            for expr in operands {
                let operand = generator.expression_of(expr, DataType::Boolean)?;
                generator.push(operand.place);
                if !decisive {
                    generator.op().i32_eqz();
                }
                generator.push_valid(operand.valid);
                generator.op().i32_and().br_if(0);
                generator.note_null(search, operand.valid);
            }
            generator.search_ends(search, !decisive);
            Ok(())
        })?;
        Ok(search.operand())
    }

    /// `x IN (a, b, ...)`: decided by the first that is equal.
    pub(super) fn is_in(&mut self, operand: &Expr, list: &[Expr]) -> Result<Operand, EncodeError> {
        let value = self.expression(operand)?;
        let search = self.search_begins(true);
        self.block(|generator| {
            for expr in list {
                let item = generator.expression_of(expr, operand.data_type)?;
                let both = generator.both_valid(value.valid, item.valid);
                let equal = generator.equal_where(both, operand.data_type, value.place, item.place)?;
                generator.get(equal).br_if(0);
                generator.note_null(search, both);
            }
            generator.search_ends(search, false);
            Ok(())
        })?;
        Ok(search.operand())
    }

    /// 1 where both are valid and equal, else 0.
    pub(super) fn equal_where(
        &mut self,
        valid: Valid,
        data_type: DataType,
        a: Locals,
        b: Locals,
    ) -> Result<Local, EncodeError> {
        let equal = self.local(ValType::I32);
        self.set_i32(equal, 0);
        self.when_valid(valid, |generator| {
            generator.compare(Comparison::Equal, data_type, a, b)?;
            generator.set(equal);
            Ok(())
        })?;
        Ok(equal)
    }

    pub(super) fn not(&mut self, operand: &Expr) -> Result<Operand, EncodeError> {
        let operand = self.expression_of(operand, DataType::Boolean)?;
        self.strict(DataType::Boolean, &[operand], |generator| {
            generator.push(operand.place);
            generator.op().i32_eqz();
            Ok(())
        })
    }

    pub(super) fn is_null(&mut self, operand: &Expr) -> Result<Operand, EncodeError> {
        let operand = self.expression(operand)?;
        let result = self.local(ValType::I32);
        self.push_valid(operand.valid);
        self.op().i32_eqz().local_set(result.0);
        Ok(Operand { place: Locals::Scalar(result), valid: Valid::Always })
    }

    /// `x >= low AND x <= high`; `high` is not evaluated where `x >= low` is false.
    pub(super) fn between(
        &mut self,
        operand: &Expr,
        low: &Expr,
        high: &Expr,
    ) -> Result<Operand, EncodeError> {
        let data_type = operand.data_type;
        let value = self.expression(operand)?;
        let search = self.search_begins(false);
        self.block(|generator| {
            for (bound, comparison) in [(low, Comparison::GreaterOrEqual), (high, Comparison::LessOrEqual)] {
                let bound = generator.expression_of(bound, data_type)?;
                let holds = generator.strict(DataType::Boolean, &[value, bound], |generator| {
                    generator.compare(comparison, data_type, value.place, bound.place)
                })?;
                generator.push(holds.place);
                generator.op().i32_eqz();
                generator.push_valid(holds.valid);
                generator.op().i32_and().br_if(0);
                generator.note_null(search, holds.valid);
            }
            generator.search_ends(search, true);
            Ok(())
        })?;
        Ok(search.operand())
    }

    pub(super) fn case(
        &mut self,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        data_type: DataType,
    ) -> Result<Operand, EncodeError> {
        let place = self.place(data_type);
        let valid = self.local(ValType::I32);
        self.block(|generator| {
            for (condition, value) in branches {
                let condition = generator.expression_of(condition, DataType::Boolean)?;
                generator.push(condition.place);
                generator.push_valid(condition.valid);
                generator.op().i32_and();
                generator.when(|generator| {
                    generator.assign(value, data_type, place, valid)?;
                    generator.op().br(1);
                    Ok(())
                })?;
            }
            match otherwise {
                Some(value) => generator.assign(value, data_type, place, valid),
                None => {
                    generator.set_i32(valid, 0);
                    Ok(())
                }
            }
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    pub(super) fn coalesce(
        &mut self,
        operands: &[Expr],
        data_type: DataType,
    ) -> Result<Operand, EncodeError> {
        let place = self.place(data_type);
        let valid = self.local(ValType::I32);
        self.block(|generator| {
            for operand in operands {
                generator.assign(operand, data_type, place, valid)?;
                generator.get(valid).br_if(0);
            }
            Ok(())
        })?;
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    /// The value to which no other one is `better`; of equal ones the first.
    pub(super) fn extreme(
        &mut self,
        operands: &[Expr],
        better: Comparison,
        data_type: DataType,
    ) -> Result<Operand, EncodeError> {
        let place = self.place(data_type);
        let (valid, take) = (self.local(ValType::I32), self.local(ValType::I32));
        self.set_i32(valid, 0);
        for expr in operands {
            let operand = self.expression_of(expr, data_type)?;
            self.when_valid(operand.valid, |generator| {
                generator.set_i32(take, 1);
                generator.get(valid);
                generator.when(|generator| {
                    generator.compare(better, data_type, operand.place, place)?;
                    generator.set(take);
                    Ok(())
                })?;
                generator.get(take);
                generator.when(|generator| {
                    generator.push(operand.place);
                    generator.pop(place);
                    generator.set_i32(valid, 1);
                    Ok(())
                })
            })?;
        }
        Ok(Operand { place, valid: Valid::When(valid) })
    }

    /// Evaluates into a place that several expressions share.
    fn assign(
        &mut self,
        expr: &Expr,
        data_type: DataType,
        to: Locals,
        valid: Local,
    ) -> Result<(), EncodeError> {
        let operand = self.expression_of(expr, data_type)?;
        self.push(operand.place);
        self.pop(to);
        self.push_valid(operand.valid);
        self.set(valid);
        Ok(())
    }

    pub(super) fn null_if(&mut self, a: &Expr, b: &Expr) -> Result<Operand, EncodeError> {
        let data_type = a.data_type;
        let (a, b) = (self.expression(a)?, self.expression_of(b, data_type)?);
        let both = self.both_valid(a.valid, b.valid);
        let equal = self.equal_where(both, data_type, a.place, b.place)?;
        let valid = self.local(ValType::I32);
        self.get(equal).i32_eqz();
        self.push_valid(a.valid);
        self.op().i32_and().local_set(valid.0);
        Ok(Operand { place: a.place, valid: Valid::When(valid) })
    }

    /// The result is `decisive` unless the search comes to its end.
    fn search_begins(&mut self, decisive: bool) -> Search {
        let local = |generator: &mut Self, value| {
            let local = generator.local(ValType::I32);
            generator.set_i32(local, value);
            local
        };
        Search { result: local(self, i32::from(decisive)), valid: local(self, 1), null: local(self, 0) }
    }

    /// If the search is not decided later, a NULL on the way makes its result NULL.
    fn note_null(&mut self, search: Search, valid: Valid) {
        if !matches!(valid, Valid::Always) {
            self.push_valid(valid);
            self.op().i32_eqz().local_get(search.null.0).i32_or().local_set(search.null.0);
        }
    }

    fn search_ends(&mut self, search: Search, result: bool) {
        self.set_i32(search.result, i32::from(result));
        self.get(search.null).i32_eqz().local_set(search.valid.0);
    }
}

/// The locals of a search from the left for what decides.
#[derive(Clone, Copy)]
struct Search {
    result: Local,
    valid: Local,
    null: Local,
}

impl Search {
    fn operand(self) -> Operand {
        Operand { place: Locals::Scalar(self.result), valid: Valid::When(self.valid) }
    }
}
