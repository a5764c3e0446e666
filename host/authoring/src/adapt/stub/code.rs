//! Bodies of functions.

use wasm_encoder::{BlockType, Function as Code, InstructionSink, MemArg, ValType};
use wit_parser::abi::WasmType;

/// What the clock starts with, and what each look at it adds, in nanoseconds.
pub(super) const CLOCK_START: i64 = 1_000_000_000;
const CLOCK_STEP: i64 = 1000;
pub(super) const RANDOM_START: i64 = 0x2545_f491_4f6c_dd1d;

/// Globals: what is handed over stands from `BASE` to `FREE`, and is forgotten when the next function begins.
const BASE: u32 = 0;
const FREE: u32 = 1;
const NOW: u32 = 2;
const RANDOM: u32 = 3;

fn code(locals: &[(u32, ValType)], body: impl FnOnce(&mut InstructionSink<'_>)) -> Code {
    let mut code = Code::new(locals.iter().copied());
    let mut instructions = code.instructions();
    body(&mut instructions);
    instructions.end();
    code
}

/// A body that first forgets what earlier calls were handed.
fn answered(locals: &[(u32, ValType)], body: impl FnOnce(&mut InstructionSink<'_>)) -> Code {
    code(locals, |i| {
        i.global_get(BASE).global_set(FREE);
        body(i);
    })
}

fn at(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, memory_index: 0 }
}

pub(super) fn end() -> Code {
    code(&[], |i| {
        i.unreachable();
    })
}

pub(super) fn nothing() -> Code {
    answered(&[], |_| {})
}

pub(super) fn address(address: u32) -> Code {
    answered(&[], |i| {
        i.i32_const(address.cast_signed());
    })
}

/// A constant that is a number of WebAssembly, given by its bytes in memory.
pub(super) fn constant(ty: &WasmType, bytes: &[u8]) -> Option<Code> {
    let mut wide = [0; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let number = i64::from_le_bytes(wide);
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => {
            let number = i32::try_from(number).ok()?;
            Some(answered(&[], |i| {
                i.i32_const(number);
            }))
        }
        WasmType::I64 | WasmType::PointerOrI64 => Some(answered(&[], |i| {
            i.i64_const(number);
        })),
        WasmType::F32 | WasmType::F64 => None,
    }
}

pub(super) fn resource(constructor: u32) -> Code {
    answered(&[], |i| {
        i.i32_const(1).call(constructor);
    })
}

/// The clock is looked at.
fn tick(i: &mut InstructionSink<'_>) {
    i.global_get(NOW).i64_const(CLOCK_STEP).i64_add().global_set(NOW);
}

pub(super) fn now() -> Code {
    answered(&[], |i| {
        tick(i);
        i.global_get(NOW);
    })
}

pub(super) fn instant(scratch: u32) -> Code {
    let scratch = scratch.cast_signed();
    answered(&[], |i| {
        tick(i);
        i.i32_const(scratch).global_get(NOW).i64_const(1_000_000_000).i64_div_u().i64_store(at(0, 3));
        i.i32_const(scratch).global_get(NOW).i64_const(1_000_000_000).i64_rem_u();
        i.i32_wrap_i64().i32_store(at(8, 2)).i32_const(scratch);
    })
}

/// The next number of splitmix64; `mixed` is a local that it uses.
fn random(i: &mut InstructionSink<'_>, mixed: u32) {
    i.global_get(RANDOM).i64_const(0x9e37_79b9_7f4a_7c15_u64.cast_signed()).i64_add().global_set(RANDOM);
    i.global_get(RANDOM).local_set(mixed);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9_u64), (27, 0x94d0_49bb_1331_11eb)] {
        i.local_get(mixed).local_get(mixed).i64_const(shift).i64_shr_u().i64_xor();
        i.i64_const(factor.cast_signed()).i64_mul().local_set(mixed);
    }
    i.local_get(mixed).local_get(mixed).i64_const(31).i64_shr_u().i64_xor();
}

pub(super) fn random_number() -> Code {
    answered(&[(1, ValType::I64)], |i| random(i, 0))
}

/// `(length: i64) -> pointer to (pointer, length)`
pub(super) fn random_bytes(allocator: u32, scratch: u32) -> Code {
    let scratch = scratch.cast_signed();
    let (length, mixed, to, end) = (0, 1, 2, 3);
    answered(&[(1, ValType::I64), (2, ValType::I32)], |i| {
        // More than the memory can hold is no length.
        i.local_get(length)
            .i64_const(i64::from(i32::MAX))
            .i64_gt_u()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
        i.i32_const(0)
            .i32_const(0)
            .i32_const(1)
            .local_get(length)
            .i32_wrap_i64()
            .call(allocator)
            .local_set(to);
        i.i32_const(scratch).local_get(to).i32_store(at(0, 2));
        i.i32_const(scratch).local_get(length).i32_wrap_i64().i32_store(at(4, 2));
        i.local_get(to).local_get(length).i32_wrap_i64().i32_add().local_set(end);
        i.block(BlockType::Empty).loop_(BlockType::Empty);
        i.local_get(to).local_get(end).i32_ge_u().br_if(1);
        i.local_get(to);
        random(i, mixed);
        i.i64_const(56).i64_shr_u().i64_store8(at(0, 0));
        i.local_get(to).i32_const(1).i32_add().local_set(to);
        i.br(0).end().end();
        i.i32_const(scratch);
    })
}

/// `(pointer, length) -> pointer to (pointer, length)`: the places of all handles, written over the handles.
pub(super) fn poll(scratch: u32) -> Code {
    let scratch = scratch.cast_signed();
    let (handles, length, place) = (0, 1, 2);
    answered(&[(1, ValType::I32)], |i| {
        i.block(BlockType::Empty).loop_(BlockType::Empty);
        i.local_get(place).local_get(length).i32_ge_u().br_if(1);
        i.local_get(handles).local_get(place).i32_const(2).i32_shl().i32_add();
        i.local_get(place).i32_store(at(0, 2));
        i.local_get(place).i32_const(1).i32_add().local_set(place);
        i.br(0).end().end();
        i.i32_const(scratch).local_get(handles).i32_store(at(0, 2));
        i.i32_const(scratch).local_get(length).i32_store(at(4, 2));
        i.i32_const(scratch);
    })
}

/// `cabi_realloc`: memory that is handed over only grows until the next function begins.
pub(super) fn allocator() -> Code {
    let (old, old_size, size, new) = (0, 1, 3, 4);
    code(&[(1, ValType::I32)], |i| {
        i.global_get(FREE).i32_const(15).i32_add().i32_const(-16).i32_and().local_tee(new);
        i.local_get(size).i32_add().global_set(FREE);
        // Past the end of 32 bits.
        i.global_get(FREE).local_get(new).i32_lt_u().if_(BlockType::Empty).unreachable().end();
        i.block(BlockType::Empty).loop_(BlockType::Empty);
        i.global_get(FREE).i64_extend_i32_u().memory_size(0).i64_extend_i32_u().i64_const(16).i64_shl();
        i.i64_le_u().br_if(1);
        i.i32_const(1).memory_grow(0).i32_const(-1).i32_ne().br_if(0).unreachable().end().end();
        // What was there before moves along.
        i.local_get(new).local_get(old).local_get(old_size).local_get(size);
        i.local_get(old_size).local_get(size).i32_lt_u().select().memory_copy(0, 0);
        i.local_get(new);
    })
}
