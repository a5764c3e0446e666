//! A reducer in its component, behind the same trait as the native one.

use std::cell::RefCell;

use streamgauge_sdk::{
    Accumulators, BytesList, Column, ColumnView, Error, Evaluated, Literal, Values, ValuesView,
};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, ResourceAny},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "reducer-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use bindings::{
    ReducerPlugin, ReducerPluginPre,
    exports::streamgauge::plugin::{columns as wit, reducer},
};

/// A compiled reducer.
pub(crate) struct Guest {
    engine: Engine,
    plugin: ReducerPluginPre<()>,
}

/// The accumulators of a call in an instance of their own.
pub(crate) struct GuestAccumulators {
    store: RefCell<Store<()>>,
    plugin: ReducerPlugin,
    resource: ResourceAny,
}

impl Guest {
    /// Compiles a component; nothing is there to be imported.
    pub(crate) fn new(component: &[u8], canonical_nan: bool) -> Self {
        let mut config = Config::new();
        config.epoch_interruption(true).concurrency_support(false).wasm_simd(false).wasm_relaxed_simd(false);
        config.cranelift_nan_canonicalization(canonical_nan);
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let instance = Linker::new(&engine).instantiate_pre(&component).unwrap();
        Self { engine, plugin: ReducerPluginPre::new(instance).unwrap() }
    }

    fn start(&self) -> (Store<()>, ReducerPlugin) {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let plugin = self.plugin.instantiate(&mut store).unwrap();
        (store, plugin)
    }

    /// What the component says of itself, as text.
    pub(crate) fn describe(&self) -> reducer::Descriptor {
        let (mut store, plugin) = self.start();
        plugin.streamgauge_plugin_reducer().call_describe(&mut store).unwrap()
    }

    pub(crate) fn open(&self, signature: u32, parameters: &[Literal]) -> Result<GuestAccumulators, Error> {
        let (mut store, plugin) = self.start();
        let parameters: Vec<_> = parameters.iter().map(literal).collect();
        let calls = plugin.streamgauge_plugin_reducer().accumulators();
        let opened = calls.call_open(&mut store, signature, &parameters).unwrap();
        let resource = opened.map_err(error)?;
        Ok(GuestAccumulators { store: RefCell::new(store), plugin, resource })
    }
}

macro_rules! call {
    ($self:ident . $function:ident ( $($argument:expr),* )) => {{
        let calls = $self.plugin.streamgauge_plugin_reducer().accumulators();
        calls.$function(&mut *$self.store.borrow_mut(), $self.resource, $($argument),*).unwrap()
    }};
}

impl Accumulators for GuestAccumulators {
    fn accumulate(&mut self, slots: &[u32], arguments: &[ColumnView<'_>]) -> Result<(), Error> {
        let arguments: Vec<_> = arguments.iter().map(column).collect();
        call!(self.call_accumulate(slots, &arguments)).map_err(error)
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) {
        call!(self.call_merge(into, source));
    }

    fn evaluate(&self, slots: &[u32]) -> Evaluated {
        let evaluated = call!(self.call_evaluate(slots));
        let values = match evaluated.column.values {
            wit::ValuesResult::Booleans(bits) => Values::Booleans(bits),
            wit::ValuesResult::Int64s(values) => Values::Int64s(values),
            wit::ValuesResult::Float64s(values) => Values::Float64s(values),
            wit::ValuesResult::Timestamps(values) => Values::Timestamps(values),
            wit::ValuesResult::Texts(texts) => {
                Values::Texts(BytesList { ends: texts.ends, bytes: texts.bytes })
            }
        };
        let column = Column { rows: evaluated.column.rows as usize, values, valid: evaluated.column.valid };
        Evaluated { column, failed: evaluated.failed.into_iter().map(|row| (row.row, row.why)).collect() }
    }

    fn snapshot(&self, slots: &[u32]) -> BytesList {
        let states = call!(self.call_snapshot(slots));
        BytesList { ends: states.ends, bytes: states.bytes }
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &BytesList) -> Result<(), Error> {
        let states = wit::BytesListParam { ends: &states.ends, bytes: &states.bytes };
        call!(self.call_restore(state_version, slots, states)).map_err(error)
    }

    fn release(&mut self, slots: &[u32]) {
        call!(self.call_release(slots));
    }
}

fn column<'a>(column: &ColumnView<'a>) -> wit::ColumnParam<'a> {
    let values = match column.values {
        ValuesView::Booleans(bits) => wit::ValuesParam::Booleans(bits),
        ValuesView::Int64s(values) => wit::ValuesParam::Int64s(values),
        ValuesView::Float64s(values) => wit::ValuesParam::Float64s(values),
        ValuesView::Timestamps(values) => wit::ValuesParam::Timestamps(values),
        ValuesView::Texts { ends, bytes } => wit::ValuesParam::Texts(wit::BytesListParam { ends, bytes }),
    };
    wit::ColumnParam { rows: column.rows as u32, values, valid: column.valid }
}

fn literal(literal: &Literal) -> wit::LiteralParam<'_> {
    match literal {
        Literal::Null => wit::LiteralParam::Null,
        Literal::Boolean(value) => wit::LiteralParam::Boolean(*value),
        Literal::Int64(value) => wit::LiteralParam::Int64(*value),
        Literal::Float64(value) => wit::LiteralParam::Float64(*value),
        Literal::Timestamp(value) => wit::LiteralParam::Timestamp(*value),
        Literal::Text(value) => wit::LiteralParam::Text(value),
    }
}

fn error(error: wit::Error) -> Error {
    match error {
        wit::Error::Invalid(words) => Error::Invalid(words),
        wit::Error::Corrupt(words) => Error::Corrupt(words),
        wit::Error::UnsupportedVersion(version) => Error::UnsupportedVersion(version),
    }
}
