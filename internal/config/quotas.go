package config

import (
	"maps"
	"slices"

	"trent/internal/quota"
	"trent/internal/throttle"
)

// Limits are the quotas as the service has them.
func (q *Quotas) Limits() quota.Limits {
	return quota.Limits{Keys: int(q.Keys), AliasesPerKey: int(q.AliasesPerKey), TagsPerKey: int(q.TagsPerKey), KeyPolicyBytes: int(q.KeyPolicyBytes), GrantsPerKey: int(q.GrantsPerKey)}
}

func (c *Config) validateQuotas(p *problems) {
	q := &c.Quotas
	for _, one := range []struct {
		key    string
		value  Count
		limits quota.Limits
	}{
		{"keys", q.Keys, quota.Limits{Keys: int(q.Keys)}},
		{"aliases_per_key", q.AliasesPerKey, quota.Limits{AliasesPerKey: int(q.AliasesPerKey)}},
		{"tags_per_key", q.TagsPerKey, quota.Limits{TagsPerKey: int(q.TagsPerKey)}},
		{"key_policy_bytes", q.KeyPolicyBytes, quota.Limits{KeyPolicyBytes: int(q.KeyPolicyBytes)}},
		{"grants_per_key", q.GrantsPerKey, quota.Limits{GrantsPerKey: int(q.GrantsPerKey)}},
	} {
		path := "quotas." + one.key
		if _, there := c.lines[path]; there && one.value == 0 {
			p.add(path, "leave it out for AWS's number", "0 would be no quota, or none of anything")
		} else if _, err := one.limits.Complete(); err != nil {
			p.add(path, "", "%v", err)
		}
	}
	c.validateRequests(p)
}

// What quotas.requests can say.
const (
	RequestQuotasOff    = "off"
	RequestQuotasAWS    = "aws"
	RequestQuotasCustom = "custom"
)

func (c *Config) validateRequests(p *problems) {
	q := &c.Quotas
	switch q.Requests {
	case RequestQuotasOff, RequestQuotasAWS, RequestQuotasCustom:
	default:
		p.add("quotas.requests", "", "%q: want off, aws or custom", q.Requests)
		return
	}
	_, has := c.lines["quotas.requests_per_second"]
	switch custom := q.Requests == RequestQuotasCustom; {
	case has && !custom:
		p.add("quotas.requests_per_second", "say quotas.requests: custom", "has no effect: quotas.requests is %s", q.Requests)
	case custom && len(q.RequestsPerSecond) == 0:
		p.add("quotas.requests_per_second", "", "is missing: the numbers that are not AWS's")
	}
	for _, class := range slices.Sorted(maps.Keys(q.RequestsPerSecond)) {
		if err := throttle.AWS().Set(class, int(q.RequestsPerSecond[class])); err != nil {
			p.add("quotas.requests_per_second."+class, "", "%v", err)
		}
	}
}

// RequestNumbers are the request quotas as the service has them; nil: there are
// none.
func (q *Quotas) RequestNumbers() *throttle.Numbers {
	if q.Requests == RequestQuotasOff {
		return nil
	}
	n := throttle.AWS()
	for class, perSecond := range q.RequestsPerSecond {
		_ = n.Set(class, int(perSecond)) // what cannot be was refused
	}
	return n
}
