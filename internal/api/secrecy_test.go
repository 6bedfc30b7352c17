package api

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// unrecorded are the members that never stand in an audit record, by name:
// written here by hand, so that a slip in the model shows.
var unrecorded = map[string]bool{
	"Plaintext": true, "Message": true, "CiphertextBlob": true, "SharedSecretCiphertextBlob": true, "Mac": true, "Signature": true,
	"PublicKey": true, "ImportToken": true, "EncryptedKeyMaterial": true, "AttestationDocument": true,
	"GrantToken": true, "GrantTokens": true, "KeyStorePassword": true, "XksProxyAuthenticationCredential": true,
	"AccessKeyId": true, "RawSecretAccessKey": true,
}

// forms are the ways in which a value might be written.
func forms(value []byte) []string {
	decimal := strings.Trim(fmt.Sprint(value), "[]")
	return []string{string(value), base64.StdEncoding.EncodeToString(value), hex.EncodeToString(value), strings.ToUpper(hex.EncodeToString(value)), decimal, strings.ReplaceAll(decimal, " ", ", ")}
}

// leak is the first form of a canary that text holds.
func leak(text string, canaries [][]byte) string {
	for _, c := range canaries {
		for _, form := range forms(c) {
			if strings.Contains(text, form) {
				return form
			}
		}
	}
	return ""
}

// canaries collects the values of the members that keep reports on.
func (m model) canaries(members []modelMember, o *object, keep func(modelMember, modelShape) bool) (all [][]byte) {
	for _, mb := range members {
		s := m.Shapes[mb.Shape]
		value := o.values[mb.Name]
		if list, ok := value.([]any); ok {
			s, value = m.Shapes[s.Of], list[0]
		}
		switch v := value.(type) {
		case *object:
			inner := m.Structures[mb.Shape]
			if inner == nil {
				inner = m.Structures[m.Shapes[mb.Shape].Of]
			}
			all = append(all, m.canaries(inner, v, keep)...)
		case string:
			if keep(mb, s) {
				all = append(all, []byte(v))
			}
		case []byte:
			if keep(mb, s) {
				all = append(all, bytes.Clone(v))
			}
		}
	}
	return all
}

// TestAuditHoldsNoSecret: a record of a request with every member set holds
// none of the forbidden ones, and all others.
func TestAuditHoldsNoSecret(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	seen := map[string]bool{}
	for _, mo := range m.Operations {
		o := m.validObject(t, mo.Input, "canary")
		r, err := Decode(mo.op(t), marshal(t, o))
		if err != nil {
			t.Fatal(err)
		}
		audit := r.AppendAudit(nil)
		forbidden := m.canaries(mo.Input, o, func(mb modelMember, _ modelShape) bool { return unrecorded[mb.Name] })
		if form := leak(string(audit), forbidden); form != "" {
			t.Errorf("%s: %q in %s", mo.Name, form, audit)
		}
		record, _ := normal(t, audit).(map[string]any)
		for _, mb := range mo.Input {
			seen[mb.Name] = true
			_, ok := record[mb.lower()]
			want := !unrecorded[mb.Name] && !(mo.Name == "GenerateRandom" && mb.Name == "NumberOfBytes")
			if ok != want {
				t.Errorf("%s: %s recorded: %v, want %v", mo.Name, mb.Name, ok, want)
			}
		}
	}
	for name := range unrecorded {
		nested := name == "AttestationDocument" || name == "AccessKeyId" || name == "RawSecretAccessKey"
		if !seen[name] && !nested {
			t.Errorf("%s is no member of any request", name)
		}
	}
}

// TestAudit spells records out.
func TestAudit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op         Op
		body, want string
	}{
		{OpGenerateRandom, `{"NumberOfBytes":32}`, `null`},
		{OpListKeys, `{}`, `null`},
		{OpListKeys, `{"Limit":5}`, `{"limit":5}`},
		{OpEncrypt, `{"KeyId":"k\n","Plaintext":"AA==","EncryptionContext":{"b":"2","a":"1"}}`, `{"keyId":"k\n","encryptionContext":{"a":"1","b":"2"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`},
		{OpDecrypt, `{"EncryptionAlgorithm":"RSAES_OAEP_SHA_1","Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256","AttestationDocument":"AA=="}}`, `{"encryptionAlgorithm":"RSAES_OAEP_SHA_1","recipient":{"keyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}}`},
		{OpCreateKey, `{}`, `{"description":"","keyUsage":"ENCRYPT_DECRYPT","customerMasterKeySpec":"SYMMETRIC_DEFAULT","keySpec":"SYMMETRIC_DEFAULT","origin":"AWS_KMS","bypassPolicyLockoutSafetyCheck":false,"multiRegion":false}`},
		{OpCreateKey, `{"KeyUsage":"SIGN_VERIFY","KeySpec":"RSA_2048","Tags":[{"TagKey":"a","TagValue":"b"}]}`, `{"description":"","keyUsage":"SIGN_VERIFY","customerMasterKeySpec":"RSA_2048","keySpec":"RSA_2048","origin":"AWS_KMS","bypassPolicyLockoutSafetyCheck":false,"tags":[{"tagKey":"a","tagValue":"b"}],"multiRegion":false}`},
		{OpImportKeyMaterial, `{"ValidTo":1609193147.83}`, `{"validTo":"2020-12-28T22:05:47.83Z"}`},
		{OpRetireGrant, `{"GrantToken":"t"}`, `null`},
	} {
		r, err := Decode(c.op, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.AppendAudit([]byte("x"))); got != "x"+c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.op, c.body, got, c.want)
		}
	}
}

// printed is a value in every way that might end up in a log.
func printed(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb, v)
		fmt.Fprintf(&b, verb, []any{v})
		fmt.Fprintf(&b, verb, reflect.ValueOf(v).Elem().Interface())
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("v", "v", v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("v", "v", v)
	data, _ := json.Marshal(v)
	b.Write(data)
	return b.String()
}

// TestPrintingHoldsNoSecret: fmt, log/slog and encoding/json show no sensitive
// member of a request or an answer, and Wipe clears those that are bytes.
func TestPrintingHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := codec{t, loadModel(t)}
	hidden := func(_ modelMember, s modelShape) bool { return s.hidden() }
	wiped := func(_ modelMember, s modelShape) bool { return s.hidden() && s.Type != "string" }
	clean := func(name string, members []modelMember, v interface{ Wipe() }, o *object) {
		canaries := c.m.canaries(members, o, hidden)
		if form := leak(printed(v), canaries); form != "" {
			t.Errorf("%s: %q is printed", name, form)
		}
		canaries = c.m.canaries(members, o, wiped)
		v.Wipe()
		left := marshal(t, c.object(members, reflect.ValueOf(v).Elem(), false))
		if form := leak(string(left), canaries); form != "" {
			t.Errorf("%s: %q is left", name, form)
		}
	}
	all := responses(t)
	for _, mo := range c.m.Operations {
		o := c.m.validObject(t, mo.Input, "canary")
		r, err := Decode(mo.op(t), marshal(t, o))
		if err != nil {
			t.Fatal(err)
		}
		clean(mo.Name+"Request", mo.Input, r, o)
		if answer := all[mo.Name]; answer != nil {
			fill(reflect.ValueOf(answer).Elem(), "canary")
			clean(mo.Name+"Response", mo.Output, answer, c.object(mo.Output, reflect.ValueOf(answer).Elem(), false))
		}
	}
}
