package streamgauge

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sort"
	"unsafe"
)

// codec keeps values of a type in checkpoints: numbers little-endian, a struct as its fields, an array as its items; a string, slice or
// map as the number of its items in seven bits a byte, and the items, those of a map in the order of their keys.
type codec struct {
	// most is the most bytes, unless it grows.
	most  int
	grows bool
	write func(value unsafe.Pointer, to []byte) []byte
	// read gives what is left.
	read func(value unsafe.Pointer, from []byte) ([]byte, bool)
}

// codecOf makes it once, when a call is opened.
func codecOf(t reflect.Type) (codec, error) {
	switch t.Kind() {
	case reflect.Bool:
		return codec{most: 1, write: writeBool, read: readBool}, nil
	case reflect.Uint8, reflect.Int8:
		return fixed(1), nil
	case reflect.Uint16, reflect.Int16:
		return fixed(2), nil
	case reflect.Uint32, reflect.Int32, reflect.Float32:
		return fixed(4), nil
	case reflect.Uint64, reflect.Int64, reflect.Float64:
		return fixed(8), nil
	case reflect.String:
		return codec{grows: true, write: writeString, read: readString}, nil
	case reflect.Struct:
		return codecOfStruct(t)
	case reflect.Array:
		item, err := codecOf(t.Elem())
		return codecOfArray(item, t.Len(), t.Elem().Size()), err
	case reflect.Slice:
		item, err := codecOf(t.Elem())
		return codecOfSlice(t, item), err
	case reflect.Map:
		return codecOfMap(t)
	}
	return codec{}, fmt.Errorf("a state cannot keep a %s: use numbers of a fixed size, bool, string, structs, arrays, slices and maps", t)
}

// fixed copies bytes: WebAssembly is little-endian.
func fixed(size int) codec {
	return codec{
		most:  size,
		write: func(value unsafe.Pointer, to []byte) []byte { return append(to, unsafe.Slice((*byte)(value), size)...) },
		read: func(value unsafe.Pointer, from []byte) ([]byte, bool) {
			if len(from) < size {
				return nil, false
			}
			copy(unsafe.Slice((*byte)(value), size), from)
			return from[size:], true
		},
	}
}

func writeBool(value unsafe.Pointer, to []byte) []byte {
	if *(*bool)(value) {
		return append(to, 1)
	}
	return append(to, 0)
}

func readBool(value unsafe.Pointer, from []byte) ([]byte, bool) {
	if len(from) == 0 || from[0] > 1 {
		return nil, false
	}
	*(*bool)(value) = from[0] == 1
	return from[1:], true
}

func writeString(value unsafe.Pointer, to []byte) []byte {
	text := *(*string)(value)
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

func readString(value unsafe.Pointer, from []byte) ([]byte, bool) {
	length, from, ok := readLength(from)
	if !ok || length > len(from) {
		return nil, false
	}
	*(*string)(value) = string(from[:length])
	return from[length:], true
}

func readLength(from []byte) (int, []byte, bool) {
	length, size := binary.Uvarint(from)
	if size <= 0 || length > math.MaxInt32 {
		return 0, nil, false
	}
	return int(length), from[size:], true
}

func codecOfStruct(t reflect.Type) (codec, error) {
	type part struct {
		codec
		offset uintptr
	}
	var parts []part
	var whole codec
	for at := range t.NumField() {
		field := t.Field(at)
		if !field.IsExported() {
			return codec{}, fmt.Errorf("the field %s of %s must begin with a capital letter: a state is kept in checkpoints", field.Name, t)
		}
		inner, err := codecOf(field.Type)
		if err != nil {
			return codec{}, fmt.Errorf("the field %s of %s: %w", field.Name, t, err)
		}
		parts = append(parts, part{inner, field.Offset})
		whole.most, whole.grows = whole.most+inner.most, whole.grows || inner.grows
	}
	whole.write = func(value unsafe.Pointer, to []byte) []byte {
		for _, part := range parts {
			to = part.write(unsafe.Add(value, part.offset), to)
		}
		return to
	}
	whole.read = func(value unsafe.Pointer, from []byte) ([]byte, bool) {
		ok := true
		for _, part := range parts {
			if from, ok = part.read(unsafe.Add(value, part.offset), from); !ok {
				return nil, false
			}
		}
		return from, true
	}
	return whole, nil
}

func codecOfArray(item codec, length int, size uintptr) codec {
	return codec{
		most:  length * item.most,
		grows: item.grows,
		write: func(value unsafe.Pointer, to []byte) []byte {
			for at := range length {
				to = item.write(unsafe.Add(value, uintptr(at)*size), to)
			}
			return to
		},
		read: func(value unsafe.Pointer, from []byte) ([]byte, bool) {
			ok := true
			for at := range length {
				if from, ok = item.read(unsafe.Add(value, uintptr(at)*size), from); !ok {
					return nil, false
				}
			}
			return from, true
		},
	}
}

func codecOfSlice(t reflect.Type, item codec) codec {
	return codec{
		grows: true,
		write: func(value unsafe.Pointer, to []byte) []byte {
			slice := reflect.NewAt(t, value).Elem()
			to = binary.AppendUvarint(to, uint64(slice.Len()))
			for at := range slice.Len() {
				to = item.write(slice.Index(at).Addr().UnsafePointer(), to)
			}
			return to
		},
		read: func(value unsafe.Pointer, from []byte) ([]byte, bool) {
			length, from, ok := readLength(from)
			slice := reflect.NewAt(t, value).Elem()
			// No memory is taken in advance: the length may be wrong.
			for range length {
				next := reflect.New(t.Elem())
				if from, ok = item.read(next.UnsafePointer(), from); !ok {
					return nil, false
				}
				slice.Set(reflect.Append(slice, next.Elem()))
			}
			return from, ok
		},
	}
}

func codecOfMap(t reflect.Type) (codec, error) {
	key, err := codecOf(t.Key())
	if err != nil {
		return codec{}, err
	}
	item, err := codecOf(t.Elem())
	write := func(c codec, value reflect.Value, to []byte) []byte {
		copied := reflect.New(value.Type())
		copied.Elem().Set(value)
		return c.write(copied.UnsafePointer(), to)
	}
	return codec{
		grows: true,
		write: func(value unsafe.Pointer, to []byte) []byte {
			whole := reflect.NewAt(t, value).Elem()
			// The order of a map differs between two runs: entries are ordered by the bytes of their keys.
			entries := make([]string, 0, whole.Len())
			for each := whole.MapRange(); each.Next(); {
				entries = append(entries, string(write(item, each.Value(), write(key, each.Key(), nil))))
			}
			sort.Strings(entries)
			to = binary.AppendUvarint(to, uint64(len(entries)))
			for _, entry := range entries {
				to = append(to, entry...)
			}
			return to
		},
		read: func(value unsafe.Pointer, from []byte) ([]byte, bool) {
			length, from, ok := readLength(from)
			whole := reflect.NewAt(t, value).Elem()
			if length > 0 {
				whole.Set(reflect.MakeMap(t))
			}
			for at := range length {
				k, v := reflect.New(t.Key()), reflect.New(t.Elem())
				if from, ok = key.read(k.UnsafePointer(), from); !ok {
					return nil, false
				}
				if from, ok = item.read(v.UnsafePointer(), from); !ok {
					return nil, false
				}
				whole.SetMapIndex(k.Elem(), v.Elem())
				// A key that comes twice was never written.
				if whole.Len() != at+1 {
					return nil, false
				}
			}
			return from, ok
		},
	}, err
}
