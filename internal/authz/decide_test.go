package authz_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/optable"
	"trent/internal/policy"
)

func compile(t testing.TB, document string) *policy.Policy {
	t.Helper()
	if document == "" {
		return nil
	}
	d, err := policy.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Compile(d, nil)
}

func attached(t testing.TB, name, document string) []identity.Attached {
	t.Helper()
	if document == "" {
		return nil
	}
	return []identity.Attached{{Name: name, Policy: compile(t, document)}}
}

// Statements and documents of the tests.
const (
	allow = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	deny  = `{"Effect":"Deny","Action":"kms:*","Resource":"*"}`
	other = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
)

func policies(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// for_ gives a statement a principal.
func for_(principal, statement string) string {
	if principal != "*" {
		principal = `{"AWS":"` + principal + `"}`
	} else {
		principal = `"*"`
	}
	return `{"Principal":` + principal + "," + statement[1:]
}

// A world is one set of policies around one request.
type world struct {
	caller                             *identity.Caller
	op                                 api.Op // 0: Encrypt
	key, own, boundary, session        string // documents; "" is none
	endpoint, service, resourceControl string
	grant                              policy.Via
}

// found is a grant of everything.
type found struct {
	via   policy.Via
	asked *int
}

func (f found) Find(context.Context, *authz.Request) (authz.Granted, error) {
	*f.asked++
	if f.via == policy.ViaNothing {
		return authz.Granted{}, nil
	}
	return authz.Granted{ID: "g", Via: f.via}, nil
}

// request is the world's question.
func (w *world) request(t testing.TB) *authz.Request {
	t.Helper()
	if w.op == 0 {
		w.op = api.OpEncrypt
	}
	caller := *w.caller
	permissions := *caller.Permissions
	permissions.Policies = attached(t, "own", w.own)
	if w.boundary != "" {
		permissions.Boundary = &attached(t, "boundary", w.boundary)[0]
	}
	caller.Permissions = &permissions
	if w.session != "" {
		s := *caller.Session
		s.Limited, s.Policies = true, attached(t, "session", w.session)
		caller.Session = &s
	}
	k := *someKey
	k.Rules = compile(t, w.key)
	r := &authz.Request{Op: w.op, Action: optable.Of(w.op).Actions[0], Caller: &caller, Environment: plain}
	switch optable.Of(w.op).Target {
	case optable.None, optable.KeyStore, optable.FilterKey:
	default:
		r.On(&k)
	}
	if w.endpoint != "" {
		r.Endpoint = &authz.Endpoint{Policy: compile(t, w.endpoint), ID: "vpce-1"}
	}
	if w.service+w.resourceControl != "" {
		r.Organization = &authz.Organization{Service: attached(t, "scp", w.service), Resource: attached(t, "rcp", w.resourceControl)}
	}
	return r
}

func foreign(c identity.Caller) *identity.Caller {
	c.Account, c.PrincipalARN = "444455556666", strings.Replace(c.PrincipalARN, "111122223333", "444455556666", 1)
	if c.Session != nil {
		s := *c.Session
		s.RoleARN = strings.Replace(s.RoleARN, "111122223333", "444455556666", 1)
		c.Session = &s
	}
	return &c
}

var root = identity.Caller{
	Account: "111122223333", PrincipalARN: "arn:aws:iam::111122223333:root", PrincipalID: "111122223333", Type: identity.TypeRoot,
	Permissions: &identity.Permissions{Root: true, ID: "111122223333"},
}

// TestDecide: how the answers of the policies and of a grant are put together.
func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		account = "111122223333"
		strange = "444455556666"
		me      = "arn:aws:iam::111122223333:user/u"
		role    = "arn:aws:iam::111122223333:role/r"
		sess    = "arn:aws:sts::111122223333:assumed-role/r/s"
		him     = "arn:aws:iam::444455556666:user/u"
		hisRole = "arn:aws:iam::444455556666:role/r"

		rp, ip, pb, sp, ep = authz.ResourcePolicy, authz.IdentityPolicy, authz.Boundary, authz.SessionPolicy, authz.EndpointPolicy
		scp, rcp           = authz.ServiceControl, authz.ResourceControl
		no, by, never      = "no", "by", "never" // implicitly, allowed, explicitly
	)
	yes, nay, irrelevant := policies(allow), policies(deny), policies(other)
	of := func(principals ...string) string {
		var statements []string
		for _, p := range principals {
			statements = append(statements, for_(p, allow))
		}
		return policies(statements...)
	}
	for name, row := range map[string]struct {
		world
		what  string
		layer authz.Layer
	}{
		"nobody allows":                           {world{caller: &user}, no, rp},
		"only his own policy":                     {world{caller: &user, own: yes}, no, rp},
		"only his account":                        {world{caller: &user, key: of(account)}, no, ip},
		"his account and another action":          {world{caller: &user, key: of(account), own: irrelevant}, no, ip},
		"his account and his own policy":          {world{caller: &user, key: of(account), own: yes}, by, ip},
		"himself":                                 {world{caller: &user, key: of(me)}, by, rp},
		"himself, not his boundary":               {world{caller: &user, key: of(me), boundary: irrelevant}, by, rp},
		"his account, his policy, not his bounds": {world{caller: &user, key: of(account), own: yes, boundary: irrelevant}, no, pb},
		"his account, his policy, his bounds":     {world{caller: &user, key: of(account), own: yes, boundary: yes}, by, ip},
		"everybody":                               {world{caller: &user, key: of("*")}, by, rp},
		"everybody, not his boundary":             {world{caller: &user, key: of("*"), boundary: irrelevant}, no, pb},
		"root by his account":                     {world{caller: &root, key: of(account)}, by, rp},
		"root is not in the key policy":           {world{caller: &root, key: of(strange)}, no, rp},
		"root without a key":                      {world{caller: &root, op: api.OpCreateKey}, by, ip},

		"a role":                             {world{caller: &session, key: of(role)}, by, rp},
		"a role, not its session policy":     {world{caller: &session, key: of(role), session: irrelevant}, no, sp},
		"a role and its session policy":      {world{caller: &session, key: of(role), session: yes}, by, rp},
		"a role, not its boundary":           {world{caller: &session, key: of(role), boundary: irrelevant}, no, pb},
		"a session":                          {world{caller: &session, key: of(sess)}, by, rp},
		"a session, not its session policy":  {world{caller: &session, key: of(sess), session: irrelevant, boundary: irrelevant}, by, rp},
		"its account and its own policy":     {world{caller: &session, key: of(account), own: yes}, by, ip},
		"its account, not its session":       {world{caller: &session, key: of(account), own: yes, session: irrelevant}, no, sp},
		"a session policy gives nothing":     {world{caller: &session, key: of(account), session: yes}, no, ip},
		"a session policy for another key":   {world{caller: &session, key: of(role), session: strings.Replace(yes, `"Resource":"*"`, `"Resource":"arn:aws:kms:eu-west-1:111122223333:key/other"`, 1)}, no, sp},
		"a boundary gives nothing":           {world{caller: &user, key: of(account), boundary: yes}, no, ip},
		"an own policy for this key":         {world{caller: &user, key: of(account), own: strings.Replace(yes, `"Resource":"*"`, `"Resource":"`+someKey.ARN+`"`, 1)}, by, ip},
		"an own policy for the key's alias":  {world{caller: &user, key: of(account), own: strings.Replace(yes, `"Resource":"*"`, `"Resource":"arn:aws:kms:eu-west-1:111122223333:alias/a"`, 1)}, no, ip},
		"an own policy for the id alone":     {world{caller: &user, key: of(account), own: strings.Replace(yes, `"Resource":"*"`, `"Resource":"k"`, 1)}, no, ip},
		"a key policy that is not read":      {world{caller: &root, key: ""}, no, rp},
		"a Deny of the key policy":           {world{caller: &user, key: policies(for_("*", deny), for_(me, allow)), own: yes}, never, rp},
		"a Deny of the key policy for root":  {world{caller: &root, key: policies(for_(account, deny), for_(account, allow))}, never, rp},
		"a Deny of his own":                  {world{caller: &user, key: of(me), own: policies(allow, deny)}, never, ip},
		"a Deny of his boundary":             {world{caller: &user, key: of(me), boundary: nay}, never, pb},
		"a Deny of the session policy":       {world{caller: &session, key: of(sess), session: policies(allow, deny)}, never, sp},
		"a Deny of the endpoint":             {world{caller: &user, key: of(me), endpoint: policies(for_("*", allow), for_("*", deny))}, never, ep},
		"a Deny at the endpoint for another": {world{caller: &user, key: of(me), endpoint: policies(for_("*", allow), for_(him, deny))}, by, rp},
		"an endpoint that does not allow":    {world{caller: &user, key: of(me), endpoint: of(him)}, no, ep},
		"an endpoint that allows":            {world{caller: &user, key: of(me), endpoint: of(account)}, by, rp},
		"an endpoint gives nothing":          {world{caller: &user, key: of(strange), endpoint: of("*")}, no, rp},
		"two Denies: the key policy tells":   {world{caller: &user, key: policies(for_("*", deny)), own: nay}, never, rp},

		"an organization that does not allow": {world{caller: &user, key: of(me), service: irrelevant}, no, scp},
		"an organization that denies":         {world{caller: &root, key: of(account), service: policies(allow, deny)}, never, scp},
		"an organization that allows":         {world{caller: &user, key: of(me), service: yes, resourceControl: yes}, by, rp},
		"an organization gives nothing":       {world{caller: &user, service: yes, resourceControl: yes}, no, rp},
		"a resource control policy denies":    {world{caller: &user, key: of(me), resourceControl: policies(allow, deny)}, never, rcp},
		"a resource control policy is silent": {world{caller: &user, key: of(me), resourceControl: irrelevant}, no, rcp},

		"a grant to him":                       {world{caller: &user, key: of(strange), grant: policy.ViaSelf}, by, rp},
		"a grant to him, not his boundary":     {world{caller: &user, key: of(strange), boundary: irrelevant, grant: policy.ViaSelf}, by, rp},
		"a grant to his role":                  {world{caller: &session, key: of(strange), grant: policy.ViaBounded}, by, rp},
		"a grant to his role, not the session": {world{caller: &session, key: of(strange), session: irrelevant, grant: policy.ViaBounded}, no, sp},
		"a grant to his account":               {world{caller: &user, key: of(strange), grant: policy.ViaAccount}, no, ip},
		"a grant to his account, his policy":   {world{caller: &user, key: of(strange), own: yes, grant: policy.ViaAccount}, by, ip},
		"a grant and a Deny of the key policy": {world{caller: &user, key: policies(for_("*", deny)), grant: policy.ViaSelf}, never, rp},
		"a grant and a Deny of his own":        {world{caller: &user, key: of(strange), own: nay, grant: policy.ViaSelf}, never, ip},
		"a grant and a silent endpoint":        {world{caller: &user, key: of(strange), endpoint: of(him), grant: policy.ViaSelf}, no, ep},
		"a grant of what grants cannot allow":  {world{caller: &user, op: api.OpDisableKey, key: of(strange), grant: policy.ViaSelf}, no, rp},
		"a grant that the policies need not":   {world{caller: &user, key: of(me), grant: policy.ViaNothing}, by, rp},

		"a stranger, both policies":                {world{caller: foreign(user), key: of(strange), own: yes}, by, ip},
		"a stranger by name, both policies":        {world{caller: foreign(user), key: of(him), own: yes}, by, ip},
		"a stranger, the key's only":               {world{caller: foreign(user), key: of(him)}, no, ip},
		"a stranger, his own only":                 {world{caller: foreign(user), key: of(account), own: yes}, no, rp},
		"a stranger, neither":                      {world{caller: foreign(user), key: of(account)}, no, rp},
		"a stranger, everybody":                    {world{caller: foreign(user), key: of("*")}, no, ip},
		"a strange role, not its session":          {world{caller: foreign(session), key: of(hisRole), own: yes, session: irrelevant}, no, sp},
		"a strange user, not his boundary":         {world{caller: foreign(user), key: of(him), own: yes, boundary: irrelevant}, no, pb},
		"a strange root":                           {world{caller: foreign(root), key: of(strange)}, by, ip},
		"a strange root, not in the policy":        {world{caller: foreign(root), key: of(account)}, no, rp},
		"a stranger with a grant":                  {world{caller: foreign(user), key: of(account), grant: policy.ViaSelf}, by, rp},
		"a stranger's account has a grant":         {world{caller: foreign(user), key: of(account), grant: policy.ViaAccount}, no, ip},
		"a stranger, an operation for one account": {world{caller: foreign(root), op: api.OpDisableKey, key: of(strange, him)}, no, rp},

		"without a key, his own policy":  {world{caller: &user, op: api.OpListKeys, own: yes}, by, ip},
		"without a key, none":            {world{caller: &user, op: api.OpListKeys}, no, ip},
		"without a key, for one":         {world{caller: &user, op: api.OpListKeys, own: strings.Replace(yes, `"Resource":"*"`, `"Resource":"arn:aws:kms:*:*:key/*"`, 1)}, no, ip},
		"without a key, not the session": {world{caller: &session, op: api.OpGenerateRandom, own: yes, session: irrelevant}, no, sp},
		"without a key, a grant":         {world{caller: &user, op: api.OpListRetirableGrants, grant: policy.ViaSelf}, no, ip},

		"retiring, by the key policy":     {world{caller: &user, op: api.OpRetireGrant, key: of(me), own: yes}, no, rp},
		"retiring, the key policy denies": {world{caller: &user, op: api.OpRetireGrant, key: policies(for_("*", deny)), grant: policy.ViaSelf}, by, rp},
		"retiring, by the grant":          {world{caller: &user, op: api.OpRetireGrant, grant: policy.ViaSelf, resourceControl: nay}, by, rp},
		"retiring, the issuing account":   {world{caller: &user, op: api.OpRetireGrant, own: yes, grant: policy.ViaAccount}, by, ip},
		"retiring, his own policy denies": {world{caller: &user, op: api.OpRetireGrant, own: nay, grant: policy.ViaSelf}, never, ip},
	} {
		r := row.request(t)
		asked := 0
		d, err := (&authz.Authorizer{Grants: found{row.grant, &asked}}).Decide(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		got := no
		switch {
		case d.Allowed:
			got = by
		case d.Explicit:
			got = never
		}
		if got != row.what || d.Layer != row.layer {
			t.Errorf("%s: %s the %s, want %s the %s", name, got, d.Layer, row.what, row.layer)
		}
		if granted := d.Grant.ID != ""; granted != (row.what == by && row.grant != policy.ViaNothing) {
			t.Errorf("%s: grant %q is said to allow", name, d.Grant.ID)
		}
		if f := &d.Findings[d.Layer]; row.what == never && f.Deny == nil || row.what == by && d.Grant.ID == "" && f.Allow == nil && !r.Caller.Permissions.Root {
			t.Errorf("%s: no statement is told: %+v", name, f)
		}
		if asked > 0 && d.Explicit {
			t.Errorf("%s: grants were looked for", name)
		}
		p, err := (&authz.Authorizer{Grants: found{row.grant, &asked}}).Authorize(t.Context(), r)
		if p.Granted() != (row.what == by) || (err == nil) != (row.what == by) {
			t.Errorf("%s: permit %v, error %v", name, p.Granted(), err)
		}
	}
}

// TestAcrossAccounts: with every policy on his side, a stranger can do what the
// table of operations says, and nothing else.
func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	n := 0
	for _, op := range api.Ops() {
		row := optable.Of(op)
		if row.Target == optable.None || row.Target == optable.KeyStore || row.Target == optable.FilterKey {
			continue
		}
		w := world{caller: foreign(user), op: op, key: policies(for_("*", allow)), own: policies(allow), grant: policy.ViaSelf}
		asked := 0
		d, err := (&authz.Authorizer{Grants: found{w.grant, &asked}}).Decide(t.Context(), w.request(t))
		if err != nil || d.Allowed != row.CrossAccount {
			t.Errorf("%s: allowed %v, error %v", op, d.Allowed, err)
		}
		if d.Allowed {
			n++
		}
	}
	if n != 21 { // ListRetirableGrants is in the caller's own account
		t.Errorf("%d operations work across accounts", n)
	}
}

// TestRefusals: AWS's texts.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const (
		who = "User: arn:aws:iam::111122223333:user/u is not authorized to perform: "
		enc = who + "kms:Encrypt on resource: arn:aws:kms:eu-west-1:111122223333:key/k "
	)
	account := policies(for_("111122223333", allow))
	me := policies(for_("arn:aws:iam::111122223333:user/u", allow))
	nay := policies(allow, deny)
	for want, w := range map[string]world{
		enc + "because no resource-based policy allows the kms:Encrypt action":                                {caller: &user, own: policies(allow)},
		enc + "because no identity-based policy allows the kms:Encrypt action":                                {caller: &user, key: account},
		enc + "because no permissions boundary allows the kms:Encrypt action":                                 {caller: &user, key: account, own: policies(allow), boundary: policies(other)},
		enc + "because no VPC endpoint policy allows the kms:Encrypt action":                                  {caller: &user, key: me, endpoint: policies(for_("444455556666", allow))},
		enc + "because no service control policy allows the kms:Encrypt action":                               {caller: &user, key: me, service: policies(other)},
		enc + "because no resource control policy allows the kms:Encrypt action":                              {caller: &user, key: me, resourceControl: policies(other)},
		enc + "with an explicit deny in a resource-based policy":                                              {caller: &user, key: policies(for_("*", deny))},
		enc + "with an explicit deny in an identity-based policy":                                             {caller: &user, key: me, own: nay},
		enc + "with an explicit deny in a permissions boundary":                                               {caller: &user, key: me, boundary: nay},
		enc + "with an explicit deny in a VPC endpoint policy":                                                {caller: &user, key: me, endpoint: policies(for_("*", deny))},
		enc + "with an explicit deny in a service control policy":                                             {caller: &user, key: me, service: nay},
		enc + "with an explicit deny in a resource control policy":                                            {caller: &user, key: me, resourceControl: nay},
		who + "kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action":   {caller: &user, op: api.OpListKeys},
		who + "kms:ListKeys on resource: * with an explicit deny in an identity-based policy":                 {caller: &user, op: api.OpListKeys, own: nay},
		who + "kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action": {caller: &user, op: api.OpCreateKey},
		strings.Replace(enc, "iam::111122223333:user/u", "sts::111122223333:assumed-role/r/s", 1) + "because no session policy allows the kms:Encrypt action": {
			caller: &session, key: account, own: policies(allow), session: policies(other)},
		strings.Replace(enc, "iam::111122223333:user/u", "sts::111122223333:assumed-role/r/s", 1) + "with an explicit deny in a session policy": {
			caller: &session, key: account, own: policies(allow), session: nay},
	} {
		checkRefusal(t, w.request(t), want)
	}
	w := world{caller: &user, op: api.OpCreateKey}
	tagging := w.request(t)
	tagging.Action, tagging.Resource = "kms:TagResource", "arn:aws:kms:eu-west-1:111122223333:key/*"
	checkRefusal(t, tagging, who+"kms:TagResource because no identity-based policy allows the kms:TagResource action")
	// Of another account's key the text tells nothing, and names it as it was given.
	for name, w := range map[string]world{
		"neither": {}, "the key's only": {key: policies(for_("444455556666", allow))}, "a Deny of the key's": {key: policies(for_("*", deny))},
		"a Deny of his own": {own: nay}, "one account's operation": {key: policies(for_("*", allow)), own: policies(allow), op: api.OpDisableKey},
	} {
		w.caller = foreign(user)
		r := w.request(t)
		r.Identifier = "arn:aws:kms:eu-west-1:111122223333:alias/a"
		t.Log(name)
		checkRefusal(t, r, "User: arn:aws:iam::444455556666:user/u is not authorized to perform: "+r.Action+
			" on resource: arn:aws:kms:eu-west-1:111122223333:alias/a because no resource-based policy allows the "+r.Action+" action")
	}
}

func checkRefusal(t *testing.T, r *authz.Request, want string) {
	t.Helper()
	_, err := new(authz.Authorizer).Authorize(t.Context(), r)
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok || e.Code != apierr.AccessDenied || e.Message != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestIdentityDecidesAlone: actions of IAM and STS are on nothing with a policy.
func TestIdentityDecidesAlone(t *testing.T) {
	t.Parallel()
	const resource = "arn:aws:iam::111122223333:user/x"
	may := user
	may.Permissions = &identity.Permissions{ID: "AIDAU", Policies: attached(t, "own", policies(`{"Effect":"Allow","Action":"iam:GetUser","Resource":"`+resource+`","Condition":{"StringEquals":{"iam:x":"1"}}}`))}
	for name, row := range map[string]struct {
		caller                  *identity.Caller
		action, resource, shown string
		extra                   extra
		want                    string
	}{
		"root":             {&root, "iam:GetUser", resource, "", nil, ""},
		"nobody":           {&user, "iam:GetUser", resource, "", nil, " on resource: " + resource + " because no identity-based policy allows the iam:GetUser action"},
		"as IAM shows it":  {&user, "iam:GetUser", resource, "user x", nil, " on resource: user x because no identity-based policy allows the iam:GetUser action"},
		"no resource":      {&user, "iam:ListUsers", "", "", nil, " on resource: * because no identity-based policy allows the iam:ListUsers action"},
		"allowed":          {&may, "iam:GetUser", resource, "", extra{"iam:x": "1"}, ""},
		"condition":        {&may, "iam:GetUser", resource, "", nil, " on resource: " + resource + " because no identity-based policy allows the iam:GetUser action"},
		"another resource": {&may, "iam:GetUser", resource + "y", "", extra{"iam:x": "1"}, " on resource: " + resource + "y because no identity-based policy allows the iam:GetUser action"},
	} {
		env := plain
		err := authz.Identity(row.caller, &env, row.action, row.resource, row.shown, row.extra)
		got := ""
		if err != nil {
			_, got, _ = strings.Cut(err.Error(), row.action)
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// TestResourceAliases: a key with more aliases than conditions can judge is
// denied to what asks for them, and to nothing else.
func TestResourceAliases(t *testing.T) {
	t.Parallel()
	asks := policies(allow, `{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/none"}}}`)
	for own, want := range map[string]bool{asks: false, policies(allow): true} {
		w := world{caller: &user, key: policies(for_("111122223333", allow)), own: own}
		r := w.request(t)
		k := *r.Key
		for len(k.Aliases) <= key.MaxAliases {
			if d := r.Decide(); !d.Allowed {
				t.Fatalf("%d aliases: denied", len(k.Aliases))
			}
			k.Aliases = append(k.Aliases, "alias/x")
			r.On(&k)
		}
		if d := r.Decide(); d.Allowed != want || d.Explicit == want {
			t.Errorf("%d aliases: %+v", len(k.Aliases), d)
		}
		r.Caller.Permissions.Policies = attached(t, "own", policies(allow))
		if d := r.Decide(); !d.Allowed {
			t.Error("what does not ask for them is denied too")
		}
	}
}
