//! EMIT ON UPDATE EVERY: rows of windows before they close, as a preview.
//!
//! A TUMBLE whose rows come every interval is a CUMULATE with that interval as its step: the rows that come at a step aggregate the window's
//! events up to it. So previews are as exact, and as much part of the state, as the rows of any window. `window_end` says the end of the whole
//! window in all of them, so the last row of a group in a window is the one that counts. A group gives a row at a step if it has an event of
//! that step, and always when its window closes.

use sqlparser::ast::{Expr as Ast, FunctionArgExpr, Ident};
use sqlparser::tokenizer::Span;

use super::distinct;
use super::expression::{Clause, Expressions};
use super::query::{Behind, BoundSelect};
use super::relation::{Relation, TimeRole};
use super::row_view::and;
use super::scope::Scope;
use super::window::Windows;
use crate::error::{Checked, Problem};
use crate::expr::{Arithmetic, Comparison, Expr, Node};
use crate::manifest::WindowKind;
use crate::parse::duration::describe;
use crate::parse::select::{Select, Written};
use crate::types::{DataType, Value};

/// How many times a window may give rows.
const STEPS_MAX: i64 = 100_000;

/// The windows of a query with EMIT ON UPDATE.
pub(super) fn windows(select: &Select, windows: Option<Windows>) -> Checked<Option<Windows>> {
    let Some((every_us, span)) = select.updates else { return Ok(windows) };
    let none = |message: &str, help: &str| Err(Problem::new(span, message).help(help));
    let Some(windows) = windows else {
        return none(
            "without windows nothing is updated: each row comes at once",
            "leave EMIT ON UPDATE out, or make windows: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
        );
    };
    if let Some((_, span)) = select.lateness {
        return Err(Problem::new(span, "ALLOW LATENESS and EMIT ON UPDATE do not go together")
            .help("write one query for the preview, and one with ALLOW LATENESS"));
    }
    match windows.kind {
        WindowKind::Tumble { size_us, offset_us } => {
            check(every_us, size_us, span)?;
            let kind = WindowKind::Cumulate { step_us: every_us, size_us, offset_us };
            Ok(Some(Windows { kind, ..windows }))
        }
        WindowKind::Hop { .. } => none(
            "EMIT ON UPDATE is for TUMBLE: a HOP has a row every slide",
            "leave EMIT ON UPDATE out and give HOP a smaller slide",
        ),
        WindowKind::Cumulate { .. } => none(
            "EMIT ON UPDATE is for TUMBLE: a CUMULATE has a row every step",
            "leave EMIT ON UPDATE out and give CUMULATE a smaller step",
        ),
        WindowKind::Session { .. } => none(
            "EMIT ON UPDATE is for TUMBLE: later events may join two sessions whose rows are out",
            "leave EMIT ON UPDATE out, or use TUMBLE",
        ),
        WindowKind::Whole => none(
            "EMIT ON UPDATE is for TUMBLE: without windows the rows come when the input ends",
            "leave EMIT ON UPDATE out, or make windows: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
        ),
    }
}

fn check(every_us: i64, size_us: i64, span: Span) -> Checked<()> {
    let size = describe(size_us);
    let problem = |message: String| {
        Err(Problem::new(span, message).help(
        "write an interval that the size of the window can be divided by: EMIT ON UPDATE EVERY INTERVAL '10' SECOND",
    ))
    };
    if every_us <= 0 {
        return problem("EVERY takes an interval of more than 0".to_owned());
    }
    if every_us % 1_000 != 0 {
        return problem(format!("EVERY takes whole milliseconds, found {}", describe(every_us)));
    }
    if every_us >= size_us {
        return problem(format!("EVERY is {}, and the window closes after {size}", describe(every_us)));
    }
    if size_us % every_us != 0 {
        return problem(format!(
            "EVERY is {}, which does not divide the window's {size}",
            describe(every_us)
        ));
    }
    match size_us / every_us {
        steps if steps > STEPS_MAX => {
            problem(format!("a window would give rows {steps} times; {STEPS_MAX} is the most"))
        }
        _ => Ok(()),
    }
}

/// The newest event time of a group, as an aggregate.
pub(super) fn newest(expressions: &mut Expressions<'_>, span: Span) -> Checked<Expr> {
    let Scope { relation, alias, windows, .. } = &expressions.scope;
    let time = windows.and_then(|windows| relation.columns.get(windows.time));
    let name = time.map_or("", |column| column.name.text.as_str());
    let owner = alias.map_or(relation.name.as_str(), |alias| alias.text.as_str());
    let column = [owner, name].map(|part| Ident::with_quote('"', part));
    let column = FunctionArgExpr::Expr(Ast::CompoundIdentifier(column.to_vec()));
    let newest = Written { expr: distinct::call("max", column), span };
    let newest = expressions.whole(&newest, Clause::Group);
    expressions.named.clear();
    newest
}

/// Lets `window_end` be the end of the whole window, which is no time by which other windows can be made, and leaves groups without an event in
/// the last step out until their window closes, where their newest event time is known.
pub(super) fn preview(bound: &mut BoundSelect, kind: WindowKind, newest: Option<Expr>) {
    let (every_us, size_us) = (kind.slide_us(), kind.size_us());
    let output = bound.output.iter_mut().map(|output| {
        output.role = TimeRole::None;
        &mut output.expr
    });
    let order = bound.order.iter_mut().flat_map(|order| &mut order.keys).map(|key| &mut key.value.0);
    let having = bound.having.iter_mut().map(|(having, _)| having);
    output.chain(order).chain(having).for_each(|expr| whole_end(expr, size_us));
    let Some(newest) = newest else { return };
    let ends = Node::Compare(Comparison::Equal, column(Behind::END), after(Behind::START, size_us));
    let is_new = Node::Compare(Comparison::GreaterOrEqual, Box::new(newest), after(Behind::END, -every_us));
    let is_updated = boolean(Node::Or(vec![boolean(ends), boolean(is_new)]));
    let text = format!("the window closes, or an event came in its last {}", describe(every_us));
    bound.having = Some(match bound.having.take() {
        Some(having) => and((is_updated, text), having),
        None => (is_updated, text),
    });
}

/// Replaces the end of the step by the end of the window.
fn whole_end(expr: &mut Expr, size_us: i64) {
    match expr.node {
        Node::Column(Behind::END) => *expr = *after(Behind::START, size_us),
        _ => expr.children_mut().into_iter().for_each(|child| whole_end(child, size_us)),
    }
}

fn column(at: usize) -> Box<Expr> {
    Box::new(Expr { node: Node::Column(at), data_type: DataType::Timestamp })
}

/// A bound of the window, moved.
fn after(bound: usize, us: i64) -> Box<Expr> {
    let us = Expr { node: Node::Literal(Value::Int64(us)), data_type: DataType::Int64 };
    let node = Node::Arithmetic(Arithmetic::Add, column(bound), Box::new(us));
    Box::new(Expr { node, data_type: DataType::Timestamp })
}

fn boolean(node: Node) -> Expr {
    Expr { node, data_type: DataType::Boolean }
}

/// A query that aggregates the rows of a preview.
pub(super) fn refused(read: &Relation, span: Span) -> Box<Problem> {
    let message = format!(
        "the rows of {} are a preview (EMIT ON UPDATE): windows, aggregates and OVER read rows of closed windows",
        read.describe()
    );
    Problem::new(span, message).help("write a view without EMIT ON UPDATE for them")
}
