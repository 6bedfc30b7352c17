package robustness

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"trent/test/harness"
)

// A badForm is a correctly signed request of IAM's or STS's that must fail with
// one error, and change nothing.
type badForm struct {
	name, service, body string
	status              int
	code, message       string // a message that ends in "…" is a beginning
}

func badForms() []badForm {
	const (
		iam       = "Version=2010-05-08&Action="
		malformed = "MalformedQueryString"
		invalid   = "ValidationError"
		syntax    = "The query string contains a syntax error."
	)
	long := strings.Repeat("u", 65)
	user := func(rest string) string { return iam + "CreateUser&UserName=new" + rest }
	return []badForm{
		{"nothing", "iam", "", 400, "MissingAction", "The request must name an action."},
		{"JSON", "iam", `{"Action":"ListUsers"}`, 400, malformed, syntax},
		{"half an escape", "iam", user("%"), 400, malformed, syntax},
		{"no hex", "iam", user("%zz"), 400, malformed, syntax},
		{"not UTF-8", "iam", user("%ff"), 400, malformed, syntax},
		{"an empty pair", "iam", user("&"), 400, malformed, syntax},
		{"a name twice", "iam", user("&UserName=new"), 400, malformed, "The parameter UserName is given more than once."},
		{"a name twice, encoded", "iam", user("&User%4eame=new"), 400, malformed, "The parameter UserName is given more than once."},
		{"1,001 parameters", "iam", user(strings.Repeat("&a=1", 1001)), 400, malformed, "…"},
		{"a long name", "iam", user("&" + strings.Repeat("n", 300) + "=1"), 400, malformed, "A parameter's name must have 1 to 256 bytes."},
		{"unknown action", "iam", iam + "Nothing", 400, "InvalidAction", "Could not find operation Nothing for version 2010-05-08"},
		{"endless action", "iam", iam + strings.Repeat("x", 1000), 400, "InvalidAction", "Could not find operation xxx…"},
		{"KMS's action", "iam", iam + "ListKeys", 400, "InvalidAction", "Could not find operation ListKeys for version 2010-05-08"},
		{"STS's action", "iam", "Version=2011-06-15&Action=GetCallerIdentity", 400, "InvalidAction", "…"},
		{"no version", "iam", "Action=ListUsers", 400, "InvalidAction", "Could not find operation ListUsers for version NO_VERSION_SPECIFIED"},
		{"unknown parameter", "iam", user("&Nothing=1"), 400, invalid, "The parameter Nothing is unknown, misplaced, or has no effect here yet."},
		{"parameter in lower case", "iam", user("&path=/"), 400, invalid, "The parameter path is unknown, misplaced, or has no effect here yet."},
		{"no name", "iam", iam + "CreateUser", 400, invalid, oneError + "null at 'userName'" + notNull},
		{"a long user", "iam", iam + "CreateUser&UserName=" + long, 400, invalid, oneError + "'" + long + "' at 'userName'" + unlike("have length less than or equal to 64")},
		{"a list with a gap", "iam", user("&Tags.member.2.Key=a&Tags.member.2.Value=b"), 400, invalid, "The elements of 'tags' must be numbered from 1, without gaps."},
		{"a list from 0", "iam", user("&Tags.member.0.Key=a&Tags.member.0.Value=b"), 400, invalid, "The elements of 'tags' must be numbered from 1, without gaps."},
		{"a list of strings", "iam", user("&Tags.member.1=a"), 400, invalid, "2 validation errors detected: Value null at 'tags.1.member.key'…"},
		{"a list without member", "iam", user("&Tags.1.Key=a"), 400, invalid, "The parameter Tags.1.Key is unknown, misplaced, or has no effect here yet."},
		{"no integer", "iam", iam + "ListUsers&MaxItems=many", 400, invalid, "Value 'many' at 'maxItems' is no integer."},
		{"a marker of another list", "iam", iam + "ListUsers&Marker=AAAA", 400, invalid, "Invalid Marker."},
		{"no policy", "iam", iam + "PutUserPolicy&UserName=old&PolicyName=p&PolicyDocument=%7b", 400, "MalformedPolicyDocument", "…"},
		{"nobody", "iam", iam + "DeleteUser&UserName=nobody", 404, "NoSuchEntity", "The user with name nobody cannot be found."},
		{"who is there", "iam", iam + "CreateUser&UserName=OLD", 409, "EntityAlreadyExists", "User with name OLD already exists."},
		{"MFA", "sts", "Version=2011-06-15&Action=GetSessionToken&SerialNumber=arn&TokenCode=123456", 400, "UnsupportedOperation", "Trent does not support the parameter SerialNumber of GetSessionToken yet."},
		{"a role that is not there", "sts", "Version=2011-06-15&Action=AssumeRole&RoleSessionName=ss&RoleArn=arn:aws:iam::" + harness.Account + ":role/none", 403, "AccessDenied", "…"},
		{"the wrong service", "kms", iam + "ListUsers", 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'."},
	}
}

// TestBadForms sends each row to both engines; then nothing has changed, and the
// audit trail has each failure once.
func TestBadForms(t *testing.T) { onBothEngines(t, testBadForms) }

func testBadForms(t *testing.T, s *harness.Server) {
	const list = "Action=ListUsers&Version=2010-05-08"
	form := func(service, body string) *harness.Response {
		return s.Do(t, harness.Request{Service: service, Body: body})
	}
	if res := form("iam", "Action=CreateUser&Version=2010-05-08&UserName=old"); res.Status != http.StatusOK || res.Header.Get("Content-Type") != "text/xml" {
		t.Fatalf("%d %s", res.Status, res.Body)
	}
	users := func() string {
		_, all, _ := strings.Cut(string(form("iam", list).Body), "<Users>")
		all, _, _ = strings.Cut(all, "</Users>")
		return all
	}
	before, failures := users(), map[string]bool{}
	for _, row := range badForms() {
		res := form(row.service, row.body)
		if res.Status != row.status || res.Type != row.code {
			t.Errorf("%s: got %d %.500s, want %d %s", row.name, res.Status, res.Body, row.status, row.code)
			continue
		}
		beginning, partial := strings.CutSuffix(row.message, "…")
		if res.Message != row.message && !(partial && strings.HasPrefix(res.Message, beginning)) {
			t.Errorf("%s: got the message\n%q, want\n%q", row.name, res.Message, row.message)
		}
		failures[res.Header.Get("X-Amzn-Requestid")] = row.service != "kms" // a stranger's is capped
	}
	t.Run("10 MB", func(t *testing.T) {
		var b bytes.Buffer
		if err := s.HTTPRequest(t, harness.Request{Service: "iam", Body: list + "&a=" + strings.Repeat("x", 10<<20)}).Write(&b); err != nil {
			t.Fatal(err)
		}
		c := dial(t, s)
		go c.Write(b.Bytes()) // the server need not read it all
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || res.Header.Get("Content-Type") != "text/xml" {
			t.Errorf("got %v, %v", res, err)
		}
	})
	if after := users(); after != before || strings.Count(after, "<UserName>") != 1 {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
	if !s.Alive() || s.Stop() != 0 {
		t.Errorf("the server did not live to its end")
	}
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range records {
		seen[r.Text("requestID")]++
	}
	for id, known := range failures {
		if known && seen[id] != 1 {
			t.Errorf("the trail has request %s %d times", id, seen[id])
		}
	}
	if len(failures) != len(badForms()) {
		t.Error(fmt.Sprint(len(failures), " failures of ", len(badForms())))
	}
}
