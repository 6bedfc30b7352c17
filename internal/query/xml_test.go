package query_test

import (
	"encoding/xml"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"trent/internal/apierr"
	"trent/internal/query"
)

func TestXML(t *testing.T) {
	t.Parallel()
	x := query.NewXML([]byte("<!-- before -->"))
	x.Root("R", "urn:x")
	x.Text("A", `a<b>&"c'`)
	x.Optional("None", "")
	x.Optional("B", "b")
	x.Open("C")
	x.Bool("D", true)
	x.Int("E", -5)
	mark := x.Len()
	x.Text("Gone", "gone")
	x.Cut(mark)
	x.Close("C")
	x.Secret("S", []byte("ab/+="))
	x.Time("T", time.Date(2026, 1, 2, 4, 4, 5, 999, time.FixedZone("", 3600)))
	x.Document("P", "{\"a\": 1}~")
	x.Close("R")
	const want = `<!-- before --><R xmlns="urn:x"><A>a&lt;b&gt;&amp;&quot;c'</A><B>b</B><C><D>true</D><E>-5</E></C><S>ab/+=</S>` +
		`<T>2026-01-02T03:04:05Z</T><P>%7B%22a%22%3A%201%7D~</P></R>`
	if got := string(x.Bytes()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// FuzzText: a reader of XML gets the text back, but for what XML cannot hold; a
// document it gets back byte for byte.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a<b>&\"'", "\r\n\t", "\x00\x1f\x7f", "ü𝄞\ufffe\ufffd", "]]>", "\xff\xed\xa0\x80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := query.NewXML(nil)
		x.Open("R")
		x.Text("A", s)
		x.Document("B", s)
		x.Close("R")
		var got struct{ A, B string }
		if err := xml.Unmarshal(x.Bytes(), &got); err != nil {
			t.Fatalf("%q: %v", x.Bytes(), err)
		}
		want := strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != 0xfffe && r != 0xffff {
				return r
			}
			return utf8.RuneError
		}, s) // an invalid byte is U+FFFD too
		if got.A != want {
			t.Errorf("%q, want %q", got.A, want)
		}
		if b, err := url.QueryUnescape(got.B); err != nil || b != s {
			t.Errorf("%q, want %q", b, s)
		}
	})
}

// TestErrors: codes and statuses of the botocore models of IAM and STS, and of
// the common errors of their API references.
func TestErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[apierr.Code]struct {
		code   string
		status int
	}{
		apierr.NoSuchEntity: {"NoSuchEntity", 404}, apierr.EntityAlreadyExists: {"EntityAlreadyExists", 409}, apierr.DeleteConflict: {"DeleteConflict", 409},
		apierr.LimitExceeded: {"LimitExceeded", 409}, apierr.ConcurrentModification: {"ConcurrentModification", 409}, apierr.InvalidInput: {"InvalidInput", 400},
		apierr.MalformedPolicyDocument: {"MalformedPolicyDocument", 400}, apierr.PackedPolicyTooLarge: {"PackedPolicyTooLarge", 400},
		apierr.UnmodifiableEntity: {"UnmodifiableEntity", 400}, apierr.PolicyNotAttachable: {"PolicyNotAttachable", 400},
		apierr.AccessDenied: {"AccessDenied", 403}, apierr.InvalidSignature: {"SignatureDoesNotMatch", 403}, apierr.UnrecognizedClient: {"InvalidClientTokenId", 403},
		apierr.ExpiredToken: {"ExpiredToken", 403}, apierr.MissingAuthentication: {"MissingAuthenticationToken", 403}, apierr.UnknownOperation: {"InvalidAction", 400},
		apierr.Validation: {"ValidationError", 400}, apierr.ServiceUnavailable: {"ServiceUnavailable", 503}, apierr.KMSInternal: {"InternalFailure", 500},
		apierr.RequestEntityTooLarge: {"RequestEntityTooLarge", 413}, "Something": {"InternalFailure", 500},
	} {
		body := query.AppendError(nil, "urn:x", apierr.New(code, "m<"), "id")
		var got struct {
			XMLName   xml.Name `xml:"urn:x ErrorResponse"`
			Error     struct{ Type, Code, Message string }
			RequestID string `xml:"RequestId"`
		}
		if err := xml.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		kind := "Sender"
		if want.status >= 500 {
			kind = "Receiver"
		}
		if got.Error.Type != kind || got.Error.Code != want.code || got.Error.Message != "m<" || got.RequestID != "id" || query.Status(code) != want.status {
			t.Errorf("%s: %+v, %d", code, got, query.Status(code))
		}
	}
}

// TestEveryErrorIsTold: each code that IAM, STS or what comes before them returns
// is told as something else than the service's failure.
func TestEveryErrorIsTold(t *testing.T) {
	t.Parallel()
	values := map[string]apierr.Code{}
	constant := regexp.MustCompile(`(?m)^\t(\w+)\s+Code = "(\w+)"`)
	for _, m := range constant.FindAllStringSubmatch(source(t, "../apierr/apierr.go"), -1) {
		values[m[1]] = apierr.Code(m[2])
	}
	used := regexp.MustCompile(`apierr\.(\w+)`)
	n := 0
	for _, pattern := range []string{"../iam/*.go", "../sts/*.go", "../sigv4/*.go", "../identity/*.go", "../edge/*.go", "../query/*.go", "../front/query.go", "../front/authenticate.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range used.FindAllStringSubmatch(source(t, file), -1) {
				code, ok := values[m[1]]
				if !ok || code == apierr.KMSInternal {
					continue
				}
				n++
				if body := string(query.AppendError(nil, "", apierr.New(code, ""), "")); strings.Contains(body, "<Code>InternalFailure</Code>") {
					t.Errorf("%s: %s has no row in the table of errors", file, code)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("%d codes found", n)
	}
}

func source(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
