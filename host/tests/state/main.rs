//! What survives the process: logs and checkpoints against damage, lost writes and other owners.

mod corruption;
mod crash;
mod fencing;
mod image;
mod lock;
mod log;
mod points;
