//! Who may do what: tokens with scopes.
//!
//! The file of tokens has only the SHA-256 of each: a token has 256 random bits, so no slower hash is needed. A token is compared with all
//! of them in time that does not depend on where it differs.

use std::{fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;

/// What every token begins with, so that one is known where it was left by mistake.
const PREFIX: &str = "sgt_";
const TOKEN_BYTES: usize = 32;

/// What a token allows. Each scope has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Change deployments.
    Deploy,
    /// Change plugins as well.
    Admin,
}

impl Scope {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Deploy, Self::Admin];

    /// `read`, `deploy` or `admin`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Whose it is, for people.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// The SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// The tokens that may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Known>);

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Known>,
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It has no token.
    Missing,
    /// Its token is not known.
    Unknown,
    /// Its token, of this name and scope, does not allow it.
    Scope(String, Scope),
}

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// It cannot be read, or is not such a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Self::parse(&text).map_err(io::Error::other)
    }

    /// What a file says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let is_digest = |known: &Known| {
            known.sha256.len() == 64 && known.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match file.token.iter().find(|known| !is_digest(known)) {
            Some(known) => Err(format!("`sha256` of token '{}' is no SHA-256 in hexadecimal", known.name)),
            None => Ok(Self(file.token)),
        }
    }

    /// The file as it is with one more token.
    ///
    /// # Errors
    /// A token has this name already.
    pub fn with(mut self, known: Known) -> Result<String, String> {
        if self.0.iter().any(|other| other.name == known.name) {
            return Err(format!("a token '{}' is there already", known.name));
        }
        self.0.push(known);
        toml::to_string(&File { token: self.0 }).map_err(|error| error.to_string())
    }

    /// Whose token a request has, if it allows what the scope stands for. `header` is the value of `Authorization`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, header: Option<&[u8]>, needed: Scope) -> Result<&str, Denied> {
        let header = header.ok_or(Denied::Missing)?;
        let (scheme, token) = header.split_at_checked("Bearer ".len()).ok_or(Denied::Missing)?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return Err(Denied::Missing);
        }
        let digest = digest(token);
        let found = self.0.iter().fold(None, |found, known| match is_equal(&known.sha256, &digest) {
            true => Some(known),
            false => found,
        });
        let Known { name, scope, .. } = found.ok_or(Denied::Unknown)?;
        match *scope >= needed {
            true => Ok(name),
            false => Err(Denied::Scope(name.clone(), *scope)),
        }
    }
}

/// A new token: its text, which is shown once, and what is kept of it.
///
/// # Errors
/// The system gives no random numbers.
pub fn new_token(name: &str, scope: Scope) -> io::Result<(String, Known)> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let sha256 = digest(token.as_bytes());
    Ok((token, Known { name: name.to_owned(), scope, sha256 }))
}

fn digest(token: &[u8]) -> String {
    hexadecimal(&Sha256::digest(token))
}

/// Whether two digests are equal, in time that does not depend on where they differ.
fn is_equal(known: &str, digest: &str) -> bool {
    let pairs = known.bytes().zip(digest.bytes());
    let differs = pairs.fold(0, |differs, (known, found)| differs | (known.to_ascii_lowercase() ^ found));
    known.len() == digest.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_its_scope_and_those_before_it() {
        let mut tokens = Tokens::default();
        let mut texts = Vec::new();
        for scope in Scope::ALL {
            let (text, known) = new_token(scope.name(), scope).unwrap();
            tokens = Tokens::parse(&tokens.with(known).unwrap()).unwrap();
            texts.push(text);
        }
        for (text, has) in texts.iter().zip(Scope::ALL) {
            for needed in Scope::ALL {
                let header = format!("Bearer {text}");
                let checked = tokens.check(Some(header.as_bytes()), needed);
                match has >= needed {
                    true => assert_eq!(checked, Ok(has.name())),
                    false => assert_eq!(checked, Err(Denied::Scope(has.name().into(), has))),
                }
            }
        }
        let check = |header: Option<&str>| tokens.check(header.map(str::as_bytes), Scope::Read);
        assert_eq!(check(None), Err(Denied::Missing));
        assert_eq!(check(Some("Basic eA==")), Err(Denied::Missing));
        assert_eq!(check(Some("Bearer ")), Err(Denied::Unknown));
        assert_eq!(check(Some(&format!("Bearer {}x", texts[0]))), Err(Denied::Unknown));
        assert_eq!(check(Some(&format!("bearer {}", texts[0]))), Ok("read"));
        let first = tokens.0[0].clone();
        assert_eq!(
            check(Some(&format!("Bearer {}", first.sha256))),
            Err(Denied::Unknown),
            "a digest is no token"
        );
        assert!(tokens.with(first).unwrap_err().contains("there already"));
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        assert!(Tokens::parse("").unwrap() == Tokens::default());
        for wrong in [
            "[[token]]\nname = \"a\"\nscope = \"all\"\nsha256 = \"\"",
            "[[token]]\nname = \"a\"\nscope = \"read\"\nsha256 = \"00\"",
            "[[tokens]]\nname = \"a\"",
            "x",
        ] {
            assert!(Tokens::parse(wrong).is_err(), "{wrong}");
        }
    }
}
