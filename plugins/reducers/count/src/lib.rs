//! `count(*)` and `count(x)`: how many rows, or how many of them are not NULL.

use std::marker::PhantomData;

use streamgauge_sdk::{
    Accumulators, Any, Arguments, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature,
    Slots, Writer, unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Reducer for Count {
    fn describe() -> Descriptor {
        use DataType::{Boolean, Float64, Int64, Text, Timestamp};
        let arguments: [&[DataType]; 6] = [&[], &[Boolean], &[Int64], &[Float64], &[Timestamp], &[Text]];
        Descriptor {
            name: "count".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "How many rows, or how many values that are not NULL".into(),
            signatures: arguments.map(|arguments| Signature::new(arguments, Int64, 8)).into(),
        }
    }

    fn open(signature: u32, _: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        match signature {
            0 => Ok(Slots::boxed(Rows::<()>(PhantomData))),
            1..=5 => Ok(Slots::boxed(Rows::<(Any,)>(PhantomData))),
            _ => Err(unknown_signature(signature)),
        }
    }
}

/// How many rows of some arguments.
struct Rows<A>(PhantomData<A>);

impl<A: Arguments + 'static> Fold for Rows<A> {
    type Arguments = A;
    type State = i64;
    type Result = i64;

    fn add(&self, state: &mut i64, _: A::Row<'_>) {
        *state = state.wrapping_add(1);
    }

    fn merge(&self, state: &mut i64, other: &i64) {
        *state = state.wrapping_add(*other);
    }

    fn evaluate(&self, state: &i64) -> Result<Option<i64>, String> {
        Ok(Some(*state))
    }

    fn write(&self, state: &i64, writer: &mut Writer<'_>) {
        writer.i64(*state);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<i64, Error> {
        match reader.i64()? {
            count @ 0.. => Ok(count),
            count => Err(Error::Corrupt(format!("a count of {count}"))),
        }
    }
}

streamgauge_sdk::export_reducer!(Count);

#[cfg(test)]
mod tests {
    use super::*;

    use streamgauge_sdk::{Column, Values};

    #[test]
    fn the_laws_hold() {
        streamgauge_sdk::laws::check::<Count>(&[]);
    }

    #[test]
    fn rows_are_counted_and_nulls_are_not() {
        let mut rows = Count::open(0, &[]).unwrap();
        rows.accumulate(&[0, 0, 2], &[]).unwrap();
        assert_eq!(rows.evaluate(&[0, 1, 2]).column.values, Values::Int64s(vec![2, 0, 1]));

        let mut values = Count::open(5, &[]).unwrap();
        let texts = streamgauge_sdk::BytesList { ends: vec![0; 3], bytes: vec![] };
        let column = Column { rows: 3, values: Values::Texts(texts), valid: Some(vec![0b101]) };
        values.accumulate(&[0; 3], &[column.view()]).unwrap();
        assert_eq!(values.evaluate(&[0]).column.values, Values::Int64s(vec![2]));
        assert!(values.accumulate(&[0; 3], &[]).is_err());
        assert!(values.accumulate(&[0; 2], &[column.view()]).is_err());
    }
}
