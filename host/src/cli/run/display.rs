//! What is shown of a run while it goes on: a line on a terminal, else a summary now and then; and with `-v` why there are no rows yet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streamgauge_common::clock::Stopwatch;
use tracing::{debug, info};

use super::DEPLOYMENT;
use crate::{
    progress::ProgressLine,
    query::{NoRows, QueryProgress, Subscription},
    summary::Summary,
};

/// What is shown, and what was told already.
pub(super) struct RunDisplay {
    /// None where no terminal shows it.
    line: Option<ProgressLine>,
    summary_interval: Duration,
    since_summary: Stopwatch,
    /// By query: why it was told to have no rows.
    no_rows: BTreeMap<String, NoRows>,
    /// The same with a summary, of queries that need a change to have any.
    without_rows: BTreeMap<String, NoRows>,
}

impl RunDisplay {
    /// Nothing yet.
    pub(super) fn new(is_on_terminal: bool, summary_interval: Duration) -> Self {
        Self {
            line: is_on_terminal.then(ProgressLine::default),
            summary_interval,
            since_summary: Stopwatch::start(),
            no_rows: BTreeMap::new(),
            without_rows: BTreeMap::new(),
        }
    }

    /// Takes the line away, so that something else can be written.
    pub(super) fn clear(&self) {
        self.line.iter().for_each(ProgressLine::clear);
    }

    /// Some time has passed.
    pub(super) fn tick(&mut self, subscriptions: &[Arc<Subscription>]) {
        self.tell_no_rows(subscriptions);
        if let Some(line) = &mut self.line {
            line.show(subscriptions);
        } else if self.since_summary.elapsed() >= self.summary_interval {
            self.since_summary = Stopwatch::start();
            Summary::of(subscriptions).tell(DEPLOYMENT);
            for query in queries_of(subscriptions) {
                let Some((why, help)) = query.no_rows().and_then(|why| Some((why.clone(), why.help()?)))
                else {
                    continue;
                };
                let query = query.name();
                if self.without_rows.get(query).is_none_or(|told| !told.is_like(&why)) {
                    info!(deployment = DEPLOYMENT, query, help, "query '{query}' has no rows yet: {why}");
                    self.without_rows.insert(query.to_owned(), why);
                }
            }
        }
    }

    /// Tells of each query why it has no rows, where that is another reason than before.
    fn tell_no_rows(&mut self, subscriptions: &[Arc<Subscription>]) {
        for query in queries_of(subscriptions) {
            let Some(why) = query.no_rows() else { continue };
            let query = query.name();
            if self.no_rows.get(query).is_none_or(|told| !told.is_like(&why)) {
                let help = why.help();
                debug!(deployment = DEPLOYMENT, query, help, "query '{query}' has no rows yet: {why}");
                self.no_rows.insert(query.to_owned(), why);
            }
        }
    }
}

/// Tells at the end of queries that could have no rows why, and what to change.
pub(super) fn tell_without_rows(subscriptions: &[Arc<Subscription>]) {
    for query in queries_of(subscriptions) {
        let Some((why, help)) = query.no_rows().and_then(|why| Some((why.clone(), why.help()?))) else {
            continue;
        };
        let query = query.name();
        info!(deployment = DEPLOYMENT, query, help, "query '{query}' has no rows: {why}");
    }
}

fn queries_of(subscriptions: &[Arc<Subscription>]) -> impl Iterator<Item = Arc<QueryProgress>> {
    subscriptions.iter().flat_map(|subscription| subscription.queries())
}
