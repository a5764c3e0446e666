//! What anonymous statements are called where state is kept: by what they mean, never by their place in the file.

use std::{collections::BTreeMap, fmt::Write as _};

use streamgauge_sql::{
    Program, Query,
    manifest::{Column, Input, Manifest, Target},
};
use streamgauge_state::{
    error::StateError,
    fingerprint::StateFingerprint,
    statements::{self, Identity, Statement},
    store::Store,
};

use super::DeployError;

/// A program whose anonymous statements have the names that the state knows them by, and what is to be kept of them; none of that
/// where nothing has changed.
pub(super) struct Named {
    pub(super) program: Program,
    pub(super) keep: Option<Vec<Statement>>,
}

/// Finds the names.
///
/// # Errors
/// Two statements that nothing tells apart; statements of the state that cannot be read.
pub(super) fn name(program: &Program, store: &Store) -> Result<Named, DeployError> {
    let failed = |error: StateError| DeployError::Runtime(format!("error: {error}"));
    let fresh: Vec<Statement> = program
        .queries
        .iter()
        .filter(|query| is_anonymous(query))
        .map(|query| known_by(query, program))
        .collect();
    check_different(&fresh)?;
    let known = statements::read(store).map_err(failed)?;
    let assigned = statements::assign(known.as_deref().unwrap_or_default(), &fresh);
    let mut program = program.clone();
    let anonymous = program.queries.iter_mut().filter(|query| is_anonymous(query));
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    for (query, statement) in anonymous.zip(&assigned) {
        let name = std::mem::replace(&mut query.plan.manifest.name, statement.name.clone());
        renamed.insert(name, statement.name.clone());
    }
    for query in &mut program.queries {
        if let Input::Late(of) = &mut query.plan.manifest.input
            && let Some(name) = renamed.get(of)
        {
            of.clone_from(name);
        }
    }
    let before = known.clone().unwrap_or_default();
    let mut keep: BTreeMap<String, Statement> =
        before.iter().map(|statement| (statement.name.clone(), statement.clone())).collect();
    keep.extend(assigned.into_iter().map(|statement| (statement.name.clone(), statement)));
    let keep: Vec<Statement> = keep.into_values().collect();
    let is_new = known.as_ref() != Some(&keep) && !(known.is_none() && keep.is_empty());
    Ok(Named { program, keep: is_new.then_some(keep) })
}

fn is_anonymous(query: &Query) -> bool {
    query.plan.manifest.target != Target::View
}

/// What a statement is known by, under the name that its place gives it.
fn known_by(query: &Query, program: &Program) -> Statement {
    let manifest = &query.plan.manifest;
    let source = match &manifest.input {
        Input::Source(name) => program.sources.iter().find(|source| source.name == *name),
        Input::View(_) | Input::Late(_) => None,
    };
    // A reducer's state version is no part of what a statement means.
    let fingerprint = StateFingerprint::of(manifest, source, &[]).digest();
    let sink = manifest.name.rsplit_once('_').map_or(manifest.name.as_str(), |(sink, _)| sink).to_owned();
    let identity = Identity { sink, fingerprint, output: statements::digest(&output(manifest)) };
    Statement { name: manifest.name.clone(), identity }
}

/// HAVING and the SELECT list, in words that differ where they do.
fn output(manifest: &Manifest) -> String {
    let mut text = String::new();
    for expression in manifest.emit.iter().flat_map(|stage| &stage.expressions) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{expression}");
    }
    // What a query without windows computes is no part of its state's fingerprint.
    for expression in manifest.ingest.iter().flat_map(|stage| &stage.expressions) {
        let _ = writeln!(text, "{expression}");
    }
    for operator in &manifest.operators {
        let _ = writeln!(text, "{}", operator.text);
    }
    for output in &manifest.output {
        let (kind, index) = match output.column {
            Column::Input(index) => ("input", index),
            Column::Computed(index) => ("computed", index),
            Column::Key(index) => ("key", index),
            Column::Aggregate(index) => ("aggregate", index),
            Column::WindowStart => ("window_start", 0),
            Column::WindowEnd => ("window_end", 0),
            Column::SetNumber => ("set_number", 0),
            Column::Operator(index) => ("operator", index),
            Column::Revision => ("revision", 0),
            Column::Op => ("op", 0),
        };
        let _ = writeln!(text, "{} {kind} {index}", output.name);
    }
    text
}

fn check_different(statements: &[Statement]) -> Result<(), DeployError> {
    for (index, statement) in statements.iter().enumerate() {
        let twin = statements.iter().take(index).find(|earlier| earlier.identity == statement.identity);
        if let Some(twin) = twin {
            return Err(DeployError::Input(format!(
                "error: '{}' and '{}' are the same statement twice: a state could not tell them apart\n\
                 help: remove one; or give one a name, as in CREATE VIEW name AS SELECT ...; INSERT INTO sink SELECT * FROM name",
                twin.name, statement.name
            )));
        }
    }
    Ok(())
}
