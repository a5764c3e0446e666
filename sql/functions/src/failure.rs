//! Why a function has no result.

use std::fmt;

/// Why a function has no result; the codes of `wit/query.wit`, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The result does not fit its type.
    Overflow = 0,
    /// `/ 0` or `% 0`.
    DivisionByZero = 1,
    /// A text that does not spell a value of the type.
    InvalidCast = 2,
    /// An argument outside of what the function takes.
    OutOfRange = 3,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overflow => "overflow",
            Self::DivisionByZero => "division by zero",
            Self::InvalidCast => "invalid cast",
            Self::OutOfRange => "out of range",
        })
    }
}

impl std::error::Error for Failure {}
