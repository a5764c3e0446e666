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
    let Hidden { text, pieces } = Hidden::of(text)?;
    let text = sqlformat::format(&text, &QueryParams::None, &options);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = format!("{}\n", lines.join("\n").trim());
    Ok(pieces.iter().fold(text, |text, (stand_in, piece)| text.replacen(stand_in, piece, 1)))
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

/// What a layout must not change: the tokens, and the comments without the space around their lines.
fn essence(text: &str) -> Checked<Vec<Token>> {
    let tokens = tokens::cut(text)?.into_iter().map(|token| token.token);
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
