// Values in messages.

/** A value and its type in a message: `0.5 (number)`. */
export function shown(value) {
  let text;
  try {
    text = typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value);
  } catch {
    text = 'a value';
  }
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (text === type) return text;
  return `${text.length > 60 ? `${text.slice(0, 60)}…` : text} (${type})`;
}
