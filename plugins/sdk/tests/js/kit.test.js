// The kit for JavaScript: the bytes of states, columns, and what a sink makes of answers. node --test plugins/sdk/tests/js

import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { column, runsWithoutNulls } from '../../js/columns.js';
import {
  BIGINT, BOOLEAN, DOUBLE, EVENT_TIME, TEXT, U32, U64, U8, aggregate, byWindow, delivered, fold, judgeHttp, list, map, optional, overloads,
  parameter, postJson, rejected, retry, rowSink, struct, tuple,
} from '../../js/index.js';
import { Corrupt, Reader, Writer, checkState } from '../../js/stored.js';
import { decode, encode } from '../../js/utf8.js';

const lines = readFileSync(new URL('../stored.txt', import.meta.url), 'utf8').split('\n').filter((line) => /^[a-z]/.test(line));
const values = {
  true: [BOOLEAN, true], u8: [U8, 7], u32: [U32, 2 ** 32 - 1], u64: [U64, 2 ** 53], least: [BIGINT, -(2 ** 53)],
  infinite: [DOUBLE, -Infinity], text: [TEXT, 'éa'], some: [optional(BIGINT), -1], none: [optional(BIGINT), null],
  list: [list(DOUBLE), [0.5, 0, -1]], long: [list(U8), Array(200).fill(7)], texts: [list(TEXT), ['', 'é']],
  map: [map(TEXT, U64), new Map([['\u{10000}', 3], ['A', 1], ['\uff5e', 2]])], parts: [tuple(BOOLEAN, DOUBLE, optional(BIGINT)), [true, 2.5, 3]],
};

function bytes(type, value) {
  const writer = new Writer();
  type.write(writer, value);
  return writer.bytes.slice(0, writer.length);
}

function read(type, found) {
  const reader = new Reader(found, 0, found.length);
  const value = type.read(reader);
  reader.finish();
  return value;
}

const hex = (found) => Buffer.from(found).toString('hex');
const unhex = (text) => new Uint8Array(Buffer.from(text, 'hex'));

test('states have the bytes of all kits', () => {
  for (const line of lines) {
    const [name, due] = line.split(' ');
    // Numbers of 16 bytes have no place in a state here.
    if (name === 'i128') continue;
    const [type, value] = values[name];
    const found = bytes(type, value);
    assert.equal(hex(found), due, name);
    const sorted = value instanceof Map ? new Map([...value].sort((one, other) => one[1] - other[1])) : value;
    assert.deepEqual(read(type, found), sorted, name);
    for (let cut = 0; cut < found.length; cut++) assert.throws(() => read(type, found.subarray(0, cut)), /too short/, `${name} ${cut}`);
    assert.throws(() => read(type, new Uint8Array([...found, 0])), /1 bytes too many/);
  }
});

test('what is never written is refused', () => {
  const wrong = [
    [BOOLEAN, '02'], [TEXT, '01ff'], [map(U8, U8), '0202000100'], [map(U8, U8), '0201000100'], [list(DOUBLE), 'ff'.repeat(10)],
    [BIGINT, '0000000000000080'], [U64, '0100000000002000'], [list(TEXT), 'ffffffffff01'],
  ];
  for (const [type, text] of wrong) assert.throws(() => read(type, unhex(text)), Corrupt, text);
  assert.throws(() => map(DOUBLE, U8), /keys of a map/);
});

test('a whole number beyond 2^53 is written as 2^53', () => {
  assert.equal(read(BIGINT, bytes(BIGINT, 2 ** 60)), 2 ** 53);
  assert.equal(read(BIGINT, bytes(BIGINT, -Infinity)), -(2 ** 53));
});

test('UTF-8 is that of TextEncoder and TextDecoder', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (const text of ['', 'a', 'é', '\uffff', '\ud7ff', '\u{10000}', '\u{10ffff}', '\ud800', 'a\udc00b', 'x'.repeat(10_000) + 'é', '\ufeff']) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text), text);
    assert.equal(decode(encode(text)), strict.decode(encode(text)));
  }
  for (const text of ['80', 'c0af', 'c1bf', 'e08080', 'eda080', 'f0808080', 'f4908080', 'f5808080', 'c3', 'e28080ff', 'ff', 'f09f98']) {
    assert.equal(decode(unhex(text)), null, text);
  }
});

test('runs are those of rows that all bitmaps have', () => {
  for (let seed = 1; seed < 500; seed++) {
    const rows = seed % 29;
    const bit = (place, row) => ((seed * 2654435761 + place * 40503 + row * row * 7919) >>> 9) % 4 !== 0;
    const columns = [0, 1].map((place) => {
      const valid = new Uint8Array(4).fill(0xe0);
      for (let row = 0; row < 32; row++) if (bit(place, row)) valid[row >> 3] |= 1 << (row & 7);
      else valid[row >> 3] &= ~(1 << (row & 7));
      return { valid };
    });
    const runs = runsWithoutNulls(rows, [...columns, { valid: null }]);
    const found = [];
    for (let run = 0; run < runs.length; run += 2) for (let row = runs[run]; row < runs[run + 1]; row++) found.push(row);
    assert.deepEqual(found, Array.from({ length: rows }, (_, row) => row).filter((row) => bit(0, row) && bit(1, row)));
  }
  assert.deepEqual(runsWithoutNulls(9, [{ valid: null }]), [0, 9]);
});

test('results that are of no use are told row by row', () => {
  const { column: found, failed } = column('int64', [1, null, 2.5, 2 ** 53, 'x']);
  assert.deepEqual(failed.map(({ row }) => row), [2, 3, 4]);
  assert.deepEqual([...found.valid], [1]);
  assert.match(failed[1].why, /beyond 2\^53/);
});

const latest = {
  name: 'latest', docs: 'The latest text', row: [TEXT, EVENT_TIME], returns: TEXT,
  parameters: { limit: parameter(BIGINT, 'is how many', { or: 3, within: [1, 10] }) },
  state: { texts: list(TEXT), last: optional(BIGINT) },
  open: ({ limit }) => ({
    add(state, text) { state.texts.push(text); },
    merge(state, other) { state.texts.push(...other.texts); },
    value: ({ texts }) => (texts.length > 0 ? texts.slice(0, limit).join() : null),
  }),
};

test('types give the signature, and rows fold', () => {
  const plugin = aggregate(latest);
  const [signature] = plugin.reducer.describe().signatures;
  assert.deepEqual([signature.arguments, signature.needsTime, signature.returns, signature.state.tag], [['text'], true, 'text', 'growing']);
  assert.equal(fold(plugin, { limit: 2 }, [['a', 1], [null, 2], ['b', 3], ['c', 4]]), 'a,b');
  for (const limit of [0, 11, 1.5]) {
    assert.throws(() => fold(plugin, { limit }, []), { val: '`limit` must be a whole number from 1 to 10' });
  }
  assert.equal(overloads(latest, { ...latest, row: [DOUBLE] }).reducer.describe().signatures.length, 2);
});

test('an error in merge is told by the next call that can', () => {
  const broken = aggregate({ ...latest, open: () => ({ add() {}, merge() { throw new Error('no'); }, value: () => 'x' }) });
  const slots = broken.reducer.Accumulators.open(0, [{ tag: 'int64', val: 3 }]);
  slots.reach([1]);
  slots.merge([0], [1]);
  const [{ row, why }] = slots.evaluate([0, 1]).failed;
  assert.match(why, /^merge: Error: no \(kit\.test\.js, line \d+, in merge\)$/);
  assert.equal(row, 0);
  assert.throws(() => slots.accumulate([], [{ rows: 0 }, { rows: 0 }]), { tag: 'invalid', val: why });
  // `snapshot` has no error: no states come, and the reason in place of their bytes.
  const { ends, bytes: told } = slots.snapshot([1, 0]);
  assert.deepEqual([ends, decode(told)], [[], why]);
  slots.release([0]);
  assert.deepEqual(slots.evaluate([0]).failed, []);
});

test('an answer is judged as HTTP says', () => {
  const judge = (status, after, body = '') => judgeHttp({ status, headers: [{ name: 'retry-after', value: after }], body: encode(body) });
  const of = (tag) => [200, 204, 301, 400, 404, 408, 410, 425, 429, 500, 503, 0, 65535].filter((status) => judge(status, '').tag === tag);
  assert.deepEqual([of('delivered'), of('retry')], [[200, 204], [408, 425, 429, 500, 503]]);
  for (const [after, due] of [['7', 7000], ['', null], ['-1', null], ['soon', null]]) assert.equal(judge(503, after).val, due, after);
  assert.equal(judge(400, '', '\u001ba\r\n b').val, 'the receiver answered 400: a b');
  assert.equal(judge(400, '', 'é'.repeat(5000)).val, `the receiver answered 400: ${'é'.repeat(200)}…`);
});

test('a state begins anew for each slot', () => {
  const type = struct({ a: list(U8), b: tuple(DOUBLE, BOOLEAN) });
  type.initial().a.push(1);
  assert.deepEqual(type.initial(), { a: [], b: [0, false] });
  assert.equal(struct({ a: U8, b: optional(DOUBLE) }).size, 10);
});

test('a value of another type names its field', () => {
  const type = struct({
    count: U64, sum: DOUBLE, at: optional(BIGINT), name: TEXT, seen: map(TEXT, BIGINT), some: list(DOUBLE), best: tuple(DOUBLE, BOOLEAN),
  });
  checkState(type, { ...type.initial(), count: Infinity, sum: NaN, at: 5 });
  const cases = [
    ['count', 0.5, '`state.count` is U64 and got 0.5 (number)'], ['count', NaN, '`state.count` is U64 and got NaN (number)'],
    ['count', undefined, '`state.count` is U64 and got undefined'], ['sum', '1', '`state.sum` is DOUBLE and got "1" (string)'],
    ['at', 0.5, '`state.at` is BIGINT and got 0.5 (number)'], ['name', 7, '`state.name` is TEXT and got 7 (number)'],
    ['seen', new Map([['a', 0.5]]), '`state.seen["a"]` is BIGINT and got 0.5 (number)'], ['seen', {}, '`state.seen` is map(TEXT, BIGINT) and got {} (object)'],
    ['some', [1, 'x'], '`state.some[1]` is DOUBLE and got "x" (string)'], ['some', null, '`state.some` is list(DOUBLE) and got null'],
    ['best', [1], '`state.best` is tuple(DOUBLE, BOOLEAN) and got [1] (array)'], ['best', [1, 1], '`state.best[1]` is BOOLEAN and got 1 (number)'],
  ];
  for (const [field, value, message] of cases) {
    assert.throws(() => checkState(type, { ...type.initial(), [field]: value }), { name: 'TypeError', message });
  }
  const long = { ...type.initial(), some: ['x', ...Array(100).fill(1)] };
  checkState(type, long, 100);
  assert.throws(() => checkState(type, long), /some\[0\]/);
});

test('what is no type, and functions that are missing, are told with their place', () => {
  assert.throws(() => aggregate({ ...latest, row: [5] }), { message: /^`row` of latest is an array of BOOLEAN, .* and got \[5\] \(array\)$/ });
  assert.throws(() => aggregate({ ...latest, returns: U64 }), /`returns` of latest/);
  assert.throws(() => aggregate({ ...latest, state: { count: 0 } }), /the field `count` of a state is 0 \(number\), which is no type/);
  const without = aggregate({ ...latest, open: () => ({ add() {}, value: () => null }) });
  assert.throws(() => without.reducer.Accumulators.open(0, [{ tag: 'int64', val: 3 }]), { val: '`open` of latest gives no function `merge`' });
  const { sink } = rowSink({ name: 'none', docs: '', open: () => ({}) });
  assert.throws(() => sink.Encoder.open([], { query: 'q', columns: [] }), { val: /no function `request\(row\)`/ });
});

test('merge that returns another state is refused, and one that is an expression is not', () => {
  const made = (merge) => aggregate({ ...latest, open: () => ({ ...latest.open({ limit: 3 }), merge }) });
  assert.throws(() => fold(made(() => ({ texts: [], last: null })), {}, [['a', 1], ['b', 2]], 2), /must change `state` in place; its return value/);
  assert.equal(fold(made((state, other) => state.texts.push(...other.texts)), {}, [['a', 1], ['b', 2]], 2), 'a,b');
});

test('bounds are told in few digits', () => {
  const wide = aggregate({ ...latest, parameters: { limit: parameter(DOUBLE, '', { or: 0, within: [-1e300, 1e6] }) } });
  assert.throws(() => fold(wide, { limit: 1e7 }, []), { val: '`limit` must be a number from -1e300 to 1000000' });
});

/** The requests of rows with these windows, and a sink of some functions. */
function encoded(logic, windows) {
  const { sink } = rowSink({ name: 'batches', docs: '', open: () => logic });
  const encoder = sink.Encoder.open([], { query: 'q', columns: [] });
  const keys = { ends: windows.map((_, place) => place + 1), bytes: encode('abcdefghi'.slice(0, windows.length)) };
  const val = {
    columns: [], operations: windows.map(() => 'insert'), revisions: windows.map(() => 0),
    windows: { starts: windows, ends: windows.map((start) => start + 1) },
  };
  const judge = (status) => encoder.judge({ deliveries: 2 }, { status, headers: [], body: new Uint8Array() });
  return { requests: encoder.encode({ keys, content: { tag: 'rows', val } }), judge };
}

test('rows of a window go into one request', () => {
  const requests = (rows) => byWindow(rows, 2).map((of) => [postJson('https://x', [of.length, NaN], of[0].key), of]);
  const { requests: made } = encoded({ requests }, [0, 0, 0, 1]);
  assert.deepEqual(made.map(({ deliveries }) => deliveries), [2, 1, 1]);
  assert.equal(decode(made[0].message.val.body), '[2,null]');
  assert.equal(made[1].message.val.headers[1].value, '"c"');
  const post = postJson('https://x', 1);
  for (const [wrong, words] of [
    [(rows) => [[post, rows.slice(0, 2)]], 'left out the rows from row 3 of 4 on'], [(rows) => [[post, rows.slice(1)]], 'request 1 does not carry'],
    [() => post, '`requests` returned {'], [() => [post], '`requests` gave {'], [(rows) => [[post, rows], [post, []]], 'request 2 does not carry'],
    [() => undefined, '`requests` returned undefined'], [(rows) => [[{}, rows]], 'gave {} (object) where a request is due'],
  ]) {
    assert.throws(() => encoded({ requests: wrong }, [0, 0, 0, 1]), ({ tag, val }) => tag === 'invalid' && val.includes(words), words);
  }
});

test('what judge may not return is told', () => {
  const judged = (outcome) => encoded({ request: () => postJson('https://x', 1), judge: () => outcome }, [0]).judge(200);
  for (const right of [delivered, retry(), retry(7), rejected('no')]) assert.deepEqual(judged(right), [right, right]);
  for (const wrong of [true, undefined, retry, retry(1.5), rejected(5)]) {
    const [{ tag, val }] = judged(wrong);
    assert.equal(tag, 'rejected');
    assert.match(val, /^the sink cannot judge the answer: TypeError: `judge` returned .*: return delivered, retry\(...\) or rejected/);
  }
});
