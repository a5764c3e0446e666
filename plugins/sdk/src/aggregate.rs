//! The short way to a reducer: the type of a state, what a row adds to it, how two of them merge, and the value. Types say the rest:
//! the signature, the size of a state, and its bytes.

use crate::{
    Accumulators, Argument, Arguments, DataType, Descriptor, Error, EventTime, Field, Fold, Literal, Output,
    Reader, Signature, Slots, StateSize, Stored, Timestamp, Writer,
};

/// An aggregate function. Its parameters are fields of the implementor.
///
/// Rows of which an argument is NULL are left out, and a state without rows is its default: [`Aggregate::value`] gives none for it,
/// or 0 where it counts.
///
/// ```
/// use streamgauge_sdk::{Aggregate, Error, Parameter, Parameters};
///
/// /// The geometric mean, of values to which an offset is added.
/// struct GeoMean {
///     offset: f64,
/// }
///
/// streamgauge_sdk::state! {
///     struct Logs {
///         count: u64,
///         sum: f64,
///     }
/// }
///
/// impl Aggregate for GeoMean {
///     const NAME: &'static str = "geomean";
///     const DOCS: &'static str = "The geometric mean of the values";
///     const TOLERANCE: f64 = 1e-9;
///     type Row = (f64,);
///     type State = Logs;
///     type Value = f64;
///
///     fn parameters() -> Vec<Parameter> {
///         vec![Parameter::new::<f64>("offset", "is added to each value").or(0.0)]
///     }
///
///     fn open(parameters: &Parameters<'_>) -> Result<Self, Error> {
///         Ok(Self { offset: parameters.within("offset", 0.0..=1e6)? })
///     }
///
///     fn add(&self, state: &mut Logs, (value,): (f64,)) {
///         state.count += 1;
///         state.sum += (value + self.offset).ln();
///     }
///
///     fn merge(&self, state: &mut Logs, other: &Logs) {
///         state.count += other.count;
///         state.sum += other.sum;
///     }
///
///     fn value(&self, state: &Logs) -> Option<f64> {
///         (state.count > 0).then(|| (state.sum / state.count as f64).exp() - self.offset)
///     }
/// }
///
/// streamgauge_sdk::export_aggregate!(GeoMean);
/// ```
pub trait Aggregate: Sized + 'static {
    /// What it calls itself; a program gives it a name of its own.
    const NAME: &'static str;
    /// What it computes, in one line.
    const DOCS: &'static str;
    /// The largest difference between two orders of merging, relative to the values; 0 = bit for bit. Sums of doubles need one.
    const TOLERANCE: f64 = 0.0;
    /// The version of the bytes of a state. Another one whenever the type of the state, or what it means, changes.
    const STATE_VERSION: u32 = 1;
    /// The arguments, such as `(f64,)`, `(String, i64)` or, with the event time of the row, `(f64, EventTime)`.
    type Row: Row;
    /// What is kept of the rows of one group and slice.
    type State: Stored + Default + Clone;
    /// The result.
    type Value: Typed + Output;

    /// The constants that stand behind the arguments of a call.
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }

    /// Looks at the parameters of a call. An error says what to write instead.
    fn open(parameters: &Parameters<'_>) -> Result<Self, Error>;

    /// Adds one row.
    fn add(&self, state: &mut Self::State, row: <Self::Row as Arguments>::Row<'_>);

    /// Adds all rows of another state.
    fn merge(&self, state: &mut Self::State, other: &Self::State);

    /// The result; none = NULL.
    fn value(&self, state: &Self::State) -> Option<Self::Value>;
}

/// A Rust type that is a type of SQL.
pub trait Typed {
    /// The type of SQL.
    const DATA_TYPE: DataType;
}

macro_rules! typed {
    ($($rust:ty: $sql:ident),*) => {$(
        impl Typed for $rust {
            const DATA_TYPE: DataType = DataType::$sql;
        }
    )*};
}

typed!(bool: Boolean, i64: Int64, f64: Float64, Timestamp: Timestamp, String: Text);

/// The arguments of an aggregate.
pub trait Row: Arguments {
    /// Their types, without the event time.
    fn types() -> Vec<DataType>;
    /// Whether the event time is the last of them.
    const HAS_TIME: bool = false;
}

impl Row for () {
    fn types() -> Vec<DataType> {
        Vec::new()
    }
}

impl<A: Typed + Argument> Row for (A,) {
    fn types() -> Vec<DataType> {
        vec![A::DATA_TYPE]
    }
}

impl<A: Typed + Argument, B: Typed + Argument> Row for (A, B) {
    fn types() -> Vec<DataType> {
        vec![A::DATA_TYPE, B::DATA_TYPE]
    }
}

impl<A: Typed + Argument> Row for (A, EventTime) {
    const HAS_TIME: bool = true;

    fn types() -> Vec<DataType> {
        vec![A::DATA_TYPE]
    }
}

impl<A: Typed + Argument, B: Typed + Argument> Row for (A, B, EventTime) {
    const HAS_TIME: bool = true;

    fn types() -> Vec<DataType> {
        vec![A::DATA_TYPE, B::DATA_TYPE]
    }
}

/// A parameter of an aggregate.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter(Field);

impl Parameter {
    /// One that a call must give; `docs` ends the sentence "it ...".
    pub fn new<T: Typed>(name: &str, docs: &str) -> Self {
        Self(Field { name: name.into(), data_type: T::DATA_TYPE, docs: docs.into(), default: None })
    }

    /// With a value where a call gives none.
    #[must_use]
    pub fn or(self, default: impl Into<Literal>) -> Self {
        Self(Field { default: Some(default.into()), ..self.0 })
    }
}

macro_rules! literals {
    ($($rust:ty: $sql:ident),*) => {$(
        impl From<$rust> for Literal {
            fn from(value: $rust) -> Self {
                Self::$sql(value.into())
            }
        }
    )*};
}

literals!(bool: Boolean, i64: Int64, f64: Float64, &str: Text, String: Text);

/// The values of the parameters of a call.
#[derive(Debug)]
pub struct Parameters<'a> {
    fields: &'a [Parameter],
    values: &'a [Literal],
}

impl Parameters<'_> {
    fn get(&self, name: &str) -> Option<&Literal> {
        let at = self.fields.iter().position(|field| field.0.name == name)?;
        self.values.get(at)
    }

    /// A number that is neither NaN nor infinite.
    pub fn finite(&self, name: &str) -> Result<f64, Error> {
        match self.get(name) {
            Some(Literal::Float64(value)) if value.is_finite() => Ok(*value),
            _ => Err(Error::Invalid(format!("`{name}` must be a finite number"))),
        }
    }

    /// A number within bounds.
    pub fn within(&self, name: &str, bounds: std::ops::RangeInclusive<f64>) -> Result<f64, Error> {
        match self.finite(name) {
            Ok(value) if bounds.contains(&value) => Ok(value),
            _ => Err(Error::Invalid(format!(
                "`{name}` must be a number from {} to {}",
                bound(*bounds.start()),
                bound(*bounds.end())
            ))),
        }
    }

    /// A number above 0.
    pub fn positive(&self, name: &str) -> Result<f64, Error> {
        match self.finite(name) {
            Ok(value) if value > 0.0 => Ok(value),
            _ => Err(Error::Invalid(format!("`{name}` must be a number above 0"))),
        }
    }

    /// A whole number within bounds.
    pub fn whole(&self, name: &str, bounds: std::ops::RangeInclusive<i64>) -> Result<i64, Error> {
        match self.get(name) {
            Some(Literal::Int64(value)) if bounds.contains(value) => Ok(*value),
            _ => Err(Error::Invalid(format!(
                "`{name}` must be a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            ))),
        }
    }

    /// True or false.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            Some(Literal::Boolean(value)) => Ok(*value),
            _ => Err(Error::Invalid(format!("`{name}` must be true or false"))),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.get(name) {
            Some(Literal::Text(value)) => Ok(value),
            _ => Err(Error::Invalid(format!("`{name}` must be a text"))),
        }
    }
}

/// A bound in a message: 1e300, and not its 301 digits.
fn bound(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-5..1e16 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

/// How an aggregate is called.
#[doc(hidden)]
pub fn signature<A: Aggregate>() -> Signature {
    let state = match A::State::BYTES_MAX {
        Some(bytes) => StateSize::Bounded(bytes.max(size_of::<A::State>() as u32)),
        None => StateSize::Growing,
    };
    Signature {
        arguments: A::Row::types(),
        parameters: A::parameters().into_iter().map(|parameter| parameter.0).collect(),
        returns: A::Value::DATA_TYPE,
        needs_time: A::Row::HAS_TIME,
        tolerance: A::TOLERANCE,
        state,
        state_version: A::STATE_VERSION,
        restores: Vec::new(),
    }
}

/// What an aggregate says of itself, with the signatures of all that share its name.
#[doc(hidden)]
pub fn descriptor<A: Aggregate>(version: &str, signatures: Vec<Signature>) -> Descriptor {
    Descriptor { name: A::NAME.into(), version: version.into(), docs: A::DOCS.into(), signatures }
}

/// Opens an aggregate.
#[doc(hidden)]
pub fn open<A: Aggregate>(values: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
    let fields = A::parameters();
    if fields.len() != values.len() {
        return Err(Error::Invalid(format!("{} parameters are due, not {}", fields.len(), values.len())));
    }
    let aggregate = A::open(&Parameters { fields: &fields, values })?;
    Ok(Slots::boxed(Folded(aggregate)))
}

/// An aggregate as a fold.
struct Folded<A>(A);

impl<A: Aggregate> Fold for Folded<A> {
    type Arguments = A::Row;
    type State = A::State;
    type Result = A::Value;
    const STATE_VERSION: u32 = A::STATE_VERSION;

    #[inline]
    fn add(&self, state: &mut A::State, row: <A::Row as Arguments>::Row<'_>) {
        self.0.add(state, row);
    }

    #[inline]
    fn merge(&self, state: &mut A::State, other: &A::State) {
        self.0.merge(state, other);
    }

    fn evaluate(&self, state: &A::State) -> Result<Option<A::Value>, String> {
        Ok(self.0.value(state))
    }

    fn write(&self, state: &A::State, writer: &mut Writer<'_>) {
        state.write(writer);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<A::State, Error> {
        A::State::read(reader)
    }
}

/// Makes a component of one [`Aggregate`], or of several that are ways to call one function: `export_aggregate!(OfDoubles, OfTexts)`.
/// It declares the type `Plugin`, which the tests of the laws take.
#[macro_export]
macro_rules! export_aggregate {
    ($first:ty $(, $more:ty)* $(,)?) => {
        /// The plugin of this crate.
        #[derive(Clone, Copy, Debug)]
        pub struct Plugin;

        impl $crate::Reducer for Plugin {
            fn describe() -> $crate::Descriptor {
                let signatures = vec![
                    $crate::aggregate::signature::<$first>(),
                    $($crate::aggregate::signature::<$more>(),)*
                ];
                $crate::aggregate::descriptor::<$first>(env!("CARGO_PKG_VERSION"), signatures)
            }

            fn open(
                signature: u32,
                parameters: &[$crate::Literal],
            ) -> Result<Box<dyn $crate::Accumulators>, $crate::Error> {
                let opens = [$crate::aggregate::open::<$first>, $($crate::aggregate::open::<$more>,)*];
                match opens.get(signature as usize) {
                    Some(open) => open(parameters),
                    None => Err($crate::unknown_signature(signature)),
                }
            }
        }

        $crate::export_reducer!(Plugin);
    };
}

#[cfg(all(test, feature = "laws"))]
mod tests;
