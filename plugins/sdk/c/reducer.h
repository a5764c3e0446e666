// An aggregate function. Its source says what it is by these macros, includes this file, and then defines four functions:
//
//   #define NAME "geomean"                                    what it calls itself; a program gives it a name of its own
//   #define DOCS "..."                                        what it computes, in one line
//   #define ARGUMENTS(argument) argument(DOUBLE, x)           columns: BOOLEAN, BIGINT, DOUBLE, TIMESTAMP, TEXT; EVENT_TIME is the
//                                                             event time of the row and stands last
//   #define PARAMETERS(parameter) parameter(DOUBLE, offset, "its docs", 0.0)      constants of a call, with or without a default; optional
//   #define STATE(field) field(UINT64, count) field(DOUBLE, sum)                  UINT32 and UINT64, too; TEXT and DOUBLES grow
//   #define RESULT DOUBLE
//   #define TOLERANCE 1e-9                                    how far two orders of merging may be apart, relative to the values;
//                                                             sums of doubles need one; without it 0: bit for bit
//   #define STATE_VERSION 2                                   raise it when the state or its meaning changes; without it 1
//
//   static void add(State *state, const Row *row, const Parameters *parameters);
//   static void merge(State *state, const State *other, const Parameters *parameters);
//   static bool value(const State *state, const Parameters *parameters, Result *result);      false = NULL
//   static void check(const Parameters *parameters);                                          only where there are PARAMETERS
//
// A new state has all bits zero. Rows of which an argument is NULL are left out. Texts of a row are only there during the call:
// set_text() keeps a copy in a state. fail("why") in `check` refuses the call, in `add` the row, in `value` the group.
#include "stored.h"

#include "../bindings/reducer_plugin.h"

#ifndef VERSION
#define VERSION "0.1.0"
#endif
#ifndef TOLERANCE
#define TOLERANCE 0
#endif
#ifndef STATE_VERSION
#define STATE_VERSION 1
#endif
#ifndef ARGUMENTS
#define ARGUMENTS(argument)
#endif
#ifndef PARAMETERS
#define PARAMETERS(parameter)
#define SG_NO_PARAMETERS
#endif

#include "columns.h"

#define SG_FIELD(type, name) sg_field_##type name;
#define SG_MEMBER(type, name, ...) sg_value_##type name;

typedef struct {
  STATE(SG_FIELD)
} State;
typedef struct {
  ARGUMENTS(SG_MEMBER)
} Row;
typedef struct {
  PARAMETERS(SG_MEMBER)
} Parameters;
typedef SG_PASTE(sg_value_, RESULT) Result;

static void add(State *, const Row *, const Parameters *);
static void merge(State *, const State *, const Parameters *);
static bool value(const State *, const Parameters *, Result *);
#ifdef SG_NO_PARAMETERS
static void check(const Parameters *parameters) { (void)parameters; }
#else
static void check(const Parameters *);
#endif

// States of one call of the function, by slot.
struct exports_streamgauge_plugin_reducer_accumulators_t {
  Parameters parameters;
  size_t length;
  State *states;
};
typedef exports_streamgauge_plugin_reducer_accumulators_t sg_self;
typedef reducer_plugin_list_u32_t sg_slots;

#define SG_STORE(type, name) sg_store_##type(to, &state->name);
#define SG_LOAD(type, name) &&sg_load_##type(&from, &state->name)
#define SG_DROP(type, name) sg_drop_##type(&state->name);
#define SG_MOST(type, name) +SG_MOST_##type
#define SG_GROWS(type, name) || !SG_MOST_##type

SG_MAYBE_UNUSED static void sg_store(Buffer *to, const State *state) { STATE(SG_STORE) }

static bool sg_load(const uint8_t *at, size_t length, State *state) {
  sg_reader from = {at, at + length};
  return true STATE(SG_LOAD) && from.at == from.end;
}

static void sg_drop(State *state) { STATE(SG_DROP) }

// Makes sure that the slots exist.
static void sg_reach(sg_self *self, const sg_slots *slots) {
  size_t length = self->length;
  for (size_t i = 0; i < slots->len; i++)
    if (slots->ptr[i] >= length) length = (size_t)slots->ptr[i] + 1;
  if (length == self->length) return;
  if (length < 2 * self->length) length = 2 * self->length;
  self->states = sg_grow(self->states, length * sizeof(State));
  memset(self->states + self->length, 0, (length - self->length) * sizeof(State));
  self->length = length;
}

static const State *sg_state(const sg_self *self, uint32_t slot) {
  static const State empty;
  return slot < self->length ? &self->states[slot] : &empty;
}

// Gives the failure, if there is one, as the error of a call.
static bool sg_succeeds(exports_streamgauge_plugin_columns_error_t *error, uint8_t tag) {
  char *why = sg_take_failure();
  if (!why) return true;
  error->tag = tag;
  error->val.invalid = (reducer_plugin_string_t){(uint8_t *)why, strlen(why)};
  return false;
}

#define SG_TYPE(type, ...) SG_TYPE_##type,
#define SG_IS_TIME(type, name) || SG_TYPE_##type == SG_TYPE_EVENT_TIME
#define SG_COUNT(...) +1
#define SG_DESCRIBE(type, parameter, text, ...)                                   \
  reducer_plugin_string_dup(&field->name, #parameter);                            \
  reducer_plugin_string_dup(&field->docs, text);                                  \
  field->data_type = SG_TYPE_##type;                                              \
  __VA_OPT__(field->default_.is_some = true;                                      \
             sg_literal_##type(&field->default_.val, __VA_ARGS__);)               \
  field++;

void exports_streamgauge_plugin_reducer_describe(exports_streamgauge_plugin_reducer_descriptor_t *described) {
  reducer_plugin_string_dup(&described->name, NAME);
  reducer_plugin_string_dup(&described->version, VERSION);
  reducer_plugin_string_dup(&described->docs, DOCS);
  exports_streamgauge_plugin_reducer_signature_t *signature = sg_zeros(1, sizeof *signature);
  described->signatures.ptr = signature;
  described->signatures.len = 1;
  const uint8_t types[] = {ARGUMENTS(SG_TYPE) SG_TYPE_EVENT_TIME};
  signature->arguments.ptr = sg_zeros(1, sizeof types);
  while (types[signature->arguments.len] != SG_TYPE_EVENT_TIME) {
    signature->arguments.ptr[signature->arguments.len] = types[signature->arguments.len];
    signature->arguments.len++;
  }
  exports_streamgauge_plugin_columns_field_t *field = sg_zeros(0 PARAMETERS(SG_COUNT), sizeof *field);
  signature->parameters.ptr = field;
  signature->parameters.len = 0 PARAMETERS(SG_COUNT);
  PARAMETERS(SG_DESCRIBE)
  signature->returns = SG_PASTE(SG_TYPE_, RESULT);
  signature->needs_time = false ARGUMENTS(SG_IS_TIME);
  signature->tolerance = TOLERANCE;
  signature->state_version = STATE_VERSION;
  size_t most = 0 STATE(SG_MOST);
  bool grows = false STATE(SG_GROWS);
  signature->state.tag = grows ? EXPORTS_STREAMGAUGE_PLUGIN_REDUCER_STATE_SIZE_GROWING
                               : EXPORTS_STREAMGAUGE_PLUGIN_REDUCER_STATE_SIZE_BOUNDED;
  if (!grows) signature->state.val.bounded = most > sizeof(State) ? most : sizeof(State);
}

#define SG_FORGET(type, name, ...) sg_forget_##type(&self->parameters.name);
#define SG_GIVEN(type, name, ...) sg_given_##type(&given->ptr[at++], "`" #name "` must not be NULL", &self->parameters.name);

bool exports_streamgauge_plugin_reducer_static_accumulators_open(
    uint32_t signature, exports_streamgauge_plugin_reducer_list_literal_t *given,
    exports_streamgauge_plugin_reducer_own_accumulators_t *opened, exports_streamgauge_plugin_reducer_error_t *error) {
  sg_self *self = sg_zeros(1, sizeof *self);
  size_t at = 0;
  if (signature != 0 || given->len != 0 PARAMETERS(SG_COUNT)) {
    fail("there is no such signature, or it has another number of parameters");
  } else {
    PARAMETERS(SG_GIVEN)
    if (!sg_failure) check(&self->parameters);
  }
  (void)at;
  exports_streamgauge_plugin_reducer_list_literal_free(given);
  if (sg_succeeds(error, EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_ERROR_INVALID)) {
    *opened = exports_streamgauge_plugin_reducer_accumulators_new(self);
    return true;
  }
  exports_streamgauge_plugin_reducer_accumulators_destructor(self);
  return false;
}

void exports_streamgauge_plugin_reducer_accumulators_destructor(sg_self *self) {
  for (size_t i = 0; i < self->length; i++) sg_drop(&self->states[i]);
  free(self->states);
  PARAMETERS(SG_FORGET)
  free(self);
}

// The arguments of a batch.
typedef struct {
  ARGUMENTS(SG_COLUMN)
} sg_columns;

static inline void sg_add(sg_self *self, const uint32_t *slots, const sg_columns *columns, size_t at) {
  const Row row = {ARGUMENTS(SG_AT)};
  (void)columns;
  add(&self->states[slots[at]], &row, &self->parameters);
}

// All rows, or those that a bitmap names: 64 rows at a time, so that a bitmap without zeros costs nothing a row.
static void sg_add_all(sg_self *self, const sg_slots *slots, const sg_columns *columns, const sg_bitmap *valid) {
  size_t rows = slots->len;
  if (!valid->bytes) {
    for (size_t row = 0; row < rows; row++) sg_add(self, slots->ptr, columns, row);
    return;
  }
  for (size_t first = 0; first < rows; first += 64) {
    uint64_t bits = sg_bits(valid, first, rows);
    if (bits == UINT64_MAX) {
      for (size_t row = first; row < first + 64; row++) sg_add(self, slots->ptr, columns, row);
      continue;
    }
    for (; bits; bits &= bits - 1) sg_add(self, slots->ptr, columns, first + (size_t)__builtin_ctzll(bits));
  }
}

#define SG_TAKE(type, name)                                                               \
  if (at < arguments->len && sg_take(&arguments->ptr[at], SG_VALUES_##type, rows, &valid)) \
    sg_column_of_##type(&arguments->ptr[at].values, &columns.name);                       \
  at++;

bool exports_streamgauge_plugin_reducer_method_accumulators_accumulate(
    sg_self *self, sg_slots *slots, exports_streamgauge_plugin_reducer_list_column_t *arguments,
    exports_streamgauge_plugin_reducer_error_t *error) {
  sg_columns columns;
  sg_bitmap valid = {0};
  size_t at = 0, rows = slots->len;
  (void)rows;
  if (arguments->len != 0 ARGUMENTS(SG_COUNT)) fail("the call has another number of arguments");
  ARGUMENTS(SG_TAKE)
  (void)at;
  if (!sg_failure) {
    sg_reach(self, slots);
    sg_add_all(self, slots, &columns, &valid);
  }
  free(valid.owned);
  sg_free(slots->ptr, slots->len);
  exports_streamgauge_plugin_reducer_list_column_free(arguments);
  return sg_succeeds(error, EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_ERROR_INVALID);
}

void exports_streamgauge_plugin_reducer_method_accumulators_merge(sg_self *self, sg_slots *into, sg_slots *source) {
  sg_reach(self, into);
  for (size_t i = 0; i < into->len; i++)
    merge(&self->states[into->ptr[i]], sg_state(self, source->ptr[i]), &self->parameters);
  sg_free(into->ptr, into->len);
  sg_free(source->ptr, source->len);
}

void exports_streamgauge_plugin_reducer_method_accumulators_evaluate(
    sg_self *self, sg_slots *slots, exports_streamgauge_plugin_reducer_evaluated_t *evaluated) {
  size_t rows = slots->len;
  memset(evaluated, 0, sizeof *evaluated);
  SG_PASTE(sg_results_, RESULT) results = {0};
  uint8_t *valid = sg_zeros((rows + 7) / 8, 1);
  for (size_t at = 0; at < rows; at++) {
    Result found = {0};
    bool is_value = value(sg_state(self, slots->ptr[at]), &self->parameters, &found);
    char *why = sg_take_failure();
    if (why) {
      evaluated->failed.ptr = sg_grow(evaluated->failed.ptr, (evaluated->failed.len + 1) * sizeof *evaluated->failed.ptr);
      exports_streamgauge_plugin_columns_failed_row_t *failed = &evaluated->failed.ptr[evaluated->failed.len++];
      failed->row = at;
      failed->why = (reducer_plugin_string_t){(uint8_t *)why, strlen(why)};
      is_value = false;
    }
    if (is_value) valid[at / 8] |= (uint8_t)(1 << at % 8);
    if (!is_value) found = (Result){0};
    SG_PASTE(sg_append_, RESULT)(&results, at, found);
  }
  evaluated->column.rows = rows;
  SG_PASTE(sg_give_, RESULT)(&results, rows, &evaluated->column.values);
  evaluated->column.valid.is_some = true;
  evaluated->column.valid.val = (reducer_plugin_list_u8_t){valid, (rows + 7) / 8};
  sg_free(slots->ptr, slots->len);
}

void exports_streamgauge_plugin_reducer_method_accumulators_snapshot(
    sg_self *self, sg_slots *slots, exports_streamgauge_plugin_reducer_bytes_list_t *states) {
  Buffer bytes = {0};
  uint32_t *ends = sg_zeros(slots->len, sizeof *ends);
  for (size_t i = 0; i < slots->len; i++) {
    sg_store(&bytes, sg_state(self, slots->ptr[i]));
    ends[i] = bytes.length;
  }
  states->ends = (reducer_plugin_list_u32_t){ends, slots->len};
  states->bytes = (reducer_plugin_list_u8_t){(uint8_t *)bytes.bytes, bytes.length};
  sg_free(slots->ptr, slots->len);
}

// Reads all states before it changes one.
static bool sg_restore(sg_self *self, const sg_slots *slots, const exports_streamgauge_plugin_reducer_bytes_list_t *given) {
  size_t count = slots->len, start = 0;
  bool fits = given->ends.len == count;
  State *fresh = sg_zeros(count, sizeof *fresh);
  for (size_t i = 0; fits && i < count; i++) {
    size_t end = given->ends.ptr[i];
    fits = start <= end && end <= given->bytes.len && sg_load(given->bytes.ptr + start, end - start, &fresh[i]);
    start = end;
  }
  if (fits) sg_reach(self, slots);
  for (size_t i = 0; i < count; i++) {
    if (fits) {
      sg_drop(&self->states[slots->ptr[i]]);
      self->states[slots->ptr[i]] = fresh[i];
    } else {
      sg_drop(&fresh[i]);
    }
  }
  free(fresh);
  return fits;
}

bool exports_streamgauge_plugin_reducer_method_accumulators_restore(
    sg_self *self, uint32_t version, sg_slots *slots, exports_streamgauge_plugin_reducer_bytes_list_t *states,
    exports_streamgauge_plugin_reducer_error_t *error) {
  bool is_known = version == STATE_VERSION;
  if (is_known && !sg_restore(self, slots, states)) fail("the bytes are no state of this function");
  sg_free(slots->ptr, slots->len);
  exports_streamgauge_plugin_reducer_bytes_list_free(states);
  if (is_known) return sg_succeeds(error, EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_ERROR_CORRUPT);
  error->tag = EXPORTS_STREAMGAUGE_PLUGIN_COLUMNS_ERROR_UNSUPPORTED_VERSION;
  error->val.unsupported_version = version;
  return false;
}

void exports_streamgauge_plugin_reducer_method_accumulators_release(sg_self *self, sg_slots *slots) {
  for (size_t i = 0; i < slots->len; i++) {
    if (slots->ptr[i] >= self->length) continue;
    sg_drop(&self->states[slots->ptr[i]]);
    memset(&self->states[slots->ptr[i]], 0, sizeof(State));
  }
  sg_free(slots->ptr, slots->len);
}
