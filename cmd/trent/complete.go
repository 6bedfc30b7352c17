package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/explain"
)

// completionTimeout is how long a shell waits for the server's suggestions.
const completionTimeout = 2 * time.Second

// maxSuggestions bounds what a shell is offered.
const maxSuggestions = 200

// suggest asks the server for what a shell may offer; without one there is
// nothing.
func (f *operatorFlags) suggest(c *cobra.Command, ask func(context.Context, *admin.Client) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	f.output = outputJSON // whatever is on the line so far
	client, err := f.client(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
	defer cancel()
	found, err := ask(ctx, client)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (f *operatorFlags) completeAccounts(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return f.completeRootKeys(c, args)
	}
	return f.suggest(c, func(ctx context.Context, a *admin.Client) (found []cobra.Completion, err error) {
		page, err := a.Accounts(ctx, admin.AccountQuery{Limit: maxSuggestions})
		for _, account := range page.Accounts {
			found = append(found, cobra.CompletionWithDesc(account.ID, clean(account.Name)))
		}
		return found, err
	})
}

// completeRootKeys offers the active root access keys of the account that is on
// the line, to the one command that takes one.
func (f *operatorFlags) completeRootKeys(c *cobra.Command, args []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if c.Name() != "deactivate-root-key" || len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.suggest(c, func(ctx context.Context, a *admin.Client) (found []cobra.Completion, err error) {
		account, err := a.Account(ctx, args[0])
		for _, k := range account.RootKeys {
			if k.Status == admin.RootKeyActive {
				found = append(found, k.AccessKeyID)
			}
		}
		return found, err
	})
}

func (f *operatorFlags) completeRegions(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return f.suggest(c, func(ctx context.Context, a *admin.Client) (found []cobra.Completion, err error) {
		s, err := a.Status(ctx)
		for _, r := range s.Regions {
			found = append(found, r.Name)
		}
		return found, err
	})
}

func (f *operatorFlags) completeKeys(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.suggest(c, func(ctx context.Context, a *admin.Client) (found []cobra.Completion, err error) {
		page, err := a.Keys(ctx, admin.KeyQuery{Limit: maxSuggestions})
		for _, k := range page.Keys {
			found = append(found, cobra.CompletionWithDesc(k.ID, clean(k.Region+" "+k.Account+" "+k.Description)))
		}
		return found, err
	})
}

// completeActions offers the actions of AWS KMS, which need no server.
func completeActions(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return explain.Actions(), cobra.ShellCompDirectiveNoFileComp
}

func (f *operatorFlags) completeListeners(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return f.suggest(c, func(ctx context.Context, a *admin.Client) (found []cobra.Completion, err error) {
		s, err := a.Status(ctx)
		for _, l := range s.Listeners {
			found = append(found, l.Name)
		}
		return found, err
	})
}
