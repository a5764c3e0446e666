//! Killed, or without power, at any moment: what was synced is there.
//!
//! The disk is modelled: what a sync or an opening has returned for is kept; of what was written since, each sector is there
//! or not. A mark is not synced by the sync it tells of, so any of the last ones may be found.

use fastrand::Rng;
use streamgauge_state::log::Log;

use crate::image::{Image, of_folder, open, scratch, to_folder};

const PAGE: usize = 4096;
const SECTOR: usize = 512;

/// What a disk may hold.
struct Disk {
    /// Before the last call that made something durable.
    before: Image,
    /// When that call returned.
    durable: Image,
}

impl Disk {
    fn synced(&mut self, now: Image) {
        self.before = std::mem::replace(&mut self.durable, now);
    }

    /// The last segment was created, or took the place of an empty one.
    fn created(&mut self, now: &Image) {
        let (name, bytes) = now.last_key_value().unwrap();
        self.before.insert(name.clone(), bytes.clone());
        self.durable.insert(name.clone(), bytes.clone());
    }

    /// After a power cut, if `now` is what the system had in its memory.
    fn cut(&self, now: &Image, rng: &mut Rng) -> Image {
        let mut disk = Image::new();
        for (name, durable) in &self.durable {
            // A removal is not synced.
            let Some(now) = now.get(name) else {
                if rng.bool() {
                    disk.insert(name.clone(), durable.clone());
                }
                continue;
            };
            let before = self.before.get(name).unwrap_or(durable);
            disk.insert(name.clone(), torn([before, durable, now], rng));
        }
        disk
    }
}

/// A file of which the parts that differ are each as they were at some time.
fn torn([before, durable, now]: [&Vec<u8>; 3], rng: &mut Rng) -> Vec<u8> {
    // Growth and truncation are not synced either, but what was durable and not cut off is there.
    let length = if rng.bool() { now.len() } else { durable.len() };
    let mut file = durable.clone();
    file.resize(length, 0);
    let share = rng.f64();
    for at in (3 * PAGE..length).step_by(SECTOR) {
        let end = (at + SECTOR).min(length).min(now.len());
        if at < end && rng.f64() < share {
            file[at..end].copy_from_slice(&now[at..end]);
        }
    }
    for mark in [PAGE..2 * PAGE, 2 * PAGE..3 * PAGE] {
        let of = rng.choice([before, durable, now]).unwrap();
        file[mark.clone()].copy_from_slice(&of[mark]);
    }
    file
}

/// What should be there.
#[derive(Default)]
struct Model {
    entries: Vec<Vec<u8>>,
    /// As many survive a power cut,
    synced: usize,
    /// as many a kill.
    written: usize,
    /// As many segments' worth was removed.
    removed: u64,
}

fn work(log: &mut Log, model: &mut Model, disk: &mut Disk, look: &dyn Fn() -> Image, rng: &mut Rng) {
    for _ in 0..rng.usize(..12) {
        match rng.u8(..20) {
            0..8 => {
                let bytes_max = if rng.u8(..8) == 0 { 9_000 } else { 300 };
                let bytes = rng.usize(..bytes_max);
                let payload: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
                let is_lazy = rng.bool();
                let index = if is_lazy { log.write_lazily(&payload) } else { log.append(&payload) };
                model.entries.push(payload);
                assert_eq!(index.unwrap(), model.entries.len() as u64);
                if is_lazy {
                    model.written = model.entries.len();
                }
            }
            turn @ 8..18 => {
                log.sync().unwrap();
                if model.synced < model.entries.len() {
                    disk.synced(look());
                }
                model.synced = model.entries.len();
                model.written = model.synced;
                if turn > 15 {
                    log.rotate().unwrap();
                    disk.created(&look());
                }
            }
            _ => {
                let below = rng.u64(..=model.synced as u64 + 1);
                log.remove_below(below).unwrap();
                model.removed = model.removed.max(below);
            }
        }
    }
}

fn check(log: &Log, model: &mut Model, is_power_cut: bool, story: &str) {
    let from = model.removed.max(1);
    let recovered = log.recovered(Some(from)).unwrap_or_else(|error| panic!("{story}: {error}"));
    for (entry, index) in recovered.entries.iter().zip(from..) {
        assert_eq!(entry.index, index, "{story}");
        assert_eq!(Some(&entry.payload), model.entries.get(index as usize - 1), "{story}");
    }
    let count = from as usize - 1 + recovered.entries.len();
    match is_power_cut {
        true => assert!(count >= model.synced, "{story}: {count} of {} synced", model.synced),
        false => {
            assert!(count >= model.written, "{story}: {count} of {} written", model.written);
            assert_eq!(recovered.notices, [""; 0], "{story}");
        }
    }
    // What was recovered is durable from now on.
    model.entries.truncate(count);
    (model.synced, model.written) = (count, count);
}

#[test]
fn what_was_synced_survives_power_cuts_and_what_was_written_survives_kills() {
    let mut torn = 0;
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let mut model = Model::default();
        let mut image = Image::new();
        for life in 0..5 {
            let folder = to_folder(&image);
            let mut disk = Disk { before: image.clone(), durable: image.clone() };
            let look = || of_folder(&folder);
            let mut log =
                Log::open(&open(&folder), 7).unwrap_or_else(|error| panic!("{seed} {life}: {error}"));
            disk.created(&look());
            let story = format!("seed {seed}, life {life}");
            let is_power_cut = rng.bool();
            if life > 0 {
                check(&log, &mut model, true, &story);
                torn += u32::from(!log.recovered(Some(model.removed.max(1))).unwrap().notices.is_empty());
            }
            work(&mut log, &mut model, &mut disk, &look, &mut rng);
            let now = look();
            drop(log);
            if is_power_cut {
                image = disk.cut(&now, &mut rng);
            } else {
                image = now;
                let again = to_folder(&image);
                let log = Log::open(&open(&again), 7).unwrap();
                let mut model = Model { entries: model.entries.clone(), ..model };
                check(&log, &mut model, false, &story);
            }
        }
    }
    assert!(torn > 20, "tails were torn {torn} times");
}

#[test]
fn an_opening_that_is_cut_short_is_begun_again() {
    let folder = scratch();
    let mut log = Log::open(&open(&folder), 7).unwrap();
    for index in 0..20_u8 {
        log.write_lazily(&[index; 300]).unwrap();
        if index == 9 {
            log.sync().unwrap();
        }
    }
    drop(log);
    let mut image = of_folder(&folder);
    // The second opening has made its segment and not yet sealed the first; then that, and so on.
    for _ in 0..4 {
        let folder = to_folder(&image);
        let log = Log::open(&open(&folder), 7).unwrap();
        assert_eq!(log.recovered(None).unwrap().entries.len(), 20);
        drop(log);
        let opened = of_folder(&folder);
        image = opened
            .into_iter()
            .map(|(name, bytes)| (name.clone(), image.remove(&name).unwrap_or(bytes)))
            .collect();
    }
    assert_eq!(image.len(), 3);
}
