package streamgauge_plugin_columns

import (
	"MODULE/streamgauge/internal/core"
	"go.bytecodealliance.org/pkg/wit/types"
)

// LowerError makes the contract's error of one of the kit.
func LowerError(err *core.Error) Error {
	switch err.Kind {
	case core.Corrupt:
		return MakeErrorCorrupt(err.Text)
	case core.UnsupportedVersion:
		return MakeErrorUnsupportedVersion(err.Version)
	}
	return MakeErrorInvalid(err.Text)
}

// LiftLiterals gives nil for NULL, bool, int64, float64, core.Timestamp or string.
func LiftLiterals(literals []Literal) []any {
	values := make([]any, 0, len(literals))
	for _, literal := range literals {
		var value any
		switch literal.Tag() {
		case LiteralBoolean:
			value = literal.Boolean()
		case LiteralInt64:
			value = literal.Int64()
		case LiteralFloat64:
			value = literal.Float64()
		case LiteralTimestamp:
			value = core.Timestamp(literal.Timestamp())
		case LiteralText:
			value = literal.Text()
		}
		values = append(values, value)
	}
	return values
}

// LowerFields makes the contract's fields of those of the kit.
func LowerFields(fields []core.Field) []Field {
	lowered := make([]Field, 0, len(fields))
	for _, field := range fields {
		fallback := wit_types.None[Literal]()
		switch value := field.Default.(type) {
		case bool:
			fallback = wit_types.Some(MakeLiteralBoolean(value))
		case int64:
			fallback = wit_types.Some(MakeLiteralInt64(value))
		case float64:
			fallback = wit_types.Some(MakeLiteralFloat64(value))
		case core.Timestamp:
			fallback = wit_types.Some(MakeLiteralTimestamp(int64(value)))
		case string:
			fallback = wit_types.Some(MakeLiteralText(value))
		}
		lowered = append(lowered, Field{Name: field.Name, DataType: DataType(field.Type), Docs: field.Docs, Default: fallback})
	}
	return lowered
}

// LiftColumns gives columns that are there until the call ends.
func LiftColumns(columns []Column) []core.Column {
	lifted := make([]core.Column, len(columns))
	for at, from := range columns {
		to := &lifted[at]
		to.Rows, to.Valid = int(from.Rows), from.Valid.SomeOr(nil)
		switch from.Values.Tag() {
		case ValuesBooleans:
			to.Type, to.Booleans = core.Boolean, from.Values.Booleans()
		case ValuesInt64s:
			to.Type, to.Int64s = core.Int64, from.Values.Int64s()
		case ValuesFloat64s:
			to.Type, to.Float64s = core.Float64, from.Values.Float64s()
		case ValuesTimestamps:
			to.Type, to.Int64s = core.TimestampType, from.Values.Timestamps()
		case ValuesTexts:
			texts := from.Values.Texts()
			to.Type, to.Ends, to.Bytes = core.Text, texts.Ends, texts.Bytes
		}
	}
	return lifted
}

// LowerColumn makes the contract's column of one of the kit.
func LowerColumn(column core.Column) Column {
	values := MakeValuesFloat64s(column.Float64s)
	switch column.Type {
	case core.Boolean:
		values = MakeValuesBooleans(column.Booleans)
	case core.Int64:
		values = MakeValuesInt64s(column.Int64s)
	case core.TimestampType:
		values = MakeValuesTimestamps(column.Int64s)
	case core.Text:
		values = MakeValuesTexts(BytesList{Ends: column.Ends, Bytes: column.Bytes})
	}
	return Column{Rows: uint32(column.Rows), Values: values, Valid: wit_types.Some(column.Valid)}
}
