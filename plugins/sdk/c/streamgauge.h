// What reducers and sinks in C share: texts, failures, growing bytes. Names that begin with sg_ are for the kit itself.
#ifndef STREAMGAUGE_H
#define STREAMGAUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SG_MAYBE_UNUSED __attribute__((unused))
#define SG_PASTE_(a, b) a##b
#define SG_PASTE(a, b) SG_PASTE_(a, b)

// A text: UTF-8, without a zero at its end.
typedef struct {
  const char *bytes;
  size_t length;
} Text;

// Bytes that grow.
typedef struct {
  char *bytes;
  size_t length, room;
} Buffer;

// A list of numbers that grows, in a state.
typedef struct {
  double *items;
  size_t length, room;
} Doubles;

// What fail() was given first; none = nothing failed.
static char *sg_failure SG_MAYBE_UNUSED;

// Where there is no more memory the call ends: the host says that the limit of memory is reached. No bytes take no memory.
SG_MAYBE_UNUSED static void *sg_grow(void *memory, size_t bytes) {
  if (!bytes) return memory;
  void *grown = realloc(memory, bytes);
  if (!grown) abort();
  return grown;
}

SG_MAYBE_UNUSED static void *sg_zeros(size_t count, size_t bytes) {
  if (!count || !bytes) return NULL;
  void *memory = calloc(count, bytes);
  if (!memory) abort();
  return memory;
}

// Frees a list that the host handed over. The pointer of an empty list is the number of its alignment, no memory.
SG_MAYBE_UNUSED static void sg_free(void *list, size_t length) {
  if (length) free(list);
}

// Says why a call or a row has no result: lower case, no full stop, what to do instead. The caller goes on; what it gives is not used.
SG_MAYBE_UNUSED static void fail(const char *why) {
  if (sg_failure) return;
  size_t length = strlen(why);
  sg_failure = memcpy(sg_grow(NULL, length + 1), why, length + 1);
}

// The failure, which the caller must free; none = nothing failed since the last time.
SG_MAYBE_UNUSED static char *sg_take_failure(void) {
  char *why = sg_failure;
  sg_failure = NULL;
  return why;
}

SG_MAYBE_UNUSED static void put_bytes(Buffer *to, const void *bytes, size_t length) {
  if (to->room - to->length < length) {
    to->room = to->length + length > 2 * to->room ? to->length + length : 2 * to->room;
    to->bytes = sg_grow(to->bytes, to->room);
  }
  if (length) memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
}

SG_MAYBE_UNUSED static void put(Buffer *to, const char *string) { put_bytes(to, string, strlen(string)); }

SG_MAYBE_UNUSED static void put_text(Buffer *to, Text value) { put_bytes(to, value.bytes, value.length); }

SG_MAYBE_UNUSED static Text text_of(const char *string) { return (Text){string, strlen(string)}; }

// Less than, equal to or greater than 0, by bytes.
SG_MAYBE_UNUSED static int compare_texts(Text a, Text b) {
  size_t length = a.length < b.length ? a.length : b.length;
  int order = length ? memcmp(a.bytes, b.bytes, length) : 0;
  return order ? order : (a.length > b.length) - (a.length < b.length);
}

// Gives a text of a state another value, of which it keeps a copy.
SG_MAYBE_UNUSED static void set_text(Text *kept, Text value) {
  char *copy = value.length ? memcpy(sg_grow(NULL, value.length), value.bytes, value.length) : NULL;
  free((void *)kept->bytes);
  *kept = (Text){copy, value.length};
}

SG_MAYBE_UNUSED static void append_double(Doubles *list, double value) {
  if (list->length == list->room) {
    list->room = list->room ? 2 * list->room : 4;
    list->items = sg_grow(list->items, list->room * sizeof *list->items);
  }
  list->items[list->length++] = value;
}

SG_MAYBE_UNUSED static void append_doubles(Doubles *list, const Doubles *more) {
  for (size_t i = 0; i < more->length; i++) append_double(list, more->items[i]);
}

// Whether bytes are UTF-8: no surrogates, nothing too long or too large.
SG_MAYBE_UNUSED static bool sg_is_utf8(const uint8_t *at, size_t length) {
  const uint8_t *end = at + length;
  while (at < end) {
    if (*at < 0x80) {
      at++;
      continue;
    }
    int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
    if (*at < 0xc2 || *at > 0xf4 || end - at <= more) return false;
    uint8_t low = 0x80, high = 0xbf;
    if (*at == 0xe0) low = 0xa0;
    if (*at == 0xed) high = 0x9f;
    if (*at == 0xf0) low = 0x90;
    if (*at == 0xf4) high = 0x8f;
    if (at[1] < low || at[1] > high) return false;
    for (int i = 2; i <= more; i++)
      if ((at[i] & 0xc0) != 0x80) return false;
    at += more + 1;
  }
  return true;
}

#endif
