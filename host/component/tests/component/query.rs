//! Columns through a query component and back.

use std::time::Duration;

use streamgauge_common::{
    column::{Bitmap, Column, DataType, Texts, Value, Values},
    reason::Reason,
};
use streamgauge_component::{
    limits::Limits,
    query::{Failure, QueryComponent, Selected},
    runtime::Runtime,
};
use streamgauge_engine::FaultKind;

use crate::guests::{ECHO, bare_query, manifest, query, with_section};

const TYPES: [DataType; 5] =
    [DataType::Boolean, DataType::Int64, DataType::Float64, DataType::Timestamp, DataType::Text];

fn start(stage: &str, computed: &[DataType]) -> QueryComponent {
    QueryComponent::new(&Runtime::new().unwrap(), &query(stage, computed)).unwrap()
}

/// `rows` values of a type, one in `null_every` of them NULL.
fn column(data_type: DataType, rows: usize, null_every: usize) -> Column {
    let mut column = Column::empty(data_type);
    for row in 0..rows {
        let number = row as i64;
        column.push(&match data_type {
            _ if row % null_every == 1 => Value::Null,
            DataType::Boolean => Value::Boolean(row % 3 == 0),
            DataType::Int64 => Value::Int64(i64::MIN + number),
            DataType::Float64 => Value::Float64(-0.0 - number as f64 / 3.0),
            DataType::Timestamp => Value::Timestamp(i64::MAX - number),
            DataType::Text => Value::Text("é€".repeat(row % 4)),
        });
    }
    column
}

#[test]
fn every_type_comes_back_as_it_went() {
    let mut echo = start(ECHO, &TYPES);
    for rows in [0, 1, 7, 8, 9, 1000, 4096] {
        for null_every in [2, 17, usize::MAX] {
            let columns = TYPES.map(|data_type| column(data_type, rows, null_every));
            let arguments: Vec<&Column> = columns.iter().collect();
            let expected = Selected { keep: None, columns: columns.to_vec(), failed: Vec::new() };
            assert_eq!(echo.ingest(rows, &arguments).unwrap(), expected);
            assert_eq!(echo.emit(rows, &arguments).unwrap(), expected);
        }
    }
}

#[test]
fn nan_has_one_form() {
    let payload = f64::from_bits(0xfff8_0000_dead_beef);
    let column = Column { values: Values::Float64(vec![payload, 1.0]), valid: None };
    let selected = start(ECHO, &[DataType::Float64]).ingest(2, &[&column]).unwrap();
    let Values::Float64(values) = &selected.columns[0].values else { panic!("doubles") };
    assert_eq!(
        values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        [f64::NAN.to_bits(), 1.0_f64.to_bits()]
    );
}

#[test]
fn text_that_is_not_text_is_refused() {
    let fault = |ends: &[u32], bytes: &[u8]| {
        let texts = Texts { ends: ends.to_vec(), bytes: bytes.to_vec() };
        let column = Column { values: Values::Text(texts), valid: None };
        start(ECHO, &[DataType::Text]).ingest(ends.len(), &[&column]).unwrap_err().to_string()
    };
    assert_eq!(fault(&[1, 2], &[0x61, 0xff]), "query `latency` gave a text that is not UTF-8");
    assert_eq!(fault(&[1, 2], "é".as_bytes()), "query `latency` gave a text that is not UTF-8");
    let ends = "query `latency` gave texts whose ends do not divide their 2 bytes";
    assert_eq!(fault(&[2, 1], b"ab"), ends);
    assert_eq!(fault(&[1, 3], b"ab"), ends);
    assert_eq!(fault(&[0, 1], b"ab"), ends);
}

#[test]
fn rows_are_kept_and_failed_by_number() {
    // keep = 0b101 at 512; failures at 520: (row 1, division-by-zero, expression 1).
    let stage = "
        (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 512))
        (i32.store (i32.const 24) (i32.const 1)) (i32.store8 (i32.const 512) (i32.const 0xfd))
        (i32.store (i32.const 36) (i32.const 520)) (i32.store (i32.const 40) (i32.const 1))
        (i32.store (i32.const 520) (i32.const 1)) (i32.store8 (i32.const 524) (i32.const 1))
        (i32.store (i32.const 528) (i32.const 1)) (i32.const 16)";
    let mut guest = start(stage, &[]);
    let selected = guest.ingest(3, &[]).unwrap();
    assert_eq!(selected.keep, Some([true, false, true].into_iter().collect::<Bitmap>()));
    assert_eq!(selected.failed, [Failure { row: 1, reason: Reason::DivisionByZero, expression: 1 }]);

    let fault = guest.ingest(1, &[]).unwrap_err();
    assert_eq!(fault.what, "failed expression 1 of row 1 of 1");
    assert_eq!(guest.ingest(3, &[]).unwrap_err(), fault, "a guest that broke its contract is gone");

    let stage = stage.replace("(i32.const 528) (i32.const 1)", "(i32.const 528) (i32.const 2)");
    assert_eq!(start(&stage, &[]).emit(3, &[]).unwrap_err().what, "failed expression 2 of row 1 of 3");
    let stage = stage.replace("(i32.const 24) (i32.const 1)", "(i32.const 24) (i32.const 0)");
    assert_eq!(start(&stage, &[]).emit(3, &[]).unwrap_err().what, "gave a bitmap of 0 bytes for 3 rows");
}

#[test]
fn columns_are_those_of_the_plan() {
    let one = column(DataType::Int64, 2, 9);
    let what = |computed: &[DataType]| start(ECHO, computed).ingest(2, &[&one]).unwrap_err().what;
    assert_eq!(what(&[]), "gave 1 columns where 0 were due");
    assert_eq!(what(&[DataType::Int64, DataType::Int64]), "gave 1 columns where 2 were due");
    assert_eq!(what(&[DataType::Timestamp]), "gave a column of type BIGINT where TIMESTAMP was due");
}

#[test]
fn a_stage_that_is_not_there_lets_all_rows_pass() {
    let mut plan = manifest(&[DataType::Int64]);
    plan.emit = None;
    let bytes =
        with_section(bare_query("unreachable"), "streamgauge:query", &serde_json::to_vec(&plan).unwrap());
    let mut guest = QueryComponent::new(&Runtime::new().unwrap(), &bytes).unwrap();
    assert_eq!(guest.manifest(), &plan);
    assert_eq!(guest.emit(3, &[]).unwrap(), Selected::default());
    assert!(guest.ingest(3, &[]).unwrap_err().what.starts_with("trapped"));
}

#[test]
fn many_at_once_come_in_their_order_each_itself() {
    let mut plan = manifest(&[DataType::Int64]);
    let names: Vec<String> = (0..9).map(|number| format!("query_{number}")).collect();
    let components: Vec<Vec<u8>> = names
        .iter()
        .zip([ECHO, "unreachable"].into_iter().cycle())
        .map(|(name, stage)| {
            plan.name.clone_from(name);
            let plan = serde_json::to_vec(&plan).unwrap();
            with_section(bare_query(stage), "streamgauge:query", &plan)
        })
        .collect();
    let mut guests = QueryComponent::new_all(&Runtime::new().unwrap(), &components).unwrap();
    assert_eq!(guests.iter().map(|guest| &guest.manifest().name).collect::<Vec<_>>(), Vec::from_iter(&names));
    let one = column(DataType::Int64, 5, 9);
    for (guest, echoes) in guests.iter_mut().zip([true, false].into_iter().cycle()) {
        assert_eq!(guest.ingest(5, &[&one]).is_ok(), echoes, "{}", guest.manifest().name);
    }
}

#[test]
fn a_guest_that_is_lost_gives_the_same_fault_until_it_is_started_again() {
    let fails_for_seven =
        format!("(if (i32.eq (local.get $rows) (i32.const 7)) (then (unreachable))) {ECHO}");
    let mut guest = start(&fails_for_seven, &[DataType::Int64]);
    let [seven, nine] = [7, 9].map(|rows| column(DataType::Int64, rows, usize::MAX));
    let echoed = |guest: &mut QueryComponent| guest.ingest(9, &[&nine]);
    assert!(echoed(&mut guest).is_ok());
    guest.restart_if_lost().unwrap();
    let fault = guest.ingest(7, &[&seven]).unwrap_err();
    assert!(fault.what.starts_with("trapped"), "{fault}");
    assert_eq!(echoed(&mut guest).unwrap_err(), fault, "it is lost");
    guest.restart_if_lost().unwrap();
    assert!(echoed(&mut guest).is_ok());
}

/// Echoes when an instance is called for the first time; afterwards it does something else. An instance begins with 0 at 200.
fn echoes_once(afterwards: &str) -> QueryComponent {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(20), ..Limits::default() };
    let stage = format!(
        "(if (i32.load (i32.const 200)) (then {afterwards}))
         (i32.store (i32.const 200) (i32.const 1)) {ECHO}"
    );
    let runtime = Runtime::with_limits(limits).unwrap();
    QueryComponent::new(&runtime, &query(&stage, &[DataType::Int64])).unwrap()
}

#[test]
fn what_takes_too_long_or_too_much_by_chance_is_called_again_in_another_instance() {
    let forever = "(loop $on (br $on))";
    let too_much = "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))";
    let rows = column(DataType::Int64, 9, 4);
    for afterwards in [forever, too_much] {
        let mut guest = echoes_once(afterwards);
        for _ in 0..3 {
            assert_eq!(guest.ingest(9, &[&rows]).unwrap().columns, std::slice::from_ref(&rows));
            assert_eq!(guest.emit(9, &[&rows]).unwrap().columns, std::slice::from_ref(&rows));
        }
    }
    let mut traps = echoes_once("unreachable");
    assert!(traps.ingest(9, &[&rows]).is_ok());
    let fault = traps.ingest(9, &[&rows]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deterministic, "a trap would come again: {fault}");
}

#[test]
fn a_guest_that_rests_is_another_instance_at_the_next_call() {
    let mut guest = echoes_once("unreachable");
    let rows = column(DataType::Int64, 9, 4);
    for _ in 0..3 {
        assert_eq!(guest.ingest(9, &[&rows]).unwrap().columns, std::slice::from_ref(&rows));
        guest.rest();
        guest.rest();
    }
    guest.restart_if_lost().unwrap();
    assert!(guest.ingest(9, &[&rows]).is_ok());
    assert!(guest.ingest(9, &[&rows]).is_err(), "it does not rest between two calls");
}

#[test]
fn what_always_takes_too_long_is_a_fault() {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(20), ..Limits::default() };
    let forever = query("(loop $on (br $on)) (i32.const 16)", &[]);
    let mut guest = QueryComponent::new(&Runtime::with_limits(limits).unwrap(), &forever).unwrap();
    let fault = guest.ingest(1, &[]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Transient);
    assert_eq!(fault.to_string(), "query `latency` ran longer than 20 ms (--limit plugin_call_timeout)");
}
