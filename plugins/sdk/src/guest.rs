//! The adapters between the contract's bindings and the traits of this crate: names are changed, nothing is computed.

#[expect(missing_docs, reason = "generated from wit/")]
pub mod bindings {
    // Every interface that some guest exports, so that they share the types of columns. Which of them a guest does export says
    // its world below.
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package streamgauge:guest;

            world guests {
                export streamgauge:plugin/columns@0.2.0;
                export streamgauge:plugin/reducer@0.2.0;
                export streamgauge:plugin/sink@0.2.0;
                export streamgauge:plugin/scrape@0.2.0;
            }
        ",
        world: "streamgauge:guest/guests",
        pub_export_macro: true,
    });

    pub use exports::streamgauge::plugin::{columns, reducer, scrape, sink};
}

mod columns;

pub mod reducer;
pub mod sink;
pub mod scrape;

/// The world `reducer-plugin`, encoded. A test of `host/authoring` writes these files and compares them with wit/.
pub const REDUCER_PLUGIN: &[u8] = include_bytes!("guest/worlds/reducer-plugin");
/// The world `sink-plugin`, encoded.
pub const SINK_PLUGIN: &[u8] = include_bytes!("guest/worlds/sink-plugin");
/// The world `scrape-plugin`, encoded.
pub const SCRAPE_PLUGIN: &[u8] = include_bytes!("guest/worlds/scrape-plugin");

/// Says in the module what it exports.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_world {
    ($name:literal, $world:ident) => {
        #[unsafe(link_section = concat!("component-type:streamgauge:", $name))]
        static WORLD: [u8; $crate::guest::$world.len()] = {
            let mut bytes = [0; $crate::guest::$world.len()];
            bytes.copy_from_slice($crate::guest::$world);
            bytes
        };
    };
}
