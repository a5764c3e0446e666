//! What people are told where nothing is written to a file, since nobody said what should become of what it holds.

use super::{Advice, Mode, Named, OutputFile, OutputFiles, Writer, fate, marker_lookup, tail::Tail};

impl OutputFiles {
    /// Why nothing is written to a file that holds something, and every way to have it written.
    pub(super) fn unknown(&self, place: &OutputFile, writer: &Writer, length: u64) -> String {
        let (path, sink) = (place.path.display(), &writer.sink);
        let marked = place.lines.as_ref().and_then(|lines| lines.mark()).unwrap_or_default();
        let left = marked.sequences.keys().find_map(|name| self.left.get(&fate::identity(name)?));
        let holds = match (&self.state, left) {
            (None, _) => format!("'{path}' holds {length} bytes already"),
            (Some(_), Some(query)) => {
                format!("'{path}' holds rows of query '{query}', which the program does not have any more")
            }
            (Some((state, folder)), None) => {
                let folder = folder.as_deref();
                let own = place.acknowledged.keys().filter_map(|name| fate::identity(name)).collect();
                let before = folder.and_then(|it| marker_lookup::written_as(it, &place.path, &own));
                let before =
                    before.map(|path| format!(": its rows were written as '{path}'")).unwrap_or_default();
                format!("'{path}' holds {length} bytes that the state in '{state}' knows nothing of{before}")
            }
        };
        let mode = match writer.named {
            Named::Sink(_) => "; write mode = 'append' into its WITH to write behind that",
            Named::Command => "",
        };
        let state = match (&self.state, left) {
            (None, _) => String::new(),
            (Some(_), Some(query)) => format!("; or call the query '{query}' again, to go on as it was"),
            (Some(_), None) if self.advice == Advice::OfHost => String::new(),
            (Some(_), None) => "; or name the state that the file was written with".to_owned(),
        };
        format!(
            "error: sink '{sink}': {holds}\n\
             help: name another file; {}{mode}{state}",
            self.advice.overwriting(sink)
        )
    }
}

impl OutputFile {
    /// Why nothing is written to a file in which something stands behind what this state wrote, and every way to have it written.
    pub(super) fn added(
        &self,
        writer: &Writer,
        tail: Tail,
        [written, added]: [u64; 2],
        advice: Advice,
    ) -> String {
        let (path, sink) = (self.path.display(), &writer.sink);
        let mode = match (writer.named, tail) {
            (Named::Sink(None | Some(Mode::Overwrite)), Tail::Others) => {
                "; write mode = 'append' into its WITH to write behind them"
            }
            _ => "",
        };
        format!(
            "error: sink '{sink}': '{path}' holds {added} bytes behind the {written} bytes that this state knows of, and they are not what it was writing\n\
             help: move them to another file; name another file{mode}; or {}",
            advice.cutting(sink, &self.path, written)
        )
    }
}
