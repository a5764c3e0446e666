// last_text(value): the value of the latest event; of several at the same time the greatest.
#define NAME "last_text"
#define DOCS "The value of the latest event"
#define ARGUMENTS(argument) argument(TEXT, value) argument(EVENT_TIME, at)
#define STATE(field) field(BOOLEAN, seen) field(TIMESTAMP, at) field(TEXT, value)
#define RESULT TEXT
#include "kit/reducer.h"

static void take(State *state, int64_t at, Text value) {
  if (state->seen && (at < state->at || (at == state->at && compare_texts(value, state->value) <= 0))) return;
  state->seen = true;
  state->at = at;
  set_text(&state->value, value);
}

static void add(State *state, const Row *row, const Parameters *parameters) { take(state, row->at, row->value); }

static void merge(State *state, const State *other, const Parameters *parameters) {
  if (other->seen) take(state, other->at, other->value);
}

static bool value(const State *state, const Parameters *parameters, Result *result) {
  *result = state->value;
  return state->seen;
}
