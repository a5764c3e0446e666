"""Columns of the contract as Python's values, and back."""

from itertools import chain, compress, pairwise

from componentize_py_types import Err
from wit_world.exports import columns as c

from ..told import Mistake, shown, told

DATA_TYPES = {
    "boolean": c.DataType.BOOLEAN, "int64": c.DataType.INT64, "float64": c.DataType.FLOAT64,
    "timestamp": c.DataType.TIMESTAMP, "text": c.DataType.TEXT,
}
NAMES = {of: name for name, of in DATA_TYPES.items()}
LITERALS = {
    "boolean": c.Literal_Boolean, "int64": c.Literal_Int64, "float64": c.Literal_Float64, "timestamp": c.Literal_Timestamp,
    "text": c.Literal_Text,
}
_VALUES = {
    "boolean": c.Values_Booleans, "int64": c.Values_Int64s, "float64": c.Values_Float64s, "timestamp": c.Values_Timestamps,
    "text": c.Values_Texts,
}
_SQL = {"boolean": "BOOLEAN", "int64": "BIGINT", "float64": "DOUBLE", "timestamp": "TIMESTAMP", "text": "TEXT"}
#: The eight rows of each byte of a bitmap.
_BITS = [tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256)]


def invalid(text):
    """The error of a guest that refuses what it was given."""
    return Err(c.Error_Invalid(text))


def bits(bitmap):
    """The bits of a bitmap one by one, those past the last row too."""
    return chain.from_iterable(map(_BITS.__getitem__, bitmap))


def texts(items):
    """The texts of a list of byte strings. What is not UTF-8 stands only where a row is NULL."""
    data = items.bytes
    return [data[start:end].decode("utf-8", "replace") for start, end in pairwise(chain((0,), items.ends))]


def values(data_type, column):
    """The values of a column that has to be of a type."""
    if not isinstance(column.values, _VALUES[data_type]):
        raise invalid(f"an argument is {type(column.values).__name__}, where {_SQL[data_type]} is due")
    found = column.values.value
    if data_type == "text":
        return texts(found)
    return bits(found) if data_type == "boolean" else found


def without_nulls(rows, columns):
    """The rows of which no column is NULL: the bitmaps are joined as whole numbers, and no row is looked at by itself."""
    bitmaps = [column.valid for column in columns if column.valid is not None]
    if not bitmaps:
        return rows
    joined, length = bitmaps[0], len(bitmaps[0])
    for bitmap in bitmaps[1:]:
        both = int.from_bytes(joined, "little") & int.from_bytes(bitmap, "little")
        joined = both.to_bytes(length, "little")
    return compress(rows, bits(joined))


def nullable(column):
    """The values of a column of any type, NULL as None."""
    (data_type,) = (name for name, of in _VALUES.items() if isinstance(column.values, of))
    found = values(data_type, column)
    if column.valid is None:
        return list(found)[: column.rows]
    return [value if is_there else None for value, is_there, _ in zip(found, bits(column.valid), range(column.rows))]


def literal(value, data_type):
    """A value outside of columns; None is NULL."""
    return c.Literal_Null() if value is None else LITERALS[data_type](value)


def given(fields, literals):
    """The values of parameters or options by their names, NULL as None."""
    if len(fields) != len(literals):
        raise invalid(f"{len(fields)} values are due, not {len(literals)}")
    return {field.name: getattr(literal, "value", None) for field, literal in zip(fields, literals)}


def field(of):
    """A parameter or an option as the contract has it."""
    default = None if of.is_required else literal(of.default, of.data_type)
    return c.Field(of.name, DATA_TYPES[of.data_type], of.docs, default)


def _bitmap(flags):
    whole = 0
    for row, flag in enumerate(flags):
        if flag:
            whole |= 1 << row
    return whole.to_bytes((len(flags) + 7) // 8, "little")


def bytes_list(items):
    """Byte strings, one behind the other."""
    ends, total = [], 0
    for item in items:
        total += len(item)
        ends.append(total)
    return c.BytesList(ends, b"".join(items))


#: Python's types of results. What is of another type would be stored as something else than the author meant.
_RESULTS = {"boolean": bool, "int64": int, "float64": (float, int), "timestamp": int, "text": str}


def _converted(data_type, value):
    if not isinstance(value, _RESULTS[data_type]):
        raise Mistake(f"`value` returned {shown(value)}, where {_SQL[data_type]} is due")
    if data_type in ("int64", "timestamp") and not -(2**63) <= value < 2**63:
        raise OverflowError(f"{shown(value)} does not fit into BIGINT")
    return float(value) if data_type == "float64" else value


def column(data_type, results):
    """A column of results, in which None is NULL, and the rows of which the result is of no use, with the reason."""
    failed, found = [], []
    for row, result in enumerate(results):
        try:
            found.append(None if result is None else _converted(data_type, result))
        except (TypeError, OverflowError) as error:
            found.append(None)
            failed.append((row, told(error)))
    if data_type == "text":
        packed = bytes_list([b"" if value is None else value.encode("utf-8", "replace") for value in found])
    elif data_type == "boolean":
        packed = _bitmap(found)
    else:
        packed = [0 if value is None else value for value in found]
    valid = _bitmap([value is not None for value in found])
    return c.Column(len(found), _VALUES[data_type](packed), valid), failed
