//! Step 1: text to statements with places.
//!
//! `sqlparser` cuts the text into tokens and parses expressions; the statements and clauses around them are ours
//! ([`statement`], [`select`]), so that every word of a statement is looked at and what is not in the language yet is
//! refused by name. [`limits`] are checked on tokens, before anything recurses.

mod limits;
pub(crate) mod tokens;
pub(crate) mod secret;
pub(crate) mod dialect;
mod cursor;
pub(crate) mod statement;
pub(crate) mod name;
pub(crate) mod source;
pub(crate) mod table;
pub(crate) mod plugin;
pub(crate) mod data_type;
pub(crate) mod duration;
pub(crate) mod options;
pub(crate) mod select;
pub(crate) mod grouping;
pub(crate) mod order;
pub(crate) mod from;
pub(crate) mod join;
pub(crate) mod refused;

use crate::error::Checked;

pub(crate) use cursor::is_word;
pub use limits::SqlLimits;
pub use name::nearest;
pub(crate) use statement::Statement;

/// A statement, or what is wrong with it.
pub(crate) struct Parsed {
    pub(crate) statement: Checked<Statement>,
    /// The name that it declares, if that could be read: what reads it is not reported again.
    pub(crate) declares: Option<String>,
}

/// What some editors put at the start of a file.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The statements of one file in order. After an error in the tokens nothing more is known.
pub(crate) fn parse(text: &str, limits: &SqlLimits) -> Vec<Parsed> {
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let broken = |problem| vec![Parsed { statement: Err(problem), declares: None }];
    if let Err(problem) = limits::check_text(text, limits) {
        return broken(problem);
    }
    match tokens::split(text) {
        Ok(pieces) => pieces.into_iter().map(|piece| parse_piece(piece, limits)).collect(),
        Err(problem) => broken(problem),
    }
}

fn parse_piece(piece: tokens::Piece, limits: &SqlLimits) -> Parsed {
    let declares = statement::declared_name(&piece.tokens);
    let statement = limits::check(&piece, limits).and_then(|()| statement::parse(piece));
    Parsed { statement, declares }
}
