//! The least or the greatest value: what `min` and `max` keep.

use std::{cmp::Ordering, marker::PhantomData};

use crate::{Argument, Error, Fold, Output, Reader, Text, Timestamp, Writer};

/// Values in a total order.
pub trait Ordered: Argument + Output + Clone + 'static {
    /// How a row's value compares with one that is kept.
    fn compare(value: &Self::Value<'_>, kept: &Self) -> Ordering;

    /// Makes a row's value one that is kept.
    fn keep(value: Self::Value<'_>) -> Self;

    /// A kept value as a row's.
    fn value(&self) -> Self::Value<'_>;

    /// Writes a kept value.
    fn write(&self, writer: &mut Writer<'_>);

    /// Reads a kept value.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;
}

impl Ordered for f64 {
    /// As PostgreSQL: NaN is equal to NaN and the greatest. Of two zeros -0 is the less, so that the result is one.
    #[inline]
    fn compare(value: &f64, kept: &f64) -> Ordering {
        Self::keep(*value).total_cmp(kept)
    }

    #[inline]
    fn keep(value: f64) -> f64 {
        if value.is_nan() { f64::NAN } else { value }
    }

    fn value(&self) -> f64 {
        *self
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.f64(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.f64().map(Self::keep)
    }
}

impl Ordered for i64 {
    #[inline]
    fn compare(value: &i64, kept: &i64) -> Ordering {
        value.cmp(kept)
    }

    #[inline]
    fn keep(value: i64) -> i64 {
        value
    }

    fn value(&self) -> i64 {
        *self
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.i64(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.i64()
    }
}

impl Ordered for Timestamp {
    #[inline]
    fn compare(value: &Timestamp, kept: &Timestamp) -> Ordering {
        value.cmp(kept)
    }

    #[inline]
    fn keep(value: Timestamp) -> Timestamp {
        value
    }

    fn value(&self) -> Timestamp {
        *self
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.i64(self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.i64().map(Timestamp)
    }
}

impl Ordered for Text {
    /// By bytes, which is by code points.
    fn compare(value: &&[u8], kept: &Text) -> Ordering {
        value.cmp(&kept.0.as_slice())
    }

    fn keep(value: &[u8]) -> Text {
        Text(value.to_vec())
    }

    fn value(&self) -> &[u8] {
        &self.0
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.raw(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bytes = reader.rest();
        std::str::from_utf8(bytes).map_err(|_| Error::Corrupt("a text is not UTF-8".into()))?;
        Ok(Text(bytes.to_vec()))
    }
}

/// Which end of the order.
pub trait End: 'static {
    /// How a value compares with the one that it replaces.
    const REPLACES: Ordering;
}

/// The least value.
#[derive(Clone, Copy, Debug)]
pub struct Least;

/// The greatest value.
#[derive(Clone, Copy, Debug)]
pub struct Greatest;

impl End for Least {
    const REPLACES: Ordering = Ordering::Less;
}

impl End for Greatest {
    const REPLACES: Ordering = Ordering::Greater;
}

/// The value at one end of the order of its type.
#[derive(Clone, Copy, Debug)]
pub struct Extreme<T, E>(PhantomData<(T, E)>);

impl<T, E> Default for Extreme<T, E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Ordered, E: End> Fold for Extreme<T, E> {
    type Arguments = (T,);
    type State = Option<T>;
    type Result = T;

    #[inline]
    fn add(&self, state: &mut Option<T>, (value,): (T::Value<'_>,)) {
        if state.as_ref().is_none_or(|kept| T::compare(&value, kept) == E::REPLACES) {
            *state = Some(T::keep(value));
        }
    }

    fn merge(&self, state: &mut Option<T>, other: &Option<T>) {
        if let Some(kept) = other {
            self.add(state, (kept.value(),));
        }
    }

    fn evaluate(&self, state: &Option<T>) -> Result<Option<T>, String> {
        Ok(state.clone())
    }

    fn write(&self, state: &Option<T>, writer: &mut Writer<'_>) {
        writer.u8(u8::from(state.is_some()));
        if let Some(kept) = state {
            kept.write(writer);
        }
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<Option<T>, Error> {
        match reader.u8()? {
            0 => Ok(None),
            1 => T::read(reader).map(Some),
            other => Err(Error::Corrupt(format!("{other} is neither empty nor a value"))),
        }
    }
}
