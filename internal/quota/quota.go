// Package quota owns the resource quotas: their numbers, AWS's unless an
// operator gives others, and the exact count of each account's keys, without a
// record that all would have to write. It must never know what a key is for,
// nor count requests. The operations that a quota binds and the wiring import
// it.
package quota

import (
	"fmt"

	"trent/internal/apierr"
)

// Limits are the resource quotas. A zero member means AWS's number.
type Limits struct {
	Keys           int // keys of an account in a Region, in whatever state; AWS: 100,000
	AliasesPerKey  int // AWS: 50
	TagsPerKey     int // AWS: 50
	KeyPolicyBytes int // of a key policy document, as given; AWS: 32,768
	GrantsPerKey   int // AWS: 50,000
}

// The model's limit of PolicyType: no request brings a larger document.
const maxKeyPolicyBytes = 131_072

// What an operator may set at most, of what a transaction or an answer holds whole.
const (
	maxAliasesPerKey = 10_000
	maxTagsPerKey    = 200
	maxGrantsPerKey  = 100_000 // whose index stands in memory
)

// AWS returns AWS's quotas.
func AWS() Limits {
	return Limits{Keys: 100_000, AliasesPerKey: 50, TagsPerKey: 50, KeyPolicyBytes: 32_768, GrantsPerKey: 50_000}
}

// Complete returns the limits with AWS's numbers in place of zeros, or an error
// that names the first that cannot be.
func (l Limits) Complete() (Limits, error) {
	aws := AWS()
	for _, m := range [...]struct {
		name        string
		value       *int
		aws, atMost int
	}{
		{"keys", &l.Keys, aws.Keys, 1 << 30},
		{"aliases per key", &l.AliasesPerKey, aws.AliasesPerKey, maxAliasesPerKey},
		{"tags per key", &l.TagsPerKey, aws.TagsPerKey, maxTagsPerKey},
		{"bytes of a key policy", &l.KeyPolicyBytes, aws.KeyPolicyBytes, maxKeyPolicyBytes},
		{"grants per key", &l.GrantsPerKey, aws.GrantsPerKey, maxGrantsPerKey},
	} {
		if *m.value == 0 {
			*m.value = m.aws
		}
		if *m.value < 1 || *m.value > m.atMost {
			return Limits{}, fmt.Errorf("quota: %d %s: 1 to %d are possible", *m.value, m.name, m.atMost)
		}
	}
	return l, nil
}

// errKeys is AWS's error for one key too many, as it is reported.
func errKeys(limit, have int) error {
	return apierr.New(apierr.LimitExceeded, "Key quota for this account in this region is %d but the current usage is %d.", limit, have)
}
