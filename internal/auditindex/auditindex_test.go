package auditindex

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"trent/internal/audit"
)

var node = [16]byte{1}

// trail is a trail of two runs with several segments, and its index.
func trail(t *testing.T, records int) *Index {
	t.Helper()
	x := &Index{Trail: t.TempDir(), Folder: filepath.Join(t.TempDir(), "index"), Node: node, Log: slog.New(slog.DiscardHandler)}
	n := 0
	for range 2 {
		a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: node, Mode: audit.Relaxed, SegmentBytes: 4000})
		if err != nil {
			t.Fatal(err)
		}
		for range records / 2 {
			if err := a.Append(t.Context(), []byte(record(n))); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

const account = "111122223333"

// record is the n-th record: its members repeat with different periods.
func record(n int) string {
	failed := ""
	if n%7 == 0 {
		failed = `"errorCode":"AccessDeniedException",`
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA%d","arn":"arn:aws:iam::%s:user/u%d","accessKeyId":"AKIA%d","userName":"u%d"},`+
		`"eventTime":"2026-11-20T00:%02d:%02dZ","eventSource":"kms.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1",%s`+
		`"requestParameters":{"encryptionContext":{"ward":"%d","eventName":"not this"},"keyId":"alias/k%d"},"requestID":"r%d","eventID":"e%d","readOnly":true,`+
		`"resources":[{"accountId":"%s","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:%s:key/k%d"}],"recipientAccountId":"%s"}`,
		n%3, account, n%3, n%3, n%3, n/60%60, n%60, []string{"Encrypt", "Decrypt"}[n%2], failed, n%4, n%5, n, n, account, account, n%5, account)
}

// TestFind: what the index finds is what reading everything finds, whatever is
// asked, in either order, in pages of any size, with index files for all, some
// or none of the segments.
func TestFind(t *testing.T) {
	t.Parallel()
	const records = 240
	x := trail(t, records)
	all := []Term{
		{Operation, "Encrypt"}, {Operation, "not this"}, {Source, "kms.amazonaws.com"}, {Resource, "arn:aws:kms:eu-west-1:" + account + ":key/k3"}, {Resource, "k2"},
		{Principal, "u1"}, {Principal, "AIDA2"}, {Principal, "arn:aws:iam::" + account + ":user/u0"}, {Principal, "AKIA1"}, {AccessKey, "AKIA1"}, {UserName, "u1"},
		{Result, Success}, {Result, "AccessDeniedException"}, {Request, "r17"}, {Event, "e200"}, {Context, "ward=2"}, {Context, "ward=9"},
		{Account, account}, {Region, "eu-west-1"}, {ReadOnly, "true"}, {ReadOnly, "false"},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		switch round {
		case 100:
			if err := x.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 200: // somebody has damaged some, and removed some
			files, err := filepath.Glob(filepath.Join(x.Folder, "*", "*", "*.idx"))
			if err != nil || len(files) < 10 {
				t.Fatalf("%d index files, %v", len(files), err)
			}
			for i, file := range files {
				if i%3 == 0 {
					err = os.Remove(file)
				} else if i%3 == 1 {
					err = os.Truncate(file, 50)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		q := Query{NewestFirst: random.IntN(2) == 0, Limit: 1 + random.IntN(50)}
		for range random.IntN(4) {
			q.Terms = append(q.Terms, all[random.IntN(len(all))])
		}
		if random.IntN(2) == 0 {
			q.Since = time.Date(2026, 11, 20, 0, random.IntN(5), random.IntN(60), 0, time.UTC)
		}
		if random.IntN(2) == 0 {
			q.Until = time.Date(2026, 11, 20, 0, random.IntN(5), random.IntN(60), 0, time.UTC)
		}
		want := naive(&q, records)
		if got := pages(t, x, q); !slices.Equal(got, want) {
			t.Fatalf("round %d, %+v:\n got %v\nwant %v", round, q, got, want)
		}
	}
}

// naive finds by reading the records as they were made.
func naive(q *Query, records int) (found []string) {
	var e entry
	for n := range records {
		e.read([]byte(record(n)))
		if q.matches(&e) {
			found = append(found, record(n))
		}
	}
	if q.NewestFirst {
		slices.Reverse(found)
	}
	return found
}

// pages joins the pages of a query.
func pages(t *testing.T, x *Index, q Query) (all []string) {
	t.Helper()
	for {
		found, more, err := x.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > q.Limit {
			t.Fatalf("%d records, at most %d wanted", len(found), q.Limit)
		}
		for _, f := range found {
			all = append(all, string(f.JSON))
		}
		if !more {
			return all
		}
		q.After = found[len(found)-1].Position
	}
}

// TestMatches states by example what a record has and has not.
func TestMatches(t *testing.T) {
	t.Parallel()
	var e entry
	e.read([]byte(record(7)))
	for term, want := range map[Term]bool{
		{Operation, "Decrypt"}: true, {Operation, "Encrypt"}: false, {Operation, "decrypt"}: false,
		{Result, "AccessDeniedException"}: true, {Result, Success}: false,
		{Context, "ward=3"}: true, {Context, "ward"}: false, {Context, "eventName=not this"}: true,
		{Resource, "k2"}: true, {Resource, "key/k2"}: false, {Resource, "alias/k2"}: false,
		{Principal, "u1"}: true, {UserName, "u1"}: true, {UserName, "AKIA1"}: false,
	} {
		if got := e.has(term); got != want {
			t.Errorf("%+v: %v", term, got)
		}
	}
}

// FuzzRead: no record, whatever is in it, does harm.
func FuzzRead(f *testing.F) {
	f.Add([]byte(record(7)))
	f.Add([]byte(`{"userIdentity":[],"resources":{},"requestParameters":{"encryptionContext":5},"eventTime":7}`))
	f.Fuzz(func(t *testing.T, json []byte) {
		var e entry
		e.read(json)
		if !e.has(Term{Result, Success}) && len(e.terms) == 0 {
			t.Error("a record without a result")
		}
	})
}
