//! All laws of a component, and the report of them.

mod json;

use std::fmt;

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_component::{check::Refusal, runtime::Runtime};
use streamgauge_laws::{Example, Line, Outcome, Verdict, check as check_reducer};

use crate::{
    loaded::Loaded,
    reducer::Component,
    sink::{self, SinkLaw},
};

/// What became of all laws of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The digest of the bytes, in hexadecimal digits.
    pub sha256: String,
    /// `reducer` or `sink`; none where it does not load.
    pub kind: Option<&'static str>,
    /// What it calls itself; empty where it does not say.
    pub name: String,
    /// Its version; empty where it does not say.
    pub version: String,
    laws: Vec<CheckedLaw>,
    notes: Vec<String>,
}

/// A law and what became of it.
#[derive(Clone, Debug, PartialEq)]
struct CheckedLaw {
    name: &'static str,
    says: &'static str,
    advice: &'static str,
    outcome: Outcome,
}

/// Checks all laws of a plugin. Bytes that are no plugin break the law `loads`.
///
/// # Errors
/// Where the machine has not enough for it: another time it may have.
pub fn check(runtime: &Runtime, bytes: &[u8]) -> Result<Checked, String> {
    let sha256 = digest(bytes);
    let (name, version) = (String::new(), String::new());
    let mut checked = Checked { sha256, kind: None, name, version, laws: Vec::new(), notes: Vec::new() };
    let loaded = match Loaded::new(runtime, bytes) {
        Ok((loaded, _)) => loaded,
        Err(Refusal::Transient(why)) => return Err(why),
        Err(why) => {
            checked.loads(Some(&why));
            return Ok(checked);
        }
    };
    checked.loads(None);
    match &loaded {
        Loaded::Reducer(component) => {
            checked.kind = Some("reducer");
            if let Ok(described) = component.describe() {
                (checked.name, checked.version) = (described.name, described.version);
            }
            let report = check_reducer(&Component::new(component));
            checked.notes = report.notes;
            let law = |Verdict { law, outcome }: Verdict| CheckedLaw {
                name: law.name(),
                says: law.says(),
                advice: law.advice(),
                outcome,
            };
            checked.laws.extend(report.verdicts.into_iter().map(law));
        }
        Loaded::Sink(component) => {
            checked.kind = Some("sink");
            if let Ok(described) = component.describe() {
                (checked.name, checked.version) = (described.name, described.version);
            }
            let law = |(law, outcome): (SinkLaw, Outcome)| CheckedLaw {
                name: law.name(),
                says: law.says(),
                advice: law.advice(),
                outcome,
            };
            checked.laws.extend(sink::check(component).into_iter().map(law));
        }
    }
    Ok(checked)
}

/// The digest of a component, in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

impl Checked {
    /// Whether all laws hold.
    pub fn holds(&self) -> bool {
        self.laws.iter().all(|law| law.outcome == Outcome::Holds)
    }

    /// The names of the laws that are broken.
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self.laws.iter().filter(|law| matches!(law.outcome, Outcome::Broken(_)));
        broken.map(|law| law.name).collect()
    }

    /// The law of the file itself.
    fn loads(&mut self, refusal: Option<&Refusal>) {
        let outcome = refusal.map_or(Outcome::Holds, |refusal| {
            Outcome::Broken(Box::new(Example {
                signature: None,
                parameters: String::new(),
                rows: None,
                what: "the file was read and compiled".to_owned(),
                expected: String::new(),
                got: format!("it {refusal}"),
            }))
        });
        self.laws.push(CheckedLaw {
            name: "loads",
            says: "the file is a component of the contract, and imports no function",
            advice: "do what is said above; the contract is wit/ of Streamgauge, package streamgauge:plugin@0.2.0",
            outcome,
        });
    }

    /// How many laws hold, are broken, and could not be tried.
    fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Outcome) -> bool| self.laws.iter().filter(|law| is(&law.outcome)).count();
        (
            count(|outcome| *outcome == Outcome::Holds),
            count(|outcome| matches!(outcome, Outcome::Broken(_))),
            count(|outcome| matches!(outcome, Outcome::Untried(_))),
        )
    }
}

/// For people: what it is, a line a law, a summary.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            writeln!(f, "{kind} {} {}", self.name, self.version)?;
        }
        for CheckedLaw { name, says, advice, outcome } in &self.laws {
            Line { name, says, advice, outcome }.fmt(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        if self.kind.is_none() {
            return f.write_str("no other law was tried: it is no plugin");
        }
        match self.counts() {
            (hold, 0, 0) => write!(f, "all {hold} laws hold"),
            (hold, broken, 0) => write!(f, "{broken} of {} laws failed", hold + broken),
            (hold, broken, untried) => {
                write!(f, "{broken} of {} laws failed, {untried} could not be tried", hold + broken + untried)
            }
        }
    }
}
