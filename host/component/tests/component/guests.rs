//! Small guests written by hand, each of which does one thing.

use streamgauge_common::column::DataType;
use streamgauge_component::{limits::Limits, reducer::ReducerComponent, runtime::Runtime};
use streamgauge_engine::{Accumulators, Fault, StateVersions};
use streamgauge_sql::{
    manifest::{Aggregate, FORMAT, Input, Manifest, SECTION, Stage, Target},
    types::Value,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What a reducer's functions do, as the text of their bodies.
pub(crate) struct Reducer<'a> {
    pub(crate) open: &'a str,
    pub(crate) accumulate: &'a str,
    pub(crate) evaluate: &'a str,
}

/// A result that is all zeros: `ok`, or an empty description.
const NOTHING: &str = "(i32.const 16)";
/// A handle for a new resource.
pub(crate) const OPENED: &str = "(i32.store (i32.const 68) (call $new (i32.const 1))) (i32.const 64)";

impl Default for Reducer<'_> {
    /// Takes what it is given and evaluates every slot to 0.0.
    fn default() -> Self {
        Self { open: OPENED, accumulate: NOTHING, evaluate: EVALUATED }
    }
}

/// `evaluated` at 128: a column of `len` doubles, all 0.0 (at 4096), without failed rows.
pub(crate) const EVALUATED: &str = "
    (i32.store (i32.const 128) (local.get $len))
    (i32.store8 (i32.const 132) (i32.const 2))
    (i32.store (i32.const 136) (i32.const 4096))
    (i32.store (i32.const 140) (local.get $len))
    (i32.const 128)";

/// Memory, and an allocator that only goes up.
const MEMORY: &str = r#"
    (memory (export "memory") 4)
    (global $top (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get $size)))
        (block $fits (loop $again
            (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
            unreachable))
        (local.get $at))"#;

/// A reducer as a component.
pub(crate) fn reducer(guest: &Reducer<'_>) -> Vec<u8> {
    let Reducer { open, accumulate, evaluate } = guest;
    let name = "streamgauge:plugin/reducer@0.2.0";
    component(
        "reducer-plugin",
        &format!(
            r#"(module
    (import "[export]{name}" "[resource-new]accumulators" (func $new (param i32) (result i32)))
    {MEMORY}
    (func (export "{name}#describe") (result i32) {NOTHING})
    (func (export "{name}#[static]accumulators.open") (param $signature i32) (param i32 i32) (result i32) {open})
    (func $accumulate (export "{name}#[method]accumulators.accumulate")
        (param $self i32) (param $slots i32) (param $len i32) (param i32 i32) (result i32) {accumulate})
    (func (export "{name}#[method]accumulators.merge") (param i32 i32 i32 i32 i32))
    (func $evaluate (export "{name}#[method]accumulators.evaluate")
        (param $self i32) (param $slots i32) (param $len i32) (result i32) {evaluate})
    (func (export "{name}#[method]accumulators.snapshot") (param i32 i32 i32) (result i32) {NOTHING})
    (func (export "{name}#[method]accumulators.restore") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {NOTHING})
    (func (export "{name}#[method]accumulators.release") (param i32 i32 i32)))"#
        ),
    )
}

/// What a sink's functions do, as the text of their bodies, and the one request that it gives.
pub(crate) struct Sink<'a> {
    pub(crate) encode: &'a str,
    pub(crate) judge: &'a str,
    /// None = it answers no scrapes.
    pub(crate) render: Option<&'a str>,
    /// What it says about itself: nothing, or [`DESCRIBED`].
    pub(crate) describe: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) header: (&'a str, &'a str),
}

/// `ok` with one request, made of the texts, for as many deliveries as there are: the length of `keys.ends`.
pub(crate) const ENCODED: &str = "
    (i32.store (i32.const 1068) (i32.load offset=8 (local.get $arguments)))
    (i32.store (i32.const 68) (i32.const 1024))
    (i32.store (i32.const 72) (i32.const 1))
    (i32.const 64)";

/// The description of a sink `probe` of version 1, without options.
pub(crate) const DESCRIBED: &str = "(i32.const 60000)";
/// The same with the option `url`, a text, which says where requests go.
pub(crate) const DESCRIBED_WITH_URL: &str = "
    (i32.store (i32.const 60024) (i32.const 60200)) (i32.store (i32.const 60028) (i32.const 1))
    (i32.store (i32.const 60200) (i32.const 60100)) (i32.store (i32.const 60204) (i32.const 3))
    (i32.store8 (i32.const 60208) (i32.const 4)) (i32.store (i32.const 60100) (i32.const 0x006c7275))
    (i32.const 60000)";
const DESCRIPTION: &str = r#"(data (i32.const 60000) "\80\ea\00\00\05\00\00\00\85\ea\00\00\01\00\00\00")
    (data (i32.const 60032) "probe1")"#;

/// As many outcomes as the request has deliveries, all of them zeros: delivered.
const JUDGED: &str = "
    (i32.store (i32.const 96) (i32.const 3072))
    (i32.store (i32.const 100) (i32.load offset=48 (local.get $arguments)))
    (i32.const 96)";

impl Default for Sink<'_> {
    /// One request a batch, always delivered.
    fn default() -> Self {
        let (encode, judge) = (ENCODED, JUDGED);
        let header = ("content-type", "text/plain");
        let describe = NOTHING;
        Self { encode, judge, render: None, describe, method: "POST", url: "https://example.com", header }
    }
}

/// A sink as a component.
pub(crate) fn sink(guest: &Sink<'_>) -> Vec<u8> {
    let Sink { encode, judge, render, describe, method, url, header: (name, value) } = *guest;
    let interface = "streamgauge:plugin/sink@0.2.0";
    let scrape = render.map_or_else(String::new, |body| {
        format!(
            r#"(func (export "streamgauge:plugin/scrape@0.2.0#render") (param i32 i32) (result i32) {body})"#
        )
    });
    // Texts at 5000; one header at 4096; the request at 1024: message (http: method, url, headers, body), deliveries.
    let mut texts = Vec::new();
    let mut place = |text: &str| {
        let at = 5000 + texts.len() as u32;
        texts.extend_from_slice(text.as_bytes());
        [at, text.len() as u32]
    };
    let [method, url, name, value] = [method, url, name, value].map(&mut place);
    let header = data(4096, &[name, value].concat());
    let request = data(1024, &[&[0][..], &method, &url, &[4096, 1], &[0, 0]].concat());
    let texts: String = texts.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let world = if render.is_some() { "scrape-plugin" } else { "sink-plugin" };
    component(
        world,
        &format!(
            r#"(module
    (import "[export]{interface}" "[resource-new]encoder" (func $new (param i32) (result i32)))
    {MEMORY} {header} {request} (data (i32.const 5000) "{texts}")
    {DESCRIPTION}
    (func (export "{interface}#describe") (result i32) {describe})
    (func (export "{interface}#[static]encoder.open") (param i32 i32 i32 i32 i32 i32) (result i32) {OPENED})
    (func (export "{interface}#[method]encoder.encode") (param $arguments i32) (result i32) {encode})
    (func (export "{interface}#[method]encoder.judge") (param $arguments i32) (result i32) {judge})
    {scrape})"#
        ),
    )
}

/// Numbers in memory.
pub(crate) fn data(at: u32, numbers: &[u32]) -> String {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    let bytes: String = bytes.map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(data (i32.const {at}) "{bytes}")"#)
}

/// A query whose both stages have this body; without its plan.
pub(crate) fn bare_query(stage: &str) -> Vec<u8> {
    let name = "streamgauge:plugin/query@0.2.0";
    let parameters = "(param $rows i32) (param $columns i32) (param $len i32) (result i32)";
    component(
        "query-component",
        &format!(
            r#"(module
    {MEMORY}
    (func (export "{name}#ingest") {parameters} {stage})
    (func (export "{name}#emit") {parameters} {stage}))"#
        ),
    )
}

/// A query that gives back the columns it got.
pub(crate) const ECHO: &str = "
    (i32.store (i32.const 28) (local.get $columns))
    (i32.store (i32.const 32) (local.get $len))
    (i32.const 16)";

/// A query whose both stages have this body and compute columns of these types.
pub(crate) fn query(stage: &str, computed: &[DataType]) -> Vec<u8> {
    let plan = serde_json::to_vec(&manifest(computed)).unwrap();
    with_section(bare_query(stage), SECTION, &plan)
}

pub(crate) fn manifest(computed: &[DataType]) -> Manifest {
    let stage = Stage {
        arguments: Vec::new(),
        filters: true,
        computed: computed.to_vec(),
        expressions: vec!["x".to_owned(), "y".to_owned()],
    };
    Manifest {
        format: FORMAT,
        name: "latency".to_owned(),
        sql: String::new(),
        input: Input::Source("events".to_owned()),
        columns: Vec::new(),
        joins: Vec::new(),
        ingest: Some(stage.clone()),
        window: None,
        emit: Some(stage),
        lateness_us: None,
        operators: vec![],
        order: None,
        output: Vec::new(),
        target: Target::Console,
    }
}

/// A component with a custom section behind it.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let mut section = leb128(name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    component.push(0);
    component.extend(leb128(section.len()));
    component.extend(section);
    component
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(crate) fn component(world: &str, text: &str) -> Vec<u8> {
    let core = module(world, text);
    ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
}

/// A core module that says which world it has.
pub(crate) fn module(world: &str, text: &str) -> Vec<u8> {
    let mut core = wat::parse_str(text).unwrap();
    let mut contract = Resolve::default();
    // This file is part of tests of two crates.
    let wit = ["../wit", "../../wit"].map(std::path::Path::new).into_iter().find(|path| path.exists());
    let (package, _) = contract.push_path(wit.unwrap()).unwrap();
    let world = contract.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut core, &contract, world, StringEncoding::UTF8).unwrap();
    core
}

/// The call `probe(x)` of such a reducer.
pub(crate) fn aggregate(reducer: &str, returns: DataType, parameters: Vec<Value>) -> Aggregate {
    Aggregate {
        text: format!("{reducer}(x)"),
        reducer: reducer.to_owned(),
        plugin: None,
        signature: 0,
        parameters,
        arguments: Vec::new(),
        needs_time: false,
        growing: false,
        state_bytes_max: None,
        returns,
    }
}

/// Opens a hand-written reducer.
pub(crate) fn open(limits: Limits, guest: &Reducer<'_>) -> Result<impl Accumulators + use<>, Fault> {
    let runtime = Runtime::with_limits(limits).unwrap();
    let component = ReducerComponent::new(&runtime, "probe", &reducer(guest)).unwrap();
    let versions = StateVersions { written: 1, restores: Vec::new() };
    component.open(&aggregate("probe", DataType::Float64, Vec::new()), versions)
}
