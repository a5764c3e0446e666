//! Columns of a query's rows, as an option of a sink names them: `'model'`, `'tenant, model'`, `'"Model"'`.

use sqlparser::tokenizer::{Span, Token, Tokenizer};

use crate::parse::dialect::Streamgauge;
use crate::parse::name::{Name, nearest};

/// Names of columns with commas between them; they match as names in SQL do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnList {
    names: Vec<Name>,
}

/// What is wrong with such names, as the end of a sentence about the option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongColumns {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl ColumnList {
    /// The names in a text.
    ///
    /// # Errors
    /// What is no list of names, or names a column twice.
    pub fn parse(text: &str) -> Result<Self, WrongColumns> {
        let unreadable = || {
            WrongColumns {
            message: format!("is no list of columns: '{text}'"),
            help: "write the names of columns with commas between them, such as 'model' or 'tenant, model'; a name with other characters \
                   than letters, digits and `_` stands in double quotes"
                .to_owned(),
        }
        };
        let tokens = Tokenizer::new(&Streamgauge, text).tokenize().map_err(|_| unreadable())?;
        let tokens = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_)));
        let mut names: Vec<Name> = Vec::new();
        let mut wants_name = true;
        for token in tokens {
            match token {
                Token::Word(word)
                    if wants_name
                        && !word.value.is_empty()
                        && matches!(word.quote_style, None | Some('"')) =>
                {
                    let name =
                        Name { quoted: word.quote_style.is_some(), text: word.value, span: Span::empty() };
                    if names.iter().any(|before| before.clashes(&name)) {
                        return Err(twice(&name));
                    }
                    names.push(name);
                    wants_name = false;
                }
                Token::Comma if !wants_name => wants_name = true,
                _ => return Err(unreadable()),
            }
        }
        if wants_name { Err(unreadable()) } else { Ok(Self { names }) }
    }

    /// Where each of them is among the columns of a query.
    ///
    /// # Errors
    /// A name that none of them has, or two names of one column.
    pub fn positions(&self, query: &str, columns: &[&str]) -> Result<Vec<usize>, WrongColumns> {
        let mut positions = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let Some(at) = name.position_in(columns.iter().copied()) else {
                return Err(unknown(name, query, columns));
            };
            if positions.contains(&at) {
                return Err(twice(name));
            }
            positions.push(at);
        }
        Ok(positions)
    }
}

fn twice(name: &Name) -> WrongColumns {
    let message = format!("names the column `{}` twice", name.text);
    WrongColumns { message, help: "leave one of them out".to_owned() }
}

fn unknown(name: &Name, query: &str, columns: &[&str]) -> WrongColumns {
    let message = format!("names the column `{}`, which the rows of query '{query}' do not have", name.text);
    let help = match nearest(&name.text, columns.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its columns are {}", columns.join(", ")),
    };
    WrongColumns { message, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(text: &str, columns: &[&str]) -> Result<Vec<usize>, String> {
        let list = ColumnList::parse(text).map_err(|wrong| wrong.message)?;
        list.positions("q", columns).map_err(|wrong| format!("{}: {}", wrong.message, wrong.help))
    }

    #[test]
    fn names_match_as_in_sql() {
        let columns = ["tenant", "Model", "model", "a b", "x\"y"];
        for (text, expected) in [
            ("tenant", vec![0]),
            (" TENANT ", vec![0]),
            ("model,tenant", vec![2, 0]),
            ("MODEL", vec![1]),
            ("\"Model\" , \"model\"", vec![1, 2]),
            ("\"a b\"", vec![3]),
            ("\"x\"\"y\"", vec![4]),
        ] {
            assert_eq!(positions(text, &columns), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_or_named_twice_or_no_list_is_told() {
        let columns = ["tenant", "model"];
        for (text, expected) in [
            (
                "modle",
                "names the column `modle`, which the rows of query 'q' do not have: did you mean `model`?",
            ),
            (
                "x",
                "names the column `x`, which the rows of query 'q' do not have: its columns are tenant, model",
            ),
            (
                "\"Model\"",
                "names the column `Model`, which the rows of query 'q' do not have: did you mean `model`?",
            ),
            ("model, MODEL", "names the column `MODEL` twice"),
            ("\"model\", model", "names the column `model` twice"),
            ("Model, \"model\"", "names the column `model` twice: leave one of them out"),
            ("", "is no list of columns: ''"),
            ("model,", "is no list of columns: 'model,'"),
            ("a b", "is no list of columns: 'a b'"),
            ("'a'", "is no list of columns: ''a''"),
            ("1", "is no list of columns: '1'"),
            ("\"a", "is no list of columns: '\"a'"),
        ] {
            assert_eq!(positions(text, &columns), Err(expected.to_owned()), "{text}");
        }
    }
}
