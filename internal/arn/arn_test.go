package arn_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"trent/internal/arn"
)

const (
	uuid = "1234abcd-12ab-34cd-56ef-1234567890ab"
	mrk  = "mrk-1234abcd12ab34cd56ef1234567890ab"
)

func TestParse(t *testing.T) {
	t.Parallel()
	type id = arn.Identifier
	parts := func(kind arn.Kind, s string) id {
		return id{Kind: kind, Partition: "aws", Region: "eu-central-1", Account: "111122223333", ID: s}
	}
	const prefix = "arn:aws:kms:eu-central-1:111122223333:"
	for s, want := range map[string]id{
		uuid:                    {Kind: arn.KeyID, ID: uuid},
		mrk:                     {Kind: arn.KeyID, ID: mrk},
		strings.ToUpper(uuid):   {Kind: arn.KeyID, ID: strings.ToUpper(uuid)},
		prefix + "key/" + uuid:  parts(arn.KeyARN, uuid),
		prefix + "key/" + mrk:   parts(arn.KeyARN, mrk),
		"alias/orders":          {Kind: arn.AliasName, ID: "alias/orders"},
		"alias/aws/s3":          {Kind: arn.AliasName, ID: "alias/aws/s3"},
		"alias/":                {Kind: arn.AliasName, ID: "alias/"},
		prefix + "alias/a/b:c":  parts(arn.AliasARN, "alias/a/b:c"),
		prefix + "alias/":       parts(arn.AliasARN, "alias/"),
		prefix + "key/":         parts(arn.InvalidKeyID, ""),
		prefix + "key/alias/a":  parts(arn.InvalidKeyID, "alias/a"),
		prefix + "key/" + "foo": parts(arn.InvalidKeyID, "foo"),
		"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/" + uuid: {Kind: arn.KeyARN, Partition: "aws-us-gov", Region: "us-gov-west-1", Account: "111122223333", ID: uuid},

		"":                                     {Kind: arn.InvalidKeyID},
		"foo":                                  {Kind: arn.InvalidKeyID, ID: "foo"},
		"ALIAS/orders":                         {Kind: arn.InvalidKeyID, ID: "ALIAS/orders"},
		strings.ReplaceAll(uuid, "-", ""):      {Kind: arn.InvalidKeyID, ID: strings.ReplaceAll(uuid, "-", "")},
		uuid + "0":                             {Kind: arn.InvalidKeyID, ID: uuid + "0"},
		"1234abcd-12ab-34cd-56ef+1234567890ab": {Kind: arn.InvalidKeyID, ID: "1234abcd-12ab-34cd-56ef+1234567890ab"},
		"1234abcd-12ab-34cd-56ef-1234567890ag": {Kind: arn.InvalidKeyID, ID: "1234abcd-12ab-34cd-56ef-1234567890ag"},
		mrk[:35]:                               {Kind: arn.InvalidKeyID, ID: mrk[:35]},
		"mrk_" + mrk[4:]:                       {Kind: arn.InvalidKeyID, ID: "mrk_" + mrk[4:]},
		mrk[:35] + "/":                         {Kind: arn.InvalidKeyID, ID: mrk[:35] + "/"},
	} {
		if got := arn.Parse(s); got != want {
			t.Errorf("%q: got %+v, want %+v", s, got, want)
		}
	}
}

func TestParseInvalidARN(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"arn:", "arn:aws", "arn:aws:kms:eu-central-1:111122223333", "arn:aws:kms:eu-central-1:111122223333:",
		"arn:aws:s3:eu-central-1:111122223333:key/" + uuid,
		"arn:aws:kms:eu-central-1:111122223333:grant/x",
		"arn:aws:kms:eu-central-1:111122223333:" + uuid,
		"arn:aws:kms::111122223333:key/" + uuid,
		"arn::kms:eu-central-1:111122223333:key/" + uuid,
		"arn:aws:kms:EU-CENTRAL-1:111122223333:key/" + uuid,
		"arn:aws:kms:eu/central:111122223333:key/" + uuid,
		"arn:aws:kms:eu-central-1:11112222333:key/" + uuid,
		"arn:aws:kms:eu-central-1:1111222233334:key/" + uuid,
		"arn:aws:kms:eu-central-1:11112222333x:key/" + uuid,
		"arn:aws:kms:eu-central-1::key/" + uuid,
	} {
		if got, want := arn.Parse(s), (arn.Identifier{Kind: arn.InvalidARN, ID: s}); got != want {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, s := range []string{uuid, "alias/a", arn.Key("aws", "eu-central-1", "111122223333", uuid), "arn:aws", "x"} {
		if n := testing.AllocsPerRun(100, func() { _ = arn.Parse(s) }); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	if got, want := arn.Key("aws", "eu-central-1", "111122223333", uuid), "arn:aws:kms:eu-central-1:111122223333:key/"+uuid; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := arn.Alias("aws-cn", "cn-north-1", "111122223333", "alias/a"), "arn:aws-cn:kms:cn-north-1:111122223333:alias/a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewKeyID(t *testing.T) {
	t.Parallel()
	got, err := arn.NewKeyID(bytes.NewReader([]byte("\x00\x11\x22\x33\x44\x55\xff\x77\xff\x99\xaa\xbb\xcc\xdd\xee\xff")))
	if want := "00112233-4455-4f77-bf99-aabbccddeeff"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 1000 {
		id, err := arn.NewKeyID(rand.Reader)
		if err != nil || !form.MatchString(id) || !arn.ValidKeyID(id) || arn.MultiRegionKeyID(id) || seen[id] {
			t.Fatalf("got %q, %v", id, err)
		}
		seen[id] = true
	}
	if id, err := arn.NewKeyID(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) || id != "" {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestAliasNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"alias/a": true, "alias/A-z_0:9/x": true, "alias/aws/s3": true, "alias/awsome": true, "alias//": true,
		"alias/" + strings.Repeat("a", 250): true, "alias/" + strings.Repeat("a", 251): false,
		"": false, "alias": false, "alias/": false, "Alias/a": false, "orders": false, "alias/a b": false, "alias/ä": false, "alias/a.b": false, "alias/a\n": false,
	} {
		if got := arn.ValidAliasName(name); got != valid {
			t.Errorf("%q: got %v", name, got)
		}
	}
	for name, reserved := range map[string]bool{"alias/aws/s3": true, "alias/aws/": true, "alias/aws": false, "alias/awsome": false, "alias/AWS/s3": false} {
		if got := arn.ReservedAliasName(name); got != reserved {
			t.Errorf("%q: reserved %v", name, got)
		}
	}
}

// FuzzParse: put together again, an identifier is what it was; and no part
// that becomes part of a store key can hold a separator.
func FuzzParse(f *testing.F) {
	for _, s := range []string{uuid, mrk, "alias/a", "arn:aws:kms:eu-central-1:111122223333:key/" + uuid, "arn:aws:kms:eu-central-1:111122223333:alias/a/b", "arn:aws:kms:::key/", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id := arn.Parse(s)
		if id.Kind != arn.InvalidKeyID {
			if id.String() != s {
				t.Errorf("%q became %q", s, id.String())
			}
			if strings.Contains(id.Partition+id.Region+id.Account, "/") {
				t.Errorf("%q has the parts %+v", s, id)
			}
		}
		switch id.Kind {
		case arn.KeyID, arn.KeyARN:
			if !arn.ValidKeyID(id.ID) || strings.Contains(id.ID, "/") {
				t.Errorf("%q is taken for a key id", id.ID)
			}
		case arn.AliasName, arn.AliasARN:
			if !strings.HasPrefix(id.ID, "alias/") {
				t.Errorf("%q is taken for an alias name", id.ID)
			}
		case arn.InvalidKeyID:
			if arn.ValidKeyID(id.ID) || !strings.HasSuffix(s, id.ID) {
				t.Errorf("%q is refused for %q", s, id.ID)
			}
		}
		if (id.Kind == arn.KeyARN || id.Kind == arn.AliasARN) != (id.Region != "") && id.Kind != arn.InvalidKeyID {
			t.Errorf("%q: kind %d with the Region %q", s, id.Kind, id.Region)
		}
	})
}
