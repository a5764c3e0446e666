// `{function}`: posts each row to a chat, as a JSON object with the field `text`.

import { TEXT, option, postJson, rowSink } from './vendor/streamgauge/index.js';

export const { columns, sink } = rowSink({
  name: '{function}',
  docs: 'One message a row in a chat',
  options: { url: option(TEXT, "where to: https://... or secret('NAME')") },
  // Answers are judged as HTTP says: 2xx is delivered, 429 and 5xx are tried again, all others are rejected. A function `judge(response)`
  // beside `request` would do it otherwise, and `requests(rows)` in its place makes one request of several rows.
  open: ({ url }) => ({
    request(row) {
      const text = row.texts().map(([column, value]) => `${column} ${value}`).join(', ');
      return postJson(url, { text });
    },
  }),
});
