//! What is answered where something is wrong: a problem document (RFC 9457).

use schemars::JsonSchema;
use serde::Serialize;
use streamgauge_sql::Diagnostic;

use super::shapes::Plan;

/// A problem document.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Problem {
    /// What kind of problem it is: a name that stays, for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened, to which object, and what to do.
    pub detail: String,
    /// What is wrong with the SQL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Mistake>,
    /// The plan, where it is stale or resets a state that nobody asked to reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Plan>>,
}

/// A mistake in SQL; places count from 1, in characters.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl From<&Diagnostic> for Mistake {
    fn from(diagnostic: &Diagnostic) -> Self {
        let Diagnostic { file, line, column, severity, message, help, .. } = diagnostic;
        Self {
            file: file.clone(),
            line: *line,
            column: *column,
            severity: severity.name().to_owned(),
            message: message.clone(),
            help: help.clone(),
        }
    }
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: u16, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let (kind, title) = (format!("urn:streamgauge:problem:{kind}"), title.to_owned());
        Self { kind, title, status, detail: detail.into(), ..Self::default() }
    }

    /// There is no such object.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", "There is no such object", detail)
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", "The request cannot be understood", detail)
    }
}
