package authz_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/policy"
)

// away is where grants cannot be read.
type away struct{}

var errAway = errors.New("the store is away")

func (away) Find(context.Context, *authz.Request) (authz.Granted, error) {
	return authz.Granted{}, errAway
}

// TestGrantsThatCannotBeRead are no permission and no refusal.
func TestGrantsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := world{caller: &user, key: policies(for_("444455556666", allow))}
	a := &authz.Authorizer{Grants: away{}}
	if d, err := a.Decide(t.Context(), w.request(t)); !errors.Is(err, errAway) || d != nil {
		t.Errorf("decision %v, error %v", d, err)
	}
	if p, err := a.Authorize(t.Context(), w.request(t)); !errors.Is(err, errAway) || p.Granted() {
		t.Errorf("permit %v, error %v", p.Granted(), err)
	}
	r := w.request(t)
	r.Key = nil // no key, no grants
	if _, err := a.Decide(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestPermits say what was authorized.
func TestPermits(t *testing.T) {
	t.Parallel()
	w := world{caller: foreign(user), key: policies(for_("444455556666", allow)), own: policies(allow)}
	r := w.request(t)
	r.Region = "eu-west-2"
	p, err := new(authz.Authorizer).Authorize(t.Context(), r)
	if err != nil || !p.Granted() || p.Op() != api.OpEncrypt || p.Key() != r.Key || p.Account() != "111122223333" || p.Region() != "eu-west-1" {
		t.Errorf("%+v, error %v", p, err)
	}
	if f := &r.Decide().Findings; !f[authz.ResourcePolicy].Asked || f[authz.EndpointPolicy].Asked || f[authz.IdentityPolicy].DeniedBy != nil {
		t.Errorf("findings %+v", f)
	}
	w = world{caller: &user, op: api.OpCreateKey, own: policies(allow)}
	if f := &w.request(t).Decide().Findings; f[authz.ResourcePolicy].Asked {
		t.Error("a key policy was asked, without a key")
	}
	p, err = new(authz.Authorizer).Authorize(t.Context(), w.request(t))
	if err != nil || p.Op() != api.OpCreateKey || p.Key() != nil || p.Account() != "111122223333" || p.Region() != "eu-west-1" {
		t.Errorf("%+v, error %v", p, err)
	}
}

// TestLocksOut: who could not put another policy once a key has this one.
func TestLocksOut(t *testing.T) {
	t.Parallel()
	const me = "arn:aws:iam::111122223333:user/u"
	put := `{"Effect":"Allow","Action":"kms:PutKeyPolicy","Resource":"*"}`
	heavy := `{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":` + heavyPatterns + `}}}`
	for document, want := range map[string]bool{
		policies(for_(me, put)):                                                   false,
		policies(for_("111122223333", put)):                                       false,
		policies(for_("*", allow)):                                                false,
		policies(for_("444455556666", put)):                                       true,
		policies(for_(me, strings.Replace(put, "Put", "Get", 1))):                 true,
		policies(for_(me, put), for_("*", deny)):                                  true,
		policies(for_("*", deny)):                                                 true,
		policies(for_(me, put), for_("*", heavy)):                                 true,
		policies(for_(me, conditioned(put, `"kms:KeySpec":"RSA_2048"`))):          false,
		policies(for_(me, conditioned(put, `"kms:KeySpec":"SM2"`))):               true,
		policies(for_(me, conditioned(put, `"aws:RequestedRegion":"eu-west-1"`))): false,
		policies(for_(me, conditioned(put, `"kms:RequestAlias":"alias/a"`))):      true,
	} {
		k := key.Key{Account: "111122223333", Spec: "RSA_2048", Rules: compile(t, document)}
		env := plain
		env.UserAgent = heavyAgent
		if got := authz.LocksOut(&user, &env, &k); got != want {
			t.Errorf("%.200s: %v", document, got)
		}
	}
}

func conditioned(statement, equals string) string {
	return strings.Replace(statement, `"Resource"`, `"Condition":{"StringEquals":{`+equals+`}},"Resource"`, 1)
}

// heavyPatterns compared with heavyAgent take more steps than an evaluation has.
var (
	heavyAgent    = strings.Repeat("ab", 8000)
	heavyPatterns = func() string {
		var all []string
		for i := range 400 {
			all = append(all, fmt.Sprintf(`"*a*b?c%d*"`, i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}()
)

// TestTooManySteps deny, in whatever policy, also what others allow.
func TestTooManySteps(t *testing.T) {
	t.Parallel()
	const me = "arn:aws:iam::111122223333:user/u"
	heavy := `{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":` + heavyPatterns + `}}}`
	mine := policies(for_(me, allow))
	for name, row := range map[string]struct {
		world
		layer authz.Layer
	}{
		"the key policy's": {world{caller: &user, key: policies(for_("444455556666", allow), for_(me, heavy)), own: policies(allow), grant: policy.ViaSelf}, authz.ResourcePolicy},
		"his own":          {world{caller: &user, key: mine, own: policies(heavy)}, authz.IdentityPolicy},
		"his boundary":     {world{caller: &user, key: mine, boundary: policies(heavy)}, authz.Boundary},
		"an endpoint's":    {world{caller: &user, key: mine, endpoint: policies(for_("*", heavy))}, authz.EndpointPolicy},
		"the session's":    {world{caller: &session, key: policies(for_("*", allow)), session: policies(heavy)}, authz.SessionPolicy},
	} {
		r := row.request(t)
		r.UserAgent = heavyAgent
		asked := 0
		d, err := (&authz.Authorizer{Grants: found{row.grant, &asked}}).Decide(t.Context(), r)
		// The steps are the request's: what is asked afterwards has none left either.
		if err != nil || d.Allowed || !d.Explicit || d.Layer != row.layer || asked != 0 {
			t.Errorf("%s: %v by the %s, explicit %v, error %v", name, d.Allowed, d.Layer, d.Explicit, err)
		}
		r.UserAgent = "short" // a request that is asked again has all its steps
		if d, _ := (&authz.Authorizer{}).Decide(t.Context(), r); d.Explicit {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// TestSeveralPolicies of one kind: of a caller's one must allow, of an
// organization's each; the first that denies is told.
func TestSeveralPolicies(t *testing.T) {
	t.Parallel()
	several := func(documents ...string) (all []identity.Attached) {
		for i, document := range documents {
			all = append(all, identity.Attached{Name: fmt.Sprint(i), Policy: compile(t, document)})
		}
		return all
	}
	yes, no, silent := policies(allow), policies(deny), policies(other)
	for name, row := range map[string]struct {
		own, scp []identity.Attached
		allowed  bool
		allowing string
		denying  string
	}{
		"the second of his own":        {several(silent, yes, silent), nil, true, "1", ""},
		"a Deny before":                {several(no, yes), nil, false, "1", "0"},
		"a Deny behind":                {several(yes, no, no), nil, false, "0", "1"},
		"an organization's, all":       {several(yes), several(yes, yes), true, "0", ""},
		"an organization's, the first": {several(yes), several(yes, silent), false, "", ""},
		"an organization's, the last":  {several(yes), several(silent, yes), false, "", ""},
		"an organization without any":  {several(yes), several(), true, "0", ""},
	} {
		w := world{caller: &user, key: policies(for_("111122223333", allow))}
		r := w.request(t)
		r.Caller.Permissions.Policies = row.own
		if row.scp != nil || strings.Contains(name, "without any") {
			r.Organization = &authz.Organization{Service: row.scp}
		}
		d := r.Decide()
		f := d.Findings[authz.IdentityPolicy]
		if d.Allowed != row.allowed || row.allowing != "" && f.AllowedBy.Name != row.allowing || row.denying != "" && (f.DeniedBy.Name != row.denying || f.Deny == nil) {
			t.Errorf("%s: %v, %+v", name, d.Allowed, f)
		}
	}
}

// TestSessionsWithoutTheirPolicies: what limited a session is gone, and the
// session has nothing any more.
func TestSessionsWithoutTheirPolicies(t *testing.T) {
	t.Parallel()
	w := world{caller: &session, key: policies(for_("*", allow)), session: policies(allow)}
	r := w.request(t)
	r.Caller.Session.Policies = nil
	if d := r.Decide(); d.Allowed || d.Layer != authz.SessionPolicy {
		t.Errorf("%v by the %s", d.Allowed, d.Layer)
	}
	r.Caller.Permissions = nil // nor has who has no permissions at all
	if d := r.Decide(); d.Allowed {
		t.Error("allowed without permissions")
	}
}

// TestEndpointsWithoutAPolicy allow everything, and have no more than a policy if
// they have no id.
func TestEndpointsWithoutAPolicy(t *testing.T) {
	t.Parallel()
	w := world{caller: &user, key: policies(for_("*", allow))}
	r := w.request(t)
	r.Endpoint = &authz.Endpoint{ID: "vpce-1"}
	if d := r.Decide(); !d.Allowed {
		t.Errorf("denied by the %s", d.Layer)
	}
	r.Endpoint = &authz.Endpoint{Policy: compile(t, policies(for_("*", allow))), VPC: "vpc-1"}
	if r.Values("aws:sourceip").One == "" || r.Values("aws:vpcsourceip").Present || r.Values("aws:sourcevpc").Present {
		t.Error("a listener that is no endpoint has what endpoints have")
	}
}

// TestPrincipals: what policies know of the caller besides his ARN.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	const me = "arn:aws:iam::111122223333:user/u"
	d, err := policy.Parse(policies(for_(me, allow)))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"AIDAU": true, "AIDAOTHER": false} {
		w := world{caller: &user}
		r := w.request(t)
		r.Policy = policy.Compile(d, policy.Bound{me: id})
		if got := r.Decide(); got.Allowed != want {
			t.Errorf("bound to %s: %v", id, got.Allowed)
		}
	}
	// NotPrincipal exempts nobody who has a boundary.
	exempt := policies(for_(me, allow), strings.Replace(for_(me, deny), `"AWS":"`+me+`"`, `"AWS":["`+me+`","111122223333"]`, 1))
	exempt = strings.Replace(exempt, `{"Principal":{"AWS":[`, `{"NotPrincipal":{"AWS":[`, 1)
	for boundary, want := range map[string]bool{"": true, policies(allow): false} {
		w := world{caller: &user, key: exempt, boundary: boundary}
		if d := w.request(t).Decide(); d.Allowed != want {
			t.Errorf("boundary %q: %v", boundary, d.Allowed)
		}
	}
	anonymous := identity.Caller{}
	w := world{caller: &user, key: policies(for_("*", allow))}
	r := w.request(t)
	r.Caller = &anonymous
	if d := r.Decide(); d.Allowed {
		t.Error("somebody without an account is allowed")
	}
}

// TestValuesOfOtherCallers: who is neither a user with an access key nor a
// role's session.
func TestValuesOfOtherCallers(t *testing.T) {
	t.Parallel()
	temporary := user
	temporary.Session = &identity.Session{}
	for _, row := range []struct {
		caller    *identity.Caller
		key, want string
	}{
		{&root, "aws:principaltype", "Account"}, {&root, "aws:principalarn", root.PrincipalARN}, {&root, "aws:userid", "111122223333"}, {&root, "aws:username", ""},
		{&temporary, "aws:principalarn", user.PrincipalARN}, {&temporary, "aws:username", "u"}, {&temporary, "aws:multifactorauthpresent", "false"}, {&temporary, "aws:sourceidentity", ""},
	} {
		r := requestOf(t, api.OpEncrypt, "{}", row.caller, plain)
		if got := shown(r.Values(row.key)); got != row.want {
			t.Errorf("%s of %s: %q, want %q", row.key, row.caller.Type, got, row.want)
		}
	}
}

// TestRequestAlias: an alias's name, by whatever form of identifier.
func TestRequestAlias(t *testing.T) {
	t.Parallel()
	for identifier, want := range map[string]string{
		"alias/a": "alias/a", "arn:aws:kms:eu-west-1:111122223333:alias/a/b": "alias/a/b", "": "",
		"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab": "", "1234abcd-12ab-34cd-56ef-1234567890ab": "",
	} {
		r := requestOf(t, api.OpEncrypt, "{}", &user, plain)
		r.Identifier = identifier
		if got := shown(r.Values("kms:requestalias")); got != want {
			t.Errorf("%q: %q, want %q", identifier, got, want)
		}
	}
}

// TestOneRequestAfterAnother in the same memory.
func TestOneRequestAfterAnother(t *testing.T) {
	t.Parallel()
	r := requestOf(t, api.OpEncrypt, bodies[api.OpEncrypt], &user, plain)
	for range 2 {
		if got := r.Values("kms:encryptioncontextkeys").Set; !slices.Equal(got, []string{"App", "Env"}) {
			t.Errorf("the context's keys are %q", got)
		}
	}
	now := r.Values("aws:currenttime").One
	r.Reset()
	in := requestOf(t, api.OpTagResource, bodies[api.OpTagResource], &user, plain)
	r.Op, r.In, r.Caller, r.Environment = in.Op, in.In, in.Caller, in.Environment
	r.Time = r.Time.AddDate(1, 0, 0)
	for range 2 {
		if got := r.Values("aws:tagkeys").Set; !slices.Equal(got, []string{"Team", "Cost"}) {
			t.Errorf("the tags' keys are %q", got)
		}
	}
	if r.Key != nil || r.Values("aws:currenttime").One == now {
		t.Error("the request before is not forgotten")
	}
}

// TestWhatGrantsAskFor: a request's tokens, and its constraint.
func TestWhatGrantsAskFor(t *testing.T) {
	t.Parallel()
	r := requestOf(t, api.OpEncrypt, `{"GrantTokens":["a","b"]}`, &user, plain)
	if got := r.GrantTokens(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("tokens %q", got)
	}
	if got := requestOf(t, api.OpListKeys, "{}", &user, plain).GrantTokens(); got != nil {
		t.Errorf("tokens %q", got)
	}
	r = requestOf(t, api.OpCreateGrant, `{"Constraints":{"EncryptionContextEquals":{"a":"b"}}}`, &user, plain)
	if got := shown(r.Values("kms:grantconstrainttype")); got != "EncryptionContextEquals" || len(r.EncryptionContext()) != 1 {
		t.Errorf("constraint %q, context %v", got, r.EncryptionContext())
	}
	for _, empty := range []string{`{"EncryptionContextEquals":{}}`, `{"EncryptionContextSubset":{}}`} {
		r = requestOf(t, api.OpCreateGrant, `{"Constraints":`+empty+`}`, &user, plain)
		if got := r.Values("kms:grantconstrainttype"); got.Present {
			t.Errorf("%s, which constrains nothing, passes for %+v", empty, got)
		}
	}
}

// TestGrantsPrincipalsAreJudgedAsTheyAreStored: an account id is the ARN that it
// becomes.
func TestGrantsPrincipalsAreJudgedAsTheyAreStored(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"444455556666":                               "arn:aws:iam::444455556666:root",
		"arn:aws:iam::444455556666:root":             "arn:aws:iam::444455556666:root",
		"arn:aws:iam::444455556666:user/p/u":         "arn:aws:iam::444455556666:user/p/u",
		"arn:aws:sts::444455556666:assumed-role/r/s": "arn:aws:sts::444455556666:assumed-role/r/s",
		"arn:aws-cn:iam::444455556666:root":          "arn:aws-cn:iam::444455556666:root", // which the operation refuses
		"nobody":                                     "nobody",
	} {
		r := requestOf(t, api.OpCreateGrant, `{"GranteePrincipal":"`+given+`","RetiringPrincipal":"`+given+`"}`, &user, plain)
		for _, name := range []string{"kms:granteeprincipal", "kms:retiringprincipal"} {
			if got := shown(r.Values(name)); got != want {
				t.Errorf("%s of %s is %q, want %q", name, given, got, want)
			}
		}
	}
}

// TestRefusalsThatTellLittle: of another account's key that was not named, and of
// a ciphertext's.
func TestRefusalsThatTellLittle(t *testing.T) {
	t.Parallel()
	w := world{caller: foreign(user), own: policies(deny)}
	checkRefusal(t, w.request(t), "User: arn:aws:iam::444455556666:user/u is not authorized to perform: kms:Encrypt on resource: "+someKey.ARN+
		" because no resource-based policy allows the kms:Encrypt action")
	const text = "AccessDeniedException: User: arn:aws:iam::111122223333:user/u is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	if got := authz.DeniedCiphertext(&user, "kms:Decrypt").Error(); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

// TestValuesWithoutWhatTheyAreOf: of an alias alone, of a request that nobody has
// made yet, of an operation that has no such key.
func TestValuesWithoutWhatTheyAreOf(t *testing.T) {
	t.Parallel()
	bare := func(op api.Op) *authz.Request {
		return &authz.Request{Op: op, Caller: &user, Environment: plain}
	}
	listing := bare(api.OpListKeys)
	listing.On(someKey)
	for name, row := range map[string]struct {
		r   *authz.Request
		key string
	}{
		"an alias's key":          {bare(api.OpCreateAlias), "kms:keyspec"},
		"an alias's key's tags":   {bare(api.OpCreateAlias), "aws:resourcetag/app"},
		"an algorithm":            {bare(api.OpEncrypt), "kms:encryptionalgorithm"},
		"a grantee":               {bare(api.OpCreateGrant), "kms:granteeprincipal"},
		"a list's key's tags":     {listing, "aws:resourcetag/app"},
		"whether it is one key":   {bare(api.OpReEncrypt), "kms:reencryptonsamekey"},
		"a session's time":        {bare(api.OpEncrypt), "aws:tokenissuetime"},
		"an encryption context":   {bare(api.OpEncrypt), "kms:encryptioncontextkeys"},
		"the parameters' default": {bare(api.OpSign), "kms:messagetype"},
	} {
		if v := row.r.Values(row.key); v.Present {
			t.Errorf("%s: %+v", name, v)
		}
	}
	r := requestOf(t, api.OpEncrypt, `{"EncryptionContext":{"İx":"1"}}`, &user, plain)
	if got := shown(r.Values("kms:encryptioncontext:" + strings.ToLower("İx"))); got != "1" {
		t.Errorf("a name whose lower case is longer: %q", got)
	}
	if v := r.Values("kms:encryptioncontextkeys"); !v.Present || !v.Multi || len(v.Set) != 1 {
		t.Errorf("a set of one: %+v", v)
	}
}
