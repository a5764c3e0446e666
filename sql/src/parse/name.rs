//! Names, and when two of them are the same.

use sqlparser::tokenizer::Span;
use strsim::osa_distance;

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

    /// Which of some declared names it means: the one that is spelled so, else the first that it can mean.
    pub(crate) fn position_in<'a>(&self, declared: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
        let exact = declared.clone().position(|declared| declared == self.text);
        exact.or_else(|| declared.clone().position(|declared| self.means(declared)))
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
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: String = name.chars().take(MAX_LENGTH).collect::<String>().to_lowercase();
    let most = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let score = |candidate: &str| {
        let candidate: String = candidate.chars().take(MAX_LENGTH).collect::<String>().to_lowercase();
        let is_start = wanted.chars().count() > 3 && candidate.starts_with(&wanted);
        if is_start { most } else { osa_distance(&wanted, &candidate) }
    };
    let scored = candidates.into_iter().map(|candidate| (score(candidate), candidate));
    scored
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names are compared up to here: a misspelled one that is longer is not worth the time.
const MAX_LENGTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_one_that_is_spelled_so_before_others() {
        let name = |text: &str, quoted| Name { text: text.to_owned(), quoted, span: Span::empty() };
        let declared = ["Model", "model", "tenant"];
        for (text, quoted, expected) in [
            ("model", false, Some(1)),
            ("Model", true, Some(0)),
            ("MODEL", false, Some(0)),
            ("MODEL", true, None),
            ("TENANT", false, Some(2)),
            ("x", false, None),
        ] {
            assert_eq!(name(text, quoted).position_in(declared.into_iter()), expected, "{text} {quoted}");
        }
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("latncy_ms", ["latency_ms", "tokens"]), Some("latency_ms"));
        assert_eq!(nearest("latency", ["tokens", "latency_ms"]), Some("latency_ms"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("tpoic", ["tapioca", "topic"]), Some("topic"), "neighbours that were swapped");
    }
}
