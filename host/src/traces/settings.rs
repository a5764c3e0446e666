//! Where spans are sent to, as a configuration or the environment says.

use std::{collections::HashMap, env, fmt};

use reqwest::Url;

/// An endpoint of OTLP over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where spans are posted to.
    url: Url,
    /// Headers, which may be secrets.
    headers: HashMap<String, String>,
}

/// A header whose value is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// The secret's name.
    pub secret: String,
}

/// Why nothing can be sent there. The text shows no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongEndpoint(String);

impl Header {
    /// `NAME=SECRET`.
    ///
    /// # Errors
    /// It is not that.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').map(|(name, secret)| (name.trim(), secret.trim()));
        let Some((name, secret)) = parts.filter(|(_, secret)| !secret.is_empty()) else {
            return Err(format!("'{text}' is no header with the name of a secret"));
        };
        if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("'{name}' cannot be the name of a header"));
        }
        Ok(Self { name: name.to_owned(), secret: secret.to_owned() })
    }
}

impl Destination {
    /// The endpoint whose base is this URL, as in OTEL_EXPORTER_OTLP_ENDPOINT: spans are posted to `/v1/traces` behind it.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn new(base: &str) -> Result<Self, WrongEndpoint> {
        Self::of(&format!("{}/v1/traces", base.trim_end_matches('/')))
    }

    fn of(url: &str) -> Result<Self, WrongEndpoint> {
        let wrong = |why: &str| WrongEndpoint(why.to_owned());
        let url = Url::parse(url).map_err(|error| WrongEndpoint(format!("it is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("it must begin with http:// or https:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "it must not contain a user or a password: everybody may see it; use a header",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it must not contain ? or #: everybody may see it; use a header for a key"));
        }
        Ok(Self { url, headers: HashMap::new() })
    }

    /// The same with these headers, whose values `secret` gives by name.
    ///
    /// # Errors
    /// A secret is missing, or cannot be the value of a header.
    pub fn with_headers(
        mut self,
        headers: &[Header],
        secret: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, WrongEndpoint> {
        for Header { name, secret: named } in headers {
            let value = secret(named).map_err(|why| WrongEndpoint(format!("secret '{named}': {why}")))?;
            if reqwest::header::HeaderValue::from_str(&value).is_err() {
                return Err(WrongEndpoint(format!("secret '{named}' cannot be the value of a header")));
            }
            self.headers.insert(name.clone(), value);
        }
        Ok(self)
    }

    /// What the standard variables of OpenTelemetry say; none where they name no endpoint.
    ///
    /// # Errors
    /// The endpoint cannot be one.
    pub fn from_environment() -> Result<Option<Self>, WrongEndpoint> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let is_off = set("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"))
            || set("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
        let endpoint = |name: &str, make: fn(&str) -> Result<Self, WrongEndpoint>| {
            set(name).map(|url| make(&url).map_err(|why| WrongEndpoint(format!("{name}: {why}"))))
        };
        let found = endpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Self::of)
            .or_else(|| endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", Self::new));
        found.filter(|_| !is_off).transpose()
    }

    /// The URL, which is no secret.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) fn headers(&self) -> &HashMap<String, String> {
        &self.headers
    }
}

impl fmt::Debug for Destination {
    /// Without the values of headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("Destination").field("url", &self.url()).field("headers", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_without_secrets() {
        let at = |base: &str| Destination::new(base).map(|there| there.url().to_owned());
        assert_eq!(at("http://127.0.0.1:4318"), Ok("http://127.0.0.1:4318/v1/traces".to_owned()));
        assert_eq!(at("https://otel.example/x/"), Ok("https://otel.example/x/v1/traces".to_owned()));
        for wrong in [
            "127.0.0.1:4318",
            "ftp://x",
            "http://user:sesame@host",
            "http://user@host",
            "http://h?key=sesame",
            "",
        ] {
            let told = at(wrong).unwrap_err().to_string();
            assert!(!told.contains("sesame"), "{told}");
        }
    }

    #[test]
    fn values_of_headers_are_secrets_that_nothing_shows() {
        let header = Header::parse("Authorization = otlp-token").unwrap();
        assert_eq!(header, Header { name: "Authorization".into(), secret: "otlp-token".into() });
        for wrong in ["Authorization", "=x", "a b=c", "x="] {
            assert!(Header::parse(wrong).is_err(), "{wrong}");
        }
        let there = Destination::new("http://h").unwrap();
        let with = |value: &'static str| {
            there.clone().with_headers(std::slice::from_ref(&header), |_| Ok(value.to_owned()))
        };
        let shown = format!("{:?}", with("Bearer sesame").unwrap());
        assert!(shown.contains("Authorization") && !shown.contains("sesame"), "{shown}");
        let told = with("sesame\n").unwrap_err().to_string();
        assert!(!told.contains("sesame"), "{told}");
    }
}
