package grant

import (
	"fmt"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/key"
	"trent/internal/record"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	symmetric := &key.Key{Spec: key.SymmetricDefault, Usage: key.EncryptDecrypt}
	signing := &key.Key{Spec: "ECC_NIST_P256", Usage: key.SignVerify}
	context := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint(i)] = "v"
		}
		return m
	}
	wide := strings.Repeat("\U0001F511", maxCharacters/2) // two characters each, as Java counts
	for _, test := range []struct {
		k    *key.Key
		g    record.Grant
		text string // "" if it can be
	}{
		{symmetric, record.Grant{Operations: []string{"Decrypt"}}, ""},
		{symmetric, record.Grant{Operations: []string{"Decrypt", "CreateGrant"}}, ""},
		{symmetric, record.Grant{Operations: []string{"RetireGrant"}}, ""},
		{symmetric, record.Grant{}, "Grants must contain at least one operation."},
		{symmetric, record.Grant{Operations: []string{"CreateGrant"}}, "Grants must not contain only the CreateGrant operation."},
		{symmetric, record.Grant{Operations: []string{"Verify", "Decrypt", "Sign"}},
			"The operations [Sign, Verify] are not supported by KMS keys with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT."},
		{signing, record.Grant{Operations: []string{"GenerateDataKey"}},
			"The operations [GenerateDataKey] are not supported by KMS keys with key spec ECC_NIST_P256 and key usage SIGN_VERIFY."},
		{signing, record.Grant{Operations: []string{"Sign"}, SourceARN: bucket}, ""},
		{signing, record.Grant{Operations: []string{"Sign"}, Constraint: Equals},
			"Encryption context constraints are supported only in grants for symmetric encryption KMS keys."},
		{symmetric, record.Grant{Operations: []string{"Decrypt"}, Constraint: Subset, Context: context(8)}, ""},
		{symmetric, record.Grant{Operations: []string{"Decrypt"}, Constraint: Subset, Context: context(9)},
			"An encryption context constraint can have at most 8 pairs."},
		{symmetric, record.Grant{Operations: []string{"Decrypt"}, Constraint: Equals, Context: map[string]string{wide: wide}}, ""},
		{symmetric, record.Grant{Operations: []string{"Decrypt"}, Constraint: Equals, Context: map[string]string{"a": wide + "x"}},
			"Names and values in an encryption context constraint can have at most 384 characters."},
		{symmetric, record.Grant{Operations: []string{"Decrypt"}, Constraint: Equals, Context: map[string]string{wide + "x": ""}},
			"Names and values in an encryption context constraint can have at most 384 characters."},
	} {
		err := Check(&test.g, test.k)
		if test.text == "" && err == nil {
			continue
		}
		if err == nil || apierr.From(err).Code != apierr.Validation || apierr.From(err).Message != test.text {
			t.Errorf("%+v: %v, want %q", test.g, err, test.text)
		}
	}
}

// TestRequested: a constraint that is there and empty is there.
func TestRequested(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"Operations":["Decrypt","Encrypt","Decrypt"]}`:                                          "[Decrypt Encrypt]  map[] null",
		`{"Constraints":{}}`:                                                                      "[]  map[] null",
		`{"Constraints":{"EncryptionContextEquals":{}}}`:                                          "[]  map[] null",
		`{"Constraints":{"EncryptionContextSubset":{}}}`:                                          "[]  map[] null",
		`{"Constraints":{"EncryptionContextSubset":{"b":"2","a":""}}}`:                            `[] EncryptionContextSubset map[a: b:2] {"EncryptionContextSubset":{"a":"","b":"2"}}`,
		`{"Constraints":{"SourceArn":"arn:aws:s3:::b"},"GranteeServicePrincipal":"a.b.c"}`:        `[]  map[] {"SourceArn":"arn:aws:s3:::b"}`,
		`{"Constraints":{"SourceArn":"arn:aws:s3:::b","EncryptionContextEquals":{"a":"\u00e4"}}}`: `[] EncryptionContextEquals map[a:ä] {"EncryptionContextEquals":{"a":"ä"},"SourceArn":"arn:aws:s3:::b"}`,
	} {
		in, err := api.Decode(api.OpCreateGrant, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		g := Requested(in.(*api.CreateGrantRequest))
		shown := "null"
		if c := Constraints(g); c != nil {
			list := api.ListGrantsResponse{Grants: []api.GrantListEntry{{Constraints: c}}}
			_, shown, _ = strings.Cut(string(list.AppendJSON(nil)), `"Constraints":`)
			shown, _, _ = strings.Cut(shown, `}],`)
		}
		if got := fmt.Sprint(g.Operations, " ", g.Constraint, " ", g.Context, " ", shown); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id, err := NewID(strings.NewReader(strings.Repeat("\xab", idBytes)))
	if err != nil || id != strings.Repeat("ab", idBytes) || !ValidID(id) {
		t.Errorf("got %q, %v", id, err)
	}
	if id, err := NewID(strings.NewReader("short")); err == nil {
		t.Errorf("too little randomness makes %q", id)
	}
	if all := strings.Repeat("0123456789abcdef", 4); !ValidID(all) || CheckID(all) != nil {
		t.Errorf("%s is not valid", all)
	}
	if e := apierr.From(CheckID("x")); e.Code != apierr.InvalidGrantID || e.Message != "Grant ID x is not valid." {
		t.Errorf("%v", e)
	}
	if e := apierr.From(NotFound(id)); e.Code != apierr.NotFound || e.Message != "Grant ID "+id+" is not found." {
		t.Errorf("%v", e)
	}
	for _, bad := range []string{"", id[:63], id + "a", strings.ToUpper(id), strings.Repeat("g", 64), strings.Repeat("/", 64)} {
		if ValidID(bad) {
			t.Errorf("%q is valid", bad)
		}
	}
}
