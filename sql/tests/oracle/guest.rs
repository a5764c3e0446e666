//! The core modules of a query's component, linked by hand: each function of a shell is compiled once.
//!
//! What the component model would do is done here: columns are lowered and results lifted by the canonical ABI.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use streamgauge_sql::encode;
use streamgauge_sql::expr::{Code, Expr, Failure, Function, Node};
use streamgauge_sql::library::Library;
use streamgauge_sql::types::{DataType, Value};
use wasmtime::{CacheStore, Config, Engine, Instance, Linker, Memory, Module, Store, TypedFunc};

use crate::batch::{Batch, Column, Selected, Values};
use crate::manifests::manifest;

const INGEST: &str = "streamgauge:plugin/query@0.2.0#ingest";
const COLUMN_BYTES: u32 = 36;
const FAILURE_BYTES: usize = 12;

/// Compiles the core modules of queries.
pub struct Shell {
    engine: Engine,
    /// The shells that were compiled, by their bytes: a query has one with the functions that it calls.
    modules: Mutex<HashMap<Vec<u8>, Module>>,
}

/// Machine code by function.
#[derive(Debug, Default)]
struct Functions(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.lock().unwrap().get(key).cloned().map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        self.0.lock().unwrap().insert(key.to_vec(), value);
        true
    }
}

pub struct Guest {
    store: Store<()>,
    memory: Memory,
    allocate: TypedFunc<(u32, u32, u32, u32), u32>,
    ingest: TypedFunc<(u32, u32, u32), u32>,
    free_result: TypedFunc<u32, ()>,
}

/// The core modules of a component, the shell first.
fn core_modules(component: &[u8]) -> Vec<&[u8]> {
    let modules: Vec<&[u8]> = wasmparser::Parser::new(0)
        .parse_all(component)
        .filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::ModuleSection { unchecked_range: range, .. } => {
                Some(&component[range.start as usize..range.end as usize])
            }
            _ => None,
        })
        .collect();
    assert_eq!(modules.len(), 2, "the shell and the generated module");
    modules
}

/// Code that needs the engine of regular expressions.
pub fn with_pattern() -> Code {
    let text = Expr { node: Node::Column(0), data_type: DataType::Text };
    let pattern = Expr { node: Node::Literal(Value::Text("[a-é]".into())), data_type: DataType::Text };
    let call = Node::Call(Function::Library(Library::Matches), vec![text, pattern]);
    let matches = Expr { node: call, data_type: DataType::Boolean };
    Code { arguments: vec![DataType::Text], filter: Some(matches.clone()), computed: vec![matches] }
}

impl Shell {
    pub fn compile() -> Self {
        let mut config = Config::new();
        config.enable_incremental_compilation(Arc::new(Functions::default())).unwrap();
        Self { engine: Engine::new(&config).unwrap(), modules: Mutex::default() }
    }

    fn module(&self, shell: &[u8]) -> Module {
        let mut modules = self.modules.lock().unwrap();
        let compiled =
            modules.entry(shell.to_vec()).or_insert_with(|| Module::new(&self.engine, shell).unwrap());
        assert_eq!(compiled.imports().len(), 0);
        compiled.clone()
    }

    pub fn instantiate(&self, code: &Code) -> Guest {
        let component = encode::component(&manifest(Some(code), None), Some(code), None).unwrap();
        wasmparser::Validator::new().validate_all(&component).unwrap();
        let [shell, generated] = core_modules(&component)[..] else { unreachable!("two modules") };
        let shell = self.module(shell);
        let generated = Module::new(&self.engine, generated).unwrap();
        let mut store = Store::new(&self.engine, ());
        let shell = Instance::new(&mut store, &shell, &[]).unwrap();
        let mut linker = Linker::new(&self.engine);
        linker.instance(&mut store, "shell", shell).unwrap();
        linker.instantiate(&mut store, &generated).unwrap();
        Guest {
            memory: shell.get_memory(&mut store, "memory").unwrap(),
            allocate: shell.get_typed_func(&mut store, "cabi_realloc").unwrap(),
            ingest: shell.get_typed_func(&mut store, INGEST).unwrap(),
            free_result: shell.get_typed_func(&mut store, &format!("cabi_post_{INGEST}")).unwrap(),
            store,
        }
    }
}

impl Guest {
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    pub fn call(&mut self, batch: &Batch) -> Selected {
        let rows = batch.rows as u32;
        let records: Vec<u8> = batch.columns.iter().flat_map(|column| self.lower(column)).collect();
        let columns = self.put(&records, 4);
        let result = self.ingest.call(&mut self.store, (rows, columns, batch.columns.len() as u32)).unwrap();
        let selected = Lift(self.memory.data(&self.store)).selected(result as usize);
        self.free_result.call(&mut self.store, result).unwrap();
        selected
    }

    /// Bytes that the guest owns from now on.
    fn put(&mut self, bytes: &[u8], align: u32) -> u32 {
        if bytes.is_empty() {
            return align;
        }
        let address = self.allocate.call(&mut self.store, (0, 0, align, bytes.len() as u32)).unwrap();
        self.memory.write(&mut self.store, address as usize, bytes).unwrap();
        address
    }

    /// The record of a column: rows, values (a variant of one or two lists), valid (an option of a list).
    fn lower(&mut self, column: &Column) -> Vec<u8> {
        let flat = |values: &[i64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let mut lists = Vec::new();
        let tag = match &column.values {
            Values::Booleans(bits) => {
                lists.extend([self.put(bits, 1), bits.len() as u32]);
                0
            }
            Values::Int64s(values) => {
                lists.extend([self.put(&flat(values), 8), values.len() as u32]);
                1
            }
            Values::Float64s(values) => {
                let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
                lists.extend([self.put(&flat(&bits), 8), values.len() as u32]);
                2
            }
            Values::Timestamps(values) => {
                lists.extend([self.put(&flat(values), 8), values.len() as u32]);
                3
            }
            Values::Texts { ends, bytes } => {
                let flat: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
                lists.extend([self.put(&flat, 4), ends.len() as u32, self.put(bytes, 1), bytes.len() as u32]);
                4
            }
        };
        lists.resize(4, 0);
        let mut words = vec![column.rows as u32, tag];
        words.extend(lists);
        match &column.valid {
            Some(valid) => words.extend([1, self.put(valid, 1), valid.len() as u32]),
            None => words.extend([0, 0, 0]),
        }
        assert_eq!(words.len() as u32 * 4, COLUMN_BYTES);
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// Reads results in the guest's memory.
struct Lift<'a>(&'a [u8]);

impl Lift<'_> {
    fn u8(&self, at: usize) -> u8 {
        self.0[at]
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    fn bytes(&self, list: usize) -> Vec<u8> {
        let (start, length) = (self.u32(list) as usize, self.u32(list + 4) as usize);
        self.0[start..start + length].to_vec()
    }

    /// Words of 8 bytes.
    fn words(&self, list: usize) -> Vec<i64> {
        let (start, length) = (self.u32(list) as usize, self.u32(list + 4) as usize);
        let bytes = &self.0[start..start + length * 8];
        bytes.chunks_exact(8).map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect()
    }

    fn optional_bytes(&self, option: usize) -> Option<Vec<u8>> {
        (self.u8(option) == 1).then(|| self.bytes(option + 4))
    }

    fn selected(&self, at: usize) -> Selected {
        let items = |list: usize, bytes: usize| {
            let (start, length) = (self.u32(list) as usize, self.u32(list + 4) as usize);
            (0..length).map(move |item| start + item * bytes)
        };
        Selected {
            keep: self.optional_bytes(at),
            columns: items(at + 12, COLUMN_BYTES as usize).map(|at| self.column(at)).collect(),
            failed: items(at + 20, FAILURE_BYTES)
                .map(|at| (self.u32(at), failure(self.u8(at + 4)), self.u32(at + 8)))
                .collect(),
        }
    }

    fn column(&self, at: usize) -> Column {
        let values = match self.u8(at + 4) {
            0 => Values::Booleans(self.bytes(at + 8)),
            1 => Values::Int64s(self.words(at + 8)),
            2 => {
                Values::Float64s(self.words(at + 8).iter().map(|&word| f64::from_bits(word as u64)).collect())
            }
            3 => Values::Timestamps(self.words(at + 8)),
            _ => {
                let (start, length) = (self.u32(at + 8) as usize, self.u32(at + 12) as usize);
                Values::Texts {
                    ends: (0..length).map(|item| self.u32(start + item * 4)).collect(),
                    bytes: self.bytes(at + 16),
                }
            }
        };
        Column { rows: self.u32(at) as usize, values, valid: self.optional_bytes(at + 24) }
    }
}

fn failure(code: u8) -> Failure {
    match code {
        0 => Failure::Overflow,
        1 => Failure::DivisionByZero,
        2 => Failure::InvalidCast,
        _ => Failure::OutOfRange,
    }
}
