//! `CREATE AGGREGATE name FROM 'file.wasm' [WITH (...)]`, and CREATE CONNECTOR likewise.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::name::Name;
use super::options::{self, OptionDef};
use super::statement;
use crate::error::{Checked, Problem};

/// A plugin of the user's own as it is declared.
#[derive(Clone, Debug)]
pub(crate) struct PluginDef {
    pub(crate) name: Name,
    /// What stands behind FROM.
    pub(crate) from: String,
    pub(crate) from_span: Span,
    pub(crate) options: Vec<OptionDef>,
}

/// Reads it behind `CREATE AGGREGATE` or `CREATE CONNECTOR`; `kind` is that word in lower case.
pub(super) fn parse(cursor: &mut Cursor, kind: &str) -> Checked<PluginDef> {
    let name = cursor.name(&format!("the name of the {kind}"))?;
    if *cursor.peek() == Token::LParen {
        let help = format!("write CREATE {} {} FROM 'file.wasm'", kind.to_uppercase(), name.text);
        return Err(Problem::new(cursor.span(), "the component itself describes what it takes").help(help));
    }
    cursor.expect_word("from")?;
    let from_span = cursor.span();
    let from = cursor.text("the component's file in single quotes")?;
    let options = if cursor.accept_word("with") { options::parse(cursor)? } else { Vec::new() };
    statement::end(cursor)?;
    Ok(PluginDef { name, from, from_span, options })
}
