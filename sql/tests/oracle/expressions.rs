//! Random well-typed expressions: every node over every type that it takes.

use streamgauge_sql::expr::{Arithmetic, Code, Comparison, Expr, Function, Node};
use streamgauge_sql::library::{ENTRIES, Library};
use streamgauge_sql::types::{
    DataType::{self, Boolean, Float64, Int64, Text, Timestamp},
    Value,
};

use crate::batch::{Batch, Column, TYPES, value};
use crate::random::Random;

pub const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];
pub const OPERATORS: [Arithmetic; 5] =
    [Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Divide, Arithmetic::Remainder];

/// Regular expressions, and a text that is none.
const PATTERNS: [&str; 8] = ["", "a", "^[a-zA-Z]+$", r"(\w+)-(\d)", "(?i)é|S", ".", "(b)?c", "("];

/// A filter, or none, and computed columns.
pub fn code(random: &mut Random) -> Code {
    let arguments: Vec<DataType> = (0..random.below(7)).map(|_| random.pick(&TYPES)).collect();
    let depth = random.below(6);
    let mut grow = Grow { random, arguments: &arguments };
    let filter = grow.random.one_in(2).then(|| grow.expr(Boolean, depth));
    let computed = (0..grow.random.below(4)).map(|_| grow.any(depth)).collect();
    Code { arguments, filter, computed }
}

/// Texts of every kind: of a column, constant, composed; and a batch of them.
pub fn that_makes_texts() -> (Code, Batch) {
    let column = || Expr { node: Node::Column(0), data_type: Text };
    let constant = Expr { node: Node::Literal(Value::Text("constant".into())), data_type: Text };
    let upper = Expr { node: Node::Call(Function::Upper, vec![column()]), data_type: Text };
    let both = Expr { node: Node::Call(Function::Concat, vec![upper, constant.clone()]), data_type: Text };
    let code = Code { arguments: vec![Text], filter: None, computed: vec![column(), constant, both] };
    let columns = vec![Column::random(&mut Random::new(3), Text, 4096)];
    (code, Batch { rows: 4096, columns })
}

struct Grow<'a> {
    random: &'a mut Random,
    arguments: &'a [DataType],
}

impl Grow<'_> {
    fn any(&mut self, depth: usize) -> Expr {
        let data_type = self.random.pick(&TYPES);
        self.expr(data_type, depth)
    }

    fn boxed(&mut self, data_type: DataType, depth: usize) -> Box<Expr> {
        Box::new(self.expr(data_type, depth))
    }

    fn list(&mut self, data_type: DataType, min: usize, depth: usize) -> Vec<Expr> {
        (0..min + self.random.below(3)).map(|_| self.expr(data_type, depth)).collect()
    }

    /// An expression of this type, at most `depth` nodes above its leaves.
    fn expr(&mut self, data_type: DataType, depth: usize) -> Expr {
        let node = if depth == 0 || self.random.one_in(8) {
            self.leaf(data_type)
        } else if self.random.one_in(5) {
            self.of_any_type(data_type, depth - 1)
        } else if self.random.one_in(4) {
            self.library(data_type, depth - 1)
        } else {
            match data_type {
                Boolean => self.boolean(depth - 1),
                Int64 => self.int64(depth - 1),
                Float64 => self.float64(depth - 1),
                Timestamp => self.timestamp(depth - 1),
                Text => self.text(depth - 1),
            }
        };
        Expr { node, data_type }
    }

    fn leaf(&mut self, data_type: DataType) -> Node {
        let columns: Vec<usize> =
            (0..self.arguments.len()).filter(|&number| self.arguments[number] == data_type).collect();
        if !columns.is_empty() && !self.random.one_in(3) {
            Node::Column(self.random.pick(&columns))
        } else if self.random.one_in(8) {
            Node::Literal(Value::Null)
        } else {
            Node::Literal(value(self.random, data_type))
        }
    }

    fn of_any_type(&mut self, data_type: DataType, depth: usize) -> Node {
        match self.random.below(5) {
            3 => Node::Greatest(self.list(data_type, 1, depth)),
            4 => Node::Least(self.list(data_type, 1, depth)),
            0 => {
                let branches = (0..1 + self.random.below(2))
                    .map(|_| (self.expr(Boolean, depth), self.expr(data_type, depth)))
                    .collect();
                let otherwise = self.random.one_in(2).then(|| self.boxed(data_type, depth));
                Node::Case(branches, otherwise)
            }
            1 => Node::Coalesce(self.list(data_type, 1, depth)),
            _ => Node::NullIf(self.boxed(data_type, depth), self.boxed(data_type, depth)),
        }
    }

    /// A call of a function of the library.
    fn library(&mut self, returns: DataType, depth: usize) -> Node {
        let fitting: Vec<_> = ENTRIES.iter().filter(|entry| entry.returns == returns).collect();
        let entry = self.random.pick(&fitting);
        let mut arguments: Vec<Expr> = entry.arguments.iter().map(|of| self.expr(*of, depth)).collect();
        match entry.function {
            function if function.needs_patterns() => {
                let pattern = self.random.pick(&PATTERNS).to_owned();
                arguments[1].node = Node::Literal(Value::Text(pattern));
            }
            Library::DateTrunc | Library::DateField | Library::DateFraction => {
                let unit = self.random.below(20) as i64 - 1;
                arguments[0].node = Node::Literal(Value::Int64(unit));
            }
            // Texts of a mebibyte in each row would take long; the edges have them.
            Library::PadStart | Library::PadEnd => {
                let length = self.random.below(42) as i64 - 2;
                arguments[1].node = Node::Literal(Value::Int64(length));
            }
            _ => {}
        }
        Node::Call(Function::Library(entry.function), arguments)
    }

    fn boolean(&mut self, depth: usize) -> Node {
        let operand = self.random.pick(&TYPES);
        match self.random.below(13) {
            0 => Node::And(self.list(Boolean, 2, depth)),
            1 => Node::Or(self.list(Boolean, 2, depth)),
            2 => Node::Not(self.boxed(Boolean, depth)),
            3 => Node::IsNull(self.boxed(operand, depth)),
            4 => Node::In(self.boxed(operand, depth), self.list(operand, 1, depth)),
            5 => Node::Between(
                self.boxed(operand, depth),
                self.boxed(operand, depth),
                self.boxed(operand, depth),
            ),
            6 => Node::Same(self.boxed(operand, depth), self.boxed(operand, depth)),
            7 => Node::Like(self.boxed(Text, depth), self.boxed(Text, depth)),
            8 => self.cast(&[Text, Int64], depth),
            _ => {
                let comparison = self.random.pick(&COMPARISONS);
                Node::Compare(comparison, self.boxed(operand, depth), self.boxed(operand, depth))
            }
        }
    }

    fn int64(&mut self, depth: usize) -> Node {
        match self.random.below(9) {
            0 => Node::Negate(self.boxed(Int64, depth)),
            1 => Node::Call(Function::Abs, vec![self.expr(Int64, depth)]),
            2 => Node::Call(Function::Length, vec![self.expr(Text, depth)]),
            3 => self.cast(&[Text, Float64, Boolean, Timestamp], depth),
            4 => Node::Arithmetic(
                Arithmetic::Subtract,
                self.boxed(Timestamp, depth),
                self.boxed(Timestamp, depth),
            ),
            _ => {
                let operator = self.random.pick(&OPERATORS);
                Node::Arithmetic(operator, self.boxed(Int64, depth), self.boxed(Int64, depth))
            }
        }
    }

    fn float64(&mut self, depth: usize) -> Node {
        match self.random.below(9) {
            0 => Node::Negate(self.boxed(Float64, depth)),
            1 => self.cast(&[Text, Int64], depth),
            2 => Node::Call(Function::RoundTo, vec![self.expr(Float64, depth), self.expr(Int64, depth)]),
            3 | 4 => {
                let function = self.random.pick(&[
                    Function::Abs,
                    Function::Round,
                    Function::Floor,
                    Function::Ceil,
                    Function::Trunc,
                ]);
                Node::Call(function, vec![self.expr(Float64, depth)])
            }
            _ => {
                let operator = self.random.pick(&OPERATORS);
                Node::Arithmetic(operator, self.boxed(Float64, depth), self.boxed(Float64, depth))
            }
        }
    }

    fn timestamp(&mut self, depth: usize) -> Node {
        match self.random.below(3) {
            0 => self.cast(&[Text, Int64], depth),
            _ => {
                let operator = self.random.pick(&[Arithmetic::Add, Arithmetic::Subtract]);
                Node::Arithmetic(operator, self.boxed(Timestamp, depth), self.boxed(Int64, depth))
            }
        }
    }

    fn text(&mut self, depth: usize) -> Node {
        match self.random.below(7) {
            4 => {
                let function = self.random.pick(&[
                    Function::Trim,
                    Function::TrimStart,
                    Function::TrimEnd,
                    Function::LikeEscape,
                ]);
                Node::Call(function, vec![self.expr(Text, depth), self.expr(Text, depth)])
            }
            5 => Node::Call(
                Function::SplitPart,
                vec![self.expr(Text, depth), self.expr(Text, depth), self.expr(Int64, depth)],
            ),
            0 => Node::Call(Function::Lower, vec![self.expr(Text, depth)]),
            1 => Node::Call(Function::Upper, vec![self.expr(Text, depth)]),
            2 => Node::Call(Function::Concat, vec![self.expr(Text, depth), self.expr(Text, depth)]),
            _ => self.cast(&[Boolean, Int64, Float64, Timestamp], depth),
        }
    }

    fn cast(&mut self, from: &[DataType], depth: usize) -> Node {
        let from = self.random.pick(from);
        let operand = self.boxed(from, depth);
        if self.random.one_in(3) { Node::TryCast(operand) } else { Node::Cast(operand) }
    }
}
