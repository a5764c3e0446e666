//! Reducers that run for ever, take what they can, trap, or answer what they may not.

use super::{
    Hostile, Kind,
    Run::{self, Fails, FailsAtCheckpoint, GoesOn, Refused},
    calls::{Call, LOOP, around, with_items, with_memory},
};

fn hostile(name: &'static str, component: Vec<u8>, run: Run, check: &'static str) -> Hostile {
    Hostile { name, kind: Kind::Reducer, component, run, check }
}

pub(super) fn all() -> Vec<Hostile> {
    [run_for_ever(), trap(), take(), answer_wrong(), say_too_much(), change()].into_iter().flatten().collect()
}

/// The names of what is done in each function that the host calls.
fn named(what: &'static str, call: Call) -> &'static str {
    format!("{what} in {call:?}").leak()
}

/// What becomes of a run where a function does not end well, with these words.
fn outcome(call: Call, words: &'static str) -> Run {
    match call {
        Call::Describe | Call::Open | Call::Realloc => Refused(words),
        Call::Snapshot => FailsAtCheckpoint(words),
        // Nothing is restored in a run that begins; the counter takes no arguments, but slots are a list.
        Call::Restore => GoesOn,
        _ => Fails(words),
    }
}

fn run_for_ever() -> Vec<Hostile> {
    const WORDS: &str = "ran longer than 250 ms";
    let mut hostiles: Vec<Hostile> = Call::ALL
        .into_iter()
        .map(|call| {
            hostile(named("loops", call), around(call, LOOP, ""), outcome(call, WORDS), "ran longer than")
        })
        .collect();
    let start = with_items(&format!("(func $start {LOOP}) (start $start)"));
    hostiles.push(hostile("loops at its start", start, Refused(WORDS), "ran longer than"));
    // Fast enough for each call, slow in all of them.
    let slow = "(loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 3000000))))";
    hostiles.push(hostile("is slow", around(Call::Realloc, slow, ""), GoesOn, "in all its calls"));
    // One instruction that takes long is not interrupted; the loop around it is.
    let fill = "(drop (memory.grow (i32.const 900)))
        (loop $again
            (memory.fill (i32.const 200000) (i32.const 1) (i32.const 50000000))
            (br $again))";
    hostiles.push(hostile(
        "fills memory",
        around(Call::Accumulate, fill, ""),
        Fails(WORDS),
        "ran longer than",
    ));
    hostiles
}

fn trap() -> Vec<Hostile> {
    const WORDS: &str = "unreachable";
    let mut hostiles: Vec<Hostile> = Call::ALL
        .into_iter()
        .map(|call| {
            hostile(named("traps", call), around(call, "unreachable", ""), outcome(call, WORDS), WORDS)
        })
        .collect();
    hostiles.push(hostile(
        "traps at its start",
        with_items("(func $start unreachable) (start $start)"),
        Refused(WORDS),
        WORDS,
    ));
    let deep = "(drop (call $deeper (i32.const 0)))";
    hostiles.push(hostile(
        "recurses",
        around(Call::Evaluate, deep, ""),
        Fails("call stack exhausted"),
        "call stack exhausted",
    ));
    hostiles.push(hostile(
        "recurses at its start",
        with_items(&format!("(func $start {deep}) (start $start)")),
        Refused("call stack exhausted"),
        "call stack exhausted",
    ));
    hostiles
}

/// Takes memory, tables, handles, instances.
fn take() -> Vec<Hostile> {
    const WORDS: &str = "wanted more than 64 MiB of memory";
    let grow = "(loop $again
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $again))";
    let table = "(loop $again
        (if (i32.eq (table.grow $table (ref.null func) (i32.const 1000000)) (i32.const -1)) (then unreachable))
        (br $again))";
    let handles = "(loop $again (drop (call $new (i32.const 1))) (br $again))";
    let grows = "(drop (memory.grow (i32.const 160)))";
    vec![
        hostile("grows its memory", around(Call::Evaluate, grow, ""), Fails(WORDS), "wanted more than"),
        hostile(
            "grows its table",
            around(Call::Evaluate, table, ""),
            Fails("'insert_h_1' failed"),
            "FAILED     no-traps",
        ),
        hostile("grows with each result", around(Call::Evaluate, grows, ""), GoesOn, "all 20 laws hold"),
        hostile(
            "makes handles",
            around(Call::Evaluate, handles, ""),
            Fails("broke its contract"),
            "broke its contract",
        ),
        hostile("begins with 4 GiB of memory", with_memory(65536), Refused(WORDS), "wanted more than"),
        hostile(
            "begins with a table of 4 G elements",
            with_items("(table 0xffffffff funcref)"),
            Refused(WORDS),
            "wanted more than",
        ),
    ]
}

/// Answers of another form than the contract has. `evaluate` gives a record at 128, `snapshot` at 256, `describe` at 512.
#[expect(clippy::too_many_lines, reason = "a table: one entry a way to answer wrong")]
fn answer_wrong() -> Vec<Hostile> {
    let evaluate = |after: &str| around(Call::Evaluate, "", after);
    let store = |at: u32, value: i64| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let store8 = |at: u32, value: u32| format!("(i32.store8 (i32.const {at}) (i32.const {value}))");
    let more = "(i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))";
    let fewer = "(i32.store (i32.const 140) (i32.sub (i32.load (i32.const 140)) (i32.const 1)))";
    // A failed row at 300: its number, and no words.
    let failed = |row: i64, count: i64| [store(300, row), store(164, 300), store(168, count)].concat();
    const BROKE: &str = "broke its contract";
    vec![
        hostile("gives a row more", evaluate(more), Fails("gave a column of"), "gave a column of"),
        hostile("gives a value less", evaluate(fewer), Fails("values for"), BROKE),
        hostile("gives another type", evaluate(&store8(132, 2)), Fails("of type DOUBLE"), "of type DOUBLE"),
        hostile("gives no type", evaluate(&store8(132, 200)), Fails(BROKE), BROKE),
        hostile(
            "gives a list near 4 GiB",
            evaluate(&[store(136, -8), store(140, -1)].concat()),
            Fails(BROKE),
            BROKE,
        ),
        hostile("gives a list beyond its memory", evaluate(&store(136, 0x7fff_fff8)), Fails(BROKE), BROKE),
        hostile("gives a list that is not aligned", evaluate(&store(136, 4097)), Fails(BROKE), BROKE),
        hostile(
            "gives a place beyond its memory",
            evaluate("(local.set $result (i32.const -4))"),
            Fails(BROKE),
            BROKE,
        ),
        hostile(
            "gives a bitmap that is too short",
            evaluate(&[store8(152, 1), store(156, 0), store(160, 0)].concat()),
            Fails("gave a bitmap of 0 bytes"),
            "gave a bitmap of",
        ),
        hostile(
            "fails a row that is not there",
            evaluate(&failed(99_999, 1)),
            Fails("failed row 99999"),
            "failed 1 rows of 0",
        ),
        hostile(
            "fails a row a million times",
            evaluate(
                &[
                    "(drop (memory.grow (i32.const 200)))".to_owned(),
                    store(164, 400_000),
                    store(168, 1_000_000),
                ]
                .concat(),
            ),
            Fails("failed 1000000 rows"),
            "failed 1000000 rows",
        ),
        hostile(
            "gives states whose ends fall",
            around(
                Call::Snapshot,
                "",
                "(if (i32.load (i32.const 260)) (then (i32.store (i32.load (i32.const 256)) (i32.const -1))))",
            ),
            FailsAtCheckpoint("states whose ends do not divide their"),
            "states whose ends do not divide their",
        ),
        hostile(
            "gives no states",
            around(Call::Snapshot, "", &store(260, 0)),
            FailsAtCheckpoint("gave 0 states of"),
            "gave 0 states",
        ),
        hostile(
            "gives a name that is not UTF-8",
            around(Call::Describe, "", &store8(1024, 255)),
            Refused(BROKE),
            BROKE,
        ),
        hostile(
            "refuses each batch in a megabyte of words",
            around(
                Call::Accumulate,
                "",
                "(drop (memory.grow (i32.const 20)))
                (i32.store8 (i32.const 200) (i32.const 1)) (i32.store8 (i32.const 204) (i32.const 0))
                (i32.store (i32.const 208) (i32.const 200000)) (i32.store (i32.const 212) (i32.const 1000000))
                (local.set $result (i32.const 200))",
            ),
            Fails("refused a batch"),
            "FAILED     ",
        ),
        hostile(
            "drops its handle",
            around(Call::Open, "", "(i32.store (i32.const 68) (i32.const 77))"),
            Refused(BROKE),
            BROKE,
        ),
    ]
}

/// Descriptions that are long, many, or made to be shown on a terminal.
fn say_too_much() -> Vec<Hostile> {
    let describe = |after: &str| around(Call::Describe, "", after);
    // A megabyte of zeros as its name; a megabyte of zeros as each of a thousand names of parameters.
    let long = "(drop (memory.grow (i32.const 20)))
        (i32.store (i32.const 512) (i32.const 200000)) (i32.store (i32.const 516) (i32.const 1000000))";
    let many = "(drop (memory.grow (i32.const 200)))
        (i32.store (i32.const 536) (i32.const 262144)) (i32.store (i32.const 540) (i32.const 200000))";
    let amplified = "(drop (memory.grow (i32.const 200)))
        (loop $again
            (i32.store (i32.add (i32.const 12000000) (i32.mul (local.get $i) (i32.const 56))) (i32.const 200000))
            (i32.store (i32.add (i32.const 12000004) (i32.mul (local.get $i) (i32.const 56))) (i32.const 10000000))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 100))))
        (i32.store (i32.const 536) (i32.const 12000000)) (i32.store (i32.const 540) (i32.const 100))";
    let escapes = "(i32.store (i32.const 1064) (i32.const 0x324a5b1b)) (i32.store (i32.const 1068) (i32.const 0x0a0d5d1b))";
    vec![
        hostile("has a name of a megabyte", describe(long), GoesOn, "FAILED     describe"),
        hostile(
            "has 200,000 signatures",
            describe(many),
            Refused("describes 200000 signatures"),
            "describes 200000 signatures",
        ),
        hostile(
            "has arguments of a gigabyte",
            describe(amplified),
            Refused("handed over more than 32 MiB in one call"),
            "handed over more than",
        ),
        hostile("steers the terminal", describe(escapes), GoesOn, "all 20 laws hold"),
    ]
}

/// What is not the same at each call.
fn change() -> Vec<Hostile> {
    let counted = "(global.set $count (i32.add (global.get $count) (i32.const 1)))";
    let name = format!(
        "{counted} (i32.store8 (i32.const 1024) (i32.add (i32.const 97) (i32.and (global.get $count) (i32.const 1))))"
    );
    let value = format!("{counted} (i32.store (i32.load (i32.const 136)) (global.get $count))");
    let size = "(drop (memory.grow (i32.const 2)))";
    let lies = "(i32.store8 (i32.const 656) (i32.const 4))";
    vec![
        hostile(
            "describes itself otherwise each time",
            around(Call::Describe, "", &name),
            GoesOn,
            "FAILED     describe",
        ),
        hostile("counts its evaluations", around(Call::Evaluate, "", &value), GoesOn, "FAILED     reads"),
        hostile(
            "says a type that it does not give",
            around(Call::Describe, "", lies),
            Fails("of type BIGINT where TEXT"),
            "of type BIGINT",
        ),
        hostile(
            "says that a slot takes 8 bytes",
            around(Call::Accumulate, size, ""),
            GoesOn,
            "all 20 laws hold",
        ),
    ]
}
