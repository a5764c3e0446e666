//! What is not in the language, or not yet: each with its own words and what to write instead.

use sqlparser::ast::{BinaryOperator, Expr};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::cursor::{Cursor, is_word};
use crate::error::{Checked, Problem};
use crate::expr::Comparison;

/// Words that a statement or a clause may begin with elsewhere: (words, message, help).
type Row = (&'static [&'static str], &'static str, &'static str);

const STATEMENTS: &[Row] = &[
    (&["from"], "a query begins with SELECT", "write SELECT ... FROM ..."),
    (&["values"], "rows come from sources, not from VALUES", "write SELECT ... FROM a source"),
    (&["drop"], "a file only creates: what it does not name is not there", "leave the statement out"),
    (&["alter"], "nothing can be altered: a file says how things are", "change the CREATE statement"),
    (
        &["set"],
        "settings are not part of SQL",
        "give them as options of CREATE SOURCE or on the command line",
    ),
    (&["use"], "there are no databases or schemas", "leave the statement out"),
    (&["update"], "a stream cannot be changed", "write SELECT with CASE to compute other values"),
    (
        &["show"],
        "SHOW is not in the language",
        "DESCRIBE name shows what a name stands for, and `streamgauge explain FILE.sql` shows all queries",
    ),
    (&["begin"], "there are no transactions", "leave the statement out"),
    (&["start"], "there are no transactions", "leave the statement out"),
    (&["commit"], "there are no transactions", "leave the statement out"),
    (&["rollback"], "there are no transactions", "leave the statement out"),
    (&["delete"], "a stream cannot be changed", "write SELECT with WHERE to leave rows out"),
];

const EXPLAINED: &[Row] = &[
    (
        &["analyze"],
        "EXPLAIN runs nothing, so it measures nothing",
        "`streamgauge run FILE.sql --timings` measures the steps of a run",
    ),
    (&["plan", "for"], "there is one kind of plan", "write EXPLAIN SELECT ... without PLAN FOR"),
    (&["explain"], "EXPLAIN stands once", "write EXPLAIN SELECT ... FROM source"),
    (&["describe"], "DESCRIBE has no plan", "write DESCRIBE name without EXPLAIN"),
    (&["create", "source"], "a source has no plan", "write DESCRIBE name behind its CREATE SOURCE"),
    (&["create", "sink"], "a sink has no plan", "write DESCRIBE name behind its CREATE SINK"),
    (
        &["create", "aggregate"],
        "an aggregate has no plan",
        "write EXPLAIN SELECT ... with a query that calls it",
    ),
    (
        &["create", "connector"],
        "a connector has no plan",
        "write EXPLAIN INSERT INTO ... with a query that uses it",
    ),
];

/// What EXPLAIN cannot stand before.
pub(super) fn explained(cursor: &Cursor) -> Option<Box<Problem>> {
    find(EXPLAINED, cursor)
}

const NO_TABLE: &str = "a stream of events is a source here, not a table";
const SOURCE_OR_VIEW: &str =
    "write CREATE SOURCE name (columns) WITH (options); for a query write CREATE VIEW";

const CREATES: &[Row] = &[
    (
        &["alert"],
        "CREATE ALERT is not in the language yet",
        "INSERT INTO sink SELECT ... FROM view WHERE condition sends each row for which the condition holds",
    ),
    (&["materialized"], "every view is kept up to date as events come", "write CREATE VIEW"),
    (&["temporary", "view"], "a view lives as long as its program", "write CREATE VIEW"),
    (&["temp", "view"], "a view lives as long as its program", "write CREATE VIEW"),
    (&["temporary"], NO_TABLE, SOURCE_OR_VIEW),
    (&["temp"], NO_TABLE, SOURCE_OR_VIEW),
    (&["external"], NO_TABLE, "write CREATE SOURCE name (columns) WITH (options)"),
    (
        &["stream"],
        "a stream of events is called a source here",
        "write CREATE SOURCE name (columns) WITH (options); for a query write CREATE VIEW",
    ),
    (
        &["function"],
        "functions are not written in SQL",
        "a computed column is an expression of SELECT; an aggregate function of your own is a component: CREATE AGGREGATE name FROM 'file.wasm'",
    ),
];

/// What to write for the first rows.
const FIRST_ROWS: &str = "select with WHERE or HAVING; `streamgauge query --rows N` shows the first N rows, ordered by window_end, \
                          window_start and the group's keys";

const CLAUSES: &[Row] = &[
    (&["isnull"], "the operator ISNULL is not in the language", "write IS NULL"),
    (&["notnull"], "the operator NOTNULL is not in the language", "write IS NOT NULL"),
    (
        &["order", "by"],
        "ORDER BY stands behind HAVING, once",
        "write SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ... ORDER BY ... LIMIT ...",
    ),
    (
        &["limit"],
        "LIMIT stands behind ORDER BY, once",
        "write ORDER BY column DESC LIMIT 10: of each window's rows",
    ),
    (&["offset"], "OFFSET is not in the language: a stream has no end", "select with WHERE or HAVING"),
    (&["fetch"], "FETCH is not in the language: a stream has no end", FIRST_ROWS),
    (
        &["union"],
        "UNION is not in the language",
        "for UNION ALL write one INSERT INTO the same sink for each SELECT; nothing leaves out equal rows",
    ),
    (
        &["intersect"],
        "INTERSECT is not in the language",
        "conditions on the rows of one source stand in its WHERE",
    ),
    (&["except"], "EXCEPT is not in the language", "conditions on the rows of one source stand in its WHERE"),
    (&["qualify"], "QUALIFY is not in the language", "select with HAVING, or with WHERE from a view"),
    (
        &["emit", "on", "update"],
        "EMIT ON UPDATE stands behind HAVING and before ALLOW LATENESS, once",
        "write SELECT ... FROM ... GROUP BY ... HAVING ... EMIT ON UPDATE EVERY INTERVAL '10' SECOND",
    ),
    (
        &["emit", "changes"],
        "`EMIT CHANGES` is ksqlDB's",
        "leave it out: a row comes when its window closes; for rows before it write EMIT ON UPDATE EVERY INTERVAL '10' SECOND",
    ),
    (&["emit", "final"], "`EMIT FINAL` is ksqlDB's", "write EMIT ON WINDOW CLOSE, or leave it out"),
    (
        &["emit"],
        "expected EMIT ON WINDOW CLOSE or EMIT ON UPDATE EVERY",
        "leave it out: a row comes when its window closes; for rows before it write EMIT ON UPDATE EVERY INTERVAL '10' SECOND",
    ),
    (
        &["allow", "lateness"],
        "ALLOW LATENESS stands behind HAVING and before LATE DATA TO, once",
        "write SELECT ... FROM ... GROUP BY ... HAVING ... ALLOW LATENESS INTERVAL '10' MINUTE LATE DATA TO sink",
    ),
    (
        &["late", "data"],
        "LATE DATA TO stands at the end of a query, once",
        "write SELECT ... FROM ... GROUP BY ... HAVING ... LATE DATA TO sink",
    ),
    (
        &["window", "tumbling"],
        "`WINDOW TUMBLING` is ksqlDB's",
        "write FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
    ),
    (
        &["window", "hopping"],
        "`WINDOW HOPPING` is ksqlDB's",
        "write FROM HOP(source, ts, slide, size), such as HOP(source, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)",
    ),
    (
        &["window", "session"],
        "`WINDOW SESSION` is ksqlDB's",
        "write FROM SESSION(source, ts, gap), such as SESSION(source, ts, INTERVAL '30' MINUTE)",
    ),
    (
        &["window"],
        "named windows are not in the language",
        "write FROM TUMBLE(source, ts, size) or FROM HOP(source, ts, slide, size)",
    ),
    (&["where"], "WHERE stands between FROM and GROUP BY", "move it there; HAVING selects groups"),
    (&["group", "by"], "GROUP BY stands behind WHERE and before HAVING", "move it there"),
    (&["into"], "SELECT INTO is not in the language", "write INSERT INTO sink SELECT ..."),
    (&["for"], "FOR is not part of a query", "leave it out"),
];

const JOINS: &[&str] = &["join", "inner", "left", "right", "full", "cross", "natural", "asof", "lateral"];

/// An operator of other systems.
pub(crate) fn operator(operator: &str, span: Span) -> Box<Problem> {
    let help = match operator.to_ascii_uppercase().as_str() {
        "==" => "write a = b",
        "<=>" => "write IS NOT DISTINCT FROM",
        "&&" => "write AND",
        "XOR" => "write a <> b",
        "!" => "write NOT",
        "DIV" | "//" => "write a / b: the quotient of two BIGINTs is a BIGINT, cut toward zero",
        "GLOB" => "write LIKE, where % stands for any text and _ for a character",
        "~" | "~*" | "!~" | "!~*" | "REGEXP" | "MATCH" => {
            "there are no regular expressions; write LIKE, where % stands for any text and _ for a character"
        }
        "~~" => "write LIKE",
        "!~~" => "write NOT LIKE",
        "~~*" | "!~~*" => "write lower(x) LIKE 'pattern', with the pattern in lower case",
        "->" | "->>" | "#>" | "#>>" => "declare the field as a column of the source with PATH 'a.b'",
        "^" | "**" => "there is no power: write x * x",
        "&" | "|" | "#" | "<<" | ">>" => "there are no bit operations",
        _ => "the operators on numbers are +, -, *, / and %",
    };
    Problem::new(span, format!("the operator `{operator}` is not in the language")).help(help)
}

/// A sign of other systems in front of an operand.
pub(crate) fn sign(sign: &str, span: Span) -> Box<Problem> {
    match sign {
        "~" => {
            Problem::new(span, "the operator `~` is not in the language").help("there are no bit operations")
        }
        sign => operator(sign, span),
    }
}

/// `1 < v < 3`, which other languages read as two comparisons: what to write for them.
pub(crate) fn chain(left: &Expr, op: Comparison, right: &Expr) -> Option<String> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    match left {
        Expr::BinaryOp { left: first, op: before @ (Eq | Gt | GtEq | Lt | LtEq | NotEq), right: middle } => {
            Some(format!("write {first} {before} {middle} AND {middle} {} {right}", op.sign()))
        }
        _ => None,
    }
}

/// `FILTER (condition)` in a query: `sqlparser` would read FILTER as an alias.
pub(super) fn filters(tokens: &[TokenWithSpan]) -> Checked<()> {
    let is_wrong = |tokens: &&[TokenWithSpan]| match tokens {
        [close, filter, open, next] => {
            close.token == Token::RParen
                && is_word(&filter.token, "filter")
                && open.token == Token::LParen
                && !is_word(&next.token, "where")
        }
        _ => false,
    };
    match tokens.windows(4).find(is_wrong) {
        Some([.., next]) => Err(Problem::new(next.span, "expected WHERE behind FILTER (")
            .help("write FILTER (WHERE condition), such as count(*) FILTER (WHERE x > 0)")),
        _ => Ok(()),
    }
}

/// `env('NAME')` or `secret('NAME')` in a query.
pub(super) fn calls_of_options(tokens: &[TokenWithSpan]) -> Checked<()> {
    let call = |tokens: &[TokenWithSpan]| match tokens {
        [word, open, TokenWithSpan { token: Token::SingleQuotedString(_), .. }]
            if open.token == Token::LParen =>
        {
            let found = CALLS_OF_OPTIONS.iter().find(|call| is_word(&word.token, call));
            found.map(|call| (*call, word.span))
        }
        _ => None,
    };
    match tokens.windows(3).find_map(call) {
        Some((call, span)) => {
            let message = format!("{call}('NAME') has no place in a query");
            Err(Problem::new(span, message).help(only_in_options(call)))
        }
        None => Ok(()),
    }
}

/// What gives options their values.
pub(super) const CALLS_OF_OPTIONS: [&str; 2] = ["env", "secret"];

/// Where these may stand.
pub(super) fn only_in_options(call: &str) -> String {
    let example = if call == "env" { "topic" } else { "sasl_password" };
    format!(
        "{call}('NAME') gives an option its value, in the WITH of a source or sink: {example} = {call}('NAME')"
    )
}

/// A word that begins no statement of ours.
pub(super) fn statement(cursor: &Cursor) -> Option<Box<Problem>> {
    if *cursor.peek() == Token::LParen {
        return Some(
            Problem::new(cursor.span(), "a query stands without parentheses").help("write SELECT ..."),
        );
    }
    find(STATEMENTS, cursor)
}

/// A word that cannot follow CREATE.
pub(super) fn create(cursor: &Cursor) -> Option<Box<Problem>> {
    find(CREATES, cursor)
}

/// A clause that cannot stand here.
pub(super) fn clause(cursor: &Cursor) -> Option<Box<Problem>> {
    find(CLAUSES, cursor)
}

/// Whether the next word begins a clause and so is no alias.
pub(super) fn begins_clause(cursor: &Cursor) -> bool {
    let ours = ["from", "where", "group", "having", "select", "with", "on", "using"];
    let any = |words: &[&str]| words.iter().any(|word| cursor.at_word(word));
    any(&ours)
        || cursor.at_words(&["emit", "on"])
        || any(JOINS)
        || CLAUSES.iter().any(|(words, ..)| begins(words, cursor))
}

/// Names of clauses are good column names too; the second word tells.
fn begins(words: &[&str], cursor: &Cursor) -> bool {
    match words {
        ["emit"] | ["window"] | ["for"] => false,
        words => cursor.at_words(words),
    }
}

fn find(rows: &[Row], cursor: &Cursor) -> Option<Box<Problem>> {
    let (_, message, help) = rows.iter().find(|(words, ..)| cursor.at_words(words))?;
    Some(Problem::new(cursor.span(), *message).help(*help))
}

pub(super) fn behind_select(cursor: &Cursor) -> Option<Box<Problem>> {
    let rows: &[Row] = &[
        (&["all"], "SELECT ALL is not in the language", "write SELECT"),
        (&["top"], "TOP is not in the language: a stream has no end", FIRST_ROWS),
    ];
    // `top` and `all` may be columns.
    let is_column =
        matches!(cursor.peek_nth(1), Token::Comma | Token::Period) || is_word(cursor.peek_nth(1), "from");
    if is_column { None } else { find(rows, cursor) }
}

/// The elements of an array as rows, behind a comma or JOIN.
pub(super) fn unnest(cursor: &Cursor) -> Option<Box<Problem>> {
    let joins = *cursor.peek() == Token::Comma || JOINS.iter().any(|word| cursor.at_word(word));
    let unnests = ["unnest", "lateral", "json_table", "flatten"];
    let unnests = (0..4).any(|at| unnests.iter().any(|word| is_word(cursor.peek_nth(at), word)));
    let problem = Problem::new(
        cursor.span(),
        "the elements of an array are no rows yet: UNNEST is not in the language",
    );
    (joins && unnests).then(|| {
        problem.help("declare those that are needed as columns of the source with PATH 'a[0]', or let the producer send an event for each")
    })
}

const TUMBLE: &str = "write FROM TUMBLE(source, ts, size)";
const HOP: &str = "write FROM HOP(source, ts, slide, size)";

/// Functions that make windows, also of other systems, and what to write for them.
pub(crate) const WINDOWS: &[(&str, &str)] = &[
    ("tumble", TUMBLE),
    ("tumbling", TUMBLE),
    ("tumblingwindow", TUMBLE),
    ("hop", HOP),
    ("hopping", HOP),
    ("hoppingwindow", HOP),
    ("sliding", HOP),
    ("slidingwindow", HOP),
    ("session", "write FROM SESSION(source, ts, gap)"),
    ("sessionwindow", "write FROM SESSION(source, ts, gap)"),
    ("cumulate", "write FROM CUMULATE(source, ts, step, size)"),
    (
        "window",
        "for window(ts, size) write FROM TUMBLE(source, ts, size), for window(ts, size, slide) FROM HOP(source, ts, slide, size)",
    ),
];

/// Windows of other systems in GROUP BY.
pub(super) fn group(cursor: &Cursor) -> Option<Box<Problem>> {
    let is_call = *cursor.peek_nth(1) == Token::LParen;
    let span = cursor.span();
    let windows = WINDOWS.iter().find(|(word, _)| is_call && cursor.at_word(word));
    if let Some((_, help)) = windows {
        let problem = Problem::new(span, "a window stands in FROM, not in GROUP BY");
        return Some(
            problem
                .help(*help)
                .also_help("GROUP BY has the other columns, and window_start and window_end can be selected"),
        );
    }
    if cursor.at_word("all") && !matches!(cursor.peek_nth(1), Token::Period) {
        return Some(Problem::new(span, "GROUP BY ALL is not in the language").help("list the columns"));
    }
    None
}

pub(super) fn subquery(span: Span) -> Box<Problem> {
    Problem::new(span, "a subquery stands in FROM or behind WITH, not here")
        .help("write WITH name AS (SELECT ...) SELECT ... FROM name, or CREATE VIEW name AS SELECT ... and read that view")
}

/// Queries inside of a query where none may stand, found before anything recurses into them.
pub(super) fn subqueries(tokens: &[TokenWithSpan]) -> Checked<()> {
    let begins = |open: &TokenWithSpan, word: &TokenWithSpan| {
        open.token == Token::LParen && ["select", "with"].iter().any(|begin| is_word(&word.token, begin))
    };
    let may_stand_behind =
        |before: &TokenWithSpan| ["as", "from"].iter().any(|word| is_word(&before.token, word));
    let first = tokens.first_chunk().filter(|[open, word]| begins(open, word)).map(|[_, word]| word);
    let misplaced = tokens.windows(3).find_map(|three| match three {
        [before, open, word] if begins(open, word) && !may_stand_behind(before) => Some(word),
        _ => None,
    });
    match first.or(misplaced) {
        Some(word) => Err(subquery(word.span)),
        None => Ok(()),
    }
}
