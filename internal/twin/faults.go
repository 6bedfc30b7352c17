package twin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"trent/internal/twin/faults"
)

// faultRules is what POST /_trent/faults takes.
type faultRules struct {
	// Seed makes the choices of rules with a rate repeatable; absent, they are
	// different each time.
	Seed  *uint64       `json:"seed"`
	Rules []faults.Rule `json:"rules"`
}

// faultStatus is the answer of /_trent/faults.
type faultStatus struct {
	Rules []faults.Status `json:"rules"`
}

// getFaults is GET /_trent/faults.
func (t *Twin) getFaults(context.Context, []byte) (any, error) {
	return faultStatus{t.faults.Status()}, nil
}

// postFaults is POST /_trent/faults: its rules take the place of those before.
func (t *Twin) postFaults(ctx context.Context, body []byte) (any, error) {
	var in faultRules
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if in.Rules == nil {
		return nil, bad(`give "rules", a list; DELETE ends them all`)
	}
	if err := t.setFaults(in.Seed, in.Rules); err != nil {
		return nil, bad(err.Error())
	}
	return t.getFaults(ctx, nil)
}

// deleteFaults is DELETE /_trent/faults.
func (t *Twin) deleteFaults(ctx context.Context, _ []byte) (any, error) {
	if err := t.setFaults(nil, nil); err != nil {
		return nil, err
	}
	return t.getFaults(ctx, nil)
}

func (t *Twin) setFaults(seed *uint64, rules []faults.Rule) error {
	var b [8]byte
	rand.Read(b[:])
	s := binary.BigEndian.Uint64(b[:])
	if seed != nil {
		s = *seed
	}
	return t.faults.Replace(s, rules)
}

// missTimeout bounds the wait until a killed module is missed.
const missTimeout = 5 * time.Second

// killModule ends the module as a crash does, and returns when the service has
// noticed: whoever asks then is told what production tells. It runs within a
// request, so the node stays.
func (t *Twin) killModule(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, missTimeout)
	defer cancel()
	if err := t.Module.Kill(); err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for t.node.Pipeline.Ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
