//! Which files a program reads, and which may be emptied.

use std::path::{Path, PathBuf};

use streamgauge_sql::{manifest::OptionValue, table_options::path};

use super::{Binding, Deployment, secret::secrets_folder};
use crate::deploy::DeployError;

impl Deployment<'_> {
    /// All files that are read: sources, tables, the query files, and what options name.
    pub(super) fn read(&self) -> Vec<PathBuf> {
        let sources = self.program.sources.iter().flat_map(|source| self.input_files(source));
        let secrets = secrets_folder();
        let sources_options = self.program.sources.iter().flat_map(|source| &source.options);
        let options = sources_options.chain(self.program.sinks.iter().flat_map(|sink| &sink.options));
        let named = options.flat_map(|(key, value)| match value {
            OptionValue::Text(path) if key.ends_with(".location") => vec![PathBuf::from(path)],
            value => {
                let names = secrets
                    .iter()
                    .flat_map(|folder| value.secrets().into_iter().map(|name| folder.join(name)));
                names.collect()
            }
        });
        let tables = self.program.tables.iter();
        let tables = tables.filter_map(|table| Some(PathBuf::from(path().text(&table.options)?)));
        sources.chain(tables).chain(self.files.iter().cloned()).chain(named).collect()
    }
}

/// Only a file can be overwritten.
pub(super) fn check_overwrite(wiring: &Deployment<'_>) -> Result<(), DeployError> {
    for name in wiring.overwrite {
        let declared = wiring.program.sinks.iter().find(|sink| sink.name.eq_ignore_ascii_case(name));
        let bound = wiring.outputs.iter().any(|output| output.name.eq_ignore_ascii_case(name));
        let why = match declared {
            None => format!("no sink is called '{name}'"),
            Some(sink) if wiring.file_of(sink).is_none() && !bound => {
                format!("sink '{name}' writes to no file")
            }
            Some(_) => continue,
        };
        return Err(DeployError::Usage(format!(
            "error: --overwrite {name}: {why}\nhelp: name a sink of connector 'file', or one with an --output"
        )));
    }
    Ok(())
}

/// A sink has one output, and standard input one reader.
pub(super) fn check_once(deployment: &Deployment<'_>) -> Result<(), DeployError> {
    for (index, Binding { name, path }) in deployment.outputs.iter().enumerate() {
        let earlier = deployment.outputs.iter().take(index);
        if earlier.into_iter().any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
            let path = path.display();
            return Err(DeployError::Usage(format!(
                "error: --output {name}={path}: the sink '{name}' has an output already\n\
                 help: a sink sends its rows to one place"
            )));
        }
    }
    let inputs = deployment.program.sources.iter().flat_map(|source| deployment.input_files(source));
    if inputs.filter(|path| path == Path::new("-")).count() > 1 {
        return Err(DeployError::Usage(
            "error: standard input is read twice\nhelp: only one input can be -; give the others files"
                .into(),
        ));
    }
    Ok(())
}
