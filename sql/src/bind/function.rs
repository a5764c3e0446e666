//! Calls: scalar functions here, everything else is an aggregate function of the catalog.

use sqlparser::ast::{
    self, Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, ObjectNamePart, Spanned, TrimWhereField,
};
use sqlparser::tokenizer::Span;

use super::convert::{self, Bound};
use super::expression::Expressions;
use super::library::{self, Named};
use crate::error::{Checked, Problem};
use crate::errors::all;
use crate::expr::{Arithmetic, Comparison, Function, Node};
use crate::library::Library;
use crate::types::{DataType, Value};

/// The scalar functions, for hints.
pub(super) const SCALARS: &[&str] = &[
    "lower",
    "upper",
    "length",
    "trim",
    "ltrim",
    "rtrim",
    "btrim",
    "split_part",
    "substring",
    "substr",
    "left",
    "right",
    "strpos",
    "starts_with",
    "replace",
    "concat",
    "reverse",
    "lpad",
    "rpad",
    "sha256",
    "regexp_extract",
    "abs",
    "sign",
    "round",
    "trunc",
    "floor",
    "ceil",
    "mod",
    "sqrt",
    "power",
    "exp",
    "ln",
    "log",
    "log10",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "date_trunc",
    "date_part",
    "date_bin",
    "epoch",
    "to_timestamp",
    "grouping",
    "regexp_replace",
    "concat_ws",
];

impl Expressions<'_> {
    pub(super) fn call(&mut self, ast: &Ast, call: &ast::Function) -> Checked<Bound> {
        // The name alone: the arguments may be deep.
        let span = call.name.span();
        let name = call_name(call, span)?;
        if call.over.is_some() {
            return Err(super::over::misplaced(span, &name));
        }
        if call.null_treatment.is_some() {
            return Err(Problem::new(span, "IGNORE NULLS and RESPECT NULLS are not in the language")
                .help("every aggregate passes over NULL, as with IGNORE NULLS: leave that out"));
        }
        let empty = FunctionArgumentList { duplicate_treatment: None, args: Vec::new(), clauses: Vec::new() };
        let arguments = match (&call.args, &call.parameters) {
            (FunctionArguments::List(list), FunctionArguments::None) => list,
            (FunctionArguments::None, FunctionArguments::None) => &empty,
            (_, FunctionArguments::List(_)) => {
                return Err(Problem::new(span, format!("`{name}` takes its arguments in one list"))
                    .help(format!("write {name}(x, ...)")));
            }
            _ => return Err(super::refused::subquery(span)),
        };
        match arguments.clauses.first() {
            Some(FunctionArgumentClause::Where(_)) => {
                return Err(Problem::new(span, "WHERE stands behind the call")
                    .help(format!("write {name}(x) FILTER (WHERE ...)")));
            }
            Some(_) => {
                return Err(Problem::new(span, format!("`{name}` takes arguments only"))
                    .help("ORDER BY, LIMIT and the like have no place inside a call"));
            }
            None => {}
        }
        let Some(scalar) = scalar(&name) else { return self.aggregate(ast, call, &name, arguments, span) };
        if call.filter.is_some() || !call.within_group.is_empty() || arguments.duplicate_treatment.is_some() {
            return Err(Problem::new(span, format!("`{name}` is no aggregate function"))
                .help("FILTER, WITHIN GROUP and DISTINCT are for aggregates"));
        }
        let arguments = plain(&name, &arguments.args, span)?;
        self.scalar(scalar, &name, &arguments, span)
    }

    fn scalar(&mut self, scalar: Scalar, name: &str, arguments: &[&Ast], span: Span) -> Checked<Bound> {
        match (scalar, arguments) {
            (Scalar::Text(function, returns), [text]) => {
                let text = self.argument(text, DataType::Text)?;
                Ok(Bound::typed(Node::Call(function, vec![text]), returns))
            }
            (Scalar::Trim(function), [text]) => self.trimmed(function, text, None),
            (Scalar::Trim(function), [text, characters]) => self.trimmed(function, text, Some(characters)),
            (Scalar::SplitPart, [text, separator, number]) => {
                let types = [(text, DataType::Text), (separator, DataType::Text), (number, DataType::Int64)];
                let arguments = all(types.map(|(ast, data_type)| self.argument(ast, data_type)))?;
                Ok(Bound::typed(Node::Call(Function::SplitPart, arguments), DataType::Text))
            }
            (Scalar::Abs, [number]) => self.number(Function::Abs, number),
            (Scalar::Rounding(function), [number]) => self.rounding(function, number),
            (Scalar::Rounding(Function::Trunc), [number, digits]) => {
                self.library(Library::TruncTo, &[*number, *digits])
            }
            (Scalar::Rounding(Function::Round), [number, digits]) => {
                let types = [(number, DataType::Float64), (digits, DataType::Int64)];
                let arguments = all(types.map(|(ast, data_type)| self.argument(ast, data_type)))?;
                Ok(Bound::typed(Node::Call(Function::RoundTo, arguments), DataType::Float64))
            }
            (Scalar::Coalesce, [_, ..]) => {
                let what = "the arguments of coalesce are";
                let (values, data_type) = self.same_type(arguments.iter().copied(), what, span)?;
                Ok(Bound::typed(Node::Coalesce(values), data_type))
            }
            (Scalar::Extreme(comparison), [_, ..]) => {
                let what = format!("the arguments of {name} are");
                let (values, data_type) = self.same_type(arguments.iter().copied(), &what, span)?;
                let is_greatest = comparison == Comparison::Greater;
                let node = if is_greatest { Node::Greatest(values) } else { Node::Least(values) };
                Ok(Bound::typed(node, data_type))
            }
            (Scalar::Concat, [_, ..]) => self.concat_all(arguments),
            (Scalar::DateTrunc, [unit, time]) => self.date_trunc(unit, time),
            (Scalar::DatePart, [field, time]) => self.date_part(field, time),
            (Scalar::DateBin, [stride, time, origin]) => self.date_bin(stride, time, origin),
            (Scalar::Epoch, [time]) => self.field("epoch", time, span),
            (Scalar::RegexpExtract, [text, pattern, group @ ..]) if group.len() < 2 => {
                self.regexp_extract(text, pattern, group.first().copied())
            }
            (Scalar::RegexpReplace, [text, pattern, to, flags @ ..]) if flags.len() < 2 => {
                self.regexp_replace(text, pattern, to, flags.first().copied())
            }
            (Scalar::ConcatWs, [separator, texts @ ..]) if !texts.is_empty() => {
                self.concat_with(separator, texts)
            }
            (Scalar::Grouping, given) => self.grouping(given, span),
            (Scalar::Library(named), given) if let Some(function) = named.function(given.len()) => {
                self.library(function, given)
            }
            (Scalar::NullIf, [a, b]) => {
                let (values, data_type) = self.same_type([*a, *b], "the arguments of nullif are", span)?;
                let [a, b] =
                    values.try_into().map_err(|_| Problem::new(span, "nullif takes two arguments"))?;
                Ok(Bound::typed(Node::NullIf(Box::new(a), Box::new(b)), data_type))
            }
            (Scalar::Remainder, [a, b]) => {
                let ast = Ast::BinaryOp {
                    left: Box::new((*a).clone()),
                    op: ast::BinaryOperator::Modulo,
                    right: Box::new((*b).clone()),
                };
                self.arithmetic(&ast, Arithmetic::Remainder, a, b)
            }
            _ => Err(Problem::new(span, format!("`{name}` does not take {} arguments", arguments.len()))
                .help(format!("write {}", scalar.spelling()))),
        }
    }

    /// `floor(x)` and its like; a BIGINT becomes a DOUBLE as in PostgreSQL.
    pub(super) fn rounding(&mut self, function: Function, number: &Ast) -> Checked<Bound> {
        let number = self.argument(number, DataType::Float64)?;
        Ok(Bound::typed(Node::Call(function, vec![number]), DataType::Float64))
    }

    /// `trim(x)`, `trim(LEADING 'a' FROM x)`, `trim(x, 'a')`: `sqlparser` reads these as no function.
    pub(super) fn trim(
        &mut self,
        text: &Ast,
        side: Option<TrimWhereField>,
        characters: &[&Ast],
    ) -> Checked<Bound> {
        let function = match side {
            None | Some(TrimWhereField::Both) => Function::Trim,
            Some(TrimWhereField::Leading) => Function::TrimStart,
            Some(TrimWhereField::Trailing) => Function::TrimEnd,
        };
        match characters {
            [] => self.trimmed(function, text, None),
            [characters] => self.trimmed(function, text, Some(characters)),
            _ => Err(Problem::new(self.here, "`trim` takes a text and its characters to trim")
                .help("write trim(text) or trim(text, 'characters')")),
        }
    }

    /// Without characters it is blanks.
    fn trimmed(&mut self, function: Function, text: &Ast, characters: Option<&Ast>) -> Checked<Bound> {
        let text = self.argument(text, DataType::Text);
        let characters = match characters {
            Some(characters) => self.argument(characters, DataType::Text),
            None => Ok(Bound::literal(Value::Text(" ".to_owned()), convert::BoundKind::Typed).expr),
        };
        Ok(Bound::typed(Node::Call(function, all([text, characters])?), DataType::Text))
    }

    fn number(&mut self, function: Function, number: &Ast) -> Checked<Bound> {
        let span = self.span(number);
        let bound = self.bind(number)?;
        let is_integer =
            bound.expr.data_type == DataType::Int64 && bound.kind != convert::BoundKind::Interval;
        let data_type = if is_integer { DataType::Int64 } else { DataType::Float64 };
        let number = convert::coerce(bound, data_type, span)?;
        Ok(Bound::typed(Node::Call(function, vec![number]), data_type))
    }
}

/// A scalar function by the shape of its call.
#[derive(Clone, Copy)]
enum Scalar {
    Text(Function, DataType),
    Trim(Function),
    SplitPart,
    Abs,
    Rounding(Function),
    Coalesce,
    NullIf,
    Extreme(Comparison),
    Remainder,
    Concat,
    DateTrunc,
    DatePart,
    DateBin,
    Epoch,
    RegexpExtract,
    RegexpReplace,
    ConcatWs,
    Grouping,
    Library(&'static Named),
}

impl Scalar {
    fn spelling(self) -> &'static str {
        match self {
            Self::Text(Function::Lower, _) => "lower(text)",
            Self::Text(Function::Upper, _) => "upper(text)",
            Self::Text(..) => "length(text)",
            Self::Trim(Function::TrimStart) => "ltrim(text) or ltrim(text, 'characters')",
            Self::Trim(Function::TrimEnd) => "rtrim(text) or rtrim(text, 'characters')",
            Self::Trim(_) => "btrim(text) or btrim(text, 'characters')",
            Self::SplitPart => "split_part(text, 'separator', number)",
            Self::Abs => "abs(number)",
            Self::Rounding(Function::Round) => "round(number) or round(number, digits)",
            Self::Rounding(Function::Trunc) => "trunc(number) or trunc(number, digits)",
            Self::Rounding(Function::Floor) => "floor(number)",
            Self::Rounding(_) => "ceil(number)",
            Self::Coalesce => "coalesce(a, b, ...)",
            Self::NullIf => "nullif(a, b)",
            Self::Extreme(Comparison::Greater) => "greatest(a, b, ...)",
            Self::Extreme(_) => "least(a, b, ...)",
            Self::Remainder => "mod(a, b) or a % b",
            Self::Concat => "concat(a, b, ...)",
            Self::DateTrunc => "date_trunc('hour', ts)",
            Self::DatePart => "date_part('hour', ts)",
            Self::DateBin => "date_bin(INTERVAL '15' MINUTE, ts, TIMESTAMP '2026-01-01T00:00:00Z')",
            Self::Epoch => "epoch(ts)",
            Self::RegexpExtract => {
                "regexp_extract(text, 'pattern') or regexp_extract(text, 'pattern', group)"
            }
            Self::RegexpReplace => {
                "regexp_replace(text, 'pattern', 'to') or regexp_replace(text, 'pattern', 'to', 'g')"
            }
            Self::ConcatWs => "concat_ws(', ', a, b, ...)",
            Self::Grouping => "grouping(column)",
            Self::Library(named) => named.spelling,
        }
    }
}

/// Whether a name in lower case means a scalar function, also by another name than hints give.
pub(super) fn is_scalar(name: &str) -> bool {
    name == "trim" || scalar(name).is_some()
}

fn scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "lower" => Scalar::Text(Function::Lower, DataType::Text),
        "upper" => Scalar::Text(Function::Upper, DataType::Text),
        "length" | "char_length" | "character_length" => Scalar::Text(Function::Length, DataType::Int64),
        "ltrim" => Scalar::Trim(Function::TrimStart),
        "rtrim" => Scalar::Trim(Function::TrimEnd),
        "btrim" => Scalar::Trim(Function::Trim),
        "split_part" => Scalar::SplitPart,
        "abs" => Scalar::Abs,
        "round" => Scalar::Rounding(Function::Round),
        "floor" => Scalar::Rounding(Function::Floor),
        "ceil" | "ceiling" => Scalar::Rounding(Function::Ceil),
        "coalesce" => Scalar::Coalesce,
        "nullif" => Scalar::NullIf,
        "greatest" => Scalar::Extreme(Comparison::Greater),
        "least" => Scalar::Extreme(Comparison::Less),
        "mod" => Scalar::Remainder,
        "trunc" => Scalar::Rounding(Function::Trunc),
        "concat" => Scalar::Concat,
        "date_trunc" => Scalar::DateTrunc,
        "date_part" => Scalar::DatePart,
        "date_bin" => Scalar::DateBin,
        "epoch" => Scalar::Epoch,
        "regexp_extract" => Scalar::RegexpExtract,
        "regexp_replace" => Scalar::RegexpReplace,
        "concat_ws" => Scalar::ConcatWs,
        "grouping" | "grouping_id" => Scalar::Grouping,
        _ => Scalar::Library(library::find(name)?),
    })
}

/// The name of a function in lower case.
pub(super) fn call_name(call: &ast::Function, span: Span) -> Checked<String> {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Ok(name.value.to_lowercase()),
        _ => Err(Problem::new(span, format!("`{}` is no function: functions have no schema", call.name))),
    }
}

/// The arguments, which must have no names and be no `*`.
fn plain<'a>(name: &str, arguments: &'a [FunctionArg], span: Span) -> Checked<Vec<&'a Ast>> {
    let argument =
        |argument: &'a FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            FunctionArg::Unnamed(_) => {
                Err(Problem::new(span, format!("`{name}` does not take `*`")).help("name a column"))
            }
            _ => Err(Problem::new(span, format!("the arguments of `{name}` have no names"))
                .help("give them in order")),
        };
    arguments.iter().map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hints_name_is_a_function() {
        for name in SCALARS {
            assert!(is_scalar(name), "{name}");
        }
    }
}
