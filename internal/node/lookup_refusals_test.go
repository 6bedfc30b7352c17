package node_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLookupRefusals: what cannot be looked up, in AWS's codes, each recorded once.
func TestLookupRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller(owners)
	c.createKey(t)
	by := func(key, value string) string {
		return fmt.Sprintf(`{"LookupAttributes":[{"AttributeKey":%q,"AttributeValue":%q}]}`, key, value)
	}
	old := time.Now().Add(-91 * 24 * time.Hour).Unix()
	rows := map[string]string{
		``:                                 "SerializationException",
		`[]`:                               "SerializationException",
		`{"MaxResults":"5"}`:               "SerializationException",
		`{"MaxResults":1,"MaxResults":2}`:  "SerializationException",
		`{"StartTime":"2026-11-20"}`:       "SerializationException",
		`{"LookupAttributes":{}}`:          "SerializationException",
		`{"MaxResults":0}`:                 "InvalidMaxResultsException",
		`{"MaxResults":51}`:                "InvalidMaxResultsException",
		`{"EventCategory":"management"}`:   "InvalidEventCategoryException",
		`{"StartTime":2,"EndTime":1}`:      "InvalidTimeRangeException",
		fmt.Sprintf(`{"EndTime":%d}`, old): "InvalidTimeRangeException",
		`{"NextToken":"x"}`:                "InvalidNextTokenException",
		`{"NextToken":"` + strings.Repeat("x", 2000) + `"}`: "InvalidNextTokenException",
		`{"LookupAttributes":[{}]}`:                         "InvalidLookupAttributesException",
		by("eventName", "x"):                                "InvalidLookupAttributesException",
		by("EventName", ""):                                 "InvalidLookupAttributesException",
		by("EventName", strings.Repeat("_", 1001)):          "InvalidLookupAttributesException",
		by("ReadOnly", "True"):                              "InvalidLookupAttributesException",
		`{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"a"},{"AttributeKey":"EventName","AttributeValue":"a"}]}`: "InvalidLookupAttributesException",
		`{"EventCategory":"insight","LookupAttributes":[{"AttributeKey":"Username","AttributeValue":"a"}]}`:                          "InvalidLookupAttributesException",
	}
	for body, code := range rows {
		if a := c.lookup("LookupEvents", body); a.status != 400 || a.code != code {
			t.Errorf("%.80s: %d %s %s, want %s", body, a.status, a.code, a.message, code)
		}
		f.ahead.Add(int64(time.Second))
	}
	for _, body := range []string{`{"EventCategory":"insight"}`, fmt.Sprintf(`{"StartTime":%d}`, time.Now().Add(time.Hour).Unix()), by("EventName", strings.Repeat("_", 1000))} {
		if a := c.lookup("LookupEvents", body); a.status != 200 || len(a.body["Events"].([]any)) != 0 || a.str("NextToken") != "" {
			t.Errorf("%.80s: %+v", body, a)
		}
	}
	if a := c.lookup("DescribeTrails", "{}"); a.status != 400 || a.code != "UnknownOperationException" {
		t.Errorf("%+v", a)
	}
	wrong := c
	wrong.secret = "wrong"
	if a := wrong.lookup("LookupEvents", "{}"); a.code != "InvalidSignatureException" {
		t.Errorf("%+v", a)
	}
	r := c.request("ListKeys", "{}", time.Now())
	c.sign(&r, "cloudtrail", time.Now())
	if got := f.Pipeline.Serve(t.Context(), &r, nil); !strings.Contains(string(got.Body), "Credential should be scoped to correct service: 'kms'.") {
		t.Errorf("a KMS request signed for CloudTrail: %s", got.Body)
	}
	f.close(t)
	codes := map[string]int{}
	for _, r := range f.records(t) {
		if r["eventSource"] != "cloudtrail.amazonaws.com" {
			continue
		}
		code, _ := r["errorCode"].(string)
		codes[code]++
		if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), "nextToken") || r["readOnly"] != true {
			t.Errorf("%s", b)
		}
	}
	want := map[string]int{"": 3, "UnknownOperationException": 1, "InvalidSignatureException": 1}
	for _, code := range rows {
		want[code]++
	}
	if fmt.Sprint(codes) != fmt.Sprint(want) {
		t.Errorf("recorded are %v, want %v", codes, want)
	}
}

// TestLookupTokens: a NextToken goes on where its page ended, after a restart too,
// and is of no use with another account, Region or question, nor if it is changed.
func TestLookupTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller(owners)
	for range 5 {
		c.must(t, "ListKeys", "{}")
	}
	const question = `"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"ListKeys"}],"MaxResults":2`
	first := c.lookup("LookupEvents", "{"+question+"}")
	token := first.str("NextToken")
	if len(first.body["Events"].([]any)) != 2 || token == "" {
		t.Fatalf("%+v", first)
	}
	with := func(c caller, question, token string) answer {
		return c.lookup("LookupEvents", "{"+question+`,"NextToken":"`+token+`"}`)
	}
	f.close(t)
	f.open(t)
	c.must(t, "ListKeys", "{}") // newer than the page
	second := with(c, question, token)
	third := with(c, question, second.str("NextToken"))
	seen := map[string]bool{}
	for _, a := range []answer{first, second, third} {
		for _, e := range a.body["Events"].([]any) {
			seen[e.(map[string]any)["EventId"].(string)] = true
		}
	}
	if len(seen) != 5 || third.str("NextToken") != "" {
		t.Errorf("%d events: %+v", len(seen), third)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	for name, a := range map[string]answer{
		"another account":   with(f.caller(neighbours), question, token),
		"another Region":    with(c.in("eu-north-1"), question, token),
		"another value":     with(c, strings.Replace(question, "ListKeys", "Decrypt", 1), token),
		"another attribute": with(c, strings.Replace(question, "EventName", "EventId", 1), token),
		"no attribute":      with(c, `"MaxResults":2`, token),
		"a time":            with(c, question+`,"StartTime":1795000000`, token),
		"a changed one":     with(c, question, base64.RawURLEncoding.EncodeToString(raw)),
		"a marker of KMS":   with(c, question, "AQ"),
	} {
		if a.code != "InvalidNextTokenException" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	f.ahead.Add(int64(time.Minute))
	if a := with(c, strings.Replace(question, "2", "1", 1), token); a.status != 200 {
		t.Errorf("another MaxResults: %+v", a)
	}
}

// TestLookupRate: an account has its rate in each Region, whatever others ask for.
func TestLookupRate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller(owners)
	throttled := 0
	for range 30 {
		if a := c.lookup("LookupEvents", `{"EventCategory":"insight"}`); a.code == "ThrottlingException" && a.message == "Rate exceeded" && a.status == 400 {
			throttled++
		}
	}
	if throttled == 0 {
		t.Error("thirty lookups at once are answered")
	}
	for _, other := range []caller{c.in("eu-north-1"), f.caller(neighbours)} {
		if a := other.lookup("LookupEvents", "{}"); a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	f.ahead.Add(int64(time.Minute))
	if a := c.lookup("LookupEvents", "{}"); a.status != 200 {
		t.Errorf("a minute later: %+v", a)
	}
}

// TestLookupGlobalRegion: the history of us-east-1 has what is of no Region, also
// where that Region is not held: IAM's events, and what operators do.
func TestLookupGlobalRegion(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	c := f.caller(owners)
	c.in("eu-north-1").query("iam", create("User", "bob"))
	if _, err := a.Account(t.Context(), owners); err != nil {
		t.Fatal(err)
	}
	f.settle(t)
	if got := called(c.in("us-east-1").events(t, "")); !equal(got, []string{"CreateUser", "GetAccount"}) && !equal(got, []string{"CreateUser", "GetAccount", "LookupEvents"}) {
		t.Errorf("%q", got)
	}
	if got := called(c.in("eu-north-1").events(t, "EventName=CreateUser")); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if f.Domains.Held("us-east-1") != nil {
		t.Error("a lookup has made a Region")
	}
}
