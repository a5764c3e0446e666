//! JOIN: a table whose rows a query looks up by their key.
//!
//! Behind the columns of what a query reads stand the columns of its tables, in the order of its joins. A row without a match has NULL there.
//! JOIN without LEFT leaves such rows out, which is a condition of WHERE: the key of the table is NULL in no other row.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr as Ast};
use sqlparser::tokenizer::Span;

use super::Binder;
use super::query::Computed;
use super::relation::{Relation, RelationColumn, TimeRole};
use super::row_view::and;
use super::scope::{Joined, Meaning, Scope};
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::manifest::{Field, SourceColumn, Table};
use crate::parse::from::From;
use crate::parse::join::{Join, USAGE};
use crate::parse::name::{Name, nearest, same};
use crate::path;
use crate::types::DataType;

/// A table whose rows are looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BoundJoin {
    pub(crate) table: String,
    /// The column with the key to look for: of the relation, or of a table that is joined before.
    pub(crate) key: usize,
    /// What the key of the table is: its name, type and path.
    pub(crate) table_key: String,
    /// All columns of the table.
    pub(crate) columns: Vec<Field>,
    /// Where each of them is in a row of the table.
    pub(crate) paths: Vec<String>,
    /// Where it stands.
    pub(crate) span: Span,
}

/// What a query reads with the tables that it joins.
pub(super) struct JoinedRelation {
    /// With the columns of the tables behind its own.
    pub(super) relation: Relation,
    /// The names of the tables.
    pub(super) tables: Vec<Joined>,
    pub(super) joins: Vec<BoundJoin>,
    /// What JOIN without LEFT keeps.
    pub(super) filter: Option<Computed>,
}

impl Binder<'_> {
    /// Binds the joins of a query over a relation.
    pub(super) fn bind_joins(&self, from: &From, relation: &Relation) -> Checked<JoinedRelation> {
        let relation = relation.clone();
        let mut joined = JoinedRelation { relation, tables: Vec::new(), joins: Vec::new(), filter: None };
        for join in &from.joins {
            let table = self.find_table(&join.table)?;
            joined.add(join, table, from.alias.as_ref())?;
        }
        Ok(joined)
    }

    fn find_table(&self, name: &Name) -> Checked<&Table> {
        if let Some(table) = self.tables.iter().find(|table| name.means(&table.name)) {
            return Ok(table);
        }
        self.check_broken(name)?;
        let mut relations = self.named.iter().chain(&self.relations);
        if let Some(relation) = relations.find(|relation| name.means(&relation.name)) {
            return Err(Problem::new(
                name.span,
                format!("{} cannot be joined: only tables can", relation.describe()),
            )
            .help("for reference data write CREATE TABLE; joins of two sources are not in the language yet: let the producer put the fields into one event"));
        }
        let problem = Problem::new(name.span, format!("there is no table `{}`", name.text));
        if self.declared.iter().any(|declared| name.means(declared)) {
            return Err(
                problem.help("it is declared further down: move its CREATE statement before this one")
            );
        }
        Err(match nearest(&name.text, self.tables.iter().map(|table| table.name.as_str())) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help(format!(
                "declare it: CREATE TABLE {} (key TEXT PRIMARY KEY, ...) WITH (connector = 'file', ...)",
                name.text
            )),
        })
    }
}

impl JoinedRelation {
    fn add(&mut self, join: &Join, table: &Table, alias: Option<&Name>) -> Checked<()> {
        let name = join.alias.as_ref().unwrap_or(&join.table);
        let own = alias.map_or(self.relation.name.as_str(), |alias| alias.text.as_str());
        if same(&name.text, own) || self.tables.iter().any(|other| same(&other.name.text, &name.text)) {
            return Err(Problem::new(name.span, format!("this query reads two things as `{}`", name.text))
                .help(format!("give one of them another name: JOIN {} AS t", table.name)));
        }
        let first = self.relation.columns.len();
        let columns = table.columns.iter().map(|column| RelationColumn {
            name: Name { text: column.name.clone(), quoted: false, span: join.table.span },
            data_type: column.data_type,
            role: TimeRole::None,
        });
        self.relation.columns.extend(columns);
        self.tables.push(Joined { name: name.clone(), columns: first..self.relation.columns.len() });
        let key = self.key(join, (table, first), alias)?;
        if !join.keeps_unmatched {
            let is_there = matches_key(table, first, &name.text);
            self.filter = Some(match self.filter.take() {
                Some(before) => and(before, is_there),
                None => is_there,
            });
        }
        let field = |column: &SourceColumn| Field { name: column.name.clone(), data_type: column.data_type };
        let table_key = table.columns.get(table.key);
        let table_key =
            table_key.map(|key| format!("{} {} at {}", key.name, key.data_type, path::spell(&key.path)));
        self.joins.push(BoundJoin {
            table: table.name.clone(),
            key,
            table_key: table_key.unwrap_or_default(),
            columns: table.columns.iter().map(field).collect(),
            paths: table.columns.iter().map(|column| path::spell(&column.path)).collect(),
            span: join.span,
        });
        Ok(())
    }

    /// The column with the key to look for in a table whose columns begin at `first`.
    fn key(&self, join: &Join, (table, first): (&Table, usize), alias: Option<&Name>) -> Checked<usize> {
        let scope = Scope { relation: &self.relation, alias, joined: &self.tables, windows: None };
        let Some((left, right)) = equality(&join.on.expr) else {
            let message =
                format!("the table `{}` is joined on its key, by one equality of columns", table.name);
            return Err(Problem::new(join.on.span, message).help(USAGE));
        };
        let (left, right) = (column(&scope, left)?, column(&scope, right)?);
        let range = first..first + table.columns.len();
        let (outer, inner) = match (range.contains(&left), range.contains(&right)) {
            (false, true) => (left, right),
            (true, false) => (right, left),
            _ => {
                let message =
                    format!("a join compares a column of `{}` with one of what stands before it", table.name);
                return Err(Problem::new(join.on.span, message).help(USAGE));
            }
        };
        let key_name = table.columns.get(table.key).map_or("", |column| column.name.as_str());
        let name = |at: usize| self.relation.columns.get(at).map_or("", |column| column.name.text.as_str());
        if inner != first + table.key {
            let message = format!("`{}` is not the key of the table `{}`", name(inner), table.name);
            return Err(Problem::new(join.on.span, message)
                .help(format!("its PRIMARY KEY is `{key_name}`: a table is joined on that")));
        }
        let data_type = |at: usize| self.relation.columns.get(at).map(|column| column.data_type);
        if let (Some(found), Some(wanted)) = (data_type(outer), data_type(inner))
            && found != wanted
        {
            let message = format!(
                "`{}` is {found}, and the key `{key_name}` of the table `{}` is {wanted}",
                name(outer),
                table.name
            );
            return Err(Problem::new(join.on.span, message).help("declare both as TEXT, or both as BIGINT"));
        }
        Ok(outer)
    }
}

/// The two sides of `a = b`.
fn equality(ast: &Ast) -> Option<(&Ast, &Ast)> {
    match ast {
        Ast::Nested(inner) => equality(inner),
        Ast::BinaryOp { left, op: BinaryOperator::Eq, right } => is_column(left).zip(is_column(right)),
        _ => None,
    }
}

fn is_column(ast: &Ast) -> Option<&Ast> {
    match ast {
        Ast::Nested(inner) => is_column(inner),
        Ast::Identifier(_) => Some(ast),
        Ast::CompoundIdentifier(parts) => (parts.len() == 2).then_some(ast),
        _ => None,
    }
}

fn column(scope: &Scope<'_>, ast: &Ast) -> Checked<usize> {
    let (range, name): (Range<usize>, Name) = match ast {
        Ast::CompoundIdentifier(parts) => match parts.as_slice() {
            [qualifier, column] => (scope.check_qualifier(&Name::new(qualifier))?, Name::new(column)),
            _ => unreachable!("a column has one name before its own"),
        },
        Ast::Identifier(ident) => (0..scope.relation.columns.len(), Name::new(ident)),
        _ => unreachable!("both sides are columns"),
    };
    match scope.column_in(&name, range)? {
        Some(Meaning::Column(at)) => Ok(at),
        _ => Err(scope.unknown(&name, name.span)),
    }
}

/// Whether a row of the table was found.
fn matches_key(table: &Table, first: usize, name: &str) -> Computed {
    let (key, data_type) = table
        .columns
        .get(table.key)
        .map_or(("", DataType::Text), |column| (column.name.as_str(), column.data_type));
    let key_column = Expr { node: Node::Column(first + table.key), data_type };
    let boolean = |node| Expr { node, data_type: DataType::Boolean };
    let is_null = boolean(Node::IsNull(Box::new(key_column)));
    (boolean(Node::Not(Box::new(is_null))), format!("{name}.{key} IS NOT NULL"))
}
