package node_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/node"
)

// asked is how the test asks each path of the interface, so that it is answered
// and so that it is refused; empty: it cannot be.
type asked struct {
	done, refused []string // path, body
	records       []string // eventNames of what was done; nil: the operation's
	about         string   // the account of the record
}

// madeNow stands for the access key that was just made.
const madeNow = "MADE"

// asks has every operation of the interface.
func asks(key string) map[string]asked {
	const account = "/v1/accounts/" + owners
	return map[string]asked{
		"GET /v1/status":                                    {done: []string{"/v1/status"}},
		"GET /v1/hsm":                                       {done: []string{"/v1/hsm"}},
		"GET /v1/accounts":                                  {done: []string{"/v1/accounts?limit=5"}, refused: []string{"/v1/accounts?limit=x"}},
		"GET /v1/accounts/{id}":                             {done: []string{account}, refused: []string{"/v1/accounts/000000000009"}, about: owners},
		"POST /v1/accounts":                                 {done: []string{"/v1/accounts", `{"id":"121212121212"}`}, refused: []string{"/v1/accounts", `{"id":"121212121212"}`}, about: "121212121212"},
		"POST /v1/accounts/{id}/disable":                    {done: []string{account + "/disable"}, refused: []string{"/v1/accounts/000000000009/disable"}, about: owners},
		"POST /v1/accounts/{id}/enable":                     {done: []string{account + "/enable"}, refused: []string{"/v1/accounts/000000000009/enable"}, about: owners},
		"POST /v1/accounts/{id}/root-keys":                  {done: []string{account + "/root-keys", "{}"}, refused: []string{"/v1/accounts/000000000009/root-keys", "{}"}, about: owners},
		"POST /v1/accounts/{id}/root-keys/{key}/deactivate": {done: []string{account + "/root-keys/" + madeNow + "/deactivate"}, refused: []string{account + "/root-keys/AKIANONE/deactivate"}, about: owners},
		"GET /v1/keys":                                      {done: []string{"/v1/keys?account=" + owners}, refused: []string{"/v1/keys?region=none"}, about: owners},
		"GET /v1/keys/{id...}":                              {done: []string{"/v1/keys/" + key}, refused: []string{"/v1/keys/alias/abcdef"}},
		"POST /v1/policy/explain":                           {done: []string{"/v1/policy/explain", `{"principal":"` + owners + `","action":"kms:Decrypt","key":"` + key + `"}`}, refused: []string{"/v1/policy/explain", `{"principal":"x","action":"kms:Decrypt"}`}},
		"GET /v1/policy/who":                                {done: []string{"/v1/policy/who?key=" + key}, refused: []string{"/v1/policy/who?key=alias/none"}},
		"POST /v1/audit/query":                              {done: []string{"/v1/audit/query", `{"operation":"Decrypt"}`}, refused: []string{"/v1/audit/query", `{"limit":-1}`}},
		"POST /v1/audit/checkpoint":                         {refused: []string{"/v1/audit/checkpoint", `{"none":1}`}},
		"POST /v1/audit/segment":                            {refused: []string{"/v1/audit/segment", `{"name":"none"}`}},
		"POST /v1/hsm/restart":                              {done: []string{"/v1/hsm/restart"}},
		"POST /v1/backup":                                   {done: []string{"/v1/backup"}, records: []string{"StartBackup", "CreateBackup"}},
		"GET /v1/quota":                                     {done: []string{"/v1/quota?account=" + owners}, refused: []string{"/v1/quota?region=none"}, about: owners},
		"POST /v1/key/delete":                               {refused: []string{"/v1/key/delete", `{"none":1}`}},
		"POST /v1/key/brownout":                             {refused: []string{"/v1/key/brownout", `{"none":1}`}},
		"GET /v1/top":                                       {done: []string{"/v1/top?milliseconds=1"}, refused: []string{"/v1/top?limit=x"}},
		"POST /v1/report/keys":                              {done: []string{"/v1/report/keys", `{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`}, refused: []string{"/v1/report/keys", `{"none":1}`}},
		"POST /v1/report/made":                              {done: []string{"/v1/report/made", `{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","jsonSha256":"` + strings.Repeat("0", 64) + `","htmlSha256":"` + strings.Repeat("0", 64) + `"}`}, refused: []string{"/v1/report/made", `{}`}},
		"GET /debug/pprof/":                                 {done: []string{"/debug/pprof/goroutine?debug=1"}},
		"GET /debug/pprof/profile":                          {done: []string{"/debug/pprof/profile?seconds=1"}},
		"GET /debug/pprof/trace":                            {done: []string{"/debug/pprof/trace?seconds=1"}},
		"/":                                                 {refused: []string{"/v1/none"}},
	}
}

// TestOperatorsAreRecorded: whatever an operator asks for is in the trail once,
// done or refused, but for what the table says has no record; and nothing that he
// was shown is.
func TestOperatorsAreRecorded(t *testing.T) {
	t.Parallel()
	var socket string
	f, _ := newOperated(t, func(c *node.Config) { socket = c.AdminSocket })
	root := f.caller(owners)
	key := root.createKey(t)
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	made := ""
	ask := func(method string, in []string) (status int, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://trent"+strings.Replace(in[0], madeNow, made, 1), strings.NewReader(strings.Join(in[1:], "")))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, ok := strings.Cut(string(b), `"accessKeyId":"`); ok {
			made, _, _ = strings.Cut(rest, `"`)
		}
		return answer.StatusCode, string(b)
	}
	rows := asks(key)
	var want []string
	for _, op := range admin.Operations {
		row, ok := rows[op.Pattern]
		delete(rows, op.Pattern)
		if !ok {
			t.Errorf("the test does not ask for %s", op.Pattern)
			continue
		}
		method, _, found := strings.Cut(op.Pattern, " ")
		if !found {
			method = "GET"
		}
		if row.done != nil {
			if status, body := ask(method, row.done); status != 200 {
				t.Errorf("%s: %d %s", op.Pattern, status, body)
			}
			names := row.records
			if names == nil && op.Event != "" {
				names = []string{op.Event}
			}
			for _, name := range names {
				want = append(want, fmt.Sprint(name, " <nil> ", !op.Mutates, " ", row.about))
			}
		}
		if row.refused != nil {
			if status, body := ask(method, row.refused); status < 400 || status >= 500 {
				t.Errorf("%s: %d %s", op.Pattern, status, body)
			}
			want = append(want, fmt.Sprint(op.Event, " refused ", !op.Mutates, " "))
		}
	}
	if len(rows) > 0 {
		t.Errorf("no operations: %v", rows)
	}
	f.close(t)
	var got []string
	for _, r := range f.records(t) {
		if r["eventSource"] != "trent" || r["eventType"] != "AwsApiCall" {
			continue
		}
		code, about := r["errorCode"], r["recipientAccountId"].(string)
		if about != "" && (len(about) != 12 || strings.Trim(about, "0123456789") != "") {
			t.Errorf("a record is about the account %q", about)
		}
		if code != nil {
			code, about = "refused", "" // which account there is not is no matter
		}
		got = append(got, fmt.Sprint(r["eventName"], " ", code, " ", r["readOnly"], " ", about))
		if who := r["userIdentity"].(map[string]any); who["type"] != "Operator" || !strings.HasPrefix(who["principalId"].(string), "uid:") {
			t.Errorf("%v", r)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("in the trail are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
