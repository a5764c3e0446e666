// `{function}(x, offset)`: the geometric mean of the values, to each of which an offset is added: exp(sum(ln(x + offset)) / count) - offset.
// It is NaN where a value is below -offset, and 0 - offset where one is equal to it.

import { DOUBLE, U64, aggregate, parameter } from './vendor/streamgauge/index.js';

export const { columns, reducer } = aggregate({
  name: '{function}',
  docs: 'The geometric mean of the values',
  // Sums of doubles differ in their last bits where they are added in another order.
  tolerance: 1e-9,
  // One column of DOUBLE. Rows where it is NULL are left out.
  row: [DOUBLE],
  returns: DOUBLE,
  parameters: {
    offset: parameter(DOUBLE, 'is added to each value before its logarithm is taken', { or: 0, within: [0, 1e6] }),
  },
  // What is kept of the rows of one group in one slice of time. It begins with zeros.
  state: { count: U64, sum: DOUBLE },
  open: ({ offset }) => ({
    add(state, value) {
      state.count += 1;
      state.sum += Math.log(value + offset);
    },
    // Two rules: it changes `state`, and leaves `other` as it is, which is merged elsewhere, too.
    merge(state, other) {
      state.count += other.count;
      state.sum += other.sum;
    },
    // null is NULL.
    value: (state) => (state.count > 0 ? Math.exp(state.sum / state.count) - offset : null),
  }),
});
