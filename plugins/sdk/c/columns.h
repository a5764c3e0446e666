// The types of SQL: as columns of arguments, as parameters, and as results.
#ifndef STREAMGAUGE_COLUMNS_H
#define STREAMGAUGE_COLUMNS_H

#include "streamgauge.h"

typedef exports_streamgauge_plugin_columns_column_t sg_column;
typedef exports_streamgauge_plugin_columns_values_t sg_values;
typedef exports_streamgauge_plugin_columns_literal_t sg_literal;

typedef bool sg_value_BOOLEAN;
typedef int64_t sg_value_BIGINT;
typedef double sg_value_DOUBLE;
// Microseconds since 1970-01-01T00:00:00Z.
typedef int64_t sg_value_TIMESTAMP;
typedef int64_t sg_value_EVENT_TIME;
typedef Text sg_value_TEXT;

#define SG_TYPE_BOOLEAN EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_DATA_TYPE_BOOLEAN
#define SG_TYPE_BIGINT EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_DATA_TYPE_INT64
#define SG_TYPE_DOUBLE EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_DATA_TYPE_FLOAT64
#define SG_TYPE_TIMESTAMP EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_DATA_TYPE_TIMESTAMP
#define SG_TYPE_TEXT EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_DATA_TYPE_TEXT
// No type of SQL: the host gives it without being asked by the call.
#define SG_TYPE_EVENT_TIME 255

#define SG_VALUES_BOOLEAN EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_BOOLEANS
#define SG_VALUES_BIGINT EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_INT64S
#define SG_VALUES_DOUBLE EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_FLOAT64S
#define SG_VALUES_TIMESTAMP EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_TIMESTAMPS
#define SG_VALUES_EVENT_TIME EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_TIMESTAMPS
#define SG_VALUES_TEXT EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_TEXTS

// Columns of arguments: `sg_at_TYPE` is a row's value.
#define SG_COLUMN(type, name) sg_column_##type name;
#define SG_AT(type, name) .name = sg_at_##type(&columns->name, at),

typedef const uint8_t *sg_column_BOOLEAN;
typedef const int64_t *sg_column_BIGINT;
typedef const double *sg_column_DOUBLE;
typedef const int64_t *sg_column_TIMESTAMP;
typedef const int64_t *sg_column_EVENT_TIME;
typedef struct {
  const uint32_t *ends;
  const char *bytes;
} sg_column_TEXT;

#define SG_COLUMN_OF(TYPE, list)                                                                                \
  SG_MAYBE_UNUSED static void sg_column_of_##TYPE(const sg_values *values, sg_column_##TYPE *column) { *column = values->val.list.ptr; } \
  SG_MAYBE_UNUSED static inline sg_value_##TYPE sg_at_##TYPE(const sg_column_##TYPE *column, size_t at) { return (*column)[at]; }

SG_COLUMN_OF(BIGINT, int64s)
SG_COLUMN_OF(DOUBLE, float64s)
SG_COLUMN_OF(TIMESTAMP, timestamps)
SG_COLUMN_OF(EVENT_TIME, timestamps)

SG_MAYBE_UNUSED static void sg_column_of_BOOLEAN(const sg_values *values, sg_column_BOOLEAN *column) {
  *column = values->val.booleans.ptr;
}
SG_MAYBE_UNUSED static inline bool sg_at_BOOLEAN(const sg_column_BOOLEAN *column, size_t at) {
  return (*column)[at / 8] >> at % 8 & 1;
}
SG_MAYBE_UNUSED static void sg_column_of_TEXT(const sg_values *values, sg_column_TEXT *column) {
  *column = (sg_column_TEXT){values->val.texts.ends.ptr, (const char *)values->val.texts.bytes.ptr};
}
SG_MAYBE_UNUSED static inline Text sg_at_TEXT(const sg_column_TEXT *column, size_t at) {
  size_t start = at ? column->ends[at - 1] : 0;
  return (Text){column->bytes + start, column->ends[at] - start};
}

// The rows in which all arguments have a value; no bytes = all rows.
typedef struct {
  const uint8_t *bytes;
  size_t length;
  uint8_t *owned;
} sg_bitmap;

// Bits of 64 rows from `first` on; those past the last row are 0.
SG_MAYBE_UNUSED static inline uint64_t sg_bits(const sg_bitmap *bitmap, size_t first, size_t rows) {
  uint64_t bits = 0;
  size_t start = first / 8, bytes = bitmap->length - start < 8 ? bitmap->length - start : 8;
  if (start < bitmap->length) memcpy(&bits, bitmap->bytes + start, bytes);
  size_t left = rows - first;
  return left < 64 ? bits & (((uint64_t)1 << left) - 1) : bits;
}

// Whether a column is of a type and has as many rows as there should be. Its NULLs are left out of `valid`.
SG_MAYBE_UNUSED static bool sg_take(const sg_column *column, uint8_t type, size_t rows, sg_bitmap *valid) {
  if (column->values.tag != type || column->rows != rows) {
    fail("an argument is of another type, or has another number of rows");
    return false;
  }
  if (!column->valid.is_some) return true;
  const uint8_t *bytes = column->valid.val.ptr;
  size_t length = column->valid.val.len;
  if (!valid->bytes) {
    valid->bytes = bytes;
    valid->length = length;
    return true;
  }
  if (!valid->owned) {
    valid->owned = memcpy(sg_grow(NULL, valid->length), valid->bytes, valid->length);
    valid->bytes = valid->owned;
  }
  if (length < valid->length) valid->length = length;
  for (size_t i = 0; i < valid->length; i++) valid->owned[i] &= bytes[i];
  return true;
}

// Constants: how a default is described, and how one that is given is kept for the time of the call.
#define SG_LITERAL(TYPE, TAG, member)                                                                     \
  SG_MAYBE_UNUSED static void sg_literal_##TYPE(sg_literal *literal, sg_value_##TYPE value) {             \
    literal->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_LITERAL_##TAG;                                      \
    literal->val.member = value;                                                                          \
  }                                                                                                       \
  SG_MAYBE_UNUSED static void sg_given_##TYPE(const sg_literal *literal, const char *is_null, sg_value_##TYPE *value) { \
    if (literal->tag != EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_LITERAL_##TAG) return fail(is_null);           \
    *value = literal->val.member;                                                                         \
  }                                                                                                       \
  SG_MAYBE_UNUSED static void sg_forget_##TYPE(sg_value_##TYPE *value) { (void)value; }

SG_LITERAL(BOOLEAN, BOOLEAN, boolean)
SG_LITERAL(BIGINT, INT64, int64)
SG_LITERAL(DOUBLE, FLOAT64, float64)
SG_LITERAL(TIMESTAMP, TIMESTAMP, timestamp)

SG_MAYBE_UNUSED static void sg_literal_TEXT(sg_literal *literal, const char *value) {
  Buffer copy = {0};
  put(&copy, value);
  literal->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_LITERAL_TEXT;
  literal->val.text.ptr = (uint8_t *)copy.bytes;
  literal->val.text.len = copy.length;
}
SG_MAYBE_UNUSED static void sg_given_TEXT(const sg_literal *literal, const char *is_null, Text *value) {
  if (literal->tag != EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_LITERAL_TEXT) return fail(is_null);
  set_text(value, (Text){(const char *)literal->val.text.ptr, literal->val.text.len});
}
SG_MAYBE_UNUSED static void sg_forget_TEXT(Text *value) { free((void *)value->bytes); }

// Results, one a slot.
#define SG_RESULTS(TYPE, type, TAG, list)                                                                  \
  typedef struct {                                                                                         \
    type *items;                                                                                           \
    size_t room;                                                                                           \
  } sg_results_##TYPE;                                                                                     \
  SG_MAYBE_UNUSED static void sg_append_##TYPE(sg_results_##TYPE *results, size_t at, type value) {        \
    if (at == results->room) {                                                                             \
      results->room = at ? 2 * at : 64;                                                                    \
      results->items = sg_grow(results->items, results->room * sizeof value);                              \
    }                                                                                                      \
    results->items[at] = value;                                                                            \
  }                                                                                                        \
  SG_MAYBE_UNUSED static void sg_give_##TYPE(sg_results_##TYPE *results, size_t count, sg_values *values) { \
    values->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_##TAG;                                         \
    values->val.list.ptr = results->items;                                                                 \
    values->val.list.len = count;                                                                          \
  }

SG_RESULTS(BIGINT, int64_t, INT64S, int64s)
SG_RESULTS(DOUBLE, double, FLOAT64S, float64s)
SG_RESULTS(TIMESTAMP, int64_t, TIMESTAMPS, timestamps)

typedef Buffer sg_results_BOOLEAN;
SG_MAYBE_UNUSED static void sg_append_BOOLEAN(Buffer *results, size_t at, bool value) {
  if (at % 8 == 0) put_bytes(results, "", 1);
  results->bytes[at / 8] |= (char)(value << at % 8);
}
SG_MAYBE_UNUSED static void sg_give_BOOLEAN(Buffer *results, size_t count, sg_values *values) {
  (void)count;
  values->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_BOOLEANS;
  values->val.booleans.ptr = (uint8_t *)results->bytes;
  values->val.booleans.len = results->length;
}

typedef struct {
  Buffer ends, bytes;
} sg_results_TEXT;
SG_MAYBE_UNUSED static void sg_append_TEXT(sg_results_TEXT *results, size_t at, Text value) {
  (void)at;
  put_text(&results->bytes, value);
  uint32_t end = results->bytes.length;
  put_bytes(&results->ends, &end, sizeof end);
}
SG_MAYBE_UNUSED static void sg_give_TEXT(sg_results_TEXT *results, size_t count, sg_values *values) {
  values->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_VALUES_TEXTS;
  values->val.texts.ends.ptr = (uint32_t *)results->ends.bytes;
  values->val.texts.ends.len = count;
  values->val.texts.bytes.ptr = (uint8_t *)results->bytes.bytes;
  values->val.texts.bytes.len = results->bytes.length;
}

#endif
