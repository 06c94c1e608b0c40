package main

import (
	"bytes"
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// replicaSets is the number of ReplicaSets that requests are for, each with a separate service
// account.
const replicaSets = 1000

// review is a request for a pod of one ReplicaSet, and where it differs from that for another pod.
type review struct {
	text []byte
	uid  []int // of the request
	// token is in the random name of the volume for the service account's token.
	token []int
	// template is in the names that a ReplicaSet has from its pod template.
	template []int
}

// What the parts are in rig's review. Numbers of the same length replace them.
const uidPart, tokenPart, templatePart = "42010a800002", "x7k2p", "6d4cf56db6"

func newReviews() ([]*review, error) {
	const step = accounts / replicaSets
	list := make([]*review, replicaSets)
	for i := range list {
		text, err := rig.Request(namespaceName(i*step), accountName(i*step))
		if err != nil {
			return nil, err
		}
		list[i] = &review{text, offsets(text, uidPart), offsets(text, tokenPart), offsets(text, templatePart)}
	}
	return list, nil
}

func offsets(text []byte, part string) (list []int) {
	for at := 0; ; at++ {
		next := bytes.Index(text[at:], []byte(part))
		if next < 0 {
			return list
		}
		at += next
		list = append(list, at)
	}
}

// pods are the kinds of load.
type pods int

const (
	// repeated pods belong to the same few ReplicaSets again and again, as in a roll-out.
	repeated pods = iota
	// different pods have a ReplicaSet each.
	different
)

// sender has the buffer of one client. Its requests differ from those of other senders.
type sender struct {
	buffer []byte
	number int
	pods   pods
}

func newSender(client int, p pods) *sender { return &sender{number: client * 100_000_000, pods: p} }

// next returns the request for the next pod. It is valid until the next one.
func (s *sender) next(r *review) []byte {
	s.number++
	s.buffer = append(s.buffer[:0], r.text...)
	write := func(places []int, part string) {
		text := fmt.Appendf(nil, "%0*d", len(part), s.number)
		for _, at := range places {
			copy(s.buffer[at:], text[len(text)-len(part):])
		}
	}
	write(r.uid, uidPart)
	write(r.token, tokenPart)
	if s.pods == different {
		write(r.template, templatePart)
	}
	return s.buffer
}
