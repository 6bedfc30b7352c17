package node_test

import (
	"net/url"
	"strings"
	"testing"
)

// form sends IAM or STS an action such as iam:CreateUser; parameters are names
// and values in turn.
func (c caller) form(action string, parameters ...string) queryAnswer {
	service, name, _ := strings.Cut(action, ":")
	form := url.Values{"Action": {name}, "Version": {map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service]}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return c.query(service, form.Encode())
}

// ask is form, and fails the test unless it succeeds.
func (c caller) ask(t testing.TB, action string, parameters ...string) queryAnswer {
	t.Helper()
	got := c.form(action, parameters...)
	if got.status != 200 {
		t.Fatalf("%s: %s %s", action, got.code, got.message)
	}
	return got
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
	return caller{c.f, key.one("AccessKeyId"), key.one("SecretAccessKey"), c.region}
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

// session is a session that an answer of AssumeRole or GetSessionToken begins.
func (c caller) session(begun queryAnswer) caller {
	id := begun.one("AccessKeyId")
	c.f.tokens.Store(id, begun.one("SessionToken"))
	return caller{c.f, id, begun.one("SecretAccessKey"), c.region}
}
