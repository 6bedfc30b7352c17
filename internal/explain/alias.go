package explain

import (
	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/policy"
)

// changesAlias reports whether an operation needs permission on an alias
// besides that on a key.
func changesAlias(op api.Op) bool {
	return op == api.OpCreateAlias || op == api.OpUpdateAlias || op == api.OpDeleteAlias
}

// ChangesAlias reports whether an action needs permission on an alias too.
func ChangesAlias(action string) bool {
	op, _, _, err := operation(action)
	return err == nil && changesAlias(op)
}

// unsaid stands for the alias that was not said.
const unsaid = "alias/…"

// OnAlias is the request for the alias that the action changes; nil if it
// changes none, or if none is said and one could be allowed.
func (a *Ask) OnAlias(onKey *authz.Request) *authz.Request {
	switch {
	case !changesAlias(onKey.Op):
		return nil
	case a.Alias != "":
		return aliasRequest(onKey, a.Alias)
	}
	q := question{onKey.Op, onKey.Action}
	s := Survey{key: a.Key, environment: a.Environment, actions: []question{q}, supposed: map[supposition]*policy.Policy{}}
	if _, _, ok := s.onAliases(onKey.Caller, q); ok {
		return nil
	}
	return aliasRequest(onKey, unsaid)
}

// aliasRequest is the request for an alias of the caller's account, which has no
// policy of its own.
func aliasRequest(onKey *authz.Request, alias string) *authz.Request {
	return &authz.Request{
		Op: onKey.Op, Action: onKey.Action, Caller: onKey.Caller, In: onKey.In, Extra: onKey.Extra, Environment: onKey.Environment,
		Resource: arn.Alias(onKey.Partition, onKey.Region, onKey.Caller.Account, alias),
	}
}

// And adds what is decided on the alias, without which the key does not count.
func (a *Answer) And(alias Answer) {
	a.Alias = &alias
	on := " On " + alias.Key + ": " + alias.Reason
	switch {
	case !alias.Allowed:
		a.Allowed, a.Explicit, a.Message, a.Reason = false, alias.Explicit, alias.Message, on[1:]
		for _, p := range a.Policies {
			for i := range p.Statements {
				p.Statements[i].Decides = false
			}
		}
	case a.Allowed:
		a.Reason += on
	}
}

// Unasked says what else an action that is allowed needs, and was not asked for.
func (a *Ask) Unasked(r *authz.Request) string {
	if !changesAlias(r.Op) {
		return ""
	}
	text := ""
	if a.Alias == "" {
		text = r.Action + " needs permission on the alias as well, by an IAM policy: on " + arn.Alias(r.Partition, r.Region, r.Caller.Account, unsaid) + ". Say which with --alias"
	}
	if r.Op == api.OpUpdateAlias {
		if text != "" {
			text += ". "
		}
		text += "Of the two keys, that which the alias points to and that which it is to point to, this is one: the other must allow it too"
	}
	return text
}
