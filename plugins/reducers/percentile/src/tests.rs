//! The reducer against sorted values, and its laws.

use proptest::prelude::*;
use streamgauge_sdk::laws::{check, fold};

use super::*;

#[test]
fn the_laws_hold() {
    for percent in [0.0, 33.3, 95.0, 100.0] {
        check::<Percentile>(&[Literal::Float64(percent)]);
    }
}

#[test]
fn percents_are_taken_as_they_were_written() {
    assert_eq!(Fraction::of(95.0), Fraction { numerator: 95, denominator: 1 });
    assert_eq!(Fraction::of(99.9), Fraction { numerator: 999, denominator: 10 });
    assert_eq!(Fraction::of(0.1 + 0.2).denominator, 1 << 54, "nobody writes 0.30000000000000004");
    assert_eq!(rank(Fraction::of(99.9), 100, 1000), 999);
    assert_eq!(rank(Fraction::of(99.9), 100, 1001), 1000);
    assert_eq!(rank(Fraction::of(0.0), 100, 1000), 1);
    assert_eq!(rank(Fraction::of(f64::MIN_POSITIVE), 100, u64::MAX), 1);
    assert_eq!(rank(Fraction::of(5e-324), 100, u64::MAX), 1);
    assert_eq!(rank(Fraction::of(100.0), 100, u64::MAX), u64::MAX);
    assert_eq!(rank(Fraction::of(100.0_f64.next_down()), 100, u64::MAX), u64::MAX - 2621);
}

#[test]
fn parameters_are_checked() {
    for wrong in [-1.0, 100.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(Percentile::open(0, &[Literal::Float64(wrong)]), Err(Error::Invalid(_))), "{wrong}");
    }
    assert!(Percentile::open(0, &[]).is_err());
    assert!(Percentile::open(0, &[Literal::Null]).is_err());
}

#[test]
fn few_values_take_little_memory() {
    let mut values = Vec::new();
    (0..100).for_each(|value| state::push(&mut values, value));
    assert!(values.capacity() * size_of::<i64>() <= 1024 - 64, "{} values", values.capacity());
}

/// The nearest rank by sorting; for whole percents only.
fn oracle(values: &[f64], percent: u64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (1..=sorted.len() as u64).find(|k| 100 * k >= percent * sorted.len() as u64);
    sorted[rank.unwrap() as usize - 1]
}

fn percentile(values: &[f64], percent: u64) -> f64 {
    let mut accumulators = Percentile::open(0, &[Literal::Float64(percent as f64)]).unwrap();
    fold(accumulators.as_mut(), values).unwrap().unwrap()
}

/// Values of many shapes: narrow, wide, of both signs, tiny and huge, with long runs of one value.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let any = any::<u64>().prop_map(f64::from_bits);
    let finite = any.prop_map(|value| if value.is_finite() { value } else { 1.0 }).boxed();
    let shapes: Vec<BoxedStrategy<f64>> = vec![
        (0.0_f64..1.0).prop_map(|x| 20.0 * (4.0 * x).exp()).boxed(),
        (-1000.0..1000.0).boxed(),
        (-3_i32..3).prop_map(f64::from).boxed(),
        (1e9..1e9 + 1.0).boxed(),
        (0_u64..1 << 53).prop_map(f64::from_bits).boxed(),
        (0_u64..1000).prop_map(f64::from_bits).boxed(),
        (-1.0..1.0).prop_map(|x| x * f64::MAX).boxed(),
        Just(2000.0).boxed(),
        finite,
    ];
    let length = prop_oneof![1_usize..300, 250_usize..3000];
    (length, 0..shapes.len())
        .prop_flat_map(move |(length, shape)| prop::collection::vec(shapes[shape].clone(), length))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_within_a_thousandth_of_the_nearest_rank(values in values(), percent in 0_u64..=100) {
        let (found, exact) = (percentile(&values, percent), oracle(&values, percent));
        let error = (found - exact).abs();
        prop_assert!(error <= exact.abs() * 1e-3, "{found:e}, not {exact:e}");
        if values.len() <= 256 || percent == 0 || percent == 100 {
            prop_assert_eq!(found, exact);
        }
    }

    #[test]
    fn the_rank_of_a_decimal_is_exact(hundredths in 0_u64..=10_000, count in 1_u64..1 << 50) {
        let percent = Fraction::of(hundredths as f64 / 100.0);
        let exact = (u128::from(hundredths) * u128::from(count)).div_ceil(10_000).max(1);
        prop_assert_eq!(u128::from(rank(percent, 100, count)), exact);
    }
}
