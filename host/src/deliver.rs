//! Step 7: where rows and dead letters go.

pub mod key;
pub mod encode;
pub mod http;
pub mod scrape;
pub mod dead_letter;
pub mod letters;
pub mod output;
pub mod lines;
pub mod rows;
pub mod kafka;
pub mod pretty;
