//! The first dead letter of each query and reason: people are told of it at once, with the record and with what would help.

use std::collections::BTreeSet;

use streamgauge_common::reason::Reason;
use tracing::warn;

use super::{QueryIndex, help::help};
use crate::{
    decode::{layout::ColumnSpec, shorten_to},
    deliver::dead_letter::DeadLetter,
    query::Subscription,
};

/// How much of the record is shown, in characters.
const EXCERPT_CHARS_MAX: usize = 200;
/// How long the message of a dead letter may be here, in characters: it may be a plugin's own words.
const MESSAGE_CHARS_MAX: usize = 500;

/// Of which queries and reasons people know.
#[derive(Debug, Default)]
pub(super) struct FirstLetters {
    told: BTreeSet<(QueryIndex, Reason)>,
    /// Those of the batch or window that is being taken.
    waiting: Vec<FirstLetter>,
}

/// What is told of one.
#[derive(Debug)]
struct FirstLetter {
    of: (QueryIndex, Reason),
    query: String,
    /// The partition's number, and the offset; none behind a window.
    place: Option<(u32, i64)>,
    text: String,
    help: Option<String>,
}

impl FirstLetters {
    /// Whether nobody has been told of a dead letter of this query and reason.
    pub(super) fn is_new(&self, query: QueryIndex, reason: Reason) -> bool {
        let of = (query, reason);
        !self.told.contains(&of) && !self.waiting.iter().any(|letter| letter.of == of)
    }

    /// Keeps what is to be told of a dead letter, if it is the first. `column` is the one that is to blame.
    pub(super) fn note(
        &mut self,
        query: QueryIndex,
        letter: &DeadLetter<'_>,
        column: Option<&ColumnSpec>,
        subscription: &Subscription,
    ) {
        if !self.is_new(query, letter.reason) {
            return;
        }
        let help = [help(letter, column, subscription), keep(letter.reason, subscription)];
        let help: Vec<String> = help.into_iter().flatten().collect();
        self.waiting.push(FirstLetter {
            of: (query, letter.reason),
            query: letter.query.to_owned(),
            place: letter.place.map(|(partition, offset)| (partition.number, offset.0)),
            text: text(letter, subscription),
            help: (!help.is_empty()).then(|| help.join("; ")),
        });
    }

    /// What was kept since the last commit is taken back.
    pub(super) fn roll_back(&mut self) {
        self.waiting.clear();
    }

    /// Tells what was kept since the last commit.
    pub(super) fn commit(&mut self, subscription: &Subscription) {
        for FirstLetter { of, query, place, text, help } in self.waiting.drain(..) {
            self.told.insert(of);
            let (partition, offset) = (place.map(|place| place.0), place.map(|place| place.1));
            let (deployment, source) = (&subscription.deployment, &subscription.source);
            warn!(deployment, query, source, partition, offset, reason = of.1.name(), help, "{text}");
        }
    }
}

/// The dead letter as a sentence.
fn text(letter: &DeadLetter<'_>, subscription: &Subscription) -> String {
    let kind = match letter.reason {
        Reason::Late => "first late event".to_owned(),
        reason => format!("first dead letter '{}'", reason.name()),
    };
    let message = shorten_to(letter.message.as_bytes(), MESSAGE_CHARS_MAX);
    let place = match letter.place {
        Some((partition, offset)) => {
            let of_file =
                subscription.files.get(partition.number as usize).map(|file| match file.as_os_str() == "-" {
                    true => format!(" (line {} of standard input)", offset.0.saturating_add(1)),
                    false => format!(" (line {} of '{}')", offset.0.saturating_add(1), file.display()),
                });
            format!(", partition {}, offset {offset}{}", partition.number, of_file.unwrap_or_default())
        }
        None => String::new(),
    };
    format!(
        "query '{}': {kind}: {message}; source '{}'{place}: {}",
        letter.query,
        subscription.source,
        shorten_to(letter.record, EXCERPT_CHARS_MAX)
    )
}

/// How dead letters can be kept, where nobody keeps them.
fn keep(reason: Reason, subscription: &Subscription) -> Option<String> {
    let is_kept = subscription.dead_letters.is_some();
    (!is_kept && reason != Reason::Late)
        .then(|| "`run --dead-letters PATH` keeps all dead letters with their records".to_owned())
}
