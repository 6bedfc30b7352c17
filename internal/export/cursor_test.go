package export

import (
	"encoding/base64"
	"os"
	"reflect"
	"testing"
	"time"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// TestCursorVector: the form of a cursor's file is frozen.
func TestCursorVector(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/cursor-v1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	c := cursor{
		at: position{node: testNode, epoch: 3, segment: 2, offset: 4096, sequence: 77, hash: [32]byte{0xab, 0xcd}}, until: 90,
		chains: []chain{{account: "111122223333", region: "eu-west-1", object: "AWSLogs/d", hash: "00ff", signature: "3045", end: at}, {account: noAccount, region: noRegion, object: "AWSLogs/e", hash: "0f", end: at}},
		files:  []logFile{{account: "111122223333", region: "eu-west-1", object: "AWSLogs/f", hash: "ff", oldest: at, newest: at.Add(time.Minute), delivered: at.Add(time.Hour)}},
	}
	if got := c.encode(); string(got) != string(want) {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
	read, err := parseCursor(want)
	if err != nil || !reflect.DeepEqual(*read, c) {
		t.Errorf("%+v, %v; want %+v", read, err, c)
	}
}

// FuzzCursor: what is read is written again as it was, or refused.
func FuzzCursor(f *testing.F) {
	vector, err := os.ReadFile("testdata/cursor-v1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(vector)
	f.Add((&cursor{}).encode())
	f.Add([]byte(cursorMagic + "\nat x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCursor(b)
		if err == nil && string(c.encode()) != string(b) {
			t.Errorf("%q is read as %+v", b, c)
		}
	})
}

// FuzzEvent: whatever a record holds, its file's name stays in its folder.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"eventTime":"2026-11-23T08:00:00Z","eventName":"Encrypt","awsRegion":"eu-west-1","recipientAccountId":"111122223333"}`))
	f.Add([]byte(`{"awsRegion":"../..","recipientAccountId":"../../../..","eventTime":7}`))
	f.Add([]byte(`{"eventName":"\u0000 <"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := event{json: b}
		e.read()
		if !isAccount(e.account) {
			t.Errorf("account %q", e.account)
		}
		for _, c := range e.region {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				t.Errorf("region %q", e.region)
			}
		}
		if name := printable(e.name, 32); len(name) == 0 || len(name) > 32 {
			t.Errorf("message id %q", name)
		}
	})
}
