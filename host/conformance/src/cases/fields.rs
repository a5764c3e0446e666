//! The fields of an object in a file of cases. Each error is the end of a sentence about the object.

use super::node::Node;

/// An object, of which only fields are there that are known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [(String, Node)]);

impl<'a> Fields<'a> {
    /// The fields of an object; any other field than the known ones is refused.
    pub(super) fn of(node: &'a Node, known: &[&str]) -> Result<Self, String> {
        let fields = object(node)?;
        match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(Self(fields)),
            Some((unknown, _)) => {
                Err(format!("has the unknown field `{unknown}`; the fields are {}", listed(known)))
            }
        }
    }

    /// A field, if it is there.
    pub(super) fn get(self, name: &str) -> Option<&'a Node> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A field that has to be there.
    pub(super) fn needed(self, name: &str) -> Result<&'a Node, String> {
        self.get(name).ok_or_else(|| format!("has no `{name}`"))
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        self.get(name)
            .map(|node| text(node).map_err(|why| format!("has a field `{name}` that {why}")))
            .transpose()
    }

    pub(super) fn needed_text(self, name: &str) -> Result<&'a str, String> {
        self.text(name)?.ok_or_else(|| format!("has no `{name}`"))
    }

    pub(super) fn list(self, name: &str) -> Result<Option<&'a [Node]>, String> {
        let list = |node| list(node).map_err(|why| format!("has a field `{name}` that {why}"));
        self.get(name).map(list).transpose()
    }

    pub(super) fn object(self, name: &str) -> Result<&'a [(String, Node)], String> {
        let object = |node| object(node).map_err(|why| format!("has a field `{name}` that {why}"));
        Ok(self.get(name).map(object).transpose()?.unwrap_or_default())
    }

    /// A whole number that is not negative.
    pub(super) fn count(self, name: &str) -> Result<Option<u64>, String> {
        let count = |node: &Node| match node {
            Node::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        };
        let wrong = || format!("has a field `{name}` that is no whole number from 0");
        self.get(name).map(|node| count(node).ok_or_else(wrong)).transpose()
    }
}

pub(super) fn list(node: &Node) -> Result<&[Node], String> {
    match node {
        Node::List(items) => Ok(items),
        other => Err(format!("is {}, not a list", other.kind())),
    }
}

pub(super) fn text(node: &Node) -> Result<&str, String> {
    match node {
        Node::Text(text) => Ok(text),
        other => Err(format!("is {}, not a text", other.kind())),
    }
}

fn object(node: &Node) -> Result<&[(String, Node)], String> {
    match node {
        Node::Object(fields) => Ok(fields),
        other => Err(format!("is {}, not an object", other.kind())),
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", first.join(", "))
        }
    }
}
