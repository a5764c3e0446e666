//! Steps 2, 4, 6 and 7: guests. The only place that knows wasmtime.
//!
//! A guest is a component that gets columns and gives columns: a [`query`] that was generated from SQL, or a [`reducer`] that
//! somebody wrote; a [`sink`] gives requests. It is [`check`]ed before it is compiled by the one [`runtime`], gets nothing
//! from its host, and its memory and the time of each call have [`limits`]. Whatever it does wrong becomes a
//! [`Fault`](streamgauge_engine::Fault): its instance is thrown away, the host goes on.

pub mod ahead;
mod bindings;
mod cache;
pub mod check;
pub mod code_cache;
mod columns;
pub mod compiler;
mod config;
pub mod contract;
mod guest;
pub mod limits;
pub mod plugins;
pub mod query;
pub mod reducer;
pub mod runtime;
pub mod sink;
mod ticker;
pub mod crash;
