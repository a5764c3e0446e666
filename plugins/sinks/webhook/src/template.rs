//! The option `template`: the body of a request, JSON with the names of columns where their values belong.
//!
//! A placeholder `{column}` stands inside a string. If it is the whole string and the string is a value, the value of the column takes its place
//! with its type: a number, true, false, null, or a string. Elsewhere in a string it is the text of the value, and NULL is no text. `{{` and `}}` in
//! a string are braces.

use streamgauge_functions::{
    format_boolean, format_i64, format_json_f64, format_json_text, format_json_timestamp,
};
use streamgauge_sdk::{
    Cell, Error,
    sink::{Row, Schema},
};

use crate::row::format_json_cell;

/// How deep arrays and objects may be in one another.
const DEPTH_MAX: usize = 64;

/// A body with placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// As it was written.
    Json(Vec<u8>),
    /// The value of a column, with its type.
    Value(usize),
    /// The text of the value of a column, inside a string.
    Text(usize),
}

impl Template {
    /// Reads a template for rows of a schema.
    ///
    /// # Errors
    /// It is no JSON, or names a column that there is not.
    pub(crate) fn read(text: &str, schema: &Schema) -> Result<Self, Error> {
        let mut reading = Reading { text: text.as_bytes(), at: 0, schema, pieces: Vec::new() };
        let read = reading.value(0).and_then(|()| {
            reading.blanks();
            if reading.at == reading.text.len() { Ok(()) } else { Err(reading.unexpected("nothing more")) }
        });
        read.map_err(|why| Error::Invalid(format!("`template` {why}")))?;
        Ok(Self { pieces: reading.pieces })
    }

    /// Appends the body of a row.
    pub(crate) fn write(&self, out: &mut Vec<u8>, row: &Row<'_>) {
        for piece in &self.pieces {
            match piece {
                Piece::Json(text) => out.extend_from_slice(text),
                Piece::Value(column) => format_json_cell(row.value(*column), out),
                Piece::Text(column) => format_inner_text(row.value(*column), out),
            }
        }
    }
}

/// The text of a value as a part of a JSON string.
fn format_inner_text(value: Option<Cell<'_>>, out: &mut Vec<u8>) {
    let mut quoted = Vec::new();
    match value {
        None => return,
        Some(Cell::Boolean(value)) => return format_boolean(value, out),
        Some(Cell::Int64(value)) => return format_i64(value, out),
        Some(Cell::Float64(value)) => return format_json_f64(value, out),
        Some(Cell::Timestamp(value)) => format_json_timestamp(value, &mut quoted),
        Some(Cell::Text(value)) => format_json_text(value.as_bytes(), &mut quoted),
    }
    out.extend_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}

/// A template that is being read.
struct Reading<'a> {
    text: &'a [u8],
    at: usize,
    schema: &'a Schema,
    pieces: Vec<Piece>,
}

/// Whether a string is the name of a member or a value.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Name,
    Value,
}

/// The end of a sentence about the template.
type Read = Result<(), String>;

impl Reading<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Takes a byte into the JSON that is written as it is.
    fn take(&mut self) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match self.pieces.last_mut() {
            Some(Piece::Json(json)) => json.push(byte),
            _ => self.pieces.push(Piece::Json(vec![byte])),
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Read {
        self.blanks();
        if self.peek() != Some(byte) {
            return Err(self.unexpected(&format!("`{}`", char::from(byte))));
        }
        self.take();
        Ok(())
    }

    fn unexpected(&self, due: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found: String = String::from_utf8_lossy(rest).chars().take(20).collect();
        let found = if found.is_empty() { "its end".to_owned() } else { format!("`{found}`") };
        format!("is no JSON: expected {due}, found {found}")
    }

    fn value(&mut self, depth: usize) -> Read {
        self.blanks();
        if depth > DEPTH_MAX {
            return Err(format!("has more than {DEPTH_MAX} arrays and objects in one another"));
        }
        match self.peek() {
            Some(b'{') => self.items(b'}', |reading| {
                reading.blanks();
                reading.string(Place::Name)?;
                reading.expect(b':')?;
                reading.value(depth + 1)
            }),
            Some(b'[') => self.items(b']', |reading| reading.value(depth + 1)),
            Some(b'"') => self.string(Place::Value),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let word =
                    ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
                let Some(word) = word else {
                    return Err(self.unexpected("a value, with `{column}` in double quotes"));
                };
                (0..word.len()).for_each(|_| self.take());
                Ok(())
            }
        }
    }

    /// Items with commas between them, in brackets.
    fn items(&mut self, end: u8, item: impl Fn(&mut Self) -> Read) -> Read {
        self.take();
        self.blanks();
        if self.peek() == Some(end) {
            self.take();
            return Ok(());
        }
        loop {
            item(self)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.take(),
                Some(found) if found == end => {
                    self.take();
                    return Ok(());
                }
                _ => return Err(self.unexpected(&format!("`,` or `{}`", char::from(end)))),
            }
        }
    }

    /// `-1.5e3` and the like (RFC 8259, 6).
    fn number(&mut self) -> Read {
        if self.peek() == Some(b'-') {
            self.take();
        }
        if self.peek() == Some(b'0') {
            self.take();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.take();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.take();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.take();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.take();
        }
        Ok(())
    }

    fn string(&mut self, place: Place) -> Read {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a name in double quotes"));
        }
        if place == Place::Value
            && let Some(column) = self.whole_placeholder()?
        {
            self.pieces.push(Piece::Value(column));
            return Ok(());
        }
        self.take();
        loop {
            let next = self.text.get(self.at + 1).copied();
            match self.peek() {
                None | Some(0..=0x1f) => return Err(self.unexpected("the end of a string, `\"`")),
                Some(b'"') => {
                    self.take();
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                // The second one of a pair is taken as it is.
                Some(brace @ (b'{' | b'}')) if next == Some(brace) => {
                    self.at += 1;
                    self.take();
                }
                Some(b'{') => {
                    let column = self.placeholder()?;
                    self.pieces.push(Piece::Text(column));
                }
                Some(b'}') => return Err("has a `}` without `{`: write `}}` for a brace".to_owned()),
                Some(_) => self.take(),
            }
        }
    }

    fn escape(&mut self) -> Read {
        self.take();
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.take(),
            Some(b'u') => {
                self.take();
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.unexpected("four hexadecimal digits"));
                    }
                    self.take();
                }
            }
            _ => return Err(self.unexpected("an escape such as `\\n`")),
        }
        Ok(())
    }

    /// The column of a string that is one placeholder; none, and nothing taken, if it is another string.
    fn whole_placeholder(&mut self) -> Result<Option<usize>, String> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        if !rest.starts_with(b"\"{") || rest.starts_with(b"\"{{") {
            return Ok(None);
        }
        self.at += 1;
        let column = self.placeholder()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Some(column));
        }
        self.at = start;
        Ok(None)
    }

    /// The column that `{name}` names.
    fn placeholder(&mut self) -> Result<usize, String> {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let length = rest.iter().take_while(|&&byte| byte != b'}' && byte != b'"').count();
        if rest.get(length) != Some(&b'}') {
            return Err(self.unexpected("`{column}`, or `{{` for a brace"));
        }
        let name = rest.get(..length).unwrap_or_default();
        let found = self.schema.columns.iter().position(|column| column.name.as_bytes() == name);
        self.at += length + 2;
        found.ok_or_else(|| {
            let names: Vec<&str> = self.schema.columns.iter().map(|column| column.name.as_str()).collect();
            let name = String::from_utf8_lossy(name);
            format!("names `{name}`, which is no column of the rows: they are {}", names.join(", "))
        })
    }
}
