//! One thread that runs the async calls of an object store for callers that are plain threads.

use std::{io, sync::mpsc::sync_channel};

use tokio::runtime::{Builder, Handle, Runtime as Tokio};

use crate::error::StateError;

/// A runtime of its own, so that a busy server elsewhere in the process delays no checkpoint.
pub(super) struct Runtime {
    tokio: Option<Tokio>,
}

impl Runtime {
    pub(super) fn start() -> Result<Self, StateError> {
        let tokio = Builder::new_multi_thread().worker_threads(1).thread_name("state").enable_all().build();
        let tokio = tokio.map_err(StateError::file("start", "a thread for the state"))?;
        Ok(Self { tokio: Some(tokio) })
    }

    /// Runs a call to its end, while the caller waits.
    pub(super) fn run<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StateError> {
        let gone = || StateError::file("ask", "the thread for the state")(io::ErrorKind::BrokenPipe.into());
        let tokio = self.tokio.as_ref().ok_or_else(gone)?;
        if Handle::try_current().is_err() {
            return Ok(tokio.block_on(call));
        }
        // In an async task, where nobody should be, it would panic.
        let (sender, receiver) = sync_channel(1);
        tokio.spawn(async move { drop(sender.send(call.await)) });
        receiver.recv().map_err(|_| gone())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Not the usual way, which waits and so must not be done in an async task. No call is under way.
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}
