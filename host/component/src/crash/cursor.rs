//! Numbers and bytes of a crash bundle, little-endian. What is read is only believed as far as there are bytes for it.

use streamgauge_common::column::{Bitmap, Column, DataType, Texts, Value, Values};

/// Appends fields.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn numbers(&mut self, numbers: &[u32]) {
        self.u64(numbers.len() as u64);
        numbers.iter().for_each(|&number| self.u32(number));
    }

    pub(super) fn texts(&mut self, Texts { ends, bytes }: &Texts) {
        self.numbers(ends);
        self.bytes(bytes);
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.u8(0),
            Value::Boolean(value) => {
                self.u8(1);
                self.u8(u8::from(*value));
            }
            Value::Int64(value) => {
                self.u8(2);
                self.u64(value.cast_unsigned());
            }
            Value::Float64(value) => {
                self.u8(3);
                self.u64(value.to_bits());
            }
            Value::Timestamp(value) => {
                self.u8(4);
                self.u64(value.cast_unsigned());
            }
            Value::Text(text) => {
                self.u8(5);
                self.bytes(text.as_bytes());
            }
        }
    }

    pub(super) fn column(&mut self, column: &Column) {
        self.u64(column.len() as u64);
        self.u8(code(column.data_type()));
        match &column.values {
            Values::Boolean(values) => self.bytes(values.as_bytes()),
            Values::Int64(values) | Values::Timestamp(values) => {
                values.iter().for_each(|value| self.u64(value.cast_unsigned()));
            }
            Values::Float64(values) => values.iter().for_each(|value| self.u64(value.to_bits())),
            Values::Text(texts) => self.texts(texts),
        }
        self.u8(u8::from(column.valid.is_some()));
        column.valid.iter().for_each(|valid| self.bytes(valid.as_bytes()));
    }
}

/// How a type is written.
pub(super) const fn code(data_type: DataType) -> u8 {
    match data_type {
        DataType::Boolean => 1,
        DataType::Int64 => 2,
        DataType::Float64 => 3,
        DataType::Timestamp => 4,
        DataType::Text => 5,
    }
}

/// Reads fields; none where there is not what is wanted.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn raw(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many things follow of which each takes at least so many bytes.
    pub(super) fn count(&mut self, bytes_each: usize) -> Option<usize> {
        let count = usize::try_from(self.u64()?).ok()?;
        (count.checked_mul(bytes_each)? <= self.0.len()).then_some(count)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count(1)?;
        self.raw(count)
    }

    pub(super) fn numbers(&mut self) -> Option<Vec<u32>> {
        let count = self.count(4)?;
        (0..count).map(|_| self.u32()).collect()
    }

    /// Texts, or byte strings, whose ends divide their bytes.
    pub(super) fn texts(&mut self) -> Option<Texts> {
        let (ends, bytes) = (self.numbers()?, self.bytes()?.to_vec());
        let are_ends = ends.is_sorted() && ends.last().map_or(0, |&end| end as usize) == bytes.len();
        are_ends.then_some(Texts { ends, bytes })
    }

    pub(super) fn value(&mut self) -> Option<Value> {
        Some(match self.u8()? {
            0 => Value::Null,
            1 => Value::Boolean(self.u8()? != 0),
            2 => Value::Int64(self.u64()?.cast_signed()),
            3 => Value::Float64(f64::from_bits(self.u64()?)),
            4 => Value::Timestamp(self.u64()?.cast_signed()),
            5 => Value::Text(str::from_utf8(self.bytes()?).ok()?.to_owned()),
            _ => return None,
        })
    }

    pub(super) fn data_type(&mut self) -> Option<DataType> {
        let code = self.u8()?;
        let all =
            [DataType::Boolean, DataType::Int64, DataType::Float64, DataType::Timestamp, DataType::Text];
        all.into_iter().find(|&data_type| self::code(data_type) == code)
    }

    pub(super) fn column(&mut self) -> Option<Column> {
        let rows = usize::try_from(self.u64()?).ok()?;
        let data_type = self.data_type()?;
        let values = match data_type {
            DataType::Boolean => Values::Boolean(self.bitmap(rows)?),
            DataType::Int64 => Values::Int64(self.words(rows)?.map(u64::cast_signed).collect()),
            DataType::Timestamp => Values::Timestamp(self.words(rows)?.map(u64::cast_signed).collect()),
            DataType::Float64 => Values::Float64(self.words(rows)?.map(f64::from_bits).collect()),
            DataType::Text => Values::Text(self.texts().filter(|texts| texts.len() == rows)?),
        };
        let valid = match self.u8()? {
            0 => None,
            _ => Some(self.bitmap(rows)?),
        };
        Some(Column { values, valid })
    }

    fn bitmap(&mut self, rows: usize) -> Option<Bitmap> {
        let bytes = self.bytes().filter(|bytes| bytes.len() == rows.div_ceil(8))?;
        Bitmap::from_bytes(bytes.to_vec(), rows)
    }

    fn words(&mut self, rows: usize) -> Option<impl Iterator<Item = u64> + use<'a>> {
        let bytes = self.raw(rows.checked_mul(8)?)?;
        Some(bytes.chunks_exact(8).filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?))))
    }
}
