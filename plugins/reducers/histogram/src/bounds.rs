//! The upper bounds of buckets.

use streamgauge_sdk::Error;

/// Those of Prometheus' client libraries, for seconds.
pub(crate) const DEFAULT: &str = "0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10";

/// The most bounds.
pub(crate) const BOUNDS_MAX: usize = 64;

/// Upper bounds in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds(Vec<f64>);

impl Bounds {
    /// Reads numbers with commas between them.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::Invalid(format!("{what}: write `buckets` as '0.1, 0.5, 1'"));
        let mut bounds: Vec<f64> = Vec::new();
        for word in text.split(',').map(str::trim) {
            let bound = match word.parse::<f64>() {
                Ok(bound) if bound.is_finite() => bound + 0.0,
                _ => return Err(wrong(format!("'{word}' is no finite number"))),
            };
            if bounds.last().is_some_and(|&last| last >= bound) {
                return Err(wrong(format!("the bound {word} is not greater than the one before")));
            }
            if bounds.len() == BOUNDS_MAX {
                return Err(wrong(format!("there are more than {BOUNDS_MAX} bounds")));
            }
            bounds.push(bound);
        }
        Ok(Self(bounds))
    }

    /// The first bucket whose bound is at least the value; the one above all bounds for greater values and NaN.
    #[inline]
    pub(crate) fn bucket(&self, value: f64) -> usize {
        if value.is_nan() {
            return self.0.len();
        }
        self.0.partition_point(|&bound| bound < value)
    }

    /// The bounds as Prometheus writes them: the shortest digits, without `.0`.
    pub(crate) fn labels(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|bound| bound.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_bounds_are_refused() {
        let said = |text: &str| match Bounds::read(text) {
            Err(Error::Invalid(said)) => said,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(""), "'' is no finite number: write `buckets` as '0.1, 0.5, 1'");
        assert_eq!(said("1, inf"), "'inf' is no finite number: write `buckets` as '0.1, 0.5, 1'");
        assert_eq!(
            said("1, 1"),
            "the bound 1 is not greater than the one before: write `buckets` as '0.1, 0.5, 1'"
        );
        let many: Vec<String> = (0..65).map(|bound| bound.to_string()).collect();
        assert!(said(&many.join(",")).starts_with("there are more than 64 bounds"));
        assert!(Bounds::read(&many[..64].join(",")).is_ok());
    }
}
