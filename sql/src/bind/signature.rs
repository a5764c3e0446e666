//! Which signature of a reducer a call means, and the parameters it gives.

use sqlparser::ast::Spanned;
use sqlparser::tokenizer::Span;

use super::aggregate::{Given, cast_argument};
use super::convert::BoundKind;
use super::literal;
use crate::catalog::{Parameter, Reducer, Signature};
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::parse::name::nearest;
use crate::types::{DataType, Value};

/// A signature and what it is called with.
pub(super) struct Choice<'r> {
    pub(super) signature: &'r Signature,
    pub(super) number: u32,
    pub(super) arguments: Vec<(Expr, String)>,
    pub(super) parameters: Vec<Value>,
}

pub(super) fn choose<'r>(
    name: &str,
    reducer: &'r Reducer,
    given: &[Given<'_>],
    fixed: &[(&'static str, Value)],
    span: Span,
) -> Checked<Choice<'r>> {
    let positional = given.iter().filter(|given| given.name.is_none()).count();
    let fits_count = |signature: &Signature| {
        let free =
            signature.parameters.iter().filter(|p| !fixed.iter().any(|(name, _)| p.name == *name)).count();
        let arguments = signature.arguments.len();
        (arguments..=arguments + free).contains(&positional)
    };
    let counted: Vec<(usize, &Signature)> =
        reducer.signatures.iter().enumerate().filter(|(_, signature)| fits_count(signature)).collect();
    if counted.is_empty() {
        return Err(Problem::new(span, format!("`{name}` does not take {} arguments", given.len()))
            .help(spellings(name, reducer, fixed)));
    }
    let best = counted
        .iter()
        .filter_map(|(at, signature)| Some((cost(signature, given)?, *at, *signature)))
        .min_by_key(|(cost, at, _)| (*cost, *at));
    let Some((_, number, signature)) = best else {
        let types: Vec<String> = given.iter().map(|given| given.bound.describe()).collect();
        let help = of_condition(name, given).unwrap_or_else(|| spellings(name, reducer, fixed));
        return Err(Problem::new(span, format!("`{name}` does not take {}", types.join(", "))).help(help));
    };
    let arguments = given.iter().zip(&signature.arguments);
    let arguments = arguments
        .map(|(given, data_type)| cast_argument(given, *data_type, place(given, span)))
        .collect::<Checked<Vec<_>>>()?;
    let constants = given.get(signature.arguments.len()..).unwrap_or_default();
    let parameters = parameters(name, signature, constants, fixed, span)?;
    check_range(name, reducer, signature, &parameters, constants, span)?;
    let number =
        u32::try_from(number).map_err(|_| Problem::new(span, format!("`{name}` has too many signatures")))?;
    Ok(Choice { signature, number, arguments, parameters })
}

fn place(given: &Given<'_>, otherwise: Span) -> Span {
    let span = given.ast.span();
    if span == Span::empty() { otherwise } else { span }
}

/// How many arguments must be cast; none if one does not fit.
fn cost(signature: &Signature, given: &[Given<'_>]) -> Option<usize> {
    let mut casts = 0;
    for (wanted, given) in signature.arguments.iter().zip(given) {
        let found = given.bound.expr.data_type;
        match given.bound.kind {
            _ if given.name.is_some() => return None,
            BoundKind::Null => casts += usize::from(*wanted != DataType::Float64),
            BoundKind::Interval => return None,
            _ if found == *wanted => {}
            _ if (found, *wanted) == (DataType::Int64, DataType::Float64) => casts += 10,
            _ => return None,
        }
    }
    Some(casts)
}

fn parameters(
    name: &str,
    signature: &Signature,
    constants: &[Given<'_>],
    fixed: &[(&'static str, Value)],
    span: Span,
) -> Checked<Vec<Value>> {
    let mut values: Vec<Option<Value>> = vec![None; signature.parameters.len()];
    let positions: Vec<&Parameter> = signature.parameters.iter().collect();
    let at =
        |wanted: &str| positions.iter().position(|parameter| parameter.name.eq_ignore_ascii_case(wanted));
    for (parameter, value) in fixed {
        if let Some(slot) = at(parameter).and_then(|at| values.get_mut(at)) {
            *slot = Some(value.clone());
        }
    }
    for given in constants {
        let span = place(given, span);
        let position = match &given.name {
            Some(parameter) => at(parameter).ok_or_else(|| unknown(name, parameter, signature, span))?,
            None => values
                .iter()
                .position(Option::is_none)
                .ok_or_else(|| Problem::new(span, "one argument too many"))?,
        };
        let (Some(parameter), Some(slot)) = (signature.parameters.get(position), values.get_mut(position))
        else {
            continue;
        };
        if slot.is_some() {
            return Err(Problem::new(span, format!("the parameter `{}` is given twice", parameter.name)));
        }
        *slot = Some(constant(name, parameter, given, span)?);
    }
    let filled = values.into_iter().zip(&signature.parameters).map(|(value, parameter)| {
        value.or_else(|| parameter.default.clone()).ok_or_else(|| {
            let help = if parameter.name == "p" {
                "write percentile(x, 95)".to_owned()
            } else {
                parameter.docs.clone()
            };
            Problem::new(span, format!("`{name}` needs its parameter `{}`", parameter.name)).help(help)
        })
    });
    filled.collect()
}

fn unknown(name: &str, parameter: &str, signature: &Signature, span: Span) -> Box<Problem> {
    let problem = Problem::new(span, format!("`{name}` has no parameter `{parameter}`"));
    let names: Vec<&str> = signature.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    match (nearest(parameter, names.iter().copied()), names.as_slice()) {
        (Some(near), _) => problem.suggest(Some(near)),
        (None, []) => problem.help("it has none"),
        (None, names) => problem.help(format!("its parameters are {}", names.join(", "))),
    }
}

fn constant(name: &str, parameter: &Parameter, given: &Given<'_>, span: Span) -> Checked<Value> {
    // A duration as a DOUBLE is its seconds.
    if let (BoundKind::Interval, Node::Literal(Value::Int64(micros)), DataType::Float64) =
        (given.bound.kind, &given.bound.expr.node, parameter.data_type)
    {
        return Ok(Value::Float64(*micros as f64 / 1e6));
    }
    match literal::constant(&given.bound, parameter.data_type, span) {
        Some(Ok(Value::Null)) => {
            Err(Problem::new(span, format!("the parameter `{}` of `{name}` cannot be NULL", parameter.name)))
        }
        Some(value) => value,
        None => Err(Problem::new(
            span,
            format!("the parameter `{}` of `{name}` must be a constant", parameter.name),
        )
        .help(if parameter.name == "p" {
            "write percentile(x, 95)".to_owned()
        } else {
            parameter.docs.clone()
        })),
    }
}

/// Percentages and shares are checked here, where there is a place to point at.
fn check_range(
    name: &str,
    reducer: &Reducer,
    signature: &Signature,
    parameters: &[Value],
    constants: &[Given<'_>],
    span: Span,
) -> Checked<()> {
    let (most, help) = match reducer.name.to_lowercase().as_str() {
        "percentile" => (100.0, "write the percentage, as in percentile(x, 95)".to_owned()),
        "percentile_cont" | "percentile_disc" => (1.0, format!("write the fraction, as in {name}(x, 0.95)")),
        _ => return Ok(()),
    };
    for (parameter, value) in signature.parameters.iter().zip(parameters) {
        if let Value::Float64(p) = value
            && !(0.0..=most).contains(p)
        {
            let span = constants.last().map_or(span, |given| place(given, span));
            return Err(Problem::new(
                span,
                format!("`{}` of `{name}` must be in 0 to {most}, found {p}", parameter.name),
            )
            .help(help));
        }
    }
    Ok(())
}

/// What to write for the share, or the number, of events for which a condition holds.
fn of_condition(name: &str, given: &[Given<'_>]) -> Option<String> {
    let [Given { name: None, ast, bound }] = given else { return None };
    if bound.expr.data_type != DataType::Boolean || bound.kind != BoundKind::Typed {
        return None;
    }
    match name {
        "avg" => Some(format!(
            "the share of events for which it holds is avg(CASE WHEN {ast} THEN 1.0 WHEN NOT ({ast}) THEN 0.0 END), their number count(*) FILTER (WHERE {ast})"
        )),
        "sum" => Some(format!("the number of events for which it holds is count(*) FILTER (WHERE {ast})")),
        _ => None,
    }
}

/// The ways to call a reducer, for a hint.
fn spellings(name: &str, reducer: &Reducer, fixed: &[(&'static str, Value)]) -> String {
    let one = |signature: &Signature| {
        let arguments = signature.arguments.iter().map(ToString::to_string);
        let free = signature.parameters.iter().filter(|p| !fixed.iter().any(|(fixed, _)| p.name == *fixed));
        let parameters = free.map(|parameter| match parameter.default {
            Some(_) => format!("[{} {}]", parameter.name, parameter.data_type),
            None => format!("{} {}", parameter.name, parameter.data_type),
        });
        format!("{name}({})", arguments.chain(parameters).collect::<Vec<_>>().join(", "))
    };
    format!("it is {}", reducer.signatures.iter().map(one).collect::<Vec<_>>().join(" or "))
}
