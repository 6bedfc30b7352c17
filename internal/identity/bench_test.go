package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"trent/internal/record"
)

// statements is a policy of n statements, with conditions.
func statements(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"Sid":"S%d","Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:*:%s:key/*",`+
			`"Condition":{"StringEquals":{"kms:EncryptionContext:tenant":"t%d","aws:PrincipalTag/Dept":["a","b"]}}}`, i, account, i)
	}
	return `{"Version":"2012-10-17","Statement":[` + b.String()[1:] + `]}`
}

// BenchmarkCaller finds the caller behind an access key whose user has a
// managed policy of 20 statements: from the cache, and reading, checking and
// compiling everything from the store.
func BenchmarkCaller(b *testing.B) {
	f := newFixture(b, false)
	f.world(b)
	u := theUser()
	u.Inline, u.Groups, u.Boundary = nil, nil, ""
	m := managed("ANPA1", "Keys", "/")
	m.Versions[1].Document = statements(20)
	f.put(b, record.UserPath(account, "alice"), record.TypeUser, u)
	f.put(b, record.ManagedPath(account, "keys"), record.TypeManaged, m)
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.AccessKey(context.Background(), userKey, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from the store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Forget()
			if _, err := f.AccessKey(context.Background(), userKey, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
}
