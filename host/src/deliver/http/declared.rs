//! Where a message goes, as the sink says it now: `{option:NAME}` in the URL, in header values and in the first member of a body is
//! filled in when the message is sent. So a corrected URL, or a secret under another name, reaches the messages that wait, while
//! their keys and the rest of their bodies stay what they were when they were decided. Headers of the sink's WITH are added then, too: messages do not hold them.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::message::{Message, Payload, Request};
use streamgauge_sql::manifest::OptionValue;

use super::outgoing::{Body, Outgoing, Template};

/// What stands before an option's name.
const OPENING: &str = "{option:";
/// The option that says where requests go (`wit/sink.wit`). Every request of before there were placeholders has it as its URL.
pub const URL: &str = "url";

/// The options of a sink that its requests do not hold but name.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    options: BTreeMap<String, Template>,
    /// What is added to each request: names and values.
    headers: Vec<(String, Template)>,
    /// The options that may stand in a body.
    in_body: Vec<String>,
}

impl Declared {
    /// What the options of a sink fill in: where its requests go, secrets as their names, and headers.
    pub fn of(options: &BTreeMap<String, OptionValue>) -> Self {
        let mut declared = Self::default();
        for (name, value) in options {
            match value {
                OptionValue::Text(text) if is_address(name) => {
                    declared.options.insert(name.clone(), Template::text(text));
                }
                OptionValue::Text(_) => {}
                OptionValue::Secret(secret) => {
                    declared.options.insert(name.clone(), Template::secret(secret));
                }
                OptionValue::Headers(headers) => {
                    let headers = headers.iter();
                    let headers = headers.map(|header| (header.name.clone(), Template::from(&*header.value)));
                    declared.headers.extend(headers);
                }
            }
        }
        declared
    }

    /// The same, where these options may stand in the first member of a body: those of which the component knows that they are no data.
    #[must_use]
    pub fn with_body_options(mut self, in_body: Vec<String>) -> Self {
        self.in_body = in_body;
        self
    }

    /// What stands for an option in a request.
    pub fn placeholder(name: &str) -> String {
        format!("{OPENING}{name}}}")
    }

    /// A request with the options filled in and the headers added. A value is not looked at again.
    ///
    /// # Errors
    /// The sink does not have an option any more.
    pub fn fill<'a>(&self, request: &'a Request) -> Result<Outgoing<'a>, String> {
        let header = |(name, value): &(String, String)| Ok((name.clone(), self.text(value)?));
        let headers = request.headers.iter().map(header).chain(self.headers.iter().cloned().map(Ok));
        Ok(Outgoing {
            method: &request.method,
            url: self.text(&request.url)?,
            within: self.options.get(URL).cloned(),
            headers: headers.collect::<Result<_, String>>()?,
            body: self.body(&request.body),
        })
    }

    /// A body with its first member filled in, if that is `"NAME":"{option:NAME}"` of a secret that the component describes: an API may
    /// want a key there. Nothing else in a body is looked at.
    fn body<'a>(&self, body: &'a [u8]) -> Body<'a> {
        let may_stand =
            |(name, value): &(&String, &Template)| self.in_body.contains(name) && value.has_secret();
        for (name, value) in self.options.iter().filter(may_stand) {
            let member = format!("{{\"{name}\":\"{}\"", Self::placeholder(name));
            if let Some(rest) = body.strip_prefix(member.as_bytes()) {
                return Body { front: Some((format!("{{\"{name}\":"), value.clone())), rest };
            }
        }
        Body::plain(body)
    }

    fn text(&self, text: &str) -> Result<Template, String> {
        let mut filled = Template::default();
        let mut rest = text;
        while let Some((before, from_name)) = rest.split_once(OPENING) {
            let Some((name, behind)) = from_name.split_once('}') else {
                return Err(format!("'{OPENING}' needs a name and '}}' behind it"));
            };
            let value =
                self.options.get(name).ok_or_else(|| format!("the sink has no option `{name}` any more"))?;
            filled.push(&Template::text(before));
            filled.push(value);
            rest = behind;
        }
        filled.push(&Template::text(rest));
        Ok(filled)
    }
}

/// Whether an option says where messages go, and not what is in them.
pub fn is_address(name: &str) -> bool {
    name == URL
}

/// A message that waits. Those of an earlier version hold the URL itself, which was the sink's option: they get its name.
pub fn thawed(message: Arc<Message>) -> Arc<Message> {
    match &message.payload {
        Payload::Request(request) if !request.url.contains(OPENING) => {
            let request = Request { url: Declared::placeholder(URL), ..request.clone() };
            Arc::new(Message { payload: Payload::Request(request), ..(*message).clone() })
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sql::manifest::{Header, HeaderPart};

    use super::*;

    fn request(url: &str, header: &str) -> Request {
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        Request { method: "POST".into(), url: url.into(), headers, body: b"{option:url}".to_vec() }
    }

    fn declared<const N: usize>(options: [(&str, OptionValue); N]) -> Declared {
        Declared::of(&options.map(|(name, value)| (name.to_owned(), value)).into())
    }

    #[test]
    fn options_are_filled_in_once_and_never_in_the_body() {
        let declared = declared([
            ("url", OptionValue::Text("https://a.example/{option:url}".into())),
            ("token", OptionValue::Secret("TOKEN".into())),
        ]);
        let request_of = request("{option:url}/x?y", "Bearer {option:token}");
        let filled = declared.fill(&request_of).unwrap();
        assert_eq!(filled.url.shown(), "https://a.example/{option:url}/x?y");
        assert!(!filled.url.has_secret());
        let [(name, value)] = filled.headers.as_slice() else { panic!("{filled:?}") };
        assert_eq!((name.as_str(), value.shown()), ("authorization", "Bearer {secret:TOKEN}".to_owned()));
        assert!(value.has_secret());
        assert_eq!(filled.body, Body::plain(b"{option:url}"));
        let gone = declared.fill(&request("{option:address}", "")).unwrap_err();
        assert_eq!(gone, "the sink has no option `address` any more");
        assert!(declared.fill(&request("{option:url", "")).is_err());
    }

    #[test]
    fn the_first_member_of_a_body_is_filled_in_if_it_is_a_secret_of_the_same_name() {
        let declared = declared([
            ("key", OptionValue::Secret("KEY".into())),
            ("signing_secret", OptionValue::Secret("SIGNING".into())),
            ("url", OptionValue::Text("http://h/".into())),
        ]);
        let declared = declared.with_body_options(vec!["key".into(), "url".into()]);
        let body = |text: &str| {
            let request = Request { body: text.into(), ..request("{option:url}", "none") };
            let Body { front, rest } = declared.fill(&request).unwrap().body;
            (front.map(|(text, value)| text + &value.shown()), String::from_utf8(rest.to_vec()).unwrap())
        };
        let rest = r#","x":"{option:key}"}"#.to_owned();
        let filled = body(r#"{"key":"{option:key}","x":"{option:key}"}"#);
        assert_eq!(filled, (Some(r#"{"key":{secret:KEY}"#.to_owned()), rest));
        for plain in [
            r#"{"url":"{option:url}"}"#,
            r#"{"x":"{option:key}"}"#,
            r#" {"key":"{option:key}"}"#,
            // A column of this name: the component does not describe the option, so it is data.
            r#"{"signing_secret":"{option:signing_secret}"}"#,
        ] {
            assert_eq!(body(plain), (None, plain.to_owned()));
        }
    }

    #[test]
    fn what_a_component_or_a_text_of_the_program_says_names_no_secret() {
        let declared = declared([("url", OptionValue::Text("https://a.example/{secret:A}".into()))]);
        let said = request("{option:url}/{secret:B}", "{secret:C}");
        let filled = declared.fill(&said).unwrap();
        assert!(!filled.url.has_secret() && filled.headers.iter().all(|(_, value)| !value.has_secret()));
        assert_eq!(filled.url.shown(), "https://a.example/{secret:A}/{secret:B}");
    }

    #[test]
    fn headers_are_added_behind_those_of_the_message() {
        let text = |text: &str| HeaderPart::Text(text.into());
        let headers = vec![
            Header { name: "X-Key".into(), value: vec![text("a "), HeaderPart::Secret("KEY".into())] },
            Header { name: "X-Team".into(), value: vec![text("{option:url} {secret:D}")] },
        ];
        let declared = declared([
            ("headers", OptionValue::Headers(headers)),
            ("url", OptionValue::Text("http://h/".into())),
        ]);
        let said = request("{option:url}", "none");
        let filled = declared.fill(&said).unwrap();
        let headers: Vec<_> = filled
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.shown(), value.has_secret()))
            .collect();
        assert_eq!(filled.url.shown(), "http://h/");
        assert_eq!(
            headers,
            [
                ("authorization", "none".to_owned(), false),
                ("X-Key", "a {secret:KEY}".to_owned(), true),
                ("X-Team", "{option:url} {secret:D}".to_owned(), false),
            ]
        );
    }

    #[test]
    fn a_message_of_an_earlier_version_goes_where_the_sink_says() {
        let message = |url: &str| {
            let payload = Payload::Request(request(url, "none"));
            Arc::new(Message { sequence: 3, key: "k".into(), lane: 1, rows: 1, payload })
        };
        for url in ["http://127.0.0.1:1/", "{secret:HOOK}", "{option:url}"] {
            assert_eq!(thawed(message(url)), message("{option:url}"));
        }
        assert_eq!(thawed(message("{option:url}/x")), message("{option:url}/x"));
    }
}
