//! Headers that the WITH of a sink adds to what is sent: `headers = ("X-Team" = 'ml', authorization = 'Bearer ' || secret('NAME'))`.

use serde::{Deserialize, Serialize};

/// One header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// As it was written; upper and lower case are the same name.
    pub name: String,
    /// What its value is made of, in order.
    pub value: Vec<HeaderPart>,
}

/// A part of a header's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderPart {
    /// Text, as written.
    Text(String),
    /// `secret('NAME')`: filled in by the host when the header is sent.
    Secret(String),
}

/// What headers of a connector may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRules {
    /// What values are made of.
    pub values: HeaderText,
    /// Names, in lower case, that the connector sets itself.
    pub reserved: &'static [&'static str],
}

/// What the value of a header is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderText {
    /// Visible characters of ASCII and blanks: HTTP.
    VisibleAscii,
    /// Any text: Kafka.
    Utf8,
}

impl HeaderText {
    /// Why a text cannot be in the value of a header; none where it can. The answer does not hold the text.
    pub fn wrong(self, text: &str) -> Option<&'static str> {
        let is_visible = |byte: u8| matches!(byte, b' '..=b'~');
        match self {
            Self::VisibleAscii if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) => {
                Some("has a line end in it")
            }
            Self::VisibleAscii if !text.bytes().all(is_visible) => {
                Some("has a character in it that is no visible character of ASCII")
            }
            Self::VisibleAscii | Self::Utf8 => None,
        }
    }
}

/// Whether a text is the name of a header: a token of RFC 9110, 5.6.2.
pub fn is_header_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_those_that_requests_can_have() {
        for name in ["X-Team", "authorization", "x_y.z~1"] {
            assert!(is_header_name(name), "{name}");
        }
        for name in ["", "x y", "x:", "x\r\nhost", "é", "\"x\""] {
            assert!(!is_header_name(name), "{name}");
        }
        assert_eq!(HeaderText::VisibleAscii.wrong("Bearer a~ b"), None);
        assert_eq!(HeaderText::VisibleAscii.wrong(""), None);
        for text in ["a\r\nhost: b", "a\n"] {
            assert_eq!(HeaderText::VisibleAscii.wrong(text), Some("has a line end in it"), "{text:?}");
        }
        for text in ["\u{7f}", "a\tb", "é", "\0"] {
            assert!(HeaderText::VisibleAscii.wrong(text).is_some(), "{text:?}");
        }
        assert_eq!(HeaderText::Utf8.wrong("é\n"), None);
    }
}
