//! Calls of the library: which function a name and its number of arguments mean.

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::convert::{self, Bound, BoundKind};
use super::expression::Expressions;
use crate::error::{Checked, Problem};
use crate::errors::{all, both};
use crate::expr::{Arithmetic, Expr, Function, Node};
use crate::library::Library;
use crate::types::{DataType, Value};

/// A name in SQL.
pub(super) struct Named {
    pub(super) name: &'static str,
    /// One for each number of arguments.
    functions: &'static [Library],
    pub(super) spelling: &'static str,
}

const fn named(name: &'static str, functions: &'static [Library], spelling: &'static str) -> Named {
    Named { name, functions, spelling }
}

/// What is called by its name with its arguments in order.
const NAMES: &[Named] = &[
    named(
        "substring",
        &[Library::Substring, Library::SubstringFor],
        "substring(text FROM start) or substring(text FROM start FOR length)",
    ),
    named(
        "substr",
        &[Library::Substring, Library::SubstringFor],
        "substr(text, start) or substr(text, start, length)",
    ),
    named("strpos", &[Library::Position], "strpos(text, 'part')"),
    named("replace", &[Library::Replace], "replace(text, 'from', 'to')"),
    named("starts_with", &[Library::StartsWith], "starts_with(text, 'start')"),
    named("left", &[Library::Left], "left(text, length)"),
    named("right", &[Library::Right], "right(text, length)"),
    named("reverse", &[Library::Reverse], "reverse(text)"),
    named("lpad", &[Library::PadStart], "lpad(text, length) or lpad(text, length, 'fill')"),
    named("rpad", &[Library::PadEnd], "rpad(text, length) or rpad(text, length, 'fill')"),
    named("sha256", &[Library::Sha256], "sha256(text)"),
    named("sqrt", &[Library::Sqrt], "sqrt(number)"),
    named("ln", &[Library::Ln], "ln(number)"),
    named("log10", &[Library::Log10], "log10(number)"),
    named("log", &[Library::Log10], "log(number), to the base 10; to another base ln(number) / ln(base)"),
    named("exp", &[Library::Exp], "exp(number)"),
    named("power", &[Library::Power], "power(number, exponent)"),
    named("pow", &[Library::Power], "pow(number, exponent)"),
    named("sign", &[Library::Sign], "sign(number)"),
    named(
        "to_timestamp",
        &[Library::FromSeconds],
        "to_timestamp(seconds); a text becomes a time by the FORMAT of its column",
    ),
];

/// The function of a name in lower case.
pub(super) fn find(name: &str) -> Option<&'static Named> {
    NAMES.iter().find(|named| named.name == name)
}

impl Named {
    /// The function that takes so many arguments.
    pub(super) fn function(&self, arguments: usize) -> Option<Library> {
        let takes = |function: &Library| {
            let most = function.entry().arguments.len();
            let least = if matches!(function, Library::PadStart | Library::PadEnd) { most - 1 } else { most };
            (least..=most).contains(&arguments)
        };
        self.functions.iter().copied().find(takes)
    }
}

impl Expressions<'_> {
    /// The call of a function with arguments of its types; what `lpad` fills with is a blank where nothing says more.
    pub(super) fn library(&mut self, function: Library, arguments: &[&Ast]) -> Checked<Bound> {
        let entry = function.entry();
        let given = arguments.iter().zip(entry.arguments).map(|(ast, of)| self.argument(ast, *of));
        let mut given = all(given)?;
        if given.len() < entry.arguments.len() {
            given.push(Bound::literal(Value::Text(" ".to_owned()), BoundKind::Typed).expr);
        }
        Ok(call(function, given))
    }

    pub(super) fn argument(&mut self, ast: &Ast, data_type: DataType) -> Checked<Expr> {
        let bound = self.bind(ast)?;
        convert::coerce(bound, data_type, self.span(ast))
    }

    /// `concat(a, b, ...)`: as texts, with nothing for NULL.
    pub(super) fn concat_all(&mut self, arguments: &[&Ast]) -> Checked<Bound> {
        let text = |expressions: &mut Self, ast: &Ast| {
            let bound = expressions.bind(ast)?;
            let text = convert::cast(bound, DataType::Text, expressions.span(ast))?;
            let nothing = Bound::literal(Value::Text(String::new()), BoundKind::Typed).expr;
            Ok(Expr { node: Node::Coalesce(vec![text, nothing]), data_type: DataType::Text })
        };
        let texts = all(arguments.iter().map(|ast| text(self, ast)))?;
        let joined = join(texts).map(|expr| Bound { expr, kind: BoundKind::Typed });
        joined.ok_or_else(|| Problem::new(self.here, "concat has no argument"))
    }

    /// `concat_ws(separator, a, b, ...)`: the texts of those that are not NULL with the separator between them. Each has the separator
    /// before it, and the first separator is cut off.
    pub(super) fn concat_with(&mut self, separator: &Ast, arguments: &[&Ast]) -> Checked<Bound> {
        let separator = self.argument(separator, DataType::Text)?;
        let text = |expressions: &mut Self, ast: &Ast| {
            let bound = expressions.bind(ast)?;
            let text = convert::cast(bound, DataType::Text, expressions.span(ast))?;
            let node = Node::Call(Function::Concat, vec![separator.clone(), text]);
            let separated = Expr { node, data_type: DataType::Text };
            let nothing = Bound::literal(Value::Text(String::new()), BoundKind::Typed).expr;
            Ok(Expr { node: Node::Coalesce(vec![separated, nothing]), data_type: DataType::Text })
        };
        let texts = all(arguments.iter().map(|ast| text(self, ast)))?;
        let Some(joined) = join(texts) else {
            return Err(Problem::new(self.here, "concat_ws has no text"));
        };
        let integer = |node| Expr { node, data_type: DataType::Int64 };
        let length = integer(Node::Call(Function::Length, vec![separator]));
        let one = integer(Node::Literal(Value::Int64(1)));
        let start = integer(Node::Arithmetic(Arithmetic::Add, Box::new(length), Box::new(one)));
        Ok(call(Library::Substring, vec![joined, start]))
    }

    /// `substring(text FROM start FOR length)`; FROM may be missing.
    pub(super) fn substring(
        &mut self,
        text: &Ast,
        start: Option<&Ast>,
        count: Option<&Ast>,
        span: Span,
    ) -> Checked<Bound> {
        if let Some(pattern) = start.filter(|start| is_text(start)) {
            return Err(Problem::new(self.span(pattern), "the start of a part is a number")
                .help(format!("for a regular expression write regexp_extract({text}, {pattern})")));
        }
        match (start, count) {
            (Some(start), Some(count)) => self.library(Library::SubstringFor, &[text, start, count]),
            (Some(start), None) => self.library(Library::Substring, &[text, start]),
            (None, Some(count)) => {
                let (text, count) =
                    both(self.argument(text, DataType::Text), self.argument(count, DataType::Int64))?;
                let first = Bound::literal(Value::Int64(1), BoundKind::Typed).expr;
                Ok(call(Library::SubstringFor, vec![text, first, count]))
            }
            (None, None) => Err(Problem::new(span, "`substring` does not take 1 argument")
                .help("write substring(text FROM start FOR length)")),
        }
    }
}

fn is_text(ast: &Ast) -> bool {
    matches!(ast, Ast::Value(value) if matches!(value.value, sqlparser::ast::Value::SingleQuotedString(_)))
}

pub(super) fn call(function: Library, arguments: Vec<Expr>) -> Bound {
    Bound::typed(Node::Call(Function::Library(function), arguments), function.entry().returns)
}

/// Texts one behind the other: halves of halves, so that many are not deep.
fn join(mut texts: Vec<Expr>) -> Option<Expr> {
    if texts.len() < 2 {
        return texts.pop();
    }
    let behind = join(texts.split_off(texts.len() / 2))?;
    let node = Node::Call(Function::Concat, vec![join(texts)?, behind]);
    Some(Expr { node, data_type: DataType::Text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_functions_of_one_number_of_arguments() {
        for named in NAMES {
            for count in 0..5 {
                let fitting =
                    named.functions.iter().filter(|function| function.entry().arguments.len() == count);
                assert!(fitting.count() <= 1, "{} {count}", named.name);
            }
        }
    }
}
