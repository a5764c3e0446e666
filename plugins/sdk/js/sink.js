// A sink: makes requests of rows and says what the answers mean. The host sends the requests and keeps the order.

import { invalid, nullable, texts, told } from './columns.js';
import { fields, given } from './parameter.js';
import { shown } from './shown.js';
import { decode, encode } from './utf8.js';

/** The longest start of a body that explains a rejection, in characters. */
const WORDS_MAX = 200;

/** The receiver has it. */
export const delivered = { tag: 'delivered' };

/** Send it again, not before so many milliseconds; null = as the host's back-off says. */
export const retry = (afterMs = null) => ({ tag: 'retry', val: afterMs });

/** The receiver will never take it. */
export const rejected = (why) => ({ tag: 'rejected', val: why });

/** Rows that stand one behind the other and are of one window, as arrays, of `most` rows at most. */
export function byWindow(rows, most = Infinity) {
  const groups = [];
  let last;
  for (const row of rows) {
    const isSame = last !== undefined && String(last[0].window) === String(row.window);
    if (isSame && last.length < most) {
      last.push(row);
    } else {
      last = [row];
      groups.push(last);
    }
  }
  return groups;
}

/** The requests that a sink makes of rows, each with the number of rows that it carries: together all, in order. */
function carried(logic, rows) {
  if (logic.requests === undefined) return rows.map((row) => [checked(logic.request(row), 'request'), 1]);
  const due = 'give each request with the array of its rows, such as `[postJson(...), rows]`';
  const found = logic.requests(rows);
  if (typeof found?.[Symbol.iterator] !== 'function') throw new TypeError(`\`requests\` returned ${shown(found)}: ${due}`);
  const made = [];
  let at = 0;
  for (const item of found) {
    if (!Array.isArray(item) || item.length !== 2 || !Array.isArray(item[1])) throw new TypeError(`\`requests\` gave ${shown(item)}: ${due}`);
    const [request, of] = item;
    checked(request, 'requests');
    if (of.length === 0 || of.some((row, place) => row !== rows[at + place])) {
      throw new TypeError(`\`requests\`: request ${made.length + 1} does not carry the rows from row ${at + 1} of ${rows.length} on: `
        + 'each row goes into one request, in their order');
    }
    made.push([request, of.length]);
    at += of.length;
  }
  if (at < rows.length) {
    throw new TypeError(`\`requests\` left out the rows from row ${at + 1} of ${rows.length} on: each row goes into one request`);
  }
  return made;
}

function checked(request, method) {
  const isText = (value) => typeof value === 'string';
  const isRequest = request !== null && typeof request === 'object' && isText(request.url) && isText(request.method)
    && request.body instanceof Uint8Array && Array.isArray(request.headers)
    && request.headers.every((header) => isText(header?.name) && isText(header?.value));
  if (!isRequest) {
    throw new TypeError(`\`${method}\` gave ${shown(request)} where a request is due: postJson(...), or an object of method, url, headers `
      + 'and body');
  }
  return request;
}

/** What a sink says that an answer means, if it is an outcome. */
function judged(judge, response) {
  const outcome = judge(response);
  const { tag, val } = outcome ?? {};
  const isRight = tag === 'delivered' || (tag === 'rejected' && typeof val === 'string')
    || (tag === 'retry' && (val === null || (Number.isSafeInteger(val) && val >= 0)));
  if (!isRight) throw new TypeError(`\`judge\` returned ${shown(outcome)}: return delivered, retry(...) or rejected(...)`);
  return outcome;
}

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

/** A sink that makes requests of rows, as what the component exports. */
export function rowSink({ name, version = '0.1.0', docs, options = {}, open }) {
  class Encoder {
    static open(literals, { query, columns }) {
      const made = new Encoder();
      made.query = query;
      made.columns = columns;
      try {
        made.logic = open(given(options, literals), columns);
      } catch (thrown) {
        throw thrown?.tag === undefined ? invalid(thrown instanceof RangeError ? thrown.message : told(thrown)) : thrown;
      }
      if (typeof made.logic?.request !== 'function' && typeof made.logic?.requests !== 'function') {
        throw invalid('`open` of the sink gives no function `request(row)`, and none `requests(rows)`');
      }
      return made;
    }

    encode(deliveries) {
      try {
        const requests = carried(this.logic, rowsOf(this.query, this.columns, deliveries));
        return requests.map(([request, count]) => ({ message: { tag: 'http', val: request }, deliveries: count }));
      } catch (thrown) {
        throw thrown?.tag === undefined ? invalid(told(thrown)) : thrown;
      }
    }

    judge(request, response) {
      let outcome;
      try {
        const { logic } = this;
        outcome = judged(logic.judge === undefined ? judgeHttp : (answer) => logic.judge(answer), response);
      } catch (thrown) {
        outcome = rejected(`the sink cannot judge the answer: ${told(thrown)}`);
      }
      return Array.from({ length: request.deliveries }, () => outcome);
    }
  }
  const describe = () => ({ name, version, docs, options: fields(options) });
  return { columns: {}, sink: { Encoder, describe } };
}
