//! What a file holds behind its mark: what a killed run was writing, or what somebody else wrote.
//!
//! A run writes the messages of one query at a time, in their order, and then the mark; each message is in the log before. So what
//! a killed run leaves behind the mark is a beginning of the messages of one query that the log has and the mark has not.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use streamgauge_common::message::Message;

use crate::deliver::lines::{FileMark, lines};

/// What stands behind a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing, or a beginning of rows that are written again.
    Torn,
    /// What this state did not write.
    Others,
    /// Rows that this state wrote, and what it did not write behind them.
    Mixed,
}

/// Looks at what stands behind a mark. `owed` is, by query, what is decided and not known to be written.
pub(super) fn tail(
    file: &File,
    mark: &FileMark,
    owed: &BTreeMap<String, Vec<Arc<Message>>>,
) -> io::Result<Tail> {
    let end = file.metadata()?.len();
    if end <= mark.length {
        return Ok(Tail::Torn);
    }
    let mut found = Tail::Others;
    for (query, messages) in owed {
        let has = mark.sequences.get(query).copied().unwrap_or(0);
        let messages = messages.iter().filter(|message| message.sequence > has);
        match compare(file, mark.length..end, messages.map(|message| lines(message)))? {
            Tail::Torn => return Ok(Tail::Torn),
            Tail::Mixed => found = Tail::Mixed,
            Tail::Others => {}
        }
    }
    Ok(found)
}

/// Compares a part of a file with the lines that were to be there.
fn compare<'a>(
    file: &File,
    part: std::ops::Range<u64>,
    written: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Tail> {
    let (mut at, mut has_line) = (part.start, false);
    for lines in written {
        let count = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(lines.len());
        let mut there = vec![0; count];
        file.read_exact_at(&mut there, at)?;
        // Where the power was cut, a part that was not written yet reads as zeros.
        let same = there.iter().zip(lines).take_while(|(there, line)| there == line || **there == 0).count();
        has_line |= lines.iter().take(same).any(|&byte| byte == b'\n');
        at += same as u64;
        if at == part.end {
            return Ok(Tail::Torn);
        }
        if same < lines.len() {
            break;
        }
    }
    Ok(if has_line { Tail::Mixed } else { Tail::Others })
}
