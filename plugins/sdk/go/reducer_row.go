package streamgauge

import (
	"fmt"
	"reflect"
	"unsafe"

	"MODULE/streamgauge/internal/core"
)

// argument is a field of a row.
type argument struct {
	kind   core.DataType
	isTime bool
	// fill writes a column into the field of rows that stand `size` bytes apart.
	fill func(rows unsafe.Pointer, size uintptr, column *core.Column)
}

func argumentsOf(row reflect.Type) ([]argument, error) {
	if row.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a row is a struct, not %s", row)
	}
	var arguments []argument
	for at := range row.NumField() {
		field := row.Field(at)
		if !field.IsExported() {
			return nil, fmt.Errorf("the field %s of %s must begin with a capital letter", field.Name, row)
		}
		kind, err := dataType(field.Type)
		if err != nil {
			return nil, fmt.Errorf("the field %s of %s: %w", field.Name, row, err)
		}
		isTime := field.Type == reflect.TypeFor[core.EventTime]()
		if isTime && at+1 < row.NumField() {
			return nil, fmt.Errorf("the field %s of %s must be the last one: it is the time of the event", field.Name, row)
		}
		arguments = append(arguments, argument{kind, isTime, filler(field)})
	}
	return arguments, nil
}

// filler gives a loop for the type of a field.
func filler(field reflect.StructField) func(unsafe.Pointer, uintptr, *core.Column) {
	offset := field.Offset
	switch field.Type.Kind() {
	case reflect.Float64:
		return func(rows unsafe.Pointer, size uintptr, column *core.Column) {
			spread(rows, offset, size, column.Float64s)
		}
	case reflect.Int64:
		return func(rows unsafe.Pointer, size uintptr, column *core.Column) {
			spread(rows, offset, size, column.Int64s)
		}
	case reflect.Bool:
		return func(rows unsafe.Pointer, size uintptr, column *core.Column) {
			for row := range column.Rows {
				*(*bool)(unsafe.Add(rows, offset+uintptr(row)*size)) = column.Booleans[row/8]>>(row%8)&1 == 1
			}
		}
	case reflect.String:
		return func(rows unsafe.Pointer, size uintptr, column *core.Column) {
			for row := range column.Rows {
				*(*string)(unsafe.Add(rows, offset+uintptr(row)*size)) = string(column.Text(row))
			}
		}
	}
	return func(rows unsafe.Pointer, size uintptr, column *core.Column) {
		for row := range column.Rows {
			*(*[]byte)(unsafe.Add(rows, offset+uintptr(row)*size)) = column.Text(row)
		}
	}
}

func spread[T any](rows unsafe.Pointer, offset, size uintptr, values []T) {
	at := unsafe.Add(rows, offset)
	for _, value := range values {
		*(*T)(at) = value
		at = unsafe.Add(at, size)
	}
}
