package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
)

func decimal(n []byte) []byte { return []byte(new(big.Int).SetBytes(n).String()) }

// selfTest plants all keys and tokens of an emulator and reports the first that the search does not
// find. The caller holds the lock.
func (s *scanner) selfTest(ctx context.Context, from *source) error {
	c, err := from.control.Confidential(ctx)
	if err != nil {
		return err
	}
	for i, der := range c.Keys {
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if s.search(append([]byte(`level=INFO msg="planted `), text...)) == nil {
			return fmt.Errorf("the search does not find the planted key %d", i)
		}
		s.planted++
	}
	for i, token := range c.Tokens {
		if strings.Count(token, ".") != 2 {
			continue // some token files contain rubbish
		}
		if s.search([]byte(`{"message": "Bearer `+token+`"}`)) == nil {
			return fmt.Errorf("the search does not find the planted token %d", i)
		}
		s.planted++
	}
	return nil
}
