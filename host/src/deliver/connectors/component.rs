//! What connectors share whose messages a component makes: the options that it describes, its instance, and its encoders.

use std::sync::Arc;

use streamgauge_component::{
    check::Refused,
    plugins::Plugins,
    sink::{Descriptor, Encoder, LoadedSink, SinkInstance},
};
use streamgauge_engine::Fault;
use streamgauge_sql::{
    catalog::Parameter,
    connector::{OptionKind, OptionSpec, SecretUse, literal},
    manifest::{Input, Manifest, OptionValue, Sink},
    types::{DataType, Value},
};

use crate::deliver::{
    connector::{SinkContext, SinkError},
    http::declared::{Declared, is_address},
};

/// The options that a component describes. `secret` says whether its texts may be secrets: only a request has them filled in.
pub(super) fn described(
    plugins: &Plugins,
    component: &str,
    secret: SecretUse,
) -> Result<Vec<OptionSpec>, Refused> {
    let loaded = plugins.sink(component)?;
    Ok(loaded.iter().flat_map(|loaded| specs(&loaded.description, secret)).collect())
}

/// The same of a component that is loaded.
pub(super) fn specs(description: &Descriptor, secret: SecretUse) -> impl Iterator<Item = OptionSpec> {
    description.options.iter().map(move |option| spec(option, secret))
}

/// An option that a component describes: its name, type and meaning. The option `url` is where requests go.
fn spec(option: &Parameter, secret: SecretUse) -> OptionSpec {
    let is_url = is_address(&option.name);
    let kind = if is_url { OptionKind::Url } else { OptionKind::Literal(option.data_type) };
    let is_text = option.data_type == DataType::Text;
    OptionSpec {
        name: option.name.clone().into(),
        kind,
        required: option.default.is_none(),
        secret: if is_text { secret } else { SecretUse::Refused },
        // The component itself fills its defaults in.
        default: None,
        example: None,
        docs: option.docs.clone().into(),
    }
}

/// The component of a sink, or why it is not there: one of the user's own, or the one that has the connector's name.
fn loaded(plugins: &Plugins, sink: &Sink) -> Result<Arc<LoadedSink>, SinkError> {
    let loaded = match &sink.plugin {
        Some(plugin) => plugins.own_sink(&sink.connector, &plugin.file),
        None => plugins.sink(&sink.connector)?,
    };
    loaded.ok_or_else(|| SinkError::NoComponent(sink.connector.clone()))
}

/// The running component of a sink, started when the first query needs it: `begin` is then called with it.
pub(super) fn instance(
    sink: &Sink,
    context: &mut SinkContext<'_>,
    begin: impl FnOnce(&Arc<SinkInstance>, &mut SinkContext<'_>) -> Result<(), SinkError>,
) -> Result<Arc<SinkInstance>, SinkError> {
    if let Some(instance) = context.instances.get(&sink.name) {
        return Ok(instance.clone());
    }
    let loaded = loaded(context.plugins, sink)?;
    let instance = Arc::new(loaded.component.start().map_err(SinkError::Start)?);
    begin(&instance, context)?;
    context.instances.insert(sink.name.clone(), instance.clone());
    Ok(instance)
}

/// The encoder of a query's rows.
pub(super) fn encoder(instance: &SinkInstance, sink: &Sink, query: &Manifest) -> Result<Encoder, Fault> {
    let described = &instance.described().options;
    let given = described
        .iter()
        .filter_map(|option| Some((option.name.as_str(), value(option, sink.options.get(&option.name)?))));
    // A view is what people named; the statement that sends its rows has only a number.
    let name = match &query.input {
        Input::View(view) => view,
        Input::Source(_) | Input::Late(_) => &query.name,
    };
    instance.open(&given.collect::<Vec<_>>(), name, &query.output)
}

/// What a component is told of an option. Where messages go is filled in behind it, when they are sent.
fn value(option: &Parameter, value: &OptionValue) -> Value {
    match value {
        OptionValue::Text(text) if !is_address(&option.name) => {
            // The binder has checked it; a text of another type is refused by the component's instance.
            literal(text, option.data_type).unwrap_or_else(|| Value::Text(text.clone()))
        }
        _ => Value::Text(Declared::placeholder(&option.name)),
    }
}

/// Why a sink does not take the rows of a query; none where it does, or where the component cannot be asked now.
pub(super) fn wrong_rows(sink: &Sink, query: &Manifest, plugins: &Plugins) -> Option<String> {
    let instance = loaded(plugins, sink).ok()?.component.start().ok()?;
    encoder(&instance, sink, query).err().map(|fault| fault.to_string())
}
