//! Components that ask the host for what it does not give, or that are made to hurt who reads or compiles them.

use super::{
    Hostile, Kind,
    Run::{self, Refused},
};
use crate::plugin::counter::{Counter, counter};

const EMPTY_FUNCTION: [u8; 3] = [2, 0, 0x0b];

fn hostile(name: &'static str, component: Vec<u8>, run: Run, check: &'static str) -> Hostile {
    Hostile { name, kind: Kind::Reducer, component, run, check }
}

pub(super) fn all() -> Vec<Hostile> {
    [ungranted(), compilers()].into_iter().flatten().collect()
}

/// Asks for what a plugin does not get.
fn ungranted() -> Vec<Hostile> {
    let component = |text: &str| wat::parse_str(text).unwrap();
    let import = |name: &str, function: &str| {
        component(&format!(r#"(component (import "{name}" (instance (export "{function}" (func)))))"#))
    };
    vec![
        hostile(
            "wants a clock",
            import("wasi:clocks/monotonic-clock@0.2.0", "now"),
            Refused("imports `now`"),
            "imports `now`",
        ),
        hostile(
            "wants files",
            import("wasi:filesystem/preopens@0.2.0", "get-directories"),
            Refused("imports `get-directories`"),
            "imports",
        ),
        hostile(
            "wants sockets",
            import("wasi:sockets/tcp@0.2.0", "connect"),
            Refused("imports `connect`"),
            "imports",
        ),
        hostile(
            "uses SIMD",
            component("(component (core module (func (param v128))))"),
            Refused("SIMD"),
            "SIMD",
        ),
        hostile(
            "shares memory",
            component("(component (core module (memory 1 1 shared)))"),
            Refused("not a valid component"),
            "not a valid component",
        ),
    ]
}

/// Costs the one who reads it, checks it or compiles it.
fn compilers() -> Vec<Hostile> {
    const COMPILE: &str = "to compile";
    const INVALID: &str = "not a valid component";
    const NO_EXPORT: &str = "does not export";
    vec![
        hostile(
            "has 49,000 locals",
            behind(&module(&[code(1, &[locals(49_000)])])),
            Refused(COMPILE),
            COMPILE,
        ),
        hostile(
            "has 400,000 functions",
            behind(&module(&[code(400_000, &[EMPTY_FUNCTION.to_vec()])])),
            Refused(COMPILE),
            COMPILE,
        ),
        hostile(
            "has large tables of branches",
            behind(&module(&[code(1, &[branches(900, 300)])])),
            Refused(COMPILE),
            COMPILE,
        ),
        hostile(
            "nests blocks 500,000 deep",
            behind(&module(&[code(1, &[nested(500_000)])])),
            Refused(COMPILE),
            COMPILE,
        ),
        hostile("nests components", nested_components(2000), Refused(NO_EXPORT), NO_EXPORT),
        hostile("doubles a type 40 times", doubled_types(40), Refused(INVALID), INVALID),
        hostile("ends early", behind(&module(&[code(1, &[locals(10)])])[..60]), Refused(INVALID), INVALID),
    ]
}

/// A right reducer with another module behind it, which nothing starts.
fn behind(module: &[u8]) -> Vec<u8> {
    [counter(&Counter::default()), section(1, module)].concat()
}

/// A core module of functions that take and give nothing.
fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    let types = section(1, &[1, 0x60, 0, 0]);
    [b"\0asm\x01\0\0\0".to_vec(), types, sections.concat()].concat()
}

/// So many functions with these bodies, over and over.
fn code(count: usize, bodies: &[Vec<u8>]) -> Vec<u8> {
    let functions = section(3, &[number(count), vec![0; count]].concat());
    let mut code = number(count);
    (0..count).for_each(|index| code.extend(&bodies[index % bodies.len()]));
    [functions, section(10, &code)].concat()
}

fn body(locals: &[u8], instructions: &[u8]) -> Vec<u8> {
    let body = [locals, instructions, &[0x0b]].concat();
    [number(body.len()), body].concat()
}

/// Many local variables, each of which lives long: the compiler keeps account of each in each block.
fn locals(count: usize) -> Vec<u8> {
    let mut instructions = Vec::new();
    let mut index = 0_usize;
    while instructions.len() < count * 60 {
        let (a, b) = (index * 7919 % count, index * 104_729 % count);
        for (operation, local) in [(0x20, a), (0x20, b)] {
            instructions.push(operation);
            instructions.extend(number(local));
        }
        instructions.extend([0x6a, 0x21]);
        instructions.extend(number((a + b) % count));
        index += 1;
        if index.is_multiple_of(50) {
            instructions.push(0x20);
            instructions.extend(number(a));
            instructions.extend([0x04, 0x40, 0x01, 0x0b]);
        }
    }
    body(&[vec![1], number(count), vec![0x7f]].concat(), &instructions)
}

/// Tables of branches to each of many blocks.
fn branches(depth: usize, tables: usize) -> Vec<u8> {
    let mut instructions = Vec::new();
    for _ in 0..tables {
        instructions.extend([0x02, 0x40].repeat(depth));
        instructions.extend([0x41, 0x00, 0x0e]);
        instructions.extend(number(depth));
        (0..depth).for_each(|target| instructions.extend(number(target)));
        instructions.push(0);
        instructions.extend(vec![0x0b; depth]);
    }
    body(&[0], &instructions)
}

fn nested(depth: usize) -> Vec<u8> {
    body(&[0], &[[0x02, 0x40].repeat(depth), vec![0x0b; depth]].concat())
}

/// A component in a component in a component.
fn nested_components(depth: usize) -> Vec<u8> {
    let header = b"\0asm\x0d\0\x01\0";
    (0..depth).fold(header.to_vec(), |inner, _| [header.to_vec(), section(4, &inner)].concat())
}

/// Each type is a pair of the one before it.
fn doubled_types(times: u32) -> Vec<u8> {
    let pairs: String =
        (0..times).map(|index| format!("(type $t{} (tuple $t{index} $t{index}))", index + 1)).collect();
    wat::parse_str(format!("(component (type $t0 (tuple u64 u64)) {pairs})")).unwrap()
}

fn section(id: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![id], number(bytes.len()), bytes.to_vec()].concat()
}

/// LEB128.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
