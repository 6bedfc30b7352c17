package node_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"trent/internal/audit"
	"trent/internal/hsm/server/servertest"
)

// A lifeStep is an operation that a run does: what it does it to follows from
// what there is then, so that steps can be left out.
type lifeStep struct {
	op   int
	pick [5]int
}

// lifeWorld is a service beside the model of its keys.
type lifeWorld struct {
	t     *testing.T
	f     *fixture
	c     caller
	day   int
	lives []*life
	made  []lifeProof
	spare []lifeParameters // import tokens that are kept
	trace []string
}

// A lifeProof is something that a key has made, and that it must take for good.
type lifeProof struct {
	life     *life
	material *lifeMaterial
	made     string // base64
}

// lifeParameters are for an import.
type lifeParameters struct {
	life   *life
	day    int
	token  string
	public []byte
}

// disagreement ends a run.
type disagreement string

func (w *lifeWorld) disagree(format string, args ...any) {
	panic(disagreement(fmt.Sprintf(format, args...)))
}

// lifeOps are the operations, as often as they stand here.
var lifeOps = []func(*lifeWorld, *life, string, [5]int){
	(*lifeWorld).create, (*lifeWorld).prove, (*lifeWorld).prove, (*lifeWorld).prove, (*lifeWorld).enable, (*lifeWorld).enable, (*lifeWorld).disable,
	(*lifeWorld).enableRotation, (*lifeWorld).disableRotation, (*lifeWorld).rotate, (*lifeWorld).rotate, (*lifeWorld).importMaterial, (*lifeWorld).importMaterial,
	(*lifeWorld).importMaterial, (*lifeWorld).importMaterial, (*lifeWorld).deleteMaterial, (*lifeWorld).schedule, (*lifeWorld).cancel, (*lifeWorld).cancel,
	(*lifeWorld).replicate, (*lifeWorld).updatePrimary, (*lifeWorld).advance, (*lifeWorld).advance, (*lifeWorld).reopen,
}

// TestLifecycleAgainstModel does random things to random keys, and compares what
// comes of each with the model: the error code, the key's state and materials,
// and whether what a key made is still taken.
func TestLifecycleAgainstModel(t *testing.T) {
	t.Parallel()
	rounds, n := 2, 300
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 100
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			steps := lifeSteps(seed, n)
			at, _, failure := runLife(t, steps)
			if failure == "" {
				return
			}
			n, shorter, trace := shortened(t, steps[:at+1])
			t.Fatalf("seed %d: %s\n%d of the steps come to: %s\n%s", seed, failure, n, shorter, strings.Join(trace, "\n"))
		})
	}
}

func lifeSteps(seed uint64, n int) []lifeStep {
	r := rand.New(rand.NewPCG(seed, 7))
	steps := make([]lifeStep, n)
	for i := range steps {
		steps[i].op = r.IntN(len(lifeOps))
		for j := range steps[i].pick {
			steps[i].pick[j] = r.IntN(1 << 30)
		}
	}
	return steps
}

// shortened leaves out what a failure does not need, for as many tries as are
// bearable. What is left can fail in another way, which is shown with its trace.
func shortened(t *testing.T, steps []lifeStep) (n int, failure string, trace []string) {
	_, trace, failure = runLife(t, steps)
	for chunk, tries := len(steps)/2, 0; chunk > 0; chunk /= 2 {
		for from := 0; from+chunk <= len(steps) && tries < 60; tries++ {
			fewer := slices.Delete(slices.Clone(steps), from, from+chunk)
			if at, shorter, failed := runLife(t, fewer); failed != "" {
				steps, trace, failure = fewer[:at+1], shorter, failed
			} else {
				from += chunk
			}
		}
	}
	return len(steps), failure, trace
}

// runLife does the steps with a service of their own. failure is what disagreed,
// at the step at.
func runLife(t *testing.T, steps []lifeStep) (at int, trace []string, failure string) {
	f := &fixture{dir: t.TempDir(), args: servertest.Args(t), rotate: 500 * day, audit: audit.Relaxed}
	f.open(t)
	defer f.close(t)
	w := &lifeWorld{t: t, f: f, c: f.caller("111122223333")}
	defer func() {
		trace = w.trace
		if p := recover(); p != nil {
			d, ok := p.(disagreement)
			if !ok {
				panic(p)
			}
			failure = string(d)
		}
	}()
	for i, s := range steps {
		at = i
		if len(w.lives) == 0 {
			w.create(nil, "", s.pick)
		}
		l, region := w.lives[s.pick[0]%len(w.lives)], home
		if l.kind.multi && s.pick[1]%3 == 0 {
			region = away
		}
		lifeOps[s.op](w, l, region, s.pick)
		w.settle()
		w.compare(l)
		for n := range min(3, len(w.made)) {
			w.check(w.made[(s.pick[4]+n*7919)%len(w.made)], s.pick[3])
		}
	}
	w.reopen(nil, "", [5]int{})
	for _, p := range w.made {
		w.check(p, 1)
	}
	return at, nil, strings.Join(w.f.unsound(t), "\n")
}

func (w *lifeWorld) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("day %d: ", w.day)+fmt.Sprintf(format, args...))
}

// call does an operation, and compares its code with the model's.
func (w *lifeWorld) call(l *life, region, op string, in object, want string) answer {
	in["KeyId"] = l.id
	w.note("%s of %s %s in %s %v: %q", op, l.kind.name, l.id[:8], region, slices.Sorted(maps.Keys(in)), want)
	got := w.c.in(region).call(op, in)
	if got.code != want {
		w.disagree("%s of a key of kind %s in %s: %s (%s), the model says %q", op, l.kind.name, region, got.code, got.message, want)
	}
	return got
}

// settle waits for what the operation has left to do.
func (w *lifeWorld) settle() {
	if left, err := w.f.MoveClock(w.t.Context(), w.f.Now()); err != nil {
		w.disagree("what is due is not done: %v, %v", left, err)
	}
}

func (w *lifeWorld) advance(_ *life, _ string, pick [5]int) {
	days := []int{1, 2, 7, 30, 95}[pick[1]%5]
	w.note("%d days pass", days)
	if left, err := w.f.MoveClock(w.t.Context(), w.f.Now().Add(time.Duration(days)*day)); err != nil {
		w.disagree("what is due is not done: %v, %v", left, err)
	}
	for range days {
		w.day++
		for _, l := range w.lives {
			l.wake(w.day)
		}
	}
	for _, l := range w.lives {
		w.compare(l)
	}
	w.lives = slices.DeleteFunc(w.lives, func(l *life) bool { return len(l.members) == 0 && len(w.lives) > 1 })
}

// reopen stops the service and starts it again.
func (w *lifeWorld) reopen(*life, string, [5]int) {
	w.note("the service is started again")
	w.f.close(w.t)
	w.f.open(w.t)
	w.settle()
	for _, l := range w.lives {
		w.compare(l)
	}
}

func (w *lifeWorld) create(_ *life, _ string, pick [5]int) {
	if len(w.lives) >= 10 {
		return
	}
	kind := lifeKinds[pick[1]%len(lifeKinds)]
	in := object{"KeySpec": kind.spec, "KeyUsage": kind.usage, "MultiRegion": kind.multi}
	if kind.external {
		in["Origin"] = "EXTERNAL"
	}
	got := w.c.call("CreateKey", in)
	if got.code != "" {
		w.disagree("CreateKey: %s %s", got.code, got.message)
	}
	l := born(kind, got.str("KeyMetadata", "KeyId"))
	w.note("CreateKey %s %s", kind.name, l.id[:8])
	w.lives = append(w.lives, l)
	w.compare(l)
}

var lifeMessage = []byte("what stays")

// prove has the key make something.
func (w *lifeWorld) prove(l *life, region string, _ [5]int) {
	op, member, in := "Encrypt", "CiphertextBlob", object{"Plaintext": lifeMessage}
	switch l.kind.spec {
	case "HMAC_256":
		op, member, in = "GenerateMac", "Mac", object{"Message": lifeMessage, "MacAlgorithm": "HMAC_SHA_256"}
	case "ECC_NIST_P256":
		op, member, in = "Sign", "Signature", object{"Message": lifeMessage, "SigningAlgorithm": "ECDSA_SHA_256"}
	}
	if got := w.call(l, region, op, in, l.use(region)); got.code == "" {
		w.made = append(w.made, lifeProof{l, l.current, got.str(member)})
	}
}

// check has the key take what it made, in a Region of its.
func (w *lifeWorld) check(p lifeProof, pick int) {
	l, region := p.life, home
	if l.kind.multi && pick%2 == 0 {
		region = away
	}
	want := l.use(region)
	switch l.kind.spec {
	case "HMAC_256":
		w.call(l, region, "VerifyMac", object{"Message": lifeMessage, "MacAlgorithm": "HMAC_SHA_256", "Mac": p.made}, want)
	case "ECC_NIST_P256":
		w.call(l, region, "Verify", object{"Message": lifeMessage, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": p.made}, want)
	default:
		got := w.call(l, region, "Decrypt", object{"CiphertextBlob": p.made}, want)
		if want == "" && (got.str("Plaintext") != base64.StdEncoding.EncodeToString(lifeMessage) || got.str("KeyMaterialId") != p.material.id) {
			w.disagree("Decrypt answers %v, the model says material %s", got.body, p.material.id)
		}
		if want == codeNotFound { // found by its ciphertext only
			want = codeDenied
		}
		if got := w.c.in(region).call("Decrypt", object{"CiphertextBlob": p.made}); got.code != want {
			w.disagree("Decrypt without KeyId in %s: %s (%s), the model says %q", region, got.code, got.message, want)
		}
	}
}

func (w *lifeWorld) enable(l *life, region string, _ [5]int) {
	w.call(l, region, "EnableKey", object{}, l.enable(region, w.day))
}

func (w *lifeWorld) disable(l *life, region string, _ [5]int) {
	w.call(l, region, "DisableKey", object{}, l.disable(region))
}

func (w *lifeWorld) enableRotation(l *life, region string, pick [5]int) {
	days := 90 + pick[2]%40
	w.call(l, region, "EnableKeyRotation", object{"RotationPeriodInDays": days}, l.enableRotation(region, days, w.day))
}

func (w *lifeWorld) disableRotation(l *life, region string, _ [5]int) {
	w.call(l, region, "DisableKeyRotation", object{}, l.enableRotation(region, 0, w.day))
}

func (w *lifeWorld) rotate(l *life, region string, _ [5]int) {
	w.call(l, region, "RotateKeyOnDemand", object{}, l.rotateOnDemand(region))
}

func (w *lifeWorld) schedule(l *life, region string, pick [5]int) {
	days := 7 + pick[2]%24
	w.call(l, region, "ScheduleKeyDeletion", object{"PendingWindowInDays": days}, l.scheduleDeletion(region, days, w.day))
}

func (w *lifeWorld) cancel(l *life, region string, _ [5]int) {
	w.call(l, region, "CancelKeyDeletion", object{}, l.cancelDeletion(region))
}

func (w *lifeWorld) replicate(l *life, region string, pick [5]int) {
	to := []string{away, away, home}[pick[2]%3]
	w.call(l, region, "ReplicateKey", object{"ReplicaRegion": to}, l.replicate(region, to))
}

func (w *lifeWorld) updatePrimary(l *life, region string, pick [5]int) {
	to := []string{away, home}[pick[2]%2]
	w.call(l, region, "UpdatePrimaryRegion", object{"PrimaryRegion": to}, l.updatePrimary(region, to))
}

func (w *lifeWorld) deleteMaterial(l *life, region string, pick [5]int) {
	in, id := object{}, ""
	switch n := len(l.materials); {
	case n > 0 && pick[2]%3 > 0:
		id = l.materials[pick[3]%n].id
	case pick[2]%6 == 0:
		id = strings.Repeat("ab", 32)
	}
	if id != "" {
		in["KeyMaterialId"] = id
	}
	w.call(l, region, "DeleteImportedKeyMaterial", in, l.deleteMaterial(region, id))
}

// parameters gets an import token for a key; nil if it gives none now.
func (w *lifeWorld) parameters(l *life, region string) *lifeParameters {
	want := codeUnsupported
	if _, code := l.check(region, "", codeState, ""); code == codeNotFound || l.kind.external {
		want = code
	}
	got := w.call(l, region, "GetParametersForImport", object{"WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "SM2"}, want)
	if got.code != "" {
		return nil
	}
	public, err := base64.StdEncoding.DecodeString(got.str("PublicKey"))
	if err != nil {
		w.disagree("PublicKey: %v", err)
	}
	p := lifeParameters{l, w.day, got.str("ImportToken"), public}
	w.spare = append(w.spare, p)
	return &p
}

// secret is new material for a key, as one brings it.
func (w *lifeWorld) secret(l *life) []byte {
	b := make([]byte, 32)
	cryptorand.Read(b)
	if l.kind.spec != "ECC_NIST_P256" {
		return b
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err == nil {
		b, err = x509.MarshalPKCS8PrivateKey(k)
	}
	if err != nil {
		w.disagree("%v", err)
	}
	return b
}

func (w *lifeWorld) importMaterial(l *life, region string, pick [5]int) {
	p := w.parameters(l, region)
	in := imported{secret: w.secret(l), kind: []string{"", "", "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"}[pick[2]%4], days: []int{0, 0, 3, 40, 365, -1}[pick[3]%6]}
	if n := len(l.materials); n > 0 && pick[4]%4 > 0 { // one that it had, and missing ones first
		m := l.materials[pick[4]/4%n]
		if lost := l.find(func(m *lifeMaterial) bool { return m.missing }); lost != nil {
			m = lost
		}
		if m.secret != nil {
			in.secret = m.secret
		}
		if pick[4]%3 == 0 {
			in.id = l.materials[pick[4]/16%n].id
		}
	}
	switch old := w.spare[:]; {
	case p == nil && len(old) > 0:
		p, in.token = &old[pick[1]%len(old)], codeToken
	case p == nil:
		return
	case pick[1]%8 == 0:
		in.token = codeCiphertext
	case pick[1]%8 == 1:
		p = &old[pick[1]/8%len(old)]
		if p.life != l {
			in.token = codeToken
		} else if p.day != w.day {
			in.token = codeExpired
		}
	}
	if p.life == l && w.day-p.day == 1 { // to the second
		return
	}
	w.bring(l, region, p, &in)
}

// bring wraps material and imports it.
func (w *lifeWorld) bring(l *life, region string, p *lifeParameters, in *imported) {
	key, err := smx509.ParsePKIXPublicKey(p.public)
	if err != nil {
		w.disagree("PublicKey: %v", err)
	}
	wrapped, err := sm2.EncryptASN1(cryptorand.Reader, key.(*ecdsa.PublicKey), in.secret)
	if err != nil {
		w.disagree("%v", err)
	}
	if in.token == codeCiphertext {
		wrapped[len(wrapped)-1] ^= 1
	}
	request := object{"ImportToken": p.token, "EncryptedKeyMaterial": wrapped}
	switch {
	case in.days == 0:
		request["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
	default:
		request["ValidTo"] = float64(w.f.Now().Add(time.Duration(in.days) * day).Unix())
	}
	if in.kind != "" {
		request["ImportType"] = in.kind
	}
	if in.id != "" {
		request["KeyMaterialId"] = in.id
	}
	got := w.call(l, region, "ImportKeyMaterial", request, l.importMaterial(region, in, w.day))
	if m := l.find(func(m *lifeMaterial) bool { return bytes.Equal(m.secret, in.secret) }); got.code == "" {
		if id := got.str("KeyMaterialId"); m.id == "" {
			m.id = id
		} else if id != m.id {
			w.disagree("imported again the material is %s, was %s", id, m.id)
		}
	}
}
