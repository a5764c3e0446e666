//! Stepping over what is not read: balance is checked, nothing else.

use super::{
    block::{find_quote, find_structure},
    scan::Broken,
};

/// A string that ends.
pub(super) struct Quoted {
    /// Where the closing quote is.
    pub(super) close: usize,
    /// Whether it has escapes.
    pub(super) escaped: bool,
}

/// The end of a string whose opening quote is before `at`.
#[inline]
pub(super) fn string(bytes: &[u8], mut at: usize, end: usize) -> Result<Quoted, Broken> {
    let start = at;
    let mut escaped = false;
    loop {
        at = find_quote(bytes, at, end);
        match bytes.get(at) {
            Some(b'"') if at < end => return Ok(Quoted { close: at, escaped }),
            Some(b'\\') if at < end => {
                escaped = true;
                at += 2;
            }
            _ => return Err(Broken { at: start.saturating_sub(1), expected: "a string that is closed" }),
        }
    }
}

/// Where the object or array that opens at `at` has been closed: the place behind it.
///
/// Any depth is taken: what is open is one bit each, on the heap beyond 64.
pub(super) fn composite(bytes: &[u8], at: usize, end: usize) -> Result<usize, Broken> {
    close(bytes, at, end, Nesting::default())
}

/// Where the array that `at` is inside of has been closed: the place behind it.
pub(super) fn rest_of_array(bytes: &[u8], at: usize, end: usize) -> Result<usize, Broken> {
    let mut open = Nesting::default();
    open.push(false);
    close(bytes, at, end, open)
}

/// Where all that is open, and what opens from `at` on, has been closed: the place behind it.
#[inline]
fn close(bytes: &[u8], mut at: usize, end: usize, mut open: Nesting) -> Result<usize, Broken> {
    let start = at;
    loop {
        at = find_structure(bytes, at, end);
        let byte = bytes.get(at).copied().filter(|_| at < end);
        at += 1;
        match byte {
            Some(b'"') => at = string(bytes, at, end)?.close + 1,
            Some(b'{') => open.push(true),
            Some(b'[') => open.push(false),
            Some(close) if open.pop() == Some(close == b'}') => {
                if open.depth == 0 {
                    return Ok(at);
                }
            }
            Some(_) => {
                return Err(Broken {
                    at: at - 1,
                    expected: "the brace or bracket that closes the inner one",
                });
            }
            None => return Err(Broken { at: start, expected: "an object or array that is closed" }),
        }
    }
}

/// What is open: one bit each, 1 = an object; the innermost is the least bit of `inner`.
#[derive(Default)]
struct Nesting {
    inner: u64,
    outer: Vec<u64>,
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) -> Option<bool> {
        self.depth = self.depth.checked_sub(1)?;
        let object = self.inner & 1 == 1;
        self.inner >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composite_of_any_depth_is_stepped_over() {
        for depth in [1, 2, 63, 64, 65, 127, 128, 129, 200_000] {
            let opens: String =
                (0..depth).map(|level| if level % 3 == 0 { "[" } else { "{\"a\":" }).collect();
            let closes: String =
                (0..depth).rev().map(|level| if level % 3 == 0 { "]" } else { "}" }).collect();
            let text = format!("{opens}{closes},");
            assert_eq!(composite(text.as_bytes(), 0, text.len()).ok(), Some(text.len() - 1), "{depth}");
            let wrong =
                format!("{opens}{}", closes.replacen(['}', ']'], if depth == 1 { "}" } else { ":" }, 1));
            assert!(composite(wrong.as_bytes(), 0, wrong.len()).is_err(), "{depth}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count_and_kinds_must_match() {
        let ends = |text: &str| composite(text.as_bytes(), 0, text.len()).ok();
        assert_eq!(ends(r#"{"}":"]\"}"}x"#), Some(12));
        assert_eq!(ends("[1,{},[]]"), Some(9));
        assert_eq!(ends("[}"), None);
        assert_eq!(ends("[{]}"), None);
        assert_eq!(ends("[\"]"), None);
        assert_eq!(ends("[\"\\"), None);
        assert_eq!(ends("["), None);
        let rest = |text: &str| rest_of_array(text.as_bytes(), 0, text.len()).ok();
        assert_eq!(
            [rest("]x"), rest(",{\"]\":[]},1] "), rest("}"), rest("1")],
            [Some(1), Some(12), None, None]
        );
    }

    #[test]
    fn nothing_behind_the_end_counts() {
        assert!(composite(b"[1]", 0, 2).is_err());
        assert!(string(b"a\"", 0, 1).is_err());
        assert!(string(b"a\\\"\"", 0, 3).is_err());
    }
}
