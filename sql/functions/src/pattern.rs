//! Regular expressions, in time that grows with pattern and text alone.

use std::cell::RefCell;

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::{Failure, compose};

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

/// Appends `regexp_replace(text, pattern, to)`: the first match, or all of them, become `to`, in which `\1` to `\9` are the groups of the
/// match, `\&` is all of it and `\\` a backslash. As in PostgreSQL an empty match may follow another match.
pub fn replace(text: &[u8], pattern: &[u8], to: &[u8], all: bool, out: &mut Vec<u8>) -> Result<(), Failure> {
    let limit = out.len() + text.len().max(compose::BYTES_MAX);
    let replaced = with(pattern, |regex| {
        let (mut search, mut copied) = (0, 0);
        while search <= text.len() {
            let Some(captures) = regex.captures_at(text, search) else { break };
            let Some(found) = captures.get(0) else { break };
            out.extend_from_slice(text.get(copied..found.start()).unwrap_or_default());
            substitute(&captures, to, out);
            if out.len() > limit {
                return Err(Failure::Overflow);
            }
            copied = found.end();
            if !all {
                break;
            }
            search = if found.is_empty() { next_character(text, copied) } else { copied };
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        if out.len() > limit { Err(Failure::Overflow) } else { Ok(()) }
    });
    replaced.and_then(|replaced| replaced)
}

/// Appends what stands in the place of a match.
fn substitute(captures: &Captures<'_>, to: &[u8], out: &mut Vec<u8>) {
    let mut rest = to;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let group = |number: u8| captures.get(usize::from(number)).map_or(&[][..], |group| group.as_bytes());
        let taken = match escape.get(1) {
            Some(&digit @ b'1'..=b'9') => {
                out.extend_from_slice(group(digit - b'0'));
                2
            }
            Some(b'&') => {
                out.extend_from_slice(group(0));
                2
            }
            Some(b'\\') => {
                out.push(b'\\');
                2
            }
            _ => {
                out.push(b'\\');
                1
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Where the character behind the one at `at` begins; behind the end where there is none.
fn next_character(text: &[u8], at: usize) -> usize {
    let behind = text.get(at + 1..).unwrap_or_default();
    at + 1 + behind.iter().take_while(|&&byte| crate::text::is_continuation(byte)).count()
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
    fn matches_are_replaced() {
        let replaced = |text: &str, pattern: &str, to: &str, all| {
            let mut out = Vec::new();
            let done = replace(text.as_bytes(), pattern.as_bytes(), to.as_bytes(), all, &mut out);
            done.map(|()| String::from_utf8(out).unwrap())
        };
        for (text, pattern, to, all, expected) in [
            ("req-42-7", r"\d+", "N", false, "req-N-7"),
            ("req-42-7", r"\d+", "N", true, "req-N-N"),
            ("baac", "a*", "-", true, "-b--c-"),
            ("éa", "x*", "-", true, "-é-a-"),
            ("", "x*", "-", true, "-"),
            ("ab", "(a)(b)?", r"[\2\1\&\\\n\3]", false, r"[baab\\n]"),
            ("a", "(a)|(b)", r"\2.\", false, r".\"),
            ("abc", "x", "y", true, "abc"),
        ] {
            assert_eq!(
                replaced(text, pattern, to, all).as_deref(),
                Ok(expected),
                "{text:?} {pattern:?} {to:?}"
            );
        }
        assert_eq!(replaced(&"a".repeat(2000), "a", &"b".repeat(2000), true), Err(Failure::Overflow));
        assert_eq!(replaced("a", "(", "", true), Err(Failure::OutOfRange));
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
