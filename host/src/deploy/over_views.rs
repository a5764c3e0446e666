//! Windows over the rows of a view, put together with what was kept of them.

use streamgauge_engine::{Settings, StateVersions};
use streamgauge_sql::manifest::Manifest;
use streamgauge_state::manifest::TaskManifest;

use super::{Deployment, operators, tasks::unopened};
use crate::{
    deploy::DeployError,
    query::{OpenAggregates, OverView},
};

/// What a statement reads, while the statements of a query task are put together.
#[derive(Clone, Copy)]
pub(super) struct Upstream<'a> {
    /// The statements before it, each of which reads the one before it.
    pub(super) chain: &'a [&'a Manifest],
    /// From when on the rows that it reads are whole: windows that start before it are not emitted. None = all are.
    pub(super) covered_from_us: Option<i64>,
}

/// The same for what reads a statement's rows: the first window's rows come a window's size later.
pub(super) fn covered_from_us(
    manifest: &Manifest,
    upstream: &Upstream<'_>,
    over_view: Option<&OverView>,
) -> Option<i64> {
    let own = over_view.map_or(upstream.covered_from_us, |over_view| over_view.settings.emit_from_us)?;
    Some(own.saturating_add(manifest.window.as_ref().map_or(0, |window| window.kind.size_us())))
}

impl Deployment<'_> {
    /// How the windows of the last of these statements are made, where they are over a view.
    pub(super) fn over_view(
        &self,
        chain: &[&Manifest],
        covered_from_us: Option<i64>,
        checkpoint: Option<&TaskManifest>,
        is_durable: bool,
    ) -> Result<Option<OverView>, DeployError> {
        let [_, .., manifest] = chain else { return Ok(None) };
        let Some((id, meaning)) = operators::over_view(chain) else { return Ok(None) };
        let open = self.opener(manifest);
        let saved = checkpoint.and_then(|checkpoint| checkpoint.over_views.get(&id));
        if let Some(saved) = saved {
            check_versions(manifest, &meaning, &saved.versions, &open)?;
        }
        let emit_from_us = match (saved, checkpoint) {
            (Some(saved), _) => saved.emit_from_us,
            // They begin now: what closed before is not known.
            (None, Some(checkpoint)) => {
                let watermark = checkpoint.window_progress.as_ref().map(|progress| progress.watermark);
                watermark.filter(|&watermark| watermark != i64::MIN).max(covered_from_us)
            }
            (None, None) => covered_from_us,
        };
        // No row of a view is late.
        let settings =
            Settings { delay_us: 0, groups_max: self.limits.max_groups, emit_from_us, lateness_us: None };
        Ok(Some(OverView { id, meaning, settings, open, is_durable }))
    }
}

/// Refuses states of windows over a view that their reducers cannot restore.
fn check_versions(
    manifest: &Manifest,
    meaning: &str,
    saved: &[u32],
    open: &OpenAggregates,
) -> Result<(), DeployError> {
    let accumulators = open().map_err(unopened)?;
    let mut calls = accumulators.iter().zip(saved);
    let refused = calls.find(|(call, version)| !StateVersions::of(&***call).can_restore(**version));
    match refused {
        None => Ok(()),
        Some((_, version)) => Err(DeployError::Runtime(format!(
            "error: query '{}': its state has version {version} of what a reducer keeps in {meaning}, and the reducer cannot read it\n\
             help: use the component that wrote the state, or start with an empty state",
            manifest.name
        ))),
    }
}
