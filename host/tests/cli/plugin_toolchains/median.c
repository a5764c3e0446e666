// is_above(value, flag, at, limit): whether the median of the values that are flagged is above a limit. A list grows with its values, and
// fields of all other types go along.
#define NAME "is_above"
#define DOCS "Whether the median of flagged values is above a limit"
#define ARGUMENTS(argument) argument(BIGINT, value) argument(BOOLEAN, flag) argument(TIMESTAMP, at)
#define PARAMETERS(parameter) \
  parameter(BIGINT, limit, "what it is compared with", 10) parameter(TEXT, unit, "for people", "ms") parameter(BOOLEAN, strict, "or equal", true)
#define STATE(field) field(DOUBLES, values) field(UINT32, rows) field(BOOLEAN, seen) field(TIMESTAMP, latest) field(BIGINT, sum)
#define RESULT BOOLEAN
#include "kit/reducer.h"

static void check(const Parameters *parameters) {
  if (parameters->unit.length == 0) fail("`unit` must not be empty");
}

static void add(State *state, const Row *row, const Parameters *parameters) {
  if (row->flag) append_double(&state->values, (double)row->value);
  state->rows += 1;
  state->sum += row->value;
  if (!state->seen || row->at > state->latest) state->latest = row->at;
  state->seen = true;
}

static void merge(State *state, const State *other, const Parameters *parameters) {
  append_doubles(&state->values, &other->values);
  state->rows += other->rows;
  state->sum += other->sum;
  if (other->seen && (!state->seen || other->latest > state->latest)) state->latest = other->latest;
  state->seen |= other->seen;
}

static int order(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static bool value(const State *state, const Parameters *parameters, Result *result) {
  size_t count = state->values.length;
  if (count == 0) return false;
  // A state must not change when it is looked at.
  Doubles sorted = {0};
  append_doubles(&sorted, &state->values);
  qsort(sorted.items, count, sizeof *sorted.items, order);
  double median = sorted.items[count / 2];
  free(sorted.items);
  *result = parameters->strict ? median > (double)parameters->limit : median >= (double)parameters->limit;
  return true;
}
