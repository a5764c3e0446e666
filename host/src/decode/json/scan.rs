//! One pass over a record: is it one balanced object, and where are the values that are read?

use super::{
    block::find_delimiter,
    fields::{Fields, ROOT},
    layout::Layout,
    skip, text,
};

/// Where the value of a field is, and of which kind it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueSpan {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: ValueKind,
}

/// What a value is by its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// The field is not there.
    #[default]
    Missing,
    /// A string without escapes; the place is between the quotes.
    Plain,
    /// A string with escapes; the place is between the quotes.
    Escaped,
    /// A number, `true`, `false`, `null`, or what pretends to be one.
    Scalar,
    /// An object or an array; the place is its first byte.
    Composite,
}

/// Why a record is not one balanced object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where, in the buffer.
    pub(super) at: usize,
    /// What should have been there.
    pub(super) expected: &'static str,
}

/// The state of a pass over records that are laid out alike.
pub(super) struct Scanner<'a> {
    fields: &'a Fields,
    bytes: &'a [u8],
    /// One for each field that has fields below it; that of an array stays empty.
    layouts: Vec<Layout>,
    /// The objects around the one that is read: the field, and how many of its values were passed.
    outer: Vec<(usize, usize)>,
}

/// What stands between two values.
enum Between {
    /// The next field: it has a value from here on.
    Field { value_at: usize, field: Option<usize> },
    /// The object is closed; this is behind it.
    Closed { at: usize },
}

impl<'a> Scanner<'a> {
    pub(super) fn new(fields: &'a Fields, bytes: &'a [u8]) -> Self {
        Self { fields, bytes, layouts: vec![Layout::default(); fields.len()], outer: Vec::new() }
    }

    /// Reads the record from `at` to `end` and notes in `places` where the values of the slots are: the last of
    /// duplicates, missing where there is none.
    // It has one caller: whether it is inlined there must not depend on how the compiler divides the crate (150 instructions a record).
    #[inline(always)]
    pub(super) fn record(
        &mut self,
        mut at: usize,
        end: usize,
        places: &mut [ValueSpan],
    ) -> Result<(), Broken> {
        self.outer.clear();
        let (mut object, mut passed) = (ROOT, 0);
        at = self.skip_blanks(at, end);
        loop {
            let (value_at, field) = match self.known(object, passed, at, end) {
                Some(known) => known,
                None => match self.between(object, passed, at, end)? {
                    Between::Field { value_at, field } => (value_at, field),
                    Between::Closed { at: behind } => {
                        at = behind;
                        let Some(outer) = self.outer.pop() else { break };
                        (object, passed) = outer;
                        continue;
                    }
                },
            };
            passed += 1;
            let (place, behind) = match field {
                Some(field) => match self.entered(field, value_at) {
                    Some(inner) => {
                        self.outer.push((object, passed));
                        (object, passed) = (inner, 0);
                        (self.composite_at(value_at), value_at)
                    }
                    None => self.value(value_at, end)?,
                },
                None => self.value(value_at, end)?,
            };
            if let Some(field) = field.and_then(|field| self.fields.get(field)) {
                note(field.slot, field.slots.clone(), place, places);
            }
            at = behind;
        }
        match self.skip_blanks(at, end) {
            at if at == end => Ok(()),
            at => Err(Broken { at, expected: "nothing behind the object" }),
        }
    }

    /// The value and the field that come next, if the object is laid out as the one before it. More blanks in front of the
    /// value are another layout: what is remembered here never changes what a record means.
    #[inline(always)]
    fn known(&self, object: usize, passed: usize, at: usize, end: usize) -> Option<(usize, Option<usize>)> {
        let gap = self.layouts.get(object)?.get(passed)?;
        let value_at = at + gap.len;
        let first = self.byte(value_at, end)?;
        (gap.is_at(self.bytes, at) && !is_blank(first)).then_some((value_at, gap.field))
    }

    /// Reads what stands between two values, and remembers it.
    fn between(&mut self, object: usize, passed: usize, at: usize, end: usize) -> Result<Between, Broken> {
        if self.fields.get(object).is_some_and(|object| object.is_array) {
            return self.between_elements(object, passed, at, end);
        }
        let gap_at = at;
        let at = self.skip_blanks(at, end);
        let at = match (self.byte(at, end), passed) {
            (Some(b'}'), 1..) => return Ok(Between::Closed { at: at + 1 }),
            (Some(b'{'), 0) => {
                let inside = self.skip_blanks(at + 1, end);
                if self.byte(inside, end) == Some(b'}') {
                    return Ok(Between::Closed { at: inside + 1 });
                }
                inside
            }
            (Some(b','), 1..) => self.skip_blanks(at + 1, end),
            (_, 0) => return Err(Broken { at, expected: "an object" }),
            _ => return Err(Broken { at, expected: "`,` or `}`" }),
        };
        if self.byte(at, end) != Some(b'"') {
            return Err(Broken { at, expected: "a key in quotes" });
        }
        let key = skip::string(self.bytes, at + 1, end)?;
        let field = self.field_of(object, at + 1, &key);
        let colon = self.skip_blanks(key.close + 1, end);
        if self.byte(colon, end) != Some(b':') {
            return Err(Broken { at: colon, expected: "`:`" });
        }
        let value_at = self.skip_blanks(colon + 1, end);
        let gap = self.bytes.get(gap_at..value_at).unwrap_or_default();
        if let Some(layout) = self.layouts.get_mut(object) {
            layout.learn(passed, gap, field);
        }
        Ok(Between::Field { value_at, field })
    }

    /// Reads what stands between two elements of an array. Behind the last one that is read, the rest is stepped over.
    #[cold]
    fn between_elements(
        &self,
        array: usize,
        passed: usize,
        at: usize,
        end: usize,
    ) -> Result<Between, Broken> {
        let at = self.skip_blanks(at, end);
        // The first time it stands at the opening bracket.
        let inside = if passed == 0 { self.skip_blanks(at + 1, end) } else { at };
        if self.byte(inside, end) == Some(b']') {
            return Ok(Between::Closed { at: inside + 1 });
        }
        if self.fields.is_behind_elements(array, passed) {
            return Ok(Between::Closed { at: skip::rest_of_array(self.bytes, inside, end)? });
        }
        if passed == 0 {
            return Ok(Between::Field { value_at: inside, field: self.fields.element(array, passed) });
        }
        match self.byte(at, end) {
            Some(b',') => {
                let value_at = self.skip_blanks(at + 1, end);
                Ok(Between::Field { value_at, field: self.fields.element(array, passed) })
            }
            _ => Err(Broken { at, expected: "`,` or `]`" }),
        }
    }

    /// The field of an object that a key names; none if it is not read, or is no text.
    fn field_of(&self, object: usize, key_at: usize, key: &skip::Quoted) -> Option<usize> {
        let raw = self.bytes.get(key_at..key.close)?;
        if key.escaped {
            let mut name = Vec::new();
            text::unescape(raw, &mut name).ok()?;
            return self.fields.child(object, &name);
        }
        // No other key of this spelling is a text with such a name.
        self.fields.child(object, raw).filter(|_| text::is_clean(raw))
    }

    /// The object or the array of which something is read, if the value is one.
    #[inline(always)]
    fn entered(&self, field: usize, value_at: usize) -> Option<usize> {
        match self.bytes.get(value_at) {
            Some(b'{') => self.fields.get(field).filter(|known| known.is_inner()).map(|_| field),
            Some(b'[') => self.fields.get(field)?.elements,
            _ => None,
        }
    }

    /// Steps over a value: where it is, and what is behind it.
    #[inline(always)]
    fn value(&self, at: usize, end: usize) -> Result<(ValueSpan, usize), Broken> {
        match self.byte(at, end) {
            Some(b'"') => {
                let quoted = skip::string(self.bytes, at + 1, end)?;
                let kind = if quoted.escaped { ValueKind::Escaped } else { ValueKind::Plain };
                Ok((place(at + 1, quoted.close, kind), quoted.close + 1))
            }
            Some(b'{' | b'[') => Ok((self.composite_at(at), skip::composite(self.bytes, at, end)?)),
            _ => match find_delimiter(self.bytes, at, end) {
                behind if behind == at => Err(Broken { at, expected: "a value" }),
                behind => Ok((place(at, behind, ValueKind::Scalar), behind)),
            },
        }
    }

    fn composite_at(&self, at: usize) -> ValueSpan {
        place(at, at + 1, ValueKind::Composite)
    }

    #[inline(always)]
    fn byte(&self, at: usize, end: usize) -> Option<u8> {
        self.bytes.get(at).copied().filter(|_| at < end)
    }

    #[inline]
    fn skip_blanks(&self, mut at: usize, end: usize) -> usize {
        while self.byte(at, end).is_some_and(is_blank) {
            at += 1;
        }
        at
    }
}

#[inline(always)]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[inline(always)]
fn place(start: usize, end: usize, kind: ValueKind) -> ValueSpan {
    debug_assert!(u32::try_from(end).is_ok(), "a chunk is bounded far below 4 GiB");
    ValueSpan { start: start as u32, end: end as u32, kind }
}

/// Notes the place of a field's value; what was noted below the field by a duplicate of it is forgotten.
#[inline(always)]
fn note(slot: Option<usize>, slots: std::ops::Range<usize>, place: ValueSpan, places: &mut [ValueSpan]) {
    if let (Some(slot), 1) = (slot, slots.len()) {
        if let Some(noted) = places.get_mut(slot) {
            *noted = place;
        }
        return;
    }
    places.get_mut(slots).unwrap_or_default().fill(ValueSpan::default());
    if let Some(noted) = slot.and_then(|slot| places.get_mut(slot)) {
        *noted = place;
    }
}
