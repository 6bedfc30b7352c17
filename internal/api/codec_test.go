package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/awsjson"
)

// TestDecodeEncodeIdentity: a request that is written and read is the same.
func TestDecodeEncodeIdentity(t *testing.T) {
	t.Parallel()
	c := codec{t, loadModel(t)}
	for _, mo := range c.m.Operations {
		op, want := mo.op(t), c.m.validObject(t, mo.Input, "v")
		r, err := Decode(op, marshal(t, want))
		if err != nil {
			t.Fatal(err)
		}
		if r.Present() != 1<<len(mo.Input)-1 {
			t.Errorf("%s: present %b", op, r.Present())
		}
		back := marshal(t, c.request(mo.Input, r))
		if !reflect.DeepEqual(normal(t, back), normal(t, marshal(t, want))) {
			t.Errorf("%s:\nread %s\nof %s", op, back, marshal(t, want))
		}
	}
}

// TestNullIsAbsent: null for a member leaves it out.
func TestNullIsAbsent(t *testing.T) {
	t.Parallel()
	for _, mo := range loadModel(t).Operations {
		o := newObject()
		for _, mb := range mo.Input {
			o.set(mb.Name, nil)
		}
		o.set("NoSuchMember", map[string]any{"a": []any{1, "x", nil, true}})
		r, err := Decode(mo.op(t), marshal(t, o))
		if err != nil || r.Present() != 0 || !reflect.DeepEqual(r, NewRequest(mo.op(t))) {
			t.Errorf("%s: %v, present %b", mo.Name, err, r.Present())
		}
	}
}

// TestWrongTypes: a value of another JSON type is refused for every member.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	wrong := map[string][]any{
		"string": {1, true, []any{}, newObject()}, "enum": {1}, "secret": {1, nil2()}, "blob": {1, "!", "AA"}, "int": {"1", 1.5, 1 << 40, true},
		"bool": {"true", 0}, "timestamp": {"2026-01-01", true}, "list": {newObject(), "x", []any{nil}, []any{1}}, "map": {[]any{}, map[string]any{"a": nil}, map[string]any{"a": 1}},
	}
	for _, mo := range m.Operations {
		for _, mb := range mo.Input {
			values := wrong[m.Shapes[mb.Shape].Type]
			if m.Structures[mb.Shape] != nil {
				values = []any{[]any{}, "x", 1}
			}
			if len(values) == 0 {
				t.Fatalf("%s: nothing wrong for %s", mo.Name, mb.Name)
			}
			for _, v := range values {
				body := marshal(t, newObject().with(mb.Name, v))
				r, err := Decode(mo.op(t), body)
				if _, ok := errors.AsType[*awsjson.Error](err); !ok || r != nil {
					t.Errorf("%s: %s gave %v, %v", mo.Name, body, r, err)
				}
			}
		}
	}
}

// nil2 is a value that no string is.
func nil2() any { return []any{nil} }

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"{}"`, `{`, `{}}`, `{"KeyId":"a","KeyId":"a"}`, `{"KeyId":"a","Key\u0049d":"a"}`, `{"x":1,"x":1}`,
		`{"KeyId":"\ud800"}`, "{\"KeyId\":\"\xff\"}", `{"EncryptionContext":{"a":"b","a":"b"}}`, `{"EncryptionContext":{"a":null}}`,
		`{"GrantTokens":[null]}`, `{"Plaintext":"AA\n=="}`, `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
	} {
		r, err := Decode(OpEncrypt, []byte(body))
		if _, ok := errors.AsType[*awsjson.Error](err); !ok || r != nil {
			t.Errorf("%s: %v, %v", body, r, err)
		}
	}
}

func TestEncryptionContextIsSorted(t *testing.T) {
	t.Parallel()
	r, err := Decode(OpEncrypt, []byte(`{"EncryptionContext":{"b":"1","é":"2","B":"3","":"4"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := EncryptionContext{{Key: "", Value: "4"}, {Key: "B", Value: "3"}, {Key: "b", Value: "1"}, {Key: "é", Value: "2"}}
	if got := r.(*EncryptRequest).EncryptionContext; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestAppendJSON compares answers with what reflection makes of them: empty,
// with empty lists, and full.
func TestAppendJSON(t *testing.T) {
	t.Parallel()
	c := codec{t, loadModel(t)}
	all := responses(t)
	for _, mo := range c.m.Operations {
		r, ok := all[mo.Name]
		if ok != (mo.Output != nil) {
			t.Fatalf("%s: answer %v", mo.Name, r)
		}
		if !ok {
			continue
		}
		for range 2 {
			want := c.object(mo.Output, reflect.ValueOf(r).Elem(), false)
			got := r.AppendJSON([]byte("{"))[1:]
			if !reflect.DeepEqual(normal(t, got), normal(t, marshal(t, want))) {
				t.Errorf("%s:\n got %s\nwant %s", mo.Name, got, marshal(t, want))
			}
			fill(reflect.ValueOf(r).Elem(), "x\"é\n")
		}
	}
}

// TestKeyMetadata spells out which members DescribeKey always has.
func TestKeyMetadata(t *testing.T) {
	t.Parallel()
	r := &DescribeKeyResponse{KeyMetadata: &KeyMetadata{
		AWSAccountId: "111122223333", KeyId: "id", Arn: "arn", CreationDate: time.UnixMilli(1609193147831), KeyUsage: KeyUsageTypeEncryptDecrypt,
		KeyState: KeyStateCreating, Origin: OriginTypeAwsKms, KeyManager: KeyManagerTypeCustomer,
		CustomerMasterKeySpec: KeySpecSymmetricDefault, KeySpec: KeySpecSymmetricDefault,
		EncryptionAlgorithms:     []string{EncryptionAlgorithmSpecSymmetricDefault},
		MultiRegionConfiguration: &MultiRegionConfiguration{MultiRegionKeyType: MultiRegionKeyTypePrimary},
	}}
	const want = `{"KeyMetadata":{"AWSAccountId":"111122223333","KeyId":"id","Arn":"arn","CreationDate":1609193147.831,"Enabled":false,"Description":"",` +
		`"KeyUsage":"ENCRYPT_DECRYPT","KeyState":"Creating","Origin":"AWS_KMS","KeyManager":"CUSTOMER","CustomerMasterKeySpec":"SYMMETRIC_DEFAULT",` +
		`"KeySpec":"SYMMETRIC_DEFAULT","EncryptionAlgorithms":["SYMMETRIC_DEFAULT"],"MultiRegion":false,` +
		`"MultiRegionConfiguration":{"MultiRegionKeyType":"PRIMARY","ReplicaKeys":[]}}}`
	if got := string(r.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPresence: nil is absent where an empty value is not.
func TestPresence(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Response{
		`{}`:                            &ConnectCustomKeyStoreResponse{},
		`{"CiphertextBlob":""}`:         &EncryptResponse{CiphertextBlob: []byte{}},
		`{"Keys":[],"Truncated":false}`: &ListKeysResponse{},
		`{"KeyLastUsage":{}}`:           &GetKeyLastUsageResponse{},
		`{"KeyRotationEnabled":false,"KeyId":"k"}`:      &GetKeyRotationStatusResponse{KeyId: "k"},
		`{"ReplicaTags":[]}`:                            &ReplicateKeyResponse{ReplicaTags: []Tag{}},
		`{"ReplicaTags":[{"TagKey":"","TagValue":""}]}`: &ReplicateKeyResponse{ReplicaTags: []Tag{{}}},
		`{"Grants":[{"Name":"","Constraints":{"EncryptionContextSubset":{}}}],"Truncated":true}`: &ListGrantsResponse{
			Truncated: true, Grants: []GrantListEntry{{Constraints: &GrantConstraints{EncryptionContextSubset: EncryptionContext{}}}}},
	} {
		if got := string(r.AppendJSON(nil)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzDecode: no body makes the decoder or what follows it panic; what it
// accepts reads the same when it is written again.
func FuzzDecode(f *testing.F) {
	c := codec{f, loadModel(f)}
	for i, mo := range c.m.Operations {
		f.Add(uint8(i+1), marshal(f, c.m.validObject(f, mo.Input, "v")))
	}
	f.Fuzz(func(t *testing.T, number uint8, body []byte) {
		op := Op(number%NumOps + 1)
		r, err := Decode(op, body)
		if err != nil {
			return
		}
		members := c.m.Operations[op-1].Input
		canonical := marshal(t, c.request(members, r))
		again, err := Decode(op, canonical)
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%s: %s reads otherwise: %v", op, canonical, err)
		}
		for _, check := range []func() error{r.Validate, func() error { return Check(r) }} {
			if err := check(); err != nil {
				if _, ok := err.(*ValidationError); !ok {
					t.Fatalf("%s: error %T", op, err)
				}
				break // Check is for valid requests
			}
		}
		audit := r.AppendAudit(nil)
		if !json.Valid(audit) || !bytes.Equal(audit, again.AppendAudit(nil)) {
			t.Fatalf("%s: audit %s", op, audit)
		}
		if len(audit) > 2*len(body)+512 {
			t.Fatalf("%s: %d bytes of audit for a body of %d", op, len(audit), len(body))
		}
		r.Wipe()
	})
}
