//! An alert as Alertmanager takes it.

use streamgauge_functions::{
    format_boolean, format_f64, format_i64, format_json_text, format_json_timestamp, format_timestamp,
};
use streamgauge_sdk::{
    Cell, DataType, Error, Literal,
    sink::{Row, Schema},
};

/// The label that says which alert it is.
const ALERTNAME: &str = "alertname";

/// Which columns are labels.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
enum Column {
    Label(String),
    Annotation(String),
}

impl Labels {
    /// Columns that the option `labels` names, or else those of type TEXT.
    pub(crate) fn new(named: Option<&str>, schema: &Schema) -> Result<Self, Error> {
        let named: Option<Vec<&str>> = named.map(|text| text.split(',').map(str::trim).collect());
        let missing =
            named.iter().flatten().find(|name| schema.columns.iter().all(|column| column.name != **name));
        if let Some(missing) = missing {
            return Err(Error::Invalid(format!(
                "`labels` names `{missing}`, which is no column of the rows"
            )));
        }
        let mut labels = vec![ALERTNAME.to_owned()];
        let mut columns = Vec::new();
        for column in &schema.columns {
            let is_label = match &named {
                Some(names) => names.contains(&column.name.as_str()),
                None => column.data_type == DataType::Text,
            };
            if !is_label {
                columns.push(Column::Annotation(column.name.clone()));
                continue;
            }
            let label = label_name(&column.name);
            if labels.contains(&label) {
                return Err(Error::Invalid(format!(
                    "two labels are called `{label}`: give the column `{}` another name",
                    column.name
                )));
            }
            labels.push(label.clone());
            columns.push(Column::Label(label));
        }
        Ok(Self { columns })
    }

    /// Puts the values of a row into an alert. A NULL is no label and no annotation.
    pub(crate) fn write(&self, row: &Row<'_>, draft: &mut Draft) {
        for (column, value) in self.columns.iter().zip(row.values()) {
            let Some(value) = value.map(cell_text) else { continue };
            match column {
                Column::Label(name) => draft.label(name, &value),
                Column::Annotation(name) => draft.annotation(name, &value),
            }
        }
    }
}

/// A name that every version of Alertmanager takes: letters, digits and `_`, no digit first.
pub(crate) fn label_name(name: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(valid).collect();
    match name.chars().next() {
        Some('0'..='9') | None => format!("_{name}"),
        Some(_) => name,
    }
}

/// A value of a group.
pub(crate) fn text(value: &Literal) -> String {
    match value {
        Literal::Null => String::new(),
        Literal::Boolean(value) => cell_text(Cell::Boolean(*value)),
        Literal::Int64(value) => cell_text(Cell::Int64(*value)),
        Literal::Float64(value) => cell_text(Cell::Float64(*value)),
        Literal::Timestamp(value) => cell_text(Cell::Timestamp(*value)),
        Literal::Text(value) => value.clone(),
    }
}

fn cell_text(value: Cell<'_>) -> String {
    let mut text = Vec::new();
    match value {
        Cell::Boolean(value) => format_boolean(value, &mut text),
        Cell::Int64(value) => format_i64(value, &mut text),
        Cell::Float64(value) => format_f64(value, &mut text),
        Cell::Timestamp(value) => format_timestamp(value, &mut text),
        Cell::Text(value) => return value.to_owned(),
    }
    String::from_utf8(text).unwrap_or_default()
}

/// An alert that is being written.
pub(crate) struct Draft {
    labels: Members,
    annotations: Members,
    /// In microseconds.
    pub(crate) starts_at: Option<i64>,
    /// In microseconds.
    pub(crate) ends_at: Option<i64>,
}

/// Members of a JSON object; of several with one name the first counts.
#[derive(Default)]
struct Members {
    names: Vec<String>,
    json: Vec<u8>,
}

impl Members {
    fn add(&mut self, name: &str, value: &str) {
        if self.names.iter().any(|known| known == name) {
            return;
        }
        self.names.push(name.to_owned());
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        format_json_text(name.as_bytes(), &mut self.json);
        self.json.push(b':');
        format_json_text(value.as_bytes(), &mut self.json);
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.json);
        out.extend_from_slice(if self.json.is_empty() { b"{}".as_slice() } else { b"}" });
    }
}

impl Draft {
    /// An alert of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut labels = Members::default();
        labels.add(ALERTNAME, name);
        Self { labels, annotations: Members::default(), starts_at: None, ends_at: None }
    }

    /// Adds a label. For Alertmanager an empty label is none.
    pub(crate) fn label(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.labels.add(name, value);
        }
    }

    /// Adds an annotation.
    pub(crate) fn annotation(&mut self, name: &str, value: &str) {
        self.annotations.add(&label_name(name), value);
    }

    /// The body of a request.
    pub(crate) fn json(&self) -> String {
        let mut out = b"[{\"labels\":".to_vec();
        self.labels.write(&mut out);
        out.extend_from_slice(b",\"annotations\":");
        self.annotations.write(&mut out);
        for (name, at) in [("startsAt", self.starts_at), ("endsAt", self.ends_at)] {
            if let Some(at) = at {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                format_json_timestamp(at, &mut out);
            }
        }
        out.extend_from_slice(b"}]");
        String::from_utf8(out).unwrap_or_default()
    }
}
