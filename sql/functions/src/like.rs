//! `text LIKE pattern`.

use crate::Failure;
use crate::text::is_continuation;

/// `text LIKE pattern`: `%` is any number of characters, `_` is one, a backslash takes the next character literally.
///
/// A pattern that ends with a lone backslash is out of range. Time is at most the product of the lengths: when a part
/// behind a `%` does not fit, only that last `%` takes one character more.
pub fn like(text: &[u8], pattern: &[u8]) -> Result<bool, Failure> {
    if ends_with_escape(pattern) {
        return Err(Failure::OutOfRange);
    }
    let (mut text, mut pattern) = (text, pattern);
    // The pattern behind the last `%`, and the text from which that is tried.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match step(text, pattern) {
            Step::Wildcard(behind) => {
                retry = Some((text, behind));
                pattern = behind;
            }
            Step::Match(text_behind, pattern_behind) => (text, pattern) = (text_behind, pattern_behind),
            Step::End => return Ok(true),
            Step::Mismatch => match retry {
                Some((from, behind)) if !from.is_empty() => {
                    let from = without_first_character(from);
                    retry = Some((from, behind));
                    (text, pattern) = (from, behind);
                }
                _ => return Ok(false),
            },
        }
    }
}

/// Appends the pattern of `LIKE pattern ESCAPE escape` with a backslash as its escape.
///
/// The escape is one character, or empty: then nothing is taken literally. A longer one is out of range.
pub fn like_escape(pattern: &[u8], escape: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    if !without_first_character(escape).is_empty() {
        return Err(Failure::OutOfRange);
    }
    if escape == b"\\" {
        out.extend_from_slice(pattern);
        return Ok(());
    }
    let mut rest = pattern;
    let mut is_literal = false;
    while let [first, ..] = rest {
        let behind = without_first_character(rest);
        let character = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        if character == escape && !is_literal {
            out.push(b'\\');
            is_literal = true;
        } else {
            if *first == b'\\' && !is_literal {
                out.push(b'\\');
            }
            out.extend_from_slice(character);
            is_literal = false;
        }
        rest = behind;
    }
    Ok(())
}

/// What the first element of a pattern does with a text.
enum Step<'a> {
    /// Both are at their end.
    End,
    /// It is `%`; the pattern behind it.
    Wildcard(&'a [u8]),
    /// It fits; text and pattern behind it.
    Match(&'a [u8], &'a [u8]),
    /// It does not fit.
    Mismatch,
}

fn step<'a>(text: &'a [u8], pattern: &'a [u8]) -> Step<'a> {
    match (pattern, text) {
        ([], []) => Step::End,
        ([b'%', behind @ ..], _) => Step::Wildcard(behind),
        ([b'_', behind @ ..], [_, ..]) => Step::Match(without_first_character(text), behind),
        // Bytes may be compared one by one: no character of UTF-8 begins within another.
        ([b'\\', literal, behind @ ..], [byte, rest @ ..]) if literal == byte => Step::Match(rest, behind),
        ([literal, behind @ ..], [byte, rest @ ..]) if *literal != b'\\' && literal == byte => {
            Step::Match(rest, behind)
        }
        _ => Step::Mismatch,
    }
}

fn without_first_character(text: &[u8]) -> &[u8] {
    let [_, rest @ ..] = text else { return text };
    let length = rest.iter().take_while(|&&byte| is_continuation(byte)).count();
    rest.get(length..).unwrap_or_default()
}

/// Whether the last backslash escapes nothing: those at the end are paired, first with second.
fn ends_with_escape(pattern: &[u8]) -> bool {
    pattern.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("gpt-4o", "gpt%", true),
            ("gpt-4o", "gpt", false),
            ("gpt-4o", "%4o", true),
            ("gpt-4o", "g_t-__", true),
            ("gpt-4o", "GPT%", false),
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("é😀", "__", true),
            ("é😀", "%_😀", true),
            ("日本語", "%本%", true),
            ("100%", "100\\%", true),
            ("1000", "100\\%", false),
            ("a_b", "a\\_b", true),
            ("axb", "a\\_b", false),
            ("a\\b", "a\\\\b", true),
            ("abab", "%ab", true),
            ("aXbXc", "a%b%c", true),
            ("ab", "a%%%b", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(like(text.as_bytes(), pattern.as_bytes()), Ok(expected), "{text:?} LIKE {pattern:?}");
        }
        assert_eq!(like(b"a", b"a\\"), Err(Failure::OutOfRange));
        assert_eq!(like(b"a", b"b\\\\"), Ok(false));
    }

    #[test]
    fn another_escape_becomes_a_backslash() {
        for (pattern, escape, expected) in [
            ("100!%", "!", Ok(r"100\%")),
            ("a!_b!!c%", "!", Ok(r"a\_b\!c%")),
            (r"a\b", "!", Ok(r"a\\b")),
            (r"a!\b", "!", Ok(r"a\\b")),
            ("%é_é%", "é", Ok(r"%\_\%")),
            (r"100\%", r"\", Ok(r"100\%")),
            (r"a\%b", "", Ok(r"a\\%b")),
            ("%%a", "%", Ok(r"\%a")),
            ("a!", "!", Ok(r"a\")),
            ("a", "!!", Err(Failure::OutOfRange)),
            ("", "éé", Err(Failure::OutOfRange)),
        ] {
            let mut out = Vec::new();
            let found = like_escape(pattern.as_bytes(), escape.as_bytes(), &mut out);
            assert_eq!(found.map(|()| str::from_utf8(&out).unwrap()), expected, "{pattern:?} {escape:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_not_exponential() {
        let text = "a".repeat(4000);
        assert_eq!(like(text.as_bytes(), "%a".repeat(40).replace("%a", "%aaaa%").as_bytes()), Ok(true));
        assert_eq!(like(text.as_bytes(), ("%a".repeat(40) + "b").as_bytes()), Ok(false));
    }

    /// LIKE as it is defined, on characters.
    fn naive(text: &[char], pattern: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['%', behind @ ..], _) => (0..=text.len()).any(|start| naive(&text[start..], behind)),
            (['_', behind @ ..], [_, rest @ ..]) => naive(rest, behind),
            (['\\', literal, behind @ ..] | [literal, behind @ ..], [first, rest @ ..]) => {
                literal == first && naive(rest, behind)
            }
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_does_what_the_definition_says(text in "[abé😀%\\\\]{0,8}", pattern in "([abé😀%_]|\\\\[%_\\\\a]){0,7}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                like(text.as_bytes(), pattern.as_bytes()),
                Ok(naive(&characters(&text), &characters(&pattern)))
            );
        }
    }
}
