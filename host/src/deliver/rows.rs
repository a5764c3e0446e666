//! Rows as bytes, for sinks that are asked instead of told: they are kept until newer ones take their place.

use streamgauge_common::{
    column::{Bitmap, Column, Texts, Values},
    offset::Offset,
    partition::SourceIndex,
    row::{Identity, Rows},
};
use streamgauge_state::bytes::{Malformed, Reader, Writer};

/// Rows of a window, or of none, without their keys.
pub fn encode(rows: &Rows) -> Vec<u8> {
    let mut out = Writer::new();
    let (start_us, end_us, forced) = match &rows.identity {
        Identity::Window { start_us, end_us, forced, .. } => (*start_us, *end_us, *forced),
        Identity::Records { .. } => (0, 0, false),
    };
    out.bool(matches!(rows.identity, Identity::Window { .. }));
    out.i64(start_us);
    out.i64(end_us);
    out.bool(forced);
    out.u64(rows.len as u64);
    out.u64(rows.columns.len() as u64);
    for Column { values, valid } in &rows.columns {
        match values {
            Values::Boolean(bits) => {
                out.u8(1);
                out.bytes(bits.as_bytes());
            }
            Values::Int64(values) => write_numbers(&mut out, 2, values),
            Values::Float64(values) => {
                out.u8(3);
                out.u64(values.len() as u64);
                values.iter().for_each(|&value| out.f64(value));
            }
            Values::Timestamp(values) => write_numbers(&mut out, 4, values),
            Values::Text(Texts { ends, bytes }) => {
                out.u8(5);
                out.u64(ends.len() as u64);
                ends.iter().for_each(|&end| out.u32(end));
                out.bytes(bytes);
            }
        }
        out.bool(valid.is_some());
        valid.iter().for_each(|valid| out.bytes(valid.as_bytes()));
    }
    out.into_bytes()
}

fn write_numbers(out: &mut Writer, kind: u8, values: &[i64]) {
    out.u8(kind);
    out.u64(values.len() as u64);
    values.iter().for_each(|&value| out.i64(value));
}

/// Rows from bytes that [`encode`] gave.
pub fn decode(bytes: &[u8]) -> Result<Rows, Malformed> {
    let mut input = Reader::new(bytes);
    let of_window = input.bool()?;
    let (start_us, end_us, forced) = (input.i64()?, input.i64()?, input.bool()?);
    let len = input.u64()? as usize;
    let count = input.count(10)?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let values = read_values(&mut input, len)?;
        let valid = if input.bool()? { Some(read_bits(&mut input, len)?) } else { None };
        let column = Column { values, valid };
        if column.len() != len {
            return Err(input.malformed("a column has another number of rows"));
        }
        columns.push(column);
    }
    input.finish()?;
    let identity = match of_window {
        true => Identity::Window { start_us, end_us, forced, keys: Vec::new(), revisions: None },
        false => Identity::Records {
            partition: SourceIndex::FIRST.partition(0),
            offsets: vec![Offset(0); len],
            indexes: None,
        },
    };
    Ok(Rows { columns, len, identity })
}

fn read_values(input: &mut Reader<'_>, len: usize) -> Result<Values, Malformed> {
    Ok(match input.u8()? {
        1 => Values::Boolean(read_bits(input, len)?),
        2 => Values::Int64(read_numbers(input)?),
        3 => {
            let count = input.count(8)?;
            Values::Float64((0..count).map(|_| input.f64()).collect::<Result<_, _>>()?)
        }
        4 => Values::Timestamp(read_numbers(input)?),
        5 => {
            let count = input.count(4)?;
            let ends = (0..count).map(|_| input.u32()).collect::<Result<Vec<_>, _>>()?;
            let bytes = input.bytes()?.to_vec();
            if !ends.is_sorted() || ends.last().map_or(0, |&end| end as usize) != bytes.len() {
                return Err(input.malformed("texts whose ends do not fit their bytes"));
            }
            Values::Text(Texts { ends, bytes })
        }
        kind => return Err(input.malformed(format!("no column has kind {kind}"))),
    })
}

fn read_numbers(input: &mut Reader<'_>) -> Result<Vec<i64>, Malformed> {
    let count = input.count(8)?;
    (0..count).map(|_| input.i64()).collect()
}

fn read_bits(input: &mut Reader<'_>, len: usize) -> Result<Bitmap, Malformed> {
    let bytes = input.bytes()?.to_vec();
    Bitmap::from_bytes(bytes, len).ok_or_else(|| input.malformed("a bitmap has too few bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_common::column::{DataType, Value};

    #[test]
    fn rows_come_back_and_every_cut_is_an_error() {
        let values = [
            (DataType::Boolean, Value::Boolean(true)),
            (DataType::Int64, Value::Int64(-1)),
            (DataType::Float64, Value::Float64(0.5)),
            (DataType::Timestamp, Value::Timestamp(7)),
            (DataType::Text, Value::Text("é".into())),
        ];
        let columns = values.iter().map(|(data_type, value)| {
            let mut column = Column::empty(*data_type);
            [value, &Value::Null].into_iter().for_each(|value| column.push(value));
            column
        });
        let identity =
            Identity::Window { start_us: 1, end_us: 2, forced: true, keys: vec![], revisions: None };
        let rows = Rows { columns: columns.collect(), len: 2, identity };
        let bytes = encode(&rows);
        let back = decode(&bytes).unwrap();
        assert_eq!((back.columns, back.len), (rows.columns, 2));
        assert!(matches!(back.identity, Identity::Window { start_us: 1, end_us: 2, forced: true, .. }));
        (0..bytes.len()).for_each(|length| assert!(decode(&bytes[..length]).is_err()));
    }
}
