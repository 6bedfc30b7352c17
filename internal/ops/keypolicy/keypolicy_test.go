package keypolicy_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/ops/keypolicy"
	"trent/internal/policy"
)

const (
	account = "111122223333"
	root    = "arn:aws:iam::111122223333:root"
)

func callAt(at time.Time) *call.Call {
	return &call.Call{Common: call.Common{Caller: identity.Caller{Account: account, PrincipalARN: root}, Region: "eu-west-1", Partition: "aws", Time: at}}
}

func to(principal string) string {
	return `{"Statement":{"Effect":"Allow","Principal":{"AWS":` + principal + `},"Action":"kms:*","Resource":"*"}}`
}

// TestCheck: what production takes, what trent dev takes, and what neither.
func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		unsupported = "UnsupportedOperationException: Trent does not enforce key policies yet, and takes only those with the effect of the default key policy: the account 111122223333 may do everything, and nobody else is named."
		malformed   = "MalformedPolicyDocumentException: "
	)
	shared := to(`["` + root + `","444455556666"]`)
	long := to(`"`+account+`"`) + strings.Repeat(" ", 400)
	for _, test := range []struct {
		name, document     string
		bypass             bool
		production, inADev string
	}{
		{"the default policy", policy.Default("aws", account), false, "", ""},
		{"one with its effect", to(`["` + root + `","` + account + `"]`), false, "", ""},
		{"one with its effect, bypassing", to(`"` + account + `"`), true, "", ""},
		{"another one", shared, false, unsupported, ""},
		{"another one, bypassing", shared, true, unsupported, ""},
		{"one that locks out", to(`"444455556666"`), false, malformed + policy.LockoutText, malformed + policy.LockoutText},
		{"one that locks out, bypassing", to(`"444455556666"`), true, unsupported, ""},
		{"no policy", `{}`, true, malformed + "Missing required field Statement", malformed + "Missing required field Statement"},
		{"no key policy", to(`"x"`), true, malformed + "Policy contains a statement with one or more invalid principals.", malformed + "Policy contains a statement with one or more invalid principals."},
		{"the largest", long[:400], false, "", ""},
		{"one byte more", long[:401], false, "LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes.",
			"LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes."},
		{"too large, and no policy", strings.Repeat("{", 401), false, "LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes.",
			"LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes."},
	} {
		for defaultOnly, want := range map[bool]string{true: test.production, false: test.inADev} {
			var log bytes.Buffer
			rules := &keypolicy.Rules{Partition: "aws", MaxBytes: 400, DefaultOnly: defaultOnly, Log: slog.New(slog.NewTextHandler(&log, nil))}
			got := ""
			if err := rules.Check(t.Context(), callAt(time.Now()), test.document, test.bypass); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, default only %v:\n got %s\nwant %s", test.name, defaultOnly, got, want)
			}
			if warned, unenforced := log.Len() > 0, got == "" && test.production == unsupported; warned != unenforced {
				t.Errorf("%s, default only %v: the log has %q", test.name, defaultOnly, log.String())
			}
		}
	}
}

// TestWarnings: the log says once a minute that policies are not enforced.
func TestWarnings(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	rules := &keypolicy.Rules{Partition: "aws", MaxBytes: 400, Log: slog.New(slog.NewTextHandler(&log, nil))}
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, after := range []time.Duration{0, time.Second, 59 * time.Second, time.Minute, 61 * time.Second, 2 * time.Minute} {
		if err := rules.Check(t.Context(), callAt(start.Add(after)), to(`["*"]`), false); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "not enforced"); n != 3 {
		t.Errorf("%d warnings, want 3:\n%s", n, log.String())
	}
}
