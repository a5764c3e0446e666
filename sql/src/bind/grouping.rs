//! GROUPING SETS, ROLLUP and CUBE: by which keys each row of a query is grouped, and `grouping(key)`.
//!
//! A group's key has one more part then, the *set number*: bit `i` is set where key `i` is left out of the group's set. It tells a total
//! from a group whose key is NULL, and orders totals behind it.

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::convert::{Bound, BoundKind};
use super::expression::{Clause, Expressions};
use super::query::Computed;
use crate::error::{Checked, Problem};
use crate::errors::all;
use crate::expr::{Arithmetic, Expr, Node};
use crate::parse::select::Select;
use crate::types::{DataType, Value};

/// The number of the column with the set number, among those that expressions name.
pub(crate) const SET_NUMBER: usize = usize::MAX;
/// How many keys there may be beside grouping sets: the set number is a BIGINT.
const KEYS_MAX: usize = 62;

/// What an item of GROUP BY is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupItem {
    /// A bound of the window, which every group has.
    Bound,
    /// The key of this number.
    Key(usize),
}

/// The numbers of the grouping sets of a query, and the set number as the last of its keys; none where it has one set.
pub(super) fn sets(select: &Select, items: &[GroupItem], keys: &mut Vec<Computed>) -> Checked<Vec<i64>> {
    let Some(written) = &select.group_by.sets else { return Ok(Vec::new()) };
    if keys.len() > KEYS_MAX {
        return Err(Problem::new(written.span, format!("more than {KEYS_MAX} columns beside grouping sets"))
            .help("group by fewer columns"));
    }
    let has_bounds = |set: &Vec<usize>| set.iter().any(|&item| items.get(item) == Some(&GroupItem::Bound));
    let bounded = written.list.iter().filter(|set| has_bounds(set)).count();
    if bounded != 0 && bounded != written.list.len() {
        return Err(Problem::new(written.span, "every group is of one window, and a grouping set leaves the window out")
            .help("write GROUP BY window_start, window_end, ROLLUP (a, b): the window beside the sets, or leave it out"));
    }
    let every = (1_i64 << keys.len()) - 1;
    let number = |set: &Vec<usize>| {
        set.iter().fold(every, |number, &item| match items.get(item) {
            Some(&GroupItem::Key(key)) => number & !(1 << key),
            _ => number,
        })
    };
    let numbers: Vec<i64> = written.list.iter().map(number).collect();
    let is_twice = |(at, number): (usize, &i64)| numbers.iter().take(at).any(|before| before == number);
    if numbers.iter().enumerate().any(is_twice) {
        return Err(Problem::new(
            written.span,
            "two grouping sets have the same columns, so each of their rows would come twice",
        )
        .help("name each set once in GROUPING SETS ((a, b), (a), ())"));
    }
    if numbers == [0] {
        return Ok(Vec::new());
    }
    keys.push((set_number(), "the grouping set".to_owned()));
    Ok(numbers)
}

fn set_number() -> Expr {
    Expr { node: Node::Column(SET_NUMBER), data_type: DataType::Int64 }
}

impl Expressions<'_> {
    /// `grouping(a, b)`: a bit for each argument, the last one's lowest, that is 1 where the row's set leaves the key out.
    pub(super) fn grouping(&mut self, arguments: &[&Ast], span: Span) -> Checked<Bound> {
        if self.clause != Clause::Group {
            return Err(Problem::new(
                span,
                "`grouping` tells of groups, and this is no place behind GROUP BY",
            )
            .help("write it in the SELECT list, HAVING or ORDER BY of a query with GROUP BY"));
        }
        if arguments.is_empty() || arguments.len() > KEYS_MAX {
            return Err(Problem::new(span, "`grouping` takes one column of GROUP BY or several")
                .help("write grouping(model)"));
        }
        let (use_aliases, named) = (std::mem::replace(&mut self.use_aliases, false), self.named.len());
        let bound = all(arguments.iter().map(|argument| self.bind(argument).map(|bound| bound.expr)));
        self.use_aliases = use_aliases;
        self.named.truncate(named);
        let keys = &self.grouping_keys;
        let places = bound?.into_iter().zip(arguments).map(|(expr, argument)| {
            keys.iter().position(|key| *key == expr).ok_or_else(|| {
                Problem::new(self.span(argument), format!("`{argument}` is no column of GROUP BY"))
                    .help("grouping(column) takes what stands in GROUP BY, written as it stands there")
            })
        });
        let places = all(places)?;
        let bits = places.into_iter().rev().zip(0_u32..).map(|(key, bit)| self.grouping_bit(key, bit));
        let sum = |a, b| integer(Node::Arithmetic(Arithmetic::Add, Box::new(a), Box::new(b)));
        let Some(expr) = bits.reduce(sum) else { unreachable!("there is an argument") };
        Ok(Bound { expr, kind: BoundKind::Typed })
    }

    /// Whether the set of a row leaves a key out, as this bit.
    fn grouping_bit(&self, key: usize, bit: u32) -> Expr {
        if !self.has_sets {
            return number(0);
        }
        let operation = |operator, left: Expr, right: i64| {
            integer(Node::Arithmetic(operator, Box::new(left), Box::new(number(right))))
        };
        let shifted = match key {
            0 => set_number(),
            key => operation(Arithmetic::Divide, set_number(), 1 << key),
        };
        let own = operation(Arithmetic::Remainder, shifted, 2);
        if bit == 0 { own } else { operation(Arithmetic::Multiply, own, 1 << bit) }
    }
}

fn number(number: i64) -> Expr {
    integer(Node::Literal(Value::Int64(number)))
}

fn integer(node: Node) -> Expr {
    Expr { node, data_type: DataType::Int64 }
}
