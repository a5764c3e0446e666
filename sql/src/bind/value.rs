//! The options of a statement with their values put in: behind this step a value of `env('NAME')` is a text as if it had been
//! written.

use sqlparser::tokenizer::Span;

use crate::error::{Checked, Problem};
use crate::errors::{Errors, all};
use crate::parse::options::{Item, OptionDef, Part, PartKind, Written, plain_secret};
use crate::parse::secret::is_secret;
use crate::variables::{Origin, Variables, is_variable_name};

/// The options of a WITH list.
pub(super) struct GivenOptions {
    pub(super) list: Vec<GivenOption>,
    origins: Vec<Origins>,
    /// What is doubtful in the values.
    pub(super) warnings: Vec<Problem>,
}

/// From which variables a value comes.
struct Origins {
    /// Where the value stands.
    span: Span,
    /// The option or the header whose value it is.
    of: String,
    words: String,
}

/// One option.
pub(super) struct GivenOption {
    /// In lower case.
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: OptionText,
    pub(super) span: Span,
}

/// The value of an option.
pub(super) enum OptionText {
    /// A text, a number or TRUE and FALSE.
    Text(String),
    /// `secret('NAME')`
    Secret(String),
    /// `INTERVAL ...`, in microseconds.
    Interval(i64),
    /// `(name = value, ...)`
    List(Vec<GivenItem>),
}

/// One item of a list.
pub(super) struct GivenItem {
    /// As it was written.
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) pieces: Vec<Piece>,
    pub(super) span: Span,
}

/// A part of a text; beside a text stands no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Secret(String),
}

impl GivenOptions {
    /// Puts the values of variables in.
    pub(super) fn new(options: &[OptionDef], variables: &Variables) -> Checked<Self> {
        let mut given = Self { list: Vec::new(), origins: Vec::new(), warnings: Vec::new() };
        let mut errors = Errors::default();
        for OptionDef { key, key_span, value, span } in options {
            let value = match value {
                Written::Interval(micros) => Ok(OptionText::Interval(*micros)),
                Written::Joined(parts) => given.text(key, parts, *span, variables),
                Written::List(items) => {
                    all(items.iter().map(|item| given.item(item, variables))).map(OptionText::List)
                }
            };
            if let Some(value) = errors.keep(value) {
                given.list.push(GivenOption { key: key.clone(), key_span: *key_span, value, span: *span });
            }
        }
        errors.end().map(|()| given)
    }

    fn text(&mut self, key: &str, parts: &[Part], span: Span, variables: &Variables) -> Checked<OptionText> {
        if is_secret(key) {
            check_secret(key, parts, span)?;
        }
        match self.pieces(key, parts, span, variables)?.as_slice() {
            [Piece::Text(text)] => Ok(OptionText::Text(text.clone())),
            [Piece::Secret(name)] => Ok(OptionText::Secret(name.clone())),
            _ => Err(Problem::new(span, format!("in `{key}` a secret cannot be joined with other text"))
                .help(format!("put the whole value into the secret and write {key} = secret('NAME')"))),
        }
    }

    fn item(&mut self, item: &Item, variables: &Variables) -> Checked<GivenItem> {
        let Item { name, name_span, parts, span } = item;
        let pieces = self.pieces(name, parts, *span, variables)?;
        Ok(GivenItem { name: name.clone(), name_span: *name_span, pieces, span: *span })
    }

    /// The value that parts give together; texts beside each other are one.
    fn pieces(&mut self, of: &str, parts: &[Part], span: Span, variables: &Variables) -> Checked<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut origins = Vec::new();
        for part in parts {
            let text = match &part.kind {
                PartKind::Secret(name) => {
                    pieces.push(Piece::Secret(name.clone()));
                    continue;
                }
                PartKind::Text(text) => {
                    self.warnings.extend(placeholder(text, part.span));
                    text.clone()
                }
                PartKind::Env { name, default } => {
                    let (text, origin) = variable(name, default.as_deref(), part.span, variables)?;
                    origins.push(origin.of(name));
                    text
                }
            };
            match pieces.last_mut() {
                Some(Piece::Text(before)) => before.push_str(&text),
                _ => pieces.push(Piece::Text(text)),
            }
        }
        if !origins.is_empty() {
            let made = if parts.len() > 1 { "made of " } else { "" };
            let words = format!("{made}{}", origins.join(" and "));
            self.origins.push(Origins { span, of: of.to_owned(), words });
        }
        Ok(pieces)
    }

    /// What is wrong with a value says where the value comes from.
    pub(super) fn with_origin(&self, mut problem: Box<Problem>) -> Box<Problem> {
        self.add_origin(&mut problem);
        let mut others = std::mem::take(&mut problem.others);
        others.iter_mut().for_each(|other| self.add_origin(other));
        Box::new(Problem { others, ..*problem })
    }

    fn add_origin(&self, problem: &mut Problem) {
        if let Some(Origins { of, words, .. }) =
            self.origins.iter().find(|origins| origins.span == problem.span)
        {
            let link =
                if problem.message.ends_with('\'') { ", ".to_owned() } else { format!("; `{of}` is ") };
            problem.message = format!("{}{link}{words}", problem.message);
        }
    }
}

/// The value of `env('NAME')` and who gave it.
fn variable(
    name: &str,
    default: Option<&str>,
    span: Span,
    variables: &Variables,
) -> Checked<(String, Origin)> {
    if let Some(variable) = variables.get(name) {
        return Ok((variable.value.clone(), variable.origin));
    }
    let default = default.map(|text| (text.to_owned(), Origin::Default));
    default.ok_or_else(|| {
        Problem::new(span, format!("`{name}` is not set")).help(format!(
            "export {name}=..., or give --set {name}=VALUE, or write a default: env('{name}', 'value')"
        ))
    })
}

/// An option that is always a secret takes no variable, and nothing that is joined. A text alone is refused where the option is read.
fn check_secret(key: &str, parts: &[Part], span: Span) -> Checked<()> {
    match parts {
        [Part { kind: PartKind::Secret(_) | PartKind::Text(_), .. }] => Ok(()),
        [Part { kind: PartKind::Env { name, .. }, .. }] => Err(env_as_secret(key, name, span)),
        _ => Err(plain_secret(key, span)),
    }
}

fn env_as_secret(key: &str, name: &str, span: Span) -> Box<Problem> {
    Problem::new(span, format!("`{key}` is a secret, and values of env() may be shown"))
        .help(format!("write {key} = secret('{name}'), which reads the environment, too"))
}

/// `${NAME}` in a text, which means something in other systems.
fn placeholder(text: &str, span: Span) -> Option<Problem> {
    let quoted = |text: &str| (!text.is_empty()).then(|| format!("'{}'", text.replace('\'', "''")));
    let (mut parts, mut first, mut rest) = (Vec::new(), None, text);
    while let Some((before, name, behind)) = split_at_placeholder(rest) {
        first = first.or(Some(name));
        parts.extend(quoted(before));
        parts.push(format!("env('{name}')"));
        rest = behind;
    }
    parts.extend(quoted(rest));
    let message = format!("`${{{}}}` stands for itself: texts have no placeholders", first?);
    Some(*Problem::new(span, message).help(format!("write {}", parts.join(" || "))))
}

/// What stands before the first placeholder, its name, and what stands behind it.
fn split_at_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices("${").find_map(|(at, opening)| {
        let (name, behind) = text.get(at + opening.len()..)?.split_once('}')?;
        is_variable_name(name).then_some((text.get(..at)?, name, behind))
    })
}
