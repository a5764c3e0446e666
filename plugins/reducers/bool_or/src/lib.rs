//! `bool_or(x)`: whether a value is true.

use streamgauge_sdk::{Aggregate, Error, Parameters};

/// The aggregate.
struct BoolOr;

impl Aggregate for BoolOr {
    const NAME: &'static str = "bool_or";
    const DOCS: &'static str = "Whether a value is true";
    type Row = (bool,);
    type State = Option<bool>;
    type Value = bool;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    #[inline]
    fn add(&self, state: &mut Option<bool>, (value,): (bool,)) {
        *state.get_or_insert(value) |= value;
    }

    fn merge(&self, state: &mut Option<bool>, other: &Option<bool>) {
        if let Some(value) = *other {
            self.add(state, (value,));
        }
    }

    fn value(&self, state: &Option<bool>) -> Option<bool> {
        *state
    }
}

streamgauge_sdk::export_aggregate!(BoolOr);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[]);
    }

    #[test]
    fn it_is_the_operator_between_all_values() {
        let of = |values: &[bool]| {
            let mut state = None;
            values.iter().for_each(|&value| BoolOr.add(&mut state, (value,)));
            BoolOr.value(&state)
        };
        assert_eq!(of(&[]), None);
        for value in [false, true] {
            assert_eq!(of(&[value]), Some(value));
            assert_eq!(of(&[value, value]), Some(value));
        }
        assert_eq!(of(&[true, false, true]), Some(true));
    }
}
