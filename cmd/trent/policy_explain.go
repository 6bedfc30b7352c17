package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/explain"
)

const policyExplainLong = `trent policy explain says whether a principal may do something, and why: which
statements decide, and what keeps the others from applying. It decides as for a
request that has the given encryption context and condition keys, comes now, over
TLS, to the key's Region, and from no address; a role is asked as one of its
sessions. Nothing is done, and nothing is recorded. What is checked later, the
key's state and usage, is not part of the decision. What follows from the principal
or the key cannot be supposed; tags of a role's session can.

CreateAlias, UpdateAlias and DeleteAlias need permission on the alias and on the
key: both are asked if --alias says which alias, or --key is one.

PRINCIPAL is the ARN of a user, a role, a role's session or a root user, an
account id, or user/NAME or role/NAME of the key's account. Statements about other
actions or principals are counted only, unless --all is given.`

func policyExplainCommand() *cobra.Command {
	var f operatorFlags
	var q admin.Question
	var context, conditions []string
	var all bool
	c := &cobra.Command{
		Use: "explain", Short: "Say whether a principal may do something, and why", Long: policyExplainLong, Args: noArguments,
		Example: `  trent policy explain --principal role/App --action kms:Decrypt --key alias/payroll --context dept=hr
  trent policy explain --principal arn:aws:iam::444455556666:role/App --action kms:Encrypt --key alias/payroll \
      --condition aws:SourceIp=192.0.2.7 --condition aws:PrincipalTag/team=a
  trent policy explain --principal user/alice --account 111122223333 --action kms:CreateKey --output json | jq .allowed`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			switch {
			case q.Principal == "":
				return usageError(c, errors.New("--principal is missing"))
			case q.Action == "":
				return usageError(c, errors.New("--action is missing"))
			}
			if q.Context, err = contextOf(context); err == nil {
				q.Conditions, err = conditionsOf(conditions)
			}
			if err != nil {
				return usageError(c, err)
			}
			return answer(c, &f, func(a *admin.Client) (explain.Answer, error) { return a.Explain(c.Context(), q) },
				func(t *table, a explain.Answer) { explainTable(t, a, all) })
		},
	}
	f.register(c)
	fs := c.Flags()
	fs.StringVar(&q.Principal, "principal", "", "who asks: an `ARN`, an account id, user/NAME or role/NAME")
	fs.StringVar(&q.Action, "action", "", "what for: an `action`, as kms:Decrypt")
	fs.StringVar(&q.Key, "key", "", "on which `key`: key id, key ARN, alias name or alias ARN")
	fs.StringVar(&q.Alias, "alias", "", "which `alias` the action creates, updates or deletes, as alias/payroll (default: --key, if that is an alias)")
	fs.StringArrayVar(&context, "context", nil, "a `name=value` of the encryption context; may be repeated")
	fs.StringArrayVar(&conditions, "condition", nil, "a condition key that the request has, as `key=value`; repeated, values of one key or several keys")
	fs.StringVar(&q.Listener, "listener", "", "by which `listener` of the configuration the request comes in: its endpoint policy counts")
	fs.BoolVar(&all, "all", false, "show the statements about other actions and principals too")
	placeFlags(c, &f, &q.Region, &q.Account)
	_ = c.RegisterFlagCompletionFunc("key", f.completeKeys)
	_ = c.RegisterFlagCompletionFunc("action", completeActions)
	_ = c.RegisterFlagCompletionFunc("listener", f.completeListeners)
	return c
}

// contextOf reads names and values, each name once.
func contextOf(pairs []string) (map[string]string, error) {
	context := map[string]string{}
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if _, twice := context[name]; !found || name == "" || twice {
			return nil, fmt.Errorf("--context %q: want name=value, and each name once", pair)
		}
		context[name] = value
	}
	return context, nil
}

// conditionsOf reads condition keys and values, several of a key.
func conditionsOf(pairs []string) (map[string][]string, error) {
	conditions := map[string][]string{}
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || !strings.Contains(name, ":") {
			return nil, fmt.Errorf("--condition %q: want key=value, as aws:SourceIp=192.0.2.7", pair)
		}
		conditions[name] = append(conditions[name], value)
	}
	return conditions, nil
}

func explainTable(t *table, a explain.Answer, all bool) {
	decision := "denied"
	if a.Allowed {
		decision = "allowed"
	}
	t.row("decision", decision)
	t.row("because", a.Reason)
	t.row("principal", a.Principal)
	t.row("action", a.Action)
	if a.Key != "" {
		t.row("key", a.Key)
		t.row("key state", a.KeyState)
	}
	if a.Alias != nil {
		t.row("alias", a.Alias.Key)
	}
	if a.Unasked != "" {
		t.row("not asked", a.Unasked)
	}
	if a.Message != "" {
		t.row("answer", "AccessDeniedException: "+a.Message)
	}
	for _, p := range a.Policies {
		policyTable(t, p, all)
	}
	if a.Alias != nil {
		for _, p := range a.Alias.Policies {
			p.Kind = "on the alias, " + p.Kind
			policyTable(t, p, all)
		}
	}
	if len(a.Grants) > 0 {
		t.row()
		t.row("grants:")
	}
	for _, g := range a.Grants {
		t.row(mark(g.Decides), g.ID, g.Name, strings.Join(g.Operations, ", "), g.Why)
	}
}

// policyTable shows a policy's statements, those that decide with an arrow.
func policyTable(t *table, p explain.Policy, all bool) {
	title := p.Kind
	if p.Name != "" {
		title += " " + p.Name + " of " + p.Owner
	}
	t.row()
	t.row(title + ":")
	hidden := 0
	for _, s := range p.Statements {
		if !all && (strings.HasSuffix(s.Misses, "Action") || strings.HasSuffix(s.Misses, "Principal")) {
			hidden++
			continue
		}
		t.row(mark(s.Decides), s.Number, s.SID, s.Effect, s.Why)
	}
	if hidden > 0 {
		t.row(" ", fmt.Sprintf("%d about other actions or principals (--all)", hidden))
	}
}

// mark is an arrow where the decision comes from.
func mark(decides bool) string {
	if decides {
		return "->"
	}
	return " "
}
