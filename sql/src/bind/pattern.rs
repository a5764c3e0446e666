//! Regular expressions: constants that are checked when the query is compiled.

use regex_syntax::ast::parse::Parser;
use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;
use streamgauge_functions::pattern;

use super::convert::{Bound, BoundKind};
use super::doubtful::constant;
use super::expression::Expressions;
use super::library::call;
use crate::error::{Checked, Problem};
use crate::errors::both;
use crate::expr::{Expr, Node};
use crate::library::Library;
use crate::types::{DataType, Value};

const SYNTAX: &str = "the syntax is that of the Rust crate `regex`: without look-around and references back, so that its time is linear";

impl Expressions<'_> {
    /// `text ~ pattern`, and `!~`, `~*`, `!~*`.
    pub(super) fn matches(
        &mut self,
        text: &Ast,
        pattern: &Ast,
        is_insensitive: bool,
        is_negated: bool,
    ) -> Checked<Bound> {
        let (text, (pattern, _)) =
            both(self.argument(text, DataType::Text), self.pattern(pattern, is_insensitive))?;
        let Bound { expr, kind } = call(Library::Matches, vec![text, pattern]);
        if !is_negated {
            return Ok(Bound { expr, kind });
        }
        Ok(Bound::typed(Node::Not(Box::new(expr)), DataType::Boolean))
    }

    /// `regexp_extract(text, pattern [, group])`
    pub(super) fn regexp_extract(
        &mut self,
        text: &Ast,
        pattern: &Ast,
        group: Option<&Ast>,
    ) -> Checked<Bound> {
        let number = match group {
            Some(group) => self.argument(group, DataType::Int64),
            None => Ok(Bound::literal(Value::Int64(0), BoundKind::Typed).expr),
        };
        let given = both(self.argument(text, DataType::Text), self.pattern(pattern, false));
        let ((text, (pattern, groups)), number) = both(given, number)?;
        if let (Node::Literal(Value::Int64(wanted)), Some(groups), Some(ast)) = (&number.node, groups, group)
            && !(0..groups).contains(wanted)
        {
            let message = format!("the pattern has no group {wanted}");
            let help = match groups {
                1 => "it has no groups in parentheses; 0 is all that it matches".to_owned(),
                groups => format!("its groups are 1 to {}; 0 is all that it matches", groups - 1),
            };
            return Err(Problem::new(self.span(ast), message).help(help));
        }
        Ok(call(Library::Extract, vec![text, pattern, number]))
    }

    /// `regexp_replace(text, pattern, to [, flags])`, with the flags `g`, all matches, and `i`, no notice of case.
    pub(super) fn regexp_replace(
        &mut self,
        text: &Ast,
        pattern: &Ast,
        to: &Ast,
        flags: Option<&Ast>,
    ) -> Checked<Bound> {
        let (is_global, is_insensitive) = match flags {
            Some(flags) => self.replace_flags(flags)?,
            None => (false, false),
        };
        let texts = both(self.argument(text, DataType::Text), self.argument(to, DataType::Text));
        let ((text, to), (pattern, _)) = both(texts, self.pattern(pattern, is_insensitive))?;
        let all = Bound::literal(Value::Int64(i64::from(is_global)), BoundKind::Typed).expr;
        Ok(call(Library::PatternReplace, vec![text, pattern, to, all]))
    }

    fn replace_flags(&mut self, ast: &Ast) -> Checked<(bool, bool)> {
        let expr = self.argument(ast, DataType::Text)?;
        match constant(&expr) {
            Some(Value::Text(flags)) if flags.chars().all(|flag| "gi".contains(flag)) => {
                Ok((flags.contains('g'), flags.contains('i')))
            }
            _ => Err(Problem::new(self.span(ast), "the flags of regexp_replace are 'g', 'i' or both, as a constant")
                .help("'g' replaces every match and not only the first, 'i' takes no notice of case; other flags stand in the pattern, as (?s)")),
        }
    }

    /// A pattern and how many groups it has, that of all of it included; none of NULL.
    fn pattern(&mut self, ast: &Ast, is_insensitive: bool) -> Checked<(Expr, Option<i64>)> {
        let expr = self.argument(ast, DataType::Text)?;
        let span = self.span(ast);
        let text = match constant(&expr) {
            Some(Value::Text(text)) => text,
            Some(Value::Null) => return Ok((expr, None)),
            _ => {
                return Err(Problem::new(span, "a regular expression is a constant")
                    .help("write it in quotes; for texts of columns there are strpos(text, part) and LIKE"));
            }
        };
        let pattern = if is_insensitive { format!("(?i){text}") } else { text.clone() };
        let Some(compiled) = pattern::compile(&pattern) else { return Err(wrong(&text, span)) };
        let groups = i64::try_from(compiled.captures_len()).ok();
        Ok((Bound::literal(Value::Text(pattern), BoundKind::Typed).expr, groups))
    }
}

/// Why a text is no pattern.
fn wrong(text: &str, span: Span) -> Box<Problem> {
    let why = match Parser::new().parse(text) {
        Err(error) => {
            let place = error.span().start.offset;
            let before = text.get(..place).map_or(0, |before| before.chars().count());
            format!("{} (at character {})", error.kind(), before + 1)
        }
        Ok(tree) => match regex_syntax::hir::translate::Translator::new().translate(text, &tree) {
            Err(error) => error.kind().to_string(),
            Ok(_) => "it becomes larger than a MiB when it is compiled".to_owned(),
        },
    };
    Problem::new(span, format!("'{text}' is no regular expression: {why}")).help(SYNTAX)
}
