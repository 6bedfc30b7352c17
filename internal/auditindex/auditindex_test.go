package auditindex

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"trent/internal/audit"
)

// The first node's id is the greater one: trails are in the order of their times.
var nodes = [...][16]byte{{9}, {1}, {1}}

// trail is the trails of two nodes, the newer of two runs, with several segments,
// and their index.
func trail(t testing.TB, records int, segmentBytes int64) *Index {
	t.Helper()
	x := &Index{Trail: t.TempDir(), Folder: filepath.Join(t.TempDir(), "index"), Wake: make(chan struct{}, 1), Log: slog.New(slog.DiscardHandler)}
	n := 0
	for _, node := range nodes {
		a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: node, Mode: audit.Relaxed, SegmentBytes: segmentBytes})
		if err != nil {
			t.Fatal(err)
		}
		for range records / len(nodes) {
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
	x := trail(t, records, 4000)
	all := []Term{
		{Operation, "Encrypt"}, {Operation, "not this"}, {Source, "kms.amazonaws.com"}, {Resource, "arn:aws:kms:eu-west-1:" + account + ":key/k3"}, {Resource, "k2"}, {Resource, "alias/k3"},
		{Principal, "u1"}, {Principal, "AIDA2"}, {Principal, "arn:aws:iam::" + account + ":user/u0"}, {Principal, "AKIA1"}, {AccessKey, "AKIA1"}, {UserName, "u1"},
		{Result, Success}, {Result, "AccessDeniedException"}, {Request, "r17"}, {Event, "e200"}, {Context, "ward=2"}, {Context, "ward=9"},
		{Account, account}, {Region, "eu-west-1"}, {ReadOnly, "true"}, {ReadOnly, "false"},
		{Type, "AWS::KMS::Key"}, {Type, "AWS::IAM::User"}, {History, HistoryOf(account, "eu-west-1")}, {History, HistoryOf(account, Home)},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		switch round {
		case 100:
			if err := x.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 200:
			damage(t, x)
		case 250: // another process
			x = &Index{Trail: x.Trail, Folder: x.Folder, Wake: x.Wake, Log: x.Log}
		}
		q := Query{NewestFirst: random.IntN(2) == 0, Limit: 1 + random.IntN(50)}
		for range random.IntN(4) {
			q.Terms = append(q.Terms, all[random.IntN(len(all))])
		}
		if random.IntN(2) == 0 {
			q.Work = random.Int64N(20_000)
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
		if q.spans(e.time) && e.hasAll(q.Terms) {
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
	for n := 0; ; n++ {
		if n > 10_000 {
			t.Fatalf("%+v: pages without end", q)
		}
		page, err := x.Find(t.Context(), q)
		if err != nil || page.Damaged != nil {
			t.Fatal(err, page.Damaged)
		}
		if len(page.Found) > q.Limit {
			t.Fatalf("%d records, at most %d wanted", len(page.Found), q.Limit)
		}
		for _, f := range page.Found {
			all = append(all, string(f.JSON))
		}
		if !page.More {
			return all
		}
		if len(page.Found) == 0 && q.Work == 0 {
			t.Fatal("nothing is found, and more follows")
		}
		q.After = page.Next
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
		{Resource, "k2"}: true, {Resource, "key/k2"}: false, {Resource, "alias/k2"}: true, {Resource, "alias/k1"}: false,
		{Principal, "u1"}: true, {UserName, "u1"}: true, {UserName, "AKIA1"}: false,
	} {
		if got := e.has(term); got != want {
			t.Errorf("%+v: %v", term, got)
		}
	}
}

// TestNamed: a record is found by what its caller named, in whichever way.
func TestNamed(t *testing.T) {
	t.Parallel()
	for json, want := range map[string][]string{
		`{"keyId":"alias/payroll"}`:                               {"alias/payroll", "payroll"},
		`{"keyId":"arn:aws:kms:eu-west-1:1:alias/payroll"}`:       {"arn:aws:kms:eu-west-1:1:alias/payroll", "alias/payroll"},
		`{"sourceKeyId":"alias/a","destinationKeyId":"alias/b"}`:  {"alias/a", "alias/b"},
		`{"aliasName":"alias/a","targetKeyId":"k"}`:               {"alias/a", "k"},
		`{"keyId":5,"aliasName":{"keyId":"no"},"userName":"ada"}`: {"ada"},
		`{"roleName":"r","policyArn":"arn:aws:iam::1:policy/p"}`:  {"r", "arn:aws:iam::1:policy/p", "p"},
		`{"groupName":"g"}`:                                       {"g"},
	} {
		var e entry
		e.read([]byte(`{"requestParameters":` + json + `,"errorCode":"X"}`))
		for _, value := range want {
			if !e.hasAll([]Term{{Resource, value}, {Result, "X"}}) {
				t.Errorf("%s is not found by %q", json, value)
			}
		}
		if e.has(Term{Resource, "no"}) {
			t.Errorf("%s has what is not named there", json)
		}
	}
}

// TestHistories: whose event history has a record.
func TestHistories(t *testing.T) {
	t.Parallel()
	for json, want := range map[string][]string{
		`"recipientAccountId":"1","awsRegion":"eu-west-1","resources":[]`:                                                        {"1/eu-west-1"},
		`"resources":[{"accountId":"1","ARN":"a"},{"ARN":"b","accountId":"2"}],"recipientAccountId":"1","awsRegion":"eu-west-1"`: {"1/eu-west-1", "2/eu-west-1"},
		`"recipientAccountId":"1","awsRegion":"global"`:                                                                          {"1/us-east-1"},
		`"recipientAccountId":"","awsRegion":"eu-west-1"`:                                                                        nil,
		`"awsRegion":"eu-west-1"`: nil,
	} {
		var e entry
		e.read([]byte("{" + json + "}"))
		var got []string
		for _, term := range e.terms {
			if term.Kind == History {
				got = append(got, term.Value)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", json, got, want)
		}
	}
}

// TestUsernames: what an event history calls callers.
func TestUsernames(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`"type":"Root","arn":"arn:aws:iam::1:root"`:                                      "root",
		`"type":"IAMUser","arn":"arn:aws:iam::1:user/a/bob","userName":"bob"`:            "bob",
		`"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/app/s1"`:                "s1",
		`"arn":"arn:aws:sts::1:assumed-role/app/s1","type":"AssumedRole","userName":"x"`: "s1",
		`"type":"Operator","userName":"ada"`:                                             "ada",
		`"invokedBy":"AWS Internal"`:                                                     "",
	} {
		var e entry
		e.read([]byte(`{"userIdentity":{` + json + `}}`))
		if want != "" && !e.has(Term{UserName, want}) || want == "" && slices.ContainsFunc(e.terms, func(term Term) bool { return term.Kind == UserName }) {
			t.Errorf("%s: %v, want %q", json, e.terms, want)
		}
	}
}

// TestMade: a record is found by the access key that the call has made.
func TestMade(t *testing.T) {
	t.Parallel()
	for _, json := range []string{
		`{"accessKey":{"userName":"bob","accessKeyId":"AKIA1"}}`, `{"credentials":{"accessKeyId":"AKIA1","expiration":"x"},"assumedRoleUser":{"arn":"b"}}`,
	} {
		var e entry
		e.read([]byte(`{"responseElements":` + json + `,"errorCode":"X"}`))
		if !e.hasAll([]Term{{Resource, "AKIA1"}, {Type, "AWS::IAM::AccessKey"}, {Result, "X"}}) {
			t.Errorf("%s: %v", json, e.terms)
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
