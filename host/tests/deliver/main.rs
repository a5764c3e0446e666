//! The HTTP client, its sender and the scrape listener against peers that misbehave.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod refusals;
mod client;
mod harness;
mod receiver;
mod scrape;
mod secrets;
mod sender;
mod troubles;
