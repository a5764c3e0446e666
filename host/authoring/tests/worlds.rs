//! The worlds that the kit for Rust puts into modules are those of the contract.

use std::{env, fs, path::Path};

use wit_component::{StringEncoding, metadata};
use wit_parser::Resolve;

/// `UPDATE_GOLDEN=1` makes this test write the files.
#[test]
fn the_kit_has_the_worlds_of_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in ["reducer-plugin", "sink-plugin", "scrape-plugin"] {
        let mut contract = Resolve::default();
        let (package, _) = contract.push_path(root.join("wit")).unwrap();
        let world = contract.select_world(&[package], Some(name)).unwrap();
        let section = metadata::encode(&contract, world, StringEncoding::UTF8, None).unwrap();
        let path = root.join("plugins/sdk/src/guest/worlds").join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &section).unwrap();
        }
        assert!(
            fs::read(&path).unwrap_or_default() == section,
            "{name}: run `make golden` and commit the file"
        );
    }
}
