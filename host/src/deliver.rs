//! Step 7: where rows and dead letters go.

pub mod message;
pub mod outbox;
pub mod dead_letter;
pub mod output;
pub mod kafka;
pub mod pretty;
