//! The first dead letter of each reason and column: people are told of it at once, with the record and with what would help.
//!
//! A record that cannot be decoded is told once for its source, however many queries read it; what a query makes of it once a query.

use std::collections::BTreeSet;

use streamgauge_common::{offset::Offset, partition::Partition, reason::Reason};
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

/// What is told once: a reason, and the name of the column that is to blame, if it is one.
pub(in crate::query) type Kind = (Reason, Option<String>);

/// Of which queries and reasons people know.
#[derive(Debug, Default)]
pub(super) struct FirstLetters {
    told: BTreeSet<(QueryIndex, Kind)>,
    /// Columns that cannot be read and of which it is known what would help.
    helped: BTreeSet<(Reason, String)>,
    /// Those of the batch or window that is being taken.
    waiting: Vec<FirstLetter>,
}

/// What is told of one.
#[derive(Debug)]
struct FirstLetter {
    of: (QueryIndex, Kind),
    /// None where the record could not be decoded.
    query: Option<String>,
    /// The partition's number, and the offset; none behind a window.
    place: Option<(u32, i64)>,
    text: String,
    help: Option<String>,
}

impl FirstLetters {
    /// Whether nobody has been told of a dead letter of this query, reason and column.
    pub(super) fn is_new(&self, query: QueryIndex, kind: &Kind) -> bool {
        let of = (query, kind.clone());
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
        let is_decoding = is_decoding(letter.reason, column);
        let kind = (letter.reason, column.map(|spec| spec.column.name.clone()));
        if !self.is_new(query, &kind) || is_decoding && subscription.knows_of(&kind) {
            return;
        }
        let help = [help(letter, column, subscription), keep(letter.reason, subscription)];
        let help: Vec<String> = help.into_iter().flatten().collect();
        self.waiting.push(FirstLetter {
            of: (query, kind),
            query: (!is_decoding).then(|| letter.query.to_owned()),
            place: letter.place.map(|(partition, offset)| (partition.number, offset.0)),
            text: text(letter, is_decoding, subscription),
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
            let (reason, is_new) = (of.1.0, query.is_some() || subscription.learn_of(&of.1));
            self.told.insert(of);
            if !is_new {
                continue;
            }
            let (partition, offset) = (place.map(|place| place.0), place.map(|place| place.1));
            let (deployment, source) = (&subscription.deployment, &subscription.source);
            warn!(deployment, query, source, partition, offset, reason = reason.name(), help, "{text}");
        }
    }
}

/// Whether the record itself is at fault, for all queries that read the column or the record.
fn is_decoding(reason: Reason, column: Option<&ColumnSpec>) -> bool {
    column.is_some()
        || matches!(reason, Reason::Malformed | Reason::TooLarge | Reason::NullTime | Reason::Future)
}

/// The dead letter as a sentence.
fn text(letter: &DeadLetter<'_>, is_decoding: bool, subscription: &Subscription) -> String {
    let kind = match letter.reason {
        Reason::Late => "first late event".to_owned(),
        reason => format!("first dead letter '{}'", reason.name()),
    };
    let message = shorten_to(letter.message.as_bytes(), MESSAGE_CHARS_MAX);
    let source = &subscription.source;
    let place = letter.place.map(|place| spelled(place, subscription));
    let record = shorten_to(letter.record, EXCERPT_CHARS_MAX);
    match (is_decoding, place) {
        (true, place) => {
            let place = place.map_or_else(String::new, |place| format!("; {place}"));
            format!("source '{source}': {kind}: {message}{place}: {record}")
        }
        (false, place) => {
            let place = place.map_or_else(String::new, |place| format!(", {place}"));
            format!("query '{}': {kind}: {message}; source '{source}'{place}: {record}", letter.query)
        }
    }
}

/// Where a record is, for people.
fn spelled((partition, offset): (Partition, Offset), subscription: &Subscription) -> String {
    let line = offset.0.saturating_add(1);
    let of_file =
        subscription.files.get(partition.number as usize).map(|file| match file.as_os_str() == "-" {
            true => format!(" (line {line} of standard input)"),
            false => format!(" (line {line} of '{}')", file.display()),
        });
    format!("partition {}, offset {offset}{}", partition.number, of_file.unwrap_or_default())
}

/// A record that is shown although some of its columns cannot be read: they are NULL.
#[derive(Clone, Copy)]
pub(in crate::query) struct PartlyUnread<'a> {
    /// Its partition and offset.
    pub(in crate::query) place: (Partition, Offset),
    /// Its bytes.
    pub(in crate::query) record: &'a [u8],
    /// Of each such column why, for people, and the column.
    pub(in crate::query) columns: &'a [(Reason, &'a str, Option<&'a ColumnSpec>)],
}

impl FirstLetters {
    /// Tells all that is wrong with a record; what would help once a column and reason.
    pub(super) fn tell_unread(&mut self, unread: PartlyUnread<'_>, subscription: &Subscription) {
        let PartlyUnread { place, record, columns } = unread;
        let mut helps: Vec<String> = Vec::new();
        for &(reason, message, column) in columns {
            let name = column.map_or("", |spec| &spec.column.name);
            if self.helped.insert((reason, name.to_owned())) {
                let (query, place) = ("", Some(place));
                let letter =
                    DeadLetter { source: &subscription.source, query, place, reason, message, record };
                helps.extend(help(&letter, column, subscription).filter(|help| !helps.contains(help)));
            }
        }
        let messages: Vec<&str> = columns.iter().map(|(_, message, _)| *message).collect();
        let (deployment, source) = (&subscription.deployment, &subscription.source);
        let help = (!helps.is_empty()).then(|| helps.join("; "));
        warn!(
            deployment,
            source,
            partition = place.0.number,
            offset = place.1.0,
            help,
            "source '{source}': {}; {}: {}",
            messages.join("; "),
            spelled(place, subscription),
            shorten_to(record, EXCERPT_CHARS_MAX)
        );
    }
}

/// How dead letters can be kept, where nobody keeps them.
fn keep(reason: Reason, subscription: &Subscription) -> Option<String> {
    if subscription.dead_letters.is_some() || reason == Reason::Late {
        return None;
    }
    Some(match subscription.recent_letters {
        // Of a host.
        Some(_) => format!(
            "`streamgauge dead-letters {}` shows the last ones; the source's option `dead_letters` keeps all of them in a file",
            subscription.deployment
        ),
        None => "`run --dead-letters PATH` keeps all dead letters with their records".to_owned(),
    })
}
