package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/arn"
	"trent/internal/keyspec"
	"trent/internal/policy"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Explain who may do what, and look over policies", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(policyExplainCommand(), policyWhoCommand(), policyLintCommand(), policyTemplateCommand())
	return c
}

// templateInput is what a key policy is made for.
type templateInput struct {
	account, usage string
	admins, users  []string
}

const policyTemplateLong = `trent policy template prints the key policy that the AWS KMS console makes: IAM
policies of the key's account count, the administrators manage the key without
using it, the users use it, and may let AWS services use it for them, by grants.
It asks no server. Administrators and users are ARNs of users, roles and
accounts; those of other accounts need IAM policies there as well.`

func policyTemplateCommand() *cobra.Command {
	var in templateInput
	c := &cobra.Command{
		Use: "template", Short: "Print a key policy for given administrators and users", Long: policyTemplateLong, Args: noArguments,
		Example: `  trent policy template --admin arn:aws:iam::111122223333:role/Admin --user arn:aws:iam::111122223333:role/App > policy.json
  aws kms create-key --policy file://policy.json
  trent policy template --usage SIGN_VERIFY --account 111122223333 --user arn:aws:iam::444455556666:root`,
		RunE: func(c *cobra.Command, _ []string) error { return printTemplate(c, in) },
	}
	fs := c.Flags()
	fs.StringVar(&in.account, "account", "", "`account` of the key, 12 digits (default: that of the first ARN)")
	fs.StringVar(&in.usage, "usage", string(keyspec.EncryptDecrypt), "`key usage`: what users may do")
	fs.StringArrayVar(&in.admins, "admin", nil, "`ARN` of a key administrator; may be repeated")
	fs.StringArrayVar(&in.users, "user", nil, "`ARN` of a user of the key; may be repeated")
	_ = c.RegisterFlagCompletionFunc("usage", cobra.FixedCompletions(usages(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// usages are the key usages that a template can be made for.
func usages() []cobra.Completion {
	all := []cobra.Completion{}
	for _, u := range [...]keyspec.Usage{keyspec.EncryptDecrypt, keyspec.SignVerify, keyspec.GenerateVerifyMAC, keyspec.KeyAgreement, keyspec.EncapsulateDecapsulate} {
		all = append(all, string(u))
	}
	return all
}

func printTemplate(c *cobra.Command, in templateInput) error {
	partition, err := in.check()
	if err != nil {
		return usageError(c, err)
	}
	text := policy.Template(partition, in.account, in.usage, in.admins, in.users)
	d, err := policy.Parse(text)
	if err == nil {
		err = policy.CheckKeyPolicy(d, partition)
	}
	if err != nil {
		return usageError(c, fmt.Errorf("an ARN is not one of a user, a role, a session or an account: %w", err))
	}
	_, err = io.WriteString(c.OutOrStdout(), text)
	return err
}

// check fills in the account, and returns the partition.
func (in *templateInput) check() (partition string, err error) {
	partition = "aws"
	for i, name := range append(append([]string{}, in.admins...), in.users...) {
		parts := strings.SplitN(name, ":", 6)
		if len(parts) != 6 || parts[0] != "arn" || i > 0 && parts[1] != partition {
			return "", fmt.Errorf("%q: want ARNs of one partition", name)
		}
		partition = parts[1]
		if in.account == "" {
			in.account = parts[4]
		}
	}
	switch {
	case in.account == "":
		return "", errors.New("say --account, or name an administrator or a user")
	case !arn.ValidAccount(in.account):
		return "", fmt.Errorf("account %q: want 12 digits", in.account)
	}
	for _, u := range usages() {
		if u == in.usage {
			return partition, nil
		}
	}
	return "", fmt.Errorf("--usage %q: want one of %s", in.usage, strings.Join(usages(), ", "))
}
