//! `WITH (key = value, ...)`.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::duration;
use super::secret::is_secret;
use crate::error::{Checked, Problem};

/// One option as it was written; what keys there are is for the binder.
#[derive(Clone, Debug)]
pub(crate) struct OptionDef {
    /// In lower case.
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: OptionText,
    pub(crate) span: Span,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OptionText {
    /// A text, a number or TRUE and FALSE.
    Text(String),
    /// `secret('NAME')`
    Secret(String),
    /// `INTERVAL ...`, in microseconds.
    Interval(i64),
}

pub(super) fn parse(cursor: &mut Cursor) -> Checked<Vec<OptionDef>> {
    cursor.expect(&Token::LParen)?;
    let mut options: Vec<OptionDef> = Vec::new();
    while !cursor.accept(&Token::RParen) {
        let option = option(cursor)?;
        if options.iter().any(|before| before.key == option.key) {
            return Err(Problem::new(option.key_span, format!("the option `{}` is given twice", option.key))
                .help("leave one of them out"));
        }
        options.push(option);
        if !cursor.accept(&Token::Comma) && *cursor.peek() != Token::RParen {
            return Err(cursor.unexpected("`,` or `)`"));
        }
    }
    Ok(options)
}

fn option(cursor: &mut Cursor) -> Checked<OptionDef> {
    let start = cursor.span();
    let key = key(cursor)?.to_lowercase();
    let key_span = cursor.since(start);
    cursor.expect(&Token::Eq)?;
    let start = cursor.span();
    let is_reference = cursor.at_word("secret");
    let value = match value(cursor) {
        Err(_) if is_secret(&key) && !is_reference => return Err(plain_secret(&key, cursor.span())),
        value => value?,
    };
    Ok(OptionDef { key, key_span, value, span: cursor.since(start) })
}

/// A secret in the SQL text: the text is shown, kept and sent to others.
pub(crate) fn plain_secret(key: &str, span: Span) -> Box<Problem> {
    Problem::new(span, format!("`{key}` must not stand in the SQL text"))
        .help(format!("write {key} = secret('NAME') and give NAME in the environment"))
}

/// `topic`, `kafka.fetch.min.bytes`, `"topic"` or `'topic'`.
fn key(cursor: &mut Cursor) -> Checked<String> {
    if matches!(cursor.peek(), Token::SingleQuotedString(_)) {
        return cursor.text("the name of an option");
    }
    let mut key = cursor.name("the name of an option")?.text;
    while cursor.accept(&Token::Period) {
        key.push('.');
        key.push_str(&cursor.name("the name of an option")?.text);
    }
    Ok(key)
}

fn value(cursor: &mut Cursor) -> Checked<OptionText> {
    if cursor.at_word("interval") {
        return interval(cursor).map(OptionText::Interval);
    }
    if cursor.accept_word("secret") {
        cursor.expect(&Token::LParen)?;
        let span = cursor.span();
        let name = cursor.text("the name of a secret in quotes")?;
        cursor.expect(&Token::RParen)?;
        return check_secret(&name, span).map(|()| OptionText::Secret(name));
    }
    let negative = cursor.accept(&Token::Minus);
    let text = match cursor.peek() {
        Token::SingleQuotedString(text) if !negative => text.clone(),
        Token::Number(digits, false) if negative => format!("-{digits}"),
        Token::Number(digits, false) => digits.clone(),
        token if super::cursor::is_word(token, "true") => "true".to_owned(),
        token if super::cursor::is_word(token, "false") => "false".to_owned(),
        _ => return Err(cursor.unexpected("a text in single quotes, an INTERVAL or secret('NAME')")),
    };
    cursor.advance();
    Ok(OptionText::Text(text))
}

/// A secret is an environment variable or a file in a folder, so its name must not lead elsewhere.
fn check_secret(name: &str, span: Span) -> Checked<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(Problem::new(span, format!("`{name}` cannot be the name of a secret"))
        .help("use letters, digits, `_` and `-`, as in secret('SLACK_WEBHOOK_URL')"))
}

/// `INTERVAL ...` as microseconds.
pub(super) fn interval(cursor: &mut Cursor) -> Checked<i64> {
    let start = cursor.span();
    cursor.expect_word("interval")?;
    let amount = match cursor.peek() {
        Token::SingleQuotedString(text) | Token::Number(text, false) => text.clone(),
        _ => return Err(cursor.unexpected("a duration such as '5' MINUTE")),
    };
    cursor.advance();
    let unit = match cursor.peek() {
        Token::Word(word) if word.quote_style.is_none() && duration::is_unit(&word.value) => {
            Some(word.value.clone())
        }
        _ => None,
    };
    if unit.is_some() {
        cursor.advance();
    }
    duration::microseconds(&amount, unit.as_deref())
        .map_err(|wrong| Problem::new(cursor.since(start), wrong.message).help(wrong.help))
}
