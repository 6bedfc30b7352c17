package node_test

import (
	"context"
	"encoding/xml"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"trent/internal/query"
	"trent/internal/wire"
)

// ask calls IAM or STS (such as iam:CreateUser) and returns the answer's texts by
// the names of their elements, the last of each name; parameters are names and
// values in turn.
func (c caller) ask(t testing.TB, action string, parameters ...string) map[string]string {
	t.Helper()
	got, status := c.query(t, action, parameters...)
	if status != 200 {
		t.Fatalf("%s: %d %v", action, status, got)
	}
	return got
}

func (c caller) query(t testing.TB, action string, parameters ...string) (texts map[string]string, status int) {
	t.Helper()
	service, name, _ := strings.Cut(action, ":")
	form := url.Values{"Action": {name}, "Version": {map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service]}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	at := time.Now()
	r := wire.Request{
		Method: "POST", Path: "/", Host: "localhost", Body: []byte(form.Encode()), Remote: netip.MustParseAddr("192.0.2.7"), Listener: "test",
		Received: at.Add(time.Duration(c.f.ahead.Load())),
		Header:   map[string][]string{"Content-Type": {query.MediaType}, "X-Amz-Date": {at.UTC().Format("20060102T150405Z")}},
	}
	r.Aim()
	c.sign(&r, service, at)
	answer := c.f.Pipeline.Serve(context.Background(), &r, nil)
	texts = map[string]string{}
	d := xml.NewDecoder(strings.NewReader(string(answer.Body)))
	var element string
	for {
		token, err := d.Token()
		if err != nil {
			return texts, answer.Status
		}
		switch token := token.(type) {
		case xml.StartElement:
			element = token.Name.Local
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				texts[element] = s
			}
		}
	}
}

// user makes a user, with an inline policy unless it is empty, and returns who
// calls with his access key. c is an administrator of the account.
func (c caller) user(t testing.TB, name, policy string) caller {
	t.Helper()
	c.ask(t, "iam:CreateUser", "UserName", name)
	if policy != "" {
		c.ask(t, "iam:PutUserPolicy", "UserName", name, "PolicyName", "own", "PolicyDocument", policy)
	}
	key := c.ask(t, "iam:CreateAccessKey", "UserName", name)
	return caller{c.f, key["AccessKeyId"], key["SecretAccessKey"], c.region}
}

// role makes a role that the account may assume.
func (c caller) role(t testing.TB, account, name, policy string) {
	t.Helper()
	c.ask(t, "iam:CreateRole", "RoleName", name, "AssumeRolePolicyDocument",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`)
	if policy != "" {
		c.ask(t, "iam:PutRolePolicy", "RoleName", name, "PolicyName", "own", "PolicyDocument", policy)
	}
}

// session is a session that the answer of AssumeRole or GetSessionToken begins.
func (c caller) session(got map[string]string) caller {
	c.f.tokens.Store(got["AccessKeyId"], got["SessionToken"])
	return caller{c.f, got["AccessKeyId"], got["SecretAccessKey"], c.region}
}
