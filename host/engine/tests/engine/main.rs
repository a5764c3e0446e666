//! The pure engine against independent programs: see each module.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests may panic, as tests do")]

mod accumulators;
mod harness;
mod oracle;
mod exact;
mod lateness;
mod sessions;
mod over_views;
mod replay;
mod idle;
mod forced;
mod survival;
mod apart;
mod sources;
mod operator;
mod bounds;
mod faults;
