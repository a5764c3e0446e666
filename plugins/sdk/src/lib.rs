//! What plugin authors use: a reducer or a sink in Rust, from its logic to a component. A sink is told in [`sink`].
//!
//! Most reducers are an [`Aggregate`]: the type of a state, `add`, `merge` and `value`. [`export_aggregate!`] makes a component of it. The
//! laws of every reducer are a test of one line, with the feature `laws`: `streamgauge_sdk::laws::check::<Plugin>(&[])`.
//!
//! With more in one's own hands a reducer is written in three steps:
//! 1. the logic of one state: a [`Fold`], which [`Slots`] turns into accumulators;
//! 2. what it is called and how it is opened: a [`Reducer`];
//! 3. [`export_reducer!`], which makes a component of it where it is compiled to WebAssembly. Everywhere else it is an
//!    ordinary library, and so are its tests.
//!
//! ```
//! use streamgauge_sdk::{
//!     Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Writer,
//! };
//!
//! /// The product of the values.
//! struct Product;
//!
//! #[derive(Clone, Default)]
//! struct State(Option<f64>);
//!
//! impl Fold for Product {
//!     type Arguments = (f64,);
//!     type State = State;
//!     type Result = f64;
//!
//!     fn add(&self, state: &mut State, (value,): (f64,)) {
//!         state.0 = Some(state.0.unwrap_or(1.0) * value);
//!     }
//!
//!     fn merge(&self, state: &mut State, other: &State) {
//!         if let Some(product) = other.0 {
//!             self.add(state, (product,));
//!         }
//!     }
//!
//!     fn evaluate(&self, state: &State) -> Result<Option<f64>, String> {
//!         Ok(state.0)
//!     }
//!
//!     fn write(&self, state: &State, writer: &mut Writer<'_>) {
//!         if let Some(product) = state.0 {
//!             writer.f64(product);
//!         }
//!     }
//!
//!     fn read(&self, reader: &mut Reader<'_>) -> Result<State, Error> {
//!         Ok(State(if reader.is_empty() { None } else { Some(reader.f64()?) }))
//!     }
//! }
//!
//! impl Reducer for Product {
//!     fn describe() -> Descriptor {
//!         Descriptor {
//!             name: "product".into(),
//!             version: "1.0.0".into(),
//!             docs: "The product of the values".into(),
//!             signatures: vec![Signature::new(&[DataType::Float64], DataType::Float64, 16).tolerance(1e-12)],
//!         }
//!     }
//!
//!     fn open(signature: u32, _: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
//!         match signature {
//!             0 => Ok(Slots::boxed(Self)),
//!             _ => Err(streamgauge_sdk::unknown_signature(signature)),
//!         }
//!     }
//! }
//!
//! streamgauge_sdk::export_reducer!(Product);
//! ```

mod descriptor;
pub use descriptor::{DataType, Descriptor, Error, Field, Literal, Signature, StateSize};

mod column;
pub use column::{BytesList, Cell, Column, ColumnView, Values, ValuesView, bit, bitmap};

mod reducer;
pub use reducer::{Accumulators, Evaluated, Reducer, unknown_signature};

mod rows;
pub use rows::{Any, Argument, Arguments, EventTime, Text, Timestamp};

mod result;
pub use result::Output;

mod bytes;
pub use bytes::{Reader, Writer};

mod fold;
pub use fold::{Fold, Slots};

pub mod stored;
pub use stored::Stored;

pub mod aggregate;
pub use aggregate::{Aggregate, Parameter, Parameters, Row, Typed};

mod shown;

mod pair;
pub use pair::Pair;

mod comparable;
pub use comparable::{Comparable, Double};

mod collected;
pub use collected::Collected;

mod exact_sum;
pub use exact_sum::ExactSum;

pub mod decay;
pub mod extreme;
pub mod moments;
pub mod percentile;
pub mod picked;
pub mod sum;

pub mod sink;

#[cfg(feature = "laws")]
pub mod laws;

#[cfg(target_arch = "wasm32")]
pub mod guest;

/// Makes a component of a [`Reducer`] where the crate is compiled to WebAssembly; elsewhere it does nothing.
#[macro_export]
macro_rules! export_reducer {
    ($reducer:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::guest::{self, bindings::reducer};
            type Component = guest::reducer::Guest<$reducer>;
    reducer::__export_streamgauge_plugin_reducer_0_2_0_cabi!(Component with_types_in reducer);
            $crate::declare_world!("reducer-plugin", REDUCER_PLUGIN);
        };
    };
}

/// Makes a component of a [`Sink`](sink::Sink) where the crate is compiled to WebAssembly; elsewhere it does nothing.
#[macro_export]
macro_rules! export_sink {
    ($sink:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::guest::{self, bindings::sink};
            type Component = guest::sink::Guest<$sink>;
    sink::__export_streamgauge_plugin_sink_0_2_0_cabi!(Component with_types_in sink);
            $crate::declare_world!("sink-plugin", SINK_PLUGIN);
        };
    };
}

/// Makes a component of a sink that answers scrapes, a [`Scrape`](sink::Scrape), where the crate is compiled to WebAssembly;
/// elsewhere it does nothing.
#[macro_export]
macro_rules! export_scrape {
    ($sink:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::guest::{
                self,
                bindings::{scrape, sink},
            };
            type Component = guest::sink::Guest<$sink>;
    sink::__export_streamgauge_plugin_sink_0_2_0_cabi!(Component with_types_in sink);
    scrape::__export_streamgauge_plugin_scrape_0_2_0_cabi!(Component with_types_in scrape);
            $crate::declare_world!("scrape-plugin", SCRAPE_PLUGIN);
        };
    };
}
