//! Typed expressions: what the binder makes, `eval` interprets and `encode` compiles.
//!
//! Every implicit conversion is an explicit [`Node::Cast`]; the operands of a binary node have one type. Values
//! are three-valued as in PostgreSQL: a NULL operand gives NULL unless a node says otherwise.
//!
//! Evaluation order is fixed, so that an error (overflow, division by zero, a bad cast) is one of the row alone and
//! guards work: AND, OR, IN, COALESCE and CASE evaluate left to right and stop as soon as the result is known.

use crate::library::Library;
use crate::types::{DataType, Value};

/// An expression with its result type.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What is computed.
    pub node: Node,
    /// The type of the result.
    pub data_type: DataType,
}

impl Expr {
    /// The expressions it is made of, in the order of their evaluation.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.node {
            Node::Column(_) | Node::Literal(_) => Vec::new(),
            Node::Negate(x) | Node::Not(x) | Node::IsNull(x) | Node::Cast(x) | Node::TryCast(x) => {
                vec![x]
            }
            Node::Arithmetic(_, a, b)
            | Node::Compare(_, a, b)
            | Node::Same(a, b)
            | Node::Like(a, b)
            | Node::NullIf(a, b) => vec![a, b],
            Node::And(list)
            | Node::Or(list)
            | Node::Coalesce(list)
            | Node::Greatest(list)
            | Node::Least(list)
            | Node::Call(_, list) => list.iter_mut().collect(),
            Node::In(x, list) => std::iter::once(x.as_mut()).chain(list).collect(),
            Node::Between(x, low, high) => vec![x, low, high],
            Node::Case(branches, default) => {
                let branches = branches.iter_mut().flat_map(|(when, then)| [when, then]);
                branches.chain(default.as_deref_mut()).collect()
            }
        }
    }
}

/// What an expression computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// The input column of this number.
    Column(usize),
    /// A constant; NULL takes the type of its expression.
    Literal(Value),
    /// `- x` on BIGINT or DOUBLE.
    Negate(Box<Expr>),
    /// `NOT x`.
    Not(Box<Expr>),
    /// `a + b` and its like on two BIGINT or two DOUBLE; TIMESTAMP ± BIGINT adds microseconds and TIMESTAMP - TIMESTAMP
    /// is a BIGINT of microseconds.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a = b` and its like on two values of one type. Texts compare by bytes, false < true, NaN is equal to NaN and
    /// greater than any other number, -0 equals 0.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `a IS NOT DISTINCT FROM b`: never NULL, two NULLs are the same.
    Same(Box<Expr>, Box<Expr>),
    /// `a AND b AND ...`: false as soon as one is false, else NULL if one is NULL. At least two.
    And(Vec<Expr>),
    /// `a OR b OR ...`: true as soon as one is true, else NULL if one is NULL. At least two.
    Or(Vec<Expr>),
    /// `x IS NULL`: never NULL.
    IsNull(Box<Expr>),
    /// `x IN (a, b, ...)`: true as soon as one is equal, else NULL if `x` or one of the list is NULL, else false.
    In(Box<Expr>, Vec<Expr>),
    /// `x BETWEEN low AND high`: `x >= low AND x <= high`, with `x` evaluated once.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `text LIKE pattern` with backslash as escape, case-sensitive.
    Like(Box<Expr>, Box<Expr>),
    /// `CASE WHEN condition THEN value ... ELSE value END`; a branch is evaluated only when it is taken. Without ELSE: NULL.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// The first value that is not NULL; those behind it are not evaluated. At least one.
    Coalesce(Vec<Expr>),
    /// The greatest value that is not NULL, of equal ones the first; NULL where all are. At least one.
    Greatest(Vec<Expr>),
    /// The least value that is not NULL, of equal ones the first; NULL where all are. At least one.
    Least(Vec<Expr>),
    /// `NULLIF(a, b)`: NULL where `a = b`, else `a`.
    NullIf(Box<Expr>, Box<Expr>),
    /// A conversion to the expression's type: of any type to TEXT, of TEXT to any type, of BIGINT to DOUBLE and back
    /// (ties to even). No other pair, none to its own type.
    Cast(Box<Expr>),
    /// As [`Node::Cast`], but NULL where that would fail. An operand that fails does fail.
    TryCast(Box<Expr>),
    /// A scalar function; see [`Function`].
    Call(Function, Vec<Expr>),
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; on BIGINT it cuts toward zero.
    Divide,
    /// `%`; the sign of the left side; BIGINT and DOUBLE.
    Remainder,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The operator as SQL spells it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A scalar function over values that are not NULL. Those with code of their own stand here, the others in the [`Library`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `lower(TEXT) -> TEXT`, by Unicode.
    Lower,
    /// `upper(TEXT) -> TEXT`, by Unicode.
    Upper,
    /// `length(TEXT) -> BIGINT`, in characters.
    Length,
    /// `a || b` on TEXT.
    Concat,
    /// `btrim(TEXT, characters) -> TEXT`: without these characters at both ends.
    Trim,
    /// `ltrim(TEXT, characters) -> TEXT`: at its start.
    TrimStart,
    /// `rtrim(TEXT, characters) -> TEXT`: at its end.
    TrimEnd,
    /// `split_part(TEXT, separator, BIGINT) -> TEXT`: the part of this number, from 1, or from the end where it is negative;
    /// empty where there is none. 0 is out of range.
    SplitPart,
    /// The pattern of `LIKE pattern ESCAPE escape` as one whose escape is a backslash. An escape of several characters is out of
    /// range.
    LikeEscape,
    /// `abs(x)` on BIGINT (the least one overflows) or DOUBLE.
    Abs,
    /// `round(DOUBLE) -> DOUBLE`, ties to even as in PostgreSQL.
    Round,
    /// `round(DOUBLE, BIGINT) -> DOUBLE`: to so many decimal digits, ties away from zero, on the shortest decimal text.
    RoundTo,
    /// `floor(DOUBLE) -> DOUBLE`
    Floor,
    /// `ceil(DOUBLE) -> DOUBLE`
    Ceil,
    /// `trunc(DOUBLE) -> DOUBLE`: toward zero.
    Trunc,
    /// A function of the library.
    Library(Library),
}

/// Why an expression has no value at a row; the codes of `wit/query.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A result does not fit its type (a finite DOUBLE operation that gives an infinity included).
    Overflow,
    /// `/ 0` or `% 0`, on DOUBLE too.
    DivisionByZero,
    /// A text that is not of the type it is cast to.
    InvalidCast,
    /// An argument outside of what a function takes.
    OutOfRange,
}

/// The code of one export of a query component: `ingest` (before the window, or row by row) or `emit` (behind it).
///
/// `Node::Column(i)` is `arguments[i]`. A row's filter is evaluated first; a row that it does not keep is done. The
/// number of an expression, as failures report it: the filter first, then the computed columns in order. The first is
/// 0: without a filter the first computed column is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// The types of the columns that are passed in.
    pub arguments: Vec<DataType>,
    /// WHERE or HAVING: a BOOLEAN; a row is kept where it is true.
    pub filter: Option<Expr>,
    /// The columns to compute for the rows that are kept.
    pub computed: Vec<Expr>,
}
