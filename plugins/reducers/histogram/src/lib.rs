//! `histogram(x, buckets)`: counts of the values up to some bounds, as a histogram of Prometheus, as JSON.

use streamgauge_functions::{format_i64, format_json_f64, format_json_text};
use streamgauge_sdk::{Aggregate, Error, Parameter, Parameters};

mod bounds;
use bounds::Bounds;

mod counts;
use counts::Counts;

/// The aggregate.
struct Histogram {
    bounds: Bounds,
}

impl Aggregate for Histogram {
    const NAME: &'static str = "histogram";
    const DOCS: &'static str =
        "Counts of the values up to some bounds, with the count and the sum of all, as JSON";
    type Row = (f64,);
    type State = Counts;
    type Value = String;

    fn parameters() -> Vec<Parameter> {
        let docs = "the upper bounds in ascending order, at most 64, such as '0.1, 0.5, 1'";
        vec![Parameter::new::<String>("buckets", docs).or(bounds::DEFAULT)]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self { bounds: Bounds::read(parameters.text("buckets")?)? })
    }

    #[inline]
    fn add(&self, state: &mut Counts, (value,): (f64,)) {
        state.add(self.bounds.bucket(value), value);
    }

    fn merge(&self, state: &mut Counts, other: &Counts) {
        state.merge(other);
    }

    fn value(&self, state: &Counts) -> Option<String> {
        let count = state.count();
        if count == 0 {
            return None;
        }
        let number =
            |count: u64, json: &mut Vec<u8>| format_i64(i64::try_from(count).unwrap_or(i64::MAX), json);
        let mut json = b"{\"count\":".to_vec();
        number(count, &mut json);
        json.extend_from_slice(b",\"sum\":");
        format_json_f64(state.sum(), &mut json);
        json.extend_from_slice(b",\"buckets\":{");
        let mut up_to = 0_u64;
        for (index, bound) in self.bounds.labels().enumerate() {
            up_to = up_to.saturating_add(state.bucket(index));
            format_json_text(bound.as_bytes(), &mut json);
            json.push(b':');
            number(up_to, &mut json);
            json.push(b',');
        }
        json.extend_from_slice(b"\"+Inf\":");
        number(count, &mut json);
        json.extend_from_slice(b"}}");
        String::from_utf8(json).ok()
    }
}

streamgauge_sdk::export_aggregate!(Histogram);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Plugin>(&[bounds::DEFAULT.into()]);
    }

    #[test]
    fn buckets_are_cumulative_and_their_bounds_belong_to_them() {
        let of = |values: &[f64]| {
            let histogram = Histogram { bounds: Bounds::read("0.1, 1,2.50").unwrap() };
            let mut state = Counts::default();
            values.iter().for_each(|&value| histogram.add(&mut state, (value,)));
            histogram.value(&state)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[0.1, 0.2, 1.0, 2.0, 7.0, -1.0]).as_deref(),
            Some(r#"{"count":6,"sum":9.3,"buckets":{"0.1":2,"1":4,"2.5":5,"+Inf":6}}"#)
        );
        assert_eq!(
            of(&[f64::NAN]).as_deref(),
            Some(r#"{"count":1,"sum":null,"buckets":{"0.1":0,"1":0,"2.5":0,"+Inf":1}}"#)
        );
    }
}
