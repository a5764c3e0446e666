//! Writes the worlds of the contract as the custom sections that tell tools what a guest exports: one for each kind.

use std::{env, error::Error, fs, path::Path};

use wit_component::{StringEncoding, metadata};
use wit_parser::Resolve;

const WIT: &str = "../../wit";
const WORLDS: [&str; 3] = ["reducer-plugin", "sink-plugin", "scrape-plugin"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={WIT}");
    let out = env::var("OUT_DIR")?;
    for name in WORLDS {
        let mut contract = Resolve::default();
        let (package, _) = contract.push_path(WIT)?;
        let world = contract.select_world(&[package], Some(name))?;
        let section = metadata::encode(&contract, world, StringEncoding::UTF8, None)?;
        fs::write(Path::new(&out).join(name), section)?;
    }
    Ok(())
}
