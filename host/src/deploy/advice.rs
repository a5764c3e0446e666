//! What people are told to do: by options of `run` and the commands for its state, or by the commands of a host.

use std::path::Path;

use streamgauge_state::store::Store;

use super::leftovers::removal;

/// How whoever reads a message can change what it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// By options of `streamgauge run`, and by `streamgauge state`.
    #[default]
    OfRun,
    /// By the commands that ask a host; the text of a deployment is all that it is given.
    OfHost,
}

impl Advice {
    /// The command that lets a query begin anew.
    pub(super) fn removal(self, deployment: &str, store: &Store, query: &str) -> String {
        match self {
            Self::OfRun => removal(store, query),
            Self::OfHost => format!("streamgauge deploy FILE --name {deployment} --reset {query}"),
        }
    }

    /// How a file is emptied that a sink writes to.
    pub(super) fn overwriting(self, sink: &str) -> String {
        match self {
            Self::OfRun => format!("add --overwrite {sink} to remove what it holds"),
            Self::OfHost => {
                "write mode = 'overwrite' into the sink's WITH to remove what it holds".to_owned()
            }
        }
    }

    /// How what stands behind the rows of a file is removed.
    pub(super) fn cutting(self, sink: &str, path: &Path, length: u64) -> String {
        match self {
            Self::OfRun => format!("add --overwrite {sink} to remove them: the {length} bytes stay"),
            Self::OfHost => {
                format!(
                    "remove them with `truncate --size={length} {}`: the {length} bytes stay",
                    path.display()
                )
            }
        }
    }

    /// How rows go on where a file is not what it was.
    pub(super) fn anew(self, sinks: &[String]) -> String {
        match self {
            Self::OfRun => {
                let options: Vec<String> = sinks.iter().map(|sink| format!("--overwrite {sink}")).collect();
                format!("keep the file elsewhere and begin it anew with {}", options.join(" "))
            }
            Self::OfHost => "name another file in the sink's WITH".to_owned(),
        }
    }

    /// How queries go on with another topic of the same name; none = as a reader of Kafka says by itself.
    pub(super) fn accepting(self, source: &str) -> Option<String> {
        match self {
            Self::OfRun => None,
            Self::OfHost => Some(format!(
                "'streamgauge accept-topic DEPLOYMENT {source}' for each deployment that reads it"
            )),
        }
    }

    /// How crash bundles are kept; none = as a run says.
    pub(super) fn keeping_bundles(self) -> Option<&'static str> {
        match self {
            Self::OfRun => None,
            Self::OfHost => Some("; a host whose state is in a local folder keeps what reproduces it"),
        }
    }

    /// How limits are set.
    pub(super) fn limits(self, limits: &[(&str, u64)]) -> String {
        let all = |limit: &dyn Fn(&(&str, u64)) -> String, between: &str| {
            limits.iter().map(limit).collect::<Vec<_>>().join(between)
        };
        match self {
            Self::OfRun => {
                let options = all(&|(name, value)| format!("--limit {name}={value}"), " ");
                format!("run it with {options} until it ends or is interrupted once")
            }
            Self::OfHost => {
                let keys = all(&|(name, value)| format!("{name} = {value}"), " and ");
                format!(
                    "start the host with {keys} in [limits], and let it end by SIGTERM once the deployment runs"
                )
            }
        }
    }
}
