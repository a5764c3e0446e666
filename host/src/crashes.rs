//! What is kept of the calls of reducers that failed: for the first fault of each kind a crash bundle, with which its author can make the
//! call again.
//!
//! The state of an instance is lost with the fault. So a query task that goes back reads again once more than it must, and a
//! [`Recording`] looks at the calls; [`Crashes`] makes a bundle of what it saw, if the call fails outside of the query as well, and
//! writes it to a [`CrashFolder`].

mod folder;
mod recorder;

use std::{collections::BTreeSet, sync::Arc};

use streamgauge_component::{
    crash::{CrashBundle, CrashedCall, FaultClass, Replayed},
    plugins::Plugins,
};
use streamgauge_engine::Fault;
use streamgauge_sql::manifest::Aggregate;

pub use self::{
    folder::{BUNDLES_MAX, CrashFolder, Kept},
    recorder::{Recording, Watched},
};

/// Where a run without `--crash-bundles` and without a local state is told of it.
const HINT: &str = "; run --crash-bundles DIR keeps what reproduces it";

/// What is kept of the faults of a query task's reducers.
pub struct Crashes {
    /// None = nowhere.
    folder: Option<Arc<CrashFolder>>,
    plugins: Arc<Plugins>,
    query: String,
    aggregates: Vec<Aggregate>,
    /// How bundles can be kept where they are not.
    hint: &'static str,
    /// Faults of which it was tried to keep a bundle, or that people were told how to.
    seen: BTreeSet<(String, FaultClass)>,
}

/// What people are told of a bundle.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The end of a sentence about the query.
    pub text: String,
    /// Whether something went wrong.
    pub is_warning: bool,
}

impl Crashes {
    /// Nothing is kept yet of a query's reducers.
    pub fn new(
        folder: Option<Arc<CrashFolder>>,
        plugins: Arc<Plugins>,
        query: &str,
        aggregates: &[Aggregate],
    ) -> Self {
        let (query, aggregates) = (query.to_owned(), aggregates.to_vec());
        Self { folder, plugins, query, aggregates, hint: HINT, seen: BTreeSet::new() }
    }

    /// The same, where people are told otherwise how bundles can be kept.
    #[must_use]
    pub fn hinting(self, hint: Option<&'static str>) -> Self {
        Self { hint: hint.unwrap_or(self.hint), ..self }
    }

    /// Whether a fault is the first of its kind, and there is a place for its bundle.
    pub fn wants(&self, fault: &Fault) -> bool {
        self.folder.is_some() && self.is_new(fault)
    }

    /// What is told behind a fault of which nothing is kept, the first time.
    pub fn hint(&mut self, fault: &Fault) -> &'static str {
        if self.folder.is_some() || !self.is_new(fault) {
            return "";
        }
        self.seen.insert(kind(fault));
        self.hint
    }

    fn is_new(&self, fault: &Fault) -> bool {
        let is_reducer = |aggregate: &Aggregate| fault.who == format!("reducer `{}`", aggregate.reducer);
        self.aggregates.iter().any(is_reducer) && !self.seen.contains(&kind(fault))
    }

    /// Keeps a bundle of a fault: of the call of an aggregate, by its number, that was recorded when it was tried to bring the fault
    /// about again. None where there is no place for bundles.
    pub fn keep(&mut self, fault: &Fault, recorded: Option<(usize, CrashedCall)>) -> Option<Told> {
        let folder = self.folder.clone()?;
        self.seen.insert(kind(fault));
        let not = |why: &str| Told { text: format!("no crash bundle is written: {why}"), is_warning: false };
        let Some((aggregate, crashed)) = recorded else {
            return Some(not(&format!("{} did not fail when the records were read again", fault.who)));
        };
        let aggregate = self.aggregates.get(aggregate)?;
        let bundle = self.plugins.crash_bundle(&self.query, aggregate, crashed)?;
        if !self.is_reproduced(&bundle) {
            let why = format!(
                "the call of {} fails otherwise, or not, without the rest of the query's state",
                fault.who
            );
            return Some(not(&why));
        }
        let Some(bytes) = bundle.encode() else {
            return Some(not("the call and the component have more than 64 MiB"));
        };
        match folder.keep(&bundle, &bytes) {
            Ok(Kept::Written(path)) => Some(Told {
                text: format!(
                    "{path} holds the call that failed; `streamgauge plugin replay` makes it again",
                    path = path.display()
                ),
                is_warning: false,
            }),
            Ok(Kept::There(path)) => Some(Told {
                text: format!(
                    "{path} of an earlier run holds such a call; `streamgauge plugin replay` makes it again",
                    path = path.display()
                ),
                is_warning: false,
            }),
            Ok(Kept::Full { is_told: true }) => None,
            Ok(Kept::Full { is_told: false }) => Some(not(&format!(
                "{} holds {BUNDLES_MAX} already; remove those that are not needed any more",
                folder.path().display()
            ))),
            Err(error) => Some(Told {
                text: format!("cannot write a crash bundle to {}: {error}", folder.path().display()),
                is_warning: true,
            }),
        }
    }

    /// Whether the call fails likewise in an instance that has nothing but what is in the bundle.
    fn is_reproduced(&self, bundle: &CrashBundle) -> bool {
        let replayed = bundle.replay(self.plugins.runtime(), &bundle.component);
        matches!(replayed, Ok(Replayed { done: Err(failed), .. }) if bundle.is_reproduced(&failed))
    }
}

fn kind(fault: &Fault) -> (String, FaultClass) {
    (fault.who.clone(), FaultClass::of(&fault.what))
}
