//! What is wrong with a program, where, and what to write instead.

use std::fmt;

use sqlparser::tokenizer::Span;

/// One file of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// How diagnostics call it: its path as the user wrote it.
    pub name: String,
    /// Its SQL.
    pub text: String,
}

/// How many characters of a source line are shown.
const MAX_SHOWN: usize = 160;
/// How many characters a message or a help has: names and texts of the program stand in them.
const MAX_MESSAGE: usize = 600;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program runs, but perhaps not as it was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A message at a place; its `Display` is what the command line prints, without a line feed at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line of the file.
    pub source_line: String,
    /// How many characters are meant, at least 1.
    pub width: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &Colors::default())
    }
}

/// The escape sequences around the parts of a diagnostic.
#[derive(Default)]
struct Colors {
    severity: &'static str,
    help: &'static str,
    end: &'static str,
}

impl Colors {
    /// For terminals: errors are red, warnings yellow, helps cyan.
    fn of(severity: Severity) -> Self {
        let severity = match severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
        };
        Self { severity, help: "\x1b[1;36m", end: "\x1b[0m" }
    }
}

/// The part of a source line that is shown.
struct Excerpt {
    text: String,
    /// What stands before the caret in the line below.
    indent: String,
    width: usize,
}

impl Diagnostic {
    /// What is printed, with escape sequences for colours.
    pub fn styled(&self) -> String {
        struct Styled<'a>(&'a Diagnostic);
        impl fmt::Display for Styled<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, &Colors::of(self.0.severity))
            }
        }
        Styled(self).to_string()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, colors: &Colors) -> fmt::Result {
        let Colors { severity: colored, help: help_colored, end } = colors;
        let Self { file, line, column, severity, message, .. } = self;
        let severity = severity.name();
        writeln!(f, "{file}:{line}:{column}: {colored}{severity}{end}: {message}")?;
        let excerpt = self.excerpt();
        writeln!(f, "{}", excerpt.text)?;
        write!(f, "{}{colored}{}{end}", excerpt.indent, "^".repeat(excerpt.width))?;
        match &self.help {
            Some(help) => write!(f, "\n{help_colored}help{end}: {help}"),
            None => Ok(()),
        }
    }

    /// The source line; of a long one what is around the caret.
    fn excerpt(&self) -> Excerpt {
        let line: Vec<char> = self.source_line.chars().collect();
        let at = self.column.saturating_sub(1);
        let start =
            if line.len() <= MAX_SHOWN { 0 } else { at.saturating_sub(MAX_SHOWN / 2).min(line.len()) };
        let end = line.len().min(start.saturating_add(MAX_SHOWN));
        let (left, right) = (if start > 0 { "..." } else { "" }, if end < line.len() { "..." } else { "" });
        let shown = line.get(start..end).unwrap_or_default();
        let before = left.chars().chain(shown.iter().take(at - start.min(at)).copied());
        let indent = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let width = self.width.min(end.saturating_sub(at)).max(1);
        Excerpt { text: format!("{left}{}{right}", shown.iter().collect::<String>()), indent, width }
    }
}

/// A diagnostic on its way out of a step, which knows places but not files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// It only follows from a statement that is reported already.
    pub(crate) follows: bool,
    /// The file of the place, by number, where it is not that of the statement.
    pub(crate) file: Option<usize>,
    /// What else is wrong with the statement; these have none.
    pub(crate) others: Vec<Problem>,
}

/// The result of a step.
pub(crate) type Checked<T> = Result<T, Box<Problem>>;

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Box<Self> {
        let (message, others) = (message.into(), Vec::new());
        Box::new(Self { span, message, help: None, follows: false, file: None, others })
    }

    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }

    /// Help for a whole clause, where there is none that knows better.
    pub(crate) fn or_help(self: Box<Self>, help: &str) -> Box<Self> {
        if self.help.is_some() { self } else { self.help(help) }
    }

    /// More help behind what there is.
    pub(crate) fn also_help(mut self: Box<Self>, more: &str) -> Box<Self> {
        self.help = Some(match self.help.take() {
            Some(help) => format!("{help}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    /// What `nearest` found, as help.
    pub(crate) fn suggest(self: Box<Self>, name: Option<&str>) -> Box<Self> {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// This one and another of the same statement. What is met twice, as by an alias, is told once.
    pub(crate) fn and(mut self: Box<Self>, other: Self) -> Box<Self> {
        for problem in other.split() {
            let is_told = |told: &Self| told.span == problem.span && told.message == problem.message;
            if !is_told(&self) && !self.others.iter().any(is_told) {
                self.others.push(problem);
            }
        }
        self
    }

    /// Each by itself, in the order of their places.
    pub(crate) fn split(mut self) -> Vec<Self> {
        let mut problems = std::mem::take(&mut self.others);
        problems.insert(0, self);
        problems.sort_by_key(|problem| (problem.file, problem.span.start));
        problems
    }

    pub(crate) fn follows(span: Span) -> Box<Self> {
        Box::new(Self { follows: true, ..*Self::new(span, "") })
    }

    pub(crate) fn locate(self, file: &SourceText, severity: Severity) -> Diagnostic {
        let start = self.span.start;
        let (line, column) = (index(start.line).max(1), index(start.column).max(1));
        let text = file.text.split('\n').nth(line - 1).unwrap_or_default();
        let source_line: String = text.trim_end_matches('\r').chars().map(printable).collect();
        let length = source_line.chars().count();
        let end = match self.span.end {
            end if end.line == start.line => index(end.column),
            _ => length + 1,
        };
        let width = end.min(length + 1).saturating_sub(column).max(1);
        let (message, help) = (plain(&self.message), self.help.as_deref().map(plain));
        Diagnostic { file: file.name.clone(), line, column, severity, message, help, source_line, width }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A text in one line, of bounded length.
fn plain(text: &str) -> String {
    let mut plain: String =
        text.chars().take(MAX_MESSAGE).map(printable).map(|c| if c == '\t' { ' ' } else { c }).collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        plain.push_str("...");
    }
    plain
}

/// Control characters could change the terminal that shows the text, those of bidirectional text its order.
fn printable(c: char) -> char {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if turns || (c.is_control() && c != '\t') { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(source_line: String, column: usize, width: usize) -> Diagnostic {
        let (file, message) = ("q.sql".to_owned(), "wrong".to_owned());
        Diagnostic {
            file,
            line: 1,
            column,
            severity: Severity::Error,
            message,
            help: None,
            source_line,
            width,
        }
    }

    #[test]
    fn the_caret_stays_below_its_place_in_a_long_line() {
        let blanks = |count| " ".repeat(count);
        for (before, behind) in [(0, 0), (10, 100), (70, 5_000), (5_000, 5_000), (5_000, 0), (200, 3)] {
            let line = format!("{}{}{}", blanks(before), "x".repeat(5), "-".repeat(behind));
            let shown = diagnostic(line, before + 1, 5).to_string();
            let [_, text, caret] = shown.lines().collect::<Vec<_>>().try_into().unwrap();
            assert!(text.chars().count() <= MAX_SHOWN + 6, "{text}");
            assert_eq!(text.find("xxxxx"), caret.find("^^^^^"), "{shown}");
            assert_eq!(caret.trim_start().len(), 5, "{shown}");
        }
    }

    #[test]
    fn a_mark_over_a_whole_long_line_is_cut_with_it() {
        let shown = diagnostic("x".repeat(100_000), 1, 100_000).to_string();
        assert!(shown.len() < 400, "{}", shown.len());
        let beyond = diagnostic("x".repeat(100_000), 200_000, 1).to_string();
        assert!(beyond.len() < 400, "{}", beyond.len());
    }

    #[test]
    fn messages_are_one_bounded_line_without_controls() {
        assert_eq!(plain("a\u{1b}[31m\nb\tc\u{202e}"), "a\u{fffd}[31m\u{fffd}b c\u{fffd}");
        assert_eq!(plain(&"ä".repeat(9_999)).chars().count(), MAX_MESSAGE + 3);
    }
}
