//! Parts of a TEXT by their place, which is counted in characters from 1, and the places of parts.

use crate::Failure;
use crate::text::{Finder, is_continuation, length};

/// `substring(text FROM start)`: from this character on; all of it where the start is before the first.
pub fn substring(text: &[u8], start: i64) -> &[u8] {
    text.get(offset(text, start.saturating_sub(1))..).unwrap_or_default()
}

/// `substring(text FROM start FOR count)`: so many characters from this one, of which those before the first are none, as in
/// PostgreSQL. A negative count is out of range.
pub fn substring_for(text: &[u8], start: i64, count: i64) -> Result<&[u8], Failure> {
    if count < 0 {
        return Err(Failure::OutOfRange);
    }
    let start = start.saturating_sub(1);
    let end = start.saturating_add(count);
    Ok(text.get(offset(text, start)..offset(text, end)).unwrap_or_default())
}

/// `left(text, count)`: the first characters; with a negative count all but the last.
pub fn left(text: &[u8], count: i64) -> &[u8] {
    text.get(..offset(text, from_start(text, count))).unwrap_or_default()
}

/// `right(text, count)`: the last characters; with a negative count all but the first.
pub fn right(text: &[u8], count: i64) -> &[u8] {
    let before = if count < 0 { count.saturating_neg() } else { length(text).saturating_sub(count) };
    text.get(offset(text, before)..).unwrap_or_default()
}

/// How many characters a count means that is negative for all but some.
fn from_start(text: &[u8], count: i64) -> i64 {
    if count < 0 { length(text).saturating_add(count) } else { count }
}

/// Where the character of this number, from 0, begins: 0 for a negative one, the end where there is no such character.
pub(crate) fn offset(text: &[u8], number: i64) -> usize {
    if number <= 0 {
        return 0;
    }
    // In a guest not every BIGINT is an index.
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let mut starts = text.iter().enumerate().filter(|(_, byte)| !is_continuation(**byte));
    starts.nth(number).map_or(text.len(), |(offset, _)| offset)
}

/// `position(part IN text)`: the character at which the part begins first; 1 for an empty part, 0 where it is nowhere.
pub fn position(text: &[u8], part: &[u8]) -> i64 {
    if part.is_empty() {
        return 1;
    }
    match Finder::new(part).ends(text).next() {
        Some(end) => 1 + length(text.get(..end - part.len()).unwrap_or_default()),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn parts_are_those_of_postgres() {
        for (start, count, expected) in [
            (1, 3, "aéx"),
            (2, 2, "éx"),
            (0, 2, "a"),
            (-1, 3, "a"),
            (-5, 3, ""),
            (4, 100, "😀"),
            (5, 1, ""),
            (i64::MIN, i64::MAX, ""),
            (2, i64::MAX, "éx😀"),
            (i64::MAX, i64::MAX, ""),
            (3, 0, ""),
        ] {
            let found = substring_for("aéx😀".as_bytes(), start, count).map(text);
            assert_eq!(found, Ok(expected), "{start} {count}");
        }
        assert_eq!(substring_for(b"abc", 1, -1), Err(Failure::OutOfRange));
        for (start, expected) in [(1, "aé"), (-7, "aé"), (2, "é"), (3, ""), (i64::MIN, "aé"), (i64::MAX, "")]
        {
            assert_eq!(text(substring("aé".as_bytes(), start)), expected, "{start}");
        }
    }

    #[test]
    fn ends_are_counted_from_both_sides() {
        for (count, first, last) in [
            (2, "aé", "x😀"),
            (0, "", ""),
            (-1, "aéx", "éx😀"),
            (-4, "", ""),
            (9, "aéx😀", "aéx😀"),
            (i64::MIN, "", ""),
            (i64::MAX, "aéx😀", "aéx😀"),
        ] {
            let given = "aéx😀".as_bytes();
            assert_eq!((text(left(given, count)), text(right(given, count))), (first, last), "{count}");
        }
    }

    #[test]
    fn places_are_characters() {
        for (given, part, expected) in
            [("日本語", "語", 3), ("abc", "", 1), ("", "", 1), ("", "a", 0), ("aab", "ab", 2), ("é", "e", 0)]
        {
            assert_eq!(position(given.as_bytes(), part.as_bytes()), expected, "{given:?} {part:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_whole_characters(given in "[aé😀]{0,6}", start in -3..9i64, count in 0..9i64) {
            let characters: Vec<char> = given.chars().collect();
            let wanted = (start..start + count).filter_map(|at| characters.get(usize::try_from(at - 1).ok()?));
            let wanted: String = wanted.collect();
            prop_assert_eq!(substring_for(given.as_bytes(), start, count).map(text), Ok(wanted.as_str()));
            let both = [left(given.as_bytes(), count), substring(given.as_bytes(), count + 1)].concat();
            prop_assert_eq!(text(&both), &given);
            let both = [left(given.as_bytes(), -count), right(given.as_bytes(), count)].concat();
            prop_assert_eq!(text(&both), if count == 0 { "" } else { &given });
        }

        #[test]
        fn any_bytes_have_parts(given: Vec<u8>, part: Vec<u8>, start: i64, count: i64) {
            let _ = (substring(&given, start), substring_for(&given, start, count), position(&given, &part));
            let _ = (left(&given, start), right(&given, start), left(&given, start % 8), right(&given, start % 8));
        }
    }
}
