// Plugins for Streamgauge in JavaScript and TypeScript: `aggregate` makes an aggregate function, `rowSink` a sink.

export { aggregate, fold, overloads } from './aggregate.js';
export { parameter, parameter as option } from './parameter.js';
export { byWindow, delivered, judgeHttp, postJson, rejected, retry, rowSink } from './sink.js';
export {
  BIGINT, BOOLEAN, DOUBLE, EVENT_TIME, TEXT, TIMESTAMP, U32, U64, U8, list, map, optional, struct, tuple,
} from './stored.js';
