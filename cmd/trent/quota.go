package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const quotaLong = `trent quota shows what accounts used of their request quotas in this minute and the
one before: the most requests that got through in one second, and how many were
refused since the account has used the quota without a pause. The fullest come first.

Quotas count for each account, Region and class: cryptographic operations by the type
of the key, data key pairs by their spec, every other operation by itself. They are off
unless quotas.requests in the configuration says otherwise.

That an operator looks has a record in the audit trail.`

func quotaCommand() *cobra.Command {
	var f operatorFlags
	var q admin.QuotaQuery
	c := &cobra.Command{
		Use: "quota", Short: "Show what accounts used of their request quotas", Long: quotaLong, Args: noArguments,
		Example: `  trent quota
  trent quota --account 111122223333 --region eu-west-1
  trent quota --output json | jq -c '.usage[] | select(.throttled > 0)'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Limit < 0 || q.Limit > admin.MaxPage {
				return usageError(c, fmt.Errorf("--limit %d: want 1 to %d", q.Limit, admin.MaxPage))
			}
			return answer(c, &f, func(a *admin.Client) (admin.Quotas, error) { return a.Quotas(c.Context(), q) }, quotaTable)
		},
	}
	f.register(c)
	c.Flags().StringVar(&q.Account, "account", "", "of this `account` only")
	c.Flags().StringVar(&q.Region, "region", "", "of this `Region` only")
	c.Flags().IntVar(&q.Limit, "limit", 0, "this `number` of rows at most (default 1000)")
	return c
}

func quotaTable(t *table, q admin.Quotas) {
	if q.Requests == admin.RequestQuotasOff {
		t.row("there are no request quotas: quotas.requests is off")
		return
	}
	t.row("ACCOUNT", "REGION", "CLASS", "PEAK", "QUOTA", "USED", "THROTTLED")
	for _, u := range q.Usage {
		t.row(u.Account, u.Region, u.Class, u.Peak, strconv.FormatFloat(u.PerSecond, 'f', -1, 64), fmt.Sprintf("%.0f %%", 100*float64(u.Peak)/u.PerSecond), u.Throttled)
	}
	if q.More {
		t.row("more follow: use --account, --region or --limit")
	}
}
