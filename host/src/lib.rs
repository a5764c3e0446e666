//! The life of an event, a module or a crate a step.
//!
//! 1. [`source`] reads records of a partition, in order, Kafka's by [`streamgauge_kafka`]; [`decode`] makes columns of the fields that
//!    queries read, or a dead letter.
//! 2. [`streamgauge_component`] runs guests: a query component's `ingest` filters and computes, for a whole batch in one call.
//! 3. [`streamgauge_engine`] finds each row's group and slice, and so its slot;
//! 4. the reducer component folds the columns into the slots.
//! 5. The engine closes windows when the watermark reaches their end: slices are merged, slots evaluated.
//! 6. The query component's `emit` applies HAVING and the SELECT list.
//! 7. [`deliver`] sends the [rows](streamgauge_common::row) on; what could not be used goes to the dead letters.
//! 8. [`streamgauge_state`] keeps what must survive the process: the decision log and checkpoints.
//!
//! [`query`] is this way as one statement sees it; [`pipeline`] is the loop that names all steps; [`deploy`] puts programs together and
//! runs them. What moves between the steps is a [column](streamgauge_common::column). [`server`] is the host that runs many programs, as its
//! [`config`] says; [`cli`] is the command line.

pub mod source;
pub mod decode;
pub mod table;
pub mod query;
pub mod deliver;
pub mod pipeline;
pub mod cache_folder;
pub mod limits;
pub mod recent;
pub mod logging;
pub mod metrics;
pub mod deploy;
pub mod traces;
pub mod timings;
pub mod crashes;
pub mod monitor;
pub mod config;
pub mod server;
pub mod summary;
pub mod progress;
pub mod terminal;
pub mod cli;
