//! `min(x)`: the least value.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Literal, Reducer, Signature, Slots, Text, Timestamp,
    extreme::{Extreme, Least},
    unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct Min;

impl Reducer for Min {
    fn describe() -> Descriptor {
        let plain = |data_type| Signature::new(&[data_type], data_type, 16);
        Descriptor {
            name: "min".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "The least value; NaN is the greatest number, texts compare by bytes".into(),
            signatures: vec![
                plain(DataType::Int64),
                plain(DataType::Float64),
                plain(DataType::Timestamp),
                plain(DataType::Text).growing(),
            ],
        }
    }

    fn open(signature: u32, _: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        match signature {
            0 => Ok(Slots::boxed(Extreme::<i64, Least>::default())),
            1 => Ok(Slots::boxed(Extreme::<f64, Least>::default())),
            2 => Ok(Slots::boxed(Extreme::<Timestamp, Least>::default())),
            3 => Ok(Slots::boxed(Extreme::<Text, Least>::default())),
            _ => Err(unknown_signature(signature)),
        }
    }
}

streamgauge_sdk::export_reducer!(Min);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::laws::{check, fold};

    use super::*;

    #[test]
    fn the_laws_hold() {
        check::<Min>(&[]);
    }

    #[test]
    fn nan_is_the_greatest_number() {
        let found = |values: &[f64]| fold(Min::open(1, &[]).unwrap().as_mut(), values).unwrap();
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[3.0, -1.0, 2.0]), Some(-1.0));
        assert_eq!(found(&[f64::INFINITY, f64::NEG_INFINITY]), Some(f64::NEG_INFINITY));
        assert!(!found(&[-f64::NAN, f64::INFINITY]).unwrap().is_nan());
    }
}
