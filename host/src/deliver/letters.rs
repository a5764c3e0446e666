//! Where dead letters go, each once: a run that goes on from a state finds those of its queries again ([`identity`]), and no
//! other letter is left out because it looks like one that is there.
//!
//! A letter that the place does not take now (its disk is full) is kept in memory until it does; whoever reads events asks
//! [`DeadLetterQueue::trouble`] and takes no more until then, so that it is never more than the letters of one batch. A file has
//! a bound ([`rotation`](Rotation)).

mod held;
mod identity;
mod rotation;

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use streamgauge_common::{clock::Stopwatch, row::write_json_text};
use tracing::{info, warn};

use self::held::Torn;
use super::{
    dead_letter::RecordText,
    http::backoff::Backoff,
    output::{Output, OutputError},
};

pub use self::{
    held::Held,
    rotation::{Rotation, older},
};

/// Letters that are remembered, the last ones: older ones are behind every checkpoint.
const KNOWN_MAX: usize = 1 << 20;
/// Between tries to write where that failed.
const BACK_OFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// A file of dead letters.
pub struct DeadLetterQueue {
    output: Arc<Output>,
    record_text: RecordText,
    state: Mutex<State>,
}

struct State {
    known: Known,
    rotation: Option<Rotation>,
    /// What went wrong last, until it goes well.
    failure: Option<Failing>,
}

/// Letters wait to be written.
struct Failing {
    why: String,
    tries: u32,
    since_try: Stopwatch,
    wait: Duration,
}

/// The last letters, by their hashes.
#[derive(Default)]
struct Known {
    hashes: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl Known {
    /// Whether a letter is new; it is known from now on.
    fn add(&mut self, line: &[u8]) -> bool {
        let hash = identity::hash(line);
        if !self.hashes.insert(hash) {
            return false;
        }
        self.in_order.push_back(hash);
        if self.in_order.len() > KNOWN_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

impl DeadLetterQueue {
    /// Letters to an output that holds none yet.
    pub fn new(output: Arc<Output>, record_text: RecordText) -> Self {
        let state = State { known: Known::default(), rotation: None, failure: None };
        Self { output, record_text, state: Mutex::new(state) }
    }

    /// How much of its record a letter holds.
    pub fn record_text(&self) -> RecordText {
        self.record_text
    }

    /// Bounds the file; before anything is written to it.
    pub fn rotate(&self, rotation: Rotation) {
        self.lock().rotation = Some(rotation);
    }

    /// Goes on behind what the file holds. What it holds of these queries is known: they go on from a state, and say it again.
    /// A letter at its end that was not finished is cut off where nothing else can be in the file (`is_ours`); gives whether
    /// one was.
    ///
    /// # Errors
    /// Where it cannot be read or cut.
    pub fn begin(&self, file: &File, replayed: &BTreeSet<String>, is_ours: bool) -> io::Result<bool> {
        let State { known, rotation, .. } = &mut *self.lock();
        let replayed: BTreeSet<Vec<u8>> = replayed.iter().map(|query| json(query)).collect();
        let mut remember = |line: &[u8]| {
            if identity::query(line).is_some_and(|query| replayed.contains(query)) {
                known.add(line);
            }
        };
        if let Some(rotation) = rotation {
            rotation.remember_older(&mut remember)?;
        }
        let Held { mut whole, torn, .. } = Held::by(file)?;
        let is_cut = is_ours && torn == Torn::Letter;
        if is_cut {
            file.set_len(whole)?;
        } else if torn != Torn::Nothing {
            let length = file.metadata()?.len();
            file.write_all_at(b"\n", length)?;
            whole = length + 1;
        }
        let mut lines = 0;
        each_line(file, &mut |line| {
            remember(line);
            lines += 1;
        })?;
        if let Some(rotation) = rotation {
            rotation.begin(whole, lines);
        }
        let mut file = file;
        file.seek(SeekFrom::Start(whole))?;
        Ok(is_cut)
    }

    /// Takes whole lines but those that are there; gives how many were not. They are written sooner or later: see
    /// [`DeadLetterQueue::trouble`].
    pub fn write(&self, lines: &[u8]) -> u64 {
        let mut taken = 0;
        self.write_each(lines, |_| taken += 1);
        taken
    }

    /// As [`DeadLetterQueue::write`], but gives to `took` the place among the lines of each that was not there.
    pub fn write_each(&self, lines: &[u8], mut took: impl FnMut(usize)) {
        let mut state = self.lock();
        for (place, line) in lines.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if state.known.add(line) {
                took(place);
                // What waits is written first, to the file that it was meant for.
                if state.failure.is_none()
                    && let Err(error) = self.make_room(line.len(), &mut state)
                {
                    self.fail(&error, &mut state);
                }
                if let Some(rotation) = &mut state.rotation {
                    rotation.count(line.len());
                }
                if let Err(error) = self.output.write(line) {
                    self.fail(&error, &mut state);
                }
            }
        }
    }

    /// Moves the file away where so many bytes more would make it too long.
    fn make_room(&self, bytes: usize, state: &mut State) -> Result<(), OutputError> {
        let Some(rotation) = state.rotation.as_mut().filter(|rotation| rotation.is_due(bytes)) else {
            return Ok(());
        };
        self.output.sync()?;
        let told = rotation.rotate(&self.output)?;
        info!("{told}");
        Ok(())
    }

    /// Hands on what was written so far; where that failed before, when it is time to try it again.
    ///
    /// # Errors
    /// Where nobody reads it any more. Of other troubles people are told, and [`DeadLetterQueue::trouble`] says so.
    pub fn flush(&self) -> Result<(), OutputError> {
        let mut state = self.lock();
        let flushed = match &state.failure {
            None => self.output.flush(),
            Some(failing) if failing.since_try.elapsed() < failing.wait => return Ok(()),
            // What failed may have been any of these.
            Some(_) => self.output.sync().and_then(|()| self.make_room(0, &mut state)),
        };
        self.note(flushed, &mut state)
    }

    /// Whether what was written survives a power cut: where not, people are told.
    pub fn sync(&self) -> bool {
        let mut state = self.lock();
        let synced = self.output.sync().and_then(|()| self.make_room(0, &mut state));
        self.note(synced, &mut state).is_ok() && state.failure.is_none()
    }

    /// Why some letters wait to be written; none where none do.
    pub fn trouble(&self) -> Option<String> {
        self.lock().failure.as_ref().map(|failing| failing.why.clone())
    }

    /// Notes what came of writing all that there is.
    fn note(&self, written: Result<(), OutputError>, state: &mut State) -> Result<(), OutputError> {
        match written {
            Err(error) if error.is_closed_pipe() => Err(error),
            Err(error) => {
                self.fail(&error, state);
                Ok(())
            }
            Ok(()) => {
                if state.failure.take().is_some() {
                    info!("dead letters are written again");
                }
                Ok(())
            }
        }
    }

    /// Notes a failure; the first one is told.
    fn fail(&self, error: &OutputError, state: &mut State) {
        if error.is_closed_pipe() {
            return;
        }
        let tries = state.failure.as_ref().map_or(1, |failing| failing.tries + 1);
        let why = error.to_string();
        if tries == 1 {
            warn!("dead letters wait, and so does reading: {why}");
        }
        let wait = BACK_OFF.wait(tries, fastrand::f64());
        state.failure = Some(Failing { why, tries, since_try: Stopwatch::start(), wait });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name as JSON writes it.
fn json(name: &str) -> Vec<u8> {
    let mut json = Vec::new();
    write_json_text(&mut json, name.as_bytes());
    json
}

/// Reads the whole lines of a file.
fn each_line(file: &File, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        take(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn letters(output: Output) -> DeadLetterQueue {
        DeadLetterQueue::new(Arc::new(output), RecordText::Excerpt)
    }

    fn open(path: &Path) -> File {
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    /// Letters of a file that is moved away at so many bytes.
    fn rotated(path: &Path, bytes_max: u64) -> DeadLetterQueue {
        let file = open(path);
        let letters = letters(Output::to_file(path, file.try_clone().unwrap()));
        letters.rotate(Rotation::new(path, &file, bytes_max).unwrap());
        letters.begin(&file, &goes_on("q"), true).unwrap();
        letters
    }

    fn letter(offset: usize) -> String {
        format!(
            "{{\"source\":\"s\",\"query\":\"q\",\"partition\":0,\"offset\":{offset:04},\"reason\":\"late\",\"message\":\"\",\"record\":\"\"}}\n"
        )
    }

    fn goes_on(query: &str) -> BTreeSet<String> {
        BTreeSet::from([query.to_owned()])
    }

    #[test]
    fn a_letter_is_there_once_and_a_torn_line_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        fs::write(&path, [&letter(1), &letter(2), &letter(3)[..9]].concat()).unwrap();
        let file = open(&path);
        let letters = letters(Output::to_file(&path, file.try_clone().unwrap()));
        assert!(letters.begin(&file, &goes_on("q"), true).unwrap());
        assert_eq!(letters.write([2, 3].map(letter).concat().as_bytes()), 1);
        assert_eq!(letters.write(letter(3).as_bytes()), 0, "nor again in the same run");
        assert!(letters.sync());
        assert_eq!(fs::read_to_string(&path).unwrap(), [1, 2, 3].map(letter).concat());
    }

    #[test]
    fn only_letters_of_queries_that_go_on_are_known() {
        for replayed in [BTreeSet::new(), goes_on("another")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("dead.jsonl");
            fs::write(&path, letter(1)).unwrap();
            let file = open(&path);
            let letters = letters(Output::to_file(&path, file.try_clone().unwrap()));
            assert!(!letters.begin(&file, &replayed, true).unwrap());
            assert_eq!(letters.write([1, 1].map(letter).concat().as_bytes()), 1, "once in a run");
            assert!(letters.sync());
            assert_eq!(fs::read_to_string(&path).unwrap(), [1, 1].map(letter).concat());
        }
    }

    #[test]
    fn a_torn_end_that_is_no_letter_or_not_ours_is_kept_and_ended() {
        for (end, is_ours) in [("notes", true), ("{\"sou", false)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("dead.jsonl");
            fs::write(&path, [&letter(1), end].concat()).unwrap();
            let file = open(&path);
            let letters = letters(Output::to_file(&path, file.try_clone().unwrap()));
            assert!(!letters.begin(&file, &BTreeSet::new(), is_ours).unwrap());
            letters.write(letter(2).as_bytes());
            assert!(letters.sync());
            assert_eq!(fs::read_to_string(&path).unwrap(), [&letter(1), end, "\n", &letter(2)].concat());
        }
    }

    #[test]
    fn a_file_is_moved_away_before_it_is_too_long_and_what_is_in_both_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let older = folder.path().join("dead.jsonl.1");
        // Three letters fit.
        let bytes_max = 3 * letter(0).len() as u64;
        let letters = rotated(&path, bytes_max);
        for offset in 0..8 {
            assert_eq!(letters.write(letter(offset).as_bytes()), 1);
        }
        assert!(letters.sync());
        assert_eq!(fs::read_to_string(&older).unwrap(), [3, 4, 5].map(letter).concat());
        assert_eq!(fs::read_to_string(&path).unwrap(), [6, 7].map(letter).concat());
        drop(letters);
        // A process was killed between moving the file and making a new one.
        fs::remove_file(&path).unwrap();
        let letters = rotated(&path, bytes_max);
        assert_eq!(letters.write([3, 4, 5, 6, 7].map(letter).concat().as_bytes()), 2);
        assert!(letters.sync());
        assert_eq!(fs::read_to_string(&older).unwrap(), [3, 4, 5].map(letter).concat());
        assert_eq!(fs::read_to_string(&path).unwrap(), [6, 7].map(letter).concat());
    }

    #[test]
    fn what_cannot_be_moved_waits_and_nothing_is_written_over_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let letters = rotated(&path, letter(0).len() as u64);
        letters.write(letter(0).as_bytes());
        // Somebody puts another file there.
        fs::rename(&path, folder.path().join("mine")).unwrap();
        fs::write(&path, "notes").unwrap();
        letters.write(letter(1).as_bytes());
        let why = letters.trouble().unwrap();
        assert!(why.contains("another file is there now"), "{why}");
        fs::remove_file(&path).unwrap();
        while letters.trouble().is_some() {
            letters.sync();
        }
        letters.write(letter(2).as_bytes());
        assert!(letters.sync());
        assert_eq!(fs::read_to_string(&path).unwrap(), letter(2));
        assert_eq!(fs::read_to_string(folder.path().join("mine")).unwrap(), [0, 1].map(letter).concat());
    }

    #[test]
    fn a_file_that_holds_no_letters_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let older = folder.path().join("dead.jsonl.1");
        let mine = "{\"source\":\"mine\",\"n\":1}\n";
        let fifo = || rustix::fs::mkfifoat(rustix::fs::CWD, &older, rustix::fs::Mode::RWXU).unwrap();
        let put: [(&dyn Fn(), &str); 4] = [
            (&|| fs::write(&older, mine).unwrap(), "holds no dead letters"),
            (&|| fs::write(&older, [&letter(7), mine].concat()).unwrap(), "holds no dead letters"),
            (&fifo, "is no regular file"),
            (&|| std::os::unix::fs::symlink("elsewhere", &older).unwrap(), "is no regular file"),
        ];
        for (put, why) in put {
            // Both where it is there at the start and where somebody puts it there later.
            put();
            let refused = Rotation::new(&path, &open(&path), 1).err().unwrap();
            assert!(refused.to_string().contains(why), "{refused}");
            fs::remove_file(&older).unwrap();
            let letters = rotated(&path, letter(0).len() as u64);
            letters.write(letter(0).as_bytes());
            put();
            letters.write(letter(1).as_bytes());
            let told = letters.trouble().unwrap();
            assert!(told.contains(why), "{told}");
            fs::remove_file(&older).unwrap();
            while letters.trouble().is_some() {
                letters.sync();
            }
            assert_eq!(fs::read_to_string(&older).unwrap(), [0, 1].map(letter).concat());
            fs::remove_file(&older).unwrap();
            fs::remove_file(&path).unwrap();
        }
        fs::write(&older, letter(0)).unwrap();
        let theirs = open(&older);
        theirs.try_lock().unwrap();
        let refused = Rotation::new(&path, &open(&path), 1).err().unwrap();
        assert!(refused.to_string().contains("another process writes to"), "{refused}");
    }
}
