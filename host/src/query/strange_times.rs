//! Times of a source that are hardly what they were meant to be, as people are told of them.

use streamgauge_functions::format_json_timestamp;
use tracing::{info, warn};

use super::Subscription;
use crate::decode::times::{Era, StrangeTimes, word_of};

/// Tells of columns whose times are all strange.
pub(super) fn tell(subscription: &Subscription, strange: &[StrangeTimes]) {
    let (deployment, source) = (&subscription.deployment, &subscription.source);
    for times in strange {
        let column = &times.spec.column;
        let era = match times.era {
            Era::Epoch => "in 1970",
            Era::Future => "beyond 2200",
        };
        let name = &column.name;
        let text = format!(
            "source '{source}': the times of column \"{name}\" are all {era}, such as {}",
            shown(times.time_us)
        );
        let Some((unit, time_us)) = times.meant() else {
            info!(deployment, source, column = name, "{text}");
            continue;
        };
        let number = times.number.unwrap_or_default();
        let declared = word_of(&times.spec.time_format).unwrap_or_default();
        let help = match column.time_format {
            Some(_) => format!("write FORMAT '{unit}' behind the type of column {name}"),
            None => format!("write time_format = '{unit}' in the WITH of source '{source}'"),
        };
        warn!(
            deployment,
            source,
            column = name,
            help,
            "{text}: {number} is read as {declared}, and as {unit} it is {}",
            shown(time_us)
        );
    }
}

fn shown(time_us: i64) -> String {
    let mut text = Vec::new();
    format_json_timestamp(time_us, &mut text);
    String::from_utf8_lossy(&text).trim_matches('"').to_owned()
}
