//! JSON as it stands in a file: the fields of an object keep their order, which is that of a row's columns.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    /// A whole number that fits in 64 bits.
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Node {
    /// Whether both are the same JSON: the order of fields and the way in which a number is written mean nothing.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Number(other)) | (Self::Number(other), Self::Integer(one)) => {
                *one as f64 == *other
            }
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
            }
            (Self::Object(one), Self::Object(other)) => {
                let has = |(name, value): &(String, Self)| {
                    other.iter().any(|(known, other)| known == name && value.is_same(other))
                };
                one.len() == other.len() && one.iter().all(has)
            }
            _ => self == other,
        }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "true or false",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
            }
        }
    }
}

/// On one line; fields in the order of the file.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(
                        f,
                        "{}{}: {value}",
                        if index == 0 { "" } else { ", " },
                        Value::from(name.as_str())
                    )?;
                }
                f.write_str("}")
            }
            _ => write!(f, "{}", self.to_json()),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Number(value as f64), Node::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut fields: Vec<(String, Node)> = Vec::new();
        while let Some((name, value)) = object.next_entry::<String, Node>()? {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("the field `{name}` stands twice in one object")));
            }
            fields.push((name, value));
        }
        Ok(Node::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_same_json_is_the_same_however_it_is_written() {
        assert!(node(r#"{"a": 1, "b": [1.50, null]}"#).is_same(&node(r#"{"b":[1.5,null],"a":1.0}"#)));
        for (one, other) in
            [("1", "2"), ("[1]", "[1, 1]"), (r#"{"a":1}"#, r#"{"a":1,"b":1}"#), ("1", r#""1""#)]
        {
            assert!(!node(one).is_same(&node(other)), "{one} {other}");
        }
        // Whole numbers that a double cannot tell apart are apart.
        assert!(!node("9007199254740993").is_same(&node("9007199254740992")));
    }

    #[test]
    fn fields_keep_their_order_and_stand_once() {
        assert_eq!(node(r#"{"z":1,"a":"\"x\""}"#).to_string(), r#"{"z": 1, "a": "\"x\""}"#);
        let twice = serde_json::from_str::<Node>("{\n\"a\":1,\"a\":2}").unwrap_err().to_string();
        assert!(twice.starts_with("the field `a` stands twice in one object at line 2"), "{twice}");
    }
}
