//! Why a row became a dead letter.

/// Why a row became a dead letter: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `malformed`: not exactly one balanced JSON object, or invalid UTF-8 in what is read.
    Malformed,
    /// `too_large`: longer than `max_record_bytes`.
    TooLarge,
    /// `wrong_type`: a column that is read does not fit its type.
    WrongType,
    /// `out_of_range`: a number or a time beyond its type.
    OutOfRange,
    /// `null_time`: no event time.
    NullTime,
    /// `future`: further ahead than `max_future_skew`.
    Future,
    /// `overflow`: an expression's result does not fit.
    Overflow,
    /// `division_by_zero`: in an expression.
    DivisionByZero,
    /// `invalid_cast`: a text that is not of the type it is cast to.
    InvalidCast,
    /// `evaluate`: a reducer has no value for a group.
    Evaluate,
    /// `group_limit`: a new group beyond `max_groups`.
    GroupLimit,
    /// `plugin`: a plugin fails for this record.
    Plugin,
    /// `late`: the event came when all its windows were closed. Counted as late, not as a dead letter.
    Late,
    /// `rejected`: a sink's receiver will never take this row.
    Rejected,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::TooLarge,
        Self::WrongType,
        Self::OutOfRange,
        Self::NullTime,
        Self::Future,
        Self::Overflow,
        Self::DivisionByZero,
        Self::InvalidCast,
        Self::Evaluate,
        Self::GroupLimit,
        Self::Plugin,
        Self::Late,
        Self::Rejected,
    ];

    /// The word in a dead letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::NullTime => "null_time",
            Self::Future => "future",
            Self::Overflow => "overflow",
            Self::DivisionByZero => "division_by_zero",
            Self::InvalidCast => "invalid_cast",
            Self::Evaluate => "evaluate",
            Self::GroupLimit => "group_limit",
            Self::Plugin => "plugin",
            Self::Late => "late",
            Self::Rejected => "rejected",
        }
    }
}
