package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What `load grants` measures, and its bound.
const (
	grantee     = "444455556666" // an account whose root user decrypts
	grantsBound = 1.1            // times the CPU of a Decrypt on a key without grants
	grantConns  = 16
)

// A grantsReport is what `load grants` measured.
type grantsReport struct {
	Machine string    `json:"machine"`
	Grants  int       `json:"grants"`
	Rounds  int       `json:"rounds"`
	FirstMs float64   `json:"first_use_ms"` // of the key with grants: they are read then
	With    []float64 `json:"cpu_us_per_decrypt_with_grants"`
	Without []float64 `json:"cpu_us_per_decrypt_without"`
}

// grants is the command: a Decrypt that one of many grants on a key allows, half of
// which are one grantee's and told apart by EncryptionContextSubset, beside one
// that a key policy allows on a key without grants.
func grants(args []string) error {
	fs := flag.NewFlagSet("grants", flag.ExitOnError)
	bin := fs.String("bin", "bin", "folder with trent and trent-hsm")
	count := fs.Int("grants", 50_000, "grants on the key")
	seconds := fs.Float64("seconds", 2, "measured time of each phase")
	rounds := fs.Int("rounds", 5, "rounds; each measures both keys in turn")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	folder, err := os.MkdirTemp("", "trent-grants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	l := load{warmup: 300 * time.Millisecond, duration: time.Duration(*seconds * float64(time.Second)), poolSize: 64}
	r := &grantsReport{Machine: machine(), Grants: *count, Rounds: *rounds}
	if err := r.measure(context.Background(), l, *bin, filepath.Join(folder, "data")); err != nil {
		return err
	}
	r.print(os.Stdout)
	if *output == "" {
		return nil
	}
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*output, append(encoded, '\n'), 0o644)
}

func (r *grantsReport) measure(ctx context.Context, l load, bin, data string) error {
	s, err := startTrent("trent", bin, data, "--audit", "relaxed")
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	// The grantee's first call makes his account.
	if _, err := (request{operation: "ListKeys", body: []byte("{}"), account: grantee}).send(ctx, s.host); err != nil {
		return err
	}
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["` + account + `","` + grantee + `"]},"Action":"kms:*","Resource":"*"}}`
	var decrypts [2]request // without grants, with grants
	for i, in := range []map[string]any{{"Policy": policy}, {}} {
		var created struct{ KeyMetadata struct{ KeyId string } }
		if err := call(ctx, s.host, newRequest("CreateKey", in), &created); err != nil {
			return err
		}
		id := created.KeyMetadata.KeyId
		if i == 1 {
			if err := grantAll(ctx, s.host, id, r.Grants); err != nil {
				return err
			}
		}
		encryptionContext := map[string]any{"tenant": "t", "volume": volume(r.Grants / 2)}
		var encrypted struct{ CiphertextBlob []byte }
		encrypt := newRequest("Encrypt", map[string]any{"KeyId": id, "Plaintext": message()[:plaintextSize], "EncryptionContext": encryptionContext})
		if err := call(ctx, s.host, encrypt, &encrypted); err != nil {
			return err
		}
		decrypts[i] = newRequest("Decrypt", map[string]any{"CiphertextBlob": encrypted.CiphertextBlob, "EncryptionContext": encryptionContext})
		decrypts[i].account = grantee
	}
	// Another start, so that the grants are read as after one.
	s.stop()
	if s, err = startTrent("trent", bin, data, "--audit", "relaxed"); err != nil {
		return err
	}
	began := time.Now()
	if _, err := decrypts[1].send(ctx, s.host); err != nil {
		return err
	}
	r.FirstMs = float64(time.Since(began).Microseconds()) / 1000
	for range r.Rounds {
		for i, into := range []*[]float64{&r.Without, &r.With} {
			p, err := l.measure(s, decrypts[i], grantConns)
			if err != nil {
				return errors.Join(err, s.ended())
			}
			*into = append(*into, p.CPU)
		}
	}
	return nil
}

func volume(n int) string { return "vol-" + strconv.Itoa(n) }

// grantAll makes grants on a key: every other one to the grantee, for a volume,
// the rest to a role each.
func grantAll(ctx context.Context, host, key string, count int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: grantConns}}
	failed := make(chan error, grantConns)
	var next atomic.Int64
	var all sync.WaitGroup
	for range grantConns {
		all.Go(func() {
			for n := next.Add(1); n <= int64(count); n = next.Add(1) {
				in := map[string]any{
					"KeyId": key, "Operations": []string{"Decrypt", "GenerateDataKey", "DescribeKey"},
					"Constraints": map[string]any{"EncryptionContextSubset": map[string]string{"tenant": "t", "volume": volume(int(n))}},
				}
				if in["GranteePrincipal"] = "arn:aws:iam::" + grantee + ":root"; n%2 == 1 {
					in["GranteePrincipal"] = "arn:aws:iam::" + grantee + ":role/r" + strconv.Itoa(int(n))
				}
				if _, err := newRequest("CreateGrant", in).sendWith(ctx, client, host); err != nil {
					failed <- err
					return
				}
				if n%tellEvery == 0 {
					fmt.Fprintf(os.Stderr, "%d grants\n", n)
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

func (r *grantsReport) print(w io.Writer) {
	var ratios []float64
	for i := range r.With {
		ratios = append(ratios, r.With[i]/r.Without[i])
	}
	least, greatest := spread(ratios)
	fmt.Fprintf(w, "\n%s; medians of %d rounds.\n\n", r.Machine, r.Rounds)
	fmt.Fprintf(w, "Decrypt with one of %d grants: %.1f µs of CPU, without grants %.1f µs: × %.2f (%.2f–%.2f), at most %.1f wanted. First use: %.0f ms.\n",
		r.Grants, median(r.With), median(r.Without), median(ratios), least, greatest, grantsBound, r.FirstMs)
}
