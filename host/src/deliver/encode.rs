//! Rows to messages: what is sent is made, once, when it is decided.

use std::sync::Arc;

use streamgauge_common::{
    column::{Bitmap, Column, Texts, Values},
    message::{Message, Payload, Record},
    row::{Identity, Rows, write_json, write_json_value},
};
use streamgauge_component::sink::{Deliveries, Encoded, Encoder, Windows};
use streamgauge_engine::Fault;
use streamgauge_sql::manifest;

use super::{
    key::{Keys, Named},
    output::{Format, JsonLines},
};

/// Makes a sink's messages of rows.
pub trait Encode: Send {
    /// The messages of some rows; the first has the number `first`.
    fn encode(&mut self, fields: &[manifest::Output], rows: &Rows, first: u64)
    -> Result<Vec<Message>, Fault>;
}

/// Lines for the console and for files: all rows in one message, unless that would be too long.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// A message of more than one row is not longer. A rotated file gets a whole number of messages.
    pub bytes_max: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { bytes_max: usize::MAX }
    }
}

impl Lines {
    /// The beginning of some lines that is one message, and the rest.
    fn split(self, lines: &[u8]) -> (&[u8], &[u8]) {
        if lines.len() <= self.bytes_max {
            return (lines, &[]);
        }
        let fitting = lines.get(..self.bytes_max).and_then(|start| memchr::memrchr(b'\n', start));
        let end = fitting.or_else(|| memchr::memchr(b'\n', lines)).map_or(lines.len(), |at| at + 1);
        lines.split_at(end)
    }
}

impl Encode for Lines {
    fn encode(
        &mut self,
        fields: &[manifest::Output],
        rows: &Rows,
        first: u64,
    ) -> Result<Vec<Message>, Fault> {
        let mut lines = Vec::new();
        JsonLines.write(&mut lines, "", fields, rows);
        let message = |sequence, rows, lines| {
            let payload = Payload::Lines(lines);
            Message { sequence, key: String::new(), lane: 0, rows, payload }
        };
        if lines.len() <= self.bytes_max {
            return Ok(vec![message(first, rows.len as u32, lines)]);
        }
        let (mut messages, mut rest) = (Vec::new(), lines.as_slice());
        while !rest.is_empty() {
            let (part, behind) = self.split(rest);
            let rows = memchr::memchr_iter(b'\n', part).count() as u32;
            messages.push(message(first + messages.len() as u64, rows, part.to_vec()));
            rest = behind;
        }
        Ok(messages)
    }
}

/// The header of a record that holds the idempotency key of its row.
pub const KEY_HEADER: &str = "idempotency-key";

/// Records for a topic: a row as JSON, under its key.
#[derive(Debug)]
pub struct Records {
    /// What its rows are called.
    pub keys: Keys,
    /// What the key of a record is.
    pub key: RecordKey,
    /// What each record has behind its idempotency key: names and values.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What the key of a row's record is. Records of one key are in one partition, in the order of their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKey {
    /// The group's keys as a JSON array; none where there are no groups.
    Group,
    /// The value of a column as text; none where it is NULL.
    Column(usize),
    /// A JSON object of columns.
    Object(Vec<usize>),
}

impl Encode for Records {
    fn encode(
        &mut self,
        fields: &[manifest::Output],
        rows: &Rows,
        first: u64,
    ) -> Result<Vec<Message>, Fault> {
        let message = |row: usize| {
            let mut value = Vec::with_capacity(128);
            write_json(&mut value, fields.iter().map(|field| field.name.as_str()).zip(&rows.columns), row);
            let named = self.keys.name(&rows.identity, row);
            let key = (KEY_HEADER.to_owned(), named.key.clone().into_bytes());
            let headers = [key].into_iter().chain(self.headers.iter().cloned()).collect();
            let record = Record { key: self.key.of(fields, rows, row), value: Some(value), headers };
            let (sequence, payload) = (first + row as u64, Payload::Record(record));
            Message { sequence, key: named.key, lane: named.lane, rows: 1, payload }
        };
        Ok((0..rows.len).map(message).collect())
    }
}

impl RecordKey {
    /// The key of a row.
    fn of(&self, fields: &[manifest::Output], rows: &Rows, row: usize) -> Option<Vec<u8>> {
        match self {
            Self::Group => group(&rows.identity, row),
            Self::Column(at) => rows.columns.get(*at).and_then(|column| text(column, row)),
            Self::Object(columns) => {
                let named = columns
                    .iter()
                    .filter_map(|&at| Some((fields.get(at)?.name.as_str(), rows.columns.get(at)?)));
                let mut key = Vec::new();
                write_json(&mut key, named, row);
                Some(key)
            }
        }
    }
}

/// A value as text: texts as they are, others as a row's JSON spells them, without quotes; none where that is null.
fn text(column: &Column, row: usize) -> Option<Vec<u8>> {
    if let Values::Text(texts) = &column.values {
        return column.is_valid(row).then(|| texts.get(row).to_vec());
    }
    let mut text = Vec::new();
    write_json_value(&mut text, column, row);
    // Of what is no text only times stand in quotes, and nothing in them is escaped.
    text.retain(|&byte| byte != b'"');
    (text != b"null").then_some(text)
}

/// A group's keys as a JSON array, so that a group stays in one partition and in order; none where there are no groups.
fn group(identity: &Identity, row: usize) -> Option<Vec<u8>> {
    let Identity::Window { keys, .. } = identity else { return None };
    let (first, rest) = keys.split_first()?;
    let mut key = vec![b'['];
    write_json_value(&mut key, first, row);
    for column in rest {
        key.push(b',');
        write_json_value(&mut key, column, row);
    }
    key.push(b']');
    Some(key)
}

/// Requests that a sink's component makes: for HTTP.
pub struct Requests {
    /// The component's encoder for this query.
    pub encoder: Arc<Encoder>,
    /// What its rows are called.
    pub keys: Keys,
    /// Whether all messages leave one after the other, whatever group they are of.
    pub in_one_lane: bool,
}

impl Encode for Requests {
    fn encode(&mut self, _: &[manifest::Output], rows: &Rows, first: u64) -> Result<Vec<Message>, Fault> {
        let named: Vec<Named> = (0..rows.len).map(|row| self.keys.name(&rows.identity, row)).collect();
        let mut keys = Texts::default();
        named.iter().for_each(|named| keys.push(named.key.as_bytes()));
        let encoded = encode_with(&self.encoder, rows, &keys, first)?;
        let mut names = named.into_iter();
        let messages = (first..).zip(encoded).filter_map(|(sequence, Encoded { request, deliveries })| {
            let Named { key, lane } = names.next()?;
            (1..deliveries).for_each(|_| drop(names.next()));
            let lane = if self.in_one_lane { 0 } else { lane };
            Some(Message { sequence, key, lane, rows: deliveries, payload: Payload::Request(request) })
        });
        Ok(messages.collect())
    }
}

/// Rows as they are, for a sink that is asked instead of told.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptRows;

impl Encode for KeptRows {
    fn encode(&mut self, _: &[manifest::Output], rows: &Rows, first: u64) -> Result<Vec<Message>, Fault> {
        let payload = Payload::Rows(super::rows::encode(rows));
        Ok(vec![Message { sequence: first, key: String::new(), lane: 0, rows: rows.len as u32, payload }])
    }
}

/// Gives rows to a component; `first` is the number of the first.
pub fn encode_with(encoder: &Encoder, rows: &Rows, keys: &Texts, first: u64) -> Result<Vec<Encoded>, Fault> {
    let sequences: Vec<u64> = (first..).take(rows.len).collect();
    let bounds = match &rows.identity {
        Identity::Window { start_us, end_us, forced, .. } => {
            Some((vec![*start_us; rows.len], vec![*end_us; rows.len], Bitmap::filled(rows.len, *forced)))
        }
        Identity::Records { .. } => None,
    };
    let windows = bounds.as_ref().map(|(starts, ends, forced)| Windows { starts, ends, forced });
    encoder.encode(&Deliveries { keys, sequences: &sequences, windows, columns: &rows.columns })
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{
        column::{DataType, Value},
        partition::SourceIndex,
    };

    use super::*;

    #[test]
    fn rows_that_are_too_long_for_one_message_are_divided_between_rows() {
        let fields = [manifest::Output {
            name: "n".into(),
            data_type: DataType::Int64,
            column: manifest::Column::Input(0),
        }];
        let rows = |values: &[i64]| {
            let mut column = Column::empty(DataType::Int64);
            values.iter().for_each(|&value| column.push(&Value::Int64(value)));
            let partition = SourceIndex::FIRST.partition(0);
            let identity = Identity::Records { partition, offsets: Vec::new(), indexes: None };
            Rows { columns: vec![column], len: values.len(), identity }
        };
        let encoded = |bytes_max, values: &[i64]| -> Vec<(u64, u32, String)> {
            let messages = Lines { bytes_max }.encode(&fields, &rows(values), 7).unwrap();
            let text = |message: &Message| match &message.payload {
                Payload::Lines(lines) => String::from_utf8(lines.clone()).unwrap(),
                _ => panic!("lines"),
            };
            messages.iter().map(|message| (message.sequence, message.rows, text(message))).collect()
        };
        let line = |n: i64| format!("{{\"n\":{n}}}\n");
        let all = line(1) + &line(2) + &line(3);
        assert_eq!(encoded(usize::MAX, &[1, 2, 3]), [(7, 3, all.clone())]);
        assert_eq!(encoded(24, &[1, 2, 3]), [(7, 3, all)]);
        assert_eq!(encoded(23, &[1, 2, 3]), [(7, 2, line(1) + &line(2)), (8, 1, line(3))]);
        assert_eq!(encoded(1, &[1, 22]), [(7, 1, line(1)), (8, 1, line(22))]);
    }

    fn column(data_type: DataType, values: &[Value]) -> Column {
        let mut column = Column::empty(data_type);
        values.iter().for_each(|value| column.push(value));
        column
    }

    /// The keys of two rows, as texts.
    fn keys(key: RecordKey, identity: Identity) -> [Option<String>; 2] {
        let columns = [
            ("tenant", column(DataType::Text, &[Value::Text("ä \"1\"".into()), Value::Null])),
            ("n", column(DataType::Int64, &[Value::Int64(-7), Value::Null])),
            ("ms", column(DataType::Float64, &[Value::Float64(2000.0), Value::Float64(f64::NAN)])),
            ("ok", column(DataType::Boolean, &[Value::Boolean(true), Value::Null])),
            ("at", column(DataType::Timestamp, &[Value::Timestamp(1_767_225_900_123_999), Value::Null])),
            ("empty", column(DataType::Text, &[Value::Text(String::new()), Value::Text("null".into())])),
        ];
        let field = |(name, column): &(&str, Column)| manifest::Output {
            name: (*name).to_owned(),
            data_type: column.data_type(),
            column: manifest::Column::Key(0),
        };
        let fields: Vec<manifest::Output> = columns.iter().map(field).collect();
        let rows =
            Rows { columns: columns.into_iter().map(|(_, column)| column).collect(), len: 2, identity };
        let mut records = Records { keys: Keys::new(7, "q"), key, headers: Vec::new() };
        let messages = records.encode(&fields, &rows, 1).unwrap();
        let keys: Vec<_> = messages
            .into_iter()
            .map(|message| match message.payload {
                Payload::Record(record) => record.key.map(|key| String::from_utf8(key).unwrap()),
                other => panic!("{other:?}"),
            })
            .collect();
        keys.try_into().unwrap()
    }

    fn window() -> Identity {
        let keys = vec![
            column(DataType::Text, &[Value::Text("a".into()), Value::Null]),
            column(DataType::Int64, &[Value::Int64(1), Value::Int64(2)]),
        ];
        Identity::Window { start_us: 0, end_us: 60, forced: false, keys, revisions: None }
    }

    #[test]
    fn a_record_has_the_key_that_the_sink_says() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(keys(RecordKey::Group, window()), [some(r#"["a",1]"#), some("[null,2]")]);
        let partition = SourceIndex::FIRST.partition(0);
        let records = Identity::Records { partition, offsets: vec![], indexes: None };
        assert_eq!(keys(RecordKey::Group, records.clone()), [None, None]);
        for (at, expected) in
            ["ä \"1\"", "-7", "2000.0", "true", "2026-01-01T00:05:00.123Z"].into_iter().enumerate()
        {
            assert_eq!(keys(RecordKey::Column(at), records.clone()), [some(expected), None]);
        }
        assert_eq!(keys(RecordKey::Column(5), window()), [some(""), some("null")], "an empty text is a key");
        assert_eq!(
            keys(RecordKey::Object(vec![1, 0]), window()),
            [some(r#"{"n":-7,"tenant":"ä \"1\""}"#), some(r#"{"n":null,"tenant":null}"#)]
        );
    }
}
