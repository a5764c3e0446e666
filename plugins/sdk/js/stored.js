// Types of columns and of states, and their bytes: little-endian, the same form as in the kit for Rust, every length checked when they
// are read.
//
// | type | JavaScript | bytes |
// |---|---|---|
// | BOOLEAN | boolean | 1 |
// | U8, U32, U64 | number | 1, 4, 8 |
// | BIGINT, TIMESTAMP | number | 8; signed |
// | DOUBLE | number | 8, every bit of it |
// | TEXT | string | the number of bytes, seven bits a byte, and the bytes |
// | tuple(A, B), struct({ a: A, b: B }) | array, object | their parts, one behind the other |
// | optional(T) | value or null | 1, and those of the value where there is one |
// | list(T), map(K, V) | Array, Map | the number of items, seven bits a byte, and the items; those of a map by their keys |
//
// A value of another type is an error that names its field. A number is exact to 2^53. A whole number of 8 bytes beyond it is written as
// 2^53, and reading a greater one is an error.

import { shown } from './shown.js';
import { compareBytes, decode, encode } from './utf8.js';

/** Beyond it a number is not exact. */
export const EXACT_MAX = 2 ** 53;

/** Bytes that no state has. */
export class Corrupt extends Error {}

/** Appends to the bytes of states. */
export class Writer {
  constructor() {
    this.bytes = new Uint8Array(256);
    this.view = new DataView(this.bytes.buffer);
    this.length = 0;
  }

  /** Makes room for some bytes, and gives the place where they go. */
  room(count) {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }

  raw(bytes) {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  count(value) {
    while (value >= 0x80) {
      this.view.setUint8(this.room(1), (value & 0x7f) | 0x80);
      value = Math.floor(value / 128);
    }
    this.view.setUint8(this.room(1), value);
  }
}

/** Takes a state's bytes from the front. */
export class Reader {
  constructor(bytes, start, end) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  /** Takes some bytes, and gives the place where they are. */
  take(count) {
    const at = this.at;
    this.at += count;
    if (this.at > this.end) throw new Corrupt('too short');
    return at;
  }

  count() {
    let value = 0;
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = this.view.getUint8(this.take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Corrupt('a number is too long');
  }

  finish() {
    if (this.at < this.end) throw new Corrupt(`${this.end - this.at} bytes too many`);
  }
}

function whole(view, at, value) {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${value} is no whole number`);
  const near = Math.min(Math.max(Math.trunc(value), -EXACT_MAX), EXACT_MAX);
  view.setBigInt64(at, BigInt(near), true);
}

function exact(value) {
  if (value > EXACT_MAX || value < -EXACT_MAX) throw new Corrupt('a whole number beyond 2^53');
  return Number(value);
}

/** Refuses a value that cannot be stored; `where` is its field. */
function require(fits, words, value, where) {
  if (!fits) throw new TypeError(`\`${where()}\` is ${words} and got ${shown(value)}`);
}

/** Whether a state can be stored; else an error that names the field. With `recent` only so many items at the end of each long list or map
 * are looked at. */
export const checkState = (type, state, recent) => type.check(state, atState, recent);
const atState = () => 'state';

const isWhole = (value) => typeof value === 'number' && Math.trunc(value) === value;
const isNumber = (value) => typeof value === 'number';
const isFlag = (value) => typeof value === 'boolean';

/** A map up to this size is looked at as a whole after each batch of rows. */
const WHOLE_MAX = 64;

/** A type of a fixed number of bytes. */
function fixed(words, isOf, sql, size, initial, write, read) {
  return {
    words,
    sql,
    size,
    initial: () => initial,
    isOf,
    check(value, where) {
      if (!isOf(value)) require(false, this.words, value, where);
    },
    write(writer, value) {
      const at = writer.room(size);
      write(writer.view, at, value);
    },
    read: (reader) => read(reader.view, reader.take(size)),
  };
}

function flag(view, at) {
  const byte = view.getUint8(at);
  if (byte > 1) throw new Corrupt('neither true nor false');
  return byte === 1;
}

export const BOOLEAN = fixed('BOOLEAN', isFlag, 'boolean', 1, false, (view, at, value) => view.setUint8(at, value ? 1 : 0), flag);
export const BIGINT = fixed('BIGINT', isWhole, 'int64', 8, 0, whole, (view, at) => exact(view.getBigInt64(at, true)));
export const TIMESTAMP = { ...BIGINT, words: 'TIMESTAMP', sql: 'timestamp' };
const readDouble = (view, at) => view.getFloat64(at, true);
export const DOUBLE = fixed('DOUBLE', isNumber, 'float64', 8, 0, (view, at, value) => view.setFloat64(at, value, true), readDouble);
export const U8 = fixed('U8', isWhole, undefined, 1, 0, (view, at, value) => view.setUint8(at, value), (view, at) => view.getUint8(at));
const readU32 = (view, at) => view.getUint32(at, true);
export const U32 = fixed('U32', isWhole, undefined, 4, 0, (view, at, value) => view.setUint32(at, value, true), readU32);
export const U64 = fixed('U64', isWhole, undefined, 8, 0, whole, (view, at) => exact(view.getBigUint64(at, true)));
/** The event time of a row, which is never NULL: the last column of `row`. */
export const EVENT_TIME = { ...TIMESTAMP, isEventTime: true };

export const TEXT = {
  words: 'TEXT',
  sql: 'text',
  size: undefined,
  initial: () => '',
  check(value, where) {
    require(typeof value === 'string', this.words, value, where);
  },
  write(writer, value) {
    const bytes = encode(value);
    writer.count(bytes.length);
    writer.raw(bytes);
  },
  read(reader) {
    const at = reader.take(reader.count());
    const text = decode(reader.bytes, at, reader.at);
    if (text === null) throw new Corrupt('a text is not UTF-8');
    return text;
  },
};

const sum = (parts) => parts.reduce((total, { size }) => (total === undefined || size === undefined ? undefined : total + size), 0);

export function tuple(...parts) {
  return {
    size: sum(parts),
    words: `tuple(${parts.map(({ words }) => words).join(', ')})`,
    initial: () => parts.map((part) => part.initial()),
    // Texts of places are made where something is wrong only.
    check(values, where, recent) {
      require(Array.isArray(values) && values.length === parts.length, this.words, values, where);
      parts.forEach((part, place) => part.check(values[place], () => `${where()}[${place}]`, recent));
    },
    write: (writer, values) => parts.forEach((part, place) => part.write(writer, values[place])),
    read: (reader) => parts.map((part) => part.read(reader)),
  };
}

export function struct(fields) {
  const entries = Object.entries(fields);
  const [names, parts] = [Object.keys(fields), Object.values(fields)];
  const count = names.length;
  for (const [name, part] of entries) {
    if (typeof part?.initial !== 'function') {
      throw new TypeError(`the field \`${name}\` of a state is ${shown(part)}, which is no type: use BOOLEAN, BIGINT, DOUBLE, TIMESTAMP, TEXT, `
        + 'U8, U32, U64, optional, list, map, tuple or struct');
    }
  }
  return {
    size: sum(parts),
    words: 'struct',
    check(value, where, recent) {
      if (value === null || typeof value !== 'object') require(false, this.words, value, where);
      for (let place = 0; place < count; place++) {
        const part = parts[place];
        const item = value[names[place]];
        if (part.isOf === undefined || !part.isOf(item)) part.check(item, () => `${where()}.${names[place]}`, recent);
      }
    },
    initial() {
      const made = {};
      for (const [name, part] of entries) made[name] = part.initial();
      return made;
    },
    write(writer, value) {
      for (const [name, part] of entries) part.write(writer, value[name]);
    },
    read(reader) {
      const made = {};
      for (const [name, part] of entries) made[name] = part.read(reader);
      return made;
    },
  };
}

export function optional(part) {
  return {
    size: part.size === undefined ? undefined : 1 + part.size,
    words: `optional(${part.words})`,
    initial: () => null,
    check(value, where, recent) {
      if (value !== null && value !== undefined) part.check(value, where, recent);
    },
    write(writer, value) {
      const isThere = value !== null && value !== undefined;
      BOOLEAN.write(writer, isThere);
      if (isThere) part.write(writer, value);
    },
    read: (reader) => (BOOLEAN.read(reader) ? part.read(reader) : null),
  };
}

export function list(part) {
  return {
    size: undefined,
    words: `list(${part.words})`,
    initial: () => [],
    check(items, where, recent = Infinity) {
      require(Array.isArray(items), this.words, items, where);
      for (let place = Math.max(0, items.length - recent); place < items.length; place++) {
        part.check(items[place], () => `${where()}[${place}]`, recent);
      }
    },
    write(writer, items) {
      writer.count(items.length);
      for (const item of items) part.write(writer, item);
    },
    read(reader) {
      const items = [];
      for (let left = reader.count(); left > 0; left--) items.push(part.read(reader));
      return items;
    },
  };
}

export function map(key, value) {
  const isText = key === TEXT;
  if (!isText && ![BOOLEAN, BIGINT, TIMESTAMP, U8, U32, U64].includes(key)) {
    throw new TypeError('the keys of a map are texts, whole numbers, times or booleans');
  }
  const sortable = (found) => (isText ? encode(found) : Number(found));
  const compare = isText ? compareBytes : (one, other) => one - other;
  return {
    size: undefined,
    words: `map(${key.words}, ${value.words})`,
    initial: () => new Map(),
    check(items, where, recent) {
      require(items instanceof Map, this.words, items, where);
      // A map has no way to its last items; a large one is looked at when its result is asked for.
      if (recent !== undefined && items.size > WHOLE_MAX) return;
      for (const [name, item] of items) {
        key.check(name, () => `a key of ${where()}`);
        value.check(item, () => `${where()}[${JSON.stringify(name)}]`, recent);
      }
    },
    write(writer, items) {
      writer.count(items.size);
      const sorted = Array.from(items, ([name, item]) => [sortable(name), name, item]).sort((one, other) => compare(one[0], other[0]));
      for (const [, name, item] of sorted) {
        key.write(writer, name);
        value.write(writer, item);
      }
    },
    read(reader) {
      const items = new Map();
      let last;
      for (let left = reader.count(); left > 0; left--) {
        const name = key.read(reader);
        const place = sortable(name);
        if (last !== undefined && compare(last, place) >= 0) throw new Corrupt('keys are not in their order');
        last = place;
        items.set(name, value.read(reader));
      }
      return items;
    },
  };
}
