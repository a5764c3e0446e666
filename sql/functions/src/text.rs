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
    let (Ok(text), Ok(separator)) = (std::str::from_utf8(text), std::str::from_utf8(separator)) else {
        return Ok(&[]);
    };
    if separator.is_empty() {
        return Ok(if matches!(number, 1 | -1) { text.as_bytes() } else { &[] });
    }
    let index = match usize::try_from(number) {
        Ok(number) => Some(number - 1),
        Err(_) => {
            let parts = text.matches(separator).count() as u64 + 1;
            parts.checked_sub(number.unsigned_abs()).and_then(|index| usize::try_from(index).ok())
        }
    };
    let part = index.and_then(|index| text.split(separator).nth(index));
    Ok(part.unwrap_or_default().as_bytes())
}

/// Appends bytes; where they are now.
fn append<'a>(bytes: &[u8], out: &'a mut Vec<u8>) -> &'a mut [u8] {
    let start = out.len();
    out.extend_from_slice(bytes);
    out.get_mut(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
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
}
