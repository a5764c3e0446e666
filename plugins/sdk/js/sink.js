// A sink: makes requests of rows and says what the answers mean. The host sends the requests and keeps the order.

import { invalid, nullable, texts, told } from './columns.js';
import { fields, given } from './parameter.js';
import { decode, encode } from './utf8.js';

/** The longest start of a body that explains a rejection, in characters. */
const WORDS_MAX = 200;

/** The receiver has it. */
export const delivered = { tag: 'delivered' };

/** Send it again, not before so many milliseconds; null = as the host's back-off says. */
export const retry = (afterMs = null) => ({ tag: 'retry', val: afterMs });

/** The receiver will never take it. */
export const rejected = (why) => ({ tag: 'rejected', val: why });

/** A POST of a JSON text; the key goes along as `Idempotency-Key`. */
export function postJson(url, value, key) {
  const headers = [{ name: 'content-type', value: 'application/json' }];
  if (key !== undefined) headers.push({ name: 'idempotency-key', value: `"${key.replace(/[\\"]/g, '\\$&')}"` });
  return { method: 'POST', url, headers, body: encode(JSON.stringify(value)) };
}

/** 2xx is delivered; 429 and 503 ask for a retry, after `Retry-After` where it gives seconds; 408, 425 and the other 5xx ask for a
 * retry; everything else is final. */
export function judgeHttp({ status, headers, body }) {
  if (status >= 200 && status <= 299) return delivered;
  if (status === 429 || status === 503) {
    const seconds = (headers.find(({ name }) => name === 'retry-after')?.value ?? '').trim();
    return retry(/^[0-9]+$/.test(seconds) ? Math.min(Number(seconds) * 1000, Number.MAX_SAFE_INTEGER) : null);
  }
  if (status === 408 || status === 425 || (status >= 500 && status <= 599)) return retry();
  if (status >= 300 && status <= 399) {
    return rejected(`the receiver answered ${status}, and redirects are not followed: give the URL that it leads to`);
  }
  const words = startOf(body);
  return rejected(words === '' ? `the receiver answered ${status}` : `the receiver answered ${status}: ${words}`);
}

/** The start of a body in one line. */
function startOf(body) {
  // A text that is not UTF-8, or cut within a character, is shown by its ASCII.
  const start = body.subarray(0, 4 * WORDS_MAX);
  const text = decode(start) ?? Array.from(start, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : '?')).join('');
  const words = Array.from(text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim());
  return words.length > WORDS_MAX ? `${words.slice(0, WORDS_MAX).join('')}…` : words.join('');
}

/** A value as a text for people: times in UTC, numbers without needless digits. */
function textOf(type, value) {
  if (value === null) return 'NULL';
  if (type !== 'timestamp') return String(value);
  const date = new Date(Math.floor(value / 1000));
  return Number.isNaN(date.getTime()) ? `${value} µs` : date.toISOString().replace('.000Z', 'Z');
}

/** A row to deliver. */
class Row {
  constructor(query, columns, values, more) {
    this.query = query;
    this.columns = columns;
    this.values = values;
    Object.assign(this, more);
  }

  /** Names and values. */
  items() {
    return this.columns.map(({ name }, place) => [name, this.values[place]]);
  }

  /** Names and values as texts for people. */
  texts() {
    return this.columns.map(({ name, dataType }, place) => [name, textOf(dataType, this.values[place])]);
  }
}

function rowsOf(query, columns, { keys, content }) {
  if (content.tag !== 'rows') throw invalid('this sink takes rows, and no alerts');
  const { columns: packed, operations, revisions, windows } = content.val;
  const lists = columns.map(({ dataType }, place) => nullable(dataType, packed[place]));
  return texts(keys).map((key, number) => {
    const window = windows === null || windows === undefined ? null : [windows.starts[number], windows.ends[number]];
    const more = { key, operation: operations[number], revision: revisions[number], window };
    return new Row(query, columns, lists.map((list) => list[number]), more);
  });
}

/** A sink that makes one request a row, as what the component exports. */
export function rowSink({ name, version = '0.1.0', docs, options = {}, open }) {
  class Encoder {
    static open(literals, { query, columns }) {
      const made = new Encoder();
      made.query = query;
      made.columns = columns;
      try {
        made.logic = open(given(options, literals), columns);
      } catch (thrown) {
        throw thrown.tag === undefined ? invalid(thrown instanceof RangeError ? thrown.message : told(thrown)) : thrown;
      }
      return made;
    }

    encode(deliveries) {
      try {
        const requests = rowsOf(this.query, this.columns, deliveries).map((row) => this.logic.request(row));
        return requests.map((request) => ({ message: { tag: 'http', val: request }, deliveries: 1 }));
      } catch (thrown) {
        throw thrown.tag === undefined ? invalid(told(thrown)) : thrown;
      }
    }

    judge(request, response) {
      let outcome;
      try {
        outcome = (this.logic.judge ?? judgeHttp)(response);
      } catch (thrown) {
        outcome = rejected(`the sink cannot judge the answer: ${told(thrown)}`);
      }
      return Array.from({ length: request.deliveries }, () => outcome);
    }
  }
  const describe = () => ({ name, version, docs, options: fields(options) });
  return { columns: {}, sink: { Encoder, describe } };
}
