//! `string_agg(x, separator)`: all texts in one, in the order of their event times.

use streamgauge_sdk::{Aggregate, Collected, Error, EventTime, Parameter, Parameters};

/// The aggregate.
struct StringAgg {
    separator: String,
}

/// A long separator would make a large result of few rows.
const SEPARATOR_BYTES_MAX: usize = 100;

impl Aggregate for StringAgg {
    const NAME: &'static str = "string_agg";
    const DOCS: &'static str =
        "All texts in one, by event time, those of one time by their bytes; keeps every text";
    type Row = (String, EventTime);
    /// Event times and texts.
    type State = Collected<(i64, String)>;
    type Value = String;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<String>("separator", "what stands between two texts")]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        match parameters.text("separator")? {
            separator if separator.len() <= SEPARATOR_BYTES_MAX => {
                Ok(Self { separator: separator.to_owned() })
            }
            _ => Err(Error::Invalid(format!("`separator` must have at most {SEPARATOR_BYTES_MAX} bytes"))),
        }
    }

    fn add(&self, state: &mut Self::State, (text, time): (&str, EventTime)) {
        state.add((time.0, text.to_owned()));
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        state.merge(other);
    }

    fn value(&self, state: &Self::State) -> Option<String> {
        let mut rows: Vec<&(i64, String)> = state.iter().collect();
        rows.sort_unstable();
        let texts: Vec<&str> = rows.into_iter().map(|(_, text)| text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(&self.separator))
    }
}

streamgauge_sdk::export_aggregate!(StringAgg);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&["; ".into()]);
    }

    #[test]
    fn a_long_separator_is_refused() {
        use streamgauge_sdk::Reducer;
        let opens = |bytes: usize| Plugin::open(0, &["x".repeat(bytes).into()]).map(drop);
        assert_eq!(opens(100), Ok(()));
        assert_eq!(opens(101), Err(Error::Invalid("`separator` must have at most 100 bytes".into())));
    }

    #[test]
    fn event_times_order_the_texts_and_then_their_bytes() {
        let joined = StringAgg { separator: ", ".into() };
        let mut state = Collected::default();
        assert_eq!(joined.value(&state), None);
        for row in [("late", 9), ("b", 2), ("", 5), ("a", 2)] {
            joined.add(&mut state, (row.0, EventTime(row.1)));
        }
        assert_eq!(joined.value(&state).as_deref(), Some("a, b, , late"));
    }
}
