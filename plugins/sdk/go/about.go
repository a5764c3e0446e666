// Package streamgauge is the kit for plugins of Streamgauge in Go.
package streamgauge

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"unicode"

	"MODULE/streamgauge/internal/core"
)

// Timestamp is a point in time: microseconds since 1970-01-01T00:00:00Z. In SQL it is a TIMESTAMP.
type Timestamp = core.Timestamp

// About is what a plugin says of itself.
type About struct {
	// Name is what it calls itself; a program gives it a name of its own.
	Name string
	// Docs says in one line what it computes, or where it delivers to.
	Docs string
	// Version is for people; without one it is 0.1.0.
	Version string
	// Tolerance is how far the results of two orders of merging may be apart, relative to the values. Sums of doubles need one;
	// 0 = bit for bit.
	Tolerance float64
	// StateVersion is raised when the fields of a state, or what they mean, change; without one it is 1.
	StateVersion uint32
}

func (a About) filled() About {
	if a.Version == "" {
		a.Version = "0.1.0"
	}
	if a.StateVersion == 0 {
		a.StateVersion = 1
	}
	return a
}

// dataType is the type of SQL of a type of Go.
func dataType(t reflect.Type) (core.DataType, error) {
	switch t {
	case reflect.TypeFor[bool]():
		return core.Boolean, nil
	case reflect.TypeFor[int64]():
		return core.Int64, nil
	case reflect.TypeFor[float64]():
		return core.Float64, nil
	case reflect.TypeFor[core.Timestamp](), reflect.TypeFor[core.EventTime]():
		return core.TimestampType, nil
	case reflect.TypeFor[string](), reflect.TypeFor[[]byte]():
		return core.Text, nil
	}
	return 0, fmt.Errorf("%s is no type of SQL: use float64, int64, bool, string or streamgauge.Timestamp", t)
}

// named gives HalfLife as half_life.
func named(name string) string {
	var snake strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(r))
	}
	return snake.String()
}

// fieldsOf gives the exported fields of a struct as parameters or options: `default:"..."` and `docs:"..."` are tags.
func fieldsOf(t reflect.Type) ([]core.Field, error) {
	var fields []core.Field
	for at := range t.NumField() {
		from := t.Field(at)
		if !from.IsExported() {
			continue
		}
		kind, err := dataType(from.Type)
		if err != nil {
			return nil, fmt.Errorf("the field %s of %s: %w", from.Name, t, err)
		}
		field := core.Field{Name: named(from.Name), Docs: from.Tag.Get("docs"), Type: kind}
		if text, ok := from.Tag.Lookup("default"); ok {
			if field.Default, err = parse(kind, text); err != nil {
				return nil, fmt.Errorf("the default of the field %s of %s: %w", from.Name, t, err)
			}
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func parse(kind core.DataType, text string) (any, error) {
	var err error
	switch kind {
	case core.Boolean:
		var value bool
		_, err = fmt.Sscan(text, &value)
		return value, err
	case core.Int64:
		var value int64
		_, err = fmt.Sscan(text, &value)
		return value, err
	case core.Float64:
		var value float64
		_, err = fmt.Sscan(text, &value)
		return value, err
	case core.TimestampType:
		var value core.Timestamp
		_, err = fmt.Sscan(text, &value)
		return value, err
	}
	return text, nil
}

// set puts values into the exported fields of a struct.
func set(into reflect.Value, values []any) *core.Error {
	for at := range into.NumField() {
		if !into.Type().Field(at).IsExported() {
			continue
		}
		name := named(into.Type().Field(at).Name)
		if len(values) == 0 {
			return &core.Error{Text: "`" + name + "` is missing"}
		}
		value := reflect.ValueOf(values[0])
		if !value.IsValid() || value.Type() != into.Field(at).Type() {
			return &core.Error{Text: "`" + name + "` must not be NULL"}
		}
		into.Field(at).Set(value)
		values = values[1:]
	}
	return nil
}

// open asks the value for its method Open, if it has one.
func open(value any) (refused *core.Error) {
	defer recovered(&refused)
	if opens, ok := value.(interface{ Open() error }); ok {
		if err := opens.Open(); err != nil {
			return &core.Error{Text: err.Error()}
		}
	}
	return nil
}

// recovered makes an error of a panic, with the place in the author's code.
func recovered(refused **core.Error) {
	if panicked := recover(); panicked != nil {
		*refused = &core.Error{Text: where(panicked)}
	}
}

func where(panicked any) string {
	text := strings.ToValidUTF8(fmt.Sprint(panicked), "?")
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "main.") {
			return fmt.Sprintf("%s (%s:%d)", text, filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return text
		}
	}
}
