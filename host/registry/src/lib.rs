//! Plugin components in OCI registries, in the layout of the CNCF's Wasm working group: `wkg` and `oras` read what this crate pushes, and
//! this crate reads what they push.
//!
//! A [`Location`] is the text `oci://REGISTRY/NAME:TAG@sha256:...`. [`push`] stores a component, [`pull`] fetches one and verifies it. What
//! was pulled stays in [`Kept`], by its digest, so that a location with a digest needs the registry only once.

mod location;
mod artifact;
mod kept;
mod credentials;
mod client;

pub use client::{PullError, Pulled, PushError, Pushed, pull, push};
pub use kept::Kept;
pub use location::{Location, WrongLocation};
