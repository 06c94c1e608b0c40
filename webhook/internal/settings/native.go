package settings

import "strings"

// Native is a value of the native-sidecar annotation.
type Native int

// Values of Native.
const (
	NativeAuto Native = iota
	NativeTrue
	NativeFalse
)

func parseNative(v Value) (Native, *Error) {
	switch strings.ToLower(v.Text) {
	case "", "auto":
		return NativeAuto, nil
	case "true":
		return NativeTrue, nil
	case "false":
		return NativeFalse, nil
	}
	return 0, v.Err(`expected "auto", "true" or "false"`)
}
