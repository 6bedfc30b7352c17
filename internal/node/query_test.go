package node_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/hsm/server/servertest"
	"trent/internal/identity"
	"trent/internal/node"
	"trent/internal/query"
	"trent/internal/wire"
)

// A queryAnswer is an answer of IAM or STS.
type queryAnswer struct {
	status              int
	code, kind, message string // "" on success
	namespace           string
	body                string
}

// one is the text of an element, the first of its name.
func (a queryAnswer) one(element string) string {
	_, rest, _ := strings.Cut(a.body, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</")
	return text
}

const formType = "application/x-www-form-urlencoded; charset=utf-8"

// query sends IAM or STS a form.
func (c caller) query(service, body string) queryAnswer { return c.queryWith("", service, body) }

// queryWith is query with a session token.
func (c caller) queryWith(token, service, body string) queryAnswer {
	now := time.Now()
	r := wire.Request{
		Method: "POST", Path: "/", Host: "localhost", Body: []byte(body), Remote: netip.MustParseAddr("192.0.2.7"), Listener: "test", Received: now.Add(time.Duration(c.f.ahead.Load())),
		Header: map[string][]string{"Content-Type": {formType}, "User-Agent": {"node test"}, "X-Amz-Date": {now.UTC().Format("20060102T150405Z")}},
	}
	if token != "" {
		r.Header["X-Amz-Security-Token"] = []string{token}
	}
	r.Aim()
	c.sign(&r, service, now)
	got := c.f.Pipeline.Serve(context.Background(), &r, nil)
	a := queryAnswer{status: got.Status, body: string(got.Body)}
	var e struct {
		XMLName xml.Name
		Error   struct{ Type, Code, Message string }
	}
	if err := xml.Unmarshal(got.Body, &e); err != nil || got.ContentType != query.ContentType || !strings.Contains(a.body, "<RequestId>"+got.RequestID+"</RequestId>") {
		panic(fmt.Sprintf("%q %q: %v", got.ContentType, got.Body, err))
	}
	a.code, a.kind, a.message, a.namespace = e.Error.Code, e.Error.Type, e.Error.Message, e.XMLName.Space
	return a
}

const (
	whoAmI   = "Action=GetCallerIdentity&Version=2011-06-15"
	getUser  = "Action=GetUser&Version=2010-05-08"
	iamSpace = "https://iam.amazonaws.com/doc/2010-05-08/"
	stsSpace = "https://sts.amazonaws.com/doc/2011-06-15/"
)

func create(what, name string) string {
	return "Action=Create" + what + "&Version=2010-05-08&" + what + "Name=" + name
}

// TestQueryServices: the scope's service says which one is meant, and each
// protocol has its own; a Region that nobody holds does for the global ones.
func TestQueryServices(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	if a := c.query("sts", whoAmI); a.status != 200 || a.namespace != stsSpace || a.one("Arn") != "arn:aws:iam::111122223333:root" || a.one("UserId") != "111122223333" {
		t.Errorf("%+v", a)
	}
	if a := c.query("iam", getUser); a.status != 200 || a.namespace != iamSpace || a.one("Arn") != "arn:aws:iam::111122223333:root" {
		t.Errorf("%+v", a)
	}
	for name, row := range map[string]struct{ service, body, code, message, space string }{
		"KMS's signature":                     {"kms", whoAmI, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'.", query.FaultNamespace},
		"another service":                     {"s3", whoAmI, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'.", query.FaultNamespace},
		"IAM's action at STS":                 {"sts", getUser, "InvalidAction", "Could not find operation GetUser for version 2010-05-08", stsSpace},
		"STS's action at IAM":                 {"iam", whoAmI, "InvalidAction", "Could not find operation GetCallerIdentity for version 2011-06-15", iamSpace},
		"another version":                     {"iam", "Action=GetUser&Version=2011-06-15", "InvalidAction", "Could not find operation GetUser for version 2011-06-15", iamSpace},
		"no version":                          {"iam", "Action=GetUser", "InvalidAction", "Could not find operation GetUser for version NO_VERSION_SPECIFIED", iamSpace},
		"no action":                           {"iam", "Version=2010-05-08", "MissingAction", "The request must name an action.", iamSpace},
		"nothing":                             {"iam", "", "MissingAction", "The request must name an action.", iamSpace},
		"an action of AWS's that is not here": {"iam", "Action=CreateLoginProfile&Version=2010-05-08", "InvalidAction", "Could not find operation CreateLoginProfile for version 2010-05-08", iamSpace},
		"no form":                             {"iam", "{}", "MalformedQueryString", "The query string contains a syntax error.", iamSpace},
		"a name twice":                        {"iam", getUser + "&Action=GetUser", "MalformedQueryString", "The parameter Action is given more than once.", iamSpace},
	} {
		a := c.query(row.service, row.body)
		if a.code != row.code || a.message != row.message || a.kind != "Sender" || a.namespace != row.space {
			t.Errorf("%s: %+v", name, a)
		}
	}
	r := c.request("ListKeys", "{}", time.Now())
	c.sign(&r, "iam", time.Now())
	if got := f.Pipeline.Serve(t.Context(), &r, nil); got.Status != 400 || !strings.Contains(string(got.Body), "Credential should be scoped to correct service: 'kms'.") {
		t.Errorf("a KMS request signed for IAM: %d %s", got.Status, got.Body)
	}
	wrong := c
	wrong.secret = "wrong"
	if a := wrong.query("sts", whoAmI); a.code != "SignatureDoesNotMatch" || a.status != 403 {
		t.Errorf("%+v", a)
	}
	unknown := c
	unknown.accessKey = "AKIAAAAAAAAAAAAAAAAA"
	if a := unknown.query("sts", whoAmI); a.code != "InvalidClientTokenId" || a.status != 403 {
		t.Errorf("%+v", a)
	}
}

// TestGlobalRegion: in us-east-1 a service that does not hold it answers IAM and
// STS, but not KMS, and does not begin to hold it. Another Region that is not
// held is refused.
func TestGlobalRegion(t *testing.T) {
	t.Parallel()
	first := true
	f := newFixtureWith(t, servertest.ProductionArgs(t), func(c *node.Config) {
		c.Dev, c.Regions, c.Init = false, []string{"eu-west-1"}, first
		first = false
	})
	by := identity.Operator{Name: "test"}
	if _, err := f.Identity.CreateAccount(t.Context(), by, "111122223333", ""); err != nil {
		t.Fatal(err)
	}
	key, err := f.Identity.NewRootKey(t.Context(), by, "111122223333", false)
	if err != nil {
		t.Fatal(err)
	}
	root := caller{f, key.ID, string(key.Secret.Expose()), "eu-west-1"}
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		c := root
		c.region = region
		if a := c.query("sts", whoAmI); a.status != 200 {
			t.Errorf("%s: %+v", region, a)
		}
		if a := c.query("iam", create("User", "u"+region)); a.status != 200 {
			t.Errorf("%s: %+v", region, a)
		}
		if a := c.call("ListKeys", "{}"); (a.code == "") != (region == "eu-west-1") {
			t.Errorf("KMS in %s: %+v", region, a)
		}
	}
	c := root
	c.region = "eu-north-1"
	if a := c.query("iam", getUser); a.code != "SignatureDoesNotMatch" || a.message != "Credential should be scoped to a valid region, not 'eu-north-1'." {
		t.Errorf("%+v", a)
	}
	if names := f.Domains.Names(); len(names) != 2 {
		t.Errorf("held: %q", names)
	}
}

// TestPoliciesDecideAboutIAM: a user without policies may do nothing but learn who
// he is, in each operation's own words; root may.
func TestPoliciesDecideAboutIAM(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller("111122223333")
	root.query("iam", create("User", "bob")+"&Path=/p/")
	root.query("iam", create("Group", "g"))
	k := root.query("iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=bob")
	bob := root
	bob.accessKey, bob.secret = k.one("AccessKeyId"), k.one("SecretAccessKey")
	if a := bob.query("sts", whoAmI); a.one("Arn") != "arn:aws:iam::111122223333:user/p/bob" {
		t.Errorf("%+v", a)
	}
	const iam = "arn:aws:iam::111122223333:"
	for body, resource := range map[string]string{
		"GetUser":                               "user bob",
		"GetUser&UserName=x":                    "user x",
		"DeleteUser&UserName=BOB":               "user BOB",
		"CreateUser&UserName=x":                 iam + "user/x",
		"CreateUser&UserName=bob":               iam + "user/bob",
		"ListUsers":                             iam + "user/",
		"ListUsers&PathPrefix=/a/":              iam + "user/a/",
		"CreateGroup&GroupName=g":               iam + "group/g",
		"GetGroup&GroupName=g":                  "group g",
		"GetGroup&GroupName=x":                  "group x",
		"ListGroups":                            iam + "group/",
		"CreateAccessKey":                       "user bob",
		"AddUserToGroup&GroupName=g&UserName=x": "group g",
		"GetAccessKeyLastUsed&AccessKeyId=" + bob.accessKey:     "access key " + bob.accessKey,
		"GetAccessKeyLastUsed&AccessKeyId=AKIAAAAAAAAAAAAAAAAA": "access key AKIAAAAAAAAAAAAAAAAA",
	} {
		action, _, _ := strings.Cut(body, "&")
		want := fmt.Sprintf("User: %suser/p/bob is not authorized to perform: iam:%s on resource: %s because no identity-based policy allows the iam:%s action", iam, action, resource, action)
		if a := bob.query("iam", "Version=2010-05-08&Action="+body); a.status != 403 || a.code != "AccessDenied" || a.message != want {
			t.Errorf("%s: %+v, want %s", body, a, want)
		}
	}
	if a := root.query("iam", "Action=ListUsers&Version=2010-05-08"); strings.Count(a.body, "<UserName>") != 1 {
		t.Errorf("%s", a.body)
	}
	f.caller("444455556666").query("iam", create("User", "bob")) // another account's, of the same name
	if a := f.caller("444455556666").query("iam", "Action=ListUsers&Version=2010-05-08"); a.one("Arn") != "arn:aws:iam::444455556666:user/bob" || strings.Count(a.body, "<UserName>") != 1 {
		t.Errorf("%s", a.body)
	}
}

// TestSessionTokensAndIAM: the credentials of GetSessionToken reach nothing of
// IAM's, root's neither.
func TestSessionTokensAndIAM(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller("111122223333")
	a := root.query("sts", "Action=GetSessionToken&Version=2011-06-15")
	session := root
	session.accessKey, session.secret = a.one("AccessKeyId"), a.one("SecretAccessKey")
	token := a.one("SessionToken")
	if a := session.queryWith(token, "sts", whoAmI); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	if a := session.queryWith(token, "iam", getUser); a.status != 403 || a.code != "InvalidClientTokenId" {
		t.Errorf("%+v", a)
	}
}

// TestQueryCallsAreRecorded: each once, in CloudTrail's words and without a
// secret, what was refused too.
func TestQueryCallsAreRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	c.query("iam", create("User", "bob")+"&Tags.member.1.Key=a&Tags.member.1.Value=b")
	c.query("iam", create("User", "bob"))
	secret := c.query("iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=bob").one("SecretAccessKey")
	c.query("iam", "Action=GetUser&Version=2010-05-08&UserName=x%0a")
	c.query("iam", "Action=Foo%0a&Version=2010-05-08")
	c.query("sts", whoAmI)
	c.query("s3", whoAmI)
	f.close(t)
	var got []string
	for _, r := range f.records(t) {
		line, err := json.Marshal([]any{r["eventSource"], r["eventName"], r["readOnly"], r["errorCode"], r["requestParameters"]})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
		all, err := json.Marshal(r)
		if err != nil || strings.Contains(string(all), secret) {
			t.Errorf("the secret stands in %s", all)
		}
	}
	want := []string{
		`["iam.amazonaws.com","CreateUser",false,null,{"tags":[{"key":"a","value":"b"}],"userName":"bob"}]`,
		`["iam.amazonaws.com","CreateUser",false,"EntityAlreadyExistsException",{"userName":"bob"}]`,
		`["iam.amazonaws.com","CreateAccessKey",false,null,{"userName":"bob"}]`,
		`["iam.amazonaws.com","GetUser",true,"ValidationException",{"userName":"x\n"}]`,
		`["iam.amazonaws.com","UnknownOperation",true,"UnknownOperationException",null]`,
		`["sts.amazonaws.com","GetCallerIdentity",true,null,null]`,
		`["iam.amazonaws.com","UnknownOperation",true,"InvalidSignatureException",null]`,
	}
	for _, line := range want {
		n := 0
		for _, g := range got {
			if g == line {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d records:\n%s", len(got), strings.Join(got, "\n"))
	}
}

// TestQueryMutationsAreExact: through the pipeline, sixteen callers at once hit a
// quota exactly, and no one is told of a conflict.
func TestQueryMutationsAreExact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	var mu sync.Mutex
	codes := map[string]int{}
	var all sync.WaitGroup
	c.query("iam", create("User", "bob"))
	for i := range 16 {
		all.Go(func() {
			a := c.query("iam", create("User", fmt.Sprintf("u%d", i%4)))
			b := c.query("iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=bob")
			mu.Lock()
			defer mu.Unlock()
			codes["user "+a.code]++
			codes["key "+b.code]++
		})
	}
	all.Wait()
	if codes["user "] != 4 || codes["user EntityAlreadyExists"] != 12 || codes["key "] != 2 || codes["key LimitExceeded"] != 14 {
		t.Errorf("%v", codes)
	}
}
