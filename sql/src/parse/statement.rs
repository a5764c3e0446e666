//! The statements: CREATE SOURCE, CREATE TABLE, CREATE SINK, CREATE AGGREGATE, CREATE CONNECTOR, CREATE VIEW, INSERT INTO and SELECT.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::cursor::{Cursor, is_word};
use super::name::{Name, nearest};
use super::options::{self, OptionDef};
use super::plugin::{self, PluginDef};
use super::refused;
use super::select::{self, Select};
use super::source::{self, SourceDef};
use super::table::{self, TableDef};
use super::tokens::{NO_BACKTICKS, Piece, backtick, clear_keywords};
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
    CreateTable(TableDef),
    CreateSink(SinkDef),
    CreateAggregate(PluginDef),
    CreateConnector(PluginDef),
    CreateView(Name, Select),
    Insert(Name, Select),
    Select(Select),
    /// EXPLAIN: prints the plan of a statement, which does not run.
    Explain(Box<Body>),
    /// DESCRIBE: prints what a name stands for.
    Describe(Name),
}

/// `CREATE SINK name WITH (...)`
#[derive(Clone, Debug)]
pub(crate) struct SinkDef {
    pub(crate) name: Name,
    pub(crate) options: Vec<OptionDef>,
}

pub(super) fn parse(piece: Piece) -> Checked<Statement> {
    let Piece { mut tokens, sql, end } = piece;
    if let Some(token) = backtick(&tokens) {
        return Err(in_backticks(token, Cursor::new(tokens.clone(), end)));
    }
    // CREATE kind, or CREATE OR REPLACE kind.
    let kind = if tokens.get(1).is_some_and(|token| is_word(&token.token, "or")) { 3 } else { 1 };
    let is_definition = ["source", "table", "sink", "aggregate", "connector"]
        .iter()
        .any(|word| tokens.get(kind).is_some_and(|token| is_word(&token.token, word)));
    if !is_definition {
        refused::subqueries(&tokens)?;
        refused::filters(&tokens)?;
        refused::calls_of_options(&tokens)?;
        clear_keywords(&mut tokens);
    }
    let mut cursor = Cursor::new(tokens, end);
    let start = cursor.span();
    let body = body(&mut cursor)?;
    Ok(Statement { body, sql, span: cursor.since(start) })
}

/// A name in backticks; where the statement is none of ours by its first words, that is said as well.
fn in_backticks(name: &TokenWithSpan, mut cursor: Cursor) -> Box<Problem> {
    let is_create = cursor.accept_word("create");
    let refused = if is_create { refused::create(&cursor) } else { refused::statement(&cursor) };
    match refused {
        Some(problem) => problem.also_help(NO_BACKTICKS),
        None => {
            let text = match &name.token {
                Token::Word(word) => word.value.as_str(),
                _ => "name",
            };
            Problem::new(name.span, NO_BACKTICKS).help(format!("write \"{text}\""))
        }
    }
}

fn body(cursor: &mut Cursor) -> Checked<Body> {
    if cursor.at_word("select") || cursor.at_word("with") {
        return select::parse(cursor).map(Body::Select);
    }
    if cursor.accept_word("insert") {
        return insert(cursor)
            .map_err(|problem| problem.or_help("write INSERT INTO sink SELECT ... FROM view"));
    }
    if cursor.accept_word("create") {
        return create(cursor);
    }
    if cursor.accept_word("explain") {
        return explain(cursor).map_err(|problem| problem.or_help("write EXPLAIN SELECT ... FROM source"));
    }
    if cursor.accept_word("describe") || cursor.accept_word("desc") {
        return describe(cursor).map_err(|problem| problem.or_help("write DESCRIBE name"));
    }
    Err(refused::statement(cursor).unwrap_or_else(|| {
        misspelled(
            cursor,
            "CREATE, INSERT, SELECT, EXPLAIN or DESCRIBE",
            &["CREATE", "INSERT", "SELECT", "EXPLAIN", "DESCRIBE"],
        )
    }))
}

/// What can be created.
const KINDS: [&str; 6] = ["SOURCE", "TABLE", "SINK", "VIEW", "AGGREGATE", "CONNECTOR"];

fn create(cursor: &mut Cursor) -> Checked<Body> {
    // A file is the whole program, and a deployment takes the place of the one before: that is what CREATE does.
    cursor.accept_words(&["or", "replace"]);
    if cursor.accept_word("source") {
        return source::parse(cursor)
            .map(Body::CreateSource)
            .map_err(|problem| problem.or_help(source::USAGE));
    }
    if cursor.accept_word("table") {
        return table::parse(cursor).map(Body::CreateTable).map_err(|problem| problem.or_help(table::USAGE));
    }
    if cursor.accept_word("sink") {
        let help = "write CREATE SINK name WITH (option = 'value', ...)";
        return sink(cursor).map(Body::CreateSink).map_err(|problem| problem.or_help(help));
    }
    if cursor.accept_word("aggregate") {
        let help = "write CREATE AGGREGATE name FROM 'file.wasm'";
        return plugin::parse(cursor, "aggregate")
            .map(Body::CreateAggregate)
            .map_err(|problem| problem.or_help(help));
    }
    if cursor.accept_word("connector") {
        let help = "write CREATE CONNECTOR name FROM 'file.wasm'";
        return plugin::parse(cursor, "connector")
            .map(Body::CreateConnector)
            .map_err(|problem| problem.or_help(help));
    }
    if cursor.accept_word("view") {
        return view(cursor).map_err(|problem| problem.or_help("write CREATE VIEW name AS SELECT ..."));
    }
    Err(refused::create(cursor)
        .unwrap_or_else(|| misspelled(cursor, "SOURCE, TABLE, SINK, VIEW, AGGREGATE or CONNECTOR", &KINDS)))
}

/// None of the words that can stand here.
fn misspelled(cursor: &Cursor, expected: &str, words: &[&str]) -> Box<Problem> {
    let found = cursor.peek().to_string();
    let problem = cursor.unexpected(expected);
    match nearest(&found, words.iter().copied()) {
        Some(word) => problem.help(format!("did you mean {word}?")),
        None => problem
            .help("a statement is CREATE SOURCE, TABLE, SINK, VIEW, AGGREGATE or CONNECTOR, INSERT INTO, SELECT, EXPLAIN or DESCRIBE"),
    }
}

fn describe(cursor: &mut Cursor) -> Checked<Body> {
    let name = cursor.name("the name of a source, a view or a sink")?;
    end(cursor)?;
    Ok(Body::Describe(name))
}

fn explain(cursor: &mut Cursor) -> Checked<Body> {
    if let Some(problem) = refused::explained(cursor) {
        return Err(problem);
    }
    let body = body(cursor)?;
    Ok(Body::Explain(Box::new(body)))
}

fn view(cursor: &mut Cursor) -> Checked<Body> {
    let name = cursor.name("the name of the view")?;
    if *cursor.peek() == Token::LParen {
        return Err(Problem::new(cursor.span(), "a view takes its column names from its SELECT")
            .help("name them there with AS"));
    }
    cursor.expect_word("as")?;
    select::parse(cursor).map(|select| Body::CreateView(name, select))
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
    let names = if cursor.accept(&Token::LParen) {
        let names = select::list(cursor, |cursor| cursor.name("the name of a column"))
            .map_err(|problem| problem.or_help("write INSERT INTO sink (column, ...) SELECT ..."))?;
        cursor.expect(&Token::RParen)?;
        Some(names)
    } else {
        None
    };
    if cursor.at_word("values") {
        return Err(Problem::new(cursor.span(), "INSERT takes its rows from a SELECT")
            .help("write INSERT INTO sink SELECT ... FROM view"));
    }
    let select = select::parse(cursor)?;
    Ok(Body::Insert(name, Select { names, ..select }))
}

/// Nothing may stand between a statement and its `;`.
pub(super) fn end(cursor: &Cursor) -> Checked<()> {
    if cursor.at_end() { Ok(()) } else { Err(cursor.unexpected("`;`")) }
}

/// The name in `CREATE SOURCE name`, even if the statement is wrong further on or its first words are misspelled.
pub(super) fn declared_name(tokens: &[TokenWithSpan]) -> Option<String> {
    let kinds = ["source", "sink", "view", "table", "stream", "alert", "aggregate", "connector"];
    let mut words = tokens.iter().map_while(|token| match &token.token {
        Token::Word(Word { value, quote_style, .. }) => Some((value, quote_style.is_none())),
        _ => None,
    });
    words.next().filter(|(word, _)| nearest(word, ["create"]).is_some())?;
    words.find(|(word, _)| nearest(word, kinds).is_some())?;
    let condition = ["if", "not", "exists"];
    let (name, _) = words
        .find(|(word, plain)| !plain || !condition.iter().any(|skip| word.eq_ignore_ascii_case(skip)))?;
    Some(name.clone())
}
