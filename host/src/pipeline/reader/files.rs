//! A reader of JSON Lines files.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge_common::offset::Offset;

use super::{Event, Gone, Out, ReaderControl, ReaderLimits, SourceReader, start};
use crate::{
    decode::schema::SharedSchema,
    source::{SourceError, file::FileSource, input_file::InputFiles},
    timings::Timings,
};

/// JSON Lines files, each a partition, read in turn to their ends, from `starts`: lines; where there is none, from the first.
///
/// # Errors
/// A file that cannot be opened.
pub fn files(
    files: &InputFiles,
    starts: &BTreeMap<u32, Offset>,
    schema: Arc<SharedSchema>,
    limits: ReaderLimits,
    timings: Arc<Timings>,
) -> Result<SourceReader, SourceError> {
    let mut sources = Vec::new();
    for (partition, file) in files.iter() {
        let start = starts.get(&partition).copied().unwrap_or_default();
        sources.push((
            partition,
            start,
            FileSource::open(&file.path, partition, limits.chunks, file.read_bytes())?.from_line(start.0),
        ));
    }
    let read = move |out: &mut Out, reader: &ReaderControl| read_files(sources, out, reader);
    start(limits.queue_batches, schema, timings, read).map_err(SourceError::Thread)
}

/// One chunk of each file in turn, so that their watermarks rise together.
fn read_files(
    sources: Vec<(u32, Offset, FileSource)>,
    out: &mut Out,
    reader: &ReaderControl,
) -> Result<(), Gone> {
    for &(partition, start, _) in &sources {
        out.event(Event::Assigned { partition, start, end: None })?;
    }
    let mut sources: Vec<(u32, FileSource)> =
        sources.into_iter().map(|(partition, _, source)| (partition, source)).collect();
    while !sources.is_empty() && !reader.is_over() {
        reader.wait_while_held(&sources.iter().map(|(partition, _)| *partition).collect());
        let held = reader.held();
        let mut open = Vec::new();
        for (partition, mut source) in sources {
            if held.contains(&partition) {
                open.push((partition, source));
                continue;
            }
            match source.next() {
                Ok(Some(chunk)) => {
                    out.chunk(chunk)?;
                    open.push((partition, source));
                }
                Ok(None) => out.event(Event::Done { partition })?,
                Err(error) => return out.event(Event::Failed(error.to_string())),
            }
        }
        sources = open;
    }
    Ok(())
}
