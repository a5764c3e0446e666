//! What becomes of what a file holds already when rows are about to be written to it: nothing that exists is emptied unless
//! somebody asked for exactly that.
//!
//! | the file | no `--state` | a state that does not know it | a state that knows it | and it holds more than what was written |
//! |---|---|---|---|---|
//! | is not there, or empty | is written | is written | goes on; refused where it held something | |
//! | holds something; `--output K=PATH` | is emptied | refused | goes on | refused |
//! | the same; a sink of SQL without `mode` | refused | refused | goes on | refused |
//! | the same; `mode = 'append'` | is appended to | is appended to | goes on | is appended to |
//! | the same; `mode = 'overwrite'` | is emptied | is emptied | goes on | refused |
//! | the same; `--overwrite K` | is emptied | is emptied | goes on; emptied where that cannot be | is cut to what was written |
//!
//! A state knows a file if the file's marker names a query of the program as the state calls it; the marker is found by the file's
//! path, by its inode, or by its content ([`marker_lookup`](super::marker_lookup)). The state does not know it where the state is new or another
//! one, and where the file was written by a query that has another name now. *Goes on*: the file is cut to what the marker says,
//! and rows follow. Only a beginning of what was being written when the run was killed is cut ([`tail`](super::tail)); anything
//! else behind the mark is *more*. It cannot go on where the file is shorter than the marker says, does not end there as it was
//! written, or where the marker is older than the log. Rows of a killed run with something else behind them are refused with
//! `mode = 'append'`, too, since they would be there twice.
//! `--overwrite K` may stay on the command line: rows that this state wrote are not emptied. `mode` belongs to the sink's `path`;
//! `--output` replaces both. Where several sinks share a file it is emptied only if all of them would. Pipes and devices are as
//! they are.
//!
//! Dead letters are appended to, where the file holds nothing else (`letter_files.rs`).

use std::collections::{BTreeMap, BTreeSet};

use super::{Mode, tail::Tail};
use crate::deliver::{lines::FileMark, rotation::RotationPolicy};

/// Who writes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::deploy) struct Writer {
    /// The sink.
    pub(in crate::deploy) sink: String,
    /// Who named the file.
    pub(in crate::deploy) named: Named,
    /// `--overwrite`.
    pub(in crate::deploy) overwrite: bool,
    /// When the sink rotates the file.
    pub(in crate::deploy) rotation: Option<RotationPolicy>,
}

/// Who named a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deploy) enum Named {
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
    pub(super) mark: Option<&'a FileMark>,
    /// By query, as the state calls it: up to which number its rows are acknowledged.
    pub(super) acknowledged: &'a BTreeMap<String, u64>,
    /// Whose state the program's queries have.
    pub(super) identities: &'a BTreeSet<u128>,
    /// Whether the file's bytes before the mark are those that were written.
    pub(super) is_same: bool,
    /// What stands behind the mark.
    pub(super) tail: Tail,
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
    /// What was written stands in it, and behind that something that nobody said what should become of; the sink that should.
    Added(Writer, Tail),
    /// It is not what the state left; why.
    Broken(String),
}

impl Known<'_> {
    pub(super) fn fate(&self, writers: &[Writer]) -> Fate {
        if let Some(mark) = self.mark.filter(|mark| self.knows(mark)) {
            return match self.broken(mark) {
                None => self.goes_on(mark, writers),
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

    /// What becomes of a file that is what the state left, perhaps with more behind that.
    fn goes_on(&self, mark: &FileMark, writers: &[Writer]) -> Fate {
        let cuts = self.tail == Tail::Torn || writers.iter().any(|writer| writer.overwrite);
        let appends = |writer: &&Writer| writer.named == Named::Sink(Some(Mode::Append));
        match writers.iter().find(|writer| self.tail == Tail::Mixed || !appends(writer)) {
            _ if cuts => Fate::GoesOn(mark.length),
            Some(writer) => Fate::Added(writer.clone(), self.tail),
            None => Fate::Appended,
        }
    }

    fn knows(&self, mark: &FileMark) -> bool {
        mark.sequences.keys().any(|name| identity(name).is_some_and(|whose| self.identities.contains(&whose)))
    }

    /// Why rows cannot follow what the marker says.
    fn broken(&self, mark: &FileMark) -> Option<String> {
        if self.length < mark.length {
            let (length, written) = (self.length, mark.length);
            return Some(format!("it holds {length} bytes, but {written} were written to it before"));
        }
        if !self.is_same {
            let written = mark.length;
            return Some(format!(
                "its first {written} bytes do not end as those that were written to it before"
            ));
        }
        let is_older =
            |(name, has): (&String, &u64)| self.acknowledged.get(name).is_some_and(|upto| has < upto);
        let is_old = mark.sequences.iter().any(is_older);
        is_old.then(|| "what is known of it is older than what was written to it".to_owned())
    }

    /// What the marker says from now on.
    pub(super) fn begun(&self, fate: &Fate) -> FileMark {
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
                mark.sequences.retain(|name, _| self.acknowledged.contains_key(name));
                0
            }
        };
        for (name, &upto) in self.acknowledged {
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
        Writer { sink: "k".into(), named, overwrite, rotation: None }
    }

    fn writers() -> [Writer; 5] {
        let modes = [None, Some(Mode::Append), Some(Mode::Overwrite)];
        let [none, append, overwrite] = modes.map(|mode| writer(Named::Sink(mode), false));
        [writer(Named::Command, false), none, append, overwrite, writer(Named::Sink(None), true)]
    }

    fn fates(length: u64, mark: Option<&FileMark>, is_same: bool, tail: Tail) -> Vec<&'static str> {
        let (acknowledged, identities) = ([(OURS.into(), 5)].into(), [7].into());
        let known =
            Known { length, mark, acknowledged: &acknowledged, identities: &identities, is_same, tail };
        let fate = |writer| match known.fate(&[writer]) {
            Fate::Emptied => "emptied",
            Fate::Appended => "appended",
            Fate::GoesOn(100) => "goes on",
            Fate::GoesOn(_) => "goes on elsewhere",
            Fate::Unknown(_) => "refused",
            Fate::Added(..) => "added",
            Fate::Broken(_) => "broken",
        };
        writers().into_iter().map(fate).collect()
    }

    #[test]
    fn the_table_holds() {
        let mark = |name: &str, has| FileMark {
            length: 100,
            sequences: [(name.to_owned(), has)].into(),
            ..FileMark::default()
        };
        let (ours, old, others) = (mark(OURS, 5), mark(OURS, 4), mark(OTHERS, 9));
        let none = FileMark::default();
        assert_eq!(fates(0, None, true, Tail::Torn), ["emptied"; 5]);
        assert_eq!(
            fates(9, None, true, Tail::Torn),
            ["emptied", "refused", "appended", "emptied", "emptied"]
        );
        for unknown in [&none, &others] {
            assert_eq!(fates(0, Some(unknown), true, Tail::Torn), ["emptied"; 5]);
            assert_eq!(
                fates(120, Some(unknown), true, Tail::Torn),
                ["refused", "refused", "appended", "emptied", "emptied"]
            );
        }
        assert_eq!(fates(120, Some(&ours), true, Tail::Torn), ["goes on"; 5]);
        assert_eq!(fates(100, Some(&ours), true, Tail::Torn), ["goes on"; 5]);
        for (length, mark) in [(0, &ours), (99, &ours), (120, &old)] {
            assert_eq!(
                fates(length, Some(mark), true, Tail::Torn),
                ["broken", "broken", "broken", "broken", "emptied"]
            );
        }
        let goes_on = "goes on";
        for (tail, appended) in [(Tail::Others, "appended"), (Tail::Mixed, "added")] {
            assert_eq!(fates(120, Some(&ours), true, tail), ["added", "added", appended, "added", goes_on]);
        }
        assert_eq!(
            fates(120, Some(&ours), false, Tail::Others),
            ["broken", "broken", "broken", "broken", "emptied"]
        );
    }

    #[test]
    fn a_shared_file_is_emptied_only_if_all_would() {
        let (acknowledged, identities) = (BTreeMap::new(), BTreeSet::new());
        let known = Known {
            length: 9,
            mark: None,
            acknowledged: &acknowledged,
            identities: &identities,
            is_same: true,
            tail: Tail::Torn,
        };
        let [command, none, append, overwrite, _] = writers();
        assert_eq!(known.fate(&[command.clone(), overwrite.clone()]), Fate::Emptied);
        assert_eq!(known.fate(&[command, append.clone()]), Fate::Appended);
        assert_eq!(known.fate(&[append.clone(), overwrite]), Fate::Appended);
        assert!(matches!(known.fate(&[append, none]), Fate::Unknown(_)));
    }

    #[test]
    fn a_marker_says_whose_rows_follow() {
        let (acknowledged, identities) = ([(OURS.to_owned(), 5)].into(), [7].into());
        let sequences: BTreeMap<String, u64> = [(OTHERS.to_owned(), 9)].into();
        let mark = FileMark { length: 100, sequences: sequences.clone(), ..FileMark::default() };
        let known = |length| Known {
            length,
            mark: Some(&mark),
            acknowledged: &acknowledged,
            identities: &identities,
            is_same: true,
            tail: Tail::Torn,
        };
        let both: BTreeMap<String, u64> = sequences.into_iter().chain([(OURS.to_owned(), 5)]).collect();
        assert_eq!(
            known(120).begun(&Fate::Appended),
            FileMark { length: 120, sequences: both, ..FileMark::default() }
        );
        let ours: BTreeMap<String, u64> = [(OURS.to_owned(), 5)].into();
        assert_eq!(
            known(20).begun(&Fate::Appended),
            FileMark { length: 20, sequences: ours.clone(), ..FileMark::default() }
        );
        assert_eq!(
            known(120).begun(&Fate::Emptied),
            FileMark { length: 0, sequences: ours, ..FileMark::default() }
        );
    }
}
