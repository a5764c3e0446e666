//! The host's HTTP client, and the worker that sends an outbox with it.
//!
//! Guests make requests, and guests judge responses; everything between is here: which [`address`]es may be reached,
//! what the sink [`declared`], [`secrets`], [`signature`]s, time-outs and sizes in [`client`]; order in `lanes`, time in [`backoff`], and the loop
//! that names them all in [`sender`].

pub mod address;
pub mod resolver;
pub mod declared;
pub mod outgoing;
pub mod secrets;
pub mod signature;
pub mod client;
pub mod backoff;
mod lanes;
mod verdicts;
pub mod sender;
