//! Signatures after [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks): with them a receiver knows
//! who sent a body, that nobody changed it, and when.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What stands before a secret in base64.
const PREFIX: &str = "whsec_";

/// A key that sender and receiver share.
#[derive(Clone)]
pub struct SigningSecret {
    mac: Hmac<Sha256>,
}

/// A text is no signing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// It is empty.
    #[error("the signing secret is empty")]
    Empty,
    /// What follows `whsec_` is not base64.
    #[error("the signing secret begins with 'whsec_' but no base64 follows")]
    NotBase64,
}

impl SigningSecret {
    /// Takes `whsec_` and base64, or any other text as it is.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret::NotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err(BadSecret::Empty);
        }
        // HMAC takes keys of every length.
        let mac = Hmac::new_from_slice(&key).map_err(|_| BadSecret::Empty)?;
        Ok(Self { mac })
    }

    /// The value of `webhook-signature`; the time is in seconds since the epoch.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// `printf 'id.1.body' | openssl dgst -sha256 -hmac 'plain text' -binary | base64`
    #[test]
    fn a_secret_may_be_plain_text() {
        let secret = SigningSecret::new("plain text").unwrap();
        assert_eq!(secret.sign("id", 1, b"body"), "v1,N/4kMXA67x/ZY+Ff7039RsMOkiYiDzEFD+GW1qdIOOM=");
        assert_ne!(secret.sign("id", 2, b"body"), secret.sign("id", 1, b"body"));
    }

    #[test]
    fn what_is_no_secret_is_an_error() {
        assert_eq!(SigningSecret::new("").unwrap_err(), BadSecret::Empty);
        assert_eq!(SigningSecret::new("whsec_").unwrap_err(), BadSecret::Empty);
        assert_eq!(SigningSecret::new("whsec_a b").unwrap_err(), BadSecret::NotBase64);
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", SigningSecret::new("canary").unwrap()), "SigningSecret(..)");
    }
}
