// node --test

import assert from 'node:assert';
import { test } from 'node:test';

import { sink } from './plugin.js';
import { Buffer } from 'node:buffer';

const bytes = (text) => new Uint8Array(Buffer.from(text));
const columns = [{ name: 'model', dataType: 'text' }, { name: 'mean', dataType: 'float64' }];
const open = () => sink.Encoder.open([{ tag: 'text', val: 'https://chat.example.com/hook' }], { query: 'latency', columns });

test('a row is a message', () => {
  const rows = {
    columns: [
      { rows: 1, values: { tag: 'texts', val: { ends: [9], bytes: bytes('large "x"') } }, valid: null },
      { rows: 1, values: { tag: 'float64s', val: [400] }, valid: null },
    ],
    operations: ['insert'], revisions: [0], windows: null,
  };
  const keys = { ends: [5], bytes: bytes('key-1') };
  const [request] = open().encode({ keys, sequences: [1], content: { tag: 'rows', val: rows } });
  assert.equal(Buffer.from(request.message.val.body).toString(), '{"text":"model large \\"x\\", mean 400"}');
});

test('an answer is judged as HTTP says', () => {
  const judge = (status, headers, body) => open().judge({ deliveries: 1 }, { status, headers, body: bytes(body) })[0];
  assert.deepEqual(judge(204, [], ''), { tag: 'delivered' });
  assert.deepEqual(judge(429, [{ name: 'retry-after', value: '7' }], ''), { tag: 'retry', val: 7000 });
  assert.deepEqual(judge(404, [], 'no_service\n'), { tag: 'rejected', val: 'the receiver answered 404: no_service' });
});
