//! `WITH (key = value, ...)`.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::{Cursor, is_word};
use super::duration;
use super::refused;
use super::secret::is_secret;
use crate::error::{Checked, Problem};
use crate::variables::{VARIABLE_NAMES, is_variable_name};

/// One option as it was written; what keys there are is for the binder.
#[derive(Clone, Debug)]
pub(crate) struct OptionDef {
    /// In lower case.
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Written,
    pub(crate) span: Span,
}

/// The value of an option.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// Parts that stand between `||`, at least one.
    Joined(Vec<Part>),
    /// `INTERVAL ...`, in microseconds.
    Interval(i64),
    /// `(name = value, ...)`
    List(Vec<Item>),
}

/// One part of a text.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    pub(crate) span: Span,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(crate) enum PartKind {
    /// A text, a number or TRUE and FALSE.
    Text(String),
    /// `env('NAME')` or `env('NAME', 'default')`
    Env { name: String, default: Option<String> },
    /// `secret('NAME')`
    Secret(String),
}

/// One item of a list.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// As it was written.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) parts: Vec<Part>,
    pub(crate) span: Span,
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
            return Err(behind_value(cursor));
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
    let is_reference = cursor.at_word("secret") || cursor.at_word("env");
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

fn value(cursor: &mut Cursor) -> Checked<Written> {
    if cursor.at_word("interval") {
        return interval(cursor).map(Written::Interval);
    }
    if cursor.accept(&Token::LParen) {
        return list(cursor).map(Written::List).map_err(|problem| problem.or_help(LIST_HELP));
    }
    let start = cursor.span();
    let negative = cursor.accept(&Token::Minus);
    let text = match cursor.peek() {
        Token::Number(digits, false) if negative => format!("-{digits}"),
        Token::Number(digits, false) => digits.clone(),
        token if !negative && is_word(token, "true") => "true".to_owned(),
        token if !negative && is_word(token, "false") => "false".to_owned(),
        _ if negative => return Err(cursor.unexpected("a number")),
        _ => {
            return joined(cursor, "a text in single quotes, an INTERVAL, secret('NAME') or env('NAME')")
                .map(Written::Joined);
        }
    };
    cursor.advance();
    Ok(Written::Joined(vec![Part { kind: PartKind::Text(text), span: cursor.since(start) }]))
}

const LIST_HELP: &str =
    "write (name = 'value', \"X-Name\" = 'value'); a name with `-` stands in double quotes";

/// `name = value, ...)`, behind its `(`.
fn list(cursor: &mut Cursor) -> Checked<Vec<Item>> {
    let mut items = Vec::new();
    while !cursor.accept(&Token::RParen) {
        let start = cursor.span();
        let name = match cursor.peek() {
            Token::SingleQuotedString(_) => cursor.text("a name")?,
            _ => cursor.name("a name")?.text,
        };
        let name_span = cursor.since(start);
        cursor.expect(&Token::Eq)?;
        let start = cursor.span();
        let parts = joined(cursor, "a text in single quotes, secret('NAME') or env('NAME')")?;
        items.push(Item { name, name_span, parts, span: cursor.since(start) });
        if !cursor.accept(&Token::Comma) && *cursor.peek() != Token::RParen {
            return Err(behind_value(cursor));
        }
    }
    Ok(items)
}

/// What stands behind a value and is no `,` and no `)`.
fn behind_value(cursor: &Cursor) -> Box<Problem> {
    let problem = cursor.unexpected("`,` or `)`");
    let is_part = matches!(cursor.peek(), Token::SingleQuotedString(_) | Token::Plus)
        || refused::CALLS_OF_OPTIONS.iter().any(|call| cursor.at_word(call));
    if is_part { problem.help(JOINED_HELP) } else { problem }
}

const JOINED_HELP: &str = "`||` joins texts in single quotes: 'a' || env('NAME')";

/// `'text' || env('NAME') || ...`; `expected` names the first part in the error.
fn joined(cursor: &mut Cursor, expected: &str) -> Checked<Vec<Part>> {
    let mut parts = vec![part(cursor, expected)?];
    while cursor.accept(&Token::StringConcat) {
        let next = part(cursor, "a text in single quotes, env('NAME') or secret('NAME')");
        parts.push(next.map_err(|problem| problem.or_help(JOINED_HELP))?);
    }
    Ok(parts)
}

fn part(cursor: &mut Cursor, expected: &str) -> Checked<Part> {
    let start = cursor.span();
    let kind = if cursor.accept_word("secret") {
        cursor.expect(&Token::LParen)?;
        let span = cursor.span();
        let name = cursor.text("the name of a secret in quotes")?;
        cursor.expect(&Token::RParen)?;
        check_secret(&name, span)?;
        PartKind::Secret(name)
    } else if cursor.accept_word("env") {
        env(cursor).map_err(|problem| problem.or_help(ENV_HELP))?
    } else {
        PartKind::Text(cursor.text(expected)?)
    };
    Ok(Part { kind, span: cursor.since(start) })
}

const ENV_HELP: &str = "write env('NAME') or env('NAME', 'default')";

/// `('NAME')` or `('NAME', 'default')`, behind `env`.
fn env(cursor: &mut Cursor) -> Checked<PartKind> {
    cursor.expect(&Token::LParen)?;
    let span = cursor.span();
    let name = cursor.text("the name of an environment variable in quotes");
    let name = name.map_err(|problem| problem.help(ENV_HELP))?;
    if !is_variable_name(&name) {
        return Err(Problem::new(span, format!("`{name}` cannot be the name of an environment variable"))
            .help(format!("{VARIABLE_NAMES}, as in env('STAGE')")));
    }
    let default = match cursor.accept(&Token::Comma) {
        true => Some(cursor.text("a default in quotes").map_err(|problem| problem.help(ENV_HELP))?),
        false => None,
    };
    cursor.expect(&Token::RParen)?;
    Ok(PartKind::Env { name, default })
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
