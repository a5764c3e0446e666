//! What a checkpoint says of windows over views.

use super::{TaskManifest, list, write_map, write_optional};
use crate::bytes::{Malformed, Reader, Writer};

/// What is kept of windows over a view beside their segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverViewProgress {
    /// The versions of their reducers' states.
    pub versions: Vec<u32>,
    /// Windows that start before it are not emitted; none = all are.
    pub emit_from_us: Option<i64>,
}

pub(super) fn write(out: &mut Writer, task: &TaskManifest) {
    write_map(out, &task.over_views, |out, &id, OverViewProgress { versions, emit_from_us }| {
        out.u64(id);
        out.u64(versions.len() as u64);
        versions.iter().for_each(|&version| out.u32(version));
        write_optional(out, *emit_from_us);
    });
    write_map(out, &task.decided.over_views, |out, &id, &(window_end, run)| {
        out.u64(id);
        out.i64(window_end);
        out.u32(run);
    });
}

pub(super) fn read(input: &mut Reader<'_>) -> Result<(u64, OverViewProgress), Malformed> {
    let (id, versions) = (input.u64()?, list(input, 4, Reader::u32)?);
    let emit_from_us = if input.bool()? { Some(input.i64()?) } else { None };
    Ok((id, OverViewProgress { versions, emit_from_us }))
}
