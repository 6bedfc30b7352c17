package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"trent/internal/wire"
)

// actor calls as a user, or as a session with its token.
type actor struct {
	caller
	token string
}

// do sends IAM or STS an action with parameters, of which names and values
// alternate.
func (a actor) do(action string, params ...string) queryAnswer {
	service, version := "iam", "2010-05-08"
	switch action {
	case "AssumeRole", "GetSessionToken", "GetCallerIdentity":
		service, version = "sts", "2011-06-15"
	}
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	return a.queryWith(a.token, service, form.Encode())
}

// ok is do of what must succeed.
func (a actor) ok(t testing.TB, action string, params ...string) queryAnswer {
	t.Helper()
	got := a.do(action, params...)
	if got.code != "" {
		t.Fatalf("%s %q: %s: %s", action, params, got.code, got.message)
	}
	return got
}

// refused is do of what must be refused.
func (a actor) refused(t testing.TB, code, message, action string, params ...string) {
	t.Helper()
	if got := a.do(action, params...); got.code != code || got.message != message {
		t.Errorf("%s %q: %s: %s, want %s: %s", action, params, got.code, got.message, code, message)
	}
}

// kms sends KMS a request.
func (a actor) kms(op string, in any) answer {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	r := wire.Request{
		Method: "POST", Path: "/", Host: "localhost", Body: body, Remote: netip.MustParseAddr("192.0.2.7"), Listener: "test", Received: a.f.now(),
		Header: map[string][]string{
			"Content-Type": {wire.ContentType}, "X-Amz-Target": {"TrentService." + op}, "User-Agent": {"node test"},
			"X-Amz-Date": {now.UTC().Format("20060102T150405Z")},
		},
	}
	if a.token != "" {
		r.Header["X-Amz-Security-Token"] = []string{a.token}
	}
	r.Aim()
	a.sign(&r, "kms", now)
	got := a.f.Pipeline.Serve(context.Background(), &r, nil)
	answered := answer{status: got.Status}
	if len(got.Body) > 0 {
		if err := json.Unmarshal(got.Body, &answered.body); err != nil {
			panic(fmt.Sprintf("answer is not JSON: %q", got.Body))
		}
	}
	answered.code, answered.message = answered.str("__type"), answered.str("message")
	return answered
}

// with are the credentials of an answer of CreateAccessKey, AssumeRole or
// GetSessionToken.
func (a actor) with(answer queryAnswer) actor {
	a.accessKey, a.secret, a.token = answer.one("AccessKeyId"), answer.one("SecretAccessKey"), answer.one("SessionToken")
	return a
}

const (
	ours   = "111122223333"
	theirs = "444455556666"
	ourARN = "arn:aws:iam::" + ours + ":"
)

func trusting(principal string, more ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + strings.Join(more, "") + `}]}`
}

func allowing(action, resource string, more ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + strings.Join(more, "") + `}]}`
}

// root is the root user of an account.
func (f *fixture) root(account string) actor { return actor{caller: f.caller(account)} }

// user makes a user with an access key.
func (f *fixture) user(t testing.TB, account, name string) actor {
	t.Helper()
	root := f.root(account)
	root.ok(t, "CreateUser", "UserName", name)
	return root.with(root.ok(t, "CreateAccessKey", "UserName", name))
}

// TestWhoMayAssume: the trust policy and the caller's own policies, as AWS
// combines them within an account and across.
func TestWhoMayAssume(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.root(ours)
	bob, carol := f.user(t, ours, "bob"), f.user(t, ours, "carol")
	dave := f.user(t, theirs, "dave")
	role := func(name, trust string) string {
		return root.ok(t, "CreateRole", "RoleName", name, "AssumeRolePolicyDocument", trust).one("Arn")
	}
	byUser := role("by-user", trusting(ourARN+"user/bob"))
	byAccount := role("by-account", trusting(ours))
	byOther := role("by-other", trusting("arn:aws:iam::"+theirs+":user/dave"))
	byOtherAccount := role("by-other-account", trusting(theirs))
	denies := role("denies", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+ours+`"},"Action":"sts:AssumeRole"},`+
		`{"Effect":"Deny","Principal":{"AWS":"`+ourARN+`user/carol"},"Action":"sts:AssumeRole"}]}`)
	assume := func(who actor, role string) string {
		a := who.do("AssumeRole", "RoleArn", role, "RoleSessionName", "s1")
		if a.code != "" && a.code != "AccessDenied" {
			t.Fatalf("%+v", a)
		}
		return a.code
	}
	expect := func(when string, who actor, role string, may bool) {
		t.Helper()
		if (assume(who, role) == "") != may {
			t.Errorf("%s: %s: may assume: %v", when, role, !may)
		}
	}
	all := map[string]bool{byUser: true, byAccount: false, byOther: false, byOtherAccount: false, denies: false}
	for role, may := range all {
		expect("bob without policies", bob, role, may)
		expect("carol without policies", carol, role, false)
		expect("dave without policies", dave, role, false)
	}
	root.ok(t, "PutUserPolicy", "UserName", "carol", "PolicyName", "p", "PolicyDocument", allowing("sts:AssumeRole", "*"))
	f.root(theirs).ok(t, "PutUserPolicy", "UserName", "dave", "PolicyName", "p", "PolicyDocument", allowing("sts:*", "arn:aws:iam::*:role/by-other*"))
	for role, may := range map[string]bool{byUser: false, byAccount: true, byOther: false, byOtherAccount: false, denies: false} {
		expect("carol", carol, role, may)
	}
	for role, may := range map[string]bool{byUser: false, byAccount: false, byOther: true, byOtherAccount: true, denies: false} {
		expect("dave", dave, role, may)
	}
	root.ok(t, "PutUserPolicy", "UserName", "bob", "PolicyName", "p", "PolicyDocument", strings.Replace(allowing("sts:AssumeRole", byUser), "Allow", "Deny", 1))
	expect("bob, denied", bob, byUser, false)
	root.ok(t, "DeleteUserPolicy", "UserName", "bob", "PolicyName", "p")
	root.ok(t, "CreatePolicy", "PolicyName", "nothing", "PolicyDocument", allowing("kms:ListKeys", "*"))
	root.ok(t, "PutUserPermissionsBoundary", "UserName", "bob", "PermissionsBoundary", ourARN+"policy/nothing")
	root.ok(t, "PutUserPermissionsBoundary", "UserName", "carol", "PermissionsBoundary", ourARN+"policy/nothing")
	expect("bob, bounded, named himself", bob, byUser, true)
	expect("carol, bounded", carol, byAccount, false)

	refusal := func(who, role string) string {
		return "User: " + who + " is not authorized to perform: sts:AssumeRole on resource: " + role
	}
	carol.refused(t, "AccessDenied", refusal(ourARN+"user/carol", byUser), "AssumeRole", "RoleArn", byUser, "RoleSessionName", "s1")
	dave.refused(t, "AccessDenied", refusal("arn:aws:iam::"+theirs+":user/dave", ourARN+"role/by-nobody"), "AssumeRole", "RoleArn", ourARN+"role/by-nobody", "RoleSessionName", "s1")
	root.refused(t, "AccessDenied", "Roles may not be assumed by root accounts.", "AssumeRole", "RoleArn", byAccount, "RoleSessionName", "s1")

	// Another user of bob's name is another user.
	root.ok(t, "DeleteAccessKey", "UserName", "bob", "AccessKeyId", bob.accessKey)
	root.ok(t, "DeleteUser", "UserName", "bob")
	expect("another bob", f.user(t, ours, "bob"), byUser, false)
}
