//! Aggregates that take their values from WITHIN GROUP: `percentile_cont(0.95) WITHIN GROUP (ORDER BY x)`.

use sqlparser::ast::{self, OrderBySort};
use sqlparser::tokenizer::Span;

use super::aggregate::Given;
use super::expression::Expressions;
use super::literal;
use crate::error::{Checked, Problem};
use crate::types::{DataType, Value};

/// An aggregate that is called with WITHIN GROUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderedSet {
    /// `approx_percentile`
    Approximate,
    /// `percentile_cont`
    Interpolated,
    /// `percentile_disc`
    Discrete,
}

impl OrderedSet {
    /// The aggregate of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "approx_percentile" => Self::Approximate,
            "percentile_cont" => Self::Interpolated,
            "percentile_disc" => Self::Discrete,
            _ => return None,
        })
    }

    /// The reducer that computes it.
    pub(super) fn reducer(self) -> &'static str {
        match self {
            Self::Approximate => "percentile",
            Self::Interpolated => "percentile_cont",
            Self::Discrete => "percentile_disc",
        }
    }

    /// What to write.
    fn help(self) -> &'static str {
        match self {
            Self::Approximate => {
                "write approx_percentile(0.95) WITHIN GROUP (ORDER BY x), or percentile(x, 95)"
            }
            Self::Interpolated => {
                "write percentile_cont(0.95) WITHIN GROUP (ORDER BY x), or quantile_cont(x, 0.95)"
            }
            Self::Discrete => {
                "write percentile_disc(0.95) WITHIN GROUP (ORDER BY x), or quantile_disc(x, 0.95)"
            }
        }
    }

    /// The parameter of the reducer that the fraction sets.
    fn parameter(self, fraction: f64) -> (&'static str, Value) {
        match self {
            Self::Approximate => ("p", Value::Float64(percent(fraction))),
            Self::Interpolated | Self::Discrete => ("q", Value::Float64(fraction)),
        }
    }

    /// What to write for a descending order.
    fn ascending(self, name: &str, fraction: f64, values: &ast::Expr) -> String {
        let other = percent(1.0 - fraction) / 100.0;
        let call = format!("{name}({other}) WITHIN GROUP (ORDER BY {values})");
        match self {
            Self::Interpolated => format!("write {call}, which is the same"),
            _ => format!("{call} is near: the value that is as far from the other end"),
        }
    }
}

impl Expressions<'_> {
    /// The values of `name(fraction) WITHIN GROUP (ORDER BY values)`, and the parameter that the fraction sets.
    pub(super) fn within_group<'c>(
        &mut self,
        kind: OrderedSet,
        name: &str,
        call: &'c ast::Function,
        given: &[Given<'_>],
        span: Span,
    ) -> Checked<(Given<'c>, (&'static str, Value))> {
        let ([order], [fraction]) = (call.within_group.as_slice(), given) else {
            return Err(Problem::new(
                span,
                format!("{name} takes a fraction, and the values from WITHIN GROUP"),
            )
            .help(kind.help()));
        };
        let place = self.span(fraction.ast);
        let fraction = match literal::constant(&fraction.bound, DataType::Float64, place).transpose()? {
            Some(Value::Float64(fraction)) if (0.0..=1.0).contains(&fraction) => fraction,
            Some(_) => {
                return Err(Problem::new(place, format!("the fraction of {name} must be in 0 to 1"))
                    .help(kind.help()));
            }
            None => {
                return Err(Problem::new(place, format!("the fraction of {name} must be a constant"))
                    .help(kind.help()));
            }
        };
        if !matches!(order.options.sort, None | Some(OrderBySort::Asc)) {
            return Err(Problem::new(span, format!("the order of {name} is ascending"))
                .help(kind.ascending(name, fraction, &order.expr)));
        }
        let bound = self.bind(&order.expr)?;
        Ok((Given { name: None, ast: &order.expr, bound }, kind.parameter(fraction)))
    }
}

/// A fraction as a percentage, without the noise of a binary product: 0.999 is 99.9.
pub(super) fn percent(fraction: f64) -> f64 {
    (fraction * 1e12).round() / 1e10
}
