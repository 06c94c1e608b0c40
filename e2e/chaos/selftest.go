package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

func decimal(n []byte) []byte { return []byte(new(big.Int).SetBytes(n).String()) }

// selfTest plants keys and tokens of the emulators and reports the first that the search does not
// find. The caller holds the lock.
func (s *scanner) selfTest() error {
	planted := 0
	for _, source := range s.sources {
		c, err := source.control.Confidential(context.Background())
		if err != nil {
			return err
		}
		for i, der := range c.Keys {
			text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
			if s.search(append([]byte(`level=INFO msg="planted `), text...)) == nil {
				return fmt.Errorf("the search does not find the planted key %d", i)
			}
			planted++
		}
		for i, token := range c.Tokens {
			if strings.Count(token, ".") != 2 {
				continue // some token files contain rubbish
			}
			if s.search([]byte(`{"message": "Bearer `+token+`"}`)) == nil {
				return fmt.Errorf("the search does not find the planted token %d", i)
			}
			planted++
		}
	}
	if planted == 0 {
		return errors.New("there was no key and no token to search for")
	}
	return nil
}
