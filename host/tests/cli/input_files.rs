//! The files that a state has read: what it says when they are not what they were.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    kept::{folder, over_events, rows, run, to_file},
    outcome, streamgauge,
};

const STATE: &[&str] = &["--state", "state"];
const EVENTS: u32 = 400_000;

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

/// A run that has read a part of its events and was killed, in its folder. Where the machine is busy the third checkpoint may be the
/// last one, at the end of the input: then it is tried again.
fn interrupted() -> tempfile::TempDir {
    for _ in 0..20 {
        let folder = folder(&to_file("v", ""));
        fs::write(folder.path().join("events.jsonl"), lines(0..EVENTS)).unwrap();
        let mut command = run(folder.path(), &["--input", "s=events.jsonl", "--checkpoint-interval", "1ms"]);
        let done =
            command.args(STATE).env("STREAMGAUGE_CRASH", "checkpoint.after_manifest:3").output().unwrap();
        assert_eq!(done.status.signal(), Some(6), "{}", String::from_utf8_lossy(&done.stderr));
        let (_, listed, _) =
            outcome(streamgauge().current_dir(folder.path()).args(["state", "ls"]).args(STATE));
        assert!(listed.contains('v'), "{listed}");
        if !listed.contains(", at its end") {
            return folder;
        }
    }
    panic!("each run came to the end of its input before its third checkpoint");
}

fn events(folder: &Path) -> std::path::PathBuf {
    folder.join("events.jsonl")
}

#[test]
fn a_state_goes_on_in_a_file_that_is_the_same_or_has_grown() {
    for more in ["", "{\"n\":400000}\n"] {
        let folder = interrupted();
        let path = folder.path();
        File::options().append(true).open(events(path)).unwrap().write_all(more.as_bytes()).unwrap();
        // Another path leads to the same content.
        fs::rename(events(path), path.join("moved.jsonl")).unwrap();
        let (exit, _, said) = outcome(run(path, &["--input", "s=moved.jsonl"]).args(STATE));
        assert_eq!(exit, 0, "{said}");
        assert!(said.contains("query 'v' resumes at offset "), "{said}");
        assert!(rows(path) == lines(0..EVENTS) + more);
        // What it read to its end is what it knows.
        let (exit, _, said) = outcome(run(path, &["--input", "s=moved.jsonl"]).args(STATE));
        let over =
            "query 'v' came to the end of its input in an earlier run with this state: nothing is read\n";
        assert!(exit == 0 && said.starts_with(over), "{said}");
    }
}

#[test]
fn a_state_in_the_middle_of_a_file_that_was_exchanged_cut_or_removed_is_refused() {
    let all = lines(0..EVENTS);
    let exchanged = all.replacen("{\"n\":1}", "{\"n\":9}", 1);
    let at_end = all.replacen("{\"n\":399999}", "{\"n\":111111}", 1);
    let size = all.len();
    let (is_other, had) = (
        format!("'events.jsonl' is another file than it was: it has {size} bytes, and the {size} bytes"),
        format!("bytes, and had {size} before"),
    );
    for (content, why) in [
        (Some(exchanged), is_other.as_str()),
        (Some(at_end), &is_other),
        (Some(lines(0..10)), &had),
        (Some(String::new()), "'events.jsonl' has 0 bytes, and had "),
        (None, "'events.jsonl' is not there, and "),
    ] {
        let folder = interrupted();
        let path = folder.path();
        match &content {
            Some(content) => fs::write(events(path), content).unwrap(),
            None => fs::remove_file(events(path)).unwrap(),
        }
        let before = rows(path);
        let (exit, _, said) = over_events(path, STATE);
        assert_eq!((exit, rows(path) == before), (3, true), "{said}");
        assert!(
            said.contains("query 'v': its state was in the middle of a file") && said.contains(why),
            "{said}"
        );
        assert!(said.contains("streamgauge state rm --state "), "{said}");
        // Each way out is one.
        fs::write(events(path), &all).unwrap();
        let (exit, _, said) = over_events(path, STATE);
        assert!(exit == 0 && rows(path) == all, "{said}");
    }
}

#[test]
fn a_query_that_has_read_nothing_yet_may_begin_with_another_file() {
    let folder = folder(&to_file("v", ""));
    let path = folder.path();
    // Refused after its inputs were seen.
    fs::write(path.join("rows.jsonl"), "somebody's").unwrap();
    assert_eq!(over_events(path, STATE).0, 1);
    fs::remove_file(path.join("rows.jsonl")).unwrap();
    fs::write(events(path), lines(5..7)).unwrap();
    let (exit, _, said) = over_events(path, STATE);
    assert_eq!((exit, rows(path)), (0, lines(5..7)), "{said}");
}

#[test]
fn a_finished_state_says_what_has_become_of_its_file() {
    let folder = folder(&to_file("v", ""));
    let path = folder.path();
    let two = fs::read(events(path)).unwrap();
    let packed = |bytes: &[u8]| {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    };
    let gz = path.join("events.jsonl.gz");
    fs::write(&gz, packed(&two)).unwrap();
    let again =
        |arguments: &[&str]| outcome(run(path, &["--input", "s=events.jsonl.gz", "-q"]).args(arguments));
    assert_eq!(again(STATE), (0, String::new(), String::new()));
    assert_eq!(again(STATE), (0, String::new(), String::new()));
    let over = "query 'v' came to the end of its input in an earlier run with this state: nothing is read, though 'events.jsonl.gz'";
    let check = |what: &str| {
        let (exit, _, said) = again(STATE);
        assert_eq!(exit, 0, "{said}");
        assert!(said.starts_with(&format!("{over} {what}")), "{said}");
        assert!(said.contains("\nhelp: name another --state"), "{said}");
    };
    let member = packed(b"{\"n\":3}\n");
    fs::write(&gz, [packed(&two), member.clone()].concat()).unwrap();
    check(&format!("has grown by {} bytes since\n", member.len()));
    fs::write(&gz, member).unwrap();
    check("is another file than it was: it has ");
    fs::remove_file(&gz).unwrap();
    check("is not there any more\n");
    // Another input, and a state of a version that knew nothing of its files.
    fs::write(&gz, packed(&two)).unwrap();
    let (exit, _, said) = again(&["--input", "s=events.jsonl", "--state", "state"]);
    assert!(exit == 0 && said.contains("though 'events.jsonl' was no input then"), "{said}");
    fs::remove_file(path.join("state/v/inputs")).unwrap();
    fs::write(&gz, packed(b"{\"n\":3}\n")).unwrap();
    assert_eq!(again(STATE), (0, String::new(), String::new()));
}
