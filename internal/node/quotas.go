package node

import (
	"cmp"
	"context"
	"slices"

	"trent/internal/admin"
	"trent/internal/obs"
	"trent/internal/throttle"
)

// Quotas says what accounts used of their request quotas.
func (n *Node) Quotas(_ context.Context, q admin.QuotaQuery) (admin.Quotas, error) {
	if err := n.errStarting(); err != nil {
		return admin.Quotas{}, err
	}
	if err := checkFilters(admin.KeyQuery{Account: q.Account}); err != nil {
		return admin.Quotas{}, err
	}
	if _, err := n.regions(q.Region); err != nil {
		return admin.Quotas{}, err
	}
	out := admin.Quotas{Requests: admin.RequestQuotasOff, Usage: []admin.QuotaUsage{}}
	if n.throttle == nil {
		return out, nil
	}
	out.Requests = admin.RequestQuotasOn
	all := slices.DeleteFunc(n.throttle.Usage(n.Now()), func(u throttle.Usage) bool {
		return q.Account != "" && u.Account != q.Account || q.Region != "" && u.Region != q.Region
	})
	slices.SortFunc(all, func(a, b throttle.Usage) int {
		return cmp.Or(-cmp.Compare(float64(a.Peak)/a.Limit, float64(b.Peak)/b.Limit), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Class, b.Class))
	})
	if limit := pageLimit(q.Limit); len(all) > limit {
		all, out.More = all[:limit], true
	}
	for _, u := range all {
		out.Usage = append(out.Usage, admin.QuotaUsage{Account: u.Account, Region: u.Region, Class: u.Class.String(), PerSecond: u.Limit, Peak: u.Peak, Throttled: u.Throttled})
	}
	return out, nil
}

// measureQuotas adds the metrics of request quotas: of all accounts together, and of
// the one that is nearest to its quota.
func (n *Node) measureQuotas() {
	if n.throttle == nil {
		return
	}
	labels := []string{"region", "class"}
	n.Metrics.Gauges("request_quota_limit", "Requests that an account may make in a second.", labels, func(emit obs.Emit) {
		regions, _ := n.regions("")
		for _, region := range regions {
			for _, c := range throttle.Classes() {
				emit(n.throttle.PerSecond(region, c), region, c.String())
			}
		}
	})
	n.Metrics.Gauges("request_quota_used", "The most requests of one account that got through in one second of this minute and the one before.", labels, func(emit obs.Emit) {
		type series struct {
			region string
			class  throttle.Class
		}
		most := map[series]int{}
		for _, u := range n.throttle.Usage(n.Now()) {
			s := series{u.Region, u.Class}
			most[s] = max(most[s], u.Peak)
		}
		for s, peak := range most {
			emit(float64(peak), s.region, s.class.String())
		}
	})
	n.Metrics.Counters("request_quota_throttled_total", "Requests refused because an account's request quota was used up.", []string{"class"}, func(emit obs.Emit) {
		for _, c := range throttle.Classes() {
			emit(float64(n.throttle.Throttled(c)), c.String())
		}
	})
}
