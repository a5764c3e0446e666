//! A marker that is damaged, lost, or cannot be written.

use std::fs;

use streamgauge_state::outbox::{Acknowledged, Bounds};

use super::*;

/// Nobody is told.
struct Silent;

impl DeliveryEvents for Silent {
    fn rejected(&self, _: &Message, _: &str) -> bool {
        true
    }
    fn down(&self, _: &str) {}
    fn back(&self) {}
}

fn message(sequence: u64) -> Arc<Message> {
    let payload = Payload::Lines(format!("{{\"n\":{sequence}}}\n").into_bytes());
    Arc::new(Message { sequence, key: String::new(), lane: 0, rows: 1, payload })
}

#[test]
fn a_marker_says_what_a_file_holds_and_one_copy_of_it_may_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let output = Arc::new(Output::to_file(&path, File::create(&path).unwrap()));
    let lines = FileSink::new(output, Some(CommitMarker::open(folder.path(), "m").unwrap()));
    for sequence in 1..=3 {
        let outbox = Outbox::new(
            Bounds::default(),
            Acknowledged { upto: sequence - 1, ..Acknowledged::default() },
            |_| {},
        );
        outbox.push([message(sequence)]);
        outbox.close();
        lines.deliver("q", &outbox, &Stop::default(), &Silent);
        assert_eq!(outbox.acknowledged().upto, sequence);
        let mark = CommitMarker::open(folder.path(), "m").unwrap().mark().clone();
        assert_eq!(
            mark,
            FileMark {
                length: fs::metadata(&path).unwrap().len(),
                sequences: [("q".into(), sequence)].into(),
                ..FileMark::default()
            }
        );
    }
    // Turn 3 is in `b`, turn 2 in `a`.
    let newest = folder.path().join("m.b");
    let bytes = fs::read(&newest).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 4;
        fs::write(&newest, &bad).unwrap();
        assert_eq!(CommitMarker::open(folder.path(), "m").unwrap().mark().sequences["q"], 2, "byte {at}");
        fs::write(&newest, &bytes[..at]).unwrap();
        assert_eq!(CommitMarker::open(folder.path(), "m").unwrap().mark().sequences["q"], 2, "cut at {at}");
    }
    fs::write(folder.path().join("m.a"), b"").unwrap();
    assert!(matches!(CommitMarker::open(folder.path(), "m"), Err(CommitMarkerError::Damaged { .. })));
}

/// Takes away what is in the way of a marker when it is told that nothing goes.
struct Mender<'a>(&'a Path, Mutex<Vec<String>>);

impl DeliveryEvents for Mender<'_> {
    fn rejected(&self, _: &Message, _: &str) -> bool {
        true
    }
    fn down(&self, why: &str) {
        self.1.lock().unwrap().push(why.to_owned());
        fs::remove_dir(self.0).unwrap();
    }
    fn back(&self) {
        self.1.lock().unwrap().push("back".to_owned());
    }
}

#[test]
fn lines_whose_mark_cannot_be_written_are_there_once_and_settled_when_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let output = Arc::new(Output::to_file(&path, File::create(&path).unwrap()));
    let lines = FileSink::new(output, Some(CommitMarker::open(folder.path(), "m").unwrap()));
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    outbox.push([message(1), message(2)]);
    outbox.close();
    let in_the_way = folder.path().join("m.b");
    fs::create_dir(&in_the_way).unwrap();
    let mender = Mender(&in_the_way, Mutex::default());
    lines.deliver("q", &outbox, &Stop::default(), &mender);
    let told = mender.1.into_inner().unwrap();
    assert!(told[0].contains("cannot write") && told[0].ends_with("; 2 rows wait"), "{told:?}");
    assert_eq!(told[1..], ["back"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":1}\n{\"n\":2}\n");
    let length = fs::metadata(&path).unwrap().len();
    let mark = CommitMarker::open(folder.path(), "m").unwrap().mark().clone();
    assert_eq!(mark, FileMark { length, sequences: [("q".into(), 2)].into(), ..FileMark::default() });
}

#[test]
fn a_file_fits_its_mark_as_long_as_it_ends_there_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let options = || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
    let file = options();
    let output = Arc::new(Output::to_file(&path, file.try_clone().unwrap()));
    let lines = FileSink::new(output, Some(CommitMarker::open(folder.path(), "m").unwrap()));
    lines.begin(&file, &path, FileMark::default(), None).unwrap();
    for sequence in 1..=4 {
        let text = format!("{{\"n\":{sequence},\"text\":\"{}\"}}\n", "x".repeat(1500));
        let payload = Payload::Lines(text.into_bytes());
        let message = Arc::new(Message { payload, ..Message::clone(&message(sequence)) });
        lines.write("q", &[message]).unwrap();
        let mark = CommitMarker::open(folder.path(), "m").unwrap().mark().clone();
        assert!(mark.seen.as_ref().is_some_and(|seen| seen.is(&file)) && mark.fits(&file).unwrap());
    }
    let mark = CommitMarker::open(folder.path(), "m").unwrap().mark().clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"more");
    fs::write(&path, &bytes).unwrap();
    assert!(mark.fits(&file).unwrap());
    let at = bytes.len() - 2000;
    bytes[at] = b'?';
    fs::write(&path, &bytes).unwrap();
    assert!(!mark.fits(&file).unwrap());
}
