//! Steps 2 and 6: a compiled query: WHERE and computed columns, then HAVING and the SELECT list.

use std::sync::Arc;

use streamgauge_common::{
    column::{Bitmap, Column},
    reason::Reason,
};
use streamgauge_engine::Fault;
use streamgauge_sql::{
    encode,
    manifest::{Manifest, Stage},
};
use wasmtime::{Store, component::InstancePre};

use super::{
    bindings::{columns::ColumnParam, query as wit},
    check::{Refusal, Refused, World},
    columns::{bitmap, lift, lower},
    compiler::Origin,
    contract::ContractVersion,
    guest::{Guest, call_again},
    limits::{Budget, GuestLimits},
    runtime::Runtime,
};

/// A query's component, and an instance of it.
pub struct QueryComponent {
    manifest: Manifest,
    instance: QueryInstance,
}

/// An instance of a query's component. It has no state, so another one gives the same.
struct QueryInstance {
    runtime: Runtime,
    who: String,
    compiled: Arc<InstancePre<Budget>>,
    indices: wit::GuestIndices,
    /// None where it rests: it is started for the next call.
    running: Option<Running>,
}

struct Running {
    guest: Guest,
    exports: wit::Guest,
}

/// What a stage of a query makes of some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// The rows that pass; none = all do.
    pub keep: Option<Bitmap>,
    /// The computed columns, in the order of [`Stage::computed`]. Rows that do not pass or failed have no meaning in them.
    pub columns: Vec<Column>,
    /// The rows for which some expression has no value; whether `keep` names them means nothing.
    pub failed: Vec<Failure>,
}

/// A row for which an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The row.
    pub row: u32,
    /// Why.
    pub reason: Reason,
    /// Which of [`Stage::expressions`].
    pub expression: u32,
}

impl QueryComponent {
    /// Compiles a component and starts it.
    pub fn new(runtime: &Runtime, bytes: &[u8]) -> Result<Self, Refused> {
        let refused = |who: &str, why| Refused { who: who.to_owned(), why };
        let nameless = "query component";
        let compiled = runtime.compile(nameless, World::Query, bytes, Origin::Own)?;
        let manifest = encode::manifest(bytes)
            .map_err(|error| refused(nameless, Refusal::Manifest(error.to_string())))?;
        let who = format!("query `{}`", manifest.name);
        let export = |error: wasmtime::Error| {
            refused(
                &who,
                Refusal::Export(
                    ContractVersion::ALL[0].interface(World::Query),
                    error.root_cause().to_string(),
                ),
            )
        };
        let indices = wit::GuestIndices::new(&compiled).map_err(export)?;
        let mut instance = QueryInstance { runtime: runtime.clone(), who, compiled, indices, running: None };
        instance.running()?;
        Ok(Self { manifest, instance })
    }

    /// Gives the memory of the instance back: the next call starts another one.
    pub fn rest(&mut self) {
        self.instance.running = None;
    }

    /// Starts another instance where this one is lost after a fault.
    ///
    /// # Errors
    /// The machine cannot start one now.
    pub fn restart_if_lost(&mut self) -> Result<(), Fault> {
        self.instance.restart_if_lost()
    }

    /// Compiles several components and starts them, on all cores; in the order given.
    pub fn new_all(runtime: &Runtime, components: &[Vec<u8>]) -> Result<Vec<Self>, Refused> {
        runtime.for_each(components, |bytes| Self::new(runtime, bytes)).into_iter().collect()
    }

    /// The plan that came with the code.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// WHERE and computed columns over rows of the input; without such a stage every row passes.
    pub fn ingest(&mut self, rows: usize, columns: &[&Column]) -> Result<Selected, Fault> {
        let Self { manifest, instance } = self;
        let Some(stage) = &manifest.ingest else { return Ok(Selected::default()) };
        instance.select(stage, rows, columns, |exports, store, rows, columns| {
            exports.call_ingest(store, rows, columns)
        })
    }

    /// HAVING and computed columns over the rows of closed windows; without such a stage every row passes.
    pub fn emit(&mut self, rows: usize, columns: &[&Column]) -> Result<Selected, Fault> {
        let Self { manifest, instance } = self;
        let Some(stage) = &manifest.emit else { return Ok(Selected::default()) };
        instance.select(stage, rows, columns, |exports, store, rows, columns| {
            exports.call_emit(store, rows, columns)
        })
    }
}

impl QueryInstance {
    /// Calls it. Where it is lost for the time or the memory that it took, another one is called with the same rows.
    fn select(
        &mut self,
        stage: &Stage,
        rows: usize,
        columns: &[&Column],
        call: impl Fn(&wit::Guest, &mut Store<Budget>, u32, &[ColumnParam<'_>]) -> wasmtime::Result<wit::Selected>,
    ) -> Result<Selected, Fault> {
        let (rows, arguments) = lower_all(rows, columns);
        let select = |instance: &mut Self| {
            let Running { guest, exports } = instance.running()?;
            let selected = guest.call(|store| call(exports, store, rows, &arguments))?;
            checked(selected, stage, rows).map_err(|what| guest.lose(what))
        };
        call_again(self, select, Self::restart_if_lost)
    }

    fn restart_if_lost(&mut self) -> Result<(), Fault> {
        if self.running.as_ref().is_some_and(|running| running.guest.is_lost()) {
            self.running = None;
        }
        self.running().map(drop)
    }

    /// The instance, which is started where it rests.
    fn running(&mut self) -> Result<&mut Running, Fault> {
        let Self { runtime, who, compiled, indices, running } = self;
        match running {
            Some(running) => Ok(running),
            none => Ok(none.insert(start(runtime, who, compiled, indices)?)),
        }
    }
}

/// Starts an instance, and finds its exports.
fn start(
    runtime: &Runtime,
    who: &str,
    compiled: &InstancePre<Budget>,
    indices: &wit::GuestIndices,
) -> Result<Running, Fault> {
    let (mut guest, instance) = Guest::start(runtime, who.to_owned(), compiled, GuestLimits::default())?;
    let exports = guest.call(|store| indices.load(store, &instance))?;
    Ok(Running { guest, exports })
}

fn lower_all<'a>(rows: usize, columns: &[&'a Column]) -> (u32, Vec<ColumnParam<'a>>) {
    debug_assert!(columns.iter().all(|column| column.len() == rows), "columns of one batch");
    debug_assert!(u32::try_from(rows).is_ok(), "a batch has far fewer rows");
    (rows as u32, columns.iter().map(|column| lower(column)).collect())
}

/// What a guest selected, if it is what the plan promises; else what is wrong with it.
fn checked(selected: wit::Selected, stage: &Stage, rows: u32) -> Result<Selected, String> {
    let len = rows as usize;
    let keep = selected.keep.map(|bytes| bitmap(bytes, len)).transpose()?;
    if selected.columns.len() != stage.computed.len() {
        let (given, due) = (selected.columns.len(), stage.computed.len());
        return Err(format!("gave {given} columns where {due} were due"));
    }
    let columns = selected.columns.into_iter().zip(&stage.computed);
    let columns =
        columns.map(|(column, &data_type)| lift(column, data_type, len)).collect::<Result<_, _>>()?;
    let failed = selected.failed.into_iter().map(|failure| {
        if failure.row >= rows || failure.expression as usize >= stage.expressions.len() {
            return Err(format!("failed expression {} of row {} of {rows}", failure.expression, failure.row));
        }
        Ok(Failure { row: failure.row, reason: reason(failure.code), expression: failure.expression })
    });
    Ok(Selected { keep, columns, failed: failed.collect::<Result<_, _>>()? })
}

fn reason(code: wit::FailureCode) -> Reason {
    match code {
        wit::FailureCode::Overflow => Reason::Overflow,
        wit::FailureCode::DivisionByZero => Reason::DivisionByZero,
        wit::FailureCode::InvalidCast => Reason::InvalidCast,
        wit::FailureCode::OutOfRange => Reason::OutOfRange,
    }
}
