//! The connector `prometheus`: a page with the last closed window of each query, which Prometheus scrapes.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::{
    column::Texts,
    crash,
    message::{Message, Payload, Response},
    row::Identity,
    wakeup::Stop,
};
use streamgauge_component::{
    check::Refused,
    plugins::Plugins,
    sink::{Encoder, SinkInstance},
};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    catalog::WrongOption,
    connector::{OptionKind, OptionSpec, SecretUse},
    manifest::{Manifest, OptionValue, Sink},
};
use streamgauge_state::outbox::Outbox;
use tracing::info;

use super::component;
use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
    encode,
    rejected::RejectedRows,
    rows,
    scrape::Scrape,
    workers::Workers,
};

/// The name of the connector, and of the component that makes its page.
const NAME: &str = "prometheus";
/// The option of the component that metric names begin with.
const PREFIX: &str = "prefix";
/// Messages that are shown together at most.
const MESSAGES_MAX: usize = 64;

/// It shows the newest window only.
const REVISED: &str = "rows that are revised (ALLOW LATENESS) cannot be scraped: a sink of this kind shows the last closed window, and what \
                       is revised is older; leave ALLOW LATENESS out, or write the rows to another sink";

/// Rows to a page that is scraped.
#[derive(Clone, Copy, Debug)]
pub struct PrometheusConnector;

fn listen() -> OptionSpec {
    OptionSpec::new("listen", OptionKind::Listen, "where scrapes are answered").or("127.0.0.1:9464")
}

impl SinkConnector for PrometheusConnector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self, plugins: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        let described = component::described(plugins, NAME, SecretUse::Refused)?;
        Ok([listen()].into_iter().chain(described).collect())
    }

    fn listens(&self, sink: &Sink) -> Option<String> {
        listen().text(&sink.options).map(str::to_owned)
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, _: Depth) -> Option<WrongOption> {
        let Some(OptionValue::Text(prefix)) = options.get(PREFIX) else { return None };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let begins = |c: char| fits(c) && !c.is_ascii_digit();
        if prefix.starts_with(begins) && prefix.chars().all(fits) {
            return None;
        }
        Some(WrongOption {
            key: PREFIX.to_owned(),
            message: format!("'{prefix}' cannot begin the name of a metric"),
            help: "use letters, digits and `_`, such as 'llm'".to_owned(),
        })
    }

    fn wrong_rows(&self, sink: &Sink, query: &Manifest, windowed: bool, plugins: &Plugins) -> Option<String> {
        if !windowed {
            return Some(SinkError::NoWindow.to_string());
        }
        if query.is_revised() {
            return Some(REVISED.to_owned());
        }
        component::wrong_rows(sink, query, plugins)
    }

    fn open(
        &self,
        sink: &Sink,
        route: &Route<'_>,
        context: &mut SinkContext<'_>,
    ) -> Result<Destination, SinkError> {
        let instance = component::instance(sink, context, |instance, context| {
            answer_scrapes(sink, instance.clone(), context)
        })?;
        let encoder = component::encoder(&instance, sink, route.query).map_err(SinkError::Encoder)?;
        if !route.windowed {
            return Err(SinkError::NoWindow);
        }
        let worker = ScrapeWorker { encoder };
        Ok(Destination::Outbox(OutboxBinding {
            keeps_last: true,
            ..OutboxBinding::new(encode::KeptRows, worker)
        }))
    }
}

/// Answers scrapes of a sink with what all its queries show.
fn answer_scrapes(
    sink: &Sink,
    instance: Arc<SinkInstance>,
    context: &mut SinkContext<'_>,
) -> Result<(), SinkError> {
    let workers = &mut *context.workers;
    if context.input_ends {
        workers.tell_at_end(format!(
            "sink '{}' answers no scrapes any more: its page ends with the run, as what is read has an end",
            sink.name
        ));
    }
    let address = listen().text(&sink.options).unwrap_or_default().to_owned();
    let render = move || {
        crash::point("scrape.render");
        instance.render().unwrap_or_else(|fault| Response {
            status: 500,
            body: fault.to_string().into_bytes(),
            ..Response::default()
        })
    };
    let limits = workers.limits().scrape;
    workers.answer(&sink.name, "answers no scrapes any more", async |stop| {
        let scrape = Scrape::bind(&address, limits, Arc::new(render)).await?;
        let (name, address) = (&sink.name, scrape.address());
        info!(sink = name, "sink '{name}' answers scrapes at http://{address}/metrics");
        Ok(scrape.serve(stop))
    })
}

/// Gives the rows of one query to the component that shows them.
struct ScrapeWorker {
    encoder: Encoder,
}

impl SinkWorker for ScrapeWorker {
    fn takes(&self, payload: &Payload) -> bool {
        matches!(payload, Payload::Rows(_))
    }

    fn start(
        self: Box<Self>,
        outbox: Outbox,
        _: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError> {
        let left = outbox.clone();
        Ok(workers.thread("to scrapes", &left, move |stop| keep(&self.encoder, &outbox, stop))?)
    }
}

/// Gives rows to the component: those of a window are acknowledged when the component has rows of a later one.
fn keep(encoder: &Encoder, outbox: &Outbox, stop: &Stop) {
    let (mut kept, mut newest): (Vec<Arc<Message>>, i64) = (Vec::new(), i64::MIN);
    while !stop.is_set() && !outbox.is_drained() {
        for message in outbox.take_next(MESSAGES_MAX, stop) {
            crash::point("scrape.before_show");
            match show(encoder, &message) {
                Ok(window_end) if window_end > newest => {
                    outbox.acknowledge(kept.iter().map(|message| &**message));
                    (kept, newest) = (vec![message], window_end);
                }
                Ok(_) => kept.push(message),
                Err(why) => return outbox.fail(why),
            }
        }
    }
}

/// Lets a component show rows; gives the end of their window.
fn show(encoder: &Encoder, message: &Message) -> Result<i64, String> {
    let Payload::Rows(bytes) = &message.payload else { unreachable!("its messages are rows") };
    let rows = rows::decode(bytes).map_err(|error| error.to_string())?;
    let mut keys = Texts::default();
    (0..rows.len).for_each(|row| keys.push(format!("{}-{row}", message.sequence).as_bytes()));
    encode::encode_with(encoder, &rows, &keys, message.sequence).map_err(|fault| fault.to_string())?;
    match rows.identity {
        Identity::Window { end_us, .. } => Ok(end_us),
        Identity::Records { .. } => unreachable!("the sink takes rows of windows only"),
    }
}
