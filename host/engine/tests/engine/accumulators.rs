//! Native accumulators that check how they are called.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
};

use streamgauge_common::column::{Column, DataType, Texts, Value, Values};
use streamgauge_engine::{Accumulators, Evaluated, Fault};

/// What a reducer does with one state.
pub(crate) trait State: Clone + Default + Debug + PartialEq + Send + 'static {
    const TYPE: DataType;
    fn add(&mut self, arguments: &[Value]);
    fn merge(&mut self, other: &Self);
    fn value(&self) -> Value;
    fn bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Self;
}

/// How often reducers were called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    /// Pairs merged.
    pub(crate) merged: Arc<AtomicUsize>,
    /// States that were given something and not released.
    pub(crate) live: Arc<AtomicUsize>,
    /// The longest list of slots in one call behind the fold.
    pub(crate) longest: Arc<AtomicUsize>,
    /// The version of their states; all versions before it can be restored.
    pub(crate) version: Arc<AtomicU32>,
}

/// States by slot.
#[derive(Debug)]
pub(crate) struct Native<S> {
    states: BTreeMap<u32, S>,
    calls: Calls,
}

impl<S: State> Native<S> {
    pub(crate) fn boxed(calls: &Calls) -> Box<dyn Accumulators> {
        Box::new(Self { states: BTreeMap::new(), calls: calls.clone() })
    }

    fn note(&self, slots: &[u32]) {
        self.calls.live.store(self.states.len(), Relaxed);
        self.calls.longest.fetch_max(slots.len(), Relaxed);
    }
}

impl<S: State> Accumulators for Native<S> {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        assert!(!slots.is_empty(), "a call for nothing");
        assert!(arguments.iter().all(|argument| argument.len() == slots.len()), "one row a slot");
        for (row, &slot) in slots.iter().enumerate() {
            let values: Vec<Value> = arguments.iter().map(|argument| argument.value(row)).collect();
            self.states.entry(slot).or_default().add(&values);
        }
        self.calls.live.store(self.states.len(), Relaxed);
        Ok(())
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        assert_eq!(into.len(), source.len());
        assert!(!into.iter().any(|slot| source.contains(slot)), "a slot is on both sides");
        for (&into, source) in into.iter().zip(source) {
            let source = self.states.get(source).cloned().unwrap_or_default();
            self.states.entry(into).or_default().merge(&source);
        }
        self.calls.merged.fetch_add(into.len(), Relaxed);
        self.note(into);
        Ok(())
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        let mut evaluated = Evaluated { column: Column::empty(S::TYPE), failed: vec![] };
        for (row, slot) in (0..).zip(slots) {
            let value = self.states.get(slot).cloned().unwrap_or_default().value();
            if value == Value::Text("fail".into()) {
                evaluated.failed.push((row, "no value".into()));
            }
            evaluated.column.push(&value);
        }
        self.note(slots);
        Ok(evaluated)
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        for slot in slots {
            self.states.remove(slot);
        }
        self.note(slots);
        Ok(())
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        assert!(!slots.is_empty(), "a call for nothing");
        let mut states = Texts::default();
        let version = self.state_version().to_le_bytes();
        for slot in slots {
            let state = self.states.get(slot).cloned().unwrap_or_default().bytes();
            states.push(&[&version[..], &state].concat());
        }
        self.note(slots);
        Ok(states)
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        assert!(state_version <= self.state_version());
        for (row, &slot) in slots.iter().enumerate() {
            let (version, state) = states.get(row).split_first_chunk().unwrap();
            assert_eq!(u32::from_le_bytes(*version), state_version, "states of two versions");
            self.states.insert(slot, S::from_bytes(state));
        }
        Ok(())
    }

    fn state_version(&self) -> u32 {
        self.calls.version.load(Relaxed)
    }

    fn restores(&self) -> &[u32] {
        &[]
    }
}

/// `count(*)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Count(i64);

impl State for Count {
    const TYPE: DataType = DataType::Int64;

    fn add(&mut self, arguments: &[Value]) {
        assert!(arguments.is_empty());
        self.0 += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.0 += other.0;
    }

    fn value(&self) -> Value {
        Value::Int64(self.0)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(i64::from_le_bytes(bytes.try_into().unwrap()))
    }
}

/// A plain sum of doubles: its last bits depend on the order of adding and merging.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sum(Option<f64>);

impl State for Sum {
    const TYPE: DataType = DataType::Float64;

    fn add(&mut self, arguments: &[Value]) {
        match arguments {
            [Value::Float64(value)] => self.0 = Some(self.0.unwrap_or(0.0) + value),
            [Value::Null] => {}
            other => panic!("{other:?}"),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.0 = match (self.0, other.0) {
            (Some(left), Some(right)) => Some(left + right),
            (left, right) => left.or(right),
        };
    }

    fn value(&self) -> Value {
        self.0.map_or(Value::Null, Value::Float64)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.map_or(vec![], |sum| sum.to_le_bytes().to_vec())
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self((!bytes.is_empty()).then(|| f64::from_le_bytes(bytes.try_into().unwrap())))
    }
}

/// The values as they came, and how they were merged: `((1 2)(3))`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree(String);

impl State for Tree {
    const TYPE: DataType = DataType::Text;

    fn add(&mut self, arguments: &[Value]) {
        match arguments {
            [Value::Int64(id), Value::Timestamp(_)] => self.0.push_str(&format!("{id} ")),
            other => panic!("an id and the time, not {other:?}"),
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self.0.as_str(), other.0.as_str()) {
            (_, "") => {}
            ("", right) => self.0 = right.into(),
            (left, right) => self.0 = format!("({left}|{right})"),
        }
    }

    fn value(&self) -> Value {
        Value::Text(self.0.clone())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

/// Has no value where the text `fail` is the last seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Last(String);

impl State for Last {
    const TYPE: DataType = DataType::Text;

    fn add(&mut self, arguments: &[Value]) {
        let [Value::Text(text)] = arguments else { panic!("{arguments:?}") };
        self.0.clone_from(text);
    }

    fn merge(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    fn value(&self) -> Value {
        Value::Text(self.0.clone())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

/// A column of one type from values.
pub(crate) fn column(data_type: DataType, values: impl IntoIterator<Item = Value>) -> Column {
    let mut column = Column::empty(data_type);
    values.into_iter().for_each(|value| column.push(&value));
    column
}

/// A column of times.
pub(crate) fn times(times: impl IntoIterator<Item = i64>) -> Column {
    Column { values: Values::Timestamp(times.into_iter().collect()), valid: None }
}
