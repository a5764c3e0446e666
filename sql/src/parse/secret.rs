//! Secrets that stand in the text where `secret('NAME')` should: no diagnostic shows them.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Word};

use super::cursor::is_word;
use super::dialect::Streamgauge;

/// Whether the value of an option is always a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('_', ".");
    ["password", "secret", "key.pem"].iter().any(|end| key.ends_with(end))
}

/// The text with stars for the values of such options, every other character in its place.
pub(crate) fn masked(text: &str) -> String {
    let mut spans = values(text).into_iter().peekable();
    let mut place = Location::new(1, 1);
    let mut masked = String::with_capacity(text.len());
    for c in text.chars() {
        while spans.next_if(|span| span.end <= place).is_some() {}
        let inside = spans.peek().is_some_and(|span| span.start <= place);
        masked.push(if inside && !c.is_control() { '*' } else { c });
        place = match c {
            '\n' => Location::new(place.line + 1, 1),
            _ => Location::new(place.line, place.column + 1),
        };
    }
    masked
}

/// Whether the value of a header is always a secret, or has one in it.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', "-");
    let ends =
        ["authorization", "api-key", "apikey", "-token", "password", "secret", "cookie", "subscription-key"];
    name == "token" || ends.iter().any(|end| name.ends_with(end))
}

/// The places of the values; in a text that cannot be cut into tokens up to there, and then to its end.
fn values(text: &str) -> Vec<Span> {
    let mut tokens = Vec::new();
    let cut = Tokenizer::new(&Streamgauge, text).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF | Token::Minus));
    let end = Location::new(u64::MAX, u64::MAX);
    let mut values = Vec::new();
    let (mut depth, mut list_depth) = (0_usize, None);
    for (at, pair) in tokens.windows(2).enumerate() {
        let [key, equal] = pair else { continue };
        match (&key.token, &equal.token) {
            // `= (` begins a list, in which headers may stand.
            (Token::Eq, Token::LParen) => list_depth = list_depth.or(Some(depth + 1)),
            (Token::LParen, _) => depth += 1,
            (Token::RParen, _) => depth = depth.saturating_sub(1),
            _ => {}
        }
        list_depth = list_depth.filter(|&list| list <= depth || key.token == Token::Eq);
        if equal.token != Token::Eq {
            continue;
        }
        let value = Value::read(tokens.get(at + 2..).unwrap_or_default());
        let is_plain_header = list_depth.is_some() && !value.has_secret && names_header(&key.token);
        if names_secret(&key.token) || is_plain_header || value.is_url_with_user() {
            values.extend(value.texts.iter().map(|text| text.span));
            if let (true, Err(error)) = (value.is_open, &cut) {
                values.push(Span::new(error.location, end));
            }
        }
    }
    values
}

/// More than `'NAME', 'default')` has.
const ARGUMENTS_TOKENS_MAX: usize = 8;

/// What stands behind `=`.
#[derive(Default)]
struct Value<'a> {
    /// Its texts, defaults of env() among them; names of variables and secrets are none.
    texts: Vec<&'a TokenWithSpan>,
    has_secret: bool,
    /// Whether the tokens end within it.
    is_open: bool,
}

impl<'a> Value<'a> {
    /// Reads `'text' || env('NAME', 'default') || secret('NAME')`.
    fn read(mut tokens: &'a [TokenWithSpan]) -> Self {
        let mut value = Self::default();
        loop {
            tokens = match tokens {
                [word, open, rest @ ..] if is_call(word, open) => {
                    value.has_secret |= is_word(&word.token, "secret");
                    value.arguments(rest)
                }
                // An empty list of items, or the items themselves, which have keys of their own.
                [TokenWithSpan { token: Token::LParen, .. }, ..] => return value,
                [text, rest @ ..] => {
                    value.texts.push(text);
                    rest
                }
                [] => {
                    value.is_open = true;
                    return value;
                }
            };
            match tokens {
                [TokenWithSpan { token: Token::StringConcat, .. }, rest @ ..] => tokens = rest,
                _ => return value,
            }
        }
    }

    /// Passes over `'NAME', 'default')`, and gives what stands behind.
    fn arguments(&mut self, tokens: &'a [TokenWithSpan]) -> &'a [TokenWithSpan] {
        // A text may have many calls that do not end: each is looked at for a few tokens.
        let end = tokens.iter().take(ARGUMENTS_TOKENS_MAX).position(|token| token.token == Token::RParen);
        let (inside, behind) = tokens.split_at(end.unwrap_or(tokens.len().min(ARGUMENTS_TOKENS_MAX)));
        let texts = inside.iter().skip(1).filter(|token| matches!(token.token, Token::SingleQuotedString(_)));
        self.texts.extend(texts);
        self.is_open |= end.is_none();
        behind.split_first().map_or(behind, |(_, behind)| behind)
    }

    /// `https://user:password@host/`.
    fn is_url_with_user(&self) -> bool {
        let texts = self.texts.iter().map(|text| match &text.token {
            Token::SingleQuotedString(text) => text.as_str(),
            _ => "",
        });
        texts.collect::<String>().split_once("://").is_some_and(|(_, rest)| has_user(rest))
    }
}

fn is_call(word: &TokenWithSpan, open: &TokenWithSpan) -> bool {
    let is_reference = is_word(&word.token, "secret") || is_word(&word.token, "env");
    is_reference && open.token == Token::LParen
}

fn names_header(token: &Token) -> bool {
    match token {
        Token::Word(Word { value, .. }) | Token::SingleQuotedString(value) => is_secret_header(value),
        _ => false,
    }
}

/// Whether what stands between `://` and the path of a URL names a user.
pub(crate) fn has_user(rest: &str) -> bool {
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// The last word of a key, which may have others before it: `ssl.key.pem`.
fn names_secret(token: &Token) -> bool {
    match token {
        Token::Word(Word { value, .. }) => is_secret(value) || value.eq_ignore_ascii_case("pem"),
        Token::SingleQuotedString(key) => is_secret(key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_secrets_are_masked() {
        for (text, expected) in [
            ("WITH ('sasl.password' = 'ab', topic = 't')", "WITH ('sasl.password' = ****, topic = 't')"),
            ("ssl.key.pem =\n'a\nb'\n, x", "ssl.key.pem =\n**\n**\n, x"),
            ("sasl_password = ab, \"signing_secret\"='é'", "sasl_password = **, \"signing_secret\"=***"),
            ("sasl_password = -12", "sasl_password = -**"),
            ("sasl_password = secret('PW')", "sasl_password = secret('PW')"),
            ("a = 'b' AND password = ' ab", "a = 'b' AND password = ****"),
            ("password", "password"),
            ("url = 'https://u:p@h/', topic = 'a@b'", "url = ****************, topic = 'a@b'"),
            ("url = 'https://h/@x'", "url = 'https://h/@x'"),
            ("password = 'a' || secret('B') || 'c'", "password = *** || secret('B') || ***"),
            ("password = env('A', 'bc'), x", "password = env('A', ****), x"),
            ("password = secret('A') || 'bc", "password = secret('A') || ***"),
            ("url = env('U', 'https://u:p@h/')", "url = env('U', ****************)"),
            ("url = 'https://' || env('U', 'u') || ':p@h'", "url = ********** || env('U', ***) || ******"),
            ("headers = (authorization = 'B c', x = 'd')", "headers = (authorization = *****, x = 'd')"),
            ("h = (\"X-Api-Key\" = env('K', 'c'))", "h = (\"X-Api-Key\" = env('K', ***))"),
            (
                "h = (a = secret('B'), token = 'c'), token = 'd'",
                "h = (a = secret('B'), token = ***), token = 'd'",
            ),
            ("h = (a = 'x', 'cookie' = 'a", "h = (a = 'x', 'cookie' = **"),
            ("h = (authorization = 'B ' || secret('C'))", "h = (authorization = 'B ' || secret('C'))"),
            ("WHERE (a = 'b') AND token = 'c'", "WHERE (a = 'b') AND token = 'c'"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
