package admin

import (
	"context"
)

// QuotaQuery asks what accounts used of their request quotas: GET /v1/quota. Empty
// members ask for all.
type QuotaQuery struct {
	Account, Region string
	Limit           int // 1 to MaxPage, 0 for MaxPage
}

// Quotas is its answer.
type Quotas struct {
	// Requests is on if there are request quotas, and off if there are none.
	Requests string `json:"requests"`
	// Usage of this minute and the one before, the fullest first.
	Usage []QuotaUsage `json:"usage"`
	More  bool         `json:"more"` // there is more than was asked for
}

// Values of Quotas.Requests.
const (
	RequestQuotasOn  = "on"
	RequestQuotasOff = "off"
)

// QuotaUsage is what an account used of one quota.
type QuotaUsage struct {
	Account   string  `json:"account"`
	Region    string  `json:"region"`
	Class     string  `json:"class"`
	PerSecond float64 `json:"perSecond"` // the quota
	Peak      int     `json:"peak"`      // requests that got through in one second, at most
	Throttled uint64  `json:"throttled"` // requests refused since the account has used it without a pause of minutes
}

// quotas reads a QuotaQuery.
func (s *Server) quotas(r *request) (Quotas, error) {
	limit, err := pageLimit(r.query)
	if err != nil {
		return Quotas{}, err
	}
	return s.node.Quotas(r.ctx, QuotaQuery{Account: r.query.Get("account"), Region: r.query.Get("region"), Limit: limit})
}

// Quotas asks what accounts used of their request quotas.
func (c *Client) Quotas(ctx context.Context, q QuotaQuery) (Quotas, error) {
	return get[Quotas](ctx, c, "quota", pairs("account", q.Account, "region", q.Region, "limit", number(q.Limit)))
}
