//! Where the work of a process is traced: as `[telemetry]` of the host's configuration says, or the standard variables of OpenTelemetry.

use std::env;

use tracing::info;

use super::Failure;
use crate::{
    config::Config,
    server::folder_secrets,
    traces::{Destination, Traces},
};

/// The share of traces of `run`, where OTEL_TRACES_SAMPLER_ARG does not say.
const RUN_RATIO: f64 = 0.01;

/// As the host's configuration says.
pub(super) fn of_host(config: &Config) -> Result<Traces, Failure> {
    let Some(destination) = &config.telemetry.traces else { return Ok(Traces::default()) };
    let kept = folder_secrets(config.secrets_folder.clone());
    let secret = |name: &str| {
        let missing = |_| format!("it is neither in the folder of secrets nor in the environment as {name}");
        kept(name).or_else(|_| env::var(name).map_err(missing))
    };
    let destination = destination.clone().with_headers(&config.telemetry.headers, secret);
    let destination =
        destination.map_err(|why| Failure::Input(format!("error: `telemetry.otlp_headers`: {why}")))?;
    start(&destination, config.telemetry.sample_ratio)
}

/// As the environment says.
pub(super) fn of_run() -> Result<Traces, Failure> {
    let destination = Destination::from_environment();
    let destination = destination.map_err(|why| Failure::Input(format!("error: {why}")))?;
    let Some(destination) = destination else { return Ok(Traces::default()) };
    let ratio = match env::var("OTEL_TRACES_SAMPLER_ARG") {
        Ok(text) if !text.is_empty() => {
            let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.ok_or_else(|| {
                Failure::Input(format!(
                    "error: OTEL_TRACES_SAMPLER_ARG is '{text}', and should be from 0 to 1"
                ))
            })?
        }
        _ => RUN_RATIO,
    };
    start(&destination, ratio)
}

fn start(destination: &Destination, ratio: f64) -> Result<Traces, Failure> {
    let traces = Traces::start(destination, ratio);
    let traces = traces.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    info!("a share of {ratio} of batches, checkpoints and deliveries is traced at {}", destination.url());
    Ok(traces)
}
