package contract

// Exit codes of the programs; 0 is success. docs/reference.md lists what they mean.
const (
	ExitFailure = 1 // a failure at run time
	ExitUsage   = 2 // wrong flags or settings
)
