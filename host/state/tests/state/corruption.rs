//! Damage of every kind to every kind of file: refused by name, or passed over with a notice for what was written before;
//! never taken for something else, and never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use streamgauge_state::{
    bytes::{Reader, Writer},
    checkpoint::{Checkpoints, SectionRef},
    error::StateError,
    log::Log,
    store::Store,
};

use crate::image::{Image, of_bucket, of_folder, open, scratch, to_bucket, to_folder};

const IDENTITY: u128 = 0x1234_5678_9abc_def0_0fed_cba9_8765_4321;
/// All entries of the log.
const ENTRIES: u64 = 24;

fn payload(index: u64) -> Vec<u8> {
    format!("decision {index}{}", ".".repeat(index as usize % 7)).into_bytes()
}

fn section(generation: u64, number: u64) -> Vec<u8> {
    format!("section {number} of {generation}{}", "#".repeat(number as usize * 5)).into_bytes()
}

/// Where the log stood when a generation was written.
fn position(generation: u64) -> u64 {
    [1, 5, 11, 17][generation as usize]
}

/// Three generations and the log since the first of them. A generation's manifest has its log position and its sections, of
/// which the first is that of the generation before.
fn write(store: &Store) {
    let mut log = Log::open(store, IDENTITY).unwrap();
    let mut checkpoints = Checkpoints::open(store, IDENTITY, log.epoch()).unwrap();
    let mut before: Vec<SectionRef> = Vec::new();
    for index in 1..=ENTRIES {
        if let Some(generation) = (1..=3).find(|generation| position(*generation) == index) {
            log.rotate().unwrap();
            let begun = checkpoints.begin(vec![section(generation, 1), section(generation, 2)]).unwrap();
            let mut writer = Writer::new();
            writer.u64(index);
            let sections: Vec<_> = before.iter().take(1).chain(&begun.sections).copied().collect();
            sections.iter().for_each(|section| section.encode(&mut writer));
            before = begun.sections.clone();
            assert_eq!(checkpoints.finish(begun, writer.as_bytes()).unwrap(), generation);
        }
        log.append(&payload(index)).unwrap();
        if index % 3 == 0 || index == ENTRIES {
            log.sync().unwrap();
        }
    }
    log.remove_below(position(1)).unwrap();
}

/// What a query would go on with.
#[derive(Debug)]
struct State {
    generation: u64,
    entries: u64,
    notices: Vec<String>,
}

/// Recovers as a query does, and checks that all that it is given is what was written.
fn recover(store: &Store) -> Result<State, StateError> {
    let log = Log::open(store, IDENTITY)?;
    let checkpoints = Checkpoints::open(store, IDENTITY, log.epoch())?;
    let Some(mut found) = checkpoints.newest()? else {
        log.recovered(None)?;
        panic!("the log does not begin at 1");
    };
    let from = loop {
        let mut reader = Reader::new(&found.payload);
        let position = reader.u64().unwrap();
        match read_sections(&checkpoints, &mut reader, found.generation) {
            Ok(()) => break position,
            Err(error) if error.is_damage() => {
                found = checkpoints.before(found, &error)?;
            }
            Err(error) => return Err(error),
        }
    };
    assert_eq!(from, position(found.generation));
    let mut recovered = log.recovered(Some(from))?;
    let mut notices = found.notices;
    notices.append(&mut recovered.notices);
    for (entry, index) in recovered.entries.iter().zip(from..) {
        assert_eq!((entry.index, &entry.payload), (index, &payload(index)));
    }
    Ok(State { generation: found.generation, entries: from - 1 + recovered.entries.len() as u64, notices })
}

fn read_sections(
    checkpoints: &Checkpoints,
    reader: &mut Reader<'_>,
    generation: u64,
) -> Result<(), StateError> {
    if generation > 1 {
        let read = checkpoints.read(&SectionRef::decode(reader).unwrap())?;
        assert_eq!(read, section(generation - 1, 1));
    }
    for number in 1..=2 {
        let read = checkpoints.read(&SectionRef::decode(reader).unwrap())?;
        assert_eq!(read, section(generation, number));
    }
    reader.finish().unwrap();
    Ok(())
}

/// How often each thing happened.
#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    noticed: u32,
    unread: u32,
}

impl Tally {
    fn all(&self) -> u32 {
        self.refused + self.noticed + self.unread
    }

    fn add(&mut self, name: &str, damage: &str, outcome: Result<State, StateError>) {
        match outcome {
            Err(error) => {
                let told = error.to_string();
                let names_it = told.contains(name) || matches!(error, StateError::Missing { .. });
                assert!(names_it, "{damage} of {name} is not named: {told}");
                self.refused += 1;
            }
            Ok(State { generation, entries, notices }) => {
                assert_eq!(entries, ENTRIES, "{damage} of {name} loses entries: {notices:?}");
                // A checkpoint that is not there at all is an older one with the log since then: the same state.
                if generation < 3 && !(damage == "removed" && name == "checkpoint-000000000003") {
                    assert!(!notices.is_empty(), "{damage} of {name}: {generation} is taken silently");
                }
                match notices.is_empty() {
                    true => self.unread += 1,
                    false => self.noticed += 1,
                }
            }
        }
    }
}

/// Recovers from an image, wherever it is put; a panic tells what was damaged.
fn outcome(image: &Image, is_folder: bool, what: &str) -> Result<State, StateError> {
    let recovered = catch_unwind(AssertUnwindSafe(|| match is_folder {
        true => {
            let folder = to_folder(image);
            recover(&open(&folder))
        }
        false => recover(&to_bucket(image)),
    }));
    recovered.unwrap_or_else(|_| panic!("{what}"))
}

fn images() -> [(Image, bool); 2] {
    let folder = scratch();
    write(&open(&folder));
    let bucket = Store::memory().unwrap();
    write(&bucket);
    [(of_folder(&folder), true), (of_bucket(&bucket), false)]
}

/// How much of a file holds anything: behind it are zeros that were written ahead.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[test]
fn nothing_is_damaged_at_first() {
    for (image, is_folder) in images() {
        let state = outcome(&image, is_folder, "nothing").unwrap();
        assert_eq!((state.generation, state.entries), (3, ENTRIES));
        assert_eq!(state.notices, [""; 0]);
    }
}

#[test]
fn flipped_bits() {
    let mut rng = Rng::with_seed(1);
    for (image, is_folder) in images() {
        let mut tally = Tally::default();
        // Checkpoints are read in the same way from both.
        for (name, bytes) in image.iter().filter(|(name, _)| !is_folder || name.starts_with("log-")) {
            let bits = used(bytes) * 8;
            // Every bit, except for pages that are mostly zeros and for files that nobody reads.
            let mut damaged = image.clone();
            damaged.get_mut(name).unwrap().clear();
            let is_unread = outcome(&damaged, is_folder, name).is_ok_and(|state| state.notices.is_empty());
            let bits: Vec<usize> = match (is_unread, is_folder) {
                (true, _) => (0..bits).step_by(256).collect(),
                (false, false) => (0..bits).collect(),
                (false, true) => {
                    (0..88 * 8).chain(3 * 4096 * 8..bits).chain((0..400).map(|_| rng.usize(..bits))).collect()
                }
            };
            for bit in bits {
                let mut damaged = image.clone();
                damaged.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
                let what = format!("bit {bit} of {name}");
                tally.add(name, "flipped bit", outcome(&damaged, is_folder, &what));
            }
        }
        println!("flipped bits, in a directory {is_folder}: {tally:?}");
        assert!(tally.all() > 2_000 && tally.refused > 1_000 && tally.noticed > 100, "{tally:?}");
    }
}

#[test]
fn cut_longer_and_overwritten_files() {
    let mut rng = Rng::with_seed(2);
    for (image, is_folder) in images() {
        let mut tally = Tally::default();
        for (name, bytes) in &image {
            let used = used(bytes);
            let mut try_out = |damage: &str, change: &dyn Fn(&mut Vec<u8>)| {
                let mut damaged = image.clone();
                change(damaged.get_mut(name).unwrap());
                tally.add(name, damage, outcome(&damaged, is_folder, &format!("{damage} of {name}")));
            };
            let ends = (0..30).map(|_| rng.usize(..used)).chain([0, 1, 87, 88, 89, used - 1]);
            for length in ends.filter(|length| *length < used) {
                try_out("cut", &|bytes| bytes.truncate(length));
            }
            for _ in 0..10 {
                let garbage: Vec<u8> = (0..rng.usize(1..200)).map(|_| rng.u8(1..)).collect();
                try_out("garbage at the end", &|bytes| bytes.extend(&garbage));
                let at = rng.usize(..used);
                let end = rng.usize(at..=used.min(at + 600));
                try_out("zeros", &|bytes| bytes[at..end].fill(0));
                try_out("garbage", &|bytes| bytes[at..end].fill(garbage[0]));
            }
        }
        println!("cut and overwritten, in a directory {is_folder}: {tally:?}");
        assert!(tally.all() > 400 && tally.refused > 30, "{tally:?}");
    }
}

#[test]
fn swapped_missing_and_duplicated_files() {
    for (image, is_folder) in images() {
        let mut tally = Tally::default();
        let last = image.keys().rfind(|name| name.starts_with("log-")).unwrap();
        for (name, bytes) in &image {
            // A bucket does not say that its last object was removed.
            if is_folder || name != last {
                let mut damaged = image.clone();
                damaged.remove(name);
                tally.add(name, "removed", outcome(&damaged, is_folder, &format!("removed {name}")));
            }
            for (other, others) in image.iter().filter(|(other, _)| *other != name) {
                let mut damaged = image.clone();
                damaged.insert(other.clone(), bytes.clone());
                let what = format!("{name} as {other} too");
                tally.add(other, "duplicated", outcome(&damaged, is_folder, &what));
                damaged.insert(name.clone(), others.clone());
                let outcome = outcome(&damaged, is_folder, &format!("{name} and {other}"));
                // Either of the two may be the one that is named.
                let is_named = outcome.as_ref().is_err_and(|error| error.to_string().contains(name.as_str()));
                tally.add(if is_named { name } else { other }, "swapped", outcome);
            }
        }
        println!("files, in a directory {is_folder}: {tally:?}");
        assert!(tally.all() > 50 && tally.refused > 20, "{tally:?}");
    }
}

#[test]
fn no_intact_checkpoint_is_no_reason_to_start_empty() {
    for (image, is_folder) in images() {
        let mut damaged = image.clone();
        for (name, bytes) in &mut damaged {
            if name.starts_with("checkpoint-") {
                bytes[30] ^= 1;
            }
        }
        let error = outcome(&damaged, is_folder, "all manifests").unwrap_err();
        assert!(matches!(error, StateError::NoneIntact { .. }), "{error}");
        damaged.retain(|name, _| !name.starts_with("checkpoint-"));
        let error = outcome(&damaged, is_folder, "no manifests").unwrap_err();
        assert!(matches!(error, StateError::Missing { .. }), "{error}");
        damaged = image.clone();
        damaged.retain(|name, _| !name.starts_with("log-"));
        let error = outcome(&damaged, is_folder, "no log").unwrap_err();
        assert!(matches!(error, StateError::Missing { .. }), "{error}");
    }
}
