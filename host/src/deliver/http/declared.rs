//! Where a message goes, as the sink says it now: `{option:NAME}` in the URL and in header values is filled in when the message is
//! sent. So a corrected URL, or a secret under another name, reaches the messages that wait, while their keys and bodies stay
//! what they were when they were decided. Headers of the sink's WITH are added then, too: messages do not hold them.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use streamgauge_common::message::{Message, Payload, Request};
use streamgauge_sql::manifest::{Header, HeaderPart, OptionValue};

use super::secrets;

/// What stands before an option's name.
const OPENING: &str = "{option:";
/// The option that says where requests go (`wit/sink.wit`). Every request of before there were placeholders has it as its URL.
pub const URL: &str = "url";

/// The options of a sink that its requests do not hold but name; secrets in them are `{secret:NAME}`.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    options: BTreeMap<String, String>,
    /// What is added to each request: names and values.
    headers: Vec<(String, String)>,
}

impl Declared {
    /// Options by name.
    pub fn new(options: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { options: options.into_iter().collect(), headers: Vec::new() }
    }

    /// What the options of a sink fill in: where its requests go, secrets as their names, and headers.
    pub fn of(options: &BTreeMap<String, OptionValue>) -> Self {
        let mut declared = Self::default();
        for (name, value) in options {
            match value {
                OptionValue::Text(text) if is_address(name) => {
                    declared.options.insert(name.clone(), text.clone());
                }
                OptionValue::Text(_) => {}
                OptionValue::Secret(secret) => {
                    declared.options.insert(name.clone(), secrets::placeholder(secret));
                }
                OptionValue::Headers(headers) => {
                    declared
                        .headers
                        .extend(headers.iter().map(|header| (header.name.clone(), template(header))));
                }
            }
        }
        declared
    }

    /// What stands for an option in a request.
    pub fn placeholder(name: &str) -> String {
        format!("{OPENING}{name}}}")
    }

    /// A request with the options filled in and the headers added. A value is not looked at again.
    ///
    /// # Errors
    /// The sink does not have an option any more.
    pub fn fill(&self, request: &Request) -> Result<Request, String> {
        let header = |(name, value): &(String, String)| Ok((name.clone(), self.text(value)?.into_owned()));
        Ok(Request {
            method: request.method.clone(),
            url: self.text(&request.url)?.into_owned(),
            headers: request
                .headers
                .iter()
                .map(header)
                .chain(self.headers.iter().cloned().map(Ok))
                .collect::<Result<_, String>>()?,
            body: request.body.clone(),
        })
    }

    fn text<'a>(&self, template: &'a str) -> Result<Cow<'a, str>, String> {
        if !template.contains(OPENING) {
            return Ok(template.into());
        }
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, from_name)) = rest.split_once(OPENING) {
            let Some((name, behind)) = from_name.split_once('}') else {
                return Err(format!("'{OPENING}' needs a name and '}}' behind it"));
            };
            let value =
                self.options.get(name).ok_or_else(|| format!("the sink has no option `{name}` any more"))?;
            out.push_str(before);
            out.push_str(value);
            rest = behind;
        }
        out.push_str(rest);
        Ok(out.into())
    }
}

/// The value of a header, with secrets as their names.
fn template(header: &Header) -> String {
    let parts = header.value.iter().map(|part| match part {
        HeaderPart::Text(text) => Cow::from(text),
        HeaderPart::Secret(name) => secrets::placeholder(name).into(),
    });
    parts.collect()
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
    use super::*;

    fn request(url: &str, header: &str) -> Request {
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        Request { method: "POST".into(), url: url.into(), headers, body: b"{option:url}".to_vec() }
    }

    #[test]
    fn options_are_filled_in_once_and_never_in_the_body() {
        let options = [("url", "https://a.example/{option:url}"), ("token", "{secret:TOKEN}")];
        let declared = Declared::new(options.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let filled = declared.fill(&request("{option:url}/x?y", "Bearer {option:token}")).unwrap();
        assert_eq!(filled, request("https://a.example/{option:url}/x?y", "Bearer {secret:TOKEN}"));
        let plain = request("https://a.example/{secret:A}", "none");
        assert_eq!(declared.fill(&plain).unwrap(), plain);
        let gone = declared.fill(&request("{option:address}", "")).unwrap_err();
        assert_eq!(gone, "the sink has no option `address` any more");
        assert!(declared.fill(&request("{option:url", "")).is_err());
    }

    #[test]
    fn headers_are_added_behind_those_of_the_message() {
        let text = |text: &str| HeaderPart::Text(text.into());
        let headers = vec![
            Header { name: "X-Key".into(), value: vec![text("a "), HeaderPart::Secret("KEY".into())] },
            Header { name: "X-Team".into(), value: vec![text("{option:url}")] },
        ];
        let options =
            [("headers", OptionValue::Headers(headers)), ("url", OptionValue::Text("http://h/".into()))];
        let declared = Declared::of(&options.map(|(name, value)| (name.to_owned(), value)).into());
        let filled = declared.fill(&request("{option:url}", "none")).unwrap();
        let headers: Vec<_> =
            filled.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(filled.url, "http://h/");
        assert_eq!(
            headers,
            [("authorization", "none"), ("X-Key", "a {secret:KEY}"), ("X-Team", "{option:url}")]
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
