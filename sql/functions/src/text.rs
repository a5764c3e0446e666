//! Functions of TEXT.

use crate::Failure;

/// `length(text)`: in characters.
pub fn length(text: &[u8]) -> i64 {
    text.iter().filter(|&&byte| !is_continuation(byte)).count() as i64
}

/// Whether a byte of UTF-8 goes on with a character that began before it.
pub(crate) fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// Appends `lower(text)`, by Unicode.
pub fn lower(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        append(text, out).make_ascii_lowercase();
    } else {
        out.extend_from_slice(String::from_utf8_lossy(text).to_lowercase().as_bytes());
    }
}

/// Appends `upper(text)`, by Unicode.
pub fn upper(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        append(text, out).make_ascii_uppercase();
    } else {
        out.extend_from_slice(String::from_utf8_lossy(text).to_uppercase().as_bytes());
    }
}

/// `ltrim(text, characters)`: without those at its start that are among the characters.
pub fn trim_start<'a>(text: &'a [u8], characters: &[u8]) -> &'a [u8] {
    let mut rest = text;
    while !rest.is_empty() {
        let length = 1 + rest.iter().skip(1).take_while(|&&byte| is_continuation(byte)).count();
        match rest.split_at_checked(length) {
            Some((first, behind)) if has(characters, first) => rest = behind,
            _ => break,
        }
    }
    rest
}

/// `rtrim(text, characters)`: without those at its end that are among the characters.
pub fn trim_end<'a>(text: &'a [u8], characters: &[u8]) -> &'a [u8] {
    let mut rest = text;
    while let Some(start) = rest.iter().rposition(|&byte| !is_continuation(byte)) {
        match rest.split_at_checked(start) {
            Some((before, last)) if has(characters, last) => rest = before,
            _ => break,
        }
    }
    rest
}

/// `btrim(text, characters)`: at both ends.
pub fn trim<'a>(text: &'a [u8], characters: &[u8]) -> &'a [u8] {
    trim_end(trim_start(text, characters), characters)
}

/// Whether a character is one of these. No character of UTF-8 stands within another, so bytes may be compared.
fn has(characters: &[u8], character: &[u8]) -> bool {
    match character {
        [byte] => characters.contains(byte),
        character => characters.windows(character.len()).any(|window| window == character),
    }
}

/// `split_part(text, separator, number)`: the part of this number, from 1, or from the end where the number is negative; empty
/// where there is no such part. An empty separator makes one part. The number 0 is out of range.
pub fn split_part<'a>(text: &'a [u8], separator: &[u8], number: i64) -> Result<&'a [u8], Failure> {
    if number == 0 {
        return Err(Failure::OutOfRange);
    }
    if separator.is_empty() {
        return Ok(if matches!(number, 1 | -1) { text } else { &[] });
    }
    let finder = Finder::new(separator);
    let index = match u64::try_from(number) {
        Ok(number) => Some(number - 1),
        Err(_) => (finder.ends(text).count() as u64 + 1).checked_sub(number.unsigned_abs()),
    };
    let Some(index) = index else { return Ok(&[]) };
    let (mut start, mut passed) = (0, 0);
    for end in finder.ends(text) {
        if passed == index {
            return Ok(text.get(start..end - separator.len()).unwrap_or_default());
        }
        (start, passed) = (end, passed + 1);
    }
    Ok(if passed == index { text.get(start..).unwrap_or_default() } else { &[] })
}

/// Finds a text in others in a time that grows with their lengths alone (Knuth, Morris and Pratt). The search of the standard
/// library would be a twentieth of the shell, which is compiled at each start.
pub(crate) struct Finder<'a> {
    wanted: &'a [u8],
    /// For each length that fits, the longest shorter one that then fits, too.
    shorter: Vec<usize>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(wanted: &'a [u8]) -> Self {
        let mut finder = Self { wanted, shorter: Vec::with_capacity(wanted.len() + 1) };
        finder.shorter.extend([0, 0]);
        let mut fitting = 0;
        for &byte in wanted.get(1..).unwrap_or_default() {
            fitting = finder.step(fitting, byte);
            finder.shorter.push(fitting);
        }
        finder
    }

    /// How much fits behind one more byte, where so much fitted.
    fn step(&self, mut fitting: usize, byte: u8) -> usize {
        while fitting > 0 && self.wanted.get(fitting) != Some(&byte) {
            fitting = self.shorter.get(fitting).copied().unwrap_or(0);
        }
        fitting + usize::from(self.wanted.get(fitting) == Some(&byte))
    }

    /// Where it ends in a text, from left to right, none within another.
    pub(crate) fn ends(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        let mut fitting = 0;
        text.iter().zip(1..).filter_map(move |(&byte, end)| {
            fitting = self.step(fitting, byte);
            let ends = fitting == self.wanted.len();
            if ends {
                fitting = 0;
            }
            ends.then_some(end)
        })
    }
}

/// Appends bytes; where they are now.
fn append<'a>(bytes: &[u8], out: &'a mut Vec<u8>) -> &'a mut [u8] {
    let start = out.len();
    out.extend_from_slice(bytes);
    out.get_mut(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(["", "abc", "é😀", "e\u{301}"].map(|text| length(text.as_bytes())), [0, 3, 2, 2]);
    }

    #[test]
    fn what_is_trimmed_is_characters_not_bytes() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        for (given, characters, start, end, both) in [
            ("  a b ", " ", "a b ", "  a b", "a b"),
            ("\t a", " ", "\t a", "\t a", "\t a"),
            ("xyxtrimyyx", "xy", "trimyyx", "xyxtrim", "trim"),
            ("éèaé", "éx", "èaé", "éèa", "èa"),
            ("日本日", "日", "本日", "日本", "本"),
            ("aaa", "a", "", "", ""),
            ("abc", "", "abc", "abc", "abc"),
            ("", "a", "", "", ""),
        ] {
            let found =
                [trim_start, trim_end, trim].map(|trim| text(trim(given.as_bytes(), characters.as_bytes())));
            assert_eq!(found, [start, end, both], "{given:?} {characters:?}");
        }
    }

    #[test]
    fn parts_are_counted_from_both_ends_as_in_postgres() {
        let part = |text: &'static str, separator: &str, number| {
            split_part(text.as_bytes(), separator.as_bytes(), number)
                .map(|part| std::str::from_utf8(part).unwrap())
        };
        for (text, separator, number, expected) in [
            ("abc~@~def~@~ghi", "~@~", 2, "def"),
            ("abc,def,ghi,jkl", ",", -2, "ghi"),
            ("abc,def", ",", 3, ""),
            ("abc,def", ",", -3, ""),
            ("abc,def", ",", i64::MIN, ""),
            ("abc,def", ",", i64::MAX, ""),
            ("abc", "", 1, "abc"),
            ("abc", "", -1, "abc"),
            ("abc", "", 2, ""),
            ("", ",", 1, ""),
            ("", "", 1, ""),
            (",a,", ",", 1, ""),
            (",a,", ",", 3, ""),
            ("aaa", "aa", 2, "a"),
            ("aaa", "aa", -1, "a"),
            ("openai/gpt-é/4", "/", 2, "gpt-é"),
        ] {
            assert_eq!(part(text, separator, number), Ok(expected), "{text:?} {separator:?} {number}");
        }
        assert_eq!(part("abc", ",", 0), Err(Failure::OutOfRange));
    }

    #[test]
    fn case_goes_by_unicode() {
        let convert = |function: fn(&[u8], &mut Vec<u8>), text: &str| {
            let mut out = b"> ".to_vec();
            function(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(convert(lower, "ÀB-GPT"), "> àb-gpt");
        assert_eq!(convert(upper, "straße gpt"), "> STRASSE GPT");
        assert_eq!(convert(upper, "gpt-4o"), "> GPT-4O");
        assert_eq!(convert(lower, ""), "> ");
    }

    proptest! {
        #[test]
        fn parts_are_those_of_the_standard_library(text in "[abé]{0,12}", separator in "[abé]{1,4}", number in -6i64..6) {
            prop_assume!(number != 0);
            let parts: Vec<&str> = text.split(&separator).collect();
            let index = if number > 0 { number - 1 } else { parts.len() as i64 + number };
            let expected = usize::try_from(index).ok().and_then(|index| parts.get(index)).copied().unwrap_or_default();
            prop_assert_eq!(split_part(text.as_bytes(), separator.as_bytes(), number), Ok(expected.as_bytes()));
        }
    }
}
