package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/wire"
)

// lookup asks CloudTrail.
func (c caller) lookup(operation, body string) answer {
	now := time.Now()
	r := wire.Request{
		Method: "POST", Path: "/", Host: "localhost", Body: []byte(body), Remote: netip.MustParseAddr("192.0.2.7"), Listener: "test", Received: now.Add(time.Duration(c.f.ahead.Load())),
		Header: map[string][]string{
			"Content-Type": {wire.ContentType}, "X-Amz-Target": {wire.CloudTrailPrefix + operation}, "User-Agent": {"node test"},
			"X-Amz-Date": {now.UTC().Format("20060102T150405Z")},
		},
	}
	r.Aim()
	c.sign(&r, "cloudtrail", now)
	got := c.f.Pipeline.Serve(context.Background(), &r, nil)
	a := answer{status: got.Status, requestID: got.RequestID}
	if err := json.Unmarshal(got.Body, &a.body); err != nil {
		panic(fmt.Sprintf("answer is not JSON: %q", got.Body))
	}
	a.code, a.message = a.str("__type"), a.str("message")
	return a
}

// in is the caller in another Region.
func (c caller) in(region string) caller {
	c.region = region
	return c
}

// A lookedUp is an event that LookupEvents has answered.
type lookedUp struct {
	EventId, EventName, ReadOnly, AccessKeyId, EventSource, Username string
	EventTime                                                        int64
	Resources                                                        []struct{ ResourceType, ResourceName string }
	CloudTrailEvent                                                  string
}

// record is what the event shows of the audit record.
func (e *lookedUp) record(t *testing.T) (r map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.CloudTrailEvent), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// events reads all pages of a lookup; by is an attribute, "EventName=Decrypt", or "".
func (c caller) events(t *testing.T, by string, more ...string) (all []lookedUp) {
	t.Helper()
	in := append([]string{`"MaxResults":3`}, more...)
	if key, value, ok := strings.Cut(by, "="); ok {
		in = append(in, fmt.Sprintf(`"LookupAttributes":[{"AttributeKey":%q,"AttributeValue":%q}]`, key, value))
	}
	token := ""
	for {
		a := c.lookup("LookupEvents", "{"+strings.Join(in, ",")+token+"}")
		if a.code == "ThrottlingException" {
			c.f.ahead.Add(int64(5 * time.Second))
			continue
		}
		if a.status != 200 {
			t.Fatalf("%s: %+v", by, a)
		}
		page, err := json.Marshal(a.body["Events"])
		var events []lookedUp
		if err == nil {
			err = json.Unmarshal(page, &events)
		}
		if err != nil || len(events) > 3 {
			t.Fatalf("%d events: %v", len(events), err)
		}
		all = append(all, events...)
		if token = a.str("NextToken"); token == "" {
			return all
		}
		token = `,"NextToken":"` + token + `"`
	}
}

// called are the names of events.
func called(events []lookedUp) (all []string) {
	for _, e := range events {
		all = append(all, e.EventName)
	}
	return all
}

// settle moves what was committed into the trail.
func (f *fixture) settle(t *testing.T) {
	t.Helper()
	if err := f.DrainOutbox(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const (
	everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	neighbours = "444455556666"
)

// TestLookupEvents: by each attribute the history has what it should, newest first
// and as it stands in the trail.
func TestLookupEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	key := root.createKey(t)
	arn := "arn:aws:kms:eu-west-1:" + owners + ":key/" + key
	root.must(t, "CreateAlias", map[string]string{"AliasName": "alias/payroll", "TargetKeyId": key})
	bob := root.user(t, "bob", everything)
	root.role(t, owners, "app", everything)
	app := bob.assume(t, "arn:aws:iam::"+owners+":role/app", "s1")
	f.settle(t)
	f.ahead.Add(int64(2 * time.Second))
	app.must(t, "Encrypt", map[string]string{"KeyId": "alias/payroll", "Plaintext": "eA=="})
	f.ahead.Add(int64(2 * time.Second))
	bob.must(t, "ListKeys", "{}")
	bob.call("DescribeKey", `{"KeyId":"alias/none"}`)
	f.settle(t)
	for by, want := range map[string]string{
		"EventName=Encrypt":             "Encrypt",
		"EventName=encrypt":             "",
		"EventName=DescribeKey":         "DescribeKey",
		"EventSource=kms.amazonaws.com": "ListKeys DescribeKey Encrypt CreateAlias CreateKey",
		"Username=bob":                  "ListKeys DescribeKey AssumeRole",
		"Username=s1":                   "Encrypt",
		"Username=root":                 "CreateAlias CreateKey",
		"AccessKeyId=" + bob.accessKey:  "ListKeys DescribeKey AssumeRole",
		"AccessKeyId=" + app.accessKey:  "Encrypt",
		"ResourceName=" + app.accessKey: "AssumeRole",
		"ResourceName=" + arn:           "Encrypt CreateAlias CreateKey",
		"ResourceName=" + key:           "Encrypt CreateAlias CreateKey",
		"ResourceName=alias/payroll":    "Encrypt CreateAlias",
		"ResourceName=payrol":           "",
		"ResourceType=AWS::KMS::Key":    "Encrypt CreateAlias CreateKey",
		"ResourceType=AWS::IAM::Role":   "AssumeRole",
		"ReadOnly=false":                "CreateAlias CreateKey",
	} {
		got := called(bob.events(t, by))
		got = slices.DeleteFunc(got, func(name string) bool { return name == "LookupEvents" })
		slices.Sort(got)
		names := strings.Fields(want)
		slices.Sort(names)
		if by == "ReadOnly=false" { // AssumeRole makes credentials
			got = slices.DeleteFunc(got, func(name string) bool { return name == "AssumeRole" })
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", by, got, names)
		}
	}
	for by, want := range map[string]string{
		"Username=root":                 "CreateUser PutUserPolicy CreateAccessKey CreateRole PutRolePolicy",
		"ResourceName=bob":              "CreateUser PutUserPolicy CreateAccessKey",
		"ResourceType=AWS::IAM::User":   "CreateUser PutUserPolicy CreateAccessKey",
		"ResourceName=" + bob.accessKey: "CreateAccessKey",
		"EventName=CreateKey":           "",
	} {
		if got, names := called(bob.in("us-east-1").events(t, by)), strings.Fields(want); !equal(got, names) {
			t.Errorf("us-east-1, %s: %q, want %q", by, got, names)
		}
	}
	all := bob.events(t, "")
	if !slices.IsSortedFunc(all, func(a, b lookedUp) int { return int(b.EventTime - a.EventTime) }) {
		t.Errorf("not newest first: %v", called(all))
	}
	f.shown(t, all)
}

// equal compares two lists without regard to order.
func equal(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// shown closes the node and compares events with the trail, byte for byte.
func (f *fixture) shown(t *testing.T, events []lookedUp) {
	t.Helper()
	f.close(t)
	trail := map[string]string{}
	for r, err := range audit.Records(f.dir + "/audit") {
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ EventID string }
		if err := json.Unmarshal(r.JSON, &e); err != nil {
			t.Fatal(err)
		}
		trail[e.EventID] = string(r.JSON)
	}
	for _, e := range events {
		r := e.record(t)
		readOnly := fmt.Sprint(r["readOnly"])
		at, err := time.Parse(time.RFC3339, r["eventTime"].(string))
		if trail[e.EventId] != e.CloudTrailEvent || r["eventName"] != e.EventName || r["eventSource"] != e.EventSource || readOnly != e.ReadOnly || err != nil || at.Unix() != e.EventTime {
			t.Errorf("%+v is not %s", e, trail[e.EventId])
		}
	}
}

// TestHistoriesAreApart: by whatever attribute, an account sees the records of its
// own in the Region that it asks for, all of them, and those of others' calls on
// its keys without who it was.
func TestHistoriesAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	accounts := map[string]caller{owners: f.caller(owners), neighbours: f.caller(neighbours)}
	users := map[string]caller{}
	for account, root := range accounts {
		users[account] = root.user(t, "u"+account, everything)
		for _, region := range []string{"eu-west-1", "eu-north-1"} {
			users[account].in(region).createKey(t)
			users[account].in(region).call("Decrypt", `{}`)
		}
	}
	shared := accounts[owners].must(t, "CreateKey", map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"AWS":"` + owners + `"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"` + neighbours + `"},"Action":"kms:Encrypt","Resource":"*"}]}`}).str("KeyMetadata", "Arn")
	stranger := users[neighbours]
	stranger.must(t, "Encrypt", map[string]any{"KeyId": shared, "Plaintext": []byte("x"), "EncryptionContext": map[string]string{"ward": "7"}})
	stranger.call("GenerateDataKey", map[string]string{"KeyId": shared, "KeySpec": "AES_256"}) // refused
	f.settle(t)
	values := map[string]string{"": ""}
	for _, account := range []string{owners, neighbours} {
		for _, v := range []string{"Username=u" + account, "AccessKeyId=" + users[account].accessKey, "Username=root", "ResourceName=" + shared} {
			values[v] = ""
		}
	}
	for _, v := range []string{"EventName=Encrypt", "EventName=GenerateDataKey", "EventName=LookupEvents", "ReadOnly=true", "EventSource=kms.amazonaws.com", "ResourceType=AWS::KMS::Key"} {
		values[v] = ""
	}
	for account := range accounts {
		for _, region := range []string{"eu-west-1", "eu-north-1", "us-east-1"} {
			for _, by := range slices.Sorted(maps.Keys(values)) {
				for _, e := range users[account].in(region).events(t, by) {
					r := e.record(t)
					if r["recipientAccountId"] != account || r["awsRegion"] != region {
						t.Fatalf("%s in %s by %s sees %s", account, region, by, e.CloudTrailEvent)
					}
					others := neighbours
					if account == neighbours {
						others = owners
					}
					if e.EventSource == "cloudtrail.amazonaws.com" {
						continue // it has what was just asked for
					}
					if strings.Contains(e.CloudTrailEvent, users[others].accessKey) || strings.Contains(e.CloudTrailEvent, "user/u"+others) {
						t.Errorf("%s by %s sees who %s's user is: %s", account, by, others, e.CloudTrailEvent)
					}
				}
			}
		}
	}
	own := users[owners].events(t, "EventName=Encrypt")
	if len(own) != 1 || own[0].Username != "" || own[0].AccessKeyId != "" || len(own[0].Resources) != 1 || own[0].Resources[0].ResourceName != shared {
		t.Fatalf("%+v", own)
	}
	r := own[0].record(t)
	who := r["userIdentity"].(map[string]any)
	if len(who) != 3 || who["type"] != "AWSAccount" || who["accountId"] != neighbours || !strings.HasPrefix(who["principalId"].(string), "AIDA") ||
		r["sharedEventID"] != own[0].EventId || r["requestParameters"].(map[string]any)["encryptionContext"].(map[string]any)["ward"] != "7" {
		t.Errorf("%s", own[0].CloudTrailEvent)
	}
	if seen := users[owners].events(t, "EventName=GenerateDataKey"); len(seen) != 0 {
		t.Errorf("a refused call of another account: %+v", seen)
	}
	for _, e := range stranger.events(t, "EventName=GenerateDataKey") {
		if len(e.Resources) != 0 {
			t.Errorf("a refused call names the key that it would have been about: %s", e.CloudTrailEvent)
		}
	}
	for _, by := range []string{"Username=u" + neighbours, "AccessKeyId=" + stranger.accessKey} {
		if seen := users[owners].events(t, by); len(seen) != 0 {
			t.Errorf("by %s: %+v", by, seen)
		}
	}
}

// TestThirdAccount: who owns one of two keys sees nothing of the other's owner.
func TestThirdAccount(t *testing.T) {
	t.Parallel()
	const third = "777788889999"
	f := newFixture(t)
	policy := func(account string) map[string]string {
		return map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + account + `","` + third + `"]},"Action":"kms:*","Resource":"*"}]}`}
	}
	from := f.caller(owners).must(t, "CreateKey", policy(owners)).str("KeyMetadata", "Arn")
	to := f.caller(neighbours).must(t, "CreateKey", policy(neighbours)).str("KeyMetadata", "Arn")
	c := f.caller(third)
	sealed := c.must(t, "Encrypt", map[string]any{"KeyId": from, "Plaintext": []byte("x"), "EncryptionContext": map[string]string{"secret": "project"}}).body["CiphertextBlob"]
	c.must(t, "ReEncrypt", map[string]any{"CiphertextBlob": sealed, "SourceEncryptionContext": map[string]string{"secret": "project"}, "DestinationKeyId": to})
	f.settle(t)
	for account, resource := range map[string]string{owners: from, neighbours: to} {
		events := f.caller(account).events(t, "EventName=ReEncrypt")
		if len(events) != 1 || len(events[0].Resources) != 1 || events[0].Resources[0].ResourceName != resource {
			t.Fatalf("%s: %+v", account, events)
		}
		other := strings.NewReplacer(from, to, to, from).Replace(resource)
		for _, leak := range []string{other, other[strings.LastIndexByte(other, '/'):], "project", "MaterialId"} {
			if strings.Contains(events[0].CloudTrailEvent, leak) {
				t.Errorf("%s sees %q: %s", account, leak, events[0].CloudTrailEvent)
			}
		}
		if leaked := f.caller(account).events(t, "ResourceName="+other); len(leaked) != 0 {
			t.Errorf("%s finds by the other's key: %+v", account, leaked)
		}
	}
	if own := c.events(t, "EventName=ReEncrypt"); len(own) != 1 || len(own[0].Resources) != 2 {
		t.Errorf("the caller's: %+v", own)
	}

	// Of a second key that he is not let through to as little is seen.
	closed := f.caller(neighbours).createKey(t)
	closedARN := strings.Replace(to, to[strings.LastIndexByte(to, '/')+1:], closed, 1)
	denied := c.call("ReEncrypt", map[string]any{"CiphertextBlob": sealed, "SourceEncryptionContext": map[string]string{"secret": "project"}, "DestinationKeyId": closedARN})
	if denied.code != "AccessDeniedException" {
		t.Fatalf("ReEncrypt to a closed key: %s", denied.code)
	}
	f.settle(t)
	seen := 0
	for _, e := range f.caller(owners).events(t, "EventName=ReEncrypt") {
		if !strings.Contains(e.CloudTrailEvent, "AccessDenied") {
			continue
		}
		seen++
		for _, leak := range []string{closed, neighbours, "project", "not authorized", "root"} {
			if strings.Contains(e.CloudTrailEvent, leak) {
				t.Errorf("of a refused call %q is seen: %s", leak, e.CloudTrailEvent)
			}
		}
	}
	if seen != 1 {
		t.Errorf("%d refused calls are in the history", seen)
	}
}

// TestForeignCallersAreNoOracle: that nobody is found by another account's user is
// told in the same way whether he called or not.
func TestForeignCallersAreNoOracle(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := f.caller(owners).must(t, "CreateKey", map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + owners + `","` + neighbours + `"]},"Action":"kms:*","Resource":"*"}]}`,
	}).str("KeyMetadata", "Arn")
	alice := f.caller(neighbours).user(t, "alice", mayAll)
	for range 3 {
		alice.must(t, "DescribeKey", map[string]string{"KeyId": key})
	}
	f.settle(t)
	for _, by := range [][2]string{{"Username", "alice"}, {"Username", "bob"}, {"AccessKeyId", alice.accessKey}} {
		f.ahead.Add(int64(5 * time.Second)) // no more than two a second
		got := f.caller(owners).lookup("LookupEvents", fmt.Sprintf(`{"MaxResults":1,"LookupAttributes":[{"AttributeKey":%q,"AttributeValue":%q}]}`, by[0], by[1]))
		if events, ok := got.body["Events"].([]any); !ok || len(events) != 0 || len(got.body) != 1 {
			t.Errorf("by %v: %v", by, got.body)
		}
	}
}
