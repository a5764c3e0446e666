//! Secrets in the URL and in header values, filled in behind the guest and taken out of what comes back.

use std::fmt;

use memchr::memmem;
use streamgauge_sql::manifest::HeaderPart;

use super::outgoing::Template;

/// What stands before a secret's name where people see it.
pub(crate) const OPENING: &str = "{secret:";

/// Shorter values are not looked for in what comes back: they would be found where they are not meant.
const HIDDEN_BYTES_MIN: usize = 8;

/// Gives a secret by its name; an error says what to do about it.
pub type Lookup = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// What stands for a secret where people see a URL or the value of a header.
pub(crate) fn placeholder(name: &str) -> String {
    format!("{OPENING}{name}}}")
}

/// What was filled into one request.
#[derive(Default)]
pub(super) struct Filled {
    /// What it is told as, and the value.
    values: Vec<(String, Vec<u8>)>,
}

impl Filled {
    /// A text with its secrets filled in. A secret's value is not looked at again.
    pub(super) fn fill(&mut self, template: &Template, secrets: &Lookup) -> Result<String, String> {
        let mut out = String::new();
        for part in template.parts() {
            match part {
                HeaderPart::Text(text) => out.push_str(text),
                HeaderPart::Secret(name) => {
                    let value = secrets(name)?;
                    out.push_str(&value);
                    self.note(placeholder(name), value);
                }
            }
        }
        Ok(out)
    }

    /// Remembers a value that must not be told, and what stands for it.
    pub(super) fn note(&mut self, shown: String, value: impl Into<Vec<u8>>) {
        let value = value.into();
        if value.len() >= HIDDEN_BYTES_MIN {
            self.values.push((shown, value));
            // The longest first: one may contain another.
            self.values.sort_by_key(|(_, value)| usize::MAX - value.len());
        }
    }

    /// Others' bytes without the secrets: a receiver may say what it was sent.
    pub(super) fn hide(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (shown, value) in &self.values {
            if memmem::find(&bytes, value).is_some() {
                bytes = replace(&bytes, value, shown.as_bytes());
            }
        }
        bytes
    }

    /// As [`Filled::hide`].
    pub(super) fn hide_text(&self, text: String) -> String {
        String::from_utf8_lossy(&self.hide(text.into_bytes())).into_owned()
    }
}

fn replace(bytes: &[u8], value: &[u8], shown: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((before, behind)) =
        memmem::find(rest, value).and_then(|at| Some((rest.get(..at)?, rest.get(at + value.len()..)?)))
    {
        out.extend_from_slice(before);
        out.extend_from_slice(shown);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

impl fmt::Debug for Filled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.values.iter().map(|(shown, _)| shown)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> Result<String, String> {
        match name {
            "HOOK" => Ok("https://hooks.example/T0/B0/{secret:TOKEN}".into()),
            "TOKEN" => Ok("canary-0123456789".into()),
            _ => Err(format!("set the environment's '{name}'")),
        }
    }

    /// Each word that begins with `$` is a secret.
    fn template(text: &str) -> Template {
        let mut template = Template::default();
        for word in text.split_inclusive(' ') {
            let part = match word.strip_prefix('$') {
                Some(name) => Template::secret(name.trim_end()),
                None => Template::text(word),
            };
            template.push(&part);
        }
        template
    }

    #[test]
    fn secrets_are_filled_in_once_and_only_where_they_were_named() {
        let mut filled = Filled::default();
        let mut fill = |text: &str| filled.fill(&template(text), &secret).unwrap();
        assert_eq!(fill("no {secret:TOKEN} {here}"), "no {secret:TOKEN} {here}");
        assert_eq!(fill("Bearer $TOKEN"), "Bearer canary-0123456789");
        assert_eq!(fill("$HOOK"), "https://hooks.example/T0/B0/{secret:TOKEN}");
    }

    #[test]
    fn a_secret_that_is_not_there_is_an_error() {
        let mut filled = Filled::default();
        assert_eq!(filled.fill(&template("x $NONE"), &secret).unwrap_err(), "set the environment's 'NONE'");
    }

    #[test]
    fn secrets_are_taken_out_of_what_comes_back() {
        let mut filled = Filled::default();
        filled.fill(&Template::secret("TOKEN"), &secret).unwrap();
        let text = filled.hide_text("unknown token canary-0123456789canary-0123456789".into());
        assert_eq!(text, "unknown token {secret:TOKEN}{secret:TOKEN}");
        assert_eq!(filled.hide(b"\xffcanary-0123456789\xff".to_vec()), b"\xff{secret:TOKEN}\xff");
        assert_eq!(format!("{filled:?}"), "[\"{secret:TOKEN}\"]");
    }
}
