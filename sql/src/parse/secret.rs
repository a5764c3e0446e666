//! Secrets that stand in the text where `secret('NAME')` should: no diagnostic shows them.

use sqlparser::tokenizer::{Location, Span, Token, Tokenizer, Word};

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

/// The places of the values; in a text that cannot be cut into tokens up to there, and then to its end.
fn values(text: &str) -> Vec<Span> {
    let mut tokens = Vec::new();
    let cut = Tokenizer::new(&Streamgauge, text).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF | Token::Minus));
    let end = Location::new(u64::MAX, u64::MAX);
    let mut values = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [key, equal] = pair else { continue };
        let holds_user = tokens.get(at + 2).is_some_and(|value| is_url_with_user(&value.token));
        if equal.token != Token::Eq || !(names_secret(&key.token) || holds_user) {
            continue;
        }
        let is_reference = tokens.get(at + 2).is_some_and(|value| is_word(&value.token, "secret"));
        match (tokens.get(at + 2), &cut) {
            (Some(value), _) if !is_reference => values.push(value.span),
            (None, Err(error)) => values.push(Span::new(error.location, end)),
            _ => {}
        }
    }
    values
}

/// `https://user:password@host/`.
fn is_url_with_user(token: &Token) -> bool {
    let Token::SingleQuotedString(text) = token else { return false };
    text.split_once("://").is_some_and(|(_, rest)| has_user(rest))
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
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
