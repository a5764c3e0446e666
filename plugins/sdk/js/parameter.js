// Named, typed constants: the parameters of an aggregate and the options of a sink.

import { invalid, isOfType, literal } from './columns.js';

const WORDS = {
  boolean: 'true or false',
  int64: 'a whole number',
  float64: 'a finite number',
  timestamp: 'a timestamp',
  text: 'a text',
};

/** A parameter: its type, what it is for, its value where a call gives none (`or`), and the numbers that it may be. */
export function parameter(type, docs, { or, within, above } = {}) {
  return { type, docs, or, within, above };
}

/** As the contract has them. */
export function fields(parameters) {
  return Object.entries(parameters).map(([name, { type, docs, or }]) => ({
    name,
    dataType: type.sql,
    docs,
    default: or === undefined ? null : literal(type.sql, or),
  }));
}

/** A bound in a message: 1e300. */
const plain = (bound) => String(bound).replace('e+', 'e');

function words({ type, within, above }) {
  const number = type.sql === 'int64' ? 'a whole number' : 'a number';
  if (within !== undefined) return `${number} from ${plain(within[0])} to ${plain(within[1])}`;
  return above === undefined ? WORDS[type.sql] : `${number} above ${plain(above)}`;
}

/** The values of a call by their names. One that does not fit is an error that says what to write. */
export function given(parameters, literals) {
  const entries = Object.entries(parameters);
  if (entries.length !== literals.length) throw invalid(`${entries.length} values are due, not ${literals.length}`);
  const found = {};
  entries.forEach(([name, parameter], place) => {
    const { type, within, above } = parameter;
    const { tag, val } = literals[place];
    const isOutside = (within !== undefined && !(val >= within[0] && val <= within[1])) || (above !== undefined && !(val > above));
    if (tag !== type.sql || !isOfType(type, val) || isOutside) throw invalid(`\`${name}\` must be ${words(parameter)}`);
    found[name] = val;
  });
  return found;
}
