//! Doubles in bins: 512 for each power of two, so that the middle of a bin is within 0.1 % of all values in it.
//!
//! A *place* is the number of a bin. Places are in the order of their values: the negative ones below 0, then zero, the
//! denormals, the other numbers, infinity and NaN.

const BITS: u32 = 9;
/// The bits of a mantissa that a place leaves out.
const REST: u32 = f64::MANTISSA_DIGITS - 1 - BITS;
/// Powers of two from that of the least denormal (1) to the one below the normal numbers: before them is zero.
const DENORMALS: i32 = 52;

const INFINITY: i32 = (DENORMALS + 2047) << BITS;
const NAN: i32 = (DENORMALS + 2048) << BITS;

/// The least and the greatest place.
pub(crate) const RANGE: std::ops::RangeInclusive<i32> = !INFINITY..=NAN;

/// The place of a double.
#[inline]
pub(crate) fn place(value: f64) -> i32 {
    let magnitude = value.abs();
    let place = if (f64::MIN_POSITIVE..=f64::MAX).contains(&magnitude) {
        (magnitude.to_bits() >> REST) as i32 + (DENORMALS << BITS)
    } else {
        rare_place(magnitude)
    };
    if value < 0.0 { !place } else { place }
}

#[cold]
fn rare_place(magnitude: f64) -> i32 {
    /// 2^54 makes any denormal a normal number.
    const RAISED: i32 = 54;
    if magnitude == 0.0 {
        0
    } else if magnitude.is_nan() {
        NAN
    } else if magnitude.is_infinite() {
        INFINITY
    } else {
        let raised = magnitude * (1_u64 << RAISED) as f64;
        (raised.to_bits() >> REST) as i32 + ((DENORMALS - RAISED) << BITS)
    }
}

/// The double in the middle of a place.
pub(crate) fn middle(place: i32) -> f64 {
    if place < 0 {
        return -middle(!place);
    }
    let power = place >> BITS;
    match place {
        0 => 0.0,
        INFINITY => f64::INFINITY,
        NAN.. => f64::NAN,
        _ if power > DENORMALS => {
            let bits = ((place - (DENORMALS << BITS)) as u64) << REST;
            f64::from_bits(bits | 1 << (REST - 1))
        }
        _ => {
            // 1, the bits of the place, 1 for the middle; the last of them may be less than the least denormal.
            let mantissa = ((place & ((1 << BITS) - 1) | 1 << BITS) << 1 | 1) as u64;
            let shift = power - (BITS as i32 + 2);
            f64::from_bits(if shift < 0 { mantissa >> -shift } else { mantissa << shift })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_of_its_place_is_near_any_double(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let error = (middle(place(value)) - value).abs();
            prop_assert!(error <= value.abs() * 1e-3, "{value:e} is off by {error:e}");
        }

        #[test]
        fn every_denormal_is_near_its_middle(shift in 0_u32..64, bits in 0_u64..1 << 52) {
            let value = f64::from_bits(bits >> shift);
            let error = (middle(place(value)) - value).abs();
            prop_assert!(error <= value * 1e-3, "{value:e} is off by {error:e}");
        }

        #[test]
        fn places_are_in_the_order_of_values(a: u64, b: u64) {
            let (a, b) = (f64::from_bits(a), f64::from_bits(b));
            if a < b {
                prop_assert!(place(a) <= place(b));
            }
            prop_assert!(RANGE.contains(&place(a)));
        }
    }

    #[test]
    fn the_ends_and_the_seams_have_places_of_their_own() {
        let seams = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            f64::MIN_POSITIVE,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        assert!(seams.is_sorted_by(|a, b| place(*a) < place(*b)));
        assert_eq!(place(-0.0), place(0.0));
        assert_eq!(place(-f64::NAN), place(f64::NAN));
        assert_eq!((place(f64::NEG_INFINITY), place(f64::NAN)), RANGE.into_inner());
        for exact in [f64::NEG_INFINITY, -5e-324, 0.0, 5e-324, f64::INFINITY] {
            assert_eq!(middle(place(exact)), exact);
        }
        assert!(middle(place(f64::NAN)).is_nan());
    }
}
