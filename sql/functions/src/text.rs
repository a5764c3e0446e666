//! Functions of TEXT.

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
