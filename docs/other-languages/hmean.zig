//! hmean(x): the harmonic mean, count / sum(1 / x). A reducer with nothing but the contract in wit/: no bindings, no kit, no WASI.
//! Structs marked `extern` have the layout of C, which is the layout that the component model gives to records.
const std = @import("std");

/// The name of the interface, and names of exports.
const interface = "streamgauge:plugin/reducer@0.2.0";

// What is handed over in one call, in both directions. It is freed when the host has read the results: in `cabi_post_...`, and where
// there are no results at the end of the call.
var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

fn alloc(comptime T: type, count: usize) []T {
    return arena.allocator().alloc(T, count) catch @trap();
}

fn forget() void {
    _ = arena.reset(.retain_capacity);
}

// Strings and lists are a pointer and a length. The pointer of an empty list that comes must be neither read nor freed; that of one that is
// given must be aligned and within the memory all the same.
fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]T,
        len: u32,

        fn of(items: []T) @This() {
            const ptr: [*]T = if (items.len == 0) @ptrFromInt(@alignOf(T)) else items.ptr;
            return .{ .ptr = ptr, .len = @intCast(items.len) };
        }
        fn slice(self: @This()) []T {
            return if (self.len == 0) &.{} else self.ptr[0..self.len];
        }
    };
}

const String = List(u8);

fn string(text: []const u8) String {
    return String.of(@constCast(text));
}

// Variants, options and results are a number of one byte, and behind it, aligned as the largest of all cases, the payload.
const Column = extern struct {
    rows: u32,
    /// 2 = float64s
    values: u8,
    float64s: List(f64),
    /// `texts` are two lists; the variant is as large as its largest case.
    rest: [2]u32 = .{ 0, 0 },
    has_valid: u8,
    valid: List(u8),
};

/// result<own<accumulators>, error> and result<_, error>
const Result = extern struct {
    is_error: u8 = 0,
    /// The handle, or which error: 0 = invalid, 1 = corrupt, 2 = unsupported-version.
    payload: extern union { handle: i32, kind: u8 } = .{ .handle = 0 },
    /// The text of the error, or in its first half the version.
    detail: extern union { text: String, version: u32 } = .{ .version = 0 },
};

fn failed(kind: u8, text: []const u8) *Result {
    const result = &alloc(Result, 1)[0];
    result.* = .{ .is_error = 1, .payload = .{ .kind = kind }, .detail = .{ .text = string(text) } };
    return result;
}

fn ok() *Result {
    const result = &alloc(Result, 1)[0];
    result.* = .{};
    return result;
}

const Signature = extern struct {
    arguments: List(u8),
    /// Always empty here, but aligned as a field is.
    parameters: List(u64),
    returns: u8,
    needs_time: u8,
    tolerance: f64,
    /// 0 = bounded
    state_size: u8,
    bytes_max: u32,
    state_version: u32,
    restores: List(u32),
};

const Descriptor = extern struct { name: String, version: String, docs: String, signatures: List(Signature) };

fn describe() callconv(.c) *Descriptor {
    const float64 = alloc(u8, 1);
    float64[0] = 2; // the number of float64 in the enum data-type
    const signatures = alloc(Signature, 1);
    signatures[0] = .{
        .arguments = List(u8).of(float64),
        .parameters = List(u64).of(&.{}),
        .returns = 2,
        .needs_time = 0,
        .tolerance = 1e-9,
        .state_size = 0,
        .bytes_max = @sizeOf(State),
        .state_version = 1,
        .restores = List(u32).of(&.{}),
    };
    const descriptor = &alloc(Descriptor, 1)[0];
    descriptor.* = .{
        .name = string("hmean"),
        .version = string("1.0.0"),
        .docs = string("The harmonic mean of the values"),
        .signatures = List(Signature).of(signatures),
    };
    return descriptor;
}

// The reducer itself: what is kept of the rows of a slot.
const State = extern struct {
    count: u64 = 0,
    inverse: f64 = 0,

    fn add(self: *State, x: f64) void {
        self.count += 1;
        self.inverse += 1 / x;
    }
    fn merge(self: *State, other: State) void {
        // A count that was read from damaged bytes may be any number.
        self.count +%= other.count;
        self.inverse += other.inverse;
    }
    fn value(self: State) ?f64 {
        return if (self.count == 0) null else @as(f64, @floatFromInt(self.count)) / self.inverse;
    }
};

/// The resource: what a handle stands for, between calls.
const Accumulators = struct {
    states: std.ArrayList(State) = .empty,

    fn slot(self: *Accumulators, number: u32) *State {
        while (self.states.items.len <= number) self.states.append(std.heap.wasm_allocator, .{}) catch @trap();
        return &self.states.items[number];
    }
    fn get(self: *Accumulators, number: u32) State {
        return if (number < self.states.items.len) self.states.items[number] else .{};
    }
};

extern "[export]streamgauge:plugin/reducer@0.2.0" fn @"[resource-new]accumulators"(self: *Accumulators) i32;

fn open(signature: u32, _: [*]u8, parameters: u32) callconv(.c) *Result {
    if (signature != 0 or parameters != 0) return failed(0, "hmean takes no parameters");
    const self = std.heap.wasm_allocator.create(Accumulators) catch @trap();
    self.* = .{};
    const result = ok();
    result.payload = .{ .handle = @"[resource-new]accumulators"(self) };
    return result;
}

fn drop(self: *Accumulators) callconv(.c) void {
    self.states.deinit(std.heap.wasm_allocator);
    std.heap.wasm_allocator.destroy(self);
}

fn accumulate(self: *Accumulators, ptr: [*]u32, len: u32, columns: [*]Column, count: u32) callconv(.c) *Result {
    const slots = (List(u32){ .ptr = ptr, .len = len }).slice();
    if (count != 1 or columns[0].values != 2 or columns[0].rows != len) return failed(0, "hmean takes one DOUBLE");
    for (slots, columns[0].float64s.slice(), 0..) |number, x, row| {
        // Bit 1 = not NULL; what stands in `values` where it is 0 means nothing.
        const is_valid = columns[0].has_valid == 0 or columns[0].valid.ptr[row / 8] >> @intCast(row % 8) & 1 == 1;
        if (is_valid) self.slot(number).add(x);
    }
    return ok();
}

fn merge(self: *Accumulators, into: [*]u32, len: u32, source: [*]u32, _: u32) callconv(.c) void {
    for (0..len) |at| {
        const other = self.get(source[at]);
        self.slot(into[at]).merge(other);
    }
    forget();
}

const Evaluated = extern struct { column: Column, failed: List(u32) };

fn evaluate(self: *Accumulators, slots: [*]u32, len: u32) callconv(.c) *Evaluated {
    const values = alloc(f64, len);
    const valid = alloc(u8, (len + 7) / 8);
    @memset(valid, 0);
    for (values, 0..) |*value, row| {
        const found = self.get(slots[row]).value();
        value.* = found orelse 0;
        if (found != null) valid[row / 8] |= @as(u8, 1) << @intCast(row % 8);
    }
    const evaluated = &alloc(Evaluated, 1)[0];
    evaluated.* = .{
        .column = .{
            .rows = len,
            .values = 2,
            .float64s = List(f64).of(values),
            .has_valid = 1,
            .valid = List(u8).of(valid),
        },
        .failed = List(u32).of(&.{}),
    };
    return evaluated;
}

const BytesList = extern struct { ends: List(u32), bytes: List(u8) };

fn snapshot(self: *Accumulators, slots: [*]u32, len: u32) callconv(.c) *BytesList {
    const states = alloc(State, len);
    const ends = alloc(u32, len);
    for (states, ends, 0..) |*state, *end, row| {
        state.* = self.get(slots[row]);
        end.* = @intCast(@sizeOf(State) * (row + 1));
    }
    const list = &alloc(BytesList, 1)[0];
    // WebAssembly is little-endian: these bytes mean the same on every machine.
    list.* = .{ .ends = List(u32).of(ends), .bytes = List(u8).of(std.mem.sliceAsBytes(states)) };
    return list;
}

fn restore(self: *Accumulators, version: u32, slots: [*]u32, len: u32, ends: [*]u32, count: u32, bytes: [*]u8, length: u32) callconv(.c) *Result {
    if (version != 1) {
        const result = failed(2, "");
        result.detail = .{ .version = version };
        return result;
    }
    // All states are looked at before one is changed.
    if (count != len or length != @sizeOf(State) * len) return failed(1, "a state has 16 bytes");
    for (0..len) |at| {
        if (ends[at] != @sizeOf(State) * (at + 1)) return failed(1, "a state has 16 bytes");
    }
    for (0..len) |at| {
        const state = self.slot(slots[at]);
        @memcpy(std.mem.asBytes(state), bytes[@sizeOf(State) * at ..][0..@sizeOf(State)]);
    }
    return ok();
}

fn release(self: *Accumulators, slots: [*]u32, len: u32) callconv(.c) void {
    for (0..len) |at| {
        if (slots[at] < self.states.items.len) self.states.items[slots[at]] = .{};
    }
    forget();
}

/// The host takes memory for what it hands over. It asks for a change of size only where texts are converted, which is not so here.
fn realloc(_: ?[*]u8, _: usize, alignment: usize, size: usize) callconv(.c) ?[*]u8 {
    if (size == 0) return @ptrFromInt(alignment);
    return arena.allocator().rawAlloc(size, std.mem.Alignment.fromByteUnits(alignment), 0);
}

/// Called when the host has read the results.
fn returned(_: *anyopaque) callconv(.c) void {
    forget();
}

/// Functions that give results have a second export, which the host calls when it has read them.
fn exported(comptime function: anytype, comptime name: []const u8) void {
    @export(function, .{ .name = name });
    @export(&returned, .{ .name = "cabi_post_" ++ name });
}

comptime {
    const method = interface ++ "#[method]accumulators.";
    exported(&describe, interface ++ "#describe");
    exported(&open, interface ++ "#[static]accumulators.open");
    exported(&accumulate, method ++ "accumulate");
    exported(&evaluate, method ++ "evaluate");
    exported(&snapshot, method ++ "snapshot");
    exported(&restore, method ++ "restore");
    @export(&merge, .{ .name = method ++ "merge" });
    @export(&release, .{ .name = method ++ "release" });
    @export(&drop, .{ .name = interface ++ "#[dtor]accumulators" });
    @export(&realloc, .{ .name = "cabi_realloc" });
}
