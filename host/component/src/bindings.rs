//! The contract (`wit/`) in Rust, as a host sees it.
//!
//! One world with every interface that some guest exports, so that all share the types of columns. Lists
//! that go into a guest are borrowed: the generated `...Param` types; what comes out is owned: `...Result`.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package streamgauge:host;

        world guests {
            export streamgauge:plugin/columns@0.1.0;
            export streamgauge:plugin/reducer@0.1.0;
            export streamgauge:plugin/query@0.1.0;
            export streamgauge:plugin/sink@0.1.0;
            export streamgauge:plugin/scrape@0.1.0;
        }
    ",
    world: "streamgauge:host/guests",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::streamgauge::plugin::{columns, query, reducer, scrape, sink};
