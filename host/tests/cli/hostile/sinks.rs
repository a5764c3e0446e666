//! Sinks that run for ever, trap, or make requests that they may not make.

use super::{
    Hostile, Kind,
    Run::{self, Fails, GoesOn, Refused},
    calls::LOOP,
};
use crate::plugin::guests::{DESCRIBED_WITH_URL, ENCODED, Sink, sink};

/// Takes all the memory that there is.
const GROW: &str =
    "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

/// No request where there is no delivery, and else one; as many outcomes as a request has deliveries.
const ENCODE: &str = "
    (if (i32.eqz (i32.load offset=8 (local.get $arguments)))
        (then (i32.store (i32.const 68) (i32.const 0)) (i32.store (i32.const 72) (i32.const 0)) (return (i32.const 64))))
    (i32.store (i32.const 1068) (i32.load offset=8 (local.get $arguments)))
    (i32.store (i32.const 68) (i32.const 1024))
    (i32.store (i32.const 72) (i32.const 1))
    (i32.const 64)";

/// A right sink: what a hostile one does otherwise is told by its fields.
fn right() -> Sink<'static> {
    Sink { describe: DESCRIBED_WITH_URL, encode: ENCODE, url: "{option:url}", ..Sink::default() }
}

fn hostile(name: &'static str, guest: &Sink<'_>, run: Run, check: &'static str) -> Hostile {
    Hostile { name, kind: Kind::Sink, component: sink(guest), run, check }
}

pub(super) fn all() -> Vec<Hostile> {
    const LATE: &str = "ran longer than 250 ms";
    let endless = format!("{LOOP} unreachable");
    let encode = |encode: &str| sink(&Sink { encode, ..right() });
    let judge = |judge: &str| sink(&Sink { judge, ..right() });
    let carries =
        |number: &str| encode(&ENCODED.replace("(i32.load offset=8 (local.get $arguments))", number));
    let one = |name, component, run, check| Hostile { name, kind: Kind::Sink, component, run, check };
    vec![
        hostile(
            "sink loops in describe",
            &Sink { describe: &endless, ..right() },
            Refused(LATE),
            "ran longer than",
        ),
        hostile(
            "sink traps in describe",
            &Sink { describe: "unreachable", ..right() },
            Refused("unreachable"),
            "unreachable",
        ),
        one("sink loops in encode", encode(&endless), Fails(LATE), "ran longer than"),
        one("sink traps in encode", encode("unreachable"), Fails("unreachable"), "unreachable"),
        one("sink grows in encode", encode(GROW), Fails("wanted more than 64 MiB"), "wanted more than"),
        // The answer's status decides where a sink cannot judge it.
        one("sink loops in judge", judge(&endless), GoesOn, "FAILED     judge"),
        one("sink traps in judge", judge("unreachable"), GoesOn, "unreachable"),
        one(
            "sink judges what was not sent",
            judge(
                "(i32.store (i32.const 96) (i32.const 3072)) (i32.store (i32.const 100) (i32.const 99)) (i32.const 96)",
            ),
            GoesOn,
            "FAILED     judge",
        ),
        one(
            "sink sends more than it got",
            carries("(i32.const -1)"),
            Fails("requests for 4294967295 deliveries"),
            "4294967295",
        ),
        one(
            "sink sends nothing",
            carries("(i32.const 0)"),
            Fails("carries no delivery"),
            "carries no delivery",
        ),
        one(
            "sink answers beyond its memory",
            encode(&ENCODED.replace("68) (i32.const 1024)", "68) (i32.const -8)")),
            Fails("broke its contract"),
            "broke its contract",
        ),
        hostile(
            "sink smuggles a header",
            &Sink { header: ("x-a", "a\r\nhost: b"), ..right() },
            Fails("gave the header `x-a` a value"),
            "gave the header `x-a` a value",
        ),
        hostile("sink sends to a file", &Sink { url: "file:///etc/passwd", ..right() }, GoesOn, ""),
        hostile(
            "sink smuggles a method",
            &Sink { method: "GET / HTTP/1.1\r\n", ..right() },
            Fails("with the method"),
            "with the method",
        ),
    ]
}
