package main

import (
	"bytes"
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

	"trent/internal/record"
	"trent/internal/store/sqlite"
)

// A list is an operation that reads a long list page by page, and what it reads.
type list struct {
	operation string
	limit     int
	prefix    []byte // of the records in the store
	maxPages  int
}

// What is measured, and its bounds.
const (
	account      = "000000000000" // of the access key "test"
	listBound    = 3.0            // times the store's own read of as many records
	restartBound = 300.0          // ms from exec to the first answer
	fillConns    = 64
	tellEvery    = 10_000 // keys
)

func allLists() []list {
	return []list{
		{"ListKeys", 1000, record.KeyPrefix(region, account), 100},
		{"ListAliases", 100, record.AliasPrefix(region, account), 300},
	}
}

// A listReport is what `load lists` measured, times in µs.
type listReport struct {
	Machine  string    `json:"machine"`
	Keys     int       `json:"keys"`
	Rounds   int       `json:"rounds"`
	Lists    []listRow `json:"lists"`
	Restarts []float64 `json:"restart_ms_after_stop"`
	Crashes  []float64 `json:"restart_ms_after_kill_9"`

	killed bool // how the server ended the last time
}

// A listRow is one list: medians of the pages of each round, and of the rounds.
type listRow struct {
	Operation string    `json:"operation"`
	Limit     int       `json:"limit"`
	Pages     []float64 `json:"page_us"`
	Ranges    []float64 `json:"store_range_us"`
}

func (r *listRow) ratio() (middle, least, greatest float64) {
	ratios := make([]float64, len(r.Pages))
	for i := range ratios {
		ratios[i] = r.Pages[i] / r.Ranges[i]
	}
	least, greatest = spread(ratios)
	return median(ratios), least, greatest
}

// lists is the command.
func lists(args []string) error {
	fs := flag.NewFlagSet("lists", flag.ExitOnError)
	bin := fs.String("bin", "bin", "folder with trent and trent-hsm")
	keys := fs.Int("keys", 100_000, "keys, each with an alias")
	rounds := fs.Int("rounds", 5, "rounds: a start, the lists, a stop or kill -9, the store's own reads")
	data := fs.String("data", "", "data folder that is kept; one that exists is not filled again")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	folder := *data
	if folder == "" {
		temporary, err := os.MkdirTemp("", "trent-lists-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		folder = filepath.Join(temporary, "data")
	}
	ctx := context.Background()
	r := listReport{Machine: machine(), Keys: *keys, Rounds: *rounds}
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		if err := fill(ctx, *bin, folder, *keys); err != nil {
			return fmt.Errorf("creating %d keys: %w", *keys, err)
		}
		r.killed = true
	}
	for _, l := range allLists() {
		r.Lists = append(r.Lists, listRow{Operation: l.operation, Limit: l.limit})
	}
	for round := range *rounds {
		if err := r.round(ctx, *bin, folder, round%2 == 1); err != nil {
			return err
		}
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

// fill creates keys, each with an alias, through the API, and kills the server in
// the end: the next start finds the most that one can have left.
func fill(ctx context.Context, bin, data string, keys int) error {
	s, err := startTrent("trent", bin, data)
	if err != nil {
		return err
	}
	defer s.kill()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fillConns}}
	failed := make(chan error, fillConns)
	var next atomic.Int64
	var all sync.WaitGroup
	for range fillConns {
		all.Go(func() {
			for n := next.Add(1); n <= int64(keys); n = next.Add(1) {
				if err := createWithAlias(ctx, client, s.host, int(n)); err != nil {
					failed <- err
					return
				}
				if n%tellEvery == 0 {
					fmt.Fprintf(os.Stderr, "%d keys\n", n)
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

func createWithAlias(ctx context.Context, client *http.Client, host string, n int) error {
	body, err := newRequest("CreateKey", map[string]any{"Description": "key number " + strconv.Itoa(n)}).sendWith(ctx, client, host)
	if err != nil {
		return err
	}
	var created struct{ KeyMetadata struct{ KeyId string } }
	if err := json.Unmarshal(body, &created); err != nil {
		return err
	}
	alias := newRequest("CreateAlias", map[string]any{"AliasName": "alias/service/" + strconv.Itoa(n), "TargetKeyId": created.KeyMetadata.KeyId})
	_, err = alias.sendWith(ctx, client, host)
	return err
}

// round starts the server, reads all lists through it, ends it, and reads the
// same records from its store.
func (r *listReport) round(ctx context.Context, bin, data string, kill bool) error {
	s, ms, err := firstAnswer(ctx, bin, data, "--audit", "relaxed")
	if err != nil {
		return err
	}
	if r.killed {
		r.Crashes = append(r.Crashes, ms)
	} else {
		r.Restarts = append(r.Restarts, ms)
	}
	for i, l := range allLists() {
		us, err := l.pages(ctx, s.host)
		if err != nil {
			s.stop()
			return err
		}
		r.Lists[i].Pages = append(r.Lists[i].Pages, us)
	}
	r.killed = kill
	if kill {
		s.kill()
	} else {
		s.stop()
	}
	return r.ranges(ctx, data)
}

// pages walks a list over one connection and returns the median time of a full
// page, in µs.
func (l list) pages(ctx context.Context, host string) (float64, error) {
	c, err := dial(host, nil, 0)
	if err != nil {
		return 0, err
	}
	defer c.close()
	c.keep = true
	var times []float64
	for in := map[string]any{"Limit": l.limit}; len(times) < l.maxPages; {
		signed, err := newRequest(l.operation, in).wire(host, time.Now())
		if err != nil {
			return 0, err
		}
		c.pool = [][]byte{signed}
		begin := time.Now()
		status, body, err := c.roundTrip()
		took := time.Since(begin)
		if err != nil || status != http.StatusOK {
			return 0, fmt.Errorf("%s: %d %.300s: %w", l.operation, status, body, err)
		}
		if n := bytes.Count(body, []byte(`Arn":"`)); n != l.limit {
			return 0, fmt.Errorf("%s: a page of %d, want %d", l.operation, n, l.limit)
		}
		times = append(times, micros(took))
		var page struct{ NextMarker string }
		if err := json.Unmarshal(body, &page); err != nil {
			return 0, err
		}
		if page.NextMarker == "" {
			break
		}
		in["Marker"] = page.NextMarker
	}
	return median(times), nil
}

// ranges reads the same pages from the store of a server that is not running.
func (r *listReport) ranges(ctx context.Context, data string) error {
	st, err := sqlite.Open(ctx, filepath.Join(data, "store"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	for i, l := range allLists() {
		var times []float64
		for from, more := l.prefix, true; more && len(times) < l.maxPages; {
			begin := time.Now()
			page, m, _, err := st.Range(ctx, from, record.PrefixEnd(l.prefix), l.limit)
			times = append(times, micros(time.Since(begin)))
			if err != nil || len(page) != l.limit {
				return fmt.Errorf("the store has a page of %d records for %s: %w", len(page), l.operation, err)
			}
			from, more = append(page[len(page)-1].Key, 0), m
		}
		r.Lists[i].Ranges = append(r.Lists[i].Ranges, median(times))
	}
	return nil
}

// print writes the report in Markdown.
func (r *listReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d keys with an alias each; medians of %d rounds.\n\n", r.Keys, r.Rounds)
	fmt.Fprintln(w, "| page | p50 µs | the store's range read, p50 µs | ratio (least–greatest round) | bound |")
	fmt.Fprintln(w, "|---|--:|--:|---|--:|")
	for _, l := range r.Lists {
		middle, least, greatest := l.ratio()
		fmt.Fprintf(w, "| %s of %d | %.0f | %.0f | %.2f (%.2f–%.2f) | %.1f |\n", l.Operation, l.Limit, median(l.Pages), median(l.Ranges), middle, least, greatest, listBound)
	}
	fmt.Fprintf(w, "\nStart to first answer with %d keys, ms: after a stop %.0f, after kill -9 %.0f (bound %.0f)\n", r.Keys, r.Restarts, r.Crashes, restartBound)
}
