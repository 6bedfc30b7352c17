package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/arn"
	"trent/internal/policy/lint"
)

const policyLintLong = `trent policy lint looks over a policy, without a server: what AWS would refuse
in it, whether it locks everybody out or allows something to everybody, and
which of its parts can never have an effect: conditions that never hold, actions
that do not exist, statements that another one denies. FILE may be - for
standard input. docs/authorization.md explains the rules.

It exits with status 1 if there is a finding of severity error.`

func policyLintCommand() *cobra.Command {
	var kind, output string
	var o lint.Options
	c := &cobra.Command{
		Use: "lint FILE", Short: "Find what is wrong with a policy", Long: policyLintLong,
		Example: `  trent policy lint policy.json
  trent policy lint --kind identity --account 111122223333 app.json
  aws kms get-key-policy --key-id alias/payroll --query Policy --output text | trent policy lint -
  trent policy lint policy.json --output json | jq -r '.findings[] | select(.severity == "error") | .what'`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(c, errors.New("want one file"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.Kind, o.Now = lint.Kind(kind), time.Now()
			switch {
			case !slices.Contains(lint.Kinds(), o.Kind):
				return usageError(c, fmt.Errorf("--kind %q: want one of %s", kind, strings.Join(lintKinds(), ", ")))
			case o.Account != "" && !arn.ValidAccount(o.Account):
				return usageError(c, fmt.Errorf("--account %q: want 12 digits", o.Account))
			case output != outputTable && output != outputJSON:
				return usageError(c, fmt.Errorf("--output %q: want table or json", output))
			}
			return lintFile(c, args[0], output, o)
		},
	}
	fs := c.Flags()
	fs.StringVar(&kind, "kind", string(lint.Key), "what the policy is for: `one of` "+strings.Join(lintKinds(), ", "))
	fs.StringVar(&o.Account, "account", "", "`account` of the key, user or role, 12 digits: with it, more can be said")
	fs.StringVar(&o.Partition, "partition", "aws", "`partition` of ARNs")
	outputFlag(c, &output)
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(lintKinds(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func lintKinds() (all []cobra.Completion) {
	for _, k := range lint.Kinds() {
		all = append(all, string(k))
	}
	return all
}

// maxPolicyFile bounds what is read of a file that should be a policy.
const maxPolicyFile = 1 << 20

// readPolicy reads a file, or standard input.
func readPolicy(c *cobra.Command, path string) (string, error) {
	in := c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err == nil && len(b) > maxPolicyFile {
		err = fmt.Errorf("%s has more than %d bytes, and is no policy", path, maxPolicyFile)
	}
	return string(b), err
}

// lintResult is what policy lint prints.
type lintResult struct {
	File     string         `json:"file"`
	Kind     lint.Kind      `json:"kind"`
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Notes    int            `json:"notes"`
	Findings []lint.Finding `json:"findings"`
}

func lintFile(c *cobra.Command, path, output string, o lint.Options) error {
	text, err := readPolicy(c, path)
	if err != nil {
		return err
	}
	r := lintResult{File: path, Kind: o.Kind, Findings: lint.Check(text, o)}
	for _, f := range r.Findings {
		switch f.Severity {
		case lint.Error:
			r.Errors++
		case lint.Warning:
			r.Warnings++
		default:
			r.Notes++
		}
	}
	if err := show(c.OutOrStdout(), output, r, lintTable); err != nil {
		return err
	}
	if r.Errors > 0 {
		return fmt.Errorf("%s: the policy has errors", path)
	}
	return nil
}

func lintTable(t *table, r lintResult) {
	for _, f := range r.Findings {
		place := "policy"
		if f.Statement > 0 {
			place = fmt.Sprintf("statement %d", f.Statement)
		}
		if f.SID != "" {
			place += fmt.Sprintf(" (%s)", f.SID)
		}
		t.text(fmt.Sprintf("%s: %s: %s", f.Severity, place, f.What))
		t.text("    " + f.Why + ".")
		t.text(fmt.Sprintf("    To mend it: %s. [%s]", strings.TrimSuffix(f.Mend, "."), f.Rule))
	}
	t.text(fmt.Sprintf("errors: %d, warnings: %d, notes: %d", r.Errors, r.Warnings, r.Notes))
}
