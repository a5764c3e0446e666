//! Arguments as rows: from columns of any type to the Rust values that a fold takes.

use crate::{
    ColumnView, Error, ValuesView,
    column::{bit, items},
};

/// An event time or another point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The event time of a row, the last argument of an [`Aggregate`](crate::Aggregate): microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

/// UTF-8, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub Vec<u8>);

/// An argument of any type of which only matters that it is not NULL.
#[derive(Clone, Copy, Debug)]
pub struct Any;

/// A type of argument.
pub trait Argument {
    /// A row's value.
    type Value<'a>;

    /// The values of a column; none if the column is of another type.
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = Self::Value<'a>> + use<'a, Self>>;
}

impl Argument for f64 {
    type Value<'a> = f64;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = f64> + use<'a>> {
        let ValuesView::Float64s(values) = column.values else { return None };
        Some(values.iter().copied())
    }
}

impl Argument for i64 {
    type Value<'a> = i64;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = i64> + use<'a>> {
        let ValuesView::Int64s(values) = column.values else { return None };
        Some(values.iter().copied())
    }
}

impl Argument for Timestamp {
    type Value<'a> = Timestamp;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = Timestamp> + use<'a>> {
        let ValuesView::Timestamps(values) = column.values else { return None };
        Some(values.iter().copied().map(Timestamp))
    }
}

impl Argument for EventTime {
    type Value<'a> = EventTime;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = EventTime> + use<'a>> {
        let ValuesView::Timestamps(values) = column.values else { return None };
        Some(values.iter().copied().map(EventTime))
    }
}

/// The host gives UTF-8; where a caller breaks that promise, the text is empty.
impl Argument for String {
    type Value<'a> = &'a str;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let ValuesView::Texts { ends, bytes } = column.values else { return None };
        Some(items(ends, bytes).map(|bytes| std::str::from_utf8(bytes).unwrap_or_default()))
    }
}

impl Argument for bool {
    type Value<'a> = bool;

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = bool> + use<'a>> {
        let ValuesView::Booleans(bits) = column.values else { return None };
        Some((0..column.rows).map(|row| bit(bits, row)))
    }
}

impl Argument for Text {
    type Value<'a> = &'a [u8];

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let ValuesView::Texts { ends, bytes } = column.values else { return None };
        Some(items(ends, bytes))
    }
}

impl Argument for Any {
    type Value<'a> = ();

    #[inline]
    fn values<'a>(column: &ColumnView<'a>) -> Option<impl Iterator<Item = ()> + use<'a>> {
        Some(std::iter::repeat_n((), column.rows))
    }
}

/// The arguments of a call: a tuple of [`Argument`]s, `()` for none.
pub trait Arguments {
    /// A row's values.
    type Row<'a>;

    /// The rows of some columns.
    fn rows<'a>(
        count: usize,
        columns: &[ColumnView<'a>],
    ) -> Result<impl Iterator<Item = Self::Row<'a>> + use<'a, Self>, Error>;
}

impl Arguments for () {
    type Row<'a> = ();

    #[inline]
    fn rows<'a>(
        count: usize,
        columns: &[ColumnView<'a>],
    ) -> Result<impl Iterator<Item = ()> + use<'a>, Error> {
        let [] = columns else { return Err(wrong_number(0, columns)) };
        Ok(std::iter::repeat_n((), count))
    }
}

impl<A: Argument> Arguments for (A,) {
    type Row<'a> = (A::Value<'a>,);

    #[inline]
    fn rows<'a>(
        count: usize,
        columns: &[ColumnView<'a>],
    ) -> Result<impl Iterator<Item = Self::Row<'a>> + use<'a, A>, Error> {
        let [first] = columns else { return Err(wrong_number(1, columns)) };
        Ok(values::<A>(1, count, first)?.map(|value| (value,)))
    }
}

impl<A: Argument, B: Argument> Arguments for (A, B) {
    type Row<'a> = (A::Value<'a>, B::Value<'a>);

    #[inline]
    fn rows<'a>(
        count: usize,
        columns: &[ColumnView<'a>],
    ) -> Result<impl Iterator<Item = Self::Row<'a>> + use<'a, A, B>, Error> {
        let [first, second] = columns else { return Err(wrong_number(2, columns)) };
        Ok(values::<A>(1, count, first)?.zip(values::<B>(2, count, second)?))
    }
}

impl<A: Argument, B: Argument, C: Argument> Arguments for (A, B, C) {
    type Row<'a> = (A::Value<'a>, B::Value<'a>, C::Value<'a>);

    #[inline]
    fn rows<'a>(
        count: usize,
        columns: &[ColumnView<'a>],
    ) -> Result<impl Iterator<Item = Self::Row<'a>> + use<'a, A, B, C>, Error> {
        let [first, second, third] = columns else { return Err(wrong_number(3, columns)) };
        let pairs = values::<A>(1, count, first)?.zip(values::<B>(2, count, second)?);
        Ok(pairs.zip(values::<C>(3, count, third)?).map(|((a, b), c)| (a, b, c)))
    }
}

#[inline]
fn values<'a, A: Argument>(
    number: usize,
    count: usize,
    column: &ColumnView<'a>,
) -> Result<impl Iterator<Item = A::Value<'a>> + use<'a, A>, Error> {
    if column.rows != count {
        return Err(Error::Invalid(format!("argument {number} has {} rows, not {count}", column.rows)));
    }
    A::values(column).ok_or_else(|| Error::Invalid(format!("argument {number} is of another type")))
}

fn wrong_number(expected: usize, columns: &[ColumnView<'_>]) -> Error {
    Error::Invalid(format!("the call takes {expected} arguments, not {}", columns.len()))
}
