package grantdir

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"trent/internal/awsjson"
	"trent/internal/domains"
	"trent/internal/grant"
	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/seal"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	other   = "444455556666"
)

var aKey = &key.Key{Region: region, Account: account, ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Spec: key.SymmetricDefault, Usage: key.EncryptDecrypt}

// one is a service's only Region.
type one struct{ region domains.Region }

func (o *one) Region(context.Context, string) (*domains.Region, error) { return &o.region, nil }

// world is a store with a directory over it.
type world struct {
	*Dir
	st  *sqlite.Store
	reg *one
	all map[string]*record.Grant // as they should be
	rnd *rand.Rand
}

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir()+"/store", sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	records, err := record.NewSealer(secret.New(make([]byte, record.MACKeyLen)))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(secret.New(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{st: st, reg: &one{domains.Region{Name: region, Records: records, Seal: sealer}}, all: map[string]*record.Grant{}, rnd: rand.New(rand.NewPCG(seed, 1))}
	w.Dir = New(st, w.reg)
	t.Cleanup(w.Close)
	return w
}

// put commits a grant.
func (w *world) put(t testing.TB, k *key.Key, g *record.Grant) (id string) {
	t.Helper()
	id, err := grant.NewID(random{w.rnd})
	if err != nil {
		t.Fatal(err)
	}
	path := record.GrantPath(k.Region, k.Account, k.ID, id)
	value, err := w.reg.region.Records.Seal(path, record.TypeGrant, 1, g)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := w.st.Txn(t.Context(), nil, []store.Op{{Key: path, Value: value}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return id
}

func (w *world) revoke(t testing.TB, k *key.Key, id string) {
	t.Helper()
	if ok, _, err := w.st.Txn(t.Context(), nil, []store.Op{{Key: record.GrantPath(k.Region, k.Account, k.ID, id), Delete: true}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

// random makes ids of a seed.
type random struct{ *rand.Rand }

func (r random) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return len(b), nil
}

var _ io.Reader = random{}

// What grants and requests are made of: few enough for both to meet.
var (
	aContext = []string{"a", "b", "c"}
	aValue   = []string{"", "1", "2"}
	anOp     = []string{"Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "DescribeKey", "CreateGrant", "RetireGrant", "Sign"}
	aSource  = []string{"arn:aws:s3:::one", "arn:aws:s3:::two"}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// some are random elements, each at most once.
func some[T any](r *rand.Rand, of []T, most int) (list []T) {
	for _, i := range r.Perm(len(of))[:r.IntN(most+1)] {
		list = append(list, of[i])
	}
	return list
}

func arnOf(kind, name string) string { return "arn:aws:iam::" + account + ":" + kind + "/" + name }

const session = "arn:aws:sts::" + account + ":assumed-role/r/s"

// randomGrant is a grant, or what CreateGrant is to make.
func randomGrant(r *rand.Rand) *record.Grant {
	g := &record.Grant{Name: pick(r, []string{"", "", "n", "m"}), Operations: some(r, anOp, len(anOp)), IssuingAccount: account}
	switch r.IntN(8) {
	case 0:
		g.Grantee = arnOf("user", "u")
	case 1:
		g.Grantee, g.GranteeID = arnOf("user", "u"), pick(r, []string{"AIDAONE", "AIDATWO"})
	case 2:
		g.Grantee, g.GranteeID = arnOf("role", "r"), pick(r, []string{"", "AROAONE", "AROATWO"})
	case 3:
		g.Grantee, g.GranteeID = session, pick(r, []string{"", "AROAONE", "AROATWO"})
	case 4:
		g.Grantee = pick(r, []string{"arn:aws:iam::" + account + ":root", account, "arn:aws:iam::" + other + ":root"})
	case 5, 6:
		g.GranteeService, g.SourceARN = pick(r, []string{"s3.amazonaws.com", "ec2.amazonaws.com"}), pick(r, aSource)
	case 7:
		g.Grantee, g.SourceARN = arnOf("user", "u"), pick(r, aSource)
	}
	if r.IntN(3) > 0 {
		g.Constraint = pick(r, []string{grant.Equals, grant.Subset})
		g.Context = map[string]string{}
		for _, name := range some(r, aContext, 3) {
			g.Context[name] = pick(r, aValue)
		}
	}
	return g
}

func randomPrincipal(r *rand.Rand) *policy.Principal {
	switch r.IntN(6) {
	case 0:
		return &policy.Principal{Account: account, ARN: arnOf("user", "u"), ID: pick(r, []string{"AIDAONE", "AIDATHREE", ""})}
	case 1:
		return &policy.Principal{Account: account, ARN: session, RoleARN: arnOf("role", "r"), ID: pick(r, []string{"AROAONE", "AROATHREE"})}
	case 2:
		return &policy.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}
	case 3:
		return &policy.Principal{Account: other, ARN: "arn:aws:iam::" + other + ":user/u", ID: "AIDAONE"}
	case 4:
		return &policy.Principal{Account: account, ARN: arnOf("user", "stranger"), ID: "AIDAFOUR"}
	}
	return &policy.Principal{Service: pick(r, []string{"s3.amazonaws.com", "ec2.amazonaws.com"})}
}

func randomAsk(r *rand.Rand) *grant.Ask {
	a := &grant.Ask{Operation: grant.SetOf([]string{pick(r, anOp)})}
	for _, name := range some(r, aContext, 3) {
		a.Context = append(a.Context, awsjson.Pair{Key: name, Value: pick(r, aValue)})
	}
	slices.SortFunc(a.Context, func(x, y awsjson.Pair) int { return int(x.Key[0]) - int(y.Key[0]) })
	if a.Operation == grant.CreateGrant {
		a.Child = randomGrant(r)
	}
	if r.IntN(2) == 0 {
		a.SourceARN = pick(r, aSource)
	}
	return a
}

// TestIndexIsTheGrants: whatever comes and goes, the index answers as a look at
// every grant does, and names one that allows the request so.
func TestIndexIsTheGrants(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for range 150 {
				if len(w.all) > 0 && w.rnd.IntN(5) < 2 {
					id := pick(w.rnd, slices.Sorted(maps.Keys(w.all)))
					w.revoke(t, aKey, id)
					delete(w.all, id)
				} else {
					g := randomGrant(w.rnd)
					w.all[w.put(t, aKey, g)] = g
				}
				if w.rnd.IntN(40) == 0 { // as after a start
					w.Close()
					w.Dir = New(w.st, w.reg)
				}
				w.compare(t, 30)
			}
			if n, err := w.Count(t.Context(), aKey); err != nil || n != len(w.all) {
				t.Errorf("%d grants, %v; want %d", n, err, len(w.all))
			}
			for id := range w.all {
				w.revoke(t, aKey, id)
			}
			x, err := w.index(t.Context(), aKey)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.grants)+len(x.grantees)+len(x.same) != 0 || x.bytes != keyBytes {
				t.Errorf("without grants the index has %d grants of %d grantees, %d names, %d bytes", len(x.grants), len(x.grantees), len(x.same), x.bytes)
			}
		})
	}
}

// compare asks n questions both ways, and for grants by what they were made of.
func (w *world) compare(t *testing.T, n int) {
	t.Helper()
	for _, g := range append(slices.Collect(maps.Values(w.all)), randomGrant(w.rnd)) {
		there := false
		for _, other := range w.all {
			there = there || g.Name != "" && grant.Same(other) == grant.Same(g)
		}
		id, err := w.Same(t.Context(), aKey, g)
		if err != nil || (id != "") != there || there && grant.Same(w.all[id]) != grant.Same(g) {
			t.Fatalf("%+v is there as %q, %v; want %v", g, id, err, there)
		}
		if w.rnd.IntN(8) > 0 {
			break
		}
	}
	for range n {
		p, a := randomPrincipal(w.rnd), randomAsk(w.rnd)
		want := policy.ViaNothing
		for _, g := range w.all {
			want = max(want, grant.Allows(g, p, a))
		}
		via, id, err := w.Allow(t.Context(), aKey, p, a)
		if err != nil || via != want {
			t.Fatalf("%+v asks %+v (child %+v): %d, %v; want %d", p, a, a.Child, via, err, want)
		}
		if g := w.all[id]; via != policy.ViaNothing && (g == nil || grant.Allows(g, p, a) != via) {
			t.Fatalf("%+v asks %+v: by %+v, which does not allow it so", p, a, g)
		}
	}
}

// TestSharedPairs: where all of a grantee's constraints share a pair, they stand
// under the other one, so that a request looks at few; and nothing is left of
// them when they are gone.
func TestSharedPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	const grants = 200
	var ids []string
	for i := range grants {
		ids = append(ids, w.put(t, aKey, decrypting(fmt.Sprint("vol-", i))))
	}
	kept := w.put(t, aKey, &record.Grant{Grantee: arnOf("user", "u"), Operations: []string{"Decrypt"}, Constraint: grant.Equals})
	x, err := w.index(t.Context(), aKey)
	if err != nil {
		t.Fatal(err)
	}
	theirs := x.grantees[grantee{name: arnOf("user", "u")}]
	for _, list := range theirs.subset {
		if len(list) > 2 {
			t.Errorf("%d of %d grants stand under one pair", len(list), grants)
		}
	}
	for _, id := range ids {
		w.revoke(t, aKey, id)
	}
	if len(theirs.subset) != 0 || len(theirs.equal) != 1 || x.grants[kept] == nil {
		t.Errorf("there are left %d and %d lists", len(theirs.subset), len(theirs.equal))
	}
}
