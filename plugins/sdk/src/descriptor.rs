//! What a plugin says of itself.

/// The type of a column, a parameter or an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// True or false.
    Boolean,
    /// 64 bits, signed.
    Int64,
    /// IEEE 754 binary64.
    Float64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// UTF-8.
    Text,
}

/// One value outside of columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// SQL's NULL.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Int64(i64),
    /// A number.
    Float64(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Text.
    Text(String),
}

/// A named, typed place: a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// What it means, in one line.
    pub docs: String,
    /// The value when none is given; none = must be given.
    pub default: Option<Literal>,
}

/// How much a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateSize {
    /// At most so many bytes.
    Bounded(u32),
    /// More with every value.
    Growing,
}

/// One way to call a reducer.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The types of the arguments.
    pub arguments: Vec<DataType>,
    /// The parameters: constants of the call.
    pub parameters: Vec<Field>,
    /// The type of the result.
    pub returns: DataType,
    /// Whether the event time comes as one more, last argument.
    pub needs_time: bool,
    /// See `tolerance` in `wit/reducer.wit`.
    pub tolerance: f64,
    /// How much a slot holds.
    pub state: StateSize,
    /// The version of the bytes that `snapshot` writes.
    pub state_version: u32,
    /// Other versions that `restore` reads.
    pub restores: Vec<u32>,
}

impl Signature {
    /// A call without parameters whose merges are exact, with states of version 1 that take at most `bytes`.
    pub fn new(arguments: &[DataType], returns: DataType, bytes: u32) -> Self {
        Self {
            arguments: arguments.to_vec(),
            parameters: Vec::new(),
            returns,
            needs_time: false,
            tolerance: 0.0,
            state: StateSize::Bounded(bytes),
            state_version: 1,
            restores: Vec::new(),
        }
    }

    /// With one more parameter.
    #[must_use]
    pub fn parameter(
        mut self,
        name: &str,
        data_type: DataType,
        default: Option<Literal>,
        docs: &str,
    ) -> Self {
        self.parameters.push(Field { name: name.into(), data_type, docs: docs.into(), default });
        self
    }

    /// With merges that differ by so much.
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// With states that grow.
    #[must_use]
    pub fn growing(self) -> Self {
        Self { state: StateSize::Growing, ..self }
    }

    /// With states of this version; `restore` reads those others, too.
    #[must_use]
    pub fn versions(self, state_version: u32, restores: &[u32]) -> Self {
        Self { state_version, restores: restores.to_vec(), ..self }
    }

    /// With the event time as one more, last argument.
    #[must_use]
    pub fn needs_time(self) -> Self {
        Self { needs_time: true, ..self }
    }
}

/// What a reducer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// The name used in SQL.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// What it computes, in one line.
    pub docs: String,
    /// The ways to call it.
    pub signatures: Vec<Signature>,
}

/// Why a plugin refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What the caller gave is wrong; the text says what to give.
    #[error("{0}")]
    Invalid(String),
    /// A state that cannot be read.
    #[error("corrupt state: {0}")]
    Corrupt(String),
    /// A state version that this plugin cannot restore.
    #[error("state version {0} is unknown")]
    UnsupportedVersion(u32),
}
