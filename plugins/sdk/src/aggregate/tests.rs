//! Aggregates of each shape keep the laws, and give what an exact program gives.

use std::collections::BTreeMap;

use super::*;
use crate::{Column, Evaluated, Reducer, Values};

/// How often the most frequent text came: texts, event time and a growing state.
struct Peak;

impl Aggregate for Peak {
    const NAME: &'static str = "peak";
    const DOCS: &'static str = "How often the most frequent text came";
    type Row = (String, EventTime);
    type State = BTreeMap<String, u64>;
    type Value = i64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    fn add(&self, state: &mut Self::State, (text, _): (&str, EventTime)) {
        *state.entry(text.to_owned()).or_default() += 1;
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        for (text, count) in other {
            // A state that was damaged may hold any count.
            let sum = state.entry(text.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    fn value(&self, state: &Self::State) -> Option<i64> {
        state.values().max().map(|&count| i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// The last value by event time; the greatest of those that came at once.
struct Last;

impl Aggregate for Last {
    const NAME: &'static str = "latest";
    const DOCS: &'static str = "The last value by event time";
    type Row = (i64, EventTime);
    type State = Option<(i64, i64)>;
    type Value = i64;

    fn open(_: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self)
    }

    fn add(&self, state: &mut Self::State, (value, time): (i64, EventTime)) {
        *state = (*state).max(Some((time.0, value)));
    }

    fn merge(&self, state: &mut Self::State, other: &Self::State) {
        *state = (*state).max(*other);
    }

    fn value(&self, state: &Self::State) -> Option<i64> {
        state.map(|(_, value)| value)
    }
}

/// The number of values above a bound, as text.
struct Above {
    bound: f64,
}

crate::state! {
    struct Counted {
        rows: u64,
        above: u64,
    }
}

impl Aggregate for Above {
    const NAME: &'static str = "above";
    const DOCS: &'static str = "How many values are above a bound";
    type Row = (f64,);
    type State = Counted;
    type Value = String;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new::<f64>("bound", "is what values are compared with")]
    }

    fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
        Ok(Self { bound: parameters.finite("bound")? })
    }

    fn add(&self, state: &mut Counted, (value,): (f64,)) {
        state.rows += 1;
        state.above += u64::from(value > self.bound);
    }

    fn merge(&self, state: &mut Counted, other: &Counted) {
        state.rows = state.rows.wrapping_add(other.rows);
        state.above = state.above.wrapping_add(other.above);
    }

    fn value(&self, state: &Counted) -> Option<String> {
        (state.rows > 0).then(|| format!("{} of {}", state.above, state.rows))
    }
}

#[expect(unreachable_pub, reason = "the macro declares what other crates may use")]
mod both {
    use super::{Above, Last, Peak};

    crate::export_aggregate!(Peak, Last, Above);
}

#[test]
fn the_laws_hold_for_each_shape() {
    let plugin = both::Plugin::describe();
    assert_eq!((plugin.name.as_str(), plugin.signatures.len()), ("peak", 3));
    for (number, parameters) in [(0, vec![]), (1, vec![]), (2, vec![Literal::Float64(0.5)])] {
        let signature = plugin.signatures.get(number as usize).unwrap();
        crate::laws::check_signature(signature, &|| both::Plugin::open(number, &parameters).unwrap());
    }
}

#[test]
fn types_say_the_signature() {
    let signature = |number: usize| both::Plugin::describe().signatures.swap_remove(number);
    let peak = signature(0);
    assert_eq!((peak.arguments, peak.returns), (vec![DataType::Text], DataType::Int64));
    assert_eq!((peak.needs_time, peak.state), (true, StateSize::Growing));
    assert_eq!(signature(1).state, StateSize::Bounded(24));
    let above = signature(2);
    assert_eq!(
        (above.returns, above.needs_time, above.state),
        (DataType::Text, false, StateSize::Bounded(16))
    );
    assert_eq!(above.parameters.len(), 1);
    assert_eq!(both::Plugin::open(3, &[]).err(), Some(crate::unknown_signature(3)));
}

#[test]
fn parameters_are_asked_for_by_name_and_checked() {
    let fields = [
        Parameter::new::<f64>("a", "").or(1.5),
        Parameter::new::<i64>("b", "").or(3),
        Parameter::new::<bool>("c", "").or(true),
        Parameter::new::<String>("d", "").or("x"),
    ];
    let values: Vec<Literal> = fields.iter().map(|field| field.0.default.clone().unwrap()).collect();
    let given = Parameters { fields: &fields, values: &values };
    assert_eq!((given.finite("a"), given.whole("b", 1..=3)), (Ok(1.5), Ok(3)));
    assert_eq!((given.flag("c"), given.text("d")), (Ok(true), Ok("x")));
    assert_eq!((given.positive("a"), given.within("a", 0.0..=1.5)), (Ok(1.5), Ok(1.5)));
    let wrong = |error: Result<f64, Error>| error.unwrap_err().to_string();
    assert_eq!(wrong(given.within("a", 0.0..=1.0)), "`a` must be a number from 0 to 1");
    assert_eq!(wrong(given.within("a", -1e300..=1e-300)), "`a` must be a number from -1e300 to 1e-300");
    assert_eq!(wrong(given.finite("b")), "`b` must be a finite number");
    assert!(given.whole("b", 4..=5).is_err() && given.text("a").is_err() && given.flag("d").is_err());
    let negative = [Literal::Float64(-0.5), Literal::Int64(0), Literal::Null, Literal::Null];
    let given = Parameters { fields: &fields, values: &negative };
    assert_eq!(wrong(given.positive("a")), "`a` must be a number above 0");
    assert!(given.flag("c").is_err() && given.text("d").is_err());
}

#[test]
fn values_are_those_of_an_exact_program() {
    let mut above = both::Plugin::open(2, &[Literal::Float64(2.0)]).unwrap();
    let values = [1.0, 2.0, 3.0, f64::NAN, f64::INFINITY];
    let exact = format!("{} of {}", values.iter().filter(|&&value| value > 2.0).count(), values.len());
    let column = Column { rows: 5, values: Values::Float64s(values.to_vec()), valid: None };
    above.accumulate(&[0; 5], &[column.view()]).unwrap();
    let Evaluated { column, .. } = above.evaluate(&[0, 1]);
    let Values::Texts(texts) = column.values else { panic!("texts") };
    assert_eq!(texts.iter().collect::<Vec<_>>(), [exact.as_bytes(), b""]);
    assert_eq!(column.valid, Some(vec![1]));
}
