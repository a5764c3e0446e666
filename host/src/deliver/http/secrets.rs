//! `{secret:NAME}` in the URL and in header values, filled in behind the guest and taken out of what comes back.

use std::fmt;

use memchr::memmem;

/// What stands before a secret's name.
pub(crate) const OPENING: &str = "{secret:";

/// Shorter values are not looked for in what comes back: they would be found where they are not meant.
const HIDDEN_BYTES_MIN: usize = 8;

/// Gives a secret by its name; an error says what to do about it.
pub type Lookup = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// What stands for a secret in a URL or the value of a header.
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
    pub(super) fn fill(&mut self, template: &str, secrets: &Lookup) -> Result<String, String> {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, from_name)) = rest.split_once(OPENING) {
            let Some((name, behind)) = from_name.split_once('}') else {
                return Err("'{secret:' needs a name and '}' behind it".into());
            };
            let value = secrets(name)?;
            out.push_str(before);
            out.push_str(&value);
            self.note(placeholder(name), value);
            rest = behind;
        }
        out.push_str(rest);
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

    #[test]
    fn secrets_are_filled_in_once() {
        let mut filled = Filled::default();
        assert_eq!(filled.fill("no secret {here}", &secret).unwrap(), "no secret {here}");
        let text = filled.fill("Bearer {secret:TOKEN}, {secret:TOKEN}!", &secret).unwrap();
        assert_eq!(text, "Bearer canary-0123456789, canary-0123456789!");
        let url = filled.fill("{secret:HOOK}?x=1", &secret).unwrap();
        assert_eq!(url, "https://hooks.example/T0/B0/{secret:TOKEN}?x=1");
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error() {
        let mut filled = Filled::default();
        assert_eq!(filled.fill("{secret:NONE}", &secret).unwrap_err(), "set the environment's 'NONE'");
        assert!(filled.fill("x{secret:TOKEN", &secret).unwrap_err().contains("needs a name"));
    }

    #[test]
    fn secrets_are_taken_out_of_what_comes_back() {
        let mut filled = Filled::default();
        filled.fill("{secret:TOKEN}", &secret).unwrap();
        let text = filled.hide_text("unknown token canary-0123456789canary-0123456789".into());
        assert_eq!(text, "unknown token {secret:TOKEN}{secret:TOKEN}");
        assert_eq!(filled.hide(b"\xffcanary-0123456789\xff".to_vec()), b"\xff{secret:TOKEN}\xff");
        assert_eq!(format!("{filled:?}"), "[\"{secret:TOKEN}\"]");
    }
}
