// {function}(x, offset): the geometric mean of the values, to each of which an offset is added: exp(sum(ln(x + offset)) / count) - offset.
// It is NaN where a value is below -offset, and 0 - offset where one is equal to it. kit/reducer.h says what the macros mean.
#include <math.h>

#define NAME "{function}"
#define DOCS "The geometric mean of the values"
#define ARGUMENTS(argument) argument(DOUBLE, x)
#define PARAMETERS(parameter) parameter(DOUBLE, offset, "is added to each value before its logarithm is taken", 0.0)
#define STATE(field) field(UINT64, count) field(DOUBLE, sum)
#define RESULT DOUBLE
// Sums of doubles differ in their last bits where they are added in another order.
#define TOLERANCE 1e-9
#include "kit/reducer.h"

static void check(const Parameters *parameters) {
  if (!(parameters->offset >= 0 && parameters->offset <= 1e6)) fail("`offset` must be a number from 0 to 1000000");
}

static void add(State *state, const Row *row, const Parameters *parameters) {
  state->count += 1;
  state->sum += log(row->x + parameters->offset);
}

// It adds `other`, which is merged elsewhere, too.
static void merge(State *state, const State *other, const Parameters *parameters) {
  (void)parameters;
  state->count += other->count;
  state->sum += other->sum;
}

// False is NULL.
static bool value(const State *state, const Parameters *parameters, Result *result) {
  if (state->count == 0) return false;
  *result = exp(state->sum / (double)state->count) - parameters->offset;
  return true;
}
