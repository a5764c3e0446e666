//! Expressions: names to numbers, operands to one type.

use sqlparser::ast::{self, CastKind, CeilFloorKind, DateTimeField, Expr as Ast, Spanned, UnaryOperator};
use sqlparser::tokenizer::Span;

use super::aggregate::BoundAggregate;
use super::convert::{self, Bound, BoundKind};
use super::literal;
use super::plugin::Functions;
use super::refused;
use super::scope::{Meaning, Scope};
use crate::error::{Checked, Problem};
use crate::errors::{all, both};
use crate::expr::{Comparison, Expr, Function, Node};
use crate::library::Library;
use crate::parse::data_type::data_type;
use crate::parse::from::microseconds;
use crate::parse::name::Name;
use crate::parse::select::Written;
use crate::types::{DataType, Value};

/// How deep a bound expression may be; chains of AND and OR are flat.
pub(super) const MAX_DEPTH: usize = 256;

/// Where an expression stands, which decides what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// WHERE.
    Filter,
    /// GROUP BY.
    Key,
    /// The SELECT list as keys of groups, behind SELECT DISTINCT.
    Distinct,
    /// The argument of an aggregate.
    Argument,
    /// The SELECT list of a query without windows.
    Row,
    /// The SELECT list or HAVING behind a window.
    Group,
}

/// An alias of the SELECT list, which HAVING and GROUP BY can name.
pub(super) struct Alias<'a> {
    pub(super) name: &'a Name,
    pub(super) expr: &'a Ast,
}

/// Binds the expressions of one query.
///
/// `Node::Column(i)` is the column `i` of the relation; behind them come window_start, window_end and the aggregates.
pub(super) struct Expressions<'a> {
    pub(super) functions: Functions<'a>,
    pub(super) scope: Scope<'a>,
    pub(super) aliases: Vec<Alias<'a>>,
    /// The columns that HAVING means by their own name although an alias has it too: the group's keys.
    pub(super) key_columns: Vec<usize>,
    /// The columns of GROUP BY, for `grouping`.
    pub(super) grouping_keys: Vec<Expr>,
    /// Whether GROUP BY has several grouping sets.
    pub(super) has_sets: bool,
    pub(super) aggregates: Vec<BoundAggregate>,
    pub(super) warnings: Vec<Problem>,
    pub(super) clause: Clause,
    pub(super) use_aliases: bool,
    /// Whether an aggregate was met in a query without windows.
    pub(super) lacks_windows: bool,
    /// Where each column of the relation was named last.
    pub(super) named: Vec<(usize, Span)>,
    /// The place of the whole expression, where `sqlparser` knows none of a part.
    pub(super) here: Span,
    depth: usize,
}

impl<'a> Expressions<'a> {
    pub(super) fn new(functions: Functions<'a>, scope: Scope<'a>, aliases: Vec<Alias<'a>>) -> Self {
        Self {
            functions,
            scope,
            aliases,
            key_columns: Vec::new(),
            grouping_keys: Vec::new(),
            has_sets: false,
            aggregates: Vec::new(),
            warnings: Vec::new(),
            clause: Clause::Filter,
            use_aliases: false,
            lacks_windows: false,
            named: Vec::new(),
            here: Span::empty(),
            depth: 0,
        }
    }

    /// A whole expression of a type of its own.
    pub(super) fn whole(&mut self, written: &Written, clause: Clause) -> Checked<Expr> {
        self.begin(written.span, clause);
        let bound = self.bind(&written.expr)?;
        convert::settle(bound, written.span)
    }

    /// WHERE or HAVING.
    pub(super) fn condition(&mut self, written: &Written, clause: Clause) -> Checked<Expr> {
        self.begin(written.span, clause);
        let bound = self.bind(&written.expr)?;
        convert::coerce(bound, DataType::Boolean, written.span)
    }

    fn begin(&mut self, span: Span, clause: Clause) {
        self.here = span;
        self.clause = clause;
        self.depth = 0;
        self.named.clear();
    }

    /// The place of a part. It visits the part as deep as it goes, so it is asked for behind [`Self::bind`] only.
    pub(super) fn span(&self, ast: &Ast) -> Span {
        let span = ast.span();
        if span == Span::empty() { self.here } else { span }
    }

    /// The number of window_start; window_end and the aggregates follow.
    pub(super) fn first_virtual(&self) -> usize {
        self.scope.relation.columns.len()
    }

    pub(super) fn bind(&mut self, ast: &Ast) -> Checked<Bound> {
        if self.depth >= MAX_DEPTH {
            return Err(Problem::new(
                self.here,
                format!("more than {MAX_DEPTH} operations inside each other"),
            )
            .help("compute a part in a view of its own"));
        }
        self.depth += 1;
        let bound = self.dispatch(ast);
        self.depth -= 1;
        bound
    }

    fn dispatch(&mut self, ast: &Ast) -> Checked<Bound> {
        match ast {
            Ast::Identifier(ident) => self.column(&Name::new(ident)),
            Ast::CompoundIdentifier(parts) => self.qualified(parts),
            Ast::Value(value) => literal::value(&value.value, false, value.span),
            Ast::TypedString(typed) => literal::typed(typed, self.span(ast)),
            Ast::Interval(interval) => {
                let micros = microseconds(interval, self.span(ast))?;
                Ok(Bound::literal(Value::Int64(micros), BoundKind::Interval))
            }
            Ast::Nested(inner) => self.bind(inner),
            Ast::UnaryOp { op: UnaryOperator::Not, expr } => self.not(expr),
            Ast::UnaryOp { op, expr } => self.sign(*op, expr),
            Ast::BinaryOp { left, op, right } => self.binary(ast, left, op, right),
            Ast::Cast { kind, expr, data_type, format } => {
                self.cast(ast, expr, data_type, kind, format.is_some())
            }
            Ast::Case { case_token, operand, conditions, else_result, .. } => {
                self.case(case_token.0.span, operand.as_deref(), conditions, else_result.as_deref())
            }
            Ast::Function(call) => self.call(ast, call),
            Ast::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.rounding(Function::Ceil, expr)
            }
            Ast::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.rounding(Function::Floor, expr)
            }
            Ast::Trim { expr, trim_where, trim_what, trim_characters } => {
                let listed = trim_characters.iter().flatten();
                let characters: Vec<&Ast> = trim_what.as_deref().into_iter().chain(listed).collect();
                self.trim(expr, *trim_where, &characters)
            }
            Ast::Substring { expr, substring_from, substring_for, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), self.span(ast))
            }
            Ast::Position { expr, r#in } => self.library(Library::Position, &[r#in.as_ref(), expr.as_ref()]),
            Ast::Extract { field, expr, .. } => self.extract(field, expr, self.span(ast)),
            _ => self.predicate(ast),
        }
    }

    fn column(&mut self, name: &Name) -> Checked<Bound> {
        let found = self.scope.find(name)?;
        if self.use_aliases && !self.is_plain(found) {
            let alias = self.aliases.iter().find(|alias| name.means(&alias.name.text));
            if let Some(expr) = alias.map(|alias| alias.expr) {
                self.use_aliases = false;
                let bound = self.bind(expr);
                self.use_aliases = true;
                return bound;
            }
        }
        if let (true, Some(meaning @ Meaning::Column(_))) = (self.use_aliases, found) {
            self.warn_column_before_alias(name, meaning)?;
        }
        match found {
            Some(meaning) => self.meaning(meaning, name.span),
            None => Err(self.unknown(name)),
        }
    }

    /// Whether HAVING means the column itself and not an alias of the same name.
    fn is_plain(&self, found: Option<Meaning>) -> bool {
        match found {
            Some(Meaning::Column(column)) => self.key_columns.contains(&column),
            Some(_) => true,
            None => false,
        }
    }

    fn unknown(&self, name: &Name) -> Box<Problem> {
        let is_alias = self.aliases.iter().any(|alias| name.means(&alias.name.text));
        if is_alias && self.clause != Clause::Group {
            let problem = Problem::new(name.span, format!("the alias `{}` cannot be named here", name.text));
            return problem.help(match self.clause {
                Clause::Filter => "write its expression; for aggregates use HAVING",
                _ => "write its expression",
            });
        }
        self.scope.unknown(name, name.span)
    }

    fn qualified(&mut self, parts: &[ast::Ident]) -> Checked<Bound> {
        let [qualifier, column] = parts else {
            return Err(Problem::new(self.here, "a column has at most one name before its own")
                .help("for a field inside a field give the column of the source a PATH 'a.b'"));
        };
        let (qualifier, name) = (Name::new(qualifier), Name::new(column));
        self.scope.check_qualifier(&qualifier).map_err(|problem| {
            match refused::bound(&qualifier, &name) {
                Some(help) => problem.help(help),
                None => problem,
            }
        })?;
        match self.scope.find_qualified(parts)? {
            Some(meaning) => self.meaning(meaning, name.span),
            None => Err(self.scope.unknown(&name, name.span)),
        }
    }

    fn meaning(&mut self, meaning: Meaning, span: Span) -> Checked<Bound> {
        let bound = match meaning {
            Meaning::Column(column) => {
                self.named.push((column, span));
                return self.relation_column(column);
            }
            Meaning::WindowStart => self.first_virtual(),
            Meaning::WindowEnd => self.first_virtual() + 1,
        };
        match self.clause {
            Clause::Group | Clause::Key | Clause::Distinct => {
                Ok(Bound::typed(Node::Column(bound), DataType::Timestamp))
            }
            _ => Err(Problem::new(
                span,
                "an event may be in several windows, so their bounds are not known here",
            )
            .help("select rows of windows with HAVING, events by their time")),
        }
    }

    fn relation_column(&self, column: usize) -> Checked<Bound> {
        match self.scope.relation.columns.get(column) {
            Some(found) => Ok(Bound::typed(Node::Column(column), found.data_type)),
            None => Err(Problem::new(self.here, "no such column")),
        }
    }

    fn cast(
        &mut self,
        ast: &Ast,
        inner: &Ast,
        target: &ast::DataType,
        kind: &CastKind,
        format: bool,
    ) -> Checked<Bound> {
        let bound = self.bind(inner)?;
        let span = self.span(ast);
        if matches!(kind, CastKind::SafeCast) {
            return Err(Problem::new(span, "SAFE_CAST is not in the language")
                .help("write TRY_CAST(x AS type), which is NULL where x does not fit"));
        }
        if format {
            return Err(Problem::new(span, "CAST takes no FORMAT"));
        }
        let target = data_type(target, span).map_err(|problem| {
            match refused::cast(target, &inner.to_string(), bound.expr.data_type) {
                Some(help) => problem.help(help),
                None => problem,
            }
        })?;
        let mut expr = convert::cast(bound, target, span)?;
        if let (CastKind::TryCast, Node::Cast(inner)) = (kind, &mut expr.node) {
            let null = Expr { node: Node::Literal(Value::Null), data_type: inner.data_type };
            expr.node = Node::TryCast(Box::new(std::mem::replace(inner, null)));
        }
        self.check_constant_cast(&expr, inner, span)?;
        Ok(Bound { expr, kind: BoundKind::Typed })
    }

    fn case(
        &mut self,
        span: Span,
        operand: Option<&Ast>,
        conditions: &[ast::CaseWhen],
        default: Option<&Ast>,
    ) -> Checked<Bound> {
        let whens = all(conditions.iter().map(|branch| {
            let when = match operand {
                Some(operand) => {
                    self.warn_null_in_when(operand, &branch.condition);
                    self.compare(Comparison::Equal, operand, &branch.condition)?
                }
                None => self.bind(&branch.condition)?,
            };
            convert::coerce(when, DataType::Boolean, self.span(&branch.condition))
        }));
        let results = conditions.iter().map(|branch| &branch.result).chain(default);
        let values = self.same_type(results, "the branches of CASE are", span);
        let (whens, (mut values, data_type)) = both(whens, values)?;
        let default = default.and_then(|_| values.pop()).map(Box::new);
        Ok(Bound::typed(Node::Case(whens.into_iter().zip(values).collect(), default), data_type))
    }

    /// Expressions bound and cast to the type that all can have.
    pub(super) fn same_type<'e>(
        &mut self,
        list: impl IntoIterator<Item = &'e Ast>,
        what: &str,
        span: Span,
    ) -> Checked<(Vec<Expr>, DataType)> {
        let bind = |ast| Ok((self.bind(ast)?, self.span(ast)));
        let values: Vec<(Bound, Span)> = all(list.into_iter().map(bind))?;
        let data_type =
            convert::common_type(&values.iter().map(|(value, _)| value).collect::<Vec<_>>(), what, span)?;
        let values = values.into_iter().map(|(value, span)| convert::coerce(value, data_type, span));
        Ok((all(values)?, data_type))
    }
}
