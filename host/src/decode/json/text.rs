//! Strings of JSON to UTF-8.

/// Why a string is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotText {
    /// Bytes that are not UTF-8.
    Utf8,
    /// A control character that is not escaped.
    Control,
    /// A backslash and then what JSON does not know.
    Escape,
    /// Half a surrogate pair.
    Surrogate,
}

impl NotText {
    /// Why, behind what was found.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Utf8 => ", which is not UTF-8",
            Self::Control => ", which has a control character that is not escaped",
            Self::Escape => ", which has an escape that JSON does not know",
            Self::Surrogate => ", which has half a surrogate pair",
        }
    }
}

/// Whether a string without escapes is a text: UTF-8 without control characters.
pub(super) fn is_clean(raw: &[u8]) -> bool {
    // No short cut out of the loop: it is then a few vector instructions.
    raw.iter().fold(true, |clean, &byte| clean & (byte >= b' ')) && str::from_utf8(raw).is_ok()
}

/// The reason why a string without escapes is not clean.
pub(super) fn check(raw: &[u8]) -> Result<(), NotText> {
    if str::from_utf8(raw).is_err() {
        return Err(NotText::Utf8);
    }
    if raw.iter().any(|&byte| byte < b' ') {
        return Err(NotText::Control);
    }
    Ok(())
}

/// Appends what the string between two quotes means. Where it is no text some of it may have been appended.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), NotText> {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(backslash).unwrap_or((rest, &[]));
        check(plain)?;
        out.extend_from_slice(plain);
        rest = match *escape {
            [b'\\', b'u', ref hex @ ..] => {
                let (character, behind) = unicode(hex)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                behind
            }
            [b'\\', short, ref behind @ ..] => {
                out.push(short_escape(short).ok_or(NotText::Escape)?);
                behind
            }
            _ => return Err(NotText::Escape),
        };
    }
    check(rest)?;
    out.extend_from_slice(rest);
    Ok(())
}

fn short_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// The character of `\u` and four digits, or of two such that are a surrogate pair, and what is behind it.
fn unicode(text: &[u8]) -> Result<(char, &[u8]), NotText> {
    let (unit, behind) = hex(text)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, behind));
    }
    let [b'\\', b'u', low @ ..] = behind else { return Err(NotText::Surrogate) };
    let (low, behind) = hex(low)?;
    if !(0xd800..0xdc00).contains(&unit) || !(0xdc00..0xe000).contains(&low) {
        return Err(NotText::Surrogate);
    }
    let character = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    Ok((character.ok_or(NotText::Surrogate)?, behind))
}

fn hex(text: &[u8]) -> Result<(u32, &[u8]), NotText> {
    let (digits, behind) = text.split_first_chunk::<4>().ok_or(NotText::Escape)?;
    let unit = digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?));
    Ok((unit.ok_or(NotText::Escape)?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &[u8]) -> Result<String, NotText> {
        let mut out = Vec::new();
        unescape(raw, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_escape_means_what_json_says() {
        assert_eq!(text(br#"a\"\\\/\b\f\n\r\tz"#).unwrap(), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(text(br"\u00e9\u20AC\ud83d\ude00\u0000").unwrap(), "é€😀\0");
        assert_eq!(text("é\\u0041".as_bytes()).unwrap(), "éA");
        assert_eq!(text(br"\ufffe\uffff").unwrap(), "\u{fffe}\u{ffff}");
    }

    #[test]
    fn what_is_no_text_says_why() {
        for surrogate in
            [r"\ud800", r"\ud800x", r"\udc00", r"\udc00\ud800", r"\ud83d\u0041", r"\ud83d\ud83d\ude00"]
        {
            assert_eq!(text(surrogate.as_bytes()), Err(NotText::Surrogate), "{surrogate}");
        }
        for escape in [r"\x", r"\u12", r"\u12g4", r"\u+123", r"\", r"\ud800\u12", r"\U0041"] {
            assert_eq!(text(escape.as_bytes()), Err(NotText::Escape), "{escape}");
        }
        assert_eq!(text(b"\\n\xff"), Err(NotText::Utf8));
        assert_eq!(text(b"\\n\n"), Err(NotText::Control));
        assert!(!is_clean(b"\xc3") && !is_clean(b"\x1f") && is_clean("é\x7f".as_bytes()));
    }
}
