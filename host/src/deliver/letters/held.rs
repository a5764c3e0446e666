//! What a file holds that dead letters are written to: nothing but dead letters is ever cut, moved or replaced.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use memchr::{memchr, memmem, memrchr};

/// How every dead letter begins.
const BEGINNING: &[u8] = b"{\"source\":";
/// The names of the fields behind the source, in order, up to the first that may be long.
const FIELDS: [&[u8]; 5] =
    [b",\"query\":", b",\"partition\":", b",\"offset\":", b",\"reason\":\"", b",\"message\":"];
/// How much is read at once. The fields before the message are shorter.
const BLOCK: u64 = 64 << 10;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whether that is dead letters, as far as its first and its last whole line say, or nothing.
    pub is_letters: bool,
    /// Where its last whole line ends.
    pub(super) whole: u64,
    /// What stands behind that.
    pub(super) torn: Torn,
}

/// What stands behind the last line end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    Nothing,
    /// A dead letter that was not finished.
    Letter,
    /// Something else.
    Other,
}

impl Held {
    /// Looks at a regular file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn by(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let whole = line_start(file, length)?;
        let torn = match head(file, whole, length, BEGINNING.len() as u64)? {
            start if start.is_empty() => Torn::Nothing,
            start if BEGINNING.starts_with(&start) => Torn::Letter,
            _ => Torn::Other,
        };
        let is_letters = match whole.checked_sub(1) {
            None => torn != Torn::Other,
            Some(end) => is_letter(file, 0, end)? && is_letter(file, line_start(file, end)?, end)?,
        };
        Ok(Self { is_letters, whole, torn })
    }
}

/// Where the line begins that ends at a place of a file, or is not ended there.
fn line_start(file: &File, end: u64) -> io::Result<u64> {
    let mut to = end;
    while to > 0 {
        let from = to.saturating_sub(BLOCK);
        if let Some(at) = memrchr(b'\n', &head(file, from, to, BLOCK)?) {
            return Ok(from + at as u64 + 1);
        }
        to = from;
    }
    Ok(0)
}

/// The first bytes of what is between two places of a file.
fn head(file: &File, from: u64, to: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut head = vec![0; usize::try_from(to.saturating_sub(from).min(bytes_max)).unwrap_or_default()];
    file.read_exact_at(&mut head, from)?;
    Ok(head)
}

/// Whether a dead letter begins at a place of a file.
fn is_letter(file: &File, from: u64, to: u64) -> io::Result<bool> {
    let head = head(file, from, to, BLOCK)?;
    let line_end = memchr(b'\n', &head);
    let line = head.get(..line_end.unwrap_or(head.len())).unwrap_or_default();
    let is_ended = line_end.is_some() || to - from <= BLOCK;
    let Some(mut rest) = line.strip_prefix(BEGINNING) else { return Ok(false) };
    for field in FIELDS {
        let Some(at) = memmem::find(rest, field) else { return Ok(false) };
        rest = rest.get(at + field.len()..).unwrap_or_default();
    }
    Ok(!is_ended || rest.ends_with(b"}"))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    const LETTER: &str = "{\"source\":\"s\",\"query\":\"q\",\"partition\":0,\"offset\":1,\"reason\":\"late\",\"message\":\"\",\"record\":\"\"}\n";

    fn held(text: &str) -> Held {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Held::by(&file).unwrap()
    }

    #[test]
    fn dead_letters_are_told_from_all_else() {
        let long = LETTER.replace("\"record\":\"", &format!("\"record\":\"{}", "x".repeat(200_000)));
        let letters =
            ["", "{", "{\"source\":\"half a", LETTER, &long, &[LETTER, &long, LETTER, "{\"so"].concat()];
        for text in letters.into_iter().chain([&*[LETTER, "notes"].concat()]) {
            assert!(held(text).is_letters, "{}", text.len());
        }
        let others = [
            "notes".to_owned(),
            "notes\n".to_owned(),
            "\n".to_owned(),
            format!("notes\n{LETTER}"),
            format!("{LETTER}notes\n"),
            "{\"source\":\"mine\",\"n\":1}\n".to_owned(),
            format!("{{\"source\":\"mine\"}}\n{LETTER}"),
        ];
        for text in others {
            assert!(!held(&text).is_letters, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_file_is_whole_or_a_torn_letter_or_something_else() {
        let whole = LETTER.len() as u64;
        for (end, torn) in [
            ("", Torn::Nothing),
            ("{\"so", Torn::Letter),
            ("{\"source\":\"s", Torn::Letter),
            ("no", Torn::Other),
        ] {
            assert_eq!(held(&format!("{LETTER}{end}")), Held { is_letters: true, whole, torn }, "{end}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("long"), "x".repeat(200_000)).unwrap();
        let long = File::open(folder.path().join("long")).unwrap();
        assert_eq!(Held::by(&long).unwrap(), Held { is_letters: false, whole: 0, torn: Torn::Other });
    }
}
