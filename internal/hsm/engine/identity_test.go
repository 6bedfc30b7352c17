package engine

import (
	"bytes"
	"crypto/fips140"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

const awsExampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

func sealedSecret(t *testing.T, e *Engine, id, secret string) proto.KeyRef {
	t.Helper()
	var resp proto.TokenResponse
	out := must(t)(e.SealAccessKeySecret(&proto.SealSecretRequest{Account: account, AccessKeyID: id, Secret: []byte(secret)}, nil))
	if err := resp.Decode(out); err != nil {
		t.Fatal(err)
	}
	return proto.KeyRef{Bind: accessKeyBind(account, id), Token: resp.Token}
}

// TestDayKeyVector is AWS's own example of a signing key (AWS General
// Reference, "Examples of how to derive a signing key for Signature Version 4").
func TestDayKeyVector(t *testing.T) {
	t.Parallel()
	s := &scratch{key: []byte(awsExampleSecret)}
	got := appendDayKey(nil, s, "20150830", "us-east-1", "iam")
	if want := "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"; hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
	s.wipe()
	if !bytes.Equal(s.plaintext(), make([]byte, proto.MaxPlaintext)) {
		t.Error("the chain stays in the working memory")
	}
}

func TestDeriveDayKey(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	ref := sealedSecret(t, e, "AKIAIOSFODNN7EXAMPLE", awsExampleSecret)
	for _, c := range []struct {
		date, region, service string
		ok                    bool
	}{
		{"20260301", region, "kms", true},
		{"20260228", region, "kms", true},
		{"20260302", region2, "kms", true},
		{"20260301", region, "iam", true},
		{"20260301", region, "sts", true},
		{"20260301", "us-east-1", "iam", true},
		{"20260301", "us-east-1", "sts", true},
		{"20260301", "us-east-1", "kms", false},
		{"20260301", "global", "kms", false},
		{"20260301", "global", "iam", false},
		{"20260301", "eu-west-9", "kms", false},
		{"20260301", region, "s3", false},
		{"20260301", region, "", false},
		{"20260227", region, "kms", false},
		{"20260303", region, "kms", false},
		{"20250301", region, "kms", false},
		{"2026-3-1", region, "kms", false},
		{"", region, "kms", false},
	} {
		in := &proto.DayKeyRequest{Key: ref, Date: c.date, Region: c.region, Service: c.service}
		if !c.ok {
			refused(t, proto.StatusDateRefused)(e.DeriveDayKey(in, nil))
			continue
		}
		got := must(t)(e.DeriveDayKey(in, []byte("dst")))
		want := appendDayKey([]byte("dst"), &scratch{key: []byte(awsExampleSecret)}, c.date, c.region, c.service)
		if !bytes.Equal(got, want) {
			t.Errorf("%+v: %x, want %x", c, got, want)
		}
	}
	other := ref
	other.Bind.ID = "AKIAOTHER"
	refused(t, proto.StatusTokenRefused)(e.DeriveDayKey(&proto.DayKeyRequest{Key: other, Date: "20260301", Region: region, Service: "kms"}, nil))
	other.Bind = proto.Bind{Region: region, Account: account, ID: "AKIAIOSFODNN7EXAMPLE"}
	refused(t, proto.StatusTokenRefused)(e.DeriveDayKey(&proto.DayKeyRequest{Key: other, Date: "20260301", Region: region, Service: "kms"}, nil))
	empty := forge(t, e, token.KindSecret, ref.Bind, nil, nil)
	refused(t, proto.StatusTokenRefused)(e.DeriveDayKey(&proto.DayKeyRequest{Key: empty, Date: "20260301", Region: region, Service: "kms"}, nil))
}

// TestDateIsUTC: the date is the clock's in UTC, whatever its location.
func TestDateIsUTC(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 3, 1, 23, 30, 0, 0, time.FixedZone("west", -10*3600)) // 2 March, UTC
	for date, want := range map[string]bool{"20260228": false, "20260301": true, "20260302": true, "20260303": true, "20260304": false} {
		if near(date, late.Unix()) != want {
			t.Errorf("%s: %v", date, !want)
		}
	}
}

func TestSealAccessKeySecret(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	// FIPS 140-3, where it is enforced, knows no HMAC key of so few bits.
	in := &proto.SealSecretRequest{Account: account, AccessKeyID: "AKIA", Secret: []byte("test")}
	if _, status := e.SealAccessKeySecret(in, nil); (status == proto.StatusMalformed) != fips140.Enforced() {
		t.Errorf("a secret of 4 characters: %v", status)
	}
	ref := sealedSecret(t, e, "AKIA", "test-test-test")
	var h token.Header
	if err := h.Parse(ref.Token); err != nil || h.Kind != token.KindSecret || h.Origin != token.OriginImported || h.Spec != 0 || h.Usage != 0 || h.MaterialID != [32]byte{} {
		t.Errorf("%+v, %v", h, err)
	}
	for _, in := range []proto.SealSecretRequest{
		{Account: account, AccessKeyID: "AKIA"},
		{Account: account, AccessKeyID: "AKIA", Secret: make([]byte, proto.MaxSecret+1)},
		{Account: account, Secret: []byte("test")},
		{AccessKeyID: "AKIA", Secret: []byte("test")},
	} {
		refused(t, proto.StatusMalformed)(e.SealAccessKeySecret(&in, nil))
	}
	bare := New(Config{Domains: newSet(t, false), Now: func() time.Time { return testTime }})
	refused(t, proto.StatusUnknownDomain)(bare.SealAccessKeySecret(&proto.SealSecretRequest{Account: account, AccessKeyID: "AKIA", Secret: []byte("test-test-test")}, nil))
	refused(t, proto.StatusUnknownDomain)(bare.CreateAccessKeySecret(&proto.CreateSecretRequest{Account: account, AccessKeyID: "AKIA"}, nil))
}

func TestCreateAccessKeySecret(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	seen := map[string]bool{}
	for range 20 {
		var resp proto.CreateSecretResponse
		out := must(t)(e.CreateAccessKeySecret(&proto.CreateSecretRequest{Account: account, AccessKeyID: "AKIA"}, nil))
		if err := resp.Decode(out); err != nil {
			t.Fatal(err)
		}
		secret := string(resp.Secret)
		if len(secret) != 40 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != "" || seen[secret] {
			t.Fatalf("a secret of %d characters", len(secret))
		}
		seen[secret] = true
		ref := proto.KeyRef{Bind: accessKeyBind(account, "AKIA"), Token: resp.Token}
		got := must(t)(e.DeriveDayKey(&proto.DayKeyRequest{Key: ref, Date: "20260301", Region: region, Service: "kms"}, nil))
		if want := appendDayKey(nil, &scratch{key: resp.Secret}, "20260301", region, "kms"); !bytes.Equal(got, want) {
			t.Error("the token holds another secret")
		}
	}
	refused(t, proto.StatusMalformed)(e.CreateAccessKeySecret(&proto.CreateSecretRequest{Account: account}, nil))
	refused(t, proto.StatusMalformed)(e.CreateAccessKeySecret(&proto.CreateSecretRequest{AccessKeyID: "AKIA"}, nil))
}
