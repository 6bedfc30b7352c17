package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	trails "trent/internal/audit"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// A commitReport is a mutation over one connection beside a bare commit of the
// rows that it writes: the key's, and its audit record in the outbox. Quantiles of
// each round, µs.
type commitReport struct {
	Mode    string    `json:"mode"`
	Each    int       `json:"mutations_per_round"`
	P50     []float64 `json:"mutation_p50_us"`
	P99     []float64 `json:"mutation_p99_us"`
	BareP50 []float64 `json:"commit_p50_us"`
	BareP99 []float64 `json:"commit_p99_us"`

	all, bare []float64
}

// rowsOf makes one mutation on a server of its own, and returns the sizes of the
// rows that it commits.
func rowsOf(ctx context.Context, bin, data string) (key, outbox int, err error) {
	s, err := startTrent("rows", bin, data)
	if err != nil {
		return 0, 0, err
	}
	describe, err := describer(ctx, s.host)
	if err == nil {
		_, err = describe(0).send(ctx, s.host)
	}
	s.stop()
	if err != nil {
		return 0, 0, err
	}
	for r, err := range trails.Records(filepath.Join(data, "audit")) {
		if err != nil {
			return 0, 0, err
		}
		if bytes.Contains(r.JSON, []byte(`"eventName":"UpdateKeyDescription"`)) {
			outbox = len(r.JSON)
		}
	}
	st, err := sqlite.Open(ctx, filepath.Join(data, "store"), sqlite.Options{})
	if err != nil {
		return 0, 0, err
	}
	defer st.Close()
	prefix := record.KeyPrefix(region, account)
	rows, _, _, err := st.Range(ctx, prefix, record.PrefixEnd(prefix), 1)
	if err != nil || len(rows) == 0 || outbox == 0 {
		return 0, 0, fmt.Errorf("the mutation has left %d keys, and a record of %d bytes: %w", len(rows), outbox, err)
	}
	const envelope = 64 // of a row in the store around its record: its type, its MAC
	return len(rows[0].Value), outbox + envelope, nil
}

// describer makes a key, and returns requests that give it another description.
func describer(ctx context.Context, host string) (func(n int) request, error) {
	var created struct{ KeyMetadata struct{ KeyId string } }
	err := call(ctx, host, newRequest("CreateKey", map[string]any{}), &created)
	return func(n int) request {
		text := fmt.Sprintf("%08d%s", n, strings.Repeat("d", 40))
		return newRequest("UpdateKeyDescription", map[string]any{"KeyId": created.KeyMetadata.KeyId, "Description": text})
	}, err
}

// measureCommits measures both modes, in alternation with the bare commits.
func (r *auditReport) measureCommits(bin, folder string, each int) error {
	ctx := context.Background()
	keyBytes, outboxBytes, err := rowsOf(ctx, bin, filepath.Join(folder, "rows"))
	if err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, filepath.Join(folder, "bare"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	b := bare{st: st, key: bytes.Repeat([]byte("k"), keyBytes), outbox: bytes.Repeat([]byte("o"), outboxBytes)}
	for _, mode := range []string{"relaxed", "strict"} {
		c := commitReport{Mode: mode, Each: each}
		if err := c.measure(ctx, &b, bin, filepath.Join(folder, "mutate-"+mode), r.Rounds); err != nil {
			return err
		}
		r.Commits = append(r.Commits, c)
	}
	return nil
}

// A bare is a store that has nothing to do but these commits.
type bare struct {
	st          *sqlite.Store
	key, outbox []byte
	revision    store.Rev
	n           int
}

func (b *bare) commit(ctx context.Context) (time.Duration, error) {
	key := record.KeyPath(region, account, "00000000-0000-4000-8000-000000000000")
	b.n++
	ops := []store.Op{{Key: key, Value: b.key}, {Key: record.OutboxPath(region, fmt.Sprintf("00000000-0000-4000-8000-%012d", b.n)), Value: b.outbox}}
	began := time.Now()
	ok, revision, err := b.st.Txn(ctx, []store.Cmp{{Key: key, Mod: b.revision}}, ops)
	took := time.Since(began)
	if err == nil && !ok {
		err = fmt.Errorf("the key is not of revision %d", b.revision)
	}
	b.revision = revision
	return took, err
}

func (c *commitReport) measure(ctx context.Context, b *bare, bin, data string, rounds int) error {
	s, err := startTrent(c.Mode, bin, data, "--audit", c.Mode)
	if err != nil {
		return err
	}
	defer s.stop()
	describe, err := describer(ctx, s.host)
	if err != nil {
		return err
	}
	now := time.Now()
	var pool [][]byte
	for n := range 2 { // the description must change, or there is nothing to commit
		wire, err := describe(n).wire(s.host, now)
		if err != nil {
			return err
		}
		pool = append(pool, wire)
	}
	conn, err := dial(s.host, pool, 0)
	if err != nil {
		return err
	}
	defer conn.close()
	for range rounds {
		var mutations, commits []float64
		// Ten of one, ten of the other: a disk's bad moments befall both.
		for i := range 2 * c.Each {
			if i/10%2 == 0 {
				took, err := b.commit(ctx)
				if err != nil {
					return err
				}
				commits = append(commits, micros(took))
				continue
			}
			began := time.Now()
			status, body, err := conn.roundTrip()
			if err != nil || status != 200 {
				return fmt.Errorf("UpdateKeyDescription: %s: %s: %w", strconv.Itoa(status), body, err)
			}
			mutations = append(mutations, micros(time.Since(began)))
		}
		c.P50, c.P99 = append(c.P50, median(mutations)), append(c.P99, quantile(mutations, 0.99))
		c.BareP50, c.BareP99 = append(c.BareP50, median(commits)), append(c.BareP99, quantile(commits, 0.99))
		c.all, c.bare = append(c.all, mutations...), append(c.bare, commits...)
	}
	return nil
}

// quantile sorts the values.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}
