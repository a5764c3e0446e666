//! Step 8: what survives the process.
//!
//! Containers, bytes in and the same bytes out, or an error that names the file:
//!
//! 1. [`bytes`] writes and reads the fields of all that is kept; [`header`] begins every file that
//!    grows or is written in pieces: magic, version, checksums; [`object`] is the form of small ones.
//! 2. [`store`] is a place for named objects: a directory or a bucket; [`lock`] keeps a directory for one process, [`rights`]
//!    for one user.
//! 3. [`log`] is the decision log of a query: what was decided is there before it is sent.
//! 4. [`checkpoint`] holds generations of a query's state.
//!
//! And what they hold:
//!
//! 5. [`fingerprint`] says for which query a state may be used, [`statements`] what anonymous ones are called, [`admitted`] with which
//!    limits it ran; [`decision`] is an entry of
//!    the log; [`manifest`] is where a query stands, [`segment`] what it holds.
//!    [`timeline`] is the course that a query's rows are on.
//! 6. [`outbox`] holds what is decided and not acknowledged yet; [`backend`] writes log and checkpoints while the query runs, on
//!    the threads of a [`pool`] that all queries share; [`recovery`] reads them when the query comes back.
//! 7. [`deployment`] is what a host keeps of a deployment, [`savepoint`] a copy of the states of its queries.
//!
//! A file is either what was once written, whole, or it is refused: nothing here repairs, and nothing starts empty where
//! something was.

pub mod bytes;
pub mod error;
pub mod header;
mod object;
pub mod store;
pub mod lock;
pub mod rights;
pub mod log;
pub mod checkpoint;
pub mod fingerprint;
pub mod statements;
pub mod admitted;
pub mod table;
pub mod timeline;
pub mod inputs;
pub mod decision;
pub mod manifest;
pub mod segment;
pub mod outbox;
pub mod pool;
pub mod backend;
pub mod recovery;
pub mod deployment;
pub mod savepoint;
