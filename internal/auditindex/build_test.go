package auditindex

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/audit/audittest"
	"trent/internal/secret"
)

// odd are records that no service writes, or hardly ever.
var odd = []string{
	`{}`, `[]`, `"x"`, ``, `{"eventName":"Encrypt"`, `{"eventName":"Encrypt","eventName":"Decrypt","resources":null}`,
	`{"eventName":"En\u0063rypt","requestID":"a\"b\\","eventID":null,"errorCode":null,"readOnly":false}`,
	` { "eventName" : "Encrypt" , "requestParameters" : { "keyId" : "alias/a}" , "encryptionContext" : { "{" : "]\"" } } , "eventTime" : "2026-11-20T00:00:07Z" } `,
	`{"eventTime":"2400-01-01T00:00:00Z","errorCode":"X","userIdentity":{"userName":"Zoë \ud83d\ude00"},"awsRegion":5}`,
	`{"eventName":"Encrypt","userIdentity":{"arn":"a"},"userIdentity":{"arn":"a"},"resources":[{"ARN":"k"},{"ARN":"k"}]}`,
	`{"eventNameX":"Encrypt","userIdentity":{"arn":"a","principalId":"a"},"requestID":"a","eventID":"a","requestParameters":{"keyId":"k"},"resources":[{"ARN":"k"}]}`,
	`{"readOnly":true,"readOnly":truely,"eventName":"E"}`, "{\"eventName\":\"\xff\"}",
}

// TestBuild: for each term that a record has, the index of its segment has the
// records that have it, and no others; and the places of all records.
func TestBuild(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	calls := audittest.Calls{Total: 3000, Keys: 40, Users: 30, Begin: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Length: 5 * time.Hour}
	b := newBuilder(0, newHasher(secret.Bytes{}))
	var records []entry
	for n := range calls.Total {
		record := calls.Append(nil, n)
		if random.IntN(20) == 0 {
			record = []byte(odd[random.IntN(len(odd))])
		}
		if random.IntN(700) == 0 {
			b.bytes = maxKnownBytes // what is known is forgotten
		}
		b.add(uint32(n*10), record)
		var e entry
		e.read(record)
		records = append(records, e)
	}
	having := map[Term][]uint32{{Operation, "never"}: nil, {Context, "tenant=none"}: nil}
	for n, e := range records {
		for _, term := range e.terms {
			if all := having[term]; len(all) == 0 || all[len(all)-1] != uint32(n) {
				having[term] = append(all, uint32(n))
			}
		}
	}
	x := opened(t, b.file(&segment), &segment)
	for term, want := range having {
		if got, err := x.having(term); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%+v: %v, %v; want %v", term, got, err, want)
		}
	}
	for n, e := range records {
		offset, at, exact, err := x.place(uint32(n))
		if err != nil || offset != uint32(n*10) || at != e.time && exact {
			t.Fatalf("record %d: at %d, time %d (%v), %v; want time %d", n, offset, at, exact, err, e.time)
		}
	}
}

// segment is one whose index is made by tests.
var segment = audit.Segment{Node: [16]byte{3}, Epoch: 4, Number: 5, Bytes: 1 << 22}

// opened opens an index file with that content.
func opened(t testing.TB, file []byte, s *audit.Segment) *index {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.idx")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := openIndex(path, s, newHasher(secret.Bytes{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.f.Close() }) // only read
	return x
}

// TestNothing: the index of a segment without a record finds none.
func TestNothing(t *testing.T) {
	t.Parallel()
	b := newBuilder(0, newHasher(secret.Bytes{}))
	x := opened(t, b.file(&segment), &segment)
	if got, err := x.having(Term{Operation, "Encrypt"}); err != nil || got != nil || x.records != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzIndexFile: of a file whose checksums are right, whatever else is wrong in
// it, nothing is read but records that there can be, in order.
func FuzzIndexFile(f *testing.F) {
	calls := audittest.Calls{Total: 600, Keys: 5, Users: 5, Begin: time.Unix(1_800_000_000, 0), Length: time.Hour}
	b := newBuilder(0, newHasher(secret.Bytes{}))
	for n := range calls.Total {
		b.add(uint32(n), calls.Append(nil, n))
	}
	file := b.file(&segment)
	f.Add(uint32(fixedBytes), []byte{0xff, 0xff})
	f.Add(uint32(namedBytes+16), []byte{0, 0, 2, 87})
	f.Add(uint32(namedBytes+20), []byte{0, 0, 7})
	f.Add(uint32(len(file)-40), []byte{0, 0, 0, 9, 0, 0, 0, 2, 0, 5})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		changed := slices.Clone(file)
		copy(changed[at%uint32(len(file)):], change)
		if !resealable(changed) {
			return
		}
		resealed(changed)
		path := filepath.Join(t.TempDir(), "x.idx")
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := openIndex(path, &segment, newHasher(secret.Bytes{}))
		if err != nil {
			return
		}
		defer x.f.Close()
		for _, term := range []Term{{Operation, "Decrypt"}, {Resource, audittest.KeyARN(0)}, {Account, audittest.Account}, {UserName, "svc-1"}, {Result, "AccessDenied"}} {
			numbers, err := x.having(term)
			if err != nil {
				continue
			}
			for i, n := range numbers {
				if n >= x.records || i > 0 && n <= numbers[i-1] {
					t.Fatalf("%+v: record %d of %d after %v", term, n, x.records, numbers[:i])
				}
				if _, _, _, err := x.place(n); err != nil {
					break
				}
			}
		}
	})
}

// FuzzWalk: of what is JSON, the members are those that another reader finds; of
// what is not, nothing does harm. A member is the same as itself.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(record(7)))
	for _, r := range odd {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var all []member
		w := walk{json: text}
		for {
			again := w
			m, ok := w.next()
			if !ok {
				break
			}
			all = append(all, m)
			if again.is(m.raw) && again.at != w.at {
				t.Fatalf("%q is passed over to %d, not %d", m.raw, again.at, w.at)
			}
		}
		if !json.Valid(text) || len(bytes.TrimSpace(text)) == 0 || bytes.TrimSpace(text)[0] != '{' {
			return
		}
		d := json.NewDecoder(bytes.NewReader(text))
		_, _ = d.Token() // the brace
		for i := 0; d.More(); i++ {
			name, err := d.Token()
			var value json.RawMessage
			if err == nil {
				err = d.Decode(&value)
			}
			if err != nil {
				return // it nests deeper than that reader goes
			}
			if i == len(all) {
				t.Fatalf("%s: no member %v", text, name)
			}
			var own string
			if err := json.Unmarshal([]byte(`"`+string(all[i].name)+`"`), &own); err != nil || own != name || !bytes.Equal(all[i].value, value) {
				t.Fatalf("%s: member %s: %s, want %v: %s", text, all[i].name, all[i].value, name, value)
			}
		}
	})
}

// TestShareOf: what is read is said to be, so that an index has it.
func TestShareOf(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"eventTime": `"2026-11-20T00:00:07Z"`, "requestID": `"r"`, "eventID": `"e"`, "eventName": `"n"`, "eventSource": `"s"`, "awsRegion": `"r"`, "errorCode": `"c"`,
		"recipientAccountId": `"1"`, "readOnly": `true`, "userIdentity": `{"arn":"a"}`, "requestParameters": `{"keyId":"k"}`, "responseElements": `{"accessKey":{"accessKeyId":"A"}}`, "resources": `[{"ARN":"a"}]`, "userAgent": `"u"`,
	} {
		var e entry
		e.read(fmt.Appendf(nil, `{"errorCode":"x",%q:%s}`, name, value))
		read := len(e.terms) > 1 || e.time != 0
		if read != (shareOf([]byte(name)) != unread) {
			t.Errorf("%s: read %v, and its share is %v", name, read, shareOf([]byte(name)))
		}
	}
}
