package arn_test

import (
	"strings"
	"testing"

	"trent/internal/arn"
)

func TestParsePrincipal(t *testing.T) {
	t.Parallel()
	const account = "111122223333"
	of := func(kind arn.PrincipalKind, path, name, session string) arn.Principal {
		return arn.Principal{Kind: kind, Partition: "aws", Account: account, Path: path, Name: name, Session: session}
	}
	const iam, sts = "arn:aws:iam::111122223333:", "arn:aws:sts::111122223333:"
	for s, want := range map[string]arn.Principal{
		account:                            {Kind: arn.AccountPrincipal, Account: account},
		iam + "root":                       of(arn.AccountPrincipal, "", "", ""),
		iam + "user/Alice":                 of(arn.User, "/", "Alice", ""),
		iam + "user/a/b/Alice":             of(arn.User, "/a/b/", "Alice", ""),
		iam + "role/service/payroll+=,.@_": of(arn.Role, "/service/", "payroll+=,.@_", ""),
		sts + "assumed-role/payroll/i-1":   of(arn.RoleSession, "", "payroll", "i-1"),

		"":                         {},
		"*":                        {},
		"11112222333":              {},
		iam + "root/x":             {},
		iam + "user/":              {},
		iam + "user":               {},
		iam + "user/a/":            {},
		iam + "user/a b":           {},
		iam + "user/ä":             {},
		iam + "user/a b/c":         {},
		iam + "group/a":            {},
		iam + "policy/a":           {},
		iam + "assumed-role/a/b":   {},
		sts + "assumed-role/a":     {},
		sts + "assumed-role/a/b/c": {},
		sts + "user/a":             {},
		"arn:aws:iam:eu-west-1:" + account + ":root":    {},
		"arn:aws:iam::11112222333x:root":                {},
		"arn:a/b:iam::111122223333:root":                {},
		"arn:aws:kms::111122223333:user/a":              {},
		iam + "user/" + strings.Repeat("a/", 256) + "a": {},
	} {
		got := arn.ParsePrincipal(s)
		if got != want {
			t.Errorf("%q: %+v, want %+v", s, got, want)
		}
		if got.Kind != arn.NoPrincipal && got.String() != s {
			t.Errorf("%q becomes %q", s, got.String())
		}
	}
}

func TestManagedPolicyARN(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/division/team/"} {
		s := arn.ManagedPolicy("aws-cn", "111122223333", path, "Keys")
		if p, a, gotPath, name, ok := arn.ParseManagedPolicy(s); !ok || p != "aws-cn" || a != "111122223333" || gotPath != path || name != "Keys" {
			t.Errorf("%q: %q %q %q %q %v", s, p, a, gotPath, name, ok)
		}
	}
	for _, s := range []string{
		"", "Keys", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::111122223333:policy/", "arn:aws:iam::111122223333:policyKeys",
		"arn:aws:iam::111122223333:role/Keys", "arn:aws:iam::111122223333:policy/a*",
	} {
		if _, _, _, _, ok := arn.ParseManagedPolicy(s); ok {
			t.Errorf("%q is taken", s)
		}
	}
}

// FuzzParsePrincipal: what is taken for a principal is put together again as it
// was, and its parts can stand in a store key.
func FuzzParsePrincipal(f *testing.F) {
	for _, s := range []string{
		"111122223333", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/a/b/Alice", "arn:aws-cn:iam::111122223333:role//x",
		"arn:aws:sts::111122223333:assumed-role/payroll/i-1", "arn:aws:iam::111122223333:policy/a/b", "arn:aws:iam::111122223333:user/a\x00b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := arn.ParsePrincipal(s)
		if p.Kind == arn.NoPrincipal {
			if p != (arn.Principal{}) {
				t.Errorf("%q: %+v", s, p)
			}
		} else if p.String() != s || strings.Contains(p.Name+p.Session+p.Account, "/") {
			t.Errorf("%q: %+v, %q", s, p, p.String())
		}
		if partition, account, path, name, ok := arn.ParseManagedPolicy(s); ok && (arn.ManagedPolicy(partition, account, path, name) != s || strings.Contains(name+account, "/")) {
			t.Errorf("%q: %q %q %q %q", s, partition, account, path, name)
		}
	})
}
