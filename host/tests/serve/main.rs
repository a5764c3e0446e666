//! `streamgauge serve` as a process that is asked by HTTP and by its commands, killed, and started again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what does not hold here fails the test"
)]

mod access;
mod commands;
mod folder;
mod host;
mod life;
mod live;
mod requests;
mod traces;
#[path = "../common/otlp.rs"]
mod otlp;
#[path = "../common/real_broker.rs"]
mod real_broker;
#[path = "../stalls/traffic.rs"]
#[expect(dead_code, reason = "the tests of stalls use the others")]
mod traffic;
