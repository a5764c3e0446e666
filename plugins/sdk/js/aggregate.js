// An aggregate function: the type of a state, `add`, `merge` and `value`. Types say the rest: the signature, the size of a state, and
// its bytes.

import { checkExact, column, invalid, runsWithoutNulls, told, values } from './columns.js';
import { fields, given } from './parameter.js';
import { shown } from './shown.js';
import { Corrupt, Reader, Writer, checkState, struct } from './stored.js';
import { encode } from './utf8.js';

const isError = (thrown) => thrown !== null && typeof thrown === 'object' && typeof thrown.tag === 'string';

/** What was thrown as an error of the contract. */
const refused = (thrown) => (isError(thrown) ? thrown : invalid(told(thrown)));

/** The ways to call one function as what the component exports. */
export function overloads(...ways) {
  const signatures = ways.map(signature);
  const [{ name, version = '0.1.0', docs }] = ways;
  class Accumulators extends Slots {
    static open(number, literals) {
      if (ways[number] === undefined) throw invalid(`there is no signature ${number}`);
      return new Accumulators(ways[number], signatures[number], literals);
    }
  }
  const describe = () => ({ name, version, docs, signatures: signatures.map(({ described }) => described) });
  return { columns: {}, reducer: { Accumulators, describe } };
}

/** An aggregate function as what the component exports. */
export const aggregate = (way) => overloads(way);

function signature({ name, row, returns, parameters = {}, state, tolerance = 0, stateVersion = 1 }) {
  const types = 'BOOLEAN, BIGINT, DOUBLE, TIMESTAMP or TEXT';
  if (!Array.isArray(row) || row.some((type) => type?.sql === undefined)) {
    throw new TypeError(`\`row\` of ${name} is an array of ${types}, such as [DOUBLE], and got ${shown(row)}`);
  }
  if (returns?.sql === undefined) throw new TypeError(`\`returns\` of ${name} is ${types}, and got ${shown(returns)}`);
  if (state === null || typeof state !== 'object') throw new TypeError(`\`state\` of ${name} is an object of types, and got ${shown(state)}`);
  const needsTime = row.length > 0 && row[row.length - 1].isEventTime === true;
  const stored = struct(state);
  const columns = row.map(({ sql }) => sql);
  const size = stored.size === undefined ? { tag: 'growing' } : { tag: 'bounded', val: 64 + 4 * stored.size };
  const described = {
    arguments: needsTime ? columns.slice(0, -1) : columns,
    parameters: fields(parameters),
    returns: returns.sql,
    needsTime,
    tolerance,
    state: size,
    stateVersion,
    restores: [],
  };
  return { described, stored, types: columns, fields: Object.keys(state) };
}

/** Adds the rows of some runs; a loop a number of arguments, so that nothing is made anew for each row. */
function addRows(logic, states, slots, columns, runs) {
  const [first, second, third] = columns;
  for (let run = 0; run < runs.length; run += 2) {
    const end = runs[run + 1];
    if (columns.length === 1) {
      for (let row = runs[run]; row < end; row++) logic.add(states[slots[row]], first[row]);
    } else if (columns.length === 2) {
      for (let row = runs[run]; row < end; row++) logic.add(states[slots[row]], first[row], second[row]);
    } else if (columns.length === 3) {
      for (let row = runs[run]; row < end; row++) logic.add(states[slots[row]], first[row], second[row], third[row]);
    } else {
      for (let row = runs[run]; row < end; row++) logic.add(states[slots[row]], ...columns.map((found) => found[row]));
    }
  }
}

/** The states of one call of the function, each in a numbered slot. */
class Slots {
  constructor(way, { described, stored, types, fields: names }, literals) {
    this.described = described;
    this.stored = stored;
    this.types = types;
    this.names = names;
    this.states = [];
    // How many rows of the batch each slot was given.
    this.counts = [];
    // What `merge` threw, by slot: the contract gives it no error, so that the next call which may have one tells it.
    this.broken = new Map();
    try {
      this.logic = way.open(given(way.parameters ?? {}, literals));
    } catch (thrown) {
      // An author's error says what to write instead, and needs no name of a class.
      throw thrown instanceof RangeError ? invalid(thrown.message) : refused(thrown);
    }
    for (const method of ['add', 'merge', 'value']) {
      if (typeof this.logic?.[method] !== 'function') throw invalid(`\`open\` of ${way.name} gives no function \`${method}\``);
    }
  }

  reach(slots) {
    for (const slot of slots) {
      while (this.states.length <= slot) {
        this.states.push(this.stored.initial());
        this.counts.push(0);
      }
    }
  }

  accumulate(slots, columns) {
    const { types } = this;
    if (columns.length !== types.length) throw invalid(`${types.length} arguments are due, not ${columns.length}`);
    for (const why of this.broken.values()) throw invalid(why);
    const batch = this.touch(slots);
    const runs = runsWithoutNulls(slots.length, columns);
    const found = types.map((type, place) => values(type, columns[place]));
    found.forEach((list, place) => checkExact(types[place], list, runs));
    try {
      addRows(this.logic, this.states, slots, found, runs);
      this.check(batch);
    } catch (thrown) {
      throw refused(thrown);
    }
  }

  /** Makes the slots of a batch. It gives each of them once, and how many rows it is given. */
  touch(slots) {
    const { counts, states } = this;
    const touched = [];
    for (let row = 0; row < slots.length; row++) {
      const slot = slots[row];
      if (slot >= states.length) this.reach([slot]);
      if (counts[slot]++ === 0) touched.push(slot);
    }
    const rows = touched.map((slot) => counts[slot]);
    for (const slot of touched) counts[slot] = 0;
    return { touched, rows };
  }

  /** Finds values in states that cannot be stored while the rows that made them are known. Of long lists it looks at as many items as rows
   * have come, so that a batch does not cost more the longer they are; `evaluate` looks at all of them. */
  check({ touched, rows }) {
    for (let place = 0; place < touched.length; place++) checkState(this.stored, this.states[touched[place]], rows[place]);
  }

  /** Refuses another state that `merge` returns. What a function of one expression returns is no such thing. */
  refuseReturned(state, returned) {
    if (returned === state || returned === null || typeof returned !== 'object') return;
    if (this.names.every((name) => Object.hasOwn(returned, name))) {
      throw new TypeError(`it must change \`state\` in place; its return value is ignored, and it returned ${shown(returned)}`);
    }
  }

  merge(into, source) {
    this.reach(into);
    const { length } = this.states;
    into.forEach((one, pair) => {
      // A source beyond the last slot is empty.
      if (source[pair] >= length) return;
      if (this.broken.size > 0 && this.broken.has(source[pair])) this.broken.set(one, this.broken.get(source[pair]));
      try {
        const returned = this.logic.merge(this.states[one], this.states[source[pair]]);
        if (returned !== undefined) this.refuseReturned(this.states[one], returned);
      } catch (thrown) {
        this.broken.set(one, `merge: ${told(thrown)}`);
      }
    });
  }

  evaluate(slots) {
    const failed = [];
    const results = Array.from(slots, (slot, row) => {
      try {
        if (this.broken.has(slot)) throw this.broken.get(slot);
        const state = this.states[slot] ?? this.stored.initial();
        checkState(this.stored, state);
        return this.logic.value(state);
      } catch (thrown) {
        failed.push({ row, why: told(thrown) });
        return null;
      }
    });
    const packed = column(this.described.returns, results);
    return { column: packed.column, failed: failed.concat(packed.failed).sort((one, other) => one.row - other.row) };
  }

  snapshot(slots) {
    try {
      const writer = new Writer();
      const ends = Array.from(slots, (slot) => {
        if (this.broken.has(slot)) throw this.broken.get(slot);
        const state = this.states[slot] ?? this.stored.initial();
        try {
          this.stored.write(writer, state);
        } catch (thrown) {
          // The engine's words name no field.
          checkState(this.stored, state);
          throw thrown;
        }
        return writer.length;
      });
      return { ends, bytes: writer.bytes.slice(0, writer.length) };
    } catch (thrown) {
      // The contract gives `snapshot` no error. Where no states come, the host tells the text in place of their bytes.
      return { ends: [], bytes: encode(told(thrown)) };
    }
  }

  restore(version, slots, { ends, bytes }) {
    if (version !== this.described.stateVersion) throw { tag: 'unsupported-version', val: version };
    const corrupt = (text) => ({ tag: 'corrupt', val: text });
    if (ends.length !== slots.length) throw corrupt(`${ends.length} states for ${slots.length} slots`);
    let start = 0;
    const restored = Array.from(ends, (end) => {
      try {
        const reader = new Reader(bytes, start, end);
        const state = this.stored.read(reader);
        reader.finish();
        start = end;
        return state;
      } catch (thrown) {
        throw corrupt(thrown instanceof Corrupt ? thrown.message : told(thrown));
      }
    });
    this.reach(slots);
    slots.forEach((slot, place) => {
      this.states[slot] = restored[place];
      this.broken.delete(slot);
    });
  }

  release(slots) {
    for (const slot of slots) {
      if (slot < this.states.length) this.states[slot] = this.stored.initial();
      this.broken.delete(slot);
    }
  }
}

/** The value of rows, each an array of arguments or one argument: for tests. Rows with null are left out, as the host's NULL is.
 *
 * The rows go into so many states in turn, which are stored, restored and merged, as in windows of several slices. */
export function fold({ reducer }, parameters, rows, parts = 1) {
  const [{ parameters: known, arguments: types, needsTime }] = reducer.describe().signatures;
  const literals = known.map(({ name, dataType, default: or }) => {
    const isGiven = parameters !== null && Object.hasOwn(parameters, name);
    return isGiven ? { tag: dataType, val: parameters[name] } : or ?? { tag: 'null' };
  });
  const slots = reducer.Accumulators.open(0, literals);
  const lists = rows.map((row) => (Array.isArray(row) ? row : [row]));
  const columns = [...types, ...(needsTime ? ['timestamp'] : [])].map((type, place) => {
    const { column: packed } = column(type, lists.map((row) => row[place]));
    return packed;
  });
  slots.accumulate(lists.map((_, number) => number % parts), columns);
  const states = Array.from({ length: parts }, (_, part) => part);
  slots.restore(reducer.describe().signatures[0].stateVersion, states, slots.snapshot(states));
  slots.merge(Array.from({ length: parts - 1 }, () => 0), states.slice(1));
  const { column: result, failed } = slots.evaluate([0]);
  if (failed.length > 0) throw new Error(failed[0].why);
  const { valid, values: { val } } = result;
  if ((valid[0] & 1) === 0) return null;
  return result.values.tag === 'texts' ? textsOf(val) : result.values.tag === 'booleans' ? (val[0] & 1) === 1 : val[0];
}

const textsOf = (val) => values('text', { rows: 1, values: { tag: 'texts', val } })[0];
