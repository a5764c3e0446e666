//! The pure engine against independent programs: see each module.

mod accumulators;
mod bounds;
mod exact;
mod faults;
mod harness;
mod idle;
mod oracle;
mod replay;
