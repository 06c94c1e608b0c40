package settings

// Error is an annotation that cannot be served: the reason for a denial.
type Error struct {
	// Annotation is the full key; Level is where it was found.
	Annotation string
	Level      Level
	// Entry counts from 1 the element of a list that is meant; 0 is the whole value.
	Entry int
	// Value is what was found, shortened; empty where showing it does not help.
	Value string
	// Reason says what is wrong and what is allowed, or what to do.
	Reason string
}

func (e *Error) Error() string { panic("being written") }
