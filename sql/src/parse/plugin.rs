//! `CREATE AGGREGATE name FROM 'file.wasm' [WITH (...)]`.

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

/// Reads it behind `CREATE AGGREGATE`.
pub(super) fn parse(cursor: &mut Cursor) -> Checked<PluginDef> {
    let name = cursor.name("the name of the aggregate")?;
    if *cursor.peek() == Token::LParen {
        return Err(Problem::new(
            cursor.span(),
            "an aggregate has the arguments that its component describes",
        )
        .help(format!("write CREATE AGGREGATE {} FROM 'file.wasm'", name.text)));
    }
    cursor.expect_word("from")?;
    let from_span = cursor.span();
    let from = cursor.text("the component's file in single quotes")?;
    let options = if cursor.accept_word("with") { options::parse(cursor)? } else { Vec::new() };
    statement::end(cursor)?;
    Ok(PluginDef { name, from, from_span, options })
}
