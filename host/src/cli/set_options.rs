//! `--set NAME=VALUE`, of every command that compiles query files, and the environment behind it: what `env('NAME')` gives.

use std::env;

use clap::Args;
use streamgauge_sql::{
    SourceText, nearest,
    variables::{self, Origin, VARIABLE_NAMES, Variable, Variables, is_variable_name},
};

use super::Failure;

/// The variables that the command line sets.
#[derive(Debug, Args)]
pub(super) struct SetOptions {
    /// Give env('NAME') in the query files a value; it goes before the environment. Can be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    assignments: Vec<Assignment>,
}

/// `NAME=VALUE`; the value may be empty.
#[derive(Clone, Debug)]
struct Assignment {
    name: String,
    value: String,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    match is_variable_name(name) {
        true => Ok(Assignment { name: name.to_owned(), value: value.to_owned() }),
        false => Err(format!("'{name}' cannot be a name: {VARIABLE_NAMES}")),
    }
}

impl SetOptions {
    /// The values of all variables that the files read, as far as they are set.
    ///
    /// # Errors
    /// A name that is set twice, or that no file reads; a value of the environment that is no text.
    pub(super) fn variables(&self, files: &[SourceText]) -> Result<Variables, Failure> {
        let names = variables::names(files);
        self.check(&names)?;
        let set = |name: &String| self.assignments.iter().find(|assignment| assignment.name == *name);
        let mut found = Vec::new();
        for name in &names {
            let variable = match set(name) {
                Some(Assignment { value, .. }) => {
                    Some(Variable { value: value.clone(), origin: Origin::CommandLine })
                }
                None => of_environment(name)?,
            };
            found.extend(variable.map(|variable| (name.clone(), variable)));
        }
        Ok(found.into_iter().collect())
    }

    fn check(&self, names: &[String]) -> Result<(), Failure> {
        let read = match names.join(", ") {
            none if none.is_empty() => "no env('NAME') is in the query files".to_owned(),
            names => format!("env() in the query files reads {names}"),
        };
        for (index, Assignment { name, .. }) in self.assignments.iter().enumerate() {
            if self.assignments.iter().take(index).any(|before| before.name == *name) {
                return Err(Failure::Usage(format!("error: --set {name} is given twice\nhelp: {read}")));
            }
            if !names.contains(name) {
                let near = nearest(name, names.iter().map(String::as_str));
                let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
                return Err(Failure::Usage(format!(
                    "error: --set {name}: no env('{name}') is in the query files\nhelp: {near}{read}"
                )));
            }
        }
        Ok(())
    }
}

fn of_environment(name: &str) -> Result<Option<Variable>, Failure> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let value = value.into_string().map_err(|_| {
        Failure::Input(format!("error: the environment's {name} is not UTF-8\nhelp: set it to a text"))
    })?;
    Ok(Some(Variable { value, origin: Origin::Environment }))
}
