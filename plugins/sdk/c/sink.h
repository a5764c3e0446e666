// A sink: it makes a POST of each row, or of several. Its source says what it is by these macros, includes this file, and then defines
// a function:
//
//   #define NAME "chat"                                       the connector's name; a program gives it a name of its own
//   #define DOCS "..."                                        where it delivers to and how, in one line
//   #define OPTIONS(option) option(TEXT, url, "its docs")     what WITH takes: BOOLEAN, BIGINT, DOUBLE, TIMESTAMP, TEXT; a fourth argument
//                                                             is the default
//
//   static void request(Request *request, const Row *row, const Options *options);
//
// It sets request->url and puts the body, JSON, into request->body. The host sends it, again where it must. What an answer means is
// judge_by_status(), unless the source defines JUDGE as the name of another function of this type:
//
//   static Outcome judge(const Response *response, const Options *options);
//
// For one request of several rows the source defines REQUESTS as the name of a function, and no request():
//
//   static size_t requests(Request *request, const Row *row, size_t left, const Options *options);
//
// It makes one request of the first rows of those that are left, and gives their number: rows_of_window(row, left, 50) are at most 50 of the
// window of the first one, and row_behind(row, 1) is the next row. A call has rows of one window, or of none. A window of more than 8,192 rows
// comes in several calls. The outcome of an answer holds for all rows of the request.
//
// fail("why") refuses the batch. Texts that are given to put_...() are copied.
#ifndef STREAMGAUGE_SINK_H
#define STREAMGAUGE_SINK_H

#include <math.h>
#include <stdio.h>

#include "../bindings/sink_plugin.h"

#include "columns.h"

#ifndef VERSION
#define VERSION "0.1.0"
#endif
#ifndef OPTIONS
#define OPTIONS(option)
#endif

typedef exports_streamgauge_plugin_sink_schema_t sg_schema;
typedef exports_streamgauge_plugin_sink_rows_t sg_rows;
typedef sink_plugin_string_t sg_string;

#define SG_MEMBER(type, name, ...) sg_value_##type name;
#define SG_COUNT(...) +1

typedef struct {
  OPTIONS(SG_MEMBER)
} Options;

// A row, and the columns that it is of.
typedef struct {
  size_t columns;
  const sg_schema *schema;
  const sg_rows *rows;
  size_t number;
} Row;

// What is sent for a row.
typedef struct {
  Text url;
  Buffer body;
} Request;

// What came back.
typedef struct {
  int status;
  const exports_streamgauge_plugin_sink_response_t *whole;
} Response;

// What has become of a row: delivered() and the like make one.
typedef exports_streamgauge_plugin_sink_outcome_t Outcome;

#ifdef REQUESTS
static size_t REQUESTS(Request *request, const Row *row, size_t left, const Options *options);
#else
static void request(Request *request, const Row *row, const Options *options);
#define REQUESTS sg_one_row
static size_t sg_one_row(Request *made, const Row *row, size_t left, const Options *options) {
  (void)left;
  request(made, row, options);
  return 1;
}
#endif

// The row so many places behind another one.
SG_MAYBE_UNUSED static Row row_behind(const Row *row, size_t count) {
  Row behind = *row;
  behind.number += count;
  return behind;
}

// The start and end of the row's window, in microseconds since 1970; false = the query has no windows.
SG_MAYBE_UNUSED static bool row_window(const Row *row, int64_t *start, int64_t *end) {
  if (!row->rows->windows.is_some) return false;
  *start = row->rows->windows.val.starts.ptr[row->number];
  *end = row->rows->windows.val.ends.ptr[row->number];
  return true;
}

// How many rows from this one on are of its window: `most` at most, and no more than are left.
SG_MAYBE_UNUSED static size_t rows_of_window(const Row *row, size_t left, size_t most) {
  int64_t start = 0, end = 0;
  row_window(row, &start, &end);
  size_t count = 1;
  for (; count < left && count < most; count++) {
    Row behind = row_behind(row, count);
    int64_t other_start = 0, other_end = 0;
    row_window(&behind, &other_start, &other_end);
    if (other_start != start || other_end != end) break;
  }
  return count;
}

SG_MAYBE_UNUSED static Text sg_text(sg_string string) { return (Text){(const char *)string.ptr, string.len}; }

SG_MAYBE_UNUSED static sg_string sg_copy(Text from) {
  return (sg_string){from.length ? memcpy(sg_grow(NULL, from.length), from.bytes, from.length) : NULL, from.length};
}

SG_MAYBE_UNUSED static Text column_name(const Row *row, size_t column) { return sg_text(row->schema->columns.ptr[column].name); }

SG_MAYBE_UNUSED static bool is_null(const Row *row, size_t column) {
  const sg_column *values = &row->rows->columns.ptr[column];
  return values->valid.is_some && !(values->valid.val.ptr[row->number / 8] >> row->number % 8 & 1);
}

// A number with the fewest digits that give the same number again.
SG_MAYBE_UNUSED static void put_double(Buffer *to, double value) {
  char digits[32];
  if (isnan(value)) return put(to, "NaN");
  if (isinf(value)) return put(to, value < 0 ? "-Infinity" : "Infinity");
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  put(to, digits);
}

SG_MAYBE_UNUSED static void put_bigint(Buffer *to, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  put(to, digits);
}

// As in rows: 2026-01-01T00:00:00.000Z.
SG_MAYBE_UNUSED static void put_timestamp(Buffer *to, int64_t micros) {
  int64_t day = micros / 86400000000, rest = micros % 86400000000;
  if (rest < 0) day--, rest += 86400000000;
  // Days from 0000-03-01 on, in eras of 400 years (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  day += 719468;
  int64_t era = (day >= 0 ? day : day - 146096) / 146097, of_era = day - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  int64_t date = of_year - (153 * month + 2) / 5 + 1;
  month += month < 10 ? 3 : -9;
  year += era * 400 + (month <= 2);
  int64_t millis = rest / 1000;
  char text[64];
  snprintf(text, sizeof text, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, (int)month, (int)date, (int)(millis / 3600000),
           (int)(millis / 60000 % 60), (int)(millis / 1000 % 60), (int)(millis % 1000));
  put(to, text);
}

// A value as people read it; NULL is NULL.
SG_MAYBE_UNUSED static void put_value(Buffer *to, const Row *row, size_t column) {
  const sg_values *values = &row->rows->columns.ptr[column].values;
  if (is_null(row, column)) return put(to, "NULL");
  switch (values->tag) {
    case SG_VALUES_BOOLEAN: return put(to, sg_at_BOOLEAN(&(sg_column_BOOLEAN){values->val.booleans.ptr}, row->number) ? "true" : "false");
    case SG_VALUES_BIGINT: return put_bigint(to, values->val.int64s.ptr[row->number]);
    case SG_VALUES_DOUBLE: return put_double(to, values->val.float64s.ptr[row->number]);
    case SG_VALUES_TIMESTAMP: return put_timestamp(to, values->val.timestamps.ptr[row->number]);
  }
  sg_column_TEXT texts;
  sg_column_of_TEXT(values, &texts);
  put_text(to, sg_at_TEXT(&texts, row->number));
}

// A text as JSON, in quotes.
SG_MAYBE_UNUSED static void put_json(Buffer *to, Text text) {
  put(to, "\"");
  for (size_t i = 0; i < text.length; i++) {
    unsigned char byte = (unsigned char)text.bytes[i];
    char escaped[8] = {'\\', (char)byte, 0};
    if (byte < 0x20) snprintf(escaped, sizeof escaped, "\\u%04x", byte);
    if (byte < 0x20 || byte == '"' || byte == '\\') put(to, escaped);
    else put_bytes(to, &byte, 1);
  }
  put(to, "\"");
}

SG_MAYBE_UNUSED static Text text_of_buffer(const Buffer *buffer) { return (Text){buffer->bytes, buffer->length}; }

SG_MAYBE_UNUSED static Outcome delivered(void) { return (Outcome){.tag = EXPORTS_STREAMGAUGE_PLUGIN_SINK_OUTCOME_DELIVERED}; }

// Again, not before so many milliseconds; 0 = as the host says.
SG_MAYBE_UNUSED static Outcome retry(uint64_t after_ms) {
  Outcome outcome = {.tag = EXPORTS_STREAMGAUGE_PLUGIN_SINK_OUTCOME_RETRY};
  outcome.val.retry.is_some = after_ms != 0;
  outcome.val.retry.val = after_ms;
  return outcome;
}

// It will never be taken: lower case, no full stop.
SG_MAYBE_UNUSED static Outcome rejected(Text why) {
  Outcome outcome = {.tag = EXPORTS_STREAMGAUGE_PLUGIN_SINK_OUTCOME_REJECTED};
  outcome.val.rejected = sg_copy(why);
  return outcome;
}

// A header of the answer, whose name is in lower case; empty = there is none.
SG_MAYBE_UNUSED static Text header(const Response *response, const char *name) {
  for (size_t i = 0; i < response->whole->headers.len; i++)
    if (compare_texts(sg_text(response->whole->headers.ptr[i].name), text_of(name)) == 0)
      return sg_text(response->whole->headers.ptr[i].value);
  return (Text){NULL, 0};
}

// 2xx is delivered; 408, 425, 429 and 5xx are tried again, after the seconds of `retry-after` where it gives some; others are rejected.
SG_MAYBE_UNUSED static Outcome judge_by_status(const Response *response, const Options *options) {
  (void)options;
  int status = response->status;
  if (status >= 200 && status <= 299) return delivered();
  if (status == 429 || status == 503) {
    Text after = header(response, "retry-after");
    uint64_t seconds = 0;
    for (size_t i = 0; i < after.length; i++) {
      if (after.bytes[i] < '0' || after.bytes[i] > '9' || seconds > 1000000000) return retry(0);
      seconds = 10 * seconds + (uint64_t)(after.bytes[i] - '0');
    }
    return retry(1000 * seconds);
  }
  if (status == 408 || status == 425 || (status >= 500 && status <= 599)) return retry(0);
  char why[48];
  snprintf(why, sizeof why, "the receiver answered %d", status);
  return rejected(text_of(why));
}

#ifdef JUDGE
static Outcome JUDGE(const Response *response, const Options *options);
#else
#define JUDGE judge_by_status
#endif

// What one query delivers to one sink.
struct exports_streamgauge_plugin_sink_encoder_t {
  Options options;
  sg_schema schema;
};
typedef exports_streamgauge_plugin_sink_encoder_t sg_self;

static bool sg_succeeds(exports_streamgauge_plugin_sink_error_t *error) {
  char *why = sg_take_failure();
  if (!why) return true;
  error->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_ERROR_INVALID;
  error->val.invalid = (sg_string){(uint8_t *)why, strlen(why)};
  return false;
}

#define SG_DESCRIBE(type, parameter, text, ...)                     \
  sink_plugin_string_dup(&field->name, #parameter);                 \
  sink_plugin_string_dup(&field->docs, text);                       \
  field->data_type = SG_TYPE_##type;                                \
  __VA_OPT__(field->default_.is_some = true;                        \
             sg_literal_##type(&field->default_.val, __VA_ARGS__);) \
  field++;

void exports_streamgauge_plugin_sink_describe(exports_streamgauge_plugin_sink_descriptor_t *described) {
  sink_plugin_string_dup(&described->name, NAME);
  sink_plugin_string_dup(&described->version, VERSION);
  sink_plugin_string_dup(&described->docs, DOCS);
  exports_streamgauge_plugin_columns_field_t *field = sg_zeros(0 OPTIONS(SG_COUNT), sizeof *field);
  described->options.ptr = field;
  described->options.len = 0 OPTIONS(SG_COUNT);
  OPTIONS(SG_DESCRIBE)
}

#define SG_FORGET(type, name, ...) sg_forget_##type(&self->options.name);
#define SG_GIVEN(type, name, ...) sg_given_##type(&given->ptr[at++], "write " #name " = ... in WITH: it must not be NULL", &self->options.name);

bool exports_streamgauge_plugin_sink_static_encoder_open(exports_streamgauge_plugin_sink_list_literal_t *given, sg_schema *schema,
                                                         exports_streamgauge_plugin_sink_own_encoder_t *opened,
                                                         exports_streamgauge_plugin_sink_error_t *error) {
  sg_self *self = sg_zeros(1, sizeof *self);
  size_t at = 0;
  if (given->len != 0 OPTIONS(SG_COUNT)) {
    fail("there is another number of options");
  } else {
    OPTIONS(SG_GIVEN)
  }
  (void)at;
  exports_streamgauge_plugin_sink_list_literal_free(given);
  // It is kept for as long as the encoder is there.
  self->schema = *schema;
  if (sg_succeeds(error)) {
    *opened = exports_streamgauge_plugin_sink_encoder_new(self);
    return true;
  }
  exports_streamgauge_plugin_sink_encoder_destructor(self);
  return false;
}

void exports_streamgauge_plugin_sink_encoder_destructor(sg_self *self) {
  exports_streamgauge_plugin_sink_schema_free(&self->schema);
  OPTIONS(SG_FORGET)
  free(self);
}

static void sg_header(exports_streamgauge_plugin_sink_list_pair_t *headers, const char *name, Text value) {
  headers->ptr = sg_grow(headers->ptr, (headers->len + 1) * sizeof *headers->ptr);
  headers->ptr[headers->len++] = (exports_streamgauge_plugin_sink_pair_t){sg_copy(text_of(name)), sg_copy(value)};
}

// The request of a row or several, with the idempotency key of the first as a string of a structured header (RFC 8941). It gives their number.
static size_t sg_encode(const sg_self *self, const Row *row, size_t left, Text key, exports_streamgauge_plugin_sink_request_t *encoded) {
  Request made = {0};
  size_t carried = REQUESTS(&made, row, left, &self->options);
  if (carried < 1 || carried > left) {
    fail("a request carries another number of rows than there are: it carries one at least, and at most those that are left");
    carried = left;
  }
  memset(encoded, 0, sizeof *encoded);
  encoded->deliveries = (uint32_t)carried;
  encoded->message.tag = EXPORTS_STREAMGAUGE_PLUGIN_SINK_MESSAGE_HTTP;
  exports_streamgauge_plugin_sink_http_request_t *http = &encoded->message.val.http;
  http->method = sg_copy(text_of("POST"));
  http->url = sg_copy(made.url);
  sg_header(&http->headers, "content-type", text_of("application/json"));
  Buffer quoted = {0};
  put_json(&quoted, key);
  sg_header(&http->headers, "idempotency-key", text_of_buffer(&quoted));
  free(quoted.bytes);
  http->body.ptr = (uint8_t *)made.body.bytes;
  http->body.len = made.body.length;
  return carried;
}

bool exports_streamgauge_plugin_sink_method_encoder_encode(sg_self *self, exports_streamgauge_plugin_sink_deliveries_t *deliveries,
                                                           exports_streamgauge_plugin_sink_list_request_t *requests,
                                                           exports_streamgauge_plugin_sink_error_t *error) {
  if (deliveries->content.tag != EXPORTS_STREAMGAUGE_PLUGIN_SINK_CONTENT_ROWS) fail("takes rows, no alerts");
  size_t count = sg_failure ? 0 : deliveries->sequences.len;
  *requests = (exports_streamgauge_plugin_sink_list_request_t){sg_zeros(count, sizeof *requests->ptr), 0};
  const sg_rows *rows = &deliveries->content.val.rows;
  sg_column_TEXT keys = {deliveries->keys.ends.ptr, (const char *)deliveries->keys.bytes.ptr};
  for (size_t number = 0; number < count;) {
    Row row = {self->schema.columns.len, &self->schema, rows, number};
    number += sg_encode(self, &row, count - number, sg_at_TEXT(&keys, number), &requests->ptr[requests->len++]);
  }
  exports_streamgauge_plugin_sink_deliveries_free(deliveries);
  if (sg_succeeds(error)) return true;
  exports_streamgauge_plugin_sink_list_request_free(requests);
  return false;
}

void exports_streamgauge_plugin_sink_method_encoder_judge(sg_self *self, exports_streamgauge_plugin_sink_request_t *given,
                                                          exports_streamgauge_plugin_sink_response_t *answer,
                                                          exports_streamgauge_plugin_sink_list_outcome_t *outcomes) {
  Response response = {answer->status, answer};
  size_t count = given->deliveries;
  *outcomes = (exports_streamgauge_plugin_sink_list_outcome_t){sg_zeros(count, sizeof *outcomes->ptr), count};
  for (size_t i = 0; i < count; i++) outcomes->ptr[i] = JUDGE(&response, &self->options);
  free(sg_take_failure());
  exports_streamgauge_plugin_sink_request_free(given);
  exports_streamgauge_plugin_sink_response_free(answer);
}

#endif
