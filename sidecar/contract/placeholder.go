package contract

import "strings"

// placeholderReason returns an error if text is a placeholder of a document or template instead of
// a value, and "" otherwise.
func placeholderReason(text string) string {
	switch {
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		return "is an ARM template expression, which is not evaluated here: replace it with its value"
	case strings.ContainsAny(text, "<>"):
		return "contains a placeholder: replace <...> with the value"
	case strings.ContainsAny(text, "xX") && strings.Trim(text, "xX-") == "":
		return "is a placeholder: replace it with the value"
	}
	return ""
}
