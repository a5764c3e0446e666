//! The contract (`wit/`) in Rust, as a host sees it.
//!
//! One world with every interface that some guest exports, so that all share the types of columns. Lists
//! that go into a guest are borrowed: the generated `...Param` types; what comes out is owned: `...Result`.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package streamgauge:host;

        world guests {
            export streamgauge:plugin/columns@0.2.0;
            export streamgauge:plugin/reducer@0.2.0;
            export streamgauge:plugin/query@0.2.0;
            export streamgauge:plugin/sink@0.2.0;
            export streamgauge:plugin/scrape@0.2.0;
        }
    ",
    world: "streamgauge:host/guests",
    ownership: Borrowing { duplicate_if_necessary: true },
});

#[expect(unreachable_pub, reason = "the generated code below exports them again")]
pub use exports::streamgauge::plugin::columns;
pub(super) use exports::streamgauge::plugin::{query, reducer, scrape, sink};

/// The contract's version 0.1. Its columns are those of the present version: only the types of an imported interface can be replaced, so
/// it is imported here.
pub(super) mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../../wit/previous/0.1.0",
        inline: "
            package streamgauge:host;

            world guests {
                import streamgauge:plugin/columns@0.1.0;
                export streamgauge:plugin/reducer@0.1.0;
                export streamgauge:plugin/sink@0.1.0;
                export streamgauge:plugin/scrape@0.1.0;
            }
        ",
        world: "streamgauge:host/guests",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: { "streamgauge:plugin/columns@0.1.0": super::imported_columns },
    });

    pub(crate) use exports::streamgauge::plugin::{reducer, scrape, sink};
}

/// The columns as [`v0_1`] imports them: an interface without functions, for which nothing is linked.
#[expect(dead_code, unreachable_pub, reason = "the generated code names these items, and nothing calls it")]
pub mod imported_columns {
    use wasmtime::{
        Result,
        component::{HasData, Linker},
    };

    pub use super::columns::*;

    pub trait Host {}

    pub trait HostWithStore<T>: HasData {}

    pub fn add_to_linker<T: 'static, D: HostWithStore<T>>(
        _: &mut Linker<T>,
        _: fn(&mut T) -> D::Data<'_>,
    ) -> Result<()> {
        Ok(())
    }
}
