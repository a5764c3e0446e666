// UTF-8 by hand: the engine in a component has no TextEncoder and no TextDecoder.

const REPLACEMENT = 0xfffd;
/** How many characters are made in one call. */
const PIECE = 4096;

/** The bytes of a text; half of a surrogate pair becomes U+FFFD. */
export function encode(text) {
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.codePointAt(at);
    if (code < 0x80) {
      bytes[length++] = code;
      continue;
    }
    if (code > 0xffff) at++;
    else if (code >= 0xd800 && code <= 0xdfff) code = REPLACEMENT;
    if (code < 0x800) {
      bytes[length++] = 0xc0 | (code >> 6);
    } else {
      if (code < 0x10000) {
        bytes[length++] = 0xe0 | (code >> 12);
      } else {
        bytes[length++] = 0xf0 | (code >> 18);
        bytes[length++] = 0x80 | ((code >> 12) & 0x3f);
      }
      bytes[length++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[length++] = 0x80 | (code & 0x3f);
  }
  return bytes.slice(0, length);
}

/** The text of bytes; null where they are not UTF-8. */
export function decode(bytes, start = 0, end = bytes.length) {
  let at = start;
  while (at < end && bytes[at] < 0x80) at++;
  let text = ascii(bytes, start, at);
  while (at < end) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (more < 0 || at + more >= end) return null;
    let code = more === 0 ? first : first & (0x3f >> more);
    for (let next = 1; next <= more; next++) {
      if ((bytes[at + next] & 0xc0) !== 0x80) return null;
      code = (code << 6) | (bytes[at + next] & 0x3f);
    }
    const least = [0, 0x80, 0x800, 0x10000][more];
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    text += String.fromCodePoint(code);
    at += more + 1;
  }
  return text;
}

function ascii(bytes, start, end) {
  let text = '';
  for (let at = start; at < end; at += PIECE) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(at + PIECE, end)));
  }
  return text;
}

/** Whether a byte string comes before (negative), with (0) or behind (positive) another one. */
export function compareBytes(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    if (one[at] !== other[at]) return one[at] - other[at];
  }
  return one.length - other.length;
}
