// Columns of the contract as values of JavaScript, and back.

import { BOOLEAN, EXACT_MAX } from './stored.js';
import { decode, encode } from './utf8.js';

const LISTS = { boolean: 'booleans', int64: 'int64s', float64: 'float64s', timestamp: 'timestamps', text: 'texts' };
const SQL = { boolean: 'BOOLEAN', int64: 'BIGINT', float64: 'DOUBLE', timestamp: 'TIMESTAMP', text: 'TEXT' };
const TOO_LARGE = 'is beyond 2^53 and not exact in JavaScript';

/** The error of a guest that refuses what it was given. */
export const invalid = (text) => ({ tag: 'invalid', val: text });

/** Files of this kit in a stack, in a project and where it is tested. */
const KIT = /\/(streamgauge|js)\/(aggregate|columns|parameter|shown|sink|stored|utf8)\.js$/;

/** The innermost function of the author's that this kit had called, with file and line; undefined where there is none. */
function placeOf({ stack }) {
  const found = [...String(stack).matchAll(/^\s*at (?:(.*) )?\(?([^\s()]+?):(\d+)(?::\d+)?\)?$/gm)];
  const frames = found.map(([, name, file, line]) => ({ name, file, line }));
  const ofKit = frames.map(({ file }) => KIT.test(file));
  const at = ofKit.findIndex((isKit, place) => !isKit && ofKit.indexOf(true, place) >= 0);
  if (at < 0) return undefined;
  const { name, file, line } = frames[at];
  const place = `${file.slice(file.lastIndexOf('/') + 1)}, line ${line}`;
  const method = name?.slice(name.lastIndexOf('.') + 1);
  return method === undefined || method === '<anonymous>' ? place : `${place}, in ${method}`;
}

/** What was thrown, in words, with the author's line that it comes from: for a user who sees no stack. */
export function told(thrown) {
  if (!(thrown instanceof Error)) return String(thrown);
  const place = placeOf(thrown);
  return `${thrown.name}: ${thrown.message}${place === undefined ? '' : ` (${place})`}`;
}

/** Whether a bitmap has a row. */
export const bit = (bitmap, row) => (bitmap[row >> 3] >> (row & 7)) & 1;

/** The texts of a list of byte strings. */
export function texts({ ends, bytes }) {
  let start = 0;
  return Array.from(ends, (end) => {
    // What is not UTF-8 stands only where a row is NULL.
    const text = decode(bytes, start, end) ?? '';
    start = end;
    return text;
  });
}

/** The values of a column that has to be of a type. */
export function values(type, { rows, values: { tag, val } }) {
  if (tag !== LISTS[type]) throw invalid(`an argument is ${tag}, where ${SQL[type]} is due`);
  if (type === 'text') return texts(val);
  return type === 'boolean' ? Array.from({ length: rows }, (_, row) => bit(val, row) === 1) : val;
}

/** Refuses whole numbers that JavaScript does not have. What stands where a row is NULL does not count. */
export function checkExact(type, found, runs) {
  if (type !== 'int64' && type !== 'timestamp') return;
  for (let run = 0; run < runs.length; run += 2) {
    for (let row = runs[run]; row < runs[run + 1]; row++) {
      if (found[row] >= EXACT_MAX || found[row] <= -EXACT_MAX) throw invalid(`a ${SQL[type]} ${TOO_LARGE}`);
    }
  }
}

/** The rows of which no column is NULL, as runs: the first row, and the one behind the last. Only runs are looked at, not each row. */
export function runsWithoutNulls(rows, columns) {
  const bitmaps = columns.map(({ valid }) => valid).filter((valid) => valid !== null && valid !== undefined);
  if (bitmaps.length === 0) return [0, rows];
  const runs = [];
  let open = false;
  for (let start = 0; start < rows; start += 8) {
    let byte = bitmaps[0][start >> 3];
    for (let place = 1; place < bitmaps.length; place++) byte &= bitmaps[place][start >> 3];
    if (byte === (open ? 0xff : 0)) continue;
    for (let row = start; row < start + 8 && row < rows; row++) {
      if (((byte >> (row & 7)) & 1) === (open ? 0 : 1)) {
        runs.push(row);
        open = !open;
      }
    }
  }
  if (open) runs.push(rows);
  return runs;
}

/** The values of a column of any type, NULL as null. */
export function nullable(type, column) {
  const found = values(type, column);
  if (column.valid === null || column.valid === undefined) return Array.from(found);
  return Array.from(found, (value, row) => (bit(column.valid, row) ? value : null));
}

/** A value outside of columns, of a type; null is NULL. */
export const literal = (type, value) => (value === null ? { tag: 'null' } : { tag: type, val: value });

function bitmap(flags) {
  const bytes = new Uint8Array((flags.length + 7) >> 3);
  flags.forEach((flag, row) => {
    if (flag) bytes[row >> 3] |= 1 << (row & 7);
  });
  return bytes;
}

/** The reason why a result is of no use; undefined where it is. */
function uselessness(type, result) {
  if (result === null || result === undefined) return undefined;
  if (type === 'int64' || type === 'timestamp') {
    if (!Number.isInteger(result)) return `the result is no whole number, where ${SQL[type]} is due`;
    return Math.abs(result) >= EXACT_MAX ? `the result ${TOO_LARGE}` : undefined;
  }
  const due = { boolean: 'boolean', float64: 'number', text: 'string' }[type];
  return typeof result === due ? undefined : `the result is a ${typeof result}, where ${SQL[type]} is due`;
}

/** A column of results, in which null is NULL, and the rows of which the result is of no use, with the reason. */
export function column(type, results) {
  const failed = [];
  const found = results.map((result, row) => {
    const why = uselessness(type, result);
    if (why !== undefined) failed.push({ row, why });
    return why === undefined ? result ?? null : null;
  });
  let val;
  if (type === 'text') {
    val = bytesList(found.map((text) => encode(text ?? '')));
  } else if (type === 'boolean') {
    val = bitmap(found);
  } else {
    val = found.map((value) => value ?? 0);
  }
  const valid = bitmap(found.map((value) => value !== null));
  return { column: { rows: found.length, values: { tag: LISTS[type], val }, valid }, failed };
}

function bytesList(items) {
  const bytes = new Uint8Array(items.reduce((total, { length }) => total + length, 0));
  let end = 0;
  const ends = items.map((item) => {
    bytes.set(item, end);
    end += item.length;
    return end;
  });
  return { ends, bytes };
}

/** Whether a constant of a type may be a value: `typeof`, and of numbers that they are finite and exact. */
export function isOfType(type, value) {
  if (type === BOOLEAN) return typeof value === 'boolean';
  if (type.sql === 'text') return typeof value === 'string';
  return type.sql === 'float64' ? Number.isFinite(value) : Number.isSafeInteger(value);
}
