//! Hundreds of kills, in rounds; rounds that are done are not done again after an interruption.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

use streamgauge_common::{clock, crash::PHASES};

use crate::{
    broker,
    kills::{self, Tally},
};

/// How many kills where `STREAMGAUGE_KILLS` does not say.
const KILLS: u32 = 300;
/// How many kills one stream and one state see.
const ROUND_KILLS: u32 = 50;

/// What the traffic, the moments of the kills and the receiver's troubles follow from: `STREAMGAUGE_SEED`, or anything.
pub(crate) fn seed() -> u64 {
    number("STREAMGAUGE_SEED").unwrap_or_else(|| clock::now_us().cast_unsigned())
}

/// How many kills: `STREAMGAUGE_KILLS`.
pub(crate) fn kills() -> u32 {
    number("STREAMGAUGE_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap())
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: '{text}'")))
}

/// Rounds that were done, a line each, in the file that `STREAMGAUGE_SOAK` names: kills, rows and hits by phase.
fn done() -> Tally {
    let mut done = Tally::default();
    let lines = path().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    for line in lines.lines() {
        let numbers: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [kills, rows, hits @ ..] = &numbers[..] else { continue };
        let mut tally = Tally { kills: *kills, rows: *rows as usize, hits: [0; PHASES.len()] };
        tally.hits.iter_mut().zip(hits).for_each(|(hit, hits)| *hit = *hits);
        done.add(&tally);
    }
    done
}

fn note(round: &Tally) {
    let Some(path) = path() else { return };
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    let hits: Vec<String> = round.hits.iter().map(u32::to_string).collect();
    writeln!(file, "{} {} {}", round.kills, round.rows, hits.join(" ")).unwrap();
}

fn path() -> Option<PathBuf> {
    env::var_os("STREAMGAUGE_SOAK").map(PathBuf::from)
}

#[test]
#[ignore = "takes minutes: make soak"]
fn soak() {
    let Some(kafka) = broker() else { return };
    let wanted = kills();
    let mut tally = done();
    if tally.kills > 0 {
        eprintln!("{} kills were done before", tally.kills);
    }
    while tally.kills < wanted {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed();
        eprintln!("seed={seed}");
        let name = format!("{}", clock::now_us());
        let round =
            kills::run(&kafka, folder.path(), &name, seed, ROUND_KILLS.min(wanted - tally.kills).max(2));
        note(&round);
        tally.add(&round);
        eprintln!("{tally}");
    }
    eprintln!("{tally}");
    if let Some(path) = path() {
        drop(fs::remove_file(path));
    }
}
