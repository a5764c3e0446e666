//! The life of an event.

pub mod column;
pub mod source;
pub mod decode;
pub mod engine;
