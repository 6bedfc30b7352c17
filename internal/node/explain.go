package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"trent/internal/admin"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/condkey"
	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/key"
)

// Explain decides as the pipeline would, and says why.
func (n *Node) Explain(ctx context.Context, q admin.Question) (explain.Answer, error) {
	if err := n.errStarting(); err != nil {
		return explain.Answer{}, err
	}
	ask := explain.Ask{Action: q.Action, Context: q.Context, Conditions: q.Conditions, Identifier: q.Key}
	if err := aliasNamed(&ask, q); err != nil {
		return explain.Answer{}, err
	}
	account := q.Account
	if q.Key != "" {
		k, err := n.findKey(ctx, admin.KeyName{ID: q.Key, Region: q.Region, Account: q.Account})
		if err != nil {
			return explain.Answer{}, err
		}
		ask.Key, q.Region, account = k, k.Region, k.Account
	}
	ask.Environment = n.environment(q.Region)
	if err := n.comesBy(&ask.Environment, q.Listener); err != nil {
		return explain.Answer{}, err
	}
	caller, err := n.principalNamed(ctx, q.Principal, account)
	if err != nil {
		return explain.Answer{}, err
	}
	ask.Caller = &caller
	r, err := ask.Request()
	if err != nil {
		return explain.Answer{}, question(err)
	}
	if r.Key != nil && condkey.OfUsage(r.Op) {
		if r.UnusedDays, err = n.uses.UnusedDays(ctx, r.Key, n.Now()); err != nil {
			return explain.Answer{}, err
		}
		r.Tracked = true
	}
	d, err := n.authorizer().Decide(ctx, r)
	if err != nil {
		return explain.Answer{}, err
	}
	a := explain.Of(r, d)
	if r.Key != nil {
		err = n.addGrants(ctx, &a, r, d)
	}
	if on := ask.OnAlias(r); on != nil {
		a.And(explain.Of(on, on.Decide()))
	}
	if a.Allowed {
		a.Unasked = ask.Unasked(r)
	}
	return a, err
}

// aliasNamed adds the alias that an action is about: the one that is said, or that
// names the key if the action changes aliases.
func aliasNamed(ask *explain.Ask, q admin.Question) error {
	if q.Alias != "" {
		if !arn.ValidAliasName(q.Alias) {
			return admin.Errorf(admin.InvalidRequest, "alias %q: want alias/NAME", q.Alias)
		}
		ask.Alias = q.Alias
		return nil
	}
	if id := arn.Parse(q.Key); (id.Kind == arn.AliasName || id.Kind == arn.AliasARN) && explain.ChangesAlias(q.Action) {
		ask.Alias = id.ID
	}
	return nil
}

// question tells an operator what cannot be asked.
func question(err error) error {
	if e, ok := errors.AsType[*explain.Error](err); ok {
		return admin.Errorf(admin.InvalidRequest, "%s", e.Text)
	}
	return err
}

// authorizer decides as the pipeline's does.
func (n *Node) authorizer() *authz.Authorizer { return &authz.Authorizer{Grants: n.grants} }

// environment is that of a request that is only asked about.
func (n *Node) environment(region string) authz.Environment {
	return authz.Environment{Time: n.Now(), TLS: true, Region: region, Partition: n.Partition}
}

// comesBy lets a request come in by a listener.
func (n *Node) comesBy(e *authz.Environment, listener string) error {
	if listener == "" {
		return nil
	}
	if !slices.ContainsFunc(n.Listeners, func(l Listener) bool { return l.Config.Listener == listener }) {
		return admin.Errorf(admin.NotFound, "there is no listener %q", listener)
	}
	e.Endpoint = n.Endpoints[listener]
	return nil
}

// principalNamed finds a principal; user/NAME and role/NAME are of the account.
func (n *Node) principalNamed(ctx context.Context, name, account string) (identity.Caller, error) {
	full := name
	if short := strings.HasPrefix(name, "user/") || strings.HasPrefix(name, "role/"); short && account != "" {
		full = "arn:" + n.Partition + ":iam::" + account + ":" + name
	}
	if arn.ParsePrincipal(full).Kind == arn.NoPrincipal {
		return identity.Caller{}, admin.Errorf(admin.InvalidRequest, "principal %q: want the ARN of a user, a role, a role's session or a root user, or an account id", name)
	}
	c, err := n.Identity.Principal(ctx, full)
	if errors.Is(err, identity.ErrNoPrincipal) {
		return c, admin.Errorf(admin.NotFound, "there is no such principal: %s", full)
	}
	return c, err
}

// Who lists those who can use or administer a key, a page at a time: the
// principals of its account and of the others that its policy names, and at last
// whom the policy names besides, and whom grants name.
func (n *Node) Who(ctx context.Context, q admin.WhoQuery) (explain.Page, error) {
	k, err := n.findKey(ctx, q.KeyName)
	if err != nil {
		return explain.Page{}, err
	}
	survey, err := explain.NewSurvey(k, n.environment(k.Region), q.Action)
	if err != nil {
		return explain.Page{}, question(err)
	}
	w := surveyor{node: n, survey: survey, limit: pageLimit(q.Limit), page: explain.Page{Key: k.ARN, Holders: []explain.Holder{}}}
	here, elsewhere, err := n.accountsOf(ctx, k)
	if err != nil {
		return w.page, err
	}
	if q.After != "" {
		if w.after = arn.ParsePrincipal(q.After); !slices.Contains(here, w.after.Account) {
			return w.page, admin.Errorf(admin.InvalidRequest, "after %q: want the end of the page before", q.After)
		}
		here = here[slices.Index(here, w.after.Account):]
	}
	for _, account := range here {
		if more, err := w.account(ctx, account); err != nil || more {
			return w.page, err
		}
	}
	w.page.Next = ""
	w.page.Holders = append(w.page.Holders, survey.Named(func(account string) bool { return slices.Contains(elsewhere, account) })...)
	return w.page, w.grantees(ctx, k)
}

// accountsOf divides the accounts that have to do with a key into those that are
// here and those that are not.
func (n *Node) accountsOf(ctx context.Context, k *key.Key) (here, elsewhere []string, err error) {
	for _, account := range explain.Accounts(k) {
		switch _, err := n.Identity.FindAccount(ctx, account); {
		case err == nil:
			here = append(here, account)
		case errors.Is(err, identity.ErrNoAccount):
			elsewhere = append(elsewhere, account)
		default:
			return nil, nil, err
		}
	}
	return here, elsewhere, nil
}

// surveyor makes one page of a survey.
type surveyor struct {
	node   *Node
	survey *explain.Survey
	limit  int
	after  arn.Principal // last principal of the page before
	page   explain.Page
}

// account asks for the principals of an account; more says that the page has
// ended before they have.
func (w *surveyor) account(ctx context.Context, account string) (more bool, err error) {
	for c, err := range w.node.Identity.Principals(ctx, account) {
		if err != nil {
			return false, err
		}
		self := arn.ParsePrincipal(c.PrincipalARN)
		if account == w.after.Account && !behind(self, w.after) {
			continue
		}
		if w.page.Looked == w.limit {
			return true, nil
		}
		w.page.Looked++
		w.page.Next = c.PrincipalARN
		h := w.survey.Of(&c)
		if len(h.Access) > 0 {
			w.page.Holders = append(w.page.Holders, h)
		}
		w.page.Holders = append(w.page.Holders, w.survey.Sessions(&c, &h)...)
	}
	return false, nil
}

// behind reports whether a principal comes after another in an account: its root
// user, users, roles, in order of name.
func behind(a, b arn.Principal) bool {
	if a.Kind != b.Kind {
		return a.Kind > b.Kind
	}
	return strings.ToLower(a.Name) > strings.ToLower(b.Name)
}
