package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/secret"
)

// samples are records of each type; the last one of a type has every member set.
func samples() []sample {
	id := bytes.Repeat([]byte{0xab}, 32)
	return []sample{
		{TypeKey, KeyPath(region, account, keyID), &Key{
			CreatedMs: 1, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", State: "Enabled", Description: "äöü",
			MultiRegion: true, Materials: []KeyMaterial{{ID: id, CreatedMs: 2, State: "CURRENT", ImportState: "IMPORTED", Description: "d", ValidToMs: 3, RotatedMs: 4, RotatedBy: "ON_DEMAND"}},
			CurrentMaterial: id, DeletionMs: 5, PrimaryRegion: region, ReplicaRegions: []string{"us-east-1"}, CustomKeyStoreID: "cks-1", XksKeyID: "x",
			Rotation: &KeyRotation{Enabled: true, PeriodDays: 365, NextMs: 6, OnDemand: 7}, Expiration: &KeyExpiration{Model: "KEY_MATERIAL_EXPIRES", ValidMs: 8},
			StateBefore: "Enabled", PublicKey: []byte{1, 2}}},
		{TypePolicy, PolicyPath(region, account, keyID), &Policy{Document: `{"Version":"2012-10-17"}`}},
		{TypeMaterial, MaterialPath(region, account, keyID, id), &Material{Token: bytes.Repeat([]byte{1}, 184), Generation: 2}},
		{TypeAlias, AliasPath(region, account, "a/b"), &Alias{KeyID: keyID, CreatedMs: 1, UpdatedMs: 2}},
		{TypeAccount, AccountPath(account), &Account{Name: "n", CreatedMs: 1, Disabled: true, Dev: true}},
		{TypeAccessKey, AccessKeyPath("AKIAEXAMPLE"), &AccessKey{Account: account, PrincipalARN: "arn", PrincipalID: "AIDA", Type: "IAMUser", UserName: "u",
			Status: "Active", CreatedMs: 1, Token: []byte{1, 2, 3}, Generation: 4, ExpiresMs: 5, Session: []byte{6}}},
		{TypeServiceKey, ServiceKeyPath(region, "record-mac"), &ServiceKey{Token: []byte{1, 2, 3}, Generation: 4}},
		{TypeStore, StorePath(), &Store{ID: id[:16], Format: 1, Dev: true, CreatedMs: 2, Node: id[16:]}},
		{TypeIndex, IndexPath(region, id), &Index{Account: account, KeyID: keyID}},
		{TypeTags, TagsPath(region, account, keyID), &Tags{Tags: map[string]string{"ward": "7", "Ä": "", "cost centre": "radiology"}}},
		// Records whose vectors are older than some of their members, once more.
		{TypeAccount, AccountPath("222233334444"), &Account{Name: "n", CreatedMs: 1, Disabled: true, Dev: true, RootKeys: []string{"AKIAEXAMPLE", "AKIAEXAMPLE2"}}},
		{TypeStore, StorePath(), &Store{ID: id[:16], Format: 1, Dev: true, CreatedMs: 2, Node: id[16:], AheadSeconds: 3}},
		{TypeStore, StorePath(), &Store{ID: id[:16], Format: 1, Dev: true, CreatedMs: 2, Node: id[16:], AheadSeconds: 3, Partition: "aws", Epoch: 4}},
		{TypePolicy, PolicyPath(region, "222233334444", keyID), &Policy{Document: `{}`, Bound: bound}},
		{TypeAccessKey, AccessKeyPath("ASIAEXAMPLE"), &AccessKey{Account: account, PrincipalARN: "arn", PrincipalID: "AROA:s", Type: "AssumedRole", UserName: "u",
			Status: "Active", CreatedMs: 1, Token: []byte{1, 2, 3}, Generation: 4, ExpiresMs: 5, Session: id, Temporary: &Session{
				Name: "s", RoleARN: "arn:aws:iam::111122223333:role/r", RoleID: "AROA", IssuedMs: 6, Policy: "{}", PolicyARNs: []string{"p"},
				Tags: map[string]string{"ward": "7"}, Transitive: []string{"ward"}, SourceIdentity: "i", Chained: true}}},
		{TypeUser, UserPath(account, "alice"), &User{ID: "AIDA", Name: "Alice", Path: "/a/", CreatedMs: 1, Inline: map[string]string{"p": "{}"}, Attached: []string{"p"},
			Boundary: "b", Tags: map[string]string{"ward": "7"}, Groups: []string{"g"}, AccessKeys: []string{"AKIAEXAMPLE"}}},
		{TypeGroup, GroupPath(account, "g"), &Group{ID: "AGPA", Name: "G", Path: "/", CreatedMs: 1, Inline: map[string]string{"p": "{}"}, Attached: []string{"p"}}},
		{TypeRole, RolePath(account, "r"), &Role{ID: "AROA", Name: "R", Path: "/", CreatedMs: 1, Inline: map[string]string{"p": "{}"}, Attached: []string{"p"}, Boundary: "b",
			Tags: map[string]string{"ward": "7"}, Description: "d", MaxSessionSeconds: 3600, Trust: Policy{Document: "{}", Bound: bound}}},
		{TypeManaged, ManagedPath(account, "p"), &Managed{ID: "ANPA", Name: "P", Path: "/", CreatedMs: 1, UpdatedMs: 2, Description: "d", Default: 1, Latest: 2,
			Versions: []ManagedVersion{{1, "{}", 3}, {2, "{ }", 4}}, Tags: map[string]string{"ward": "7"}}},
		{TypeLastUsed, LastUsedPath("AKIAEXAMPLE"), &LastUsed{TimeMs: 1, Service: "kms", Region: region}},
		{TypeGrant, GrantPath(region, account, keyID, "00ff"), &Grant{Name: "n", CreatedMs: 1, Grantee: "arn", GranteeID: "AROA", GranteeService: "s.amazonaws.com", Retiring: "arn2",
			RetiringID: "AIDA", RetiringService: "t.amazonaws.com", IssuingAccount: account, Operations: []string{"Decrypt"}, Constraint: "EncryptionContextSubset",
			Context: map[string]string{"ward": "7"}, SourceARN: "arn3", ForAWSResource: true}},
		{TypeAuditKey, AuditKeyPath("k"), &AuditKey{Token: []byte{1}, Generation: 2, Spec: "ECC_NIST_P384", PublicKey: []byte{3}, CreatedMs: 4}},
		{TypeKey, KeyPath(region, account, "mrk-0"), &Key{
			CreatedMs: 1, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", State: "Enabled", Description: "äöü",
			MultiRegion: true, Materials: []KeyMaterial{{ID: id}},
			CurrentMaterial: id, DeletionMs: 5, PrimaryRegion: region, ReplicaRegions: []string{"us-east-1"}, CustomKeyStoreID: "cks-1", XksKeyID: "x",
			Rotation: &KeyRotation{Enabled: true, PeriodDays: 365, NextMs: 6, OnDemand: 7}, Expiration: &KeyExpiration{Model: "KEY_MATERIAL_EXPIRES", ValidMs: 8},
			StateBefore: "Enabled", PublicKey: []byte{1, 2}, PendingDays: 9}},
		{TypeKeyUse, KeyUsePath(region, account, keyID), &KeyUse{TimeMs: 1, Operation: "Decrypt", EventID: "e", RequestID: "r",
			Refused: &RefusedUses{Period: 2, Count: 3, TimeMs: 4, Operation: "Encrypt", By: "arn"}}},
		{TypeStore, StorePath(), &Store{ID: []byte{1}, Format: 1, Dev: true, CreatedMs: 2, Node: []byte{3}, AheadSeconds: 4, Partition: "aws", Epoch: 5, UsageSinceMs: 6}},
		{TypeKey, KeyPath(region, account, "mrk-1"), &Key{
			CreatedMs: 1, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", State: "Enabled", Description: "äöü",
			MultiRegion: true, Materials: []KeyMaterial{{ID: id}},
			CurrentMaterial: id, DeletionMs: 5, PrimaryRegion: region, ReplicaRegions: []string{"us-east-1"}, CustomKeyStoreID: "cks-1", XksKeyID: "x",
			Rotation: &KeyRotation{Enabled: true, PeriodDays: 365, NextMs: 6, OnDemand: 7}, Expiration: &KeyExpiration{Model: "KEY_MATERIAL_EXPIRES", ValidMs: 8},
			StateBefore: "Enabled", PublicKey: []byte{1, 2}, PendingDays: 9, Brownout: &Brownout{Percent: 10, SinceMs: 11, UntilMs: 12}}},
	}
}

var bound = map[string]string{"arn:aws:iam::111122223333:user/alice": "AIDA"}

type sample struct {
	t   Type
	key []byte
	v   any
}

// zero is a new zero value of the sample's type.
func (s sample) zero() any { return reflect.New(reflect.TypeOf(s.v).Elem()).Interface() }

func (s sample) seal(t testing.TB, x *Sealer) []byte {
	t.Helper()
	var b []byte
	var err error
	if unauthenticated(s.t) {
		b, err = Encode(s.t, 7, s.v)
	} else {
		b, err = x.Seal(s.key, s.t, 7, s.v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s sample) open(x *Sealer, key, value []byte, v any) (uint64, error) {
	if unauthenticated(s.t) {
		return Decode(value, s.t, v)
	}
	return x.Open(key, value, s.t, v)
}

// sealer has the MAC key 00 01 … 1f.
func sealer(t testing.TB) *Sealer {
	t.Helper()
	key := make([]byte, MACKeyLen)
	for i := range key {
		key[i] = byte(i)
	}
	x, err := NewSealer(secret.New(key))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestRoundTrip: every record type, with all members set and with none, comes
// back as it was, also when it was given by value; equal records have equal bytes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	x := sealer(t)
	last := map[Type]sample{}
	for _, s := range samples() {
		last[s.t] = s
	}
	for _, s := range last {
		for f, st := 0, reflect.ValueOf(s.v).Elem(); f < st.NumField(); f++ {
			if st.Field(f).IsZero() {
				t.Errorf("%T: the sample does not set %s", s.v, st.Type().Field(f).Name)
			}
		}
	}
	for _, s := range samples() {
		for _, v := range []any{s.v, s.zero()} {
			full := sample{s.t, s.key, v}
			b := full.seal(t, x)
			got := s.zero()
			version, err := s.open(x, s.key, b, got)
			if diff := cmp.Diff(v, got); err != nil || version != 7 || diff != "" {
				t.Errorf("%T: version %d, %v\n%s", v, version, err, diff)
			}
			byValue := sample{s.t, s.key, reflect.ValueOf(v).Elem().Interface()}
			if !bytes.Equal(b, byValue.seal(t, x)) {
				t.Errorf("%T: sealed by value it has other bytes", v)
			}
		}
	}
	for typ := TypeKey; typ <= TypeKeyUse; typ++ {
		if _, seen := last[typ]; !seen && typ != TypeOutbox && blank(typ) != nil {
			t.Errorf("type %d has no sample", typ)
		}
	}
}

// TestVectors freezes the bytes of version 1. A new type adds a line to the
// file, none is ever changed; a new version gets a file of its own.
func TestVectors(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "records-v1.txt")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	x := sealer(t)
	all := samples()
	if len(lines) != len(all) {
		t.Fatalf("%s has %d lines, want %d", file, len(lines), len(all))
	}
	for i, s := range all {
		want, err := hex.DecodeString(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		if got := s.seal(t, x); !bytes.Equal(got, want) {
			t.Errorf("%T: %x, want %x", s.v, got, want)
		}
		v := s.zero()
		if _, err := s.open(x, s.key, want, v); err != nil || !cmp.Equal(s.v, v) {
			t.Errorf("%T does not open: %v\n%s", s.v, err, cmp.Diff(s.v, v))
		}
	}
}

// TestTampered: a value that is moved to another store key, changed in any
// bit, cut, lengthened, of another type or under another MAC key is refused.
func TestTampered(t *testing.T) {
	t.Parallel()
	x := sealer(t)
	other, err := NewSealer(secret.New(make([]byte, MACKeyLen)))
	if err != nil {
		t.Fatal(err)
	}
	all := samples()
	for i, s := range all {
		if unauthenticated(s.t) {
			continue
		}
		b := s.seal(t, x)
		refuse := func(what string, x *Sealer, key, value []byte, typ Type) {
			t.Helper()
			if _, err := x.Open(key, value, typ, s.zero()); !errors.Is(err, ErrTampered) {
				t.Errorf("%T, %s: %v, want ErrTampered", s.v, what, err)
			}
		}
		for j, moved := range all {
			if i != j {
				refuse("moved to "+string(moved.key), x, moved.key, b, s.t)
				if moved.t != s.t {
					refuse("read as another type", x, s.key, b, moved.t)
				}
			}
		}
		refuse("moved to another key of its type", x, append(bytes.Clone(s.key), '0'), b, s.t)
		refuse("another MAC key", other, s.key, b, s.t)
		refuse("a byte more", x, s.key, append(bytes.Clone(b), 0), s.t)
		refuse("zero MAC", x, s.key, append(append(bytes.Clone(b[:headerLen]), make([]byte, macLen)...), b[overhead:]...), s.t)
		for n := range b {
			refuse("cut", x, s.key, b[:n], s.t)
			for bit := range 8 {
				flipped := bytes.Clone(b)
				flipped[n] ^= 1 << bit
				refuse("bit flipped", x, s.key, flipped, s.t)
			}
		}
	}
}

// TestUnauthenticated: the two kinds of records cannot be taken for each other.
func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	x := sealer(t)
	for _, s := range samples() {
		if unauthenticated(s.t) {
			if _, err := x.Seal(s.key, s.t, 1, s.v); err == nil {
				t.Errorf("%T is sealed with a MAC", s.v)
			}
			b := s.seal(t, x)
			if _, err := x.Open(s.key, b, s.t, s.zero()); !errors.Is(err, ErrTampered) {
				t.Errorf("%T opens with a MAC: %v", s.v, err)
			}
			b[headerLen] = 1
			if _, err := Decode(b, s.t, s.zero()); !errors.Is(err, ErrTampered) {
				t.Errorf("%T with a MAC is decoded: %v", s.v, err)
			}
			continue
		}
		if _, err := Encode(s.t, 1, s.v); err == nil {
			t.Errorf("%T is encoded without a MAC", s.v)
		}
		if _, err := Decode(s.seal(t, x), s.t, s.zero()); !errors.Is(err, ErrTampered) {
			t.Errorf("%T is decoded without a look at its MAC: %v", s.v, err)
		}
	}
}

// TestStrict: CBOR that a Sealer would not have made is refused, even with a
// valid MAC.
func TestStrict(t *testing.T) {
	t.Parallel()
	x := sealer(t)
	k := IndexPath(region, materialBytes)
	for what, body := range map[string]string{
		"unknown member":         "a3 01 61 61 02 61 62 03 00",
		"unknown text member":    "a3 01 61 61 02 61 62 61 63 00",
		"duplicate member":       "a2 01 61 61 01 61 62",
		"indefinite map":         "bf 01 61 61 02 61 62 ff",
		"indefinite string":      "a2 01 7f 61 61 ff 02 61 62",
		"bytes left over":        "a2 01 61 61 02 61 62 00",
		"cut short":              "a2 01 61 61 02",
		"wrong type of a member": "a2 01 00 02 61 62",
		"invalid UTF-8":          "a2 01 61 ff 02 61 62",
		"a tag":                  "c1 a2 01 61 61 02 61 62",
		"no map":                 "80",
		"nothing":                "",
		"a null for the record":  "f6",
	} {
		cbor, err := hex.DecodeString(strings.ReplaceAll(body, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte{envelopeVersion, byte(TypeIndex), 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, macLen)...)
		b = append(b, cbor...)
		x.mac(b[headerLen:headerLen], k, b)
		var v Index
		if _, err := x.Open(k, b, TypeIndex, &v); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %+v, %v; want ErrTampered", what, v, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	x := sealer(t)
	k := AliasPath(region, account, "a")
	for what, err := range map[string]error{
		"version 0":     second(x.Seal(k, TypeAlias, 0, &Alias{})),
		"wrong type":    second(x.Seal(k, TypeKey, 1, &Alias{})),
		"no record":     second(x.Seal(k, TypeAlias, 1, map[int]string{})),
		"reserved type": second(x.Seal(k, TypeGrant, 1, &Alias{})),
		"invalid UTF-8": second(x.Seal(k, TypeAlias, 1, &Alias{KeyID: "\xff"})),
		"short MAC key": second(NewSealer(secret.New(make([]byte, 31)))),
		"nil record":    second(x.Seal(k, TypeAlias, 1, (*Alias)(nil))),
	} {
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzOpen: of values near a sealed one, only that one opens.
func FuzzOpen(f *testing.F) {
	x := sealer(f)
	all := samples()
	for i, s := range all {
		f.Add(uint8(i), s.seal(f, x))
	}
	f.Fuzz(func(t *testing.T, n uint8, value []byte) {
		s := all[int(n)%len(all)]
		v := s.zero()
		version, err := s.open(x, s.key, value, v)
		if err != nil {
			if !errors.Is(err, ErrTampered) {
				t.Errorf("%v is not ErrTampered", err)
			}
			return
		}
		if unauthenticated(s.t) { // anybody can make these
			b, err := Encode(s.t, version, v)
			if err != nil {
				t.Fatalf("%x opens as %+v, which cannot be encoded: %v", value, v, err)
			}
			again := s.zero()
			if _, err := Decode(b, s.t, again); err != nil || !cmp.Equal(v, again) {
				t.Errorf("%+v comes back as %+v, %v", v, again, err)
			}
		} else if !bytes.Equal(value, s.seal(t, x)) {
			t.Errorf("%T: a value that was not sealed opens: %x", s.v, value)
		}
	})
}

func BenchmarkSealKey(b *testing.B) {
	x, s := sealer(b), samples()[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Seal(s.key, s.t, 1, s.v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenKey(b *testing.B) {
	x, s := sealer(b), samples()[0]
	value := s.seal(b, x)
	b.ReportAllocs()
	for b.Loop() {
		var k Key
		if _, err := x.Open(s.key, value, s.t, &k); err != nil {
			b.Fatal(err)
		}
	}
}
