//! A case of a sink, tried: the requests of its rows as they are sent, and what answers mean.

use streamgauge_common::{
    column::{Bitmap, Column, Texts, Value},
    message::{Request, Response},
};
use streamgauge_component::sink::{
    Deliveries, Encoded, Encoder, Outcome, SinkComponent, SinkInstance, Windows,
};
use streamgauge_engine::Fault;
use streamgauge_laws::Example;
use streamgauge_sql::manifest::{self, Output};

use super::{
    BrokenLaw, Failed,
    node::Node,
    sink_case::{Due, DueRequest, SinkCase},
};
use crate::{
    sink::SinkLaw,
    values::{column, host_type, value},
};

/// Tries a case; gives what is wrong.
pub(super) fn tried(component: &SinkComponent, case: &SinkCase) -> Option<Failed> {
    Trial { component, case }.all().err().map(|failed| *failed)
}

#[derive(Clone, Copy)]
struct Trial<'a> {
    component: &'a SinkComponent,
    case: &'a SinkCase,
}

type Tried = Result<(), Box<Failed>>;

impl Trial<'_> {
    fn all(self) -> Tried {
        match &self.case.due {
            Due::Error(part) => self.error(part),
            Due::Page(page) => self.page(page),
            Due::Requests(due) => {
                let encoded = self.requests(due)?;
                self.answers(&encoded)
            }
        }
    }

    fn error(self, part: &str) -> Tried {
        let expected = format!("an error that contains '{part}'");
        let encoded = self.start().and_then(|(_instance, encoder)| self.encode(&encoder));
        match encoded {
            Err(fault) if fault.what.contains(part) && !fault.what.starts_with("trapped") => Ok(()),
            Err(fault) => self.fail("`open` and `encode` of the rows", expected, fault.what, None),
            Ok(encoded) => {
                let got = requests(encoded.len());
                self.fail("`open` and `encode` of the rows", expected, got, None)
            }
        }
    }

    fn page(self, due: &str) -> Tried {
        let rendered = self.start().and_then(|(instance, encoder)| {
            self.encode(&encoder)?;
            instance.render()
        });
        let page = match rendered {
            Ok(page) => String::from_utf8_lossy(&page.body).into_owned(),
            Err(fault) => return self.fail("`render` after the rows", due.to_owned(), fault.what, None),
        };
        match page == due {
            true => Ok(()),
            false => self.fail("`render` after the rows", due.to_owned(), page, None),
        }
    }

    /// The requests are those that are due, and the same whatever was encoded before.
    fn requests(self, due: &[DueRequest]) -> Result<Vec<Encoded>, Box<Failed>> {
        let stopped = |fault: Fault| {
            let expected = requests(due.len());
            self.failed("`open` and `encode` of the rows", expected, fault.what, None)
        };
        let (_instance, encoder) = self.start().map_err(stopped)?;
        let encoded = self.encode(&encoder).map_err(stopped)?;
        let pairs = due.iter().zip(&encoded).enumerate();
        for (number, (due, Encoded { request, .. })) in pairs {
            let done = format!("`encode` of the rows; request {} of {}", number + 1, encoded.len());
            if let Some((expected, got)) = difference(due, &self.filled(request)) {
                return Err(self.failed(&done, expected, got, None));
            }
        }
        if due.len() != encoded.len() {
            let (expected, got) = (requests(due.len()), requests(encoded.len()));
            return Err(self.failed("`encode` of the rows", expected, got, None));
        }
        let again = self.encode(&encoder).map_err(stopped)?;
        if again != encoded {
            let (expected, got) = ("the same requests".to_owned(), "other ones".to_owned());
            let done = "`encode` of the rows, once more in the same instance";
            return Err(self.failed(done, expected, got, Some(SinkLaw::KeepsNothing)));
        }
        Ok(encoded)
    }

    /// Each answer means what is due for each request, in an instance that did not encode them.
    fn answers(self, encoded: &[Encoded]) -> Tried {
        for (index, answer) in self.case.answers.iter().enumerate() {
            let done =
                format!("`judge` of answer {}, which has the status {}", index + 1, answer.response.status);
            let judged = self.judged(encoded, &answer.response);
            let outcomes = match judged {
                Ok(outcomes) => outcomes,
                Err(fault) => return self.fail(&done, answer.due.to_string(), fault.what, None),
            };
            if let Some(other) = outcomes.iter().find(|outcome| !answer.due.fits(outcome)) {
                return self.fail(&done, answer.due.to_string(), shown(other), None);
            }
        }
        Ok(())
    }

    fn judged(self, encoded: &[Encoded], response: &Response) -> Result<Vec<Outcome>, Fault> {
        let (_instance, encoder) = self.start()?;
        let judge = |Encoded { request, deliveries }: &Encoded| encoder.judge(request, *deliveries, response);
        Ok(encoded.iter().map(judge).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// An encoder in an instance of its own. An address that the case does not give is one all the same.
    fn start(self) -> Result<(SinkInstance, Encoder), Fault> {
        let instance = self.component.start()?;
        let case = self.case;
        let options = case.options.iter().map(|(name, cell)| (name.as_str(), value(cell)));
        let described = instance.described().options.iter();
        let mut addresses = described.filter(|option| option.name == "url" && option.default.is_none());
        let is_given = case.options.iter().any(|(name, _)| name == "url");
        let address = addresses.next().filter(|_| !is_given);
        let address = address.map(|_| ("url", Value::Text("{option:url}".to_owned())));
        let options: Vec<(&str, Value)> = options.chain(address).collect();
        let fields = case.columns.iter().map(|(name, data_type)| Output {
            name: name.clone(),
            data_type: host_type(*data_type),
            column: manifest::Column::WindowEnd,
        });
        let encoder = instance.open(&options, &case.query, &fields.collect::<Vec<_>>())?;
        Ok((instance, encoder))
    }

    fn encode(self, encoder: &Encoder) -> Result<Vec<Encoded>, Fault> {
        let SinkCase { columns, rows, windows, .. } = self.case;
        let mut keys = Texts::default();
        (1..=rows.len()).for_each(|number| keys.push(format!("key-{number}").as_bytes()));
        let sequences: Vec<u64> = (1..=rows.len() as u64).collect();
        let columns = columns.iter().enumerate();
        let columns: Vec<Column> =
            columns.map(|(index, (_, data_type))| column(host_type(*data_type), index, rows)).collect();
        let forced: Bitmap = rows.iter().map(|_| false).collect();
        let windows = windows.as_ref().map(|(starts, ends)| Windows { starts, ends, forced: &forced });
        encoder.encode(&Deliveries { keys: &keys, sequences: &sequences, windows, columns: &columns })
    }

    /// A request as the host sends it: with the address and the secrets of the case.
    fn filled(self, request: &Request) -> Request {
        let filled = |text: &str| {
            let options = self.case.filled_in.iter();
            options.fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{option:{name}}}"), value)
            })
        };
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), filled(value)));
        let secrets = self.case.filled_in.iter().filter(|(name, _)| name != "url");
        let mut body = request.body.clone();
        for (name, value) in secrets {
            let member = |value: &str| format!("{{\"{name}\":{}", serde_json::Value::from(value));
            if let Some(rest) = request.body.strip_prefix(member(&format!("{{option:{name}}}")).as_bytes()) {
                body = [member(value).as_bytes(), rest].concat();
            }
        }
        Request {
            method: request.method.clone(),
            url: filled(&request.url),
            headers: headers.collect(),
            body,
        }
    }

    fn fail(self, done: &str, expected: String, got: String, law: Option<SinkLaw>) -> Tried {
        Err(self.failed(done, expected, got, law))
    }

    fn failed(self, done: &str, expected: String, got: String, law: Option<SinkLaw>) -> Box<Failed> {
        let example = Example {
            signature: None,
            parameters: self.case.with(),
            rows: Some(self.case.table()),
            what: done.to_owned(),
            expected,
            got,
        };
        let law = law.map(|law| BrokenLaw { name: law.name(), says: law.says(), advice: law.advice() });
        Box::new(Failed { example, law })
    }
}

/// What differs first between a request that is due and one that came.
fn difference(due: &DueRequest, got: &Request) -> Option<(String, String)> {
    if due.method != got.method || due.url != got.url {
        return Some((format!("{} {}", due.method, due.url), format!("{} {}", got.method, got.url)));
    }
    for (name, value) in &due.headers {
        let found = got.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match found {
            Some((_, found)) if found == value => {}
            Some((_, found)) => return Some((format!("{name}: {value}"), format!("{name}: {found}"))),
            None => return Some((format!("{name}: {value}"), format!("no header {name}"))),
        }
    }
    let body = String::from_utf8_lossy(&got.body);
    match &due.body {
        Node::Text(text) => (*text != body).then(|| (text.clone(), body.into_owned())),
        due => match serde_json::from_str::<Node>(&body) {
            Ok(got) if due.is_same(&got) => None,
            Ok(got) => Some((due.to_string(), got.to_string())),
            Err(_) => Some((due.to_string(), format!("no JSON: {body}"))),
        },
    }
}

fn requests(count: usize) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::Retry(None) => "retry".to_owned(),
        Outcome::Retry(Some(millis)) => format!("retry, not before {millis} ms"),
        Outcome::Rejected(why) => format!("rejected: {why}"),
    }
}
