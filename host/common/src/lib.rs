//! What all layers of the host share: columns and rows, records and messages, the clock, and how a process ends.
//!
//! Nothing here knows Kafka, WebAssembly, the disk or the network.

pub mod column;
pub mod row;
pub mod partition;
pub mod offset;
pub mod chunk;
pub mod reason;
pub mod message;
pub mod topic_id;
pub mod hexadecimal;
pub mod clock;
pub mod wakeup;
pub mod crash;
pub mod panics;
pub mod telling;
