//! The statements: CREATE SOURCE, CREATE SINK, CREATE VIEW, INSERT INTO and SELECT.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::cursor::{Cursor, is_word};
use super::name::Name;
use super::options::{self, OptionDef};
use super::refused;
use super::select::{self, Select};
use super::source::{self, SourceDef};
use super::tokens::{Piece, clear_keywords};
use crate::error::{Checked, Problem};

/// A statement as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) body: Body,
    /// The whole of it.
    pub(crate) sql: String,
    pub(crate) span: Span,
}

/// What a statement says.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    CreateSource(SourceDef),
    CreateSink(SinkDef),
    CreateView(Name, Select),
    Insert(Name, Select),
    Select(Select),
}

/// `CREATE SINK name WITH (...)`
#[derive(Clone, Debug)]
pub(crate) struct SinkDef {
    pub(crate) name: Name,
    pub(crate) options: Vec<OptionDef>,
}

pub(super) fn parse(piece: Piece) -> Checked<Statement> {
    let Piece { mut tokens, sql, end } = piece;
    let is_definition =
        ["source", "sink"].iter().any(|word| tokens.get(1).is_some_and(|t| is_word(&t.token, word)));
    if !is_definition {
        let is_select = !tokens.first().is_some_and(|token| is_word(&token.token, "with"));
        if is_select {
            refused::subqueries(&tokens)?;
        }
        clear_keywords(&mut tokens);
    }
    let mut cursor = Cursor::new(tokens, end);
    let start = cursor.span();
    let body = body(&mut cursor)?;
    Ok(Statement { body, sql, span: cursor.since(start) })
}

fn body(cursor: &mut Cursor) -> Checked<Body> {
    if cursor.at_word("select") {
        return select::parse(cursor).map(Body::Select);
    }
    if cursor.accept_word("insert") {
        return insert(cursor);
    }
    if cursor.accept_word("create") {
        return create(cursor);
    }
    Err(refused::statement(cursor).unwrap_or_else(|| cursor.unexpected("CREATE, INSERT or SELECT")))
}

fn create(cursor: &mut Cursor) -> Checked<Body> {
    if cursor.accept_word("source") {
        return source::parse(cursor).map(Body::CreateSource);
    }
    if cursor.accept_word("sink") {
        return sink(cursor).map(Body::CreateSink);
    }
    if cursor.accept_word("view") {
        let name = cursor.name("the name of the view")?;
        if *cursor.peek() == Token::LParen {
            return Err(Problem::new(cursor.span(), "a view takes its column names from its SELECT")
                .help("name them there with AS"));
        }
        cursor.expect_word("as")?;
        return select::parse(cursor).map(|select| Body::CreateView(name, select));
    }
    Err(refused::create(cursor).unwrap_or_else(|| cursor.unexpected("SOURCE, SINK or VIEW")))
}

fn sink(cursor: &mut Cursor) -> Checked<SinkDef> {
    let name = cursor.name("the name of the sink")?;
    cursor.expect_word("with")?;
    let options = options::parse(cursor)?;
    end(cursor)?;
    Ok(SinkDef { name, options })
}

fn insert(cursor: &mut Cursor) -> Checked<Body> {
    cursor.expect_word("into")?;
    let name = cursor.name("the name of a sink")?;
    match cursor.peek() {
        Token::LParen => Err(Problem::new(cursor.span(), "INSERT takes no list of columns")
            .help("a row has the columns of the SELECT; name them there with AS")),
        token if is_word(token, "values") => {
            Err(Problem::new(cursor.span(), "INSERT takes its rows from a SELECT")
                .help("write INSERT INTO sink SELECT ... FROM view"))
        }
        _ => select::parse(cursor).map(|select| Body::Insert(name, select)),
    }
}

/// Nothing may stand between a statement and its `;`.
pub(super) fn end(cursor: &Cursor) -> Checked<()> {
    if cursor.at_end() { Ok(()) } else { Err(cursor.unexpected("`;`")) }
}

/// The name in `CREATE SOURCE name`, even if the statement is wrong further on.
pub(super) fn declared_name(tokens: &[TokenWithSpan]) -> Option<String> {
    let mut words = tokens.iter().map(|token| &token.token);
    words.next().filter(|token| is_word(token, "create"))?;
    let kinds = ["source", "sink", "view", "table", "stream", "alert", "aggregate"];
    words.find(|token| kinds.iter().any(|kind| is_word(token, kind)))?;
    match words.next()? {
        Token::Word(Word { value, .. }) => Some(value.clone()),
        _ => None,
    }
}
