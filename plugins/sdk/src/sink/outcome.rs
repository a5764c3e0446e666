//! What has become of a delivery, as HTTP says it.

use super::Response;

/// The longest start of a body that explains a rejection, in characters.
const WORDS_MAX: usize = 200;

/// What has become of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Again, not before so many milliseconds; none = as the host's back-off says.
    Retry(Option<u64>),
    /// The receiver will never take it, and why.
    Rejected(String),
}

impl Response {
    /// What HTTP says: 2xx is delivered; 429 and 503 ask for a retry, after `Retry-After` where it gives seconds; 408, 425 and
    /// the other 5xx ask for a retry; everything else is final, 3xx too. The start of the body says why.
    pub fn outcome(&self) -> Outcome {
        match self.status {
            200..=299 => Outcome::Delivered,
            429 | 503 => Outcome::Retry(self.retry_after_ms()),
            408 | 425 | 500..=599 => Outcome::Retry(None),
            300..=399 => Outcome::Rejected(format!(
                "the receiver answered {}, and redirects are not followed: give the URL that it leads to",
                self.status
            )),
            status => Outcome::Rejected(match self.words() {
                words if words.is_empty() => format!("the receiver answered {status}"),
                words => format!("the receiver answered {status}: {words}"),
            }),
        }
    }

    /// The seconds of `Retry-After` in milliseconds. A date is left to the host: a guest has no clock.
    fn retry_after_ms(&self) -> Option<u64> {
        let seconds = self.header("retry-after")?.trim();
        let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| seconds.parse().unwrap_or(u64::MAX).saturating_mul(1000))
    }

    /// The start of the body in one line.
    fn words(&self) -> String {
        let start = self.body.get(..4 * WORDS_MAX).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(start);
        let mut words = String::new();
        for word in text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty())
        {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        if let Some((end, _)) = words.char_indices().nth(WORDS_MAX) {
            words.truncate(end);
            words.push('…');
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, retry_after: Option<&str>, body: &str) -> Outcome {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
        Response { status, headers: headers.into_iter().collect(), body: body.into() }.outcome()
    }

    fn rejected(words: &str) -> Outcome {
        Outcome::Rejected(words.into())
    }

    #[test]
    fn what_is_temporary_is_tried_again() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(outcome(status, Some("7"), "no"), Outcome::Delivered, "{status}");
        }
        for status in [408, 425, 500, 502, 504, 599] {
            assert_eq!(outcome(status, Some("7"), "no"), Outcome::Retry(None), "{status}");
        }
        for status in [429, 503] {
            assert_eq!(outcome(status, None, "no"), Outcome::Retry(None));
            assert_eq!(outcome(status, Some(" 7 "), "no"), Outcome::Retry(Some(7000)));
            assert_eq!(outcome(status, Some("0"), "no"), Outcome::Retry(Some(0)));
            for other in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "+1", "1.5", "", "soon"] {
                assert_eq!(outcome(status, Some(other), "no"), Outcome::Retry(None), "{other}");
            }
            let endless = outcome(status, Some("99999999999999999999999"), "no");
            assert_eq!(endless, Outcome::Retry(Some(u64::MAX)));
        }
    }

    #[test]
    fn what_is_final_says_why() {
        assert_eq!(outcome(410, None, ""), rejected("the receiver answered 410"));
        let words = "the receiver answered 404: no_service";
        assert_eq!(outcome(404, Some("7"), "no_service\n"), rejected(words));
        let words = "the receiver answered 400: a b é";
        assert_eq!(outcome(400, None, "\u{1b}a\r\n\tb   é\0"), rejected(words));
        for status in [301, 302, 304, 308] {
            let Outcome::Rejected(words) = outcome(status, None, "moved") else { panic!("{status}") };
            assert!(words.starts_with(&format!("the receiver answered {status}, and redirects")), "{words}");
        }
        for status in [0, 100, 600, 999] {
            assert!(matches!(outcome(status, None, ""), Outcome::Rejected(_)), "{status}");
        }
    }

    #[test]
    fn a_long_body_is_cut() {
        let Outcome::Rejected(words) = outcome(400, None, &"é".repeat(5000)) else { panic!() };
        assert_eq!(words, format!("the receiver answered 400: {}…", "é".repeat(200)));
        let response = Response { status: 400, headers: Vec::new(), body: vec![0xff; 5000] };
        let Outcome::Rejected(words) = response.outcome() else { panic!() };
        assert!(words.chars().count() < 300, "{words}");
    }
}
