//! The log's actor: decisions in groups, synced before their messages leave.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use streamgauge_common::{clock::Stopwatch, crash};

use super::{
    Checkpoint, CheckpointRequest, Command, PendingDelivery, checkpointer::Checkpointer, ending::Alive,
    standing::Standing,
};
use crate::{
    decision::Decision,
    error::StateError,
    log::Log,
    manifest::{CheckpointManifest, LogPosition},
    pool::{Actor, Mailbox, Refused},
};

/// An outbox with more runs of acknowledged messages than this writes them at most once in [`MANY_RUNS_EVERY`].
const MANY_RUNS: usize = 16;
const MANY_RUNS_EVERY: Duration = Duration::from_millis(100);
/// After how many bytes a segment is left, so that it can be removed.
const ROTATE_BYTES: usize = 1 << 20;

pub(super) struct LogWriter {
    log: Log,
    waiting_max: usize,
    checkpointer: Mailbox<Checkpointer>,
    standing: Arc<Standing>,
    /// The index of the last decision.
    last: u64,
    /// Entries with messages that may not be acknowledged: their index, query and last number.
    in_flight: VecDeque<(u64, String, u64)>,
    /// How often what is acknowledged had changed when the log was told.
    written: BTreeMap<String, u64>,
    /// Whether that was long to say, and since when it was not said.
    written_long: bool,
    since_written: Stopwatch,
    /// Bytes of decisions in the segment.
    since_rotated: usize,
    /// Dropped last: the files are closed then.
    _alive: Alive,
}

impl Actor for LogWriter {
    type Message = Command;
    /// Decisions that are synced together at most.
    const GROUP_MAX: usize = 64;

    fn waiting_max(&self) -> usize {
        self.waiting_max
    }

    fn handle(&mut self, commands: Vec<Command>) -> Result<(), String> {
        self.group(commands).map_err(|error| error.to_string())
    }
}

impl LogWriter {
    pub(super) fn new(
        log: Log,
        waiting_max: usize,
        in_flight: Vec<(u64, String, u64)>,
        checkpointer: Mailbox<Checkpointer>,
        standing: Arc<Standing>,
        alive: Alive,
    ) -> Self {
        let last = log.next_index() - 1;
        Self {
            log,
            waiting_max,
            checkpointer,
            standing,
            last,
            in_flight: in_flight.into(),
            written: BTreeMap::new(),
            written_long: false,
            since_written: Stopwatch::start(),
            since_rotated: 0,
            _alive: alive,
        }
    }

    fn group(&mut self, commands: Vec<Command>) -> Result<(), StateError> {
        let (mut releases, mut flushed, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
        let mut durable = None;
        let mut entered = false;
        for command in commands {
            match command {
                Command::Enter(bytes, release) => {
                    self.last = self.log.append(&bytes)?;
                    self.since_rotated += bytes.len();
                    entered = true;
                    self.remember(&release);
                    releases.extend(release);
                }
                Command::Checkpoint(request) => {
                    self.last = self.log.append(&Decision::Captured.encode())?;
                    entered = true;
                    checkpoints.push(self.placed(*request));
                }
                Command::Durable { needed_from } => durable = Some(needed_from),
                Command::Acknowledged => {}
                Command::Flush(done) => flushed.push(done),
            }
        }
        if entered {
            self.log.sync()?;
            crash::point("log.synced");
        }
        releases.into_iter().for_each(PendingDelivery::send);
        self.write_acknowledged()?;
        for checkpoint in checkpoints {
            match self.checkpointer.try_send(checkpoint) {
                // Why the other actor has ended is told already.
                Ok(()) | Err(Refused::Ended) => {}
                Err(Refused::Full) => unreachable!("the backend asks for one checkpoint at a time"),
            }
        }
        if let Some(needed_from) = durable {
            if self.since_rotated > ROTATE_BYTES {
                self.log.rotate()?;
                self.since_rotated = 0;
            }
            self.log.remove_below(needed_from)?;
        }
        flushed.into_iter().for_each(|done| _ = done.send(()));
        Ok(())
    }

    fn remember(&mut self, releases: &[PendingDelivery]) {
        for PendingDelivery { query, messages, .. } in releases {
            if let Some(message) = messages.last() {
                self.in_flight.push_back((self.last, query.clone(), message.sequence));
            }
        }
    }

    /// The checkpoint that is asked for, which stands behind the last decision.
    fn placed(&mut self, request: CheckpointRequest) -> Checkpoint {
        let acknowledged = self.standing.acknowledged();
        let is_acknowledged = |(_, query, last): &(u64, String, u64)| {
            acknowledged.get(query).is_some_and(|acknowledged| acknowledged.upto >= *last)
        };
        while self.in_flight.front().is_some_and(is_acknowledged) {
            self.in_flight.pop_front();
        }
        let behind = self.last + 1;
        let needed_from = self.in_flight.front().map_or(behind, |&(index, _, _)| index.min(behind));
        let CheckpointRequest { task, parts, forced_closes, observer } = request;
        let log = LogPosition { index: self.last, needed_from, acknowledged };
        Checkpoint { manifest: CheckpointManifest { task, log }, parts, forced_closes, observer }
    }

    /// Writes what was acknowledged since the last time: a message that is acknowledged is not sent again after a kill. Where that
    /// takes long, not each time.
    fn write_acknowledged(&mut self) -> Result<(), StateError> {
        if self.written_long && self.since_written.elapsed() < MANY_RUNS_EVERY {
            return Ok(());
        }
        let outboxes = self.standing.outboxes();
        self.written_long = false;
        for (query, outbox) in outboxes {
            let changes = outbox.changes();
            if self.written.get(&query).copied().unwrap_or(0) != changes {
                let acknowledged = outbox.acknowledged();
                self.written_long |= acknowledged.beyond.len() > MANY_RUNS;
                self.written.insert(query.clone(), changes);
                self.log.write_lazily(&Decision::Acknowledged { query, acknowledged }.encode())?;
                crash::point("log.settled");
            }
        }
        self.since_written = Stopwatch::start();
        Ok(())
    }
}
