//! Whether a component is a plugin that keeps the laws, and what it is: `plugin check`, `plugin test`, `plugin inspect` and
//! `plugin bench`.
//!
//! The laws of reducers are those of `streamgauge-laws`, which knows no component; this crate runs them on one. Nothing here knows
//! where a plugin comes from, and nothing is kept.

mod values;
mod loaded;
mod reducer;
mod sink;

mod checked;
pub use checked::{Checked, check};

mod cases;
pub use cases::{CaseFile, Tested, Untested, test};

mod inspected;
pub use inspected::{Inspected, inspect};

mod benched;
pub use benched::{Benched, bench};
