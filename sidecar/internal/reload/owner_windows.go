package reload

// owner is only for error messages of signals, which Windows does not have.
func (p process) owner() string { return "unknown" }
