package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"trent/internal/apierr"
	"trent/internal/query"
)

// A request of each kind of parameter.
type sample struct {
	name, description, path, status string
	size                            int
	force                           bool
	keys                            []string
	tags                            [][2]string
}

func lowercase(s string) bool { return s == strings.ToLower(s) }

func (s *sample) decode(d *query.Decoder) {
	s.name = d.Required("UserName", &query.Rule{Min: 1, Max: 8, Match: lowercase, Pattern: "[a-z]+"})
	s.description = d.String("Description", &query.Rule{Max: 5})
	s.path = d.String("Path", &query.Rule{Match: func(s string) bool { return strings.HasPrefix(s, "/") }, Invalid: "The value for %s is bad."})
	s.status = d.Enum("Status", "Active", "Inactive")
	s.size = d.Int("MaxItems", 1, 10, 7)
	s.force = d.Bool("Force")
	s.keys = d.Strings("TagKeys", 3, &query.Rule{Min: 1})
	d.Structures("Tags", 2, func() {
		s.tags = append(s.tags, [2]string{d.Required("Key", &query.Rule{Min: 1}), d.Required("Value", nil)})
	})
	d.String("Secret", &query.Rule{Max: 4, Hidden: true})
}

// decoded is what comes of a body: the sample, what the audit record shows, and
// the error.
func decoded(body string) (s sample, audit string, err error) {
	p, err := query.Parse([]byte(body))
	if err != nil {
		return s, "", err
	}
	p.Take("Action")
	p.Take("Version")
	d := query.NewDecoder(p)
	s.decode(d)
	return s, string(d.Audit()), d.Err()
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		s     sample
		audit string
	}{
		"UserName=bob":                    {sample{name: "bob", size: 7}, `{"userName":"bob"}`},
		"Action=X&Version=1&UserName=b":   {sample{name: "b", size: 7}, `{"userName":"b"}`},
		"UserName=a%2Bb+c&Path=%2f%C3%bc": {sample{name: "a+b c", path: "/ü", size: 7}, `{"userName":"a+b c","path":"/ü"}`},
		"UserName=b&MaxItems=10&Force=true&Status=Inactive": {sample{name: "b", size: 10, force: true, status: "Inactive"},
			`{"userName":"b","status":"Inactive","maxItems":10,"force":true}`},
		"UserName=b&TagKeys=":                              {sample{name: "b", size: 7, keys: []string{}}, `{"userName":"b","tagKeys":[]}`},
		"TagKeys.member.2=y&UserName=b&TagKeys.member.1=x": {sample{name: "b", size: 7, keys: []string{"x", "y"}}, `{"userName":"b","tagKeys":["x","y"]}`},
		"UserName=b&Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=l&Tags.member.2.Value=v": {
			sample{name: "b", size: 7, tags: [][2]string{{"k", ""}, {"l", "v"}}}, `{"userName":"b","tags":[{"key":"k","value":""},{"key":"l","value":"v"}]}`},
		"UserName=b&Secret=1234": {sample{name: "b", size: 7}, `{"userName":"b"}`},
	} {
		s, audit, err := decoded(body)
		if err != nil || fmt.Sprint(s) != fmt.Sprint(want.s) || audit != want.audit {
			t.Errorf("%s:\n%+v %s, %v; want\n%+v %s", body, s, audit, err, want.s, want.audit)
		}
	}
}

func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	const one = "1 validation error detected: "
	for body, want := range map[string]string{
		"":                                         one + "Value null at 'userName' failed to satisfy constraint: Member must not be null",
		"UserName=":                                one + "Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1",
		"UserName=abcdefghi":                       one + "Value 'abcdefghi' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 8",
		"UserName=A":                               one + "Value 'A' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
		"UserName=a&Description=𝄞𝄞𝄞":               one + "Value '𝄞𝄞𝄞' at 'description' failed to satisfy constraint: Member must have length less than or equal to 5",
		"UserName=a&Path=x":                        "The value for path is bad.",
		"UserName=&Path=x":                         "The value for path is bad.",
		"UserName=a&Status=active":                 one + "Value 'active' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]",
		"UserName=a&MaxItems=11":                   one + "Value '11' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10",
		"UserName=a&MaxItems=0":                    one + "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
		"UserName=a&MaxItems=1e1":                  "Value '1e1' at 'maxItems' is no integer.",
		"UserName=a&MaxItems=":                     "Value '' at 'maxItems' is no integer.",
		"UserName=a&MaxItems=99999999999999999999": "Value '99999999999999999999' at 'maxItems' is no integer.",
		"UserName=a&Force=TRUE":                    "Value 'TRUE' at 'force' is neither true nor false.",
		"UserName=a&Secret=12345":                  one + "Value at 'secret' failed to satisfy constraint: Member must have length less than or equal to 4",
		"UserName=A&MaxItems=11":                   "2 validation errors detected: Value 'A' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+; Value '11' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10",
		"UserName=a&TagKeys.member.1=":             one + "Value '' at 'tagKeys' failed to satisfy constraint: Member must have length greater than or equal to 1",
		"UserName=a&TagKeys.member.2=x":            "The elements of 'tagKeys' must be numbered from 1, without gaps.",
		"UserName=a&TagKeys.member.0=x":            "The elements of 'tagKeys' must be numbered from 1, without gaps.",
		"UserName=a&TagKeys.member.01=x":           "The elements of 'tagKeys' must be numbered from 1, without gaps.",
		"UserName=a&TagKeys.member.+1=x":           "The elements of 'tagKeys' must be numbered from 1, without gaps.",
		"UserName=a&TagKeys.member.1.Key=x":        "Value at 'tagKeys.member.1' is no string.",
		"UserName=a&Tags.member.1=x":               "2 validation errors detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null; Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
		"UserName=a&Tags.member.1.Key=x":           one + "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
		"UserName=a&TagKeys.1=x":                   "The parameter TagKeys.1 is unknown, misplaced, or has no effect here yet.",
		"UserName=a&TagKeys=x":                     "The parameter TagKeys is unknown, misplaced, or has no effect here yet.",
		"UserName=a&TagKeys=&TagKeys.member.1=x":   "The parameter TagKeys is unknown, misplaced, or has no effect here yet.",
		"UserName=a&Tags.member.1.Key=x&Tags.member.1.Value=&Tags.member.1.More=": "The parameter Tags.member.1.More is unknown, misplaced, or has no effect here yet.",
		"UserName=a&username=a": "The parameter username is unknown, misplaced, or has no effect here yet.",
		"UserName=a&B=&A%0a=":   "The parameter A? is unknown, misplaced, or has no effect here yet.",
		"UserName=a&TagKeys.member.1=a&TagKeys.member.2=a&TagKeys.member.3=a&TagKeys.member.4=a": one + "Value at 'tagKeys' failed to satisfy constraint: Member must have length less than or equal to 3",
	} {
		_, _, err := decoded(body)
		e, ok := errors.AsType[*apierr.Error](err)
		if !ok || e.Code != apierr.Validation || e.Message != want {
			t.Errorf("%s:\n%v\nwant %s", body, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"a", "a=1&", "&a=1", "a=1&&b=2", "=1", "a=%", "a=%4", "a=%zz", "a%=", "a=%ff", "a=\xff", "a=1&a=1", "a=1&%61=2",
		strings.Repeat("n", 257) + "=1", strings.TrimSuffix(strings.Repeat("a=1&", 1001), "&"),
	} {
		_, err := query.Parse([]byte(body))
		if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Code != apierr.MalformedQueryString {
			t.Errorf("%.40q: %v", body, err)
		}
	}
}

// FuzzDecoder: what is accepted is what net/url reads too, the audit record is
// JSON, and no message is longer than it may be.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		"UserName=bob&MaxItems=3", "Tags.member.1.Key=a&Tags.member.1.Value=b&UserName=x", "TagKeys.member.1=%41+b&UserName=%2F", "UserName=a&UserName=b", "a=%", "&&=",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := query.Parse(body)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(string(body))
		if err != nil && !strings.Contains(string(body), ";") { // which net/url refuses
			t.Fatalf("accepted, and net/url says %v", err)
		}
		if err == nil {
			for name, values := range want {
				if got := p.Take(name); len(values) != 1 || got != values[0] {
					t.Errorf("%q: %q, net/url has %q", name, got, values)
				}
			}
		}
		_, audit, err := decoded(string(body))
		if !json.Valid([]byte(audit)) {
			t.Errorf("audit: %s", audit)
		}
		if e, ok := errors.AsType[*apierr.Error](err); err != nil && (!ok || len(e.Message) > 32<<10) {
			t.Errorf("%v", err)
		}
	})
}
