//! The values that `env('NAME')` gives options. This crate reads no environment: its host finds [`names`] in the files, looks
//! these up, and passes what is set as [`Variables`].

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::SourceText;
use crate::parse::{BYTE_ORDER_MARK, is_word, tokens};

/// What names of variables are made of, for messages.
pub const VARIABLE_NAMES: &str = "use letters, digits and `_`, not beginning with a digit";

/// What is set, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Variable>);

/// The value of one variable. An empty one is a value, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// What stands for `env('NAME')`.
    pub value: String,
    /// Who has set it.
    pub origin: Origin,
}

/// Where a value comes from, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The environment of the process.
    Environment,
    /// `--set NAME=VALUE`.
    CommandLine,
    /// `env('NAME', 'default')`.
    Default,
}

impl Variables {
    /// The variable of this name, if it is set.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }
}

impl FromIterator<(String, Variable)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, Variable)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl Origin {
    /// `the value of NAME`.
    pub(crate) fn of(self, name: &str) -> String {
        match self {
            Self::Environment => format!("the value of {name}"),
            Self::CommandLine => format!("the value of --set {name}"),
            Self::Default => format!("the default of {name}"),
        }
    }
}

/// Whether a text can be the name of a variable.
pub fn is_variable_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The names that `env('NAME')` reads in files, in order and each once, whatever else is wrong in the files.
pub fn names(files: &[SourceText]) -> Vec<String> {
    let (mut names, mut known) = (Vec::new(), BTreeSet::new());
    for file in files {
        // A text that cannot be cut into tokens is reported where it is compiled.
        let tokens = tokens::words(file.text.trim_start_matches(BYTE_ORDER_MARK)).unwrap_or_default();
        for name in tokens.windows(3).filter_map(read_here) {
            if is_variable_name(name) && known.insert(name.to_owned()) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The name in `env('NAME'`.
fn read_here(tokens: &[TokenWithSpan]) -> Option<&str> {
    match tokens {
        [env, open, TokenWithSpan { token: Token::SingleQuotedString(name), .. }]
            if is_word(&env.token, "env") && open.token == Token::LParen =>
        {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_files_that_are_wrong_otherwise() {
        let file = |text: &str| SourceText { name: "q.sql".to_owned(), text: text.to_owned() };
        let files = [
            file("\u{feff}CREATE SINK k WITH (path = ENV ( 'OUT' ) || '/' || env('STAGE', 'dev'), = oops"),
            file("-- env('COMMENT')\nSELECT 'env(''TEXT'')', \"env\"('QUOTED'), env('9'), env('STAGE')"),
        ];
        assert_eq!(names(&files), ["OUT", "STAGE"]);
        assert_eq!(names(&[file("env('A') 'open")]), [""; 0]);
    }
}
