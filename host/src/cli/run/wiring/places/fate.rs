//! What becomes of what a file holds already when rows are about to be written to it: nothing that exists is emptied unless
//! somebody asked for exactly that.
//!
//! | the file | no `--state` | a state that does not know it | a state that knows it |
//! |---|---|---|---|
//! | is not there, or empty | is written | is written | goes on; refused where it held something |
//! | holds something; `--output K=PATH` | is emptied | refused | goes on |
//! | the same; a sink of SQL without `mode` | refused | refused | goes on |
//! | the same; `mode = 'append'` | is appended to | is appended to | goes on |
//! | the same; `mode = 'overwrite'` | is emptied | is emptied | goes on |
//! | the same; `--overwrite K` | is emptied | is emptied | goes on; emptied where that cannot be |
//!
//! A state knows a file if the file's marker names a query of the program as the state calls it. It does not where the state is
//! new or another one, and where the file was written by a query that has another name now. *Goes on*: the file is cut to what
//! the marker says, and rows follow; it cannot where the file is shorter than that, or the marker older than the log.
//! `--overwrite K` may stay on the command line: what goes on is not emptied. `mode` belongs to the sink's `path`; `--output`
//! replaces both. Where several sinks share a file it is emptied only if all of them would. Pipes and devices are as they are.
//!
//! Dead letters are appended to, where the file holds nothing else (`dead.rs`).

use std::collections::{BTreeMap, BTreeSet};

use super::Mode;
use crate::deliver::lines::Mark;

/// Who writes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::run::wiring) struct Writer {
    /// The sink.
    pub(in crate::cli::run::wiring) sink: String,
    /// Who named the file.
    pub(in crate::cli::run::wiring) named: Named,
    /// `--overwrite`.
    pub(in crate::cli::run::wiring) overwrite: bool,
}

/// Who named a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::run::wiring) enum Named {
    /// `--output`.
    Command,
    /// The sink itself, perhaps with a mode.
    Sink(Option<Mode>),
}

/// What is known before anything is changed.
pub(super) struct Known<'a> {
    /// How long the file is.
    pub(super) length: u64,
    /// What its marker says; none where nothing is durable.
    pub(super) mark: Option<&'a Mark>,
    /// By query, as the state calls it: up to which number its rows are settled.
    pub(super) settled: &'a BTreeMap<String, u64>,
    /// Whose state the program's queries have.
    pub(super) identities: &'a BTreeSet<u128>,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It holds nothing any more.
    Emptied,
    /// Rows follow what it holds.
    Appended,
    /// It is cut to this length, and rows follow.
    GoesOn(u64),
    /// Nobody said what should become of it; the sink that should.
    Unknown(Writer),
    /// It is not what the state left; why.
    Broken(String),
}

impl Known<'_> {
    pub(super) fn fate(&self, writers: &[Writer]) -> Fate {
        if let Some(mark) = self.mark.filter(|mark| self.knows(mark)) {
            return match self.broken(mark) {
                None => Fate::GoesOn(mark.length),
                Some(_) if writers.iter().any(|writer| writer.overwrite) => Fate::Emptied,
                Some(why) => Fate::Broken(why),
            };
        }
        if self.length == 0 {
            return Fate::Emptied;
        }
        let mut fate = Fate::Emptied;
        for writer in writers {
            match (writer.overwrite, writer.named) {
                (true, _) | (_, Named::Sink(Some(Mode::Overwrite))) => {}
                (_, Named::Command) if self.mark.is_none() => {}
                (_, Named::Sink(Some(Mode::Append))) => fate = Fate::Appended,
                _ => return Fate::Unknown(writer.clone()),
            }
        }
        fate
    }

    fn knows(&self, mark: &Mark) -> bool {
        mark.sequences.keys().any(|name| identity(name).is_some_and(|whose| self.identities.contains(&whose)))
    }

    /// Why rows cannot follow what the marker says.
    fn broken(&self, mark: &Mark) -> Option<String> {
        if self.length < mark.length {
            let (length, written) = (self.length, mark.length);
            return Some(format!("it holds {length} bytes, but {written} were written to it before"));
        }
        let is_older = |(name, has): (&String, &u64)| self.settled.get(name).is_some_and(|upto| has < upto);
        let is_old = mark.sequences.iter().any(is_older);
        is_old.then(|| "what is known of it is older than what was written to it".to_owned())
    }

    /// What the marker says from now on.
    pub(super) fn begun(&self, fate: &Fate) -> Mark {
        let mut mark = self.mark.cloned().unwrap_or_default();
        mark.length = match fate {
            Fate::GoesOn(length) => *length,
            Fate::Appended => {
                // Rows of a query that has another name now: it may have this one again.
                let is_whole = self.length >= mark.length;
                mark.sequences.retain(|_, _| is_whole);
                self.length
            }
            _ => {
                mark.sequences.retain(|name, _| self.settled.contains_key(name));
                0
            }
        };
        for (name, &upto) in self.settled {
            let has = mark.sequences.entry(name.clone()).or_insert(upto);
            *has = upto.max(*has);
        }
        mark
    }
}

/// Whose state a marker's name of a query belongs to.
pub(super) fn identity(name: &str) -> Option<u128> {
    u128::from_str_radix(name.split_once('/')?.0, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "00000000000000000000000000000007/insert_k_1";
    const OTHERS: &str = "00000000000000000000000000000008/insert_k_1";

    fn writer(named: Named, overwrite: bool) -> Writer {
        Writer { sink: "k".into(), named, overwrite }
    }

    fn writers() -> [Writer; 5] {
        let modes = [None, Some(Mode::Append), Some(Mode::Overwrite)];
        let [none, append, overwrite] = modes.map(|mode| writer(Named::Sink(mode), false));
        [writer(Named::Command, false), none, append, overwrite, writer(Named::Sink(None), true)]
    }

    fn fates(length: u64, mark: Option<&Mark>) -> Vec<&'static str> {
        let (settled, identities) = ([(OURS.into(), 5)].into(), [7].into());
        let known = Known { length, mark, settled: &settled, identities: &identities };
        let fate = |writer| match known.fate(&[writer]) {
            Fate::Emptied => "emptied",
            Fate::Appended => "appended",
            Fate::GoesOn(100) => "goes on",
            Fate::GoesOn(_) => "goes on elsewhere",
            Fate::Unknown(_) => "refused",
            Fate::Broken(_) => "broken",
        };
        writers().into_iter().map(fate).collect()
    }

    #[test]
    fn the_table_holds() {
        let mark = |name: &str, has| Mark { length: 100, sequences: [(name.to_owned(), has)].into() };
        let (ours, old, others) = (mark(OURS, 5), mark(OURS, 4), mark(OTHERS, 9));
        let none = Mark::default();
        assert_eq!(fates(0, None), ["emptied"; 5]);
        assert_eq!(fates(9, None), ["emptied", "refused", "appended", "emptied", "emptied"]);
        for unknown in [&none, &others] {
            assert_eq!(fates(0, Some(unknown)), ["emptied"; 5]);
            assert_eq!(fates(120, Some(unknown)), ["refused", "refused", "appended", "emptied", "emptied"]);
        }
        assert_eq!(fates(120, Some(&ours)), ["goes on"; 5]);
        assert_eq!(fates(100, Some(&ours)), ["goes on"; 5]);
        for (length, mark) in [(0, &ours), (99, &ours), (120, &old)] {
            assert_eq!(fates(length, Some(mark)), ["broken", "broken", "broken", "broken", "emptied"]);
        }
    }

    #[test]
    fn a_shared_file_is_emptied_only_if_all_would() {
        let (settled, identities) = (BTreeMap::new(), BTreeSet::new());
        let known = Known { length: 9, mark: None, settled: &settled, identities: &identities };
        let [command, none, append, overwrite, _] = writers();
        assert_eq!(known.fate(&[command.clone(), overwrite.clone()]), Fate::Emptied);
        assert_eq!(known.fate(&[command, append.clone()]), Fate::Appended);
        assert_eq!(known.fate(&[append.clone(), overwrite]), Fate::Appended);
        assert!(matches!(known.fate(&[append, none]), Fate::Unknown(_)));
    }

    #[test]
    fn a_marker_says_whose_rows_follow() {
        let (settled, identities) = ([(OURS.to_owned(), 5)].into(), [7].into());
        let sequences: BTreeMap<String, u64> = [(OTHERS.to_owned(), 9)].into();
        let mark = Mark { length: 100, sequences: sequences.clone() };
        let known = |length| Known { length, mark: Some(&mark), settled: &settled, identities: &identities };
        let both: BTreeMap<String, u64> = sequences.into_iter().chain([(OURS.to_owned(), 5)]).collect();
        assert_eq!(known(120).begun(&Fate::Appended), Mark { length: 120, sequences: both });
        let ours: BTreeMap<String, u64> = [(OURS.to_owned(), 5)].into();
        assert_eq!(known(20).begun(&Fate::Appended), Mark { length: 20, sequences: ours.clone() });
        assert_eq!(known(120).begun(&Fate::Emptied), Mark { length: 0, sequences: ours });
    }
}
