//! Where a component is in a registry.

use std::{fmt, str::FromStr};

use oci_client::Reference;

const SCHEME: &str = "oci://";

/// A repository of a registry with a tag, a digest or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location(Reference);

/// A text that is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' names no component in a registry: {why}; write oci://REGISTRY/NAME:TAG or oci://REGISTRY/NAME:TAG@sha256:DIGEST"
)]
pub struct WrongLocation {
    text: String,
    why: String,
}

impl Location {
    /// Whether a text is meant as a location in a registry.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The registry: a host, and a port where it is not the usual one.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The digest of the manifest, `sha256:` and 64 hexadecimal digits; none = the tag says which manifest it is, and may be moved.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same with a digest. The tag stays, for people.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        let (registry, name) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        let digest = digest.to_owned();
        Self(match self.0.tag() {
            Some(tag) => Reference::with_tag_and_digest(registry, name, tag.to_owned(), digest),
            None => Reference::with_digest(registry, name, digest),
        })
    }

    /// What a file with the component is called.
    pub(super) fn file_name(&self) -> String {
        let name = self.0.repository();
        format!("{}.wasm", name.rsplit('/').next().unwrap_or(name))
    }

    /// Whether the registry is on this machine. Such a registry is asked over HTTP, all others over HTTPS.
    pub(super) fn is_local(&self) -> bool {
        let registry = self.registry();
        let host = match registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => registry,
        };
        host == "localhost" || host == "127.0.0.1"
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.0
    }
}

impl FromStr for Location {
    type Err = WrongLocation;

    fn from_str(text: &str) -> Result<Self, WrongLocation> {
        let wrong = |why: &str| WrongLocation { text: text.to_owned(), why: why.to_owned() };
        let named = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with oci://"))?;
        // Without a host `Reference` would name a registry of its own choice.
        let (registry, name) = named.split_once('/').ok_or_else(|| wrong("it has no registry"))?;
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(wrong("its registry is no host name"));
        }
        let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        if !has_tag {
            return Err(wrong("it has neither a tag nor a digest"));
        }
        let reference = Reference::from_str(named).map_err(|error| wrong(&error.to_string()))?;
        match reference.digest() {
            Some(digest) if !digest.starts_with("sha256:") => Err(wrong("its digest is not a sha256")),
            _ => Ok(Self(reference)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_location_is_written_as_it_was_read() {
        let pinned = format!("oci://registry.example/team/geomean:1.2@{DIGEST}");
        for text in ["oci://127.0.0.1:5000/geomean:1.2", "oci://registry.example/team/geomean:1.2", &pinned] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        let location: Location = pinned.parse().unwrap();
        assert_eq!((location.registry(), location.digest()), ("registry.example", Some(DIGEST)));
        let tagged: Location = "oci://registry.example/team/geomean:1.2".parse().unwrap();
        assert_eq!(tagged.file_name(), "geomean.wasm");
        assert_eq!((tagged.digest(), tagged.at(DIGEST)), (None, location));
    }

    #[test]
    fn what_names_no_component_is_refused_with_the_reason() {
        let why = |text: &str| text.parse::<Location>().unwrap_err().to_string();
        assert!(why("geomean:1").contains("does not begin with oci://"));
        assert!(why("oci://geomean:1").contains("has no registry"));
        assert!(why("oci://team/geomean:1").contains("registry is no host name"));
        assert!(why("oci://registry.example/geomean").contains("neither a tag nor a digest"));
        assert!(why("oci://registry.example/geomean@sha512:00").contains("write oci://REGISTRY/NAME:TAG"));
        assert!(why("oci://registry.example/GEO mean:1").contains("names no component"));
    }

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        let is_local = |text: &str| text.parse::<Location>().unwrap().is_local();
        assert!(is_local("oci://127.0.0.1:5000/a:1") && is_local("oci://localhost/a:1"));
        assert!(!is_local("oci://127.0.0.1.example/a:1") && !is_local("oci://localhost.example:80/a:1"));
    }
}
