//! What the version says beside the number: the commit, and the version of the engine that runs components.

use std::{env, fs, process::Command};

fn main() {
    for path in ["../.git/HEAD", "../Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=STREAMGAUGE_COMMIT");
    println!("cargo::rustc-env=STREAMGAUGE_COMMIT={}", commit());
    println!("cargo::rustc-env=STREAMGAUGE_ENGINE={}", engine().unwrap_or_else(|| "unknown".to_owned()));
}

/// The commit that is built: that of `STREAMGAUGE_COMMIT`, or else that of git. In a source archive, which has no git, it is `unknown`.
fn commit() -> String {
    let said = env::var("STREAMGAUGE_COMMIT").ok().filter(|commit| !commit.is_empty());
    let asked = || {
        let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    said.or_else(asked).unwrap_or_else(|| "unknown".to_owned())
}

/// The version of wasmtime, as the lock file has it.
fn engine() -> Option<String> {
    let lock = fs::read_to_string("../Cargo.lock").ok()?;
    let (_, behind) = lock.split_once("name = \"wasmtime\"\nversion = \"")?;
    Some(behind.split('"').next()?.to_owned())
}
