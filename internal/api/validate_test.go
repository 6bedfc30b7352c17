package api

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// validate decodes a body and returns the text of Validate's error.
func validate(t *testing.T, op Op, body []byte) string {
	t.Helper()
	r, err := Decode(op, body)
	if err != nil {
		t.Fatalf("%s: %v in %.200s", op, err, body)
	}
	err = r.Validate()
	if err == nil {
		return ""
	}
	text := err.(*ValidationError).Message()
	if text != err.Error() {
		t.Errorf("%s: Message and Error differ", op)
	}
	return text
}

// one is the message of a single violation.
func one(text string) string { return "1 validation error detected: " + text }

func TestValidRequests(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	for _, mo := range m.Operations {
		if got := validate(t, mo.op(t), marshal(t, m.validObject(t, mo.Input, "v"))); got != "" {
			t.Errorf("%s: %s", mo.Name, got)
		}
	}
}

// TestEveryConstraint violates each constraint of each member of each request
// once, in an otherwise valid request.
func TestEveryConstraint(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	count := 0
	for _, mo := range m.Operations {
		op, base := mo.op(t), m.validObject(t, mo.Input, "v")
		check := func(o *object, want string) {
			t.Helper()
			count++
			if got := validate(t, op, marshal(t, o)); got != one(want) {
				t.Errorf("%s:\n got %.300s\nwant %.300s", op, got, one(want))
			}
		}
		m.eachViolation(t, mo.Input, base, "", check)
	}
	if count < 600 {
		t.Errorf("only %d violations", count)
	}
}

// eachViolation calls check with every object that violates one constraint.
func (m model) eachViolation(t *testing.T, members []modelMember, base *object, prefix string, check func(*object, string)) {
	t.Helper()
	for _, mb := range members {
		path := prefix + mb.lower()
		s := m.Shapes[mb.Shape]
		if mb.Required {
			shown := " null"
			if s.hidden() {
				shown = ""
			}
			want := fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must not be null", shown, path)
			check(base.without(mb.Name), want)
			check(base.with(mb.Name, nil), want)
		}
		for _, v := range m.violations(t, mb.Shape) {
			check(base.with(mb.Name, v.value), fmt.Sprintf(v.message, path))
		}
		if inner, ok := m.Structures[mb.Shape]; ok {
			m.eachViolation(t, inner, m.validObject(t, inner, "v"), path+".", func(o *object, want string) {
				check(base.with(mb.Name, o), want)
			})
		}
		if s.Type == "list" {
			m.eachInList(t, mb, base, path, check)
		}
	}
}

// eachInList violates a list's length and its elements' constraints. The
// second element is the bad one.
func (m model) eachInList(t *testing.T, mb modelMember, base *object, path string, check func(*object, string)) {
	t.Helper()
	s := m.Shapes[mb.Shape]
	good := m.valid(t, s.Of, "v")
	if inner, ok := m.Structures[s.Of]; ok {
		m.eachViolation(t, inner, m.validObject(t, inner, "v"), path+".2.member.", func(o *object, want string) {
			check(base.with(mb.Name, []any{good, o}), want)
		})
		return
	}
	of := m.Shapes[s.Of]
	shown := func(values []any) string {
		if of.hidden() {
			return ""
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		return " '[" + strings.Join(texts, ", ") + "]'"
	}
	if s.Max != nil {
		long := make([]any, *s.Max+1)
		for i := range long {
			long[i] = good
		}
		check(base.with(mb.Name, long), fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", shown(long), path, *s.Max))
	}
	var constraints string
	switch {
	case of.Type == "enum":
		constraints = "Member must satisfy enum value set: [" + strings.Join(of.Values, ", ") + "]"
	case of.Max != nil:
		constraints = fmt.Sprintf("Member must have length less than or equal to %d, Member must have length greater than or equal to %d", *of.Max, *of.Min)
	}
	for _, v := range m.violations(t, s.Of) {
		list := []any{good, v.value}
		check(base.with(mb.Name, list), fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must satisfy constraint: [%s]", shown(list), path, constraints))
	}
}

// TestAllRequiredAbsent: all violations stand in one message, in the model's
// order.
func TestAllRequiredAbsent(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	for _, mo := range m.Operations {
		var texts []string
		for _, mb := range mo.Input {
			if mb.Required {
				shown := " null"
				if m.Shapes[mb.Shape].hidden() {
					shown = ""
				}
				texts = append(texts, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must not be null", shown, mb.lower()))
			}
		}
		want := ""
		switch len(texts) {
		case 0:
		case 1:
			want = one(texts[0])
		default:
			want = fmt.Sprintf("%d validation errors detected: %s", len(texts), strings.Join(texts, "; "))
		}
		if got := validate(t, mo.op(t), []byte("{}")); got != want {
			t.Errorf("%s:\n got %s\nwant %s", mo.Name, got, want)
		}
	}
}

// TestMessages spells messages out, as a reader of AWS's would look for them.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op         Op
		body, want string
	}{
		{OpGenerateRandom, `{"NumberOfBytes":1025}`, `1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024`},
		{OpEncrypt, `{"KeyId":"k","Plaintext":""}`, `1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1`},
		{OpEncrypt, `{}`, `2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value at 'plaintext' failed to satisfy constraint: Member must not be null`},
		{OpCreateAlias, `{"AliasName":"","TargetKeyId":"k"}`, `2 validation errors detected: Value '' at 'aliasName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$`},
		{OpTagResource, `{"KeyId":"k","Tags":[{"TagKey":"","TagValue":""},{"TagKey":"a"}]}`, `2 validation errors detected: Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'tags.2.member.tagValue' failed to satisfy constraint: Member must not be null`},
		{OpGenerateMac, `{"KeyId":"k","Message":"AA==","MacAlgorithm":"HMAC_SHA_1"}`, `1 validation error detected: Value 'HMAC_SHA_1' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512]`},
		{OpDecrypt, `{"CiphertextBlob":"AA==","Recipient":{"KeyEncryptionAlgorithm":"X","AttestationDocument":""}}`, `2 validation errors detected: Value 'X' at 'recipient.keyEncryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_256]; Value at 'recipient.attestationDocument' failed to satisfy constraint: Member must have length greater than or equal to 1`},
		{OpDescribeKey, `{"KeyId":"k","GrantTokens":["t1",""]}`, `1 validation error detected: Value at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 8192, Member must have length greater than or equal to 1]`},
		{OpUntagResource, `{"KeyId":"k","TagKeys":["a",""]}`, `1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]`},
	} {
		if got := validate(t, c.op, []byte(c.body)); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.op, c.body, got, c.want)
		}
	}
}

// TestLengthsAreUTF16: as Java counts them.
func TestLengthsAreUTF16(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		strings.Repeat("é", 256): true, strings.Repeat("\u2028", 256): true, strings.Repeat("\U0001f600", 128): true,
		strings.Repeat("é", 257): false, strings.Repeat("\U0001f600", 128) + "x": false,
	} {
		body := marshal(t, map[string]any{"KeyId": "k", "Tags": []any{map[string]any{"TagKey": "k", "TagValue": text}}})
		if got := validate(t, OpTagResource, body); (got == "") != ok {
			t.Errorf("%d bytes: %.100s", len(text), got)
		}
	}
}

// TestLengthShortcut compares the check of lengths, which first looks at the
// bytes, with counting.
func TestLengthShortcut(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"a", "é", "\u2028", "\U0001f600"} {
		for n := range 24 {
			for min := range 12 {
				value, max := strings.Repeat(c, n), min+5
				var v violations
				v.length(nil, "m", value, min, max)
				units := len(utf16.Encode([]rune(value)))
				if ok := units >= min && units <= max; ok != (v.n == 0) {
					t.Fatalf("%d of %q in %d to %d: %v", n, c, min, max, ok)
				}
			}
		}
	}
}

// TestMessagesAreBounded: neither a long value nor many violations make a
// message without end.
func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	long := "x" + strings.Repeat("ä", 10000) // the limit falls into a character
	got := validate(t, OpDescribeKey, marshal(t, map[string]any{"KeyId": long}))
	want := one("Value '" + long[:echoLimit-1] + "...' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048")
	if got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	tags := make([]any, 1000)
	for i := range tags {
		tags[i] = map[string]any{"TagKey": ""}
	}
	got = validate(t, OpTagResource, marshal(t, map[string]any{"KeyId": "k", "Tags": tags}))
	if !strings.HasPrefix(got, "2000 validation errors detected: ") || len(got) > messageLimit+2*echoLimit {
		t.Errorf("%d bytes: %.60s", len(got), got)
	}
	got = validate(t, OpUntagResource, marshal(t, map[string]any{"KeyId": "k", "TagKeys": []string{long, long}}))
	if len(got) > 2*echoLimit {
		t.Errorf("%d bytes of a list", len(got))
	}
}
