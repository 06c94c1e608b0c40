package forward

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// encode encodes a record as a message of the forward protocol in Message Mode: [tag, time,
// record].
func encode(tag string, at time.Time, record []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.UseNumber() // a duration in nanoseconds must stay an integer
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	message := msgp.AppendArrayHeader(nil, 3)
	message = msgp.AppendString(message, tag)
	message = appendTime(message, at)
	return appendValue(message, fields)
}

// appendTime appends an EventTime: extension type 0 with seconds and nanoseconds, each in four
// bytes, big-endian.
func appendTime(b []byte, at time.Time) []byte {
	b = append(b, 0xd7, 0x00) // fixext 8, type 0
	b = binary.BigEndian.AppendUint32(b, uint32(at.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()))
}

// appendValue appends a value that encoding/json has decoded.
func appendValue(b []byte, value any) ([]byte, error) {
	var err error
	switch v := value.(type) {
	case nil:
		return msgp.AppendNil(b), nil
	case bool:
		return msgp.AppendBool(b, v), nil
	case string:
		return msgp.AppendString(b, v), nil
	case json.Number:
		return appendNumber(b, v)
	case []any:
		b = msgp.AppendArrayHeader(b, uint32(len(v)))
		for _, element := range v {
			if b, err = appendValue(b, element); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		b = msgp.AppendMapHeader(b, uint32(len(v)))
		for key, element := range v {
			if b, err = appendValue(msgp.AppendString(b, key), element); err != nil {
				return nil, err
			}
		}
		return b, nil
	default:
		return nil, fmt.Errorf("a value of type %T is not JSON", value)
	}
}

func appendNumber(b []byte, n json.Number) ([]byte, error) {
	if i, err := n.Int64(); err == nil {
		return msgp.AppendInt64(b, i), nil
	}
	f, err := n.Float64()
	return msgp.AppendFloat64(b, f), err
}
