//! Names, and when two of them are the same.

use sqlparser::tokenizer::Span;

/// A name as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// In double quotes: matches exactly. Without them it matches without regard to case.
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

impl Name {
    pub(crate) fn new(ident: &sqlparser::ast::Ident) -> Self {
        Self { text: ident.value.clone(), quoted: ident.quote_style.is_some(), span: ident.span }
    }

    /// Whether this name, used in a query, can mean what was declared as `declared`.
    pub(crate) fn means(&self, declared: &str) -> bool {
        self.text == declared || (!self.quoted && same(&self.text, declared))
    }

    /// Whether both cannot be declared beside each other.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.text == other.text || (!self.quoted && !other.quoted && same(&self.text, &other.text))
    }
}

/// Equal without regard to case.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// The candidate that is spelled most like `name`, or begins with it, if there is one.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: String = name.chars().take(MAX_LENGTH).collect::<String>().to_lowercase();
    let most = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let score = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let is_start = wanted.chars().count() > 3 && candidate.starts_with(&wanted);
        if is_start { most } else { distance(&wanted, &candidate) }
    };
    let scored = candidates.into_iter().map(|candidate| (score(candidate), candidate));
    scored
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names are compared up to here: a misspelled one that is longer is not worth the time.
const MAX_LENGTH: usize = 100;

/// How many characters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(MAX_LENGTH).collect();
    let (mut row, mut above): (Vec<usize>, Vec<usize>) = ((0..=b.len()).collect(), Vec::new());
    let mut before = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, j) + usize::from(x != *y);
            let mut least = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = j > 0 && before == Some(*y) && b.get(j - 1) == Some(&x);
            if swapped {
                least = least.min(at(&above, j - 1) + 1);
            }
            next.push(least);
        }
        above = std::mem::replace(&mut row, next);
        before = Some(x);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let pairs =
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("topic", "tpoic", 1), ("ä", "a", 1)];
        for (a, b, expected) in pairs {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("latncy_ms", ["latency_ms", "tokens"]), Some("latency_ms"));
        assert_eq!(nearest("latency", ["tokens", "latency_ms"]), Some("latency_ms"));
        assert_eq!(nearest("x", ["y"]), None);
    }
}
