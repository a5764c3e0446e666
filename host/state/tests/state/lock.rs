//! A directory belongs to one process.

use std::{
    env,
    io::{BufRead, BufReader, Read, stdin},
    process::{Command, Stdio},
};

use streamgauge_state::{error::StateError, store::Store};

use crate::image::scratch;

/// Runs in a process of its own: holds the directory until its input ends.
#[test]
fn child_that_holds() {
    let Some(place) = env::var_os("STATE_TEST_HOLDS") else { return };
    let _store = Store::open(place.to_str().unwrap()).unwrap();
    println!("\nholds");
    stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_second_process_is_told_who_has_the_directory_and_gets_it_when_that_is_killed() {
    let folder = scratch();
    let place = folder.path().to_str().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "lock::child_that_holds", "--nocapture"])
        .env("STATE_TEST_HOLDS", place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(|line| line.unwrap()).any(|line| line == "holds"));
    let error = Store::open(place).err().unwrap();
    assert!(matches!(&error, StateError::InUse { .. }));
    let told = format!("the state in {place:?} is in use by process {}", child.id());
    assert_eq!(error.to_string(), told);
    child.kill().unwrap();
    child.wait().unwrap();
    Store::open(place).unwrap();
}
