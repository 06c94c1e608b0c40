package main

import (
	"errors"
	"strings"
)

// list is the value of a flag with elements that are separated by commas. Setting the flag again
// replaces the list.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = nil
	for _, element := range strings.Split(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			*l = append(*l, element)
		}
	}
	return nil
}

// pair is one element of pairs.
type pair struct{ key, value string }

// pairs is the value of a repeatable flag KEY=VALUE.
type pairs []pair

func (p *pairs) String() string { return "" }

func (p *pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("must be KEY=VALUE")
	}
	*p = append(*p, pair{key, value})
	return nil
}
