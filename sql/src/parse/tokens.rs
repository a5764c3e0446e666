//! A file cut into statements: tokens with places, without space and comments.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::Streamgauge;
use crate::error::{Checked, Problem};

/// One statement; its `;` is taken off.
pub(super) struct Piece {
    pub(super) tokens: Vec<TokenWithSpan>,
    /// As it was written.
    pub(super) sql: String,
    /// The place behind its last token.
    pub(super) end: Span,
}

/// Where to put names that stand in backticks elsewhere.
pub(super) const NO_BACKTICKS: &str = "names stand in double quotes or in none, not in backticks";

/// The first name in backticks.
pub(super) fn backtick(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    tokens.iter().find(|token| matches!(&token.token, Token::Word(word) if word.quote_style == Some('`')))
}

/// The tokens of a file, with space and comments.
pub(crate) fn cut(text: &str) -> Checked<Vec<TokenWithSpan>> {
    Tokenizer::new(&Streamgauge, text).tokenize_with_location().map_err(|error| {
        let problem = Problem::new(Span::new(error.location, error.location), error.message.to_lowercase());
        match problem.message.contains("string literal") {
            true => problem.help("a text ends with a single quote; a quote inside of it is written twice"),
            false if problem.message.contains('`') => problem.help(NO_BACKTICKS),
            false => problem,
        }
    })
}

/// The tokens of a file, without space and comments.
pub(crate) fn words(text: &str) -> Checked<Vec<TokenWithSpan>> {
    let mut tokens = cut(text)?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    Ok(tokens)
}

pub(super) fn split(text: &str) -> Checked<Vec<Piece>> {
    let words = words(text)?;
    let offsets = Offsets::new(text);
    let statements = words.split(|token| token.token == Token::SemiColon).filter(|tokens| !tokens.is_empty());
    Ok(statements.map(|tokens| piece(text, &offsets, tokens)).collect())
}

fn piece(text: &str, offsets: &Offsets, tokens: &[TokenWithSpan]) -> Piece {
    let (start, end) = match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => (first.span.start, last.span.end),
        _ => (Location::empty(), Location::empty()),
    };
    let sql = text.get(offsets.find(text, start)..offsets.find(text, end)).unwrap_or_default().to_owned();
    Piece { tokens: tokens.to_vec(), sql, end: Span::new(end, Location::new(end.line, end.column + 1)) }
}

/// Where a line begins in the text.
pub(crate) struct Offsets(Vec<usize>);

impl Offsets {
    pub(crate) fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The byte at a place.
    pub(crate) fn find(&self, text: &str, place: Location) -> usize {
        let line = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(place.column).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.0.get(line).copied().unwrap_or(text.len());
        let rest = text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}

/// In a query, words that are names and nothing else: what stands behind a dot, and `timestamp`, `time`, `start`, ...
/// where no type can stand. `sqlparser` would try them as keywords first.
pub(super) fn clear_keywords(tokens: &mut [TokenWithSpan]) {
    let mut before = Token::EOF;
    for at in 0..tokens.len() {
        let next = tokens.get(at + 1).map(|token| token.token.clone());
        let Some(token) = tokens.get_mut(at) else { break };
        if let Token::Word(word) = &mut token.token
            && (before == Token::Period || (is_soft(word.keyword) && !is_type(&before, next.as_ref())))
            && !(word.keyword == Keyword::POSITION && next == Some(Token::LParen))
        {
            word.keyword = Keyword::NoKeyword;
        }
        before = token.token.clone();
    }
}

fn is_soft(keyword: Keyword) -> bool {
    use Keyword::{DATE, DATETIME, DOUBLE, KEY, OFFSET, POSITION, START, TEXT, TIME, TIMESTAMP, USER, VALUE};
    matches!(
        keyword,
        TIMESTAMP | TIME | DATE | DATETIME | START | VALUE | USER | KEY | POSITION | TEXT | DOUBLE | OFFSET
    )
}

/// `TIMESTAMP '...'`, `CAST(x AS TIMESTAMP)`, `x::timestamp`.
fn is_type(before: &Token, next: Option<&Token>) -> bool {
    let behind_cast = match before {
        Token::Word(word) => word.keyword == Keyword::AS,
        before => *before == Token::DoubleColon,
    };
    let before_text = match next {
        Some(Token::Word(word)) => matches!(word.keyword, Keyword::WITH | Keyword::WITHOUT | Keyword::ZONE),
        next => matches!(next, Some(Token::SingleQuotedString(_))),
    };
    behind_cast || before_text
}
