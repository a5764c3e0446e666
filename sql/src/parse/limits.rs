//! What a statement may be at most, checked before anything recurses over it.
//!
//! Parsing, binding and dropping a tree recurse as deep as the tree is. Nesting is counted on tokens, so neither
//! `sqlparser` nor we ever see a tree that could overflow the stack.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token};

use super::tokens::Piece;
use crate::error::{Checked, Problem};

/// How long SQL may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlLimits {
    /// `max_sql_bytes`: bytes of a statement.
    pub statement_bytes_max: usize,
    /// `max_sql_file_bytes`: bytes of a file.
    pub file_bytes_max: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { statement_bytes_max: 16 << 10, file_bytes_max: 1 << 20 }
    }
}

/// Words, numbers, texts and signs in a statement.
const MAX_TOKENS: usize = 2_000;
/// Parentheses, CASE, NOT and signs inside each other.
const MAX_NESTING: usize = 50;

pub(super) fn check_text(text: &str, limits: &SqlLimits) -> Checked<()> {
    let bytes_max = limits.file_bytes_max;
    if text.len() <= bytes_max {
        return Ok(());
    }
    let start = Span::new(Location::new(1, 1), Location::new(1, 2));
    let message =
        format!("the file has {} bytes: at most {bytes_max} are allowed (`max_sql_file_bytes`)", text.len());
    Err(Problem::new(start, message)
        .help("split it into several files, or raise it by --limit max_sql_file_bytes=N"))
}

pub(super) fn check(piece: &Piece, limits: &SqlLimits) -> Checked<()> {
    let (bytes, bytes_max) = (piece.sql.len(), limits.statement_bytes_max);
    if bytes > bytes_max {
        let message =
            format!("the statement has {bytes} bytes: at most {bytes_max} are allowed (`max_sql_bytes`)");
        return Err(Problem::new(first(piece), message).help(
            "split it, for example into a view and an INSERT from it, or raise it by --limit max_sql_bytes=N",
        ));
    }
    if let Some(token) = piece.tokens.get(MAX_TOKENS) {
        let message = format!(
            "the statement has {} words and signs: at most {MAX_TOKENS} are allowed",
            piece.tokens.len()
        );
        return Err(
            Problem::new(token.span, message).help("split it, for example into a view and an INSERT from it")
        );
    }
    check_nesting(piece)
}

fn check_nesting(piece: &Piece) -> Checked<()> {
    let mut depth = 0_usize;
    let mut prefixes = 0;
    for token in &piece.tokens {
        prefixes = if is_prefix(&token.token) { prefixes + 1 } else { 0 };
        if opens(&token.token) {
            depth += 1;
        } else if closes(&token.token) {
            depth = depth.saturating_sub(1);
        }
        if depth + prefixes > MAX_NESTING {
            let message = format!("nested too deeply: at most {MAX_NESTING} levels are allowed");
            return Err(Problem::new(token.span, message).help("compute the inner part in a view of its own"));
        }
    }
    Ok(())
}

fn is_prefix(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(word.keyword, Keyword::NOT | Keyword::INTERVAL | Keyword::PRIOR),
        token => matches!(token, Token::Minus | Token::Plus | Token::Tilde),
    }
}

fn opens(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::CASE,
        token => matches!(token, Token::LParen | Token::LBracket | Token::LBrace),
    }
}

fn closes(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::END,
        token => matches!(token, Token::RParen | Token::RBracket | Token::RBrace),
    }
}

fn first(piece: &Piece) -> Span {
    piece.tokens.first().map_or(piece.end, |token| token.span)
}
