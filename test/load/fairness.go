package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"trent/internal/keyspec"
)

// A disturbance is what one account does at full speed while another one
// encrypts.
type disturbance struct {
	Operation string       `json:"operation"` // Sign or CreateKey
	Spec      keyspec.Spec `json:"key_spec"`
	Conns     int          `json:"connections"`
}

func disturbances() []disturbance {
	return []disturbance{
		{"Sign", "RSA_2048", 16}, {"Sign", "RSA_4096", 16},
		// The lane of keys that are made has one worker: more wait longer, no more is made.
		{"CreateKey", "RSA_2048", 4}, {"CreateKey", "RSA_4096", 4},
	}
}

// A fairRow has the other account's Encrypt, round by round: alone and disturbed.
type fairRow struct {
	disturbance
	Alone     []phase `json:"alone"`
	Disturbed []phase `json:"disturbed"`
	// Done is how many requests of the disturbing account were answered.
	Done int `json:"disturbing_requests"`
}

func (r *fairRow) ratios() []float64 {
	ratios := make([]float64, len(r.Alone))
	for i := range ratios {
		ratios[i] = r.Disturbed[i].P50 / r.Alone[i].P50
	}
	return ratios
}

// fairAccount is the account that disturbs; the other is that of accessKey.
const fairAccount = "111122223333"

// fairness measures Encrypt at a fixed rate, alone and while another account
// signs or makes keys as fast as it can.
func (p *algorithmPlan) fairness(ctx context.Context, s *server, ring *keyring) (rows []fairRow, err error) {
	if len(p.fair) == 0 {
		return nil, nil
	}
	id, err := ring.key(ctx, "SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt)
	if err != nil {
		return nil, err
	}
	encrypt := newRequest("Encrypt", map[string]any{"KeyId": id, "Plaintext": message()[:plaintextSize]})
	paced := p.load
	paced.rate, paced.duration = fairRate, 4*p.duration
	for _, d := range p.fair {
		row := fairRow{disturbance: d}
		request, err := d.request(ctx, s.host)
		if err != nil {
			return nil, err
		}
		for range p.rounds {
			if err := waitIdle(s.pid); err != nil {
				return nil, err
			}
			alone, err := paced.measure(s, encrypt, algorithmConns)
			if err != nil {
				return nil, err
			}
			stop, err := p.disturb(s.host, request, d.Conns)
			if err != nil {
				return nil, err
			}
			disturbed, err := paced.measure(s, encrypt, algorithmConns)
			row.Done += stop()
			if err != nil {
				return nil, err
			}
			row.Alone, row.Disturbed = append(row.Alone, alone), append(row.Disturbed, disturbed)
		}
		rows = append(rows, row)
		fmt.Fprintln(os.Stderr, "measured Encrypt beside", d.Operation, d.Spec)
	}
	return rows, nil
}

// request is the disturbing one, with a key of that account.
func (d disturbance) request(ctx context.Context, host string) (request, error) {
	create := newRequest("CreateKey", map[string]any{"KeySpec": d.Spec, "KeyUsage": keyspec.SignVerify})
	create.account = fairAccount
	if d.Operation == "CreateKey" {
		return create, nil
	}
	var created struct{ KeyMetadata struct{ KeyId string } }
	if err := call(ctx, host, create, &created); err != nil {
		return request{}, err
	}
	sign := newRequest(d.Operation, map[string]any{
		"KeyId": created.KeyMetadata.KeyId, "Message": message(), "SigningAlgorithm": "RSASSA_PSS_SHA_256",
	})
	sign.account = fairAccount
	return sign, nil
}

// disturb sends a request over conns connections until stop, which says how
// many were answered. Whatever the answers are: a lane that is full is no
// reason to end.
func (p *algorithmPlan) disturb(host string, r request, conns int) (stop func() int, err error) {
	connections, err := p.connect(host, r, conns)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	done := make([]int, conns)
	for i, c := range connections {
		all.Go(func() {
			for {
				if _, _, err := c.roundTrip(); err != nil {
					return // closed
				}
				done[i]++
			}
		})
	}
	time.Sleep(p.warmup)
	return func() (sum int) {
		for _, c := range connections {
			c.close()
		}
		all.Wait()
		for _, n := range done {
			sum += n
		}
		return sum
	}, nil
}
