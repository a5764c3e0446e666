//! A query's component as a host sees it: through the interface of `wit/query.wit`.

use streamgauge_sql::encode;
use streamgauge_sql::expr::{Code, Failure};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::batch::{Batch, Column, Selected, Values};
use crate::manifests::manifest;

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "query-component" });
}

use bindings::QueryComponent;
use bindings::exports::streamgauge::plugin::columns as wit;
use bindings::exports::streamgauge::plugin::query::{FailureCode, Selected as WitSelected};

pub struct Host {
    engine: Engine,
}

pub struct Query {
    store: Store<()>,
    component: QueryComponent,
}

impl Host {
    pub fn new() -> Self {
        Self { engine: Engine::default() }
    }

    /// Checks the component, and that nothing is imported: the linker is empty.
    pub fn start(&self, ingest: Option<&Code>, emit: Option<&Code>) -> Query {
        let manifest = manifest(ingest, emit);
        let bytes = encode::component(&manifest, ingest, emit).unwrap();
        assert_eq!(bytes, encode::component(&manifest, ingest, emit).unwrap(), "equal code, equal bytes");
        wasmparser::Validator::new().validate_all(&bytes).unwrap();
        assert_eq!(encode::manifest(&bytes).unwrap(), manifest);
        let compiled = Component::new(&self.engine, &bytes).unwrap();
        let mut store = Store::new(&self.engine, ());
        let component =
            QueryComponent::instantiate(&mut store, &compiled, &Linker::new(&self.engine)).unwrap();
        Query { store, component }
    }
}

impl Query {
    pub fn ingest(&mut self, batch: &Batch) -> Selected {
        let columns: Vec<wit::Column> = batch.columns.iter().map(lower).collect();
        let query = self.component.streamgauge_plugin_query();
        lift(query.call_ingest(&mut self.store, batch.rows as u32, &columns).unwrap())
    }

    pub fn emit(&mut self, batch: &Batch) -> Selected {
        let columns: Vec<wit::Column> = batch.columns.iter().map(lower).collect();
        let query = self.component.streamgauge_plugin_query();
        lift(query.call_emit(&mut self.store, batch.rows as u32, &columns).unwrap())
    }
}

fn lower(column: &Column) -> wit::Column {
    let values = match column.values.clone() {
        Values::Booleans(bits) => wit::Values::Booleans(bits),
        Values::Int64s(values) => wit::Values::Int64s(values),
        Values::Float64s(values) => wit::Values::Float64s(values),
        Values::Timestamps(values) => wit::Values::Timestamps(values),
        Values::Texts { ends, bytes } => wit::Values::Texts(wit::BytesList { ends, bytes }),
    };
    wit::Column { rows: column.rows as u32, values, valid: column.valid.clone() }
}

fn lift(selected: WitSelected) -> Selected {
    let column = |column: wit::Column| Column {
        rows: column.rows as usize,
        values: match column.values {
            wit::Values::Booleans(bits) => Values::Booleans(bits),
            wit::Values::Int64s(values) => Values::Int64s(values),
            wit::Values::Float64s(values) => Values::Float64s(values),
            wit::Values::Timestamps(values) => Values::Timestamps(values),
            wit::Values::Texts(wit::BytesList { ends, bytes }) => Values::Texts { ends, bytes },
        },
        valid: column.valid,
    };
    let code = |code| match code {
        FailureCode::Overflow => Failure::Overflow,
        FailureCode::DivisionByZero => Failure::DivisionByZero,
        FailureCode::InvalidCast => Failure::InvalidCast,
        FailureCode::OutOfRange => Failure::OutOfRange,
    };
    Selected {
        keep: selected.keep,
        columns: selected.columns.into_iter().map(column).collect(),
        failed: selected
            .failed
            .into_iter()
            .map(|failed| (failed.row, code(failed.code), failed.expression))
            .collect(),
    }
}
