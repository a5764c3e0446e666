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

/// The candidate that is spelled most like `name`, if one is near.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let most = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let scored = candidates.into_iter().map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate));
    scored.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters must be inserted, removed or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_levenshtein() {
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("topic", "tpoic", 2), ("ä", "a", 1)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("latncy_ms", ["latency_ms", "tokens"]), Some("latency_ms"));
        assert_eq!(nearest("x", ["y"]), None);
    }
}
