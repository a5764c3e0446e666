//! The columns of a query's result: their names, which INSERT may give.

use sqlparser::ast::Expr as Ast;

use super::expression::Expressions;
use super::function::call_name;
use super::query::{Behind, BoundOutput};
use super::relation::TimeRole;
use super::scope::Meaning;
use crate::error::{Checked, Problem};
use crate::errors::{Errors, both};
use crate::expr::{Expr, Node};
use crate::parse::name::Name;
use crate::parse::select::{Select, Written};
use crate::types::{DataType, Value};

/// The result's columns, no two of one name.
pub(super) struct Outputs<'a> {
    list: Vec<BoundOutput>,
    /// INSERT INTO sink (a, b): what they are called, in their order.
    names: Option<&'a [Name]>,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(select: &'a Select) -> Self {
        Self { list: Vec::new(), names: select.names.as_deref() }
    }

    /// The columns; as many as INSERT names.
    pub(super) fn finish(self) -> Checked<Vec<BoundOutput>> {
        match self.names.and_then(|names| names.get(self.list.len())) {
            Some(name) => {
                let message = format!(
                    "INSERT names the column `{}`, and the SELECT has {} columns",
                    name.text,
                    self.list.len()
                );
                Err(Problem::new(name.span, message)
                    .help("each name is of the column at its place: write as many as the SELECT has"))
            }
            None => Ok(self.list),
        }
    }

    /// As [`Self::push`]. Of an item that has no value, the name is looked at where it has one.
    pub(super) fn push_checked(
        &mut self,
        expressions: &Expressions<'_>,
        written: &Written,
        alias: Option<&Name>,
        expr: Checked<Expr>,
    ) -> Checked<()> {
        let problem = match expr {
            Ok(expr) => return self.push(expressions, written, alias, expr),
            Err(problem) => problem,
        };
        let expr = Expr { node: Node::Literal(Value::Null), data_type: DataType::Text };
        let (text, role) = (String::new(), TimeRole::None);
        let named = match alias {
            Some(alias) => self.add(BoundOutput { name: alias.clone(), expr, text, role }),
            None => {
                let name = Name { text: String::new(), quoted: true, span: written.span };
                self.list.push(BoundOutput { name, expr, text, role });
                Ok(())
            }
        };
        both(Err(problem), named).map(|((), ())| ())
    }

    pub(super) fn push(
        &mut self,
        expressions: &Expressions<'_>,
        written: &Written,
        alias: Option<&Name>,
        expr: Expr,
    ) -> Checked<()> {
        let name = match alias {
            Some(alias) => alias.clone(),
            // It gets the name from INSERT.
            None if self.names.is_some() => Name { text: String::new(), quoted: false, span: written.span },
            None => default_name(expressions, written, self.list.len() + 1)?,
        };
        let role = match (&expr.node, expressions.scope.windows) {
            (&Node::Column(Behind::END), Some(windows)) if windows.kind.has_bounds() => TimeRole::WindowEnd,
            (&Node::Column(at), None) => {
                expressions.scope.relation.columns.get(at).map_or(TimeRole::None, |column| column.role)
            }
            _ => TimeRole::None,
        };
        self.add(BoundOutput { name, expr, text: written.expr.to_string(), role })
    }

    pub(super) fn add(&mut self, mut output: BoundOutput) -> Checked<()> {
        let mut errors = Errors::default();
        if let Some(names) = self.names {
            match names.get(self.list.len()) {
                Some(name) => output.name = name.clone(),
                None => {
                    let message = format!("the SELECT has more columns than INSERT names ({})", names.len());
                    return Err(Problem::new(output.name.span, message)
                        .help("each name is of the column at its place: write as many as the SELECT has"));
                }
            }
        }
        if self.list.iter().any(|before| before.name.clashes(&output.name)) {
            let Name { text, span, .. } = &output.name;
            let problem = Problem::new(*span, format!("two columns of the result have the name `{text}`"));
            errors.push(match self.names {
                Some(_) => problem.help("give one of them another name"),
                None => problem.help(format!("give one of them another name: ... AS {text}_2")),
            });
        }
        self.list.push(output);
        errors.end()
    }
}

/// A column keeps its name, a call takes that of its function.
fn default_name(expressions: &Expressions<'_>, written: &Written, number: usize) -> Checked<Name> {
    let unquoted = |text: String| Name { text, quoted: false, span: written.span };
    let mut ast = &written.expr;
    while let Ast::Nested(inner) = ast {
        ast = inner;
    }
    let column = match ast {
        Ast::Identifier(ident) => std::slice::from_ref(ident),
        Ast::CompoundIdentifier(parts) => parts.as_slice(),
        Ast::Function(call) => return call_name(call, written.span).map(unquoted),
        Ast::Ceil { .. } => return Ok(unquoted("ceil".to_owned())),
        Ast::Trim { .. } => return Ok(unquoted("trim".to_owned())),
        Ast::Floor { .. } => return Ok(unquoted("floor".to_owned())),
        _ => &[],
    };
    let Some(ident) = column.last() else { return Ok(unquoted(format!("column_{number}"))) };
    Ok(match expressions.scope.find_qualified(column)? {
        Some(Meaning::Column(at)) => match expressions.scope.relation.columns.get(at) {
            Some(column) => Name { span: written.span, ..column.name.clone() },
            None => unquoted(ident.value.clone()),
        },
        Some(Meaning::WindowStart) => unquoted("window_start".to_owned()),
        Some(Meaning::WindowEnd) => unquoted("window_end".to_owned()),
        None => unquoted(ident.value.clone()),
    })
}
