//! What became of each law.

use std::fmt;

use crate::{Law, Table};

/// What became of all laws.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// One a law that was looked at, in the order of [`Law::ALL`].
    pub verdicts: Vec<Verdict>,
    /// What is not wrong but worth knowing.
    pub notes: Vec<String>,
}

/// What became of a law.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which law.
    pub law: Law,
    /// What became of it.
    pub outcome: Outcome,
}

/// What becomes of a law.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// No input was found that breaks it.
    Holds,
    /// It does not hold.
    Broken(Box<Example>),
    /// It could not be tried, and why.
    Untried(String),
}

/// An input that breaks a law.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The signature, as in SQL; none where the fault is of all.
    pub signature: Option<String>,
    /// The parameters that it was opened with, as `name = value`; empty where there are none.
    pub parameters: String,
    /// The fewest rows; none where the law is not about rows.
    pub rows: Option<Table>,
    /// What was done with the rows, and what is wrong with its result.
    pub what: String,
    /// What was due.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl Report {
    /// Whether all laws hold: one that could not be tried does not.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.outcome == Outcome::Holds)
    }

    /// The laws that are broken.
    pub fn broken(&self) -> Vec<Law> {
        let broken = self.verdicts.iter().filter(|verdict| matches!(verdict.outcome, Outcome::Broken(_)));
        broken.map(|verdict| verdict.law).collect()
    }

    /// Puts what became of laws elsewhere, such as for another signature, in: the first example of a law stays.
    pub(crate) fn absorb(&mut self, other: Self) {
        for verdict in other.verdicts {
            match self.verdicts.iter_mut().find(|known| known.law == verdict.law) {
                None => self.verdicts.push(verdict),
                Some(known) => match (&known.outcome, &verdict.outcome) {
                    (Outcome::Broken(_), _) | (_, Outcome::Holds) => {}
                    (Outcome::Untried(_), Outcome::Untried(_)) => {}
                    _ => known.outcome = verdict.outcome,
                },
            }
        }
        self.verdicts.sort_by_key(|verdict| verdict.law);
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

/// A law and what became of it, for people: one line, and under it what was found. Laws of other plugins than reducers use it, too.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The law's name.
    pub name: &'a str,
    /// What holds, in one sentence.
    pub says: &'a str,
    /// What to change where it does not.
    pub advice: &'a str,
    /// What became of it.
    pub outcome: &'a Outcome,
}

impl Verdict {
    /// For people.
    pub fn line(&self) -> Line<'_> {
        let Self { law, outcome } = self;
        Line { name: law.name(), says: law.says(), advice: law.advice(), outcome }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, says, advice, outcome } = self;
        match outcome {
            Outcome::Holds => writeln!(f, "ok         {name:<17}  {says}"),
            Outcome::Untried(why) => writeln!(f, "not tried  {name:<17}  {why}"),
            Outcome::Broken(example) => {
                writeln!(f, "FAILED     {name:<17}  {says}")?;
                write!(f, "{example}")?;
                writeln!(f, "  change    {advice}")
            }
        }
    }
}

/// One line a law; under those that do not hold, what was found.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verdicts.iter().try_for_each(|verdict| verdict.line().fmt(f))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature, parameters, rows, what, expected, got } = self;
        if let Some(signature) = signature {
            writeln!(f, "  call      {signature}")?;
        }
        if !parameters.is_empty() {
            writeln!(f, "  with      {parameters}")?;
        }
        if let Some(rows) = rows {
            match rows.rows {
                0 => writeln!(f, "  rows      none")?,
                _ => {
                    let lines = rows.to_string().replace('\n', "\n            ");
                    writeln!(f, "  rows      {lines}")?;
                }
            }
        }
        writeln!(f, "  done      {what}")?;
        if !expected.is_empty() {
            writeln!(f, "  expected  {expected}")?;
        }
        writeln!(f, "  got       {got}")
    }
}
