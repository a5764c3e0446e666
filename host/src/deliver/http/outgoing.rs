//! A request as it is sent. Secrets stand in it only where the WITH of the sink names them: what a component or a row says is text,
//! `{secret:NAME}` too.

use streamgauge_common::message::Request;
use streamgauge_sql::manifest::HeaderPart;

use super::secrets;

/// A text with secrets that are not filled in yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<HeaderPart>,
}

/// A request, its options filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// `POST` and the like.
    pub method: &'a str,
    /// Where to.
    pub url: Template,
    /// What the sink's option `url` says: the request goes to this scheme, host and port. None = the sink has no such option.
    pub within: Option<Template>,
    /// Names and values.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Body<'a>,
}

/// A body as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The first member of a JSON object whose value is filled in: the text up to the value, and the value.
    pub front: Option<(String, Template)>,
    /// What the message holds, behind that.
    pub rest: &'a [u8],
}

impl<'a> Body<'a> {
    /// A body in which nothing is filled in.
    pub fn plain(body: &'a [u8]) -> Self {
        Self { front: None, rest: body }
    }
}

impl Template {
    /// A text without secrets.
    pub fn text(text: &str) -> Self {
        Self { parts: vec![HeaderPart::Text(text.to_owned())] }
    }

    /// One secret alone.
    pub fn secret(name: &str) -> Self {
        Self { parts: vec![HeaderPart::Secret(name.to_owned())] }
    }

    /// Puts another text behind it.
    pub fn push(&mut self, behind: &Self) {
        self.parts.extend_from_slice(&behind.parts);
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[HeaderPart] {
        &self.parts
    }

    /// Whether a secret is filled in.
    pub(super) fn has_secret(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, HeaderPart::Secret(_)))
    }

    /// The text with the names of its secrets, for people.
    pub(super) fn shown(&self) -> String {
        let part = |part: &HeaderPart| match part {
            HeaderPart::Text(text) => text.clone(),
            HeaderPart::Secret(name) => secrets::placeholder(name),
        };
        self.parts.iter().map(part).collect()
    }
}

impl From<&[HeaderPart]> for Template {
    fn from(parts: &[HeaderPart]) -> Self {
        Self { parts: parts.to_vec() }
    }
}

impl<'a> From<&'a Request> for Outgoing<'a> {
    /// A request in which nothing is filled in.
    fn from(Request { method, url, headers, body }: &'a Request) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.clone(), Template::text(value))).collect();
        Self { method, url: Template::text(url), within: None, headers, body: Body::plain(body) }
    }
}
