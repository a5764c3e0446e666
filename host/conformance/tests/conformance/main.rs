//! The plugins of the product keep the laws; components that break one are told by its name.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as tests do")]

#[path = "../../../component/tests/component/guests.rs"]
#[expect(dead_code, reason = "the guests of another crate's tests, of which these use some")]
mod guests;

mod counter;
mod products;
mod broken;
mod refused;

use streamgauge_component::runtime::Runtime;
use streamgauge_conformance::{Checked, check};

fn checked(bytes: &[u8]) -> Checked {
    check(&Runtime::new().unwrap(), bytes).unwrap()
}
