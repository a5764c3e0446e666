//! A reader of one statement's tokens: our clauses by word, expressions by `sqlparser`.

use sqlparser::ast::{self, Expr};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use super::dialect::{NO_OPERATOR, Streamgauge, is_reserved};
use super::name::Name;
use super::refused;
use crate::error::{Checked, Problem};

/// Our own limit on nesting is lower ([`super::limits`]); this is a second net.
const RECURSION_LIMIT: usize = 128;

const AFTER_IS: &str = "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM behind IS [NOT]";

pub(super) struct Cursor {
    parser: Parser<'static>,
    /// The places of all tokens.
    spans: Vec<Span>,
    /// Behind the last token.
    end: Span,
}

impl Cursor {
    pub(super) fn new(tokens: Vec<TokenWithSpan>, end: Span) -> Self {
        let spans = tokens.iter().map(|token| token.span).collect();
        let parser = Parser::new(&Streamgauge)
            .with_recursion_limit(RECURSION_LIMIT)
            .with_tokens_with_locations(tokens);
        Self { parser, spans, end }
    }

    pub(super) fn peek(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    pub(super) fn peek_nth(&self, n: usize) -> &Token {
        &self.parser.peek_nth_token_ref(n).token
    }

    /// The place of the next token, or behind the statement.
    pub(super) fn span(&self) -> Span {
        let token = self.parser.peek_token_ref();
        if token.token == Token::EOF { self.end } else { token.span }
    }

    /// From `start` to the token that was read last.
    pub(super) fn since(&self, start: Span) -> Span {
        Span::new(start.start, self.parser.get_current_token().span.end)
    }

    pub(super) fn at_end(&self) -> bool {
        *self.peek() == Token::EOF
    }

    pub(super) fn advance(&mut self) {
        self.parser.advance_token();
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        is_word(self.peek(), word)
    }

    /// Whether these words come next.
    pub(super) fn at_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| is_word(self.peek_nth(n), word))
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn accept_words(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        if found {
            words.iter().for_each(|_| self.advance());
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Checked<()> {
        if self.accept_word(word) { Ok(()) } else { Err(self.unexpected(&word.to_uppercase())) }
    }

    pub(super) fn accept(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(&mut self, token: &Token) -> Checked<()> {
        if self.accept(token) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    /// Where the reader stands, for [`Self::skip_element`].
    pub(super) fn index(&self) -> usize {
        self.parser.index()
    }

    /// Goes on behind an element of a list that begins at `index` and is wrong: to the `,` or `)` behind it, or to the end.
    pub(super) fn skip_element(&mut self, index: usize) {
        while self.parser.index() > index {
            self.parser.prev_token();
        }
        let (mut parentheses, mut angles) = (0_usize, 0_usize);
        loop {
            match self.peek() {
                Token::EOF => return,
                Token::Comma if parentheses + angles == 0 => return,
                Token::RParen if parentheses == 0 => return,
                Token::LParen => parentheses += 1,
                Token::RParen => parentheses -= 1,
                Token::Lt if parentheses == 0 => angles += 1,
                Token::Gt if parentheses == 0 => angles = angles.saturating_sub(1),
                Token::ShiftRight if parentheses == 0 => angles = angles.saturating_sub(2),
                _ => {}
            }
            self.advance();
        }
    }

    /// A name, of whatever word; `what` names it in the error.
    pub(super) fn name(&mut self, what: &str) -> Checked<Name> {
        let span = self.span();
        let Token::Word(Word { value, quote_style, .. }) = self.peek() else {
            return Err(self.unexpected(what));
        };
        let name = Name { text: value.clone(), quoted: quote_style.is_some(), span };
        if name.text.is_empty() {
            return Err(Problem::new(span, "a name cannot be empty"));
        }
        self.advance();
        Ok(name)
    }

    /// A text in single quotes.
    pub(super) fn text(&mut self, what: &str) -> Checked<String> {
        let Token::SingleQuotedString(text) = self.peek() else { return Err(self.unexpected(what)) };
        let text = text.clone();
        self.advance();
        Ok(text)
    }

    pub(super) fn expr(&mut self) -> Checked<Expr> {
        self.parser.parse_expr().map_err(|error| self.problem(error))
    }

    pub(super) fn data_type(&mut self) -> Checked<ast::DataType> {
        self.parser.parse_data_type().map_err(|error| self.problem(error))
    }

    pub(super) fn unexpected(&self, expected: &str) -> Box<Problem> {
        let found = match self.peek() {
            Token::EOF => "the end of the statement".to_owned(),
            token => format!("`{token}`"),
        };
        let problem = Problem::new(self.span(), format!("expected {expected}, found {found}"));
        let is_call = *self.peek_nth(1) == Token::LParen;
        match refused::CALLS_OF_OPTIONS.into_iter().find(|call| is_call && self.at_word(call)) {
            Some(call) => problem.help(refused::only_in_options(call)),
            None => problem,
        }
    }

    /// An error of `sqlparser` in our words: it carries its place in its text.
    fn problem(&self, error: ParserError) -> Box<Problem> {
        let text = match error {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
            ParserError::RecursionLimitExceeded => return Problem::new(self.span(), "nested too deeply"),
        };
        let (text, span) = self.place(&text);
        if text.starts_with(NO_OPERATOR) {
            let operator = self.parser.get_current_token();
            return refused::operator(&operator.token.to_string(), operator.span);
        }
        let Some((expected, found)) = text.split_once(", found: ") else {
            return Problem::new(span, format!("this cannot be read: {}", text.to_lowercase()));
        };
        let expected = expected.trim_start_matches("Expected: ");
        let expected = if expected.ends_with(" after IS") { AFTER_IS } else { expected };
        let is_sign = !expected.contains(char::is_alphanumeric);
        let expected = if is_sign { format!("`{expected}`") } else { expected.to_owned() };
        let found = if found == "EOF" { "the end of the statement".to_owned() } else { format!("`{found}`") };
        if (expected.as_str(), found.as_str()) == ("an expression", "`!`") {
            return refused::operator("!", span);
        }
        let problem = Problem::new(span, format!("expected {expected}, found {found}"));
        match expected.as_str() {
            "WHEN" | "THEN" | "END" => problem.help("write CASE WHEN condition THEN value ELSE value END"),
            "AS" => problem.help("write CAST(x AS type)"),
            _ => problem,
        }
    }

    /// Whether the token that was read last is a number with the next one close behind it.
    pub(super) fn is_behind_digits(&self) -> bool {
        let last = self.parser.get_current_token();
        matches!(last.token, Token::Number(..)) && last.span.end == self.span().start
    }

    /// Whether the next word has a meaning in expressions or begins a clause, and so is no name without quotes.
    pub(super) fn at_reserved(&self) -> bool {
        use Keyword::{CASE, CAST, FALSE, NOT, NULL, TRUE};
        match self.peek() {
            Token::Word(word) => {
                is_reserved(word.keyword) || matches!(word.keyword, CASE | CAST | FALSE | NOT | NULL | TRUE)
            }
            _ => false,
        }
    }

    /// Takes `at Line: 1, Column: 8` off the end of an error.
    fn place<'t>(&self, text: &'t str) -> (&'t str, Span) {
        let located = text.rsplit_once(" at Line: ").and_then(|(text, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            let start = Location::new(line.parse().ok()?, column.parse().ok()?);
            Some((text, self.spans.iter().find(|span| span.start == start).copied().unwrap_or(self.end)))
        });
        located.unwrap_or((text, if text.ends_with("found: EOF") { self.end } else { self.span() }))
    }
}

pub(crate) fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(expected))
}
