package awsjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzScanner compares the scanner with encoding/json. What encoding/json
// accepts is accepted here too, unless one of the stricter rules of the
// package comment refuses it; and strings and numbers read the same.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"KeyId":"alias/a","EncryptionContext":{"a":"b"},"NumberOfBytes":32,"GrantTokens":["x"],"Plaintext":"AAEC","DryRun":true}`,
		`{"a":1,"\u0061":2}`, `["\ud83d\ude00","\ud83d"]`, `[[[[{"a":[null,1.5e-3,"\ufffd"]}]]]]`, "\"\xed\xa0\x80\"", `{"a":{"b":{}},"c":[]} x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewScanner(data)
		got := readAny(&s)
		err := s.End()
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(data)) {
			t.Fatalf("error %v of %q", err, data)
		}
		want, ok := oracle(data)
		if (err == nil) != ok {
			t.Fatalf("%q: got %v, the oracle says %v", data, err, ok)
		}
		if err != nil {
			return
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q: read %s, want %s", data, a, b)
		}
	})
}

// readAny reads a value with the scanner in the form of encoding/json.
func readAny(s *Scanner) any {
	switch s.peek() {
	case '{':
		m := map[string]any{}
		var o Object
		for s.next(&o) {
			name := string(o.Name())
			m[name] = readAny(s)
		}
		return m
	case '[':
		l := []any{}
		var a Array
		for s.nextElement(&a) {
			l = append(l, readAny(s))
		}
		return l
	case '"':
		return s.String()
	case 't', 'f':
		return s.Bool()
	case 'n', 0:
		s.Skip()
		return nil
	}
	start := s.pos
	s.Skip()
	return json.Number(s.data[min(start, s.pos):s.pos])
}

// oracle decodes with encoding/json and applies the stricter rules.
func oracle(data []byte) (any, bool) {
	if !json.Valid(data) || !utf8.Valid(data) || loneSurrogate(data) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if !strict(dec, 0) {
		return nil, false
	}
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, false
	}
	_, err := dec.Token()
	return v, err == io.EOF
}

// loneSurrogate reports an escaped half of a surrogate pair. encoding/json
// reads it as U+FFFD; so a valid text whose own U+FFFD are gone has one only
// by this.
func loneSurrogate(data []byte) bool {
	text := strings.ReplaceAll(string(data), "\ufffd", "?")
	text = strings.ReplaceAll(text, `\\`, "??")
	for _, escape := range []string{`\ufffd`, `\uFFFD`, `\uFFFd`, `\uFFfD`, `\uFFfd`, `\uFfFD`, `\uFfFd`, `\uFffD`, `\uFffd`, `\ufFFD`, `\ufFFd`, `\ufFfD`, `\ufFfd`, `\uffFD`, `\uffFd`, `\ufffD`} {
		text = strings.ReplaceAll(text, escape, "??????")
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if v, ok := token.(string); ok && strings.Contains(v, "\ufffd") {
			return true
		}
	}
}

// strict reads one value and applies the rules on names and depth.
func strict(dec *json.Decoder, depth int) bool {
	token, err := dec.Token()
	if err != nil {
		return false
	}
	open, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth == MaxDepth {
		return false
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			name, err := dec.Token()
			if err != nil || seen[name.(string)] {
				return false
			}
			seen[name.(string)] = true
		}
		if !strict(dec, depth+1) {
			return false
		}
	}
	_, err = dec.Token()
	return err == nil
}

// FuzzValues: every value that is appended reads back as it was.
func FuzzValues(f *testing.F) {
	f.Add("a\"\\\x00é\U0001f600\u2028", []byte{0, 255}, int32(-5), int64(1609193147831))
	f.Add("\xff\xed\xa0\x80", []byte(nil), int32(0), int64(-62135596800000))
	f.Fuzz(func(t *testing.T, text string, blob []byte, n int32, ms int64) {
		ms %= 253402300799000
		if ms < minSeconds*1000 {
			ms = 0
		}
		at := time.UnixMilli(ms).UTC()
		data := AppendString(nil, text)
		data = AppendBlob(append(data, ' '), blob)
		data = AppendInt(append(data, ' '), int64(n))
		data = AppendTime(append(data, ' '), at)
		data = AppendStringMap(append(data, ' '), []Pair{{text, text}})
		s := NewScanner(data)
		valid := strings.ToValidUTF8(text, "\x00")
		got := s.String()
		if utf8.ValidString(text) && got != text || !utf8.ValidString(got) || len(valid) > 0 && got == "" {
			t.Fatalf("text %q became %q", text, got)
		}
		var oracle string
		if err := json.Unmarshal(AppendString(nil, text), &oracle); err != nil || oracle != got {
			t.Fatalf("text %q: encoding/json reads %q, %v", text, oracle, err)
		}
		if back := s.Blob(nil); !bytes.Equal(back, blob) {
			t.Fatalf("blob %x became %x", blob, back)
		}
		if back := s.Int32(); back != n {
			t.Fatalf("integer %d became %d", n, back)
		}
		if back := s.Time(); !back.Equal(at) {
			t.Fatalf("time %v became %v", at, back)
		}
		if back := s.StringMap(); len(back) != 1 || back[0] != (Pair{got, got}) {
			t.Fatalf("map of %q became %q", text, back)
		}
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
	})
}
