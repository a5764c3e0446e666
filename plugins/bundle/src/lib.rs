//! The guests that are part of the product, as components: one file is the product.
//!
//! `build.rs` compiles them to WebAssembly and checks that they import nothing; this crate holds their bytes and knows
//! neither what they compute nor who runs them.

include!(concat!(env!("OUT_DIR"), "/components.rs"));
