// node --test

import assert from 'node:assert';
import { test } from 'node:test';

import * as plugin from './plugin.js';
import { fold } from './vendor/streamgauge/index.js';

const near = (found, exact) => assert.ok(Math.abs(found - exact) < 1e-9, `${found} ${exact}`);

test('the mean of two and eight is four', () => {
  near(fold(plugin, {}, [2, null, 8]), 4);
  near(fold(plugin, {}, [2, 8], 2), 4);
  assert.equal(fold(plugin, {}, []), null);
});

test('an offset below zero is refused', () => {
  assert.throws(() => fold(plugin, { offset: -1 }, []), { val: '`offset` must be a number from 0 to 1000000' });
});
