//! The reducers and connectors that come with the product, as the front end sees them.
//!
//! The host's tests run the same cases of `tests/reject` with the connectors themselves.

use streamgauge_sql::catalog::{
    Catalog, OwnPlugin, Parameter, PluginWarning, Reducer, Signature, SinkPlugin, UsedAs, WrongPlugin,
};
use streamgauge_sql::connector::{OptionKind, OptionSpec, SecretUse};
use streamgauge_sql::header::{HeaderRules, HeaderText};
use streamgauge_sql::plugin::PluginFile;
use streamgauge_sql::types::{DataType, Value};

use DataType::{Boolean, Float64, Int64, Text, Timestamp};

/// A catalog that never changes.
pub(crate) struct Builtin;

impl Catalog for Builtin {
    #[expect(clippy::too_many_lines, reason = "a table: one line a reducer")]
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String> {
        if name == "broken" {
            return Err("its file is no component".to_owned());
        }
        let signatures = match name {
            "count" => {
                let one = [Boolean, Int64, Float64, Timestamp, Text]
                    .map(|data_type| signature(&[data_type], Int64));
                std::iter::once(signature(&[], Int64)).chain(one).collect()
            }
            "sum" => vec![signature(&[Int64], Int64), signature(&[Float64], Float64)],
            "avg" => vec![signature(&[Int64], Float64), signature(&[Float64], Float64)],
            "min" | "max" => {
                [Int64, Float64, Timestamp, Text].map(|data_type| signature(&[data_type], data_type)).into()
            }
            "stddev" => {
                let flag = |name: &str| parameter(name, Boolean, Some(Value::Boolean(true)));
                vec![Signature {
                    parameters: vec![flag("sample"), flag("root")],
                    ..signature(&[Float64], Float64)
                }]
            }
            "percentile" => {
                vec![Signature {
                    parameters: vec![parameter("p", Float64, None)],
                    ..signature(&[Float64], Float64)
                }]
            }
            "percentile_cont" => {
                vec![Signature { growing: true, ..fraction(Float64) }]
            }
            "percentile_disc" => [Int64, Float64, Timestamp]
                .map(|data_type| Signature { growing: true, ..fraction(data_type) })
                .into(),
            "first" | "last" => [Boolean, Int64, Float64, Timestamp, Text]
                .map(|data_type| Signature {
                    needs_time: true,
                    growing: data_type == Text,
                    ..signature(&[data_type], data_type)
                })
                .into(),
            "arg_min" | "arg_max" => [Boolean, Int64, Float64, Timestamp, Text]
                .iter()
                .flat_map(|&value| {
                    [Int64, Float64, Timestamp]
                        .map(|key| Signature { growing: value == Text, ..signature(&[value, key], value) })
                })
                .collect(),
            "count_distinct" | "approx_count_distinct" => [Boolean, Int64, Float64, Timestamp, Text]
                .map(|data_type| Signature {
                    growing: name == "count_distinct",
                    ..signature(&[data_type], Int64)
                })
                .into(),
            "corr" | "regr_slope" => vec![signature(&[Float64, Float64], Float64)],
            "mad" => vec![Signature { growing: true, ..signature(&[Float64], Float64) }],
            "rate" => vec![Signature { growing: true, needs_time: true, ..signature(&[Float64], Float64) }],
            "ewma" => {
                let parameters = vec![parameter("half_life", Float64, None)];
                vec![Signature { needs_time: true, parameters, ..signature(&[Float64], Float64) }]
            }
            "string_agg" => {
                let parameters = vec![parameter("separator", Text, None)];
                vec![Signature { needs_time: true, growing: true, parameters, ..signature(&[Text], Text) }]
            }
            "top_k" => [Text, Int64]
                .map(|data_type| Signature {
                    growing: true,
                    parameters: vec![parameter("k", Int64, None)],
                    ..signature(&[data_type], Text)
                })
                .into(),
            "histogram" => {
                let buckets = parameter("buckets", Text, Some(Value::Text("0.1, 1".to_owned())));
                vec![Signature { parameters: vec![buckets], ..signature(&[Float64], Text) }]
            }
            "bool_and" | "bool_or" => vec![signature(&[Boolean], Boolean)],
            "z_score" => vec![Signature { needs_time: true, ..signature(&[Float64], Float64) }],
            _ => return Ok(None),
        };
        let (version, docs) = ("1.0.0".to_owned(), String::new());
        Ok(Some(Reducer { name: name.to_owned(), version, docs, signatures }))
    }

    fn reducer_of(&self, _name: &str, file: &PluginFile) -> Result<OwnPlugin<Reducer>, WrongPlugin> {
        let tagged = file.path == "oci://registry.example/geomean:1.2";
        if !tagged && !file.path.ends_with("plugins/geomean.wasm") {
            let (message, help) = (format!("cannot read {}", file.path), Some("is it there?".to_owned()));
            return Err(WrongPlugin { option: None, message, help });
        }
        let digest = "ab".repeat(32);
        if file.sha256.as_ref().is_some_and(|pinned| *pinned != digest) {
            let message = "the file has other bytes".to_owned();
            return Err(WrongPlugin { option: Some("sha256"), message, help: None });
        }
        let offset = parameter("offset", Float64, Some(Value::Float64(0.0)));
        let signatures = vec![
            Signature { parameters: vec![offset], ..signature(&[Float64], Float64) },
            Signature { needs_time: true, growing: true, ..signature(&[Text, Int64], Text) },
        ];
        // What a component calls itself does not matter, even where something built in is called so.
        let (name, version, docs) = ("count".to_owned(), "1.0.0".to_owned(), String::new());
        let warning = tagged.then(|| PluginWarning {
            message: "the location has no digest".to_owned(),
            help: "write one".to_owned(),
        });
        let described = Reducer { name, version, docs, signatures };
        Ok(OwnPlugin { described, sha256: digest, warning })
    }

    fn connector_of(&self, _name: &str, file: &PluginFile) -> Result<OwnPlugin<SinkPlugin>, WrongPlugin> {
        if !file.path.ends_with("plugins/pager.wasm") {
            return Err(WrongPlugin {
                option: None,
                message: format!("cannot read {}", file.path),
                help: None,
            });
        }
        let url = option("url", OptionKind::Url).required("https://...").secret(SecretUse::Allowed);
        let token = option("routing_key", OptionKind::Literal(Text)).secret(SecretUse::Allowed);
        let options = vec![url, token, option("level", OptionKind::Literal(Int64))];
        let described = SinkPlugin { name: "Pager of a company".to_owned(), options };
        Ok(OwnPlugin { described, sha256: "cd".repeat(32), warning: None })
    }

    fn connectors(&self, used_as: UsedAs) -> Vec<String> {
        let names: &[&str] = match used_as {
            UsedAs::Source => &["kafka", "file"],
            UsedAs::Sink => &["console", "file", "kafka", "slack", "webhook", "prometheus"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn options(&self, used_as: UsedAs, connector: &str) -> Result<Vec<OptionSpec>, String> {
        let text = OptionKind::Literal(Text);
        let format = option("format", OptionKind::Word(&["json"]));
        let kafka = [
            option("brokers", OptionKind::Brokers).required("host:9092"),
            option("topic", OptionKind::Topic).required("name"),
            option("kafka", OptionKind::ClientProperties),
        ];
        let url = option("url", OptionKind::Url).required("https://...").secret(SecretUse::Allowed);
        let http = [
            option("reject_after", OptionKind::Duration),
            option("allow_private", OptionKind::Word(&["true", "false"])),
        ];
        Ok(match (used_as, connector) {
            (UsedAs::Source, "file") => vec![option("path", text).required("events.jsonl")],
            (UsedAs::Source, _) => kafka.to_vec(),
            (UsedAs::Sink, "file") => vec![
                format,
                option("path", text).required("rows.jsonl"),
                option("mode", OptionKind::Word(&["append", "overwrite"])),
                option("rotate_bytes", OptionKind::Bytes),
                option("rotate_every", OptionKind::Duration),
            ],
            (UsedAs::Sink, "kafka") => {
                let control = option("control_topic", OptionKind::Topic);
                let (headers, key) =
                    (headers(HeaderText::Utf8, &["idempotency-key"]), option("key", OptionKind::Columns));
                std::iter::once(format).chain(kafka).chain([control, headers, key]).collect()
            }
            (UsedAs::Sink, "slack") => {
                let ambiguous = option("on_ambiguous", OptionKind::Word(&["resend", "drop"]));
                [url, ambiguous].into_iter().chain(http).collect()
            }
            (UsedAs::Sink, "webhook") => {
                let signing = option("signing_secret", text).secret(SecretUse::Required);
                let headers = headers(HeaderText::VisibleAscii, RESERVED).secret(SecretUse::Allowed);
                [url, signing, headers].into_iter().chain(http).collect()
            }
            (UsedAs::Sink, "prometheus") => {
                vec![option("listen", OptionKind::Listen).or("127.0.0.1:9464"), option("prefix", text)]
            }
            (UsedAs::Sink, _) => vec![format],
        })
    }
}

/// Headers that a webhook sets itself, as far as the cases name them.
const RESERVED: &[&str] = &["content-type", "host", "webhook-id"];

fn headers(values: HeaderText, reserved: &'static [&'static str]) -> OptionSpec {
    option("headers", OptionKind::Headers(HeaderRules { values, reserved }))
}

fn option(name: &'static str, kind: OptionKind) -> OptionSpec {
    OptionSpec::new(name, kind, "an option")
}

fn signature(arguments: &[DataType], returns: DataType) -> Signature {
    let (arguments, parameters) = (arguments.to_vec(), Vec::new());
    Signature {
        arguments,
        parameters,
        returns,
        needs_time: false,
        growing: false,
        state_bytes_max: None,
        tolerance: 0.0,
        state_version: 1,
        restores: Vec::new(),
    }
}

/// A percentile of a share.
fn fraction(data_type: DataType) -> Signature {
    Signature { parameters: vec![parameter("q", Float64, None)], ..signature(&[data_type], data_type) }
}

fn parameter(name: &str, data_type: DataType, default: Option<Value>) -> Parameter {
    Parameter { name: name.to_owned(), data_type, docs: format!("the parameter {name}"), default }
}
