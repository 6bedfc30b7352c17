package cloudtrail

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzDecode: whatever a body is, it is refused or has bounded parameters, and the
// record of it is JSON without the token.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"Decrypt"}],"StartTime":1795000000.5,"EndTime":1795000001,"MaxResults":50,"NextToken":"TOKENTOKEN"}`,
		`{"EventCategory":"insight","LookupAttributes":[]}`, `{"LookupAttributes":[{"AttributeKey":null}]}`, `{"StartTime":-62135596800}`, `{"MaxResults":-1}`, `[`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := &lookupEvents{history: &history{}}
		if in.Decode(body) != nil {
			return
		}
		if shown := in.AppendAudit(nil); shown != nil && (!json.Valid(shown) || shown[0] != '{' || strings.Contains(string(shown), "nextToken")) {
			t.Errorf("%s is shown as %s", body, shown)
		}
		if in.Check() != nil {
			return
		}
		if in.given && (in.results < 1 || in.results > maxResults) || in.attributes > 1 || length(in.attribute.value) > maxValue ||
			in.attributes == 1 && kinds[in.attribute.key] == 0 || !in.start.IsZero() && !in.end.IsZero() && in.start.After(in.end) {
			t.Errorf("%s is taken: %+v", body, in)
		}
	})
}

// FuzzEvent: of no record, whatever is in it, does another account see who called,
// and what is shown is JSON.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"userIdentity":{"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::2:user/bob","accountId":"2","accessKeyId":"AKIASECRETNAME","userName":"bob"},"eventTime":"2026-11-23T03:34:15Z",` +
		`"requestParameters":null,"errorMessage":"x","resources":[{"accountId":"1","type":"AWS::KMS::Key","ARN":"a"},{"accountId":"3","type":"AWS::KMS::Key","ARN":"b"}],"eventID":"e","recipientAccountId":"2"}`))
	f.Add([]byte(`{"recipientAccountId":"1","userIdentity":[]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		if !json.Valid(record) {
			return
		}
		own := eventOf(record, "1")
		if !own.foreign {
			return
		}
		if own.username != "" || own.accessKeyID != "" || own.shows(attribute{"Username", "bob"}) {
			t.Errorf("%s shows who called: %s", record, own.json)
		}
		for _, r := range own.resources {
			if r.account != "1" {
				t.Errorf("%s shows another's resource: %s", record, own.json)
			}
		}
		if out := own.appendJSON(nil); !json.Valid(out) {
			t.Errorf("%s becomes %s", record, out)
		}
	})
}

// TestRates: a rate is one history's, is whole again after a while, and neither a
// clock that is set back nor many accounts make it more or less.
func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_795_000_000, 0)
	var r rates
	took := func(history string, n int) (taken int) {
		for range n {
			if r.take(history, now) {
				taken++
			}
		}
		return taken
	}
	if got := took("a", 100); got != atOnce {
		t.Errorf("%d at once", got)
	}
	now = now.Add(3 * time.Second)
	if got := took("a", 100); got != 3*perSecond {
		t.Errorf("%d after three seconds", got)
	}
	now = now.Add(-time.Hour)
	if got := took("a", 100); got != 0 {
		t.Errorf("%d after the clock was set back", got)
	}
	now = now.Add(time.Second)
	if got := took("a", 100); got != perSecond {
		t.Errorf("%d a second after that", got)
	}
	for i := range 3 * maxHistories {
		if !r.take(string(rune(i))+"x", now) {
			t.Fatal("an account is refused for others' lookups")
		}
	}
	if len(r.left) > maxHistories {
		t.Errorf("%d histories are remembered", len(r.left))
	}
}

// TestCeil: a start within a second begins with the next one.
func TestCeil(t *testing.T) {
	t.Parallel()
	whole := time.Unix(1_795_000_000, 0)
	for at, want := range map[time.Time]time.Time{whole: whole, whole.Add(1): whole.Add(time.Second), whole.Add(-1): whole} {
		if got := ceil(at); !got.Equal(want) {
			t.Errorf("%v: %v, want %v", at, got, want)
		}
	}
}
