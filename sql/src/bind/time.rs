//! Units and fields of times: `date_trunc`, `extract` and `date_bin`.

use sqlparser::ast::{DateTimeField, Expr as Ast, Value as AstValue};
use sqlparser::tokenizer::Span;
use streamgauge_functions::calendar::Unit;

use super::convert::{self, Bound, BoundKind};
use super::expression::Expressions;
use super::library::call;
use crate::error::{Checked, Problem};
use crate::errors::both;
use crate::expr::{Arithmetic, Expr, Node};
use crate::library::Library;
use crate::parse::name::nearest;
use crate::types::{DataType, Value};

/// What times are cut to, for hints.
const UNITS: &[&str] = &[
    "microseconds",
    "milliseconds",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "millennium",
];

/// What times have besides.
const FIELDS: &[&str] = &["epoch", "dow", "isodow", "doy", "isoyear"];

impl Expressions<'_> {
    /// `date_trunc('unit', time)`
    pub(super) fn date_trunc(&mut self, unit: &Ast, time: &Ast) -> Checked<Bound> {
        let unit = self.unit(unit).and_then(|(name, span)| truncated(&name, span));
        let (unit, time) = both(unit, self.argument(time, DataType::Timestamp))?;
        Ok(call(Library::DateTrunc, vec![number(unit), time]))
    }

    /// `date_part('field', time)`
    pub(super) fn date_part(&mut self, field: &Ast, time: &Ast) -> Checked<Bound> {
        let (name, span) = self.unit(field)?;
        self.field(&name, time, span)
    }

    /// `EXTRACT(field FROM time)`
    pub(super) fn extract(&mut self, field: &DateTimeField, time: &Ast, span: Span) -> Checked<Bound> {
        self.field(&field.to_string(), time, span)
    }

    /// The name of a unit, which is a text constant.
    fn unit(&self, ast: &Ast) -> Checked<(String, Span)> {
        match ast {
            Ast::Value(value) if let AstValue::SingleQuotedString(name) = &value.value => {
                Ok((name.clone(), value.span))
            }
            _ => Err(Problem::new(self.span(ast), "the unit is a constant").help("write it like 'hour'")),
        }
    }

    /// A field of a time, or of the difference of two.
    pub(super) fn field(&mut self, name: &str, time: &Ast, span: Span) -> Checked<Bound> {
        let unit = Unit::named(&name.to_lowercase())
            .ok_or_else(|| unknown(name, UNITS.iter().chain(FIELDS), "times have the fields", span));
        let bound = self.bind(time).and_then(|bound| match bound.kind {
            BoundKind::Elapsed | BoundKind::Interval => Ok(bound),
            _ => {
                let expr = convert::coerce(bound, DataType::Timestamp, self.span(time))?;
                Ok(Bound { expr, kind: BoundKind::Typed })
            }
        });
        let (unit, bound) = both(unit, bound)?;
        if bound.kind != BoundKind::Typed {
            return of_difference(unit, bound.expr, name, span);
        }
        let function = if unit.has_fraction() { Library::DateFraction } else { Library::DateField };
        Ok(call(function, vec![number(unit), bound.expr]))
    }

    /// `date_bin(INTERVAL, time, origin)`
    pub(super) fn date_bin(&mut self, stride: &Ast, time: &Ast, origin: &Ast) -> Checked<Bound> {
        let bound = self.bind(stride).and_then(|bound| self.stride(bound, stride));
        let times =
            both(self.argument(time, DataType::Timestamp), self.argument(origin, DataType::Timestamp));
        let (stride, (time, origin)) = both(bound, times)?;
        Ok(call(Library::DateBin, vec![stride, time, origin]))
    }

    fn stride(&self, bound: Bound, ast: &Ast) -> Checked<Expr> {
        let span = self.span(ast);
        match bound.kind {
            BoundKind::Interval | BoundKind::Elapsed | BoundKind::Null => {}
            _ => {
                return Err(Problem::new(
                    span,
                    format!("date_bin takes an INTERVAL, found {}", bound.describe()),
                )
                .help("write date_bin(INTERVAL '15' MINUTE, ts, TIMESTAMP '2026-01-01T00:00:00Z')"));
            }
        }
        if matches!(bound.expr.node, Node::Literal(Value::Int64(..=0))) {
            return Err(Problem::new(span, "a bin is longer than nothing")
                .help("write an INTERVAL such as INTERVAL '15' MINUTE"));
        }
        convert::coerce(bound, DataType::Int64, span)
    }
}

fn truncated(name: &str, span: Span) -> Checked<Unit> {
    let unit = Unit::named(&name.to_lowercase()).filter(|unit| unit.truncates());
    unit.ok_or_else(|| unknown(name, UNITS.iter(), "times are cut to", span))
}

fn unknown(
    name: &str,
    known: impl Iterator<Item = &'static &'static str> + Clone,
    what: &str,
    span: Span,
) -> Box<Problem> {
    let problem = Problem::new(span, format!("there is no unit of time `{name}`"));
    match nearest(name, known.clone().copied()) {
        Some(near) => problem.suggest(Some(near)),
        None => problem.help(format!("{what} {}", known.copied().collect::<Vec<_>>().join(", "))),
    }
}

/// The number by which generated code names a unit.
fn number(unit: Unit) -> Expr {
    Bound::literal(Value::Int64(unit as i64), BoundKind::Typed).expr
}

/// A field of a difference of times, which is a BIGINT of microseconds: as PostgreSQL has them, days are its greatest unit.
fn of_difference(unit: Unit, micros: Expr, name: &str, span: Span) -> Checked<Bound> {
    let compute = |operator, a: Expr, b: Value| {
        let data_type = a.data_type;
        let b = Box::new(Bound::literal(b, BoundKind::Typed).expr);
        Expr { node: Node::Arithmetic(operator, Box::new(a), b), data_type }
    };
    let parts = |size, most| {
        let whole = compute(Arithmetic::Divide, micros.clone(), Value::Int64(size));
        compute(Arithmetic::Remainder, whole, Value::Int64(most))
    };
    let fraction = |micros: Expr, size| {
        let double = Expr { node: Node::Cast(Box::new(micros)), data_type: DataType::Float64 };
        compute(Arithmetic::Divide, double, Value::Float64(size))
    };
    let in_minute = || compute(Arithmetic::Remainder, micros.clone(), Value::Int64(60_000_000));
    let expr = match unit {
        Unit::Epoch => fraction(micros.clone(), 1e6),
        Unit::Day => compute(Arithmetic::Divide, micros.clone(), Value::Int64(86_400_000_000)),
        Unit::Hour => parts(3_600_000_000, 24),
        Unit::Minute => parts(60_000_000, 60),
        Unit::Second => fraction(in_minute(), 1e6),
        Unit::Milliseconds => fraction(in_minute(), 1e3),
        Unit::Microseconds => in_minute(),
        _ => {
            return Err(Problem::new(span, format!("a difference of times has no field `{name}`"))
                .help("it has epoch (its seconds), day, hour, minute, second, milliseconds, microseconds"));
        }
    };
    Ok(Bound { expr, kind: BoundKind::Typed })
}
