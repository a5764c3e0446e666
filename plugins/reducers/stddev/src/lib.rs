//! `stddev(x)` and its relatives: deviation or variance, of a sample or of the whole population.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
    moments::Moments, unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct StandardDeviation;

impl Reducer for StandardDeviation {
    fn describe() -> Descriptor {
        let yes = || Some(Literal::Boolean(true));
        let signature = Signature::new(&[DataType::Float64], DataType::Float64, size_of::<Moments>() as u32)
            .parameter("sample", DataType::Boolean, yes(), "over the count - 1, not over the count")
            .parameter("root", DataType::Boolean, yes(), "the deviation, not the variance")
            .tolerance(1e-9);
        Descriptor {
            name: "stddev".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "How far the values are from their mean; NULL for one value of a sample".into(),
            signatures: vec![signature],
        }
    }

    fn open(signature: u32, parameters: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        if signature != 0 {
            return Err(unknown_signature(signature));
        }
        let &[Literal::Boolean(sample), Literal::Boolean(root)] = parameters else {
            return Err(Error::Invalid("'sample' and 'root' are true or false".into()));
        };
        Ok(Slots::boxed(Deviation { sample, root }))
    }
}

struct Deviation {
    sample: bool,
    root: bool,
}

impl Fold for Deviation {
    type Arguments = (f64,);
    type State = Moments;
    type Result = f64;

    #[inline]
    fn add(&self, state: &mut Moments, (value,): (f64,)) {
        state.add(value);
    }

    fn merge(&self, state: &mut Moments, other: &Moments) {
        state.merge(other);
    }

    fn evaluate(&self, state: &Moments) -> Result<Option<f64>, String> {
        let result = if self.root { state.deviation(self.sample) } else { state.variance(self.sample) };
        if result.is_some_and(f64::is_infinite) {
            return Err("the variance does not fit a DOUBLE".into());
        }
        Ok(result)
    }

    fn write(&self, state: &Moments, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<Moments, Error> {
        Moments::read(reader)
    }
}

streamgauge_sdk::export_reducer!(StandardDeviation);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::laws::{check, fold};

    use super::*;

    fn deviation(sample: bool, root: bool, values: &[f64]) -> Result<Option<f64>, String> {
        let parameters = [Literal::Boolean(sample), Literal::Boolean(root)];
        fold(StandardDeviation::open(0, &parameters).unwrap().as_mut(), values)
    }

    #[test]
    fn the_laws_hold() {
        for (sample, root) in [(true, true), (true, false), (false, true), (false, false)] {
            check::<StandardDeviation>(&[Literal::Boolean(sample), Literal::Boolean(root)]);
        }
    }

    #[test]
    fn each_of_the_four_is_as_in_postgresql() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(deviation(false, true, &values), Ok(Some(2.0)));
        assert_eq!(deviation(false, false, &values), Ok(Some(4.0)));
        assert_eq!(deviation(true, false, &values), Ok(Some(32.0 / 7.0)));
        assert_eq!(deviation(true, true, &values), Ok(Some((32.0_f64 / 7.0).sqrt())));
        assert_eq!(deviation(true, true, &[1.0]), Ok(None));
        assert_eq!(deviation(false, true, &[1.0]), Ok(Some(0.0)));
        assert_eq!(deviation(false, true, &[]), Ok(None));
    }

    #[test]
    fn a_variance_that_does_not_fit_fails() {
        assert_eq!(deviation(false, true, &[-1e200, 1e200]), Ok(Some(1e200)));
        assert_eq!(
            deviation(false, false, &[-1e200, 1e200]),
            Err("the variance does not fit a DOUBLE".into())
        );
    }

    #[test]
    fn parameters_are_checked() {
        assert!(StandardDeviation::open(0, &[]).is_err());
        assert!(StandardDeviation::open(0, &[Literal::Boolean(true), Literal::Null]).is_err());
    }
}
