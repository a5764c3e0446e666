//! Which queries of a program run.

use std::collections::BTreeMap;

use streamgauge_sql::{
    Program, Query,
    manifest::{Input, Manifest, Target},
};

use super::DeployError;

/// The queries that write somewhere, and the views that they read: nothing else runs.
pub(super) fn needed(program: &Program) -> Vec<&Query> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut needed: Vec<&Query> = Vec::new();
    for query in program.queries.iter().rev() {
        let Manifest { name, target, input, .. } = &query.plan.manifest;
        if *target != Target::View || wanted.contains(&name.as_str()) {
            needed.push(query);
            wanted.extend(input.query());
        }
    }
    needed.reverse();
    needed
}

/// How many views may read each other's rows one behind the other: each calls the next.
const CHAIN_MAX: usize = 100;

/// Refuses views that read views too often.
pub(super) fn check_chains(needed: &[&Query]) -> Result<(), DeployError> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for query in needed {
        let Manifest { name, input, .. } = &query.plan.manifest;
        let depth = match input {
            Input::View(view) | Input::Late(view) => depths.get(view.as_str()).map_or(1, |depth| depth + 1),
            Input::Source(_) => 0,
        };
        if depth > CHAIN_MAX {
            return Err(DeployError::Input(format!(
                "error: query '{name}' reads a view that reads a view, and so on: more than {CHAIN_MAX} one behind the other\n\
                 help: compute in one SELECT what several do now"
            )));
        }
        depths.insert(name, depth);
    }
    Ok(())
}
