//! Every reducer as a component, with nothing to import: it obeys the laws, and each answer is that of the native logic,
//! bit for bit.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as tests do")]

use streamgauge_bundle::{PATTERN_SHELL, QUERY_SHELL, REDUCERS, SINKS};
use streamgauge_sdk::{
    Accumulators, BytesList, ColumnView, Error, Evaluated, Literal, Reducer, Values, laws::check_signature,
};

mod component;
use component::{Guest, GuestAccumulators};

/// A reducer in a component and natively: both are asked everything and must agree.
struct Twins {
    native: Box<dyn Accumulators>,
    guest: GuestAccumulators,
}

impl Accumulators for Twins {
    fn accumulate(&mut self, slots: &[u32], arguments: &[ColumnView<'_>]) -> Result<(), Error> {
        let result = self.native.accumulate(slots, arguments);
        assert_eq!(result, self.guest.accumulate(slots, arguments));
        result
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) {
        self.native.merge(into, source);
        self.guest.merge(into, source);
    }

    fn evaluate(&self, slots: &[u32]) -> Evaluated {
        let (native, guest) = (self.native.evaluate(slots), self.guest.evaluate(slots));
        assert_eq!((&native.column.valid, &native.failed), (&guest.column.valid, &guest.failed));
        match (&native.column.values, &guest.column.values) {
            (Values::Float64s(native), Values::Float64s(guest)) => {
                assert!(
                    native.iter().map(|value| value.to_bits()).eq(guest.iter().map(|value| value.to_bits()))
                );
            }
            (native, guest) => assert_eq!(native, guest),
        }
        native
    }

    fn snapshot(&self, slots: &[u32]) -> BytesList {
        let (states, guest) = (self.native.snapshot(slots), self.guest.snapshot(slots));
        assert_eq!(states.ends, guest.ends);
        for (native, guest) in states.iter().zip(guest.iter()) {
            assert!(native == guest || equal_but_for_nans(native, guest), "{native:?}, {guest:?}");
        }
        states
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &BytesList) -> Result<(), Error> {
        let result = self.native.restore(state_version, slots, states);
        assert_eq!(result, self.guest.restore(state_version, slots, states));
        result
    }

    fn release(&mut self, slots: &[u32]) {
        self.native.release(slots);
        self.guest.release(slots);
    }
}

/// Whether states are equal but for the bits of NaNs, which mean nothing: processors give other ones than WebAssembly for a NaN
/// that no reducer writes, but that a damaged state holds.
fn equal_but_for_nans(native: &[u8], guest: &[u8]) -> bool {
    let number = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes);
    let ((native, rest), (guest, other_rest)) = (native.as_chunks(), guest.as_chunks());
    let alike = |(a, b): (&[u8; 8], &[u8; 8])| a == b || (number(a).is_nan() && number(b).is_nan());
    rest == other_rest && native.iter().zip(guest).all(alike)
}

/// Checks one component against its native logic.
fn check<R: Reducer>(parameters: &[Literal]) {
    let descriptor = R::describe();
    let (_, component) = REDUCERS.iter().find(|(name, _)| *name == descriptor.name).unwrap();
    let guest = Guest::new(component, true);

    let described = guest.describe();
    assert_eq!(described.name, descriptor.name);
    assert_eq!(described.signatures.len(), descriptor.signatures.len());
    for (number, signature) in (0..).zip(&descriptor.signatures) {
        check_signature(signature, &|| {
            let native = R::open(number, parameters).unwrap();
            let guest = guest.open(number, parameters).unwrap();
            Box::new(Twins { native, guest })
        });
    }
    let beyond = descriptor.signatures.len() as u32;
    assert_eq!(guest.open(beyond, parameters).err(), R::open(beyond, parameters).err());
}

#[test]
fn avg() {
    check::<reducer_avg::Average>(&[]);
}

#[test]
fn count() {
    check::<reducer_count::Count>(&[]);
}

#[test]
fn arg_max() {
    check::<reducer_arg_max::Plugin>(&[]);
}

#[test]
fn arg_min() {
    check::<reducer_arg_min::Plugin>(&[]);
}

#[test]
fn bool_and() {
    check::<reducer_bool_and::Plugin>(&[]);
}

#[test]
fn bool_or() {
    check::<reducer_bool_or::Plugin>(&[]);
}

#[test]
fn first() {
    check::<reducer_first::Plugin>(&[]);
}

#[test]
fn last() {
    check::<reducer_last::Plugin>(&[]);
}

#[test]
fn approx_count_distinct() {
    check::<reducer_approx_count_distinct::Plugin>(&[]);
}

#[test]
fn count_distinct() {
    check::<reducer_count_distinct::Plugin>(&[]);
}

#[test]
fn corr() {
    check::<reducer_corr::Plugin>(&[]);
}

#[test]
fn regr_slope() {
    check::<reducer_regr_slope::Plugin>(&[]);
}

#[test]
fn mad() {
    check::<reducer_mad::Plugin>(&[]);
}

#[test]
fn rate() {
    check::<reducer_rate::Plugin>(&[]);
}

#[test]
fn string_agg() {
    check::<reducer_string_agg::Plugin>(&[Literal::Text("; ".into())]);
}

#[test]
fn ewma() {
    check::<reducer_ewma::Plugin>(&[Literal::Float64(60.0)]);
}

#[test]
fn top_k() {
    check::<reducer_top_k::Plugin>(&[Literal::Int64(3)]);
}

#[test]
fn histogram() {
    check::<reducer_histogram::Plugin>(&[Literal::Text("0.1, 1, 10".into())]);
}

#[test]
fn max() {
    check::<reducer_max::Max>(&[]);
}

#[test]
fn min() {
    check::<reducer_min::Min>(&[]);
}

#[test]
fn percentile() {
    check::<reducer_percentile::Percentile>(&[Literal::Float64(95.0)]);
}

#[test]
fn percentile_cont() {
    check::<reducer_percentile_cont::Plugin>(&[Literal::Float64(0.95)]);
}

#[test]
fn percentile_disc() {
    check::<reducer_percentile_disc::Plugin>(&[Literal::Float64(0.95)]);
}

#[test]
fn stddev() {
    check::<reducer_stddev::StandardDeviation>(&[Literal::Boolean(true), Literal::Boolean(true)]);
}

#[test]
fn sum() {
    check::<reducer_sum::Sum>(&[]);
}

#[test]
fn z_score() {
    check::<reducer_z_score::ZScore>(&[]);
}

#[test]
fn guests_are_small() {
    for (name, component) in REDUCERS.iter().chain(SINKS) {
        assert!(component.len() < 150_000, "{name} has {} bytes", component.len());
    }
    assert!(QUERY_SHELL.len() < 200_000, "the shell has {} bytes", QUERY_SHELL.len());
    let engine = PATTERN_SHELL.len() - QUERY_SHELL.len();
    assert!(engine < 900_000, "the engine of regular expressions has {engine} bytes");
    assert!(REDUCERS.is_sorted_by_key(|(name, _)| name));
    assert!(SINKS.is_sorted_by_key(|(name, _)| name));
}
