//! What a change would do, as it is shown and as it is agreed to.

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;

use super::shapes::{Plan, PlannedAction, PlannedQuery, time};
use crate::deploy::{self, Action, ReadsFrom};

/// How many hexadecimal digits of a plan's digest are shown.
const DIGEST_DIGITS: usize = 16;

/// What a plan is of.
pub(super) struct Planned<'a> {
    pub(super) deployment: &'a str,
    pub(super) version: Option<u64>,
    pub(super) text: &'a str,
    /// The components, by the name in FROM, with their SHA-256.
    pub(super) plugins: &'a [(String, String)],
    pub(super) queries: Vec<deploy::PlannedQuery>,
    /// Queries that are to be reset whether they fit or not.
    pub(super) resets: &'a [String],
    pub(super) warnings: Vec<String>,
    /// Whether the text and the components are those that run.
    pub(super) is_equal: bool,
}

impl Planned<'_> {
    /// The plan. Its digest does not depend on how many records there are: that changes all the time.
    pub(super) fn plan(self) -> Plan {
        let Self { deployment, version, text, plugins, queries, resets, warnings, is_equal } = self;
        let queries: Vec<PlannedQuery> =
            queries.into_iter().map(|query| shown(query, resets, version.is_some())).collect();
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(deployment);
        add(&version.unwrap_or_default().to_string());
        add(text);
        for (name, sha256) in plugins {
            add(name);
            add(sha256);
        }
        for query in &queries {
            add(&query.name);
            add(&format!("{:?} {}", query.action, query.reason));
        }
        let mut digest = hexadecimal(&hash.finalize());
        digest.truncate(DIGEST_DIGITS);
        let changes = !is_equal || queries.iter().any(|query| query.action == PlannedAction::Reset);
        Plan { deployment: deployment.to_owned(), version, digest, changes, queries, warnings }
    }
}

/// The queries of a plan whose states would be removed without being asked for: none of `resets`.
pub(super) fn unasked<'a>(plan: &'a Plan, resets: &[String]) -> Vec<&'a str> {
    let unasked = plan.queries.iter().filter(|query| {
        query.action == PlannedAction::Reset
            && !resets.iter().any(|name| name.eq_ignore_ascii_case(&query.name))
    });
    unasked.map(|query| query.name.as_str()).collect()
}

fn shown(query: deploy::PlannedQuery, resets: &[String], is_change: bool) -> PlannedQuery {
    let deploy::PlannedQuery { name, action, source, reads_from, records, readers, undelivered } = query;
    let is_asked = resets.iter().any(|reset| reset.eq_ignore_ascii_case(&name));
    let from = match reads_from {
        None => String::new(),
        Some(ReadsFrom::Earliest) => format!("reads source '{source}' from its oldest record"),
        Some(ReadsFrom::Latest) => format!("reads what comes to source '{source}' from now on"),
        Some(ReadsFrom::Time(_)) => {
            format!("reads source '{source}' again from where its first windows begin")
        }
    };
    let (planned, reason) = match action {
        Action::Keep if is_asked => (PlannedAction::Reset, "the reset was asked for".to_owned()),
        Action::Keep => (PlannedAction::Keep, "what its state depends on is as before".to_owned()),
        Action::Reset(changes) => (PlannedAction::Reset, changes),
        Action::Drop => (PlannedAction::Drop, "the query is not in the SQL any more".to_owned()),
        Action::Begin => {
            let what = if is_change { "the query is new: it" } else { "it" };
            let action = match reads_from {
                Some(ReadsFrom::Latest) | None => PlannedAction::Begin,
                Some(_) => PlannedAction::Warm,
            };
            (action, format!("{what} {from}"))
        }
    };
    let warmed_from = match reads_from {
        Some(ReadsFrom::Time(time_us)) if planned != PlannedAction::Keep => Some(time(time_us)),
        _ => None,
    };
    let records = records.filter(|_| planned != PlannedAction::Keep);
    let undelivered = (undelivered > 0).then_some(undelivered);
    PlannedQuery { name, action: planned, reason, warmed_from, records, undelivered, readers }
}
