package identity_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/identity"
	"trent/internal/record"
)

func TestSessionTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	over, noToken, half := theSession(), theSession(), theSession()
	over.ExpiresMs = time.Now().Add(-time.Second).UnixMilli()
	noToken.Session = nil
	half.Temporary = nil
	f.put(t, record.AccessKeyPath("ASIAOVER"), record.TypeAccessKey, over)
	f.put(t, record.AccessKeyPath("ASIANOTOKEN"), record.TypeAccessKey, noToken)
	f.put(t, record.AccessKeyPath("ASIAHALF"), record.TypeAccessKey, half)
	f.put(t, record.AccessKeyPath("ASIATWICE"), record.TypeAccessKey, &record.AccessKey{
		Account: account, PrincipalID: account, Type: identity.TypeRoot, Status: "Inactive", ExpiresMs: half.ExpiresMs, Session: half.Session, Temporary: &record.Session{},
	})
	stranger := theSession()
	stranger.Type = "FederatedUser"
	f.put(t, record.AccessKeyPath("ASIASTRANGER"), record.TypeAccessKey, stranger)
	for _, test := range []struct {
		id, token string
		want      apierr.Code
	}{
		{"ASIASTRANGER", token, apierr.UnrecognizedClient},
		{userKey, "", ""},
		{userKey, token, apierr.UnrecognizedClient},
		{roleKey, token, ""},
		{roleKey, "", apierr.UnrecognizedClient},
		{roleKey, token + " ", apierr.UnrecognizedClient},
		{roleKey, strings.ToUpper(token), apierr.UnrecognizedClient},
		{"ASIAOVER", token, apierr.ExpiredToken},
		{"ASIAOVER", "another", apierr.UnrecognizedClient},
		{"ASIANOTOKEN", "", apierr.UnrecognizedClient},
		{"ASIANOTOKEN", token, apierr.UnrecognizedClient},
		{"ASIAHALF", token, apierr.UnrecognizedClient},
		{"ASIATWICE", token, apierr.UnrecognizedClient},
	} {
		_, err := f.AccessKey(t.Context(), test.id, test.token)
		e, _ := errors.AsType[*apierr.Error](err)
		if test.want == "" && err != nil || test.want != "" && (e == nil || e.Code != test.want) {
			t.Errorf("%s with %q: %v, want %q", test.id, test.token, err, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	for name, want := range map[string]string{
		account:                           account,
		iamARN + "root":                   account,
		iamARN + "user/staff/Alice":       "AIDAUSER",
		iamARN + "role/Payroll":           "AROAROLE",
		"logs.amazonaws.com":              "",
		"ec2.cn-north-1.amazonaws.com.cn": "",
		"arn:aws:sts::" + account + ":assumed-role/Payroll/any": "AROAROLE",

		"999988887777":                                          "-",
		"arn:aws:iam::999988887777:root":                        "-",
		"arn:aws-cn:iam::" + account + ":root":                  "-",
		iamARN + "user/Alice":                                   "-",
		iamARN + "user/staff/alice":                             "-",
		iamARN + "user/staff/Bob":                               "-",
		iamARN + "role/payroll":                                 "-",
		iamARN + "role/staff/Payroll":                           "-",
		iamARN + "role/Alice":                                   "-",
		iamARN + "group/Staff":                                  "-",
		"arn:aws:sts::" + account + ":assumed-role/Other/any":   "-",
		"arn:aws:sts::" + account + ":assumed-role/payroll/any": "-",
		"arn:aws:iam::999988887777:role/Payroll":                "-",
		"*":                                                     "-",
		"":                                                      "-",
		"AIDAUSER":                                              "-",
		"amazonaws.com":                                         "-",
		"logs.example.com":                                      "-",
	} {
		id, exists, err := f.Resolve(t.Context(), name)
		if err != nil || exists != (want != "-") || exists && id != want {
			t.Errorf("%s: %q, %v, %v; want %q", name, id, exists, err, want)
		}
	}
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	for i := range 150 {
		f.put(t, record.UserPath(account, fmt.Sprintf("u%03d", i)), record.TypeUser, &record.User{ID: fmt.Sprintf("AIDA%d", i), Name: fmt.Sprintf("u%03d", i), Path: "/"})
	}
	var names []string
	for c, err := range f.Principals(t.Context(), account) {
		if err != nil {
			t.Fatal(err)
		}
		same, err := f.Principal(t.Context(), c.PrincipalARN)
		if err != nil || same.Type != c.Type || same.PrincipalID != c.PrincipalID || same.UserName != c.UserName || same.Permissions.ID != c.PrincipalID {
			t.Errorf("%+v, %v; want %+v", same, err, c)
		}
		names = append(names, c.PrincipalARN)
	}
	if len(names) != 153 || names[0] != iamARN+"root" || names[1] != iamARN+"user/staff/Alice" || names[152] != iamARN+"role/Payroll" {
		t.Errorf("%d: %q", len(names), names)
	}
	session, err := f.Principal(t.Context(), "arn:aws:sts::"+account+":assumed-role/Payroll/x")
	if err != nil || session.Type != "AssumedRole" || session.PrincipalID != "AROAROLE:x" || session.Session.Name != "x" || session.Session.RoleARN != iamARN+"role/Payroll" {
		t.Errorf("%+v, %v", session, err)
	}
	for _, name := range []string{"*", iamARN + "user/Nobody", "999988887777", "logs.amazonaws.com"} {
		if _, err := f.Principal(t.Context(), name); !errors.Is(err, identity.ErrNoPrincipal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLastUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	at := time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)
	uses := func() map[string]identity.LastUse {
		got := map[string]identity.LastUse{}
		for _, id := range []string{userKey, roleKey, "AROAROLE"} {
			if u, ok, err := f.LastUsed(t.Context(), id); err != nil {
				t.Fatal(err)
			} else if ok {
				got[id] = u
			}
		}
		return got
	}
	expect := func(when string, want map[string]identity.LastUse) {
		t.Helper()
		if got := uses(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	expect("before", map[string]identity.LastUse{})
	user, _ := f.find(userKey)
	session, _ := f.find(roleKey)
	f.Used(user, at, "kms", "eu-west-1")
	f.Used(user, at.Add(30*time.Second), "iam", "us-east-1") // the same minute
	f.Used(session, at, "sts", "eu-west-1")
	want := map[string]identity.LastUse{userKey: {at, "kms", "eu-west-1"}, "AROAROLE": {at, "sts", "eu-west-1"}}
	expect("in memory", want)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("stored", want)
	f.Used(user, at.Add(time.Minute), "iam", "us-east-1")
	f.Used(session, at.Add(time.Minute), "kms", "eu-west-1")
	f.delete(t, record.RolePath(account, "payroll"))
	f.delete(t, record.LastUsedPath("AROAROLE"))
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("after the role was deleted", map[string]identity.LastUse{userKey: {at.Add(time.Minute), "iam", "us-east-1"}})
	f.Used(session, at.Add(2*time.Minute), "kms", "eu-west-1")
	another := theRole()
	another.ID = "AROAANOTHER"
	f.put(t, record.RolePath(account, "payroll"), record.TypeRole, another)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("after another role took its name", map[string]identity.LastUse{userKey: {at.Add(time.Minute), "iam", "us-east-1"}})
}
