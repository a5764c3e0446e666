//! The worlds of the contract, for core modules that do not say which one they have.

use wasm_encoder::{CustomSection, Encode as _, Section as _};

/// How the names of exports begin, and the section of the world that has them. Where several fit, the first one is meant.
const WORLDS: [(&str, &[u8]); 3] = [
    ("streamgauge:plugin/scrape@", include_bytes!("../../../plugins/sdk/src/guest/worlds/scrape-plugin")),
    ("streamgauge:plugin/sink@", include_bytes!("../../../plugins/sdk/src/guest/worlds/sink-plugin")),
    ("streamgauge:plugin/reducer@", include_bytes!("../../../plugins/sdk/src/guest/worlds/reducer-plugin")),
];

/// A module that says which world it has, by what it exports; none where it exports nothing of the contract.
pub(super) fn with_world(module: &[u8], exports: &[String]) -> Option<Vec<u8>> {
    let exports_any = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
    let (_, world) = WORLDS.into_iter().find(|(prefix, _)| exports_any(prefix))?;
    let section = CustomSection { name: "component-type:streamgauge".into(), data: world.into() };
    let mut with_world = module.to_vec();
    with_world.push(section.id());
    section.encode(&mut with_world);
    Some(with_world)
}
