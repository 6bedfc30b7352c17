package main

import (
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const keyMaterialsLong = `trent key materials shows each key material of a KMS key, and what still uses it: how
many calls of the period decrypted with it, how many in all, and the last of them, from
the audit trail. What was encrypted with old material can be encrypted anew with
ReEncrypt; when nothing decrypts with it any more, it has done its work.`

// materialsReport is the JSON of trent key materials.
type materialsReport struct {
	Key       string         `json:"key"`
	Since     time.Time      `json:"since"`
	Until     time.Time      `json:"until,omitzero"`
	Materials []materialUses `json:"materials"` // oldest first
}

type materialUses struct {
	admin.Material
	Uses     int        `json:"uses"`
	Decrypts int        `json:"decrypts"`
	Last     *time.Time `json:"last,omitempty"`
}

func keyMaterialsCommand() *cobra.Command {
	var f operatorFlags
	u := keyUsage{by: byMaterial}
	c := &cobra.Command{
		Use: "materials KEY", Short: "Show the materials of a KMS key and what still uses them", Long: keyMaterialsLong, ValidArgsFunction: f.completeKeys,
		Example: `  trent key materials alias/payroll
  trent key materials alias/payroll --since 2026-01-01 --output json | jq '.materials[] | select(.decrypts == 0)'`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			u.name.ID = args[0]
			q, err := u.query()
			if err != nil {
				return usageError(c, err)
			}
			return answer(c, &f, func(a *admin.Client) (materialsReport, error) {
				k, err := a.Key(c.Context(), u.name)
				if err != nil {
					return materialsReport{}, err
				}
				counter := newUseCounter(byMaterial)
				q.Key, counter.key = k.ARN, k.ARN
				err = counter.read(c.Context(), a, q, c.ErrOrStderr())
				return materialsOf(&k, counter, q), err
			}, materialsTable)
		},
	}
	f.register(c)
	placeFlags(c, &f, &u.name.Region, &u.name.Account)
	c.Flags().StringVar(&u.since, "since", "", "`time` from which on: 2026-11-23 or 2026-11-23T08:00:00Z; default 90 days ago")
	c.Flags().StringVar(&u.until, "until", "", "`time` up to which; a day means its end")
	return c
}

func materialsOf(k *admin.KeyDetail, counter *useCounter, q admin.AuditQuery) materialsReport {
	out := materialsReport{Key: k.ARN, Since: q.Since.UTC().Truncate(time.Second), Until: q.Until, Materials: []materialUses{}}
	for _, m := range k.Materials {
		row := materialUses{Material: m}
		if n := counter.uses[m.ID]; n != nil {
			row.Uses, row.Decrypts = n.Succeeded, n.Decrypts
			if !n.Last.IsZero() {
				row.Last = &n.Last
			}
		}
		out.Materials = append(out.Materials, row)
	}
	return out
}

func materialsTable(t *table, r materialsReport) {
	t.row("MATERIAL", "CURRENT", "CREATED", "DECRYPTS", "USES", "LAST USE")
	for _, m := range r.Materials {
		t.row(m.ID, m.Current, m.Created, m.Decrypts, m.Uses, m.Last)
	}
}
