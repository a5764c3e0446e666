// The types of the kit: what an author writes is checked against the types of its columns, parameters and state.

declare const value: unique symbol;

/** A type of a state. */
export interface Stored<T> {
  readonly [value]?: T;
}
/** A type of columns, parameters and results, which a state may have, too. */
export interface Sql<T> extends Stored<T> {
  readonly sql: string;
}

export declare const BOOLEAN: Sql<boolean>;
/** A whole number that is exact to 2^53; a greater one is refused with an error. */
export declare const BIGINT: Sql<number>;
export declare const DOUBLE: Sql<number>;
/** Microseconds since 1970-01-01T00:00:00Z. */
export declare const TIMESTAMP: Sql<number>;
export declare const TEXT: Sql<string>;
/** The event time of a row, which is never NULL: the last column of `row`. */
export declare const EVENT_TIME: Sql<number>;
export declare const U8: Stored<number>;
export declare const U32: Stored<number>;
export declare const U64: Stored<number>;

type Of<T> = T extends Stored<infer V> ? V : never;
type Struct<F> = { -readonly [K in keyof F]: Of<F[K]> };

export declare function optional<T>(part: Stored<T>): Stored<T | null>;
export declare function list<T>(part: Stored<T>): Stored<T[]>;
export declare function map<K extends string | number | boolean, V>(key: Stored<K>, value: Stored<V>): Stored<Map<K, V>>;
export declare function tuple<P extends readonly Stored<unknown>[]>(...parts: P): Stored<Struct<P>>;
export declare function struct<F extends Record<string, Stored<unknown>>>(fields: F): Stored<Struct<F>>;

/** A named constant of a call, or of a sink's WITH. */
export interface Parameter<T> extends Stored<T> {
  readonly docs: string;
}
export interface Bounds<T> {
  /** The value where a call gives none. */
  or?: T;
  within?: readonly [number, number];
  above?: number;
}
export declare function parameter<T>(type: Sql<T>, docs: string, bounds?: Bounds<T>): Parameter<T>;
export declare function option<T>(type: Sql<T>, docs: string, bounds?: Bounds<T>): Parameter<T>;

type Named<T> = Record<string, Stored<T>>;

/** An aggregate function. Rows of which a column is NULL are left out, and a state without rows is its initial one. */
export interface Aggregate<R extends readonly Sql<any>[], S extends Named<any>, P extends Record<string, Parameter<any>>, V> {
  /** What it calls itself; a program gives it a name of its own. */
  name: string;
  version?: string;
  /** What it computes, in one line. */
  docs: string;
  /** The largest difference between two orders of merging, relative to the values; 0 = bit for bit. Sums of DOUBLE need one. */
  tolerance?: number;
  /** The version of the bytes of a state. Another one whenever the type of the state, or what it means, changes. */
  stateVersion?: number;
  /** The columns. */
  row: readonly [...R];
  /** The type of the result. */
  returns: Sql<V>;
  parameters?: P;
  /** What is kept of the rows of one group and slice. Numbers begin as 0, texts, lists and maps empty, optionals as null. */
  state: S;
  /** Looks at the parameters of a call. A RangeError says what to write instead. */
  open(parameters: Struct<P>): {
    /** Adds one row: changes `state`. */
    add(state: Struct<S>, ...row: Struct<R>): void;
    /** Adds all rows of another state: changes `state`, returns nothing and leaves `other` as it is, which is merged elsewhere, too. */
    merge(state: Struct<S>, other: Struct<S>): void;
    /** The result; null is NULL. */
    value(state: Struct<S>): V | null;
  };
}

/** What the component exports. */
export interface ReducerPlugin {
  columns: object;
  reducer: { Accumulators: unknown; describe(): unknown };
}
export declare function aggregate<
  const R extends readonly Sql<any>[], S extends Named<any>, V, P extends Record<string, Parameter<any>> = {},
>(way: Aggregate<R, S, P, V>): ReducerPlugin;
/** The ways to call one function, which are told apart by their columns: each as for `aggregate`, which checks its types. */
export declare function overloads(...ways: Aggregate<any, any, any, any>[]): ReducerPlugin;
/** The value of rows: for tests. They go into so many states in turn, which are stored, restored and merged. */
export declare function fold(plugin: ReducerPlugin, parameters: Record<string, unknown>, rows: readonly unknown[], parts?: number): unknown;

/** A request of HTTP. `{option:NAME}` in the URL and in values of headers is filled in by the host. */
export interface Request {
  method: string;
  url: string;
  headers: { name: string; value: string }[];
  body: Uint8Array;
}
/** An answer; names of headers are in lower case. */
export interface Response {
  status: number;
  headers: { name: string; value: string }[];
  body: Uint8Array;
}
/** What has become of a delivery: see `delivered`, `retry` and `rejected`. */
export interface Outcome {
  tag: string;
}
/** A row to deliver. */
export interface Row {
  /** The name of the query. */
  query: string;
  columns: { name: string; dataType: string }[];
  /** One a column; null is NULL, a time is a number of microseconds. */
  values: (boolean | number | string | null)[];
  /** The idempotency key, the same after any crash. */
  key: string;
  operation: 'insert' | 'update' | 'delete';
  revision: number;
  /** The start and end of its window in microseconds; null where the query has no windows. */
  window: [number, number] | null;
  /** Names and values. */
  items(): [string, boolean | number | string | null][];
  /** Names and values as texts for people. */
  texts(): [string, string][];
}
export interface RowSink<P extends Record<string, Parameter<any>>> {
  name: string;
  version?: string;
  /** Where it delivers to and how, in one line. */
  docs: string;
  options?: P;
  /** Looks at the options and columns. A RangeError says what to write instead. */
  open(options: Struct<P>, columns: { name: string; dataType: string }[]): {
    /** The request that carries a row. */
    request?(row: Row): Request;
    /** In its place: the requests of a batch, each with the array of the rows that it carries, so that each row is in one of them, in order.
     *
     * A batch has rows of one window, or of none. A window of more than 8,192 rows comes in several batches, so in several requests. */
    requests?(rows: Row[]): Iterable<[Request, Row[]]>;
    /** What an answer means for all rows of its request; without it, what HTTP says: see `judgeHttp`. */
    judge?(response: Response): Outcome;
  };
}
/** Rows that stand one behind the other and are of one window, as arrays, of `most` rows at most. */
export declare function byWindow(rows: Row[], most?: number): Row[][];
export declare function rowSink<P extends Record<string, Parameter<any>> = {}>(sink: RowSink<P>): {
  columns: object;
  sink: { Encoder: unknown; describe(): unknown };
};
/** A POST of a JSON text; the key goes along as `Idempotency-Key`. */
export declare function postJson(url: string, value: unknown, key?: string): Request;
export declare function judgeHttp(response: Response): Outcome;
/** The receiver has it. */
export declare const delivered: Outcome;
/** Send it again, not before so many milliseconds; null = as the host's back-off says. */
export declare function retry(afterMs?: number | null): Outcome;
/** The receiver will never take it, and why: the row becomes a dead letter with that text. */
export declare function rejected(why: string): Outcome;
