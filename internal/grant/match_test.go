package grant

import (
	"fmt"
	"strings"
	"testing"

	"trent/internal/awsjson"
	"trent/internal/policy"
	"trent/internal/record"
)

const (
	account = "111122223333"
	other   = "444455556666"
	rootARN = "arn:aws:iam::" + account + ":root"
	user    = "arn:aws:iam::" + account + ":user/division/u"
	role    = "arn:aws:iam::" + account + ":role/r"
	session = "arn:aws:sts::" + account + ":assumed-role/r/s"
	bucket  = "arn:aws:s3:::bucket"
)

// The callers of the tables.
var (
	isRoot    = policy.Principal{Account: account, ARN: rootARN, ID: account}
	isUser    = policy.Principal{Account: account, ARN: user, ID: "AIDAUSER"}
	isSession = policy.Principal{Account: account, ARN: session, RoleARN: role, ID: "AROAROLE"}
	isForeign = policy.Principal{Account: other, ARN: "arn:aws:iam::" + other + ":user/u", ID: "AIDAFOREIGN"}
	isService = policy.Principal{Service: "ec2.amazonaws.com"}
)

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, id string
		by       policy.Principal
		want     policy.Via
	}{
		{user, "AIDAUSER", isUser, policy.ViaSelf},
		{user, "", isUser, policy.ViaSelf},
		{user, "AIDADELETED", isUser, policy.ViaNothing},
		{"arn:aws:iam::" + account + ":user/u", "", isUser, policy.ViaNothing}, // another path
		{strings.ToUpper(user), "", isUser, policy.ViaNothing},
		{role, "AROAROLE", isSession, policy.ViaBounded},
		{role, "", isSession, policy.ViaBounded},
		{role, "AROADELETED", isSession, policy.ViaNothing},
		{session, "AROAROLE", isSession, policy.ViaSelf},
		{session, "AROADELETED", isSession, policy.ViaNothing},
		{session + "2", "AROAROLE", isSession, policy.ViaNothing},
		{rootARN, "", isRoot, policy.ViaSelf},
		{account, "", isRoot, policy.ViaSelf},
		{rootARN, "", isUser, policy.ViaAccount},
		{account, "", isSession, policy.ViaAccount},
		{rootARN, "", isForeign, policy.ViaNothing},
		{user, "", isRoot, policy.ViaNothing},
		{user, "", isSession, policy.ViaNothing},
		{rootARN, "", isService, policy.ViaNothing},
		{"", "", isService, policy.ViaNothing},
		{"", "", isUser, policy.ViaNothing},
		{"", "", policy.Principal{}, policy.ViaNothing},
		{user, "", policy.Principal{}, policy.ViaNothing},
		{account, "", policy.Principal{Account: account, Service: "ec2.amazonaws.com"}, policy.ViaNothing},
	} {
		if got := Covers(test.name, test.id, &test.by); got != test.want {
			t.Errorf("%s (%s) covers %s: %d, want %d", test.name, test.id, test.by.ARN+test.by.Service, got, test.want)
		}
	}
}

func pairs(list ...string) (context []awsjson.Pair) {
	for i := 0; i < len(list); i += 2 {
		context = append(context, awsjson.Pair{Key: list[i], Value: list[i+1]})
	}
	return context
}

// TestConstraints: an encryption context constraint binds the operations that
// have an encryption context, and no others.
func TestConstraints(t *testing.T) {
	t.Parallel()
	two := map[string]string{"a": "1", "b": "2"}
	for _, test := range []struct {
		constraint string
		has        map[string]string
		context    []awsjson.Pair
		want       bool
	}{
		{"", nil, nil, true},
		{"", nil, pairs("x", "y"), true},
		{Equals, two, pairs("a", "1", "b", "2"), true},
		{Equals, two, pairs("a", "1"), false},
		{Equals, two, pairs("a", "1", "b", "2", "c", "3"), false},
		{Equals, two, pairs("a", "1", "c", "2"), false},
		{Equals, two, pairs("A", "1", "b", "2"), false}, // names differ in case
		{Equals, two, pairs("a", "1", "c", ""), false},
		{Equals, two, nil, false},
		{Equals, nil, nil, true},
		{Equals, nil, pairs("a", "1"), false},
		{Subset, two, pairs("a", "1", "b", "2"), true},
		{Subset, two, pairs("a", "1", "b", "2", "c", "3"), true},
		{Subset, two, pairs("a", "1", "b", "3"), false},
		{Subset, two, pairs("a", "1"), false},
		{Subset, two, pairs("a", "1", "c", ""), false},
		{Subset, map[string]string{"a": ""}, pairs("b", ""), false},
		{Subset, two, nil, false},
		{Subset, nil, pairs("a", "1"), true},
		{"EncryptionContextLater", nil, nil, false},
	} {
		for i, name := range names {
			one := Operations(1) << i
			if one == CreateGrant {
				continue
			}
			want := policy.ViaNothing
			if one != RetireGrant && (test.want || one&WithContext == 0) {
				want = policy.ViaSelf
			}
			g := &record.Grant{Grantee: user, Operations: []string{name}, Constraint: test.constraint, Context: test.has}
			if got := Allows(g, &isUser, &Ask{Operation: one, Context: test.context}); got != want {
				t.Errorf("%s with %s %v and the context %v: %d, want %d", name, test.constraint, test.has, test.context, got, want)
			}
			if one <<= 1; one < 1<<numOperations && one != CreateGrant && Allows(g, &isUser, &Ask{Operation: one, Context: test.context}) != policy.ViaNothing {
				t.Errorf("a grant for %s allows %v", name, one.Names())
			}
		}
	}
}

// TestSourceARN: the constraint binds services only.
func TestSourceARN(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		g    record.Grant
		by   policy.Principal
		from string
		want policy.Via
	}{
		{record.Grant{GranteeService: "ec2.amazonaws.com", SourceARN: bucket}, isService, bucket, policy.ViaSelf},
		{record.Grant{GranteeService: "ec2.amazonaws.com", SourceARN: bucket}, isService, bucket + "/x", policy.ViaNothing},
		{record.Grant{GranteeService: "ec2.amazonaws.com", SourceARN: bucket}, isService, "", policy.ViaNothing},
		{record.Grant{GranteeService: "s3.amazonaws.com", SourceARN: bucket}, isService, bucket, policy.ViaNothing},
		{record.Grant{GranteeService: "ec2.amazonaws.com", SourceARN: bucket}, isUser, bucket, policy.ViaNothing},
		{record.Grant{Grantee: user, SourceARN: bucket}, isUser, "", policy.ViaSelf},
		{record.Grant{Grantee: user, SourceARN: bucket}, isService, bucket, policy.ViaNothing},
	} {
		test.g.Operations = []string{"Sign"}
		if got := Allows(&test.g, &test.by, &Ask{Operation: Sign, SourceARN: test.from}); got != test.want {
			t.Errorf("%+v asked by %s for %q: %d, want %d", test.g, test.by.ARN+test.by.Service, test.from, got, test.want)
		}
	}
}

// TestChildren: a grant that is made through another allows no more than it.
func TestChildren(t *testing.T) {
	t.Parallel()
	one, two := map[string]string{"a": "1"}, map[string]string{"a": "1", "b": "2"}
	parent := record.Grant{Grantee: user, Operations: []string{"Decrypt", "Encrypt", "CreateGrant"}}
	with := func(g record.Grant, constraint string, has map[string]string) record.Grant {
		g.Constraint, g.Context = constraint, has
		return g
	}
	child := record.Grant{Grantee: role, Operations: []string{"Decrypt"}}
	from := func(g record.Grant, source string) record.Grant {
		g.SourceARN = source
		return g
	}
	may := func(g record.Grant, operations ...string) record.Grant {
		g.Operations = operations
		return g
	}
	for i, test := range []struct {
		parent, child record.Grant
		want          bool
	}{
		{parent, child, true},
		{parent, may(child, "Decrypt", "Encrypt", "CreateGrant"), true},
		{parent, may(child, "Decrypt", "DescribeKey"), false},
		{may(parent, "Decrypt"), child, false},
		{parent, with(child, Subset, one), true},
		{with(parent, Subset, one), child, false},
		{with(parent, Subset, one), with(child, Subset, one), true},
		{with(parent, Subset, one), with(child, Subset, two), true},
		{with(parent, Subset, two), with(child, Subset, one), false},
		{with(parent, Subset, one), with(child, Equals, one), true},
		{with(parent, Subset, one), with(child, Equals, two), true},
		{with(parent, Subset, two), with(child, Equals, one), false},
		{with(parent, Subset, one), with(child, Subset, map[string]string{"a": "2"}), false},
		{with(parent, Equals, one), with(child, Equals, one), true},
		{with(parent, Equals, one), with(child, Equals, two), false},
		{with(parent, Equals, two), with(child, Equals, one), false},
		{with(parent, Equals, one), with(child, Subset, one), false},
		{with(parent, Equals, one), child, false},
		{with(parent, Equals, one), with(child, Equals, map[string]string{"a": "2"}), false},
		{with(parent, Equals, one), with(child, Equals, map[string]string{"b": "1"}), false},
		{with(parent, Subset, map[string]string{"a": ""}), with(child, Subset, map[string]string{"b": "1"}), false},
		{with(parent, "EncryptionContextLater", one), with(child, "EncryptionContextLater", one), false},
		{with(parent, Subset, nil), child, true},
		{from(parent, bucket), child, false},
		{from(parent, bucket), from(child, bucket), true},
		{from(parent, bucket), from(child, bucket+"2"), false},
		{parent, from(child, bucket), true},
	} {
		want := policy.ViaNothing
		if test.want {
			want = policy.ViaSelf
		}
		if got := Allows(&test.parent, &isUser, &Ask{Operation: CreateGrant, Child: &test.child}); got != want {
			t.Errorf("row %d: through %+v\n%+v\n%d, want %d", i, test.parent, test.child, got, want)
		}
	}
	if Allows(&parent, &isUser, &Ask{Operation: CreateGrant}) != policy.ViaNothing {
		t.Error("a grant allows one that nobody knows")
	}
}

func TestMayRetire(t *testing.T) {
	t.Parallel()
	const owner = "777788889999"
	g := record.Grant{
		Grantee: role, GranteeID: "AROAROLE", Retiring: user, RetiringID: "AIDAUSER", IssuingAccount: other, Operations: []string{"Decrypt"},
	}
	byGrantee, byService, ofService := g, g, g
	byGrantee.Operations = []string{"Decrypt", "RetireGrant"}
	byService.Retiring, byService.RetiringID, byService.RetiringService = "", "", "ec2.amazonaws.com"
	ofService.Grantee, ofService.GranteeID, ofService.GranteeService, ofService.SourceARN = "", "", "ec2.amazonaws.com", bucket
	ofService.Operations = byGrantee.Operations
	admin := policy.Principal{Account: owner, ARN: "arn:aws:iam::" + owner + ":user/admin"}
	for _, test := range []struct {
		what string
		g    record.Grant
		by   policy.Principal
		want policy.Via
	}{
		{"the retiring principal", g, isUser, policy.ViaSelf},
		{"another user of that name", g, policy.Principal{Account: account, ARN: user, ID: "AIDALATER"}, policy.ViaNothing},
		{"his account's root user", g, isRoot, policy.ViaNothing},
		{"the grantee without RetireGrant", g, isSession, policy.ViaNothing},
		{"the grantee with RetireGrant", byGrantee, isSession, policy.ViaBounded},
		{"the issuing account's root user", g, policy.Principal{Account: other, ARN: "arn:aws:iam::" + other + ":root"}, policy.ViaSelf},
		{"the issuing account's user", g, isForeign, policy.ViaAccount},
		{"the owner's user", g, admin, policy.ViaAccount},
		{"the retiring service", byService, isService, policy.ViaSelf},
		{"a service", g, isService, policy.ViaNothing},
		{"the grantee, a service, for whatever resource", ofService, isService, policy.ViaSelf},
	} {
		if got := MayRetire(&test.g, owner, &test.by); got != test.want {
			t.Errorf("%s: %d, want %d", test.what, got, test.want)
		}
	}
}

// TestSame: the same request is the same grant; whatever differs makes another.
func TestSame(t *testing.T) {
	t.Parallel()
	make := func(change func(*record.Grant)) *record.Grant {
		g := &record.Grant{
			Name: "n", CreatedMs: 1, Grantee: user, GranteeID: "AIDAUSER", Retiring: role, RetiringID: "AROAROLE", IssuingAccount: account,
			Operations: []string{"Decrypt", "Encrypt"}, Constraint: Subset, Context: map[string]string{"a": "bc", "d": ""}, SourceARN: bucket,
		}
		change(g)
		return g
	}
	first := Same(make(func(*record.Grant) {}))
	for _, change := range []func(*record.Grant){
		func(g *record.Grant) { g.CreatedMs = 2 },
		func(g *record.Grant) { g.Operations = []string{"Encrypt", "Decrypt"} },
	} {
		if g := make(change); Same(g) != first {
			t.Errorf("%+v is another grant", g)
		}
	}
	seen := map[[32]byte]string{first: "none"}
	for i, change := range []func(*record.Grant){
		func(g *record.Grant) { g.Name = "m" },
		func(g *record.Grant) { g.Grantee = role },
		func(g *record.Grant) { g.GranteeID = "AIDALATER" },
		func(g *record.Grant) { g.Grantee, g.GranteeService = "", user },
		func(g *record.Grant) { g.Retiring = "" },
		func(g *record.Grant) { g.RetiringID = "" },
		func(g *record.Grant) { g.RetiringService = "ec2.amazonaws.com" },
		func(g *record.Grant) { g.IssuingAccount = other },
		func(g *record.Grant) { g.Operations = []string{"Decrypt"} },
		func(g *record.Grant) { g.Operations = []string{"Decrypt", "Sign"} },
		func(g *record.Grant) { g.Constraint = Equals },
		func(g *record.Grant) { g.Context = map[string]string{"a": "b", "cd": ""} },
		func(g *record.Grant) { g.Context = map[string]string{"a": "bc"} },
		func(g *record.Grant) { g.SourceARN = "" },
		func(g *record.Grant) { g.ForAWSResource = true },
	} {
		h := Same(make(change))
		if was, ok := seen[h]; ok {
			t.Errorf("change %d makes the grant of change %s", i, was)
		}
		seen[h] = fmt.Sprint(i)
	}
}
