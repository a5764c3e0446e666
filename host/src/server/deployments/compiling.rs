//! A text to a program, as far as the operator lets it.

use std::{env, fs, path::PathBuf, sync::Arc};

use streamgauge_kafka::Depth;
use streamgauge_sql::{
    Compiled, Program, SourceText, compile_within,
    variables::{self, Origin, Variable, Variables},
};
use streamgauge_state::store::Store;

use super::{Deployments, Refused};
use crate::{
    config::Config,
    deliver::{http::secrets::Lookup, output::Output},
    deploy::{Advice, Deployment, HostCatalog, PlacedCatalog, without_end},
    timings::Timings,
};

/// A text that can be deployed.
pub(super) struct Ready {
    pub(super) compiled: Compiled,
    /// The components that it names.
    pub(super) plugins: Vec<(String, String)>,
}

impl Deployments {
    /// Compiles a text. `pins` are the components with which it was deployed; none = they are looked up.
    pub(super) fn compile(
        &self,
        name: &str,
        text: &str,
        pins: Option<&[(String, String)]>,
    ) -> Result<Ready, Refused> {
        let config = self.config();
        let texts = [SourceText { name: format!("{name}.sql"), text: text.to_owned() }];
        let place = self.components.place(pins, &config.allow.registries);
        let host =
            HostCatalog { plugins: &self.plugins, connectors: &self.connectors, depth: Depth::Thorough };
        let catalog = PlacedCatalog { host, place: &place };
        let variables = allowed_variables(&config, &texts);
        let compiled =
            compile_within(&config.limits.sql(), &variables, &texts, &catalog).map_err(Refused::Sql)?;
        if let Some(nothing) = compiled.writes_nowhere {
            return Err(Refused::Sql(vec![nothing]));
        }
        let endless = without_end(&compiled, &self.connectors);
        if !endless.is_empty() {
            return Err(Refused::Sql(endless));
        }
        config.allow.permissions.check(
            &compiled.program,
            &self.files(&compiled.program),
            &self.listens(&compiled.program),
        )?;
        Ok(Ready { compiled, plugins: place.used() })
    }

    /// The files that a program reads and writes, with who does.
    fn files(&self, program: &Program) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        for source in &program.sources {
            let paths = self.connectors.source(&source.connector).map(|known| known.files(source));
            files.extend(paths.into_iter().flatten().map(|path| (format!("source '{}'", source.name), path)));
        }
        for sink in &program.sinks {
            let target = self.connectors.of(sink).and_then(|known| known.file(sink));
            files.extend(target.map(|target| (format!("sink '{}'", sink.name), target.path)));
        }
        files
    }

    /// The addresses that a program's sinks listen on, with which do.
    fn listens(&self, program: &Program) -> Vec<(String, String)> {
        let listens = program.sinks.iter().filter_map(|sink| {
            Some((format!("sink '{}'", sink.name), self.connectors.of(sink)?.listens(sink)?))
        });
        listens.collect()
    }

    /// Does something with a program as it would be run.
    pub(super) fn with<T>(
        &self,
        name: &str,
        program: &Program,
        folder: &Store,
        work: impl FnOnce(&Deployment<'_>) -> T,
    ) -> T {
        let config = self.config();
        let timings = Arc::new(Timings::new(true).traced(self.traces.clone()));
        let usual = Deployment::new(name, program, &self.plugins, &self.connectors, &timings);
        work(&Deployment {
            state: Some(folder.clone()),
            console: Some(Arc::new(Output::nowhere())),
            secrets: secrets(config.secrets_folder.clone()),
            permissions: Some(&config.allow.permissions),
            advice: Advice::OfHost,
            keeps_recent_rows: true,
            checkpoint_interval: config.state.checkpoint_interval,
            checkpoints_kept: config.state.checkpoints_kept,
            drain_timeout: config.state.drain_timeout,
            limits: &config.limits,
            ..usual
        })
    }
}

/// The variables that the operator lets programs read, as far as they are set.
fn allowed_variables(config: &Config, texts: &[SourceText]) -> Variables {
    let allowed = variables::names(texts).into_iter().filter(|name| config.allow.env.contains(name));
    let set = allowed.filter_map(|name| {
        let value = env::var(&name).ok()?;
        Some((name, Variable { value, origin: Origin::Environment }))
    });
    set.collect()
}

/// Gives the secrets of a folder, each time as they are then.
pub(crate) fn secrets(folder: Option<PathBuf>) -> Arc<Lookup> {
    Arc::new(move |name| {
        let folder =
            folder.as_ref().ok_or("this host has no secrets: the operator sets `folder` of [secrets]")?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_plain) {
            return Err(
                "no secret of a host can have this name: use letters, digits, '_', '-' and '.'".to_owned()
            );
        }
        let value = fs::read_to_string(folder.join(name));
        let value = value
            .map_err(|_| "it is missing: the operator puts a file of that name into the folder of secrets")?;
        Ok(value.trim_end_matches(['\r', '\n']).to_owned())
    })
}
