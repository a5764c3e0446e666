// How the fields of a state are kept in checkpoints: numbers little-endian, texts and lists behind their length in varints of seven bits.
#ifndef STREAMGAUGE_STORED_H
#define STREAMGAUGE_STORED_H

#include "streamgauge.h"

typedef struct {
  const uint8_t *at, *end;
} sg_reader;

static void sg_store_length(Buffer *to, uint64_t length) {
  uint8_t bytes[10];
  size_t count = 0;
  for (; length >= 0x80; length >>= 7) bytes[count++] = (uint8_t)length | 0x80;
  bytes[count++] = (uint8_t)length;
  put_bytes(to, bytes, count);
}

static bool sg_load_bytes(sg_reader *from, void *to, size_t length) {
  if ((size_t)(from->end - from->at) < length) return false;
  if (length) memcpy(to, from->at, length);
  from->at += length;
  return true;
}

// A length, and whether so many items of `size` bytes follow.
static bool sg_load_length(sg_reader *from, size_t size, size_t *length) {
  uint64_t value = 0;
  uint8_t byte = 0x80;
  for (int shift = 0; byte & 0x80; shift += 7) {
    if (shift > 28 || !sg_load_bytes(from, &byte, 1)) return false;
    value |= (uint64_t)(byte & 0x7f) << shift;
  }
  *length = (size_t)value;
  return value <= (size_t)(from->end - from->at) / size;
}

// The types of fields: in C, the most bytes (0 = it grows), and how it is written, read and dropped.
#define SG_NUMBER(TYPE, type)                                                                        \
  typedef type sg_field_##TYPE;                                                                      \
  SG_MAYBE_UNUSED static void sg_store_##TYPE(Buffer *to, const type *value) { put_bytes(to, value, sizeof *value); } \
  SG_MAYBE_UNUSED static bool sg_load_##TYPE(sg_reader *from, type *value) { return sg_load_bytes(from, value, sizeof *value); } \
  SG_MAYBE_UNUSED static void sg_drop_##TYPE(type *value) { (void)value; }

SG_NUMBER(UINT32, uint32_t)
SG_NUMBER(UINT64, uint64_t)
SG_NUMBER(BIGINT, int64_t)
SG_NUMBER(TIMESTAMP, int64_t)
SG_NUMBER(DOUBLE, double)
#define SG_MOST_UINT32 4
#define SG_MOST_UINT64 8
#define SG_MOST_BIGINT 8
#define SG_MOST_TIMESTAMP 8
#define SG_MOST_DOUBLE 8
#define SG_MOST_BOOLEAN 1
#define SG_MOST_TEXT 0
#define SG_MOST_DOUBLES 0

typedef bool sg_field_BOOLEAN;
SG_MAYBE_UNUSED static void sg_store_BOOLEAN(Buffer *to, const bool *value) { put_bytes(to, value, 1); }
SG_MAYBE_UNUSED static bool sg_load_BOOLEAN(sg_reader *from, bool *value) {
  uint8_t byte;
  if (!sg_load_bytes(from, &byte, 1) || byte > 1) return false;
  *value = byte;
  return true;
}
SG_MAYBE_UNUSED static void sg_drop_BOOLEAN(bool *value) { (void)value; }

typedef Text sg_field_TEXT;
SG_MAYBE_UNUSED static void sg_store_TEXT(Buffer *to, const Text *value) {
  sg_store_length(to, value->length);
  put_text(to, *value);
}
SG_MAYBE_UNUSED static bool sg_load_TEXT(sg_reader *from, Text *value) {
  size_t length;
  if (!sg_load_length(from, 1, &length) || !sg_is_utf8(from->at, length)) return false;
  set_text(value, (Text){(const char *)from->at, length});
  from->at += length;
  return true;
}
SG_MAYBE_UNUSED static void sg_drop_TEXT(Text *value) { free((void *)value->bytes); }

typedef Doubles sg_field_DOUBLES;
SG_MAYBE_UNUSED static void sg_store_DOUBLES(Buffer *to, const Doubles *value) {
  sg_store_length(to, value->length);
  put_bytes(to, value->items, value->length * sizeof *value->items);
}
SG_MAYBE_UNUSED static bool sg_load_DOUBLES(sg_reader *from, Doubles *value) {
  size_t length;
  if (!sg_load_length(from, sizeof *value->items, &length)) return false;
  value->items = sg_grow(NULL, length * sizeof *value->items);
  value->length = value->room = length;
  return sg_load_bytes(from, value->items, length * sizeof *value->items);
}
SG_MAYBE_UNUSED static void sg_drop_DOUBLES(Doubles *value) { free(value->items); }

#endif
