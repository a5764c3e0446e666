//! The laws of a sink by name.

use streamgauge_common::column::DataType;
use streamgauge_component::sink::{Descriptor, SinkComponent};
use streamgauge_sql::catalog::Parameter;

use super::trials::{self, Difference, Trial};

/// A law of every sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SinkLaw {
    Describe,
    Open,
    Encode,
    TwoInstances,
    KeepsNothing,
    Judge,
    Render,
}

impl SinkLaw {
    /// Those of a sink, in the order in which they are tried.
    pub(crate) fn of(answers_scrapes: bool) -> Vec<Self> {
        let own = match answers_scrapes {
            true => [Self::TwoInstances, Self::Render].as_slice(),
            false => [Self::TwoInstances, Self::KeepsNothing, Self::Judge].as_slice(),
        };
        [Self::Describe, Self::Open, Self::Encode].iter().chain(own).copied().collect()
    }

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Open => "open",
            Self::Encode => "encode",
            Self::TwoInstances => "two-instances",
            Self::KeepsNothing => "keeps-nothing",
            Self::Judge => "judge",
            Self::Render => "render",
        }
    }

    /// What holds.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Describe => "`describe` is complete and gives the same in every instance",
            Self::Open => "`open` takes the defaults and rows of a query",
            Self::Encode => "`encode` takes any rows, and its requests carry each delivery once, in order",
            Self::TwoInstances => "two instances that are given the same calls give the same requests",
            Self::KeepsNothing => "what `encode` gives does not depend on what it was given before",
            Self::Judge => "`judge` answers every status from 200 to 599, the same in every instance",
            Self::Render => "`render` gives a page after any rows, the same in every instance",
        }
    }

    /// What to change where it does not hold.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Describe => "return constants from `describe`, and correct what is named above",
            Self::Open => {
                "let `open` take the default of each option, and `{option:NAME}` for `url` and secrets: the host fills it in \
                 when it sends"
            }
            Self::Encode => {
                "handle NULL, NaN, infinities, the ends of integers and long texts, and let the numbers of `deliveries` add up \
                 to the rows: one request a row, or several rows a request, or no request at all if the sink answers scrapes"
            }
            Self::TwoInstances => {
                "use nothing that differs between instances: no addresses, no hash tables in the order of their buckets"
            }
            Self::KeepsNothing => {
                "make the requests of the rows, keys and sequences alone: between two calls the host may start another instance"
            }
            Self::Judge => {
                "give one outcome a delivery for each status, by the request and the response alone: another instance than \
                 the one that encoded may be asked"
            }
            Self::Render => "render from what `encode` was given alone, with a status from 200 to 599",
        }
    }

    /// The laws without which this one cannot be tried.
    pub(crate) fn needs(self) -> &'static [Self] {
        match self {
            Self::Describe | Self::Open | Self::Encode => &[],
            Self::TwoInstances | Self::Render => &[Self::Encode],
            Self::KeepsNothing | Self::Judge => &[Self::Encode, Self::TwoInstances],
        }
    }

    /// How it is tried on rows.
    pub(super) fn trial(self) -> Option<Trial> {
        match self {
            Self::Describe | Self::Open => None,
            Self::Encode => Some(trials::encode),
            Self::TwoInstances => Some(trials::two_instances),
            Self::KeepsNothing => Some(trials::keeps_nothing),
            Self::Judge => Some(trials::judge),
            Self::Render => Some(trials::render),
        }
    }
}

/// What a sink says about itself, if that can be used and is the same in two instances.
pub(super) fn description(component: &SinkComponent) -> Result<Descriptor, Box<Difference>> {
    let wrong = |expected: &str, got: String| {
        let (what, expected) = ("`describe`".to_owned(), expected.to_owned());
        Err(Box::new(Difference { what, expected, got }))
    };
    let described = match (component.describe(), component.describe()) {
        (Ok(one), Ok(other)) if one == other => one,
        (Ok(one), Ok(other)) => return wrong(&format!("{one:?} again"), format!("{other:?}")),
        (Err(fault), _) | (_, Err(fault)) => return wrong("a description", fault.what),
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if !is_name(&described.name) {
        return wrong("a name of lower-case letters, digits and `_`", format!("'{}'", described.name));
    }
    if described.version.trim().is_empty() {
        return wrong("a version such as 1.0.0", "an empty one".to_owned());
    }
    let is_url = |option: &Parameter| option.name == "url" && option.data_type == DataType::Text;
    if !component.answers_scrapes() && !described.options.iter().any(is_url) {
        return wrong("an option `url` of type TEXT, which says where requests go", "none".to_owned());
    }
    for option in &described.options {
        if !is_name(&option.name) {
            return wrong(
                "names of options of lower-case letters, digits and `_`",
                format!("'{}'", option.name),
            );
        }
        let given = option.default.as_ref().and_then(|default| default.data_type());
        if given.is_some_and(|given| given != option.data_type) {
            let due = format!("a default of type {} for the option `{}`", option.data_type, option.name);
            return wrong(&due, format!("{:?}", option.default));
        }
    }
    Ok(described)
}
