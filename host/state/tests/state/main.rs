//! What survives the process: logs and checkpoints against damage, lost writes and other owners.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests may panic, as tests do")]

mod backend;
mod corruption;
mod crash;
mod fencing;
mod image;
mod lock;
mod log;
mod points;
