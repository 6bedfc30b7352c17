package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/arn"
)

func accountCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "account", Short: "Make, list, disable and enable accounts, and replace their root access keys", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(accountCreateCommand(), accountListCommand(), accountShowCommand(),
		accountStateCommand(true), accountStateCommand(false), newRootKeyCommand(), deactivateRootKeyCommand())
	return c
}

const accountCreateLong = `trent account create makes an account. It has no access key yet: "trent account
new-root-key" makes one.`

func accountCreateCommand() *cobra.Command {
	var f operatorFlags
	var in admin.CreateAccount
	c := &cobra.Command{
		Use: "create", Short: "Make an account", Long: accountCreateLong, Args: noArguments,
		Example: `  trent account create --name payments
  trent account create --id 111122223333 --name payments
  trent account create --name payments --output json | jq -r .id`,
		RunE: func(c *cobra.Command, _ []string) error {
			if in.ID != "" && !arn.ValidAccount(in.ID) {
				return usageError(c, fmt.Errorf("--id %q: want 12 digits", in.ID))
			}
			return answer(c, &f, func(a *admin.Client) (admin.Account, error) { return a.CreateAccount(c.Context(), in) }, accountTable)
		},
	}
	f.register(c)
	c.Flags().StringVar(&in.ID, "id", "", "`id` of the account, 12 digits (default: a random one)")
	c.Flags().StringVar(&in.Name, "name", "", "`name` for people, at most 50 characters")
	return c
}

func accountTable(t *table, a admin.Account) {
	t.row("account", a.ID)
	t.row("name", a.Name)
	t.row("state", a.State)
	t.row("created", a.Created)
}

func accountListCommand() *cobra.Command {
	var f operatorFlags
	var limit int
	var after string
	c := &cobra.Command{
		Use: "list", Short: "List accounts", Args: noArguments,
		Long: `trent account list lists the accounts in the order of their ids, all of them
unless --limit says otherwise.`,
		Example: `  trent account list
  trent account list --output json | jq -r '.accounts[] | select(.state == "disabled") | .id'`,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return usageError(c, fmt.Errorf("--limit %d: want a number that is not negative", limit))
			}
			return answer(c, &f, func(a *admin.Client) (admin.AccountPage, error) {
				return allAccounts(c.Context(), a, after, limit)
			}, accountsTable)
		},
	}
	f.register(c)
	pageFlags(c, &after, &limit)
	return c
}

// pageFlags adds the flags of a list.
func pageFlags(c *cobra.Command, after *string, limit *int) {
	c.Flags().StringVar(after, "after", "", "go on behind this `position`: next of the list before")
	c.Flags().IntVar(limit, "limit", 0, "at most this `number` (default: all)")
}

// allAccounts joins pages, up to a limit.
func allAccounts(ctx context.Context, a *admin.Client, after string, limit int) (all admin.AccountPage, err error) {
	all.Accounts, all.Next = []admin.Account{}, after
	for {
		page, err := a.Accounts(ctx, admin.AccountQuery{After: all.Next, Limit: pageSize(limit, len(all.Accounts))})
		if err != nil {
			return all, err
		}
		all.Accounts, all.Next = append(all.Accounts, page.Accounts...), page.Next
		if page.Next == "" || limit > 0 && len(all.Accounts) >= limit {
			return all, nil
		}
	}
}

// pageSize is how many more a list with a limit asks for; 0 is the largest page.
func pageSize(limit, have int) int {
	if limit == 0 || limit-have > admin.MaxPage {
		return 0
	}
	return limit - have
}

func accountsTable(t *table, p admin.AccountPage) {
	t.row("ACCOUNT", "STATE", "CREATED", "NAME")
	for _, a := range p.Accounts {
		t.row(a.ID, a.State, a.Created, a.Name)
	}
	more(t, p.Next)
}

// more says where a list that was cut short goes on.
func more(t *table, next string) {
	if next != "" {
		t.row()
		t.row("There are more: --after " + next)
	}
}

func accountShowCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "show ACCOUNT", Short: "Show an account and its root access keys", Args: oneAccount, ValidArgsFunction: f.completeAccounts,
		Long: `trent account show shows an account and the access keys of its root, without
their secrets, which are nowhere in the clear. The well-known access keys of
trent dev are not among them.`,
		Example: `  trent account show 111122223333`,
		RunE: func(c *cobra.Command, args []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.AccountDetail, error) { return a.Account(c.Context(), args[0]) }, detailTable)
		},
	}
	f.register(c)
	return c
}

func detailTable(t *table, a admin.AccountDetail) {
	accountTable(t, a.Account)
	t.row()
	t.row("ROOT ACCESS KEY", "STATUS", "CREATED")
	for _, k := range a.RootKeys {
		t.row(k.AccessKeyID, k.Status, k.Created)
	}
}

// oneAccount is for commands whose argument is an account id.
func oneAccount(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, errors.New("want one account id"))
	}
	if !arn.ValidAccount(args[0]) {
		return usageError(c, fmt.Errorf("account %q: want 12 digits", args[0]))
	}
	return nil
}

func accountStateCommand(disable bool) *cobra.Command {
	verb, short, long := "enable", "Undo trent account disable", `trent account enable lets the access keys of a disabled account authenticate
again, those that are active.`
	if disable {
		verb, short, long = "disable", "Let an account's access keys authenticate nothing", `trent account disable lets the access keys of an account authenticate nothing
any more, from the moment it returns: its requests get
UnrecognizedClientException. The account's KMS keys stay as they are, and jobs
on them (deletions that are due) go on.`
	}
	var f operatorFlags
	c := &cobra.Command{
		Use: verb + " ACCOUNT", Short: short, Long: long, Args: oneAccount, ValidArgsFunction: f.completeAccounts,
		Example: "  trent account " + verb + " 111122223333",
		RunE: func(c *cobra.Command, args []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.Account, error) {
				return a.SetAccountDisabled(c.Context(), args[0], disable)
			}, accountTable)
		},
	}
	f.register(c)
	return c
}

const newRootKeyLong = `trent account new-root-key makes an access key of an account's root and shows
its secret, once: it is kept nowhere in the clear.

The account's earlier root access keys authenticate nothing any more from that
moment: whoever replaces a key that has leaked must not have to think of a
second step. If nothing has leaked, --keep-earlier leaves the one before active
until "trent account deactivate-root-key"; an account has at most two active
ones. If the secret was lost on its way, run the command again.`

func newRootKeyCommand() *cobra.Command {
	var f operatorFlags
	var in admin.CreateRootKey
	c := &cobra.Command{
		Use: "new-root-key ACCOUNT", Short: "Replace an account's root access key",
		Long: newRootKeyLong, Args: oneAccount, ValidArgsFunction: f.completeAccounts,
		Example: `  trent account new-root-key 111122223333
  trent account new-root-key 111122223333 --keep-earlier
  trent account new-root-key 111122223333 --output json > root-key.json`,
		RunE: func(c *cobra.Command, args []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.NewRootKey, error) {
				return a.NewRootKey(c.Context(), args[0], in)
			}, newRootKeyTable)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&in.KeepEarlier, "keep-earlier", false, "leave the account's other root access key active")
	return c
}

func newRootKeyTable(t *table, k admin.NewRootKey) {
	t.row("account", k.Account)
	t.row("access key id", k.AccessKeyID)
	t.row("secret access key", string(k.SecretAccessKey.Expose()))
	for i, id := range k.Deactivated {
		t.row(once(i, "deactivated"), id)
	}
	t.row()
	t.row("The secret is not shown again and kept nowhere in the clear.")
}

func deactivateRootKeyCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "deactivate-root-key ACCOUNT ACCESS-KEY-ID", Short: "Let one root access key authenticate nothing",
		Long: `trent account deactivate-root-key lets one access key of an account's root
authenticate nothing any more, from the moment it returns. There is no way back:
make another with "trent account new-root-key".`,
		Example: `  trent account deactivate-root-key 111122223333 AKIAIOSFODNN7EXAMPLE`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(c, errors.New("want an account id and an access key id"))
			}
			return oneAccount(c, args[:1])
		},
		ValidArgsFunction: f.completeAccounts,
		RunE: func(c *cobra.Command, args []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.AccountDetail, error) {
				return a.DeactivateRootKey(c.Context(), args[0], args[1])
			}, detailTable)
		},
	}
	f.register(c)
	return c
}
