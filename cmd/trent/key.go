package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

func keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "key", Short: "List and show KMS keys, see who uses them, brown them out and delete them", Args: noArguments,
		Long: `trent key shows the KMS keys of all accounts, as the service's records have
them; never key material. It counts who uses them, and schedules deletions once it has
shown that. To work with keys, use any AWS client.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(keyListCommand(), keyShowCommand(), keyUsageCommand(), keyMaterialsCommand(), keyBrownoutCommand(), keyDeleteCommand())
	return c
}

func keyListCommand() *cobra.Command {
	var f operatorFlags
	var q admin.KeyQuery
	c := &cobra.Command{
		Use: "list", Short: "List KMS keys", Args: noArguments,
		Long: `trent key list lists KMS keys in the order of Region, account and key id, all of
them unless flags say otherwise.`,
		Example: `  trent key list
  trent key list --region eu-west-1 --account 111122223333
  trent key list --state PendingDeletion --output json | jq -r '.keys[].arn'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Limit < 0 {
				return usageError(c, fmt.Errorf("--limit %d: want a number that is not negative", q.Limit))
			}
			return answer(c, &f, func(a *admin.Client) (admin.KeyPage, error) { return allKeys(c.Context(), a, q) }, keysTable)
		},
	}
	f.register(c)
	c.Flags().StringVar(&q.State, "state", "", "keys in this `state` only: Enabled, Disabled, PendingDeletion, …")
	placeFlags(c, &f, &q.Region, &q.Account)
	pageFlags(c, &q.After, &q.Limit)
	return c
}

// placeFlags adds the flags that say where a key is.
func placeFlags(c *cobra.Command, f *operatorFlags, region, account *string) {
	c.Flags().StringVar(region, "region", "", "keys of this `Region` only")
	c.Flags().StringVar(account, "account", "", "keys of this `account` only")
	_ = c.RegisterFlagCompletionFunc("region", f.completeRegions)
	_ = c.RegisterFlagCompletionFunc("account", f.completeAccounts)
}

// allKeys joins pages, up to a limit.
func allKeys(ctx context.Context, a *admin.Client, q admin.KeyQuery) (all admin.KeyPage, err error) {
	limit := q.Limit
	all.Keys = []admin.Key{}
	for {
		q.Limit = pageSize(limit, len(all.Keys))
		page, err := a.Keys(ctx, q)
		if err != nil {
			return all, err
		}
		all.Keys, all.Next, q.After = append(all.Keys, page.Keys...), page.Next, page.Next
		if page.Next == "" || limit > 0 && len(all.Keys) >= limit {
			return all, nil
		}
	}
}

func keysTable(t *table, p admin.KeyPage) {
	t.row("REGION", "ACCOUNT", "KEY", "STATE", "SPEC", "USAGE", "CREATED", "DESCRIPTION")
	for _, k := range p.Keys {
		t.row(k.Region, k.Account, k.ID, k.State, k.Spec, k.Usage, k.Created, k.Description)
	}
	more(t, p.Next)
}

func keyShowCommand() *cobra.Command {
	var f operatorFlags
	var q admin.KeyName
	c := &cobra.Command{
		Use: "show KEY", Short: "Show a KMS key with its aliases, tags, policy and materials", ValidArgsFunction: f.completeKeys,
		Long: `trent key show shows one KMS key: what is recorded of it, its aliases, tags, key
policy, and the ids of its key materials. KEY is a key id, a key ARN, an alias
name or an alias ARN; a key id or alias that several Regions or accounts have
needs --region and --account.`,
		Example: `  trent key show 1234abcd-12ab-34cd-56ef-1234567890ab
  trent key show alias/payroll --region eu-west-1 --account 111122223333
  trent key show arn:aws:kms:eu-west-1:111122223333:alias/payroll --output json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(c, errors.New("want one key id, key ARN, alias name or alias ARN"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			q.ID = args[0]
			return answer(c, &f, func(a *admin.Client) (admin.KeyDetail, error) { return a.Key(c.Context(), q) }, keyTable)
		},
	}
	f.register(c)
	placeFlags(c, &f, &q.Region, &q.Account)
	return c
}

func keyTable(t *table, k admin.KeyDetail) {
	keyUseRows(t, k)
	if k.DeletionDate != nil {
		t.row("deletion date", k.DeletionDate)
	}
	t.row("description", k.Description)
	t.row("spec", k.Spec)
	t.row("usage", k.Usage)
	t.row("origin", k.Origin)
	t.row("multi-Region", k.MultiRegion)
	t.row("created", k.Created)
	for i, a := range k.Aliases {
		t.row(once(i, "aliases"), a)
	}
	for i, name := range slices.Sorted(maps.Keys(k.Tags)) {
		t.row(once(i, "tags"), clean(name)+" = "+clean(k.Tags[name]))
	}
	t.row()
	t.row("MATERIAL", "CURRENT", "CREATED", "DOMAIN KEY")
	for _, m := range k.Materials {
		t.row(m.ID, m.Current, m.Created, m.Generation)
	}
	t.row()
	t.row("key policy:")
	t.text(k.Policy)
}
