//! Regular expressions, in time that grows with pattern and text alone.

use std::cell::RefCell;

use regex::bytes::{Regex, RegexBuilder};

use crate::Failure;

/// How many compiled patterns a thread keeps.
const KEPT: usize = 64;
/// The memory that a compiled pattern may need.
const BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// The patterns that were compiled, each with its text; a query has few.
    static COMPILED: RefCell<Vec<(Vec<u8>, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// Compiles a pattern, if it is one and not too large. What `insensitive` patterns begin with stands in the pattern: `(?i)`.
pub fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(BYTES_MAX).build().ok()
}

/// What `action` makes of a compiled pattern; out of range where it is none.
fn with<T>(pattern: &[u8], action: impl FnOnce(&Regex) -> T) -> Result<T, Failure> {
    COMPILED.with_borrow_mut(|compiled| {
        let known = match compiled.iter().position(|(known, _)| known == pattern) {
            Some(known) => known,
            None => {
                let text = std::str::from_utf8(pattern).map_err(|_| Failure::OutOfRange)?;
                let regex = compile(text).ok_or(Failure::OutOfRange)?;
                if compiled.len() == KEPT {
                    compiled.clear();
                }
                compiled.push((pattern.to_owned(), regex));
                compiled.len() - 1
            }
        };
        compiled.get(known).map(|(_, regex)| action(regex)).ok_or(Failure::OutOfRange)
    })
}

/// `text ~ pattern`: whether the pattern fits somewhere.
pub fn is_match(text: &[u8], pattern: &[u8]) -> Result<bool, Failure> {
    with(pattern, |regex| regex.is_match(text))
}

/// `regexp_extract(text, pattern, group)`: what the group has in the first match, group 0 is all of it; none where nothing matches or
/// the group took no part. A group that the pattern has not is out of range.
pub fn extract<'a>(text: &'a [u8], pattern: &[u8], group: i64) -> Result<Option<&'a [u8]>, Failure> {
    let found = with(pattern, |regex| {
        let group = usize::try_from(group).ok().filter(|group| *group < regex.captures_len());
        let group = group.ok_or(Failure::OutOfRange)?;
        if group == 0 {
            return Ok(regex.find(text).map(|found| found.as_bytes()));
        }
        Ok(regex.captures(text).and_then(|captures| captures.get(group)).map(|found| found.as_bytes()))
    });
    found.and_then(|found| found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_anywhere() {
        for (text, pattern, expected) in [
            ("gpt-4o-mini", "^gpt-[0-9]", true),
            ("my gpt-4", "^gpt", false),
            ("GPT", "(?i)gpt", true),
            ("ÉTÉ", "(?i)été", true),
            ("日本語", "^.{3}$", true),
            ("café", r"^\w+$", true),
            ("a\nb", "a.b", false),
            ("", "", true),
            ("abc", "x*", true),
        ] {
            assert_eq!(is_match(text.as_bytes(), pattern.as_bytes()), Ok(expected), "{text:?} {pattern:?}");
        }
        for pattern in ["(", "a{1001}{1001}", r"(a)\1", "(?=a)", "*"] {
            assert_eq!(is_match(b"a", pattern.as_bytes()), Err(Failure::OutOfRange), "{pattern:?}");
        }
    }

    #[test]
    fn groups_are_taken_out() {
        let text = |pattern: &str, group| {
            extract("req-42/é".as_bytes(), pattern.as_bytes(), group)
                .map(|found| found.map(|found| std::str::from_utf8(found).unwrap()))
        };
        for (pattern, group, expected) in [
            (r"\d+", 0, Ok(Some("42"))),
            (r"(\w+)-(\d+)", 2, Ok(Some("42"))),
            (r"/(é)", 1, Ok(Some("é"))),
            (r"(x)|req", 1, Ok(None)),
            ("x", 0, Ok(None)),
            ("", 0, Ok(Some(""))),
            ("req", 1, Err(Failure::OutOfRange)),
            ("req", -1, Err(Failure::OutOfRange)),
        ] {
            assert_eq!(text(pattern, group), expected, "{pattern:?} {group}");
        }
    }

    #[test]
    fn more_patterns_than_are_kept_fit_too() {
        for round in 0..3 * KEPT {
            let pattern = format!("^{}$", round % (KEPT + 3));
            assert_eq!(is_match((round % (KEPT + 3)).to_string().as_bytes(), pattern.as_bytes()), Ok(true));
        }
    }

    #[test]
    fn a_hostile_pattern_is_not_exponential() {
        let text = "a".repeat(20_000) + "b";
        assert_eq!(is_match(text.as_bytes(), b"^(a+)+$"), Ok(false));
        assert_eq!(is_match(text.as_bytes(), b"(a|aa|aaa)*c"), Ok(false));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(text: Vec<u8>, pattern in "[a-c(|)*+?.^$]{0,8}", group in -1..3i64) {
            let found = extract(&text, pattern.as_bytes(), group);
            if let (Ok(found), Ok(matches)) = (&found, is_match(&text, pattern.as_bytes())) {
                prop_assert!(group != 0 || found.is_some() == matches);
            }
        }
    }
}
