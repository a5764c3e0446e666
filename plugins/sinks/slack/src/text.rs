//! Texts as Slack takes them.

use streamgauge_functions::format_json_text;

/// A text in one line of at most so many characters; what is longer ends in `…`.
pub(crate) fn line(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

/// The three characters that Slack wants escaped.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An escaped text of at most so many characters, which does not end within an escape.
pub(crate) fn escaped_line(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut room = chars_max;
    for c in line(text, chars_max).chars() {
        let c = escaped(c.encode_utf8(&mut [0; 4]));
        let Some(left) = room.checked_sub(c.chars().count()) else { break };
        room = left;
        out.push_str(&c);
    }
    out
}

/// Whether Slack would read a text as it is when asked to format it: no bold, italics, code or emoji in it.
pub(crate) fn is_plain(text: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut colons = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' | '~' | '`' => return false,
            '_' if !word(before) || !word(chars.peek().copied()) => return false,
            ':' => colons += 1,
            _ => {}
        }
        before = Some(c);
    }
    colons < 2
}

/// Appends a JSON string.
pub(crate) fn push_json(out: &mut String, text: &str) {
    let mut json = Vec::new();
    format_json_text(text.as_bytes(), &mut json);
    out.push_str(&String::from_utf8_lossy(&json));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_characters() {
        assert_eq!(line("añb\nc\u{7}", 10), "añb c ");
        assert_eq!(line("éééé", 4), "éééé");
        assert_eq!(line("ééééé", 4), "ééé…");
        assert_eq!(line("", 4), "");
    }

    #[test]
    fn what_slack_would_format_is_seen() {
        for plain in ["gpt-4_turbo", "a:b", "12 %", "x+y=z", ""] {
            assert!(is_plain(plain), "{plain}");
        }
        for formatted in ["*a*", "_a_", "a _b", "~a~", "`a`", ":fire:", "_"] {
            assert!(!is_plain(formatted), "{formatted}");
        }
        assert_eq!(escaped("a<b>&amp;"), "a&lt;b&gt;&amp;amp;");
        assert_eq!(escaped_line("a<b>", 6), "a&lt;b");
        assert_eq!(escaped_line("&&", 6), "&amp;");
    }
}
