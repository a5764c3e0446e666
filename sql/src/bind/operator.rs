//! Operators and predicates.

use sqlparser::ast::{BinaryOperator, Expr as Ast, UnaryOperator, Value as AstValue};
use sqlparser::tokenizer::Span;
use streamgauge_functions as functions;

use super::convert::{self, Bound, BoundKind};
use super::expression::Expressions;
use super::literal;
use crate::error::{Checked, Problem};
use crate::errors::{all, both};
use crate::expr::{Arithmetic, Comparison, Expr, Function, Node};
use crate::library::Library;
use crate::parse::refused;
use crate::types::{DataType, Value};

impl Expressions<'_> {
    pub(super) fn not(&mut self, inner: &Ast) -> Checked<Bound> {
        let inner = self.boolean(inner)?;
        Ok(negated(inner))
    }

    /// `-x` and `+x`; a sign before a number is part of it.
    pub(super) fn sign(&mut self, op: UnaryOperator, inner: &Ast) -> Checked<Bound> {
        let negative = match op {
            UnaryOperator::Minus => true,
            UnaryOperator::Plus => false,
            _ => {
                return Err(refused::sign(&op.to_string(), self.span(inner)));
            }
        };
        if let Ast::Value(value) = inner
            && let AstValue::Number(..) = value.value
        {
            return literal::value(&value.value, negative, value.span);
        }
        let Bound { expr, kind } = self.bind(inner)?;
        let span = self.span(inner);
        let expr = match (kind, expr.data_type) {
            (BoundKind::Null, _) => Expr { node: expr.node, data_type: DataType::Int64 },
            (
                BoundKind::Typed | BoundKind::Elapsed | BoundKind::Interval,
                DataType::Int64 | DataType::Float64,
            ) => expr,
            (_, found) => {
                return Err(Problem::new(span, format!("`{op}` takes a number, found {found}"))
                    .help(not_number(found)));
            }
        };
        if !negative {
            return Ok(Bound { expr, kind });
        }
        let data_type = expr.data_type;
        let node = match expr.node {
            Node::Literal(Value::Float64(number)) => Node::Literal(Value::Float64(-number)),
            Node::Literal(Value::Int64(number)) if number != i64::MIN => Node::Literal(Value::Int64(-number)),
            node => Node::Negate(Box::new(Expr { node, data_type })),
        };
        Ok(Bound { expr: Expr { node, data_type }, kind })
    }

    pub(super) fn binary(
        &mut self,
        ast: &Ast,
        left: &Ast,
        op: &BinaryOperator,
        right: &Ast,
    ) -> Checked<Bound> {
        match op {
            BinaryOperator::And | BinaryOperator::Or => self.chain(ast, op),
            BinaryOperator::Eq => self.compare(Comparison::Equal, left, right),
            BinaryOperator::NotEq => self.compare(Comparison::NotEqual, left, right),
            BinaryOperator::Lt => self.compare(Comparison::Less, left, right),
            BinaryOperator::LtEq => self.compare(Comparison::LessOrEqual, left, right),
            BinaryOperator::Gt => self.compare(Comparison::Greater, left, right),
            BinaryOperator::GtEq => self.compare(Comparison::GreaterOrEqual, left, right),
            BinaryOperator::Plus => self.arithmetic(ast, Arithmetic::Add, left, right),
            BinaryOperator::Minus => self.arithmetic(ast, Arithmetic::Subtract, left, right),
            BinaryOperator::Multiply => self.arithmetic(ast, Arithmetic::Multiply, left, right),
            BinaryOperator::Divide => self.arithmetic(ast, Arithmetic::Divide, left, right),
            BinaryOperator::Modulo => self.arithmetic(ast, Arithmetic::Remainder, left, right),
            BinaryOperator::StringConcat => self.concat(ast, left, right),
            BinaryOperator::PGRegexMatch => self.matches(left, right, false, false),
            BinaryOperator::PGRegexIMatch => self.matches(left, right, true, false),
            BinaryOperator::PGRegexNotMatch => self.matches(left, right, false, true),
            BinaryOperator::PGRegexNotIMatch => self.matches(left, right, true, true),
            _ => Err(refused::operator(&op.to_string(), self.span(ast))),
        }
    }

    /// `a AND b AND c` as one list: the tree leans to the left as deep as the chain is long.
    fn chain(&mut self, ast: &Ast, op: &BinaryOperator) -> Checked<Bound> {
        let mut operands = Vec::new();
        let mut rest = ast;
        while let Ast::BinaryOp { left, op: next, right } = rest
            && next == op
        {
            operands.push(right.as_ref());
            rest = left;
        }
        operands.push(rest);
        let operands = all(operands.into_iter().rev().map(|operand| self.boolean(operand)))?;
        let node = if *op == BinaryOperator::And { Node::And(operands) } else { Node::Or(operands) };
        Ok(Bound::typed(node, DataType::Boolean))
    }

    pub(super) fn boolean(&mut self, ast: &Ast) -> Checked<Expr> {
        let bound = self.bind(ast)?;
        convert::coerce(bound, DataType::Boolean, self.span(ast))
    }

    pub(super) fn compare(&mut self, op: Comparison, left: &Ast, right: &Ast) -> Checked<Bound> {
        let (a, b) = both(self.bind(left), self.bind(right))?;
        let span = self.span(left).union(&self.span(right));
        if a.kind == BoundKind::Null || b.kind == BoundKind::Null {
            self.warn_null(op, left, right, span);
        }
        let (a, b) =
            self.fit(a, b, left, right, "cannot compare").map_err(|problem| {
                match refused::chain(left, op, right) {
                    Some(help) => Problem::new(span, "a comparison has two sides").help(help),
                    None => problem,
                }
            })?;
        Ok(Bound::typed(Node::Compare(op, Box::new(a), Box::new(b)), DataType::Boolean))
    }

    /// Two expressions of one type.
    fn pair(&mut self, left: &Ast, right: &Ast, what: &str) -> Checked<(Expr, Expr)> {
        let (a, b) = both(self.bind(left), self.bind(right))?;
        self.fit(a, b, left, right, what)
    }

    fn fit(&self, a: Bound, b: Bound, left: &Ast, right: &Ast, what: &str) -> Checked<(Expr, Expr)> {
        let span = self.span(left).union(&self.span(right));
        let data_type = convert::common_type(&[&a, &b], what, span)?;
        both(convert::coerce(a, data_type, self.span(left)), convert::coerce(b, data_type, self.span(right)))
    }

    pub(super) fn arithmetic(
        &mut self,
        ast: &Ast,
        op: Arithmetic,
        left: &Ast,
        right: &Ast,
    ) -> Checked<Bound> {
        let (a, b) = both(self.bind(left), self.bind(right))?;
        let span = self.span(ast);
        let is_time =
            |bound: &Bound| bound.kind == BoundKind::Typed && bound.expr.data_type == DataType::Timestamp;
        if is_time(&a) || is_time(&b) {
            return time_arithmetic(op, a, b, span);
        }
        let data_type = convert::common_type(&[&a, &b], "cannot compute with", span)?;
        if matches!((a.kind, b.kind), (BoundKind::Null, BoundKind::Null)) {
            return Ok(Bound {
                expr: Expr { node: Node::Literal(Value::Null), data_type: DataType::Int64 },
                kind: BoundKind::Null,
            });
        }
        if !matches!(data_type, DataType::Int64 | DataType::Float64) {
            let problem =
                Problem::new(span, format!("cannot compute with {} and {}", a.describe(), b.describe()));
            return Err(match (data_type, op) {
                (DataType::Text, Arithmetic::Add) => problem.help("texts are joined with `||`"),
                (found, _) => problem.help(not_number(found)),
            });
        }
        let kind = if a.kind == BoundKind::Elapsed || b.kind == BoundKind::Elapsed {
            BoundKind::Elapsed
        } else {
            BoundKind::Typed
        };
        let (a, b) = (convert::coerce(a, data_type, span)?, convert::coerce(b, data_type, span)?);
        if op == Arithmetic::Divide && data_type == DataType::Int64 && kind == BoundKind::Typed {
            self.warn_share(left, right, [&a, &b], span);
        }
        let expr = Expr { node: Node::Arithmetic(op, Box::new(a), Box::new(b)), data_type };
        Ok(Bound { expr, kind: if data_type == DataType::Int64 { kind } else { BoundKind::Typed } })
    }

    fn concat(&mut self, ast: &Ast, left: &Ast, right: &Ast) -> Checked<Bound> {
        let (a, b) = both(self.bind(left), self.bind(right))?;
        let span = self.span(ast);
        let is_text = |bound: &Bound| bound.expr.data_type == DataType::Text;
        if !is_text(&a) && !is_text(&b) {
            let message = format!("`||` joins texts, found {} and {}", a.describe(), b.describe());
            let is_boolean = |bound: &Bound| bound.expr.data_type == DataType::Boolean;
            return Err(Problem::new(span, message).help(match is_boolean(&a) || is_boolean(&b) {
                true => "write OR between conditions",
                false => "convert one: CAST(... AS TEXT)",
            }));
        }
        let operands = [a, b].map(|bound| convert::cast(bound, DataType::Text, span));
        let operands = operands.into_iter().collect::<Checked<Vec<_>>>()?;
        Ok(Bound::typed(Node::Call(Function::Concat, operands), DataType::Text))
    }

    pub(super) fn predicate(&mut self, ast: &Ast) -> Checked<Bound> {
        match ast {
            Ast::IsNull(inner) => self.is_null(inner),
            Ast::IsNotNull(inner) => self.is_null(inner).map(|bound| negated(bound.expr)),
            Ast::IsUnknown(inner) => self.boolean(inner).map(is_null),
            Ast::IsNotUnknown(inner) => self.boolean(inner).map(|inner| negated(is_null(inner).expr)),
            Ast::IsTrue(inner) => self.is(inner, true),
            Ast::IsNotTrue(inner) => self.is(inner, true).map(|bound| negated(bound.expr)),
            Ast::IsFalse(inner) => self.is(inner, false),
            Ast::IsNotFalse(inner) => self.is(inner, false).map(|bound| negated(bound.expr)),
            Ast::IsNotDistinctFrom(left, right) => self.same(left, right),
            Ast::IsDistinctFrom(left, right) => self.same(left, right).map(|bound| negated(bound.expr)),
            Ast::InList { expr, list, negated } => {
                let bound = self.in_list(ast, expr, list)?;
                self.warn_null_in_list(expr, list, *negated, self.span(ast));
                Ok(negate_if(*negated, bound))
            }
            Ast::Between { expr, negated, low, high } => {
                self.between(ast, expr, low, high).map(|bound| negate_if(*negated, bound))
            }
            Ast::Like { negated, any: false, expr, pattern, escape_char } => {
                let bound = self.like(expr, pattern, escape_char.as_deref())?;
                Ok(negate_if(*negated, bound))
            }
            Ast::ILike { negated, any: false, expr, pattern, escape_char } => {
                let bound = self.ilike(expr, pattern, escape_char.as_deref())?;
                Ok(negate_if(*negated, bound))
            }
            _ => Err(super::refused::expression(ast, self.span(ast))),
        }
    }

    fn is_null(&mut self, inner: &Ast) -> Checked<Bound> {
        let bound = self.bind(inner)?;
        let inner = convert::settle(bound, self.span(inner))?;
        Ok(is_null(inner))
    }

    fn is(&mut self, inner: &Ast, value: bool) -> Checked<Bound> {
        let inner = self.boolean(inner)?;
        let value = Bound::literal(Value::Boolean(value), BoundKind::Typed).expr;
        Ok(Bound::typed(Node::Same(Box::new(inner), Box::new(value)), DataType::Boolean))
    }

    fn same(&mut self, left: &Ast, right: &Ast) -> Checked<Bound> {
        let (a, b) = self.pair(left, right, "cannot compare")?;
        Ok(Bound::typed(Node::Same(Box::new(a), Box::new(b)), DataType::Boolean))
    }

    fn in_list(&mut self, ast: &Ast, expr: &Ast, list: &[Ast]) -> Checked<Bound> {
        let (values, _) = self.same_type(std::iter::once(expr).chain(list), "cannot compare", self.here)?;
        let mut values = values.into_iter();
        let Some(first) = values.next() else {
            return Err(Problem::new(self.span(ast), "IN has no operand"));
        };
        Ok(Bound::typed(Node::In(Box::new(first), values.collect()), DataType::Boolean))
    }

    fn between(&mut self, ast: &Ast, expr: &Ast, low: &Ast, high: &Ast) -> Checked<Bound> {
        let (values, _) = self.same_type([expr, low, high], "cannot compare", self.here)?;
        let [x, low, high] =
            values.try_into().map_err(|_| Problem::new(self.span(ast), "BETWEEN takes two bounds"))?;
        Ok(Bound::typed(Node::Between(Box::new(x), Box::new(low), Box::new(high)), DataType::Boolean))
    }

    fn like(&mut self, expr: &Ast, pattern: &Ast, escape: Option<&Ast>) -> Checked<Bound> {
        let (text, pattern) = self.like_operands(expr, pattern, escape)?;
        Ok(Bound::typed(Node::Like(Box::new(text), Box::new(pattern)), DataType::Boolean))
    }

    /// As PostgreSQL: LIKE of both in lower case. A constant pattern is made so once.
    fn ilike(&mut self, expr: &Ast, pattern: &Ast, escape: Option<&Ast>) -> Checked<Bound> {
        let (text, pattern) = self.like_operands(expr, pattern, escape)?;
        let [text, pattern] = [text, pattern].map(|operand| match operand.node {
            Node::Literal(Value::Text(text)) => {
                let mut out = Vec::new();
                functions::compose::fold(text.as_bytes(), &mut out);
                let folded = String::from_utf8_lossy(&out).into_owned();
                Expr { node: Node::Literal(Value::Text(folded)), data_type: DataType::Text }
            }
            _ => super::library::call(Library::Fold, vec![operand]).expr,
        });
        Ok(Bound::typed(Node::Like(Box::new(text), Box::new(pattern)), DataType::Boolean))
    }

    /// The text and the pattern of LIKE, whose escape is a backslash.
    fn like_operands(&mut self, expr: &Ast, pattern: &Ast, escape: Option<&Ast>) -> Checked<(Expr, Expr)> {
        let (text, mut pattern) = both(self.like_operand(expr), self.like_operand(pattern))?;
        if let Some(ast) = escape {
            let escape = self.like_operand(ast)?;
            pattern = self.with_backslash(pattern, escape, ast)?;
        }
        Ok((text, pattern))
    }

    fn like_operand(&mut self, ast: &Ast) -> Checked<Expr> {
        let bound = self.bind(ast)?;
        convert::coerce(bound, DataType::Text, self.span(ast)).map_err(|problem| {
            Box::new(Problem { message: format!("LIKE compares texts: {}", problem.message), ..*problem })
        })
    }

    /// The pattern of `LIKE pattern ESCAPE escape` with a backslash as its escape: at once where both are constants.
    fn with_backslash(&self, pattern: Expr, escape: Expr, ast: &Ast) -> Checked<Expr> {
        if let Node::Literal(Value::Text(escape)) = &escape.node
            && escape.chars().nth(1).is_some()
        {
            return Err(Problem::new(self.span(ast), "the escape of LIKE is one character")
                .help("write it like ESCAPE '!', and the pattern like '100!%'"));
        }
        let node = match (&pattern.node, &escape.node) {
            (Node::Literal(Value::Text(text)), Node::Literal(Value::Text(escape))) => {
                let mut out = Vec::new();
                let changed = functions::like_escape(text.as_bytes(), escape.as_bytes(), &mut out);
                match changed.map(|()| String::from_utf8(out)) {
                    Ok(Ok(text)) => Node::Literal(Value::Text(text)),
                    _ => return Err(Problem::new(self.span(ast), "the escape of LIKE is one character")),
                }
            }
            _ => Node::Call(Function::LikeEscape, vec![pattern, escape]),
        };
        Ok(Expr { node, data_type: DataType::Text })
    }
}

fn is_null(inner: Expr) -> Bound {
    Bound::typed(Node::IsNull(Box::new(inner)), DataType::Boolean)
}

fn negated(inner: Expr) -> Bound {
    Bound::typed(Node::Not(Box::new(inner)), DataType::Boolean)
}

fn negate_if(negate: bool, bound: Bound) -> Bound {
    if negate { negated(bound.expr) } else { bound }
}

/// TIMESTAMP ± INTERVAL and TIMESTAMP - TIMESTAMP.
fn time_arithmetic(op: Arithmetic, a: Bound, b: Bound, span: Span) -> Checked<Bound> {
    let is_time =
        |bound: &Bound| bound.expr.data_type == DataType::Timestamp || matches!(bound.kind, BoundKind::Text);
    let is_span =
        |bound: &Bound| matches!(bound.kind, BoundKind::Interval | BoundKind::Elapsed | BoundKind::Null);
    let (kind, data_type, types) = match op {
        Arithmetic::Subtract if is_time(&a) && is_time(&b) => {
            (BoundKind::Elapsed, DataType::Int64, [DataType::Timestamp; 2])
        }
        Arithmetic::Add | Arithmetic::Subtract if is_time(&a) && is_span(&b) => {
            (BoundKind::Typed, DataType::Timestamp, [DataType::Timestamp, DataType::Int64])
        }
        Arithmetic::Add if is_span(&a) && is_time(&b) => return time_arithmetic(op, b, a, span),
        _ => {
            let message = format!("cannot compute with {} and {}", a.describe(), b.describe());
            return Err(Problem::new(span, message)
                .help("add an INTERVAL to a TIMESTAMP: `ts + INTERVAL '5' MINUTE`"));
        }
    };
    let [left, right] = types;
    let (a, b) = (convert::coerce(a, left, span)?, convert::coerce(b, right, span)?);
    let expr = Expr { node: Node::Arithmetic(op, Box::new(a), Box::new(b)), data_type };
    Ok(Bound { expr, kind })
}

/// What to write where an operator takes numbers.
fn not_number(found: DataType) -> &'static str {
    match found {
        DataType::Boolean => "write CASE WHEN condition THEN 1 WHEN NOT condition THEN 0 END",
        DataType::Timestamp => "take the difference of two timestamps: a BIGINT of microseconds",
        _ => "convert it: CAST(... AS DOUBLE)",
    }
}
