//! Our dialect of SQL, as far as tokens and expressions go.

use sqlparser::ast::{CastKind, DateTimeField, Expr, Ident, Interval, TrimWhereField, Value};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::duration;

/// Standard SQL with FILTER and INTERVALs in every spelling of [`duration`].
#[derive(Debug)]
pub(crate) struct Streamgauge;

impl Dialect for Streamgauge {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || c == '$'
    }

    /// Names in backticks are read, so that they can be refused where they stand.
    fn is_delimited_identifier_start(&self, c: char) -> bool {
        matches!(c, '"' | '`')
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    /// Fields of times that `sqlparser` does not know are read, so that they can be refused where they stand.
    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    /// `trim(x, 'characters')`
    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let [interval, amount] = parser.peek_tokens_ref();
        if matches!(&interval.token, Token::Word(word) if is_reserved(word.keyword)) {
            return Some(parser.expected("an expression", interval.clone()));
        }
        let is_interval = matches!(&interval.token, Token::Word(word) if word.keyword == Keyword::INTERVAL);
        let is_amount = matches!(amount.token, Token::SingleQuotedString(_) | Token::Number(..));
        if is_interval && is_amount {
            return Some(parse_interval(parser));
        }
        let Token::Word(Word { keyword, .. }) = interval.token else { return None };
        parse_trim(parser).or_else(|| parse_keyword(parser, keyword))
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, _: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        let TokenWithSpan { token, span } = parser.peek_token_ref();
        let (is_double, place) = (*token == Token::DoubleEq, span.start);
        is_double.then(|| {
            parser.advance_token();
            Err(ParserError::ParserError(format!("{NO_OPERATOR}{place}")))
        })
    }
}

/// How `sqlparser` begins its error for an operator that it does not know.
pub(super) const NO_OPERATOR: &str = "No infix parser for token";

/// What begins with CASE, CAST, TRY_CAST and NOT is nothing else: `sqlparser` would try it as a name next, and report that.
fn parse_keyword(parser: &mut Parser<'_>, keyword: Keyword) -> Option<Result<Expr, ParserError>> {
    if !matches!(keyword, Keyword::CASE | Keyword::CAST | Keyword::TRY_CAST | Keyword::NOT) {
        return None;
    }
    parser.advance_token();
    Some(match keyword {
        Keyword::CASE => parser.parse_case_expr(),
        Keyword::CAST => parser.parse_cast_expr(CastKind::Cast),
        Keyword::TRY_CAST => parser.parse_cast_expr(CastKind::TryCast),
        _ => parser.parse_not(),
    })
}

/// `trim(LEADING FROM x)` trims blanks; `sqlparser` wants characters in front of FROM.
fn parse_trim(parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    let [trim, open, side, from] = parser.peek_tokens_ref();
    let is = |token: &TokenWithSpan, wanted: Keyword| matches!(&token.token, Token::Word(word) if word.keyword == wanted);
    let sides = [
        (Keyword::BOTH, TrimWhereField::Both),
        (Keyword::LEADING, TrimWhereField::Leading),
        (Keyword::TRAILING, TrimWhereField::Trailing),
    ];
    let side = sides.into_iter().find(|(word, _)| is(side, *word)).map(|(_, side)| side)?;
    if !is(trim, Keyword::TRIM) || open.token != Token::LParen || !is(from, Keyword::FROM) {
        return None;
    }
    let blank = Expr::Value(Value::SingleQuotedString(" ".to_owned()).with_span(from.span));
    (0..4).for_each(|_| parser.advance_token());
    let trimmed = parser.parse_expr().and_then(|expr| parser.expect_token(&Token::RParen).map(|_| expr));
    Some(trimmed.map(|expr| Expr::Trim {
        expr: Box::new(expr),
        trim_where: Some(side),
        trim_what: Some(Box::new(blank)),
        trim_characters: None,
    }))
}

/// Words that end an expression and so are no names without quotes.
pub(super) fn is_reserved(keyword: Keyword) -> bool {
    use Keyword::{
        AND, AS, BETWEEN, ELSE, END, FROM, GROUP, HAVING, IN, IS, LIKE, LIMIT, OR, ORDER, SELECT, THEN,
        UNION, WHEN, WHERE,
    };
    matches!(
        keyword,
        AND | AS
            | BETWEEN
            | ELSE
            | END
            | FROM
            | GROUP
            | HAVING
            | IN
            | IS
            | LIKE
            | LIMIT
            | OR
            | ORDER
            | SELECT
            | THEN
            | UNION
            | WHEN
            | WHERE
    )
}

/// `INTERVAL '5' MINUTE`, `INTERVAL 5 MINUTES`, `INTERVAL '1 hour 30 minutes'`; what they mean is for [`duration`].
fn parse_interval(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    let value = Box::new(Expr::Value(parser.parse_value()?));
    let unit = match parser.peek_token_ref() {
        TokenWithSpan { token: Token::Word(Word { value, quote_style: None, .. }), span }
            if duration::is_unit(value) =>
        {
            Some(DateTimeField::Custom(Ident::with_span(*span, value)))
        }
        _ => None,
    };
    if unit.is_some() {
        parser.advance_token();
    }
    Ok(Expr::Interval(Interval {
        value,
        leading_field: unit,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}
