package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/explain"
)

const policyWhoLong = `trent policy who lists everybody who can use or administer a KMS key, what each may
do, and through what: the key policy, the account that the key policy leaves it to
and a policy of the principal's, or a grant. An account that the policy names stands
for its users and roles, those of other accounts too if they are on this server.
What depends on the request is under IF: the conditions that must hold, and the
aliases that somebody may change. A role stands for its sessions; those that the key
policy names are listed beside it if they may do something else.

KEY is a key id, a key ARN, an alias name or an alias ARN.`

func policyWhoCommand() *cobra.Command {
	var f operatorFlags
	var q admin.WhoQuery
	c := &cobra.Command{
		Use: "who", Short: "List who can use or administer a KMS key, and through what", Long: policyWhoLong, Args: noArguments,
		Example: `  trent policy who --key alias/payroll
  trent policy who --key alias/payroll --action kms:Decrypt
  trent policy who --key alias/payroll --output json | jq -r '.holders[] | select(any(.access[]; .manage)) | .principal'`,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case q.ID == "":
				return usageError(c, errors.New("--key is missing"))
			case q.Limit < 0:
				return usageError(c, fmt.Errorf("--limit %d: want a number that is not negative", q.Limit))
			}
			return answer(c, &f, func(a *admin.Client) (explain.Page, error) {
				return allHolders(c.Context(), a, q, looking(c.ErrOrStderr()))
			}, whoTable)
		},
	}
	f.register(c)
	c.Flags().StringVar(&q.ID, "key", "", "the `key`: key id, key ARN, alias name or alias ARN")
	c.Flags().StringVar(&q.Action, "action", "", "this `action` only, as kms:Decrypt")
	placeFlags(c, &f, &q.Region, &q.Account)
	c.Flags().StringVar(&q.After, "after", "", "go on behind this `principal`: next of the list before")
	c.Flags().IntVar(&q.Limit, "limit", 0, "look at this `number` of principals at most (default: all)")
	_ = c.RegisterFlagCompletionFunc("key", f.completeKeys)
	_ = c.RegisterFlagCompletionFunc("action", completeActions)
	return c
}

// looking writes how far a long list is, if somebody looks on.
func looking(w io.Writer) func(looked int) {
	file, ok := w.(*os.File)
	if !ok {
		return func(int) {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int) {}
	}
	return func(looked int) { fmt.Fprintf(w, "%d principals looked at …\n", looked) }
}

// allHolders joins pages, until as many principals were looked at as there may be.
func allHolders(ctx context.Context, a *admin.Client, q admin.WhoQuery, progress func(int)) (all explain.Page, err error) {
	limit := q.Limit
	all.Holders = []explain.Holder{}
	for {
		q.Limit = pageSize(limit, all.Looked)
		page, err := a.Who(ctx, q)
		if err != nil {
			return all, err
		}
		all.Key, all.Looked, all.Holders = page.Key, all.Looked+page.Looked, append(all.Holders, page.Holders...)
		all.Next, q.After, all.Unlisted = page.Next, page.Next, page.Unlisted
		if page.Next == "" || limit > 0 && all.Looked >= limit {
			return all, nil
		}
		progress(all.Looked)
	}
}

func whoTable(t *table, p explain.Page) {
	t.row("PRINCIPAL", "TYPE", "MAY", "THROUGH", "IF")
	for _, h := range p.Holders {
		for i, a := range h.Access {
			through := strings.Join(a.Through, " + ")
			if a.Grants > 1 {
				through = fmt.Sprintf("%s and %d more", a.Through[0], a.Grants-1)
			}
			t.row(once(i, h.Principal), once(i, h.Type), may(a), through, strings.Join(a.If, "; "))
		}
	}
	t.row()
	t.row(fmt.Sprintf("%d principals looked at", p.Looked))
	if p.Unlisted > 0 {
		t.row(fmt.Sprintf("%d more grants give access in yet other ways", p.Unlisted))
	}
	more(t, p.Next)
}

// may is what access allows, for people: actions without their vendor, and not
// too many.
func may(a explain.Access) string {
	const most = 3
	if a.All {
		return "everything"
	}
	short := slices.Clone(a.Actions)
	for i := range short {
		short[i] = strings.TrimPrefix(short[i], "kms:")
	}
	rest := ""
	if len(short) > most+1 {
		short, rest = short[:most], fmt.Sprintf(" and %d more", len(short)-most)
	}
	kind := "read"
	switch {
	case a.Use && a.Manage:
		kind = "use, manage"
	case a.Use:
		kind = "use"
	case a.Manage:
		kind = "manage"
	}
	return kind + ": " + strings.Join(short, ", ") + rest
}
