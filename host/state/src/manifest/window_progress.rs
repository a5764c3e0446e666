//! How far windows over a source are.

use streamgauge_engine::WindowProgress;

use super::list;
use crate::bytes::{Malformed, Reader, Writer, read_partition, write_partition};

pub(super) fn write(out: &mut Writer, progress: Option<&WindowProgress>) {
    out.bool(progress.is_some());
    let Some(WindowProgress { closed, watermark, partitions }) = progress else { return };
    out.i64(*closed);
    out.i64(*watermark);
    out.u64(partitions.len() as u64);
    for &(partition, watermark) in partitions {
        write_partition(out, partition);
        out.i64(watermark);
    }
}

pub(super) fn read(input: &mut Reader<'_>) -> Result<Option<WindowProgress>, Malformed> {
    if !input.bool()? {
        return Ok(None);
    }
    let (closed, watermark) = (input.i64()?, input.i64()?);
    let partitions = list(input, 12, |input| Ok((read_partition(input)?, input.i64()?)))?;
    Ok(Some(WindowProgress { closed, watermark, partitions }))
}
