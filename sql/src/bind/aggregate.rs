//! Aggregate calls: which reducer, which of its signatures, which arguments and parameters.

use sqlparser::ast::{
    self, DuplicateTreatment, Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArgumentList,
};
use sqlparser::tokenizer::Span;

use super::alias;
use super::convert::{self, Bound, BoundKind};
use super::expression::{Clause, Expressions};
use super::function::SCALARS;
use super::plugin::OwnAggregate;
use super::refused;
use super::signature::{self, Choice};
use super::within_group::{OrderedSet, percent};
use crate::catalog::Reducer;
use crate::error::{Checked, Problem};
use crate::errors::{Errors, both};
use crate::expr::{Expr, Node};
use crate::manifest::Aggregate;
use crate::parse::name::nearest;
use crate::parse::refused::WINDOWS;
use crate::plugin::Plugin;
use crate::types::{DataType, Value};

/// An aggregate call, its arguments over the columns of the relation.
#[derive(Clone, Debug)]
pub(crate) struct BoundAggregate {
    /// The call as it was written.
    pub(crate) text: String,
    pub(crate) reducer: String,
    pub(crate) plugin: Option<Plugin>,
    pub(crate) signature: u32,
    pub(crate) parameters: Vec<Value>,
    /// Each with its text.
    pub(crate) arguments: Vec<(Expr, String)>,
    pub(crate) needs_time: bool,
    pub(crate) growing: bool,
    pub(crate) state_bytes_max: Option<u32>,
    pub(crate) returns: DataType,
}

impl BoundAggregate {
    /// Whether both always have the same result.
    fn same(&self, other: &Self) -> bool {
        let arguments =
            |aggregate: &Self| aggregate.arguments.iter().map(|(expr, _)| expr.clone()).collect::<Vec<_>>();
        (&self.reducer, &self.plugin, self.signature, &self.parameters)
            == (&other.reducer, &other.plugin, other.signature, &other.parameters)
            && arguments(self) == arguments(other)
    }

    /// The call without its arguments, whose places are not known yet.
    pub(crate) fn call(&self) -> Aggregate {
        Aggregate {
            text: self.text.clone(),
            reducer: self.reducer.clone(),
            plugin: self.plugin.clone(),
            signature: self.signature,
            parameters: self.parameters.clone(),
            arguments: Vec::new(),
            needs_time: self.needs_time,
            growing: self.growing,
            state_bytes_max: self.state_bytes_max,
            returns: self.returns,
        }
    }
}

/// A constant behind the arguments, or one with a name.
pub(super) struct Given<'a> {
    pub(super) name: Option<String>,
    pub(super) ast: &'a Ast,
    pub(super) bound: Bound,
}

impl Expressions<'_> {
    pub(super) fn aggregate(
        &mut self,
        ast: &Ast,
        call: &ast::Function,
        name: &str,
        list: &FunctionArgumentList,
        span: Span,
    ) -> Checked<Bound> {
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let wanted = if distinct { alias::distinct(name, list.args.len()) } else { None };
        let (reducer, plugin) = self.find_reducer(wanted.unwrap_or(name), list, span)?;
        self.check_place(name, span)?;
        if distinct && (wanted.is_none() || plugin.is_some()) {
            return Err(Problem::new(span, format!("{name}(DISTINCT ...) is not in the language"))
                .help(alias::ONLY_DISTINCT));
        }
        let (clause, use_aliases, named) = (self.clause, self.use_aliases, self.named.len());
        (self.clause, self.use_aliases) = (Clause::Argument, false);
        let bound = self.bind_call(ast, call, name, &reducer, list, span);
        (self.clause, self.use_aliases) = (clause, use_aliases);
        // Inside of an aggregate any column may be named.
        self.named.truncate(named);
        let aggregate = BoundAggregate { plugin, ..bound? };
        if !aggregate.parameters.is_empty()
            && let Some(why) = self.functions.catalog.wrong_parameters(&aggregate.call())
        {
            return Err(Problem::new(span, why));
        }
        let returns = aggregate.returns;
        let number = self.aggregates.iter().position(|known| known.same(&aggregate)).unwrap_or_else(|| {
            self.aggregates.push(aggregate);
            self.aggregates.len() - 1
        });
        Ok(Bound::typed(Node::Column(self.first_virtual() + 2 + number), returns))
    }

    fn find_reducer(
        &self,
        name: &str,
        list: &FunctionArgumentList,
        span: Span,
    ) -> Checked<(Reducer, Option<Plugin>)> {
        if let Some(OwnAggregate { reducer, plugin, .. }) = self.functions.own(name) {
            return Ok((reducer.clone(), Some(plugin.clone())));
        }
        if let Some(problem) = alias::percentile_refused(name, span) {
            return Err(problem);
        }
        let wanted = match OrderedSet::of(name) {
            Some(kind) => kind.reducer().to_owned(),
            None => alias::resolve(name).reducer,
        };
        match self.functions.catalog.reducer(&wanted) {
            Ok(Some(reducer)) => return Ok((reducer, None)),
            Ok(None) => {}
            Err(error) => {
                return Err(Problem::new(span, format!("the reducer `{wanted}` cannot be used: {error}")));
            }
        }
        self.functions.names.check("function", name, span)?;
        if let Some(help) = refused::call(name, list) {
            return Err(
                Problem::new(span, format!("the function `{name}` is not in the language")).help(help)
            );
        }
        if let Some(help) = alias::refused(name) {
            return Err(
                Problem::new(span, format!("the aggregate `{name}` is not in the language yet")).help(help)
            );
        }
        if let Some((_, help)) = WINDOWS.iter().find(|(window, _)| *window == name) {
            return Err(Problem::new(span, "a window stands in FROM").help(*help));
        }
        let problem = Problem::new(span, format!("there is no function `{name}`"));
        let known = SCALARS.iter().chain(alias::KNOWN).copied().chain(self.functions.own_names());
        Err(match nearest(name, known) {
            Some(near) => problem.suggest(Some(near)),
            None if alias::meant(name).is_some() => problem.suggest(alias::meant(name)),
            None => problem.help(format!(
                "the functions are {}; aggregates are {}",
                SCALARS.join(", "),
                alias::KNOWN.join(", ")
            )),
        })
    }

    fn check_place(&mut self, name: &str, span: Span) -> Checked<()> {
        let (message, help) = match self.clause {
            Clause::Group => return Ok(()),
            // It is the same mistake as that of the first aggregate.
            Clause::Row if std::mem::replace(&mut self.lacks_windows, true) => {
                return Err(Problem::follows(span));
            }
            Clause::Filter => (
                format!("the aggregate `{name}` cannot stand in WHERE"),
                "select groups with HAVING".to_owned(),
            ),
            Clause::Key => {
                (format!("the aggregate `{name}` cannot stand in GROUP BY"), "group by columns".to_owned())
            }
            Clause::Distinct => (
                format!("the aggregate `{name}` stands beside DISTINCT"),
                "leave DISTINCT out, and write GROUP BY with the other columns of the SELECT list".to_owned(),
            ),
            Clause::Argument => (
                format!("the aggregate `{name}` stands inside another aggregate"),
                "an aggregate takes columns of events and expressions over them".to_owned(),
            ),
            Clause::Row => (
                format!("the aggregate `{name}` needs a window: a stream has no end"),
                self.scope.relation.with_windows(),
            ),
        };
        Err(Problem::new(span, message).help(help))
    }

    fn bind_call(
        &mut self,
        ast: &Ast,
        call: &ast::Function,
        name: &str,
        reducer: &Reducer,
        list: &FunctionArgumentList,
        span: Span,
    ) -> Checked<BoundAggregate> {
        let filter = match &call.filter {
            Some(filter) => self.boolean(filter).map(|bound| Some((bound, filter.to_string()))),
            None => Ok(None),
        };
        let (mut given, filter) = both(self.given(name, reducer, list, span), filter)?;
        let mut fixed = alias::resolve(name).fixed;
        if let Some(kind) = OrderedSet::of(name) {
            let (argument, parameter) = self.within_group(kind, name, call, &given, span)?;
            (given, fixed) = (vec![argument], vec![parameter]);
        } else if !call.within_group.is_empty() {
            return Err(Problem::new(span, format!("`{name}` takes no WITHIN GROUP"))
                .help("write percentile(x, 95) or percentile_cont(0.95) WITHIN GROUP (ORDER BY x)"));
        }
        let Choice { signature, number, arguments, parameters } =
            signature::choose(name, reducer, &given, &fixed, span)?;
        self.warn_fraction(name, reducer, &given, &parameters);
        if let Some((message, help)) = alias::percentile_doubtful(name) {
            self.warn(span, message, help);
        }
        Ok(BoundAggregate {
            text: ast.to_string(),
            reducer: reducer.name.to_lowercase(),
            plugin: None,
            signature: number,
            arguments: filtered(arguments, filter.as_ref(), reducer, signature.arguments.is_empty()),
            parameters,
            needs_time: signature.needs_time,
            growing: signature.growing,
            state_bytes_max: signature.state_bytes_max,
            returns: signature.returns,
        })
        .and_then(|aggregate| counted(aggregate, filter.is_some(), reducer, span))
    }

    /// What stands between the parentheses; `*` is for COUNT and is nothing.
    fn given<'c>(
        &mut self,
        name: &str,
        reducer: &Reducer,
        list: &'c FunctionArgumentList,
        span: Span,
    ) -> Checked<Vec<Given<'c>>> {
        let is_count = reducer.name.eq_ignore_ascii_case("count");
        if is_count && list.args.is_empty() {
            return Err(Problem::new(span, "`count` takes an argument").help("write count(*)"));
        }
        let (mut given, mut errors) = (Vec::new(), Errors::default());
        for argument in &list.args {
            let (name, ast) = match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if is_count && list.args.len() == 1 => {
                    continue;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => (None, ast),
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(ast), .. } => {
                    (Some(name.value.to_lowercase()), ast)
                }
                _ => {
                    let problem = Problem::new(span, format!("`{name}` does not take `*`"));
                    return Err(problem.help("only count(*) does; name a column"));
                }
            };
            let Some(bound) = errors.keep(self.bind(ast)) else { continue };
            // COUNT of a constant counts rows.
            let constant = matches!(&bound.expr.node, Node::Literal(value) if *value != Value::Null);
            if !(is_count && constant && list.args.len() == 1) {
                given.push(Given { name, ast, bound });
            }
        }
        errors.end().map(|()| given)
    }

    /// `percentile(x, 0.95)` is legal, but hardly meant.
    fn warn_fraction(&mut self, name: &str, reducer: &Reducer, given: &[Given<'_>], parameters: &[Value]) {
        let [Value::Float64(p)] = parameters else { return };
        let is_percentile = reducer.name.eq_ignore_ascii_case("percentile") && name != "approx_percentile";
        if is_percentile
            && *p > 0.0
            && *p < 1.0
            && let Some(last) = given.last()
        {
            let message =
                format!("percentile takes a percentage from 0 to 100, and {p} % is nearly the least value");
            let problem =
                Problem::new(self.span(last.ast), message).help(format!("did you mean {}?", percent(*p)));
            self.warnings.push(*problem);
        }
    }
}

/// FILTER: the argument where the condition is true, else NULL.
fn filtered(
    arguments: Vec<(Expr, String)>,
    filter: Option<&(Expr, String)>,
    reducer: &Reducer,
    is_empty: bool,
) -> Vec<(Expr, String)> {
    let Some((condition, text)) = filter else { return arguments };
    let mut arguments = arguments;
    if is_empty && reducer.name.eq_ignore_ascii_case("count") {
        arguments = vec![(Bound::literal(Value::Boolean(true), BoundKind::Typed).expr, "true".to_owned())];
    }
    let case = |(value, name): (Expr, String)| {
        let data_type = value.data_type;
        let node = Node::Case(vec![(condition.clone(), value)], None);
        (Expr { node, data_type }, format!("CASE WHEN {text} THEN {name} END"))
    };
    arguments.into_iter().map(case).collect()
}

/// `count(*) FILTER (...)` takes an argument by now, so another signature.
fn counted(
    aggregate: BoundAggregate,
    is_filtered: bool,
    reducer: &Reducer,
    span: Span,
) -> Checked<BoundAggregate> {
    let types: Vec<DataType> = aggregate.arguments.iter().map(|(expr, _)| expr.data_type).collect();
    let index = usize::try_from(aggregate.signature).unwrap_or(usize::MAX);
    let fits = reducer.signatures.get(index).is_some_and(|signature| signature.arguments == types);
    if fits {
        return Ok(aggregate);
    }
    let found = reducer.signatures.iter().position(|signature| signature.arguments == types);
    match found.and_then(|number| u32::try_from(number).ok()) {
        Some(signature) if is_filtered => Ok(BoundAggregate { signature, ..aggregate }),
        _ => Err(Problem::new(
            span,
            format!("`{}` cannot have a FILTER without an argument", aggregate.reducer),
        )),
    }
}

/// A value beside its text, cast to what a signature takes.
pub(super) fn cast_argument(given: &Given<'_>, data_type: DataType, span: Span) -> Checked<(Expr, String)> {
    let text = given.ast.to_string();
    let needs_cast =
        given.bound.expr.data_type != data_type && !matches!(given.bound.expr.node, Node::Literal(_));
    let text = if needs_cast { format!("CAST({text} AS {data_type})") } else { text };
    Ok((convert::coerce(given.bound.clone(), data_type, span)?, text))
}
