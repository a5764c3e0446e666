//! What is delivered of alerts: their transitions.

use crate::Literal;

/// Where an episode of an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertState {
    /// Its condition is true, but not for long enough.
    Pending,
    /// It is on.
    Firing,
    /// It is over.
    Resolved,
}

/// A transition of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The idempotency key of the delivery.
    pub key: String,
    /// The alert's name.
    pub name: String,
    /// What it has become.
    pub state: AlertState,
    /// Names and values.
    pub labels: Vec<(String, String)>,
    /// Names and values.
    pub annotations: Vec<(String, String)>,
    /// When the episode began, in microseconds since 1970-01-01T00:00:00Z.
    pub starts_at: i64,
    /// The end of the window that decided it, in microseconds since 1970-01-01T00:00:00Z.
    pub window_end: i64,
    /// Why, in one word.
    pub reason: String,
    /// The group that it is about: names and values.
    pub group: Vec<(String, Literal)>,
    /// The values of the window's row for the group, in the order of the schema; none = there is no such row.
    pub row: Option<Vec<Literal>>,
}
