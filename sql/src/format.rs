//! The same text, laid out anew: two spaces a level, a clause a line, a blank line between statements. Words, names and comments stay
//! as they were written.

use std::ops::RangeInclusive;

use sqlformat::{FormatOptions, Indent, QueryParams};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Whitespace};

use crate::error::{Checked, Diagnostic, Problem, Severity, SourceText};
use crate::parse::{
    BYTE_ORDER_MARK,
    tokens::{self, Offsets},
};

/// How long a list or an expression may be that stands in one line.
const LINE: usize = 90;

/// Lays a file out anew. The result has the same tokens and comments, and laying it out again changes nothing.
///
/// # Errors
/// A text that cannot be cut into tokens, such as one whose last string does not end; one that no layout would leave as it is.
pub fn format(file: &SourceText) -> Result<String, Box<Diagnostic>> {
    let text = file.text.trim_start_matches(BYTE_ORDER_MARK);
    formatted(text).map_err(|problem| Box::new(problem.locate(file, Severity::Error)))
}

fn formatted(text: &str) -> Checked<String> {
    let before = essence(text)?;
    let keeps = |candidate: &String| essence(candidate).is_ok_and(|after| after == before);
    // What stands in a line depends on its width, which the first layout changes.
    let mut laid_out = lay_out(text)?;
    for _ in 0..ROUNDS_MAX {
        let candidates = [join_options(&laid_out), laid_out];
        let Some(kept) = candidates.into_iter().find(keeps) else { break };
        let again = join_options(&lay_out(&kept)?);
        if again == kept {
            return Ok(kept);
        }
        laid_out = again;
    }
    let start = Span::new((1, 1).into(), (1, 2).into());
    Err(Problem::new(start, "this file cannot be laid out without changing what it says")
        .help("lay it out by hand; a comment within a statement may be the cause"))
}

/// After how many layouts the text must stay as it is.
const ROUNDS_MAX: usize = 5;

fn lay_out(text: &str) -> Checked<String> {
    let options = FormatOptions {
        indent: Indent::Spaces(2),
        lines_between_queries: 2,
        max_inline_block: LINE,
        max_inline_arguments: Some(LINE),
        max_inline_top_level: Some(LINE),
        ..FormatOptions::default()
    };
    let Hidden { text, pieces } = Hidden::of(&with_comments_behind(text)?)?;
    let statements = statements(&text)?.into_iter().map(|statement| statement.lay_out(&options));
    let text = format!("{}\n", statements.collect::<Vec<_>>().join("\n\n").trim());
    Ok(pieces.iter().fold(text, |text, (stand_in, piece)| text.replacen(stand_in, piece, 1)))
}

/// The text with each `,` before the comments that it stood behind, and so each `;` behind a single comment in its line: a line begins
/// with neither.
fn with_comments_behind(text: &str) -> Checked<String> {
    let offsets = Offsets::new(text);
    let slice = |token: &TokenWithSpan| {
        let (start, end) = (offsets.find(text, token.span.start), offsets.find(text, token.span.end));
        text.get(start..end).unwrap_or_default()
    };
    let mut tokens = tokens::cut(text)?;
    move_before_comments(&mut tokens);
    Ok(tokens.iter().map(slice).collect())
}

fn move_before_comments(tokens: &mut [TokenWithSpan]) {
    for at in 0..tokens.len() {
        let is_space = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
        let before = tokens.get(..at).unwrap_or_default();
        let first = before.iter().rposition(|token| !is_space(token)).map_or(at, |last| last + 1);
        let space = before.get(first..).unwrap_or_default();
        let comments = space.iter().filter(|token| is_comment(&token.token)).count();
        let moves = match tokens.get(at).map(|token| &token.token) {
            Some(Token::Comma) => comments > 0,
            Some(Token::SemiColon) => {
                let is_behind_line =
                    space.iter().take_while(|token| !is_comment(&token.token)).any(ends_line);
                // Then it has a comment of its own.
                let behind = tokens.iter().skip(at + 1).find(|token| !is_space(token) || ends_line(token));
                let is_before_comment = behind.is_some_and(|token| is_comment(&token.token));
                comments == 1 && !is_behind_line && !is_before_comment
            }
            _ => false,
        };
        if let (true, Some(moved)) = (moves, tokens.get_mut(first..=at)) {
            moved.rotate_right(1);
        }
    }
}

fn is_comment(token: &Token) -> bool {
    matches!(token, Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)))
}

/// Whether a line ends with this token.
fn ends_line(token: &TokenWithSpan) -> bool {
    matches!(
        token.token,
        Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. }) | Token::EOF
    )
}

/// A statement and the comments before it.
struct Statement<'t> {
    text: &'t str,
    /// Whether `text` ends with a comment that takes the rest of its line.
    is_open: bool,
    /// The comments behind its `;` in the same line; none where it has no `;`.
    end: Option<&'t str>,
}

impl Statement<'_> {
    fn lay_out(&self, options: &FormatOptions<'_>) -> String {
        let text = sqlformat::format(self.text, &QueryParams::None, options);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let text = lines.join("\n").trim().to_owned();
        match self.end {
            None => text,
            Some(comments) => {
                let semicolon = if self.is_open { "\n;" } else { ";" };
                format!("{text}{semicolon} {comments}").trim_end().to_owned()
            }
        }
    }
}

/// The library would put a comment behind `;` in front of the next statement, so it gets them one by one.
fn statements(text: &str) -> Checked<Vec<Statement<'_>>> {
    let offsets = Offsets::new(text);
    let tokens = tokens::cut(text)?;
    let start_of = |token: &TokenWithSpan| offsets.find(text, token.span.start);
    let end_of = |token: &TokenWithSpan| offsets.find(text, token.span.end);
    let is_line_comment = |token: &TokenWithSpan| ends_line(token) && is_comment(&token.token);
    let (mut found, mut start, mut is_open) = (Vec::new(), 0, false);
    for (at, token) in tokens.iter().enumerate() {
        if token.token != Token::SemiColon {
            is_open = is_line_comment(token)
                || (is_open && matches!(token.token, Token::Whitespace(_)) && !is_comment(&token.token));
            continue;
        }
        let semicolon = start_of(token);
        let line = tokens.get(at + 1..).unwrap_or_default();
        let behind = line.iter().take_while(|token| matches!(token.token, Token::Whitespace(_)));
        let last = behind.clone().position(ends_line).and_then(|last| line.get(last));
        let end = match last {
            Some(last) if is_comment(&last.token) => end_of(last),
            Some(last) => start_of(last),
            None if behind.count() == line.len() => text.len(),
            None => end_of(token),
        };
        let statement = text.get(start..semicolon).unwrap_or_default();
        let comments = text.get(end_of(token)..end).unwrap_or_default().trim();
        found.push(Statement { text: statement, is_open, end: Some(comments) });
        (start, is_open) = (end, false);
    }
    let rest = text.get(start..).unwrap_or_default();
    if !rest.trim().is_empty() {
        found.push(Statement { text: rest, is_open, end: None });
    }
    Ok(found)
}

/// A text in which others stand in for what the library misreads: for strings with a backslash, which it takes for an escape, or
/// with several lines, and for comments in comments.
struct Hidden {
    text: String,
    /// What stands in for each piece, and the piece.
    pieces: Vec<(String, String)>,
}

/// Stand-ins are made of characters for private use, one a piece.
const PRIVATE: RangeInclusive<u32> = 0xe000..=0xf8ff;

impl Hidden {
    fn of(text: &str) -> Checked<Self> {
        let mut hidden = Self { text: String::with_capacity(text.len()), pieces: Vec::new() };
        let private: Vec<char> = PRIVATE.filter_map(char::from_u32).filter(|&c| !text.contains(c)).collect();
        let offsets = Offsets::new(text);
        let mut done = 0;
        for TokenWithSpan { token, span } in tokens::cut(text)? {
            let (start, end) = (offsets.find(text, span.start), offsets.find(text, span.end));
            let piece = text.get(start..end).unwrap_or_default();
            let (open, close) = match &token {
                Token::SingleQuotedString(_) if piece.contains(['\\', '\n', '\r']) => ("'", "'"),
                Token::Whitespace(Whitespace::MultiLineComment(comment)) if comment.contains("/*") => {
                    ("/*", "*/")
                }
                _ => continue,
            };
            // With more pieces than characters the rest stays; a layout that changes it is refused.
            let Some(c) = private.get(hidden.pieces.len()) else { break };
            let width = piece.chars().count().saturating_sub(open.len() + close.len()).max(1);
            let stand_in = format!("{open}{}{close}", c.to_string().repeat(width));
            hidden.text.push_str(text.get(done..start).unwrap_or_default());
            hidden.text.push_str(&stand_in);
            hidden.pieces.push((stand_in, piece.to_owned()));
            done = end;
        }
        hidden.text.push_str(text.get(done..).unwrap_or_default());
        Ok(hidden)
    }
}

/// The library takes the WITH of options for the one of a query and begins a line with it.
fn join_options(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens = |rest: &str| rest.trim_start().starts_with('(');
        let is_with = line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("with"));
        let rest = line.get(4..).unwrap_or_default();
        let begins = is_with
            && (opens(rest) || (rest.trim().is_empty() && lines.peek().is_some_and(|next| opens(next))));
        if begins && joined.ends_with('\n') {
            joined.pop();
            joined.push(' ');
        }
        joined.push_str(line);
        joined.push(if begins && rest.trim().is_empty() { ' ' } else { '\n' });
    }
    joined
}

/// What a layout must not change: the tokens, and the comments without the space around their lines. Only `,` and `;` pass comments.
fn essence(text: &str) -> Checked<Vec<Token>> {
    let mut tokens = tokens::cut(text)?;
    move_before_comments(&mut tokens);
    let tokens = tokens.into_iter().map(|token| token.token);
    let tokens = tokens.filter_map(|token| match token {
        Token::Whitespace(Whitespace::SingleLineComment { comment, prefix }) => {
            let comment = comment.trim().to_owned();
            Some(Token::Whitespace(Whitespace::SingleLineComment { comment, prefix }))
        }
        Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
            let lines: Vec<&str> = comment.lines().map(str::trim).collect();
            Some(Token::Whitespace(Whitespace::MultiLineComment(lines.join("\n"))))
        }
        Token::Whitespace(_) | Token::EOF => None,
        token => Some(token),
    });
    Ok(tokens.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(formatted(text).unwrap(), expected);
        assert_eq!(formatted(expected).unwrap(), expected, "laid out again");
    }

    #[test]
    fn statements_are_laid_out_and_comments_stay() {
        check(
            "-- events\r\ncreate source s (a text path 'x.y',ts timestamp, -- when\n watermark for ts as ts) with \
             (connector='kafka',brokers='b:1');select a,count(*) n from tumble(s,ts,interval '1' minute) \
             where a<>'it''s' group by window_start,window_end,a",
            "\
-- events
create source s (
  a text path 'x.y',
  ts timestamp,  -- when
  watermark for ts as ts
) with (connector = 'kafka', brokers = 'b:1');

select a, count(*) n
from tumble(s, ts, interval '1' minute)
where a <> 'it''s'
group by window_start, window_end, a
",
        );
    }

    #[test]
    fn no_line_begins_with_a_comma_behind_a_comment() {
        check(
            "select a -- one\n, b -- two\n , /* three */ c from s",
            "select a,  -- one\nb,  -- two\n/* three */\nc\nfrom s\n",
        );
        check(
            "create source s (a text -- the a\n, b bigint -- the b\n, ts timestamp) with (connector='file' -- here\n, path='x')",
            "\
create source s (
  a text,  -- the a
  b bigint,  -- the b
  ts timestamp
) with (
  connector = 'file',  -- here
  path = 'x'
)
",
        );
    }

    #[test]
    fn comments_behind_a_statement_stay_in_its_line() {
        check(
            "select a from s; -- one\nselect b from s -- two\n; \n-- three\n-- four\nselect c from s; /* five */ select d from s;/* six */",
            "\
select a
from s; -- one

select b
from s; -- two

-- three
-- four
select c
from s;

/* five */
select d
from s; /* six */
",
        );
        check("select a from s -- one\n; -- two\n", "select a\nfrom s -- one\n; -- two\n");
        check("select a from s\n-- one\n-- two\n;", "select a\nfrom s\n-- one\n-- two\n;\n");
    }

    #[test]
    fn backslashes_and_comments_in_comments_stay() {
        check(
            r"/* a /* b */ c */select a from s where a like 'x\_' escape '\' and b='\'''",
            "/* a /* b */ c */\nselect a\nfrom s\nwhere a like 'x\\_' escape '\\' and b = '\\'''\n",
        );
    }

    #[test]
    fn texts_of_several_lines_and_lines_of_any_width_are_laid_out() {
        check("select 'a  \n b' as x from s", "select 'a  \n b' as x\nfrom s\n");
        for width in 1..120 {
            let text = format!("SELECT n AS {}, NOT(n>2) AS q, (n)AS r FROM s", "a".repeat(width));
            let formatted = formatted(&text).unwrap();
            assert_eq!(super::formatted(&formatted).unwrap(), formatted, "{width}");
        }
    }

    #[test]
    fn what_has_no_tokens_is_an_error_with_its_place() {
        let file = SourceText { name: "q.sql".to_owned(), text: "SELECT 'a\n".to_owned() };
        let error = format(&file).unwrap_err();
        assert_eq!((error.line, error.column, error.severity), (1, 8, Severity::Error));
    }
}
