//! What becomes of a query task's rows, and when it cannot go on.

use super::{Context, QueryTask};

impl QueryTask {
    /// Why it cannot go on at all: what it decides cannot be kept, or leaves for nowhere. Other queries can.
    pub fn failure(&self) -> Option<String> {
        self.log.failure().or_else(|| self.query.failure())
    }

    /// Hands on what was written so far.
    pub fn flush(&mut self, context: &mut Context) {
        self.query.flush(context);
    }
}
