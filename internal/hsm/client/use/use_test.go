package use_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/hsm/client"
	"trent/internal/hsm/client/use"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/policy"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	keyID   = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

// once is a source of one connection.
type once struct{ conn io.ReadWriteCloser }

func (o *once) Connect(context.Context, bool) (io.ReadWriteCloser, error) {
	conn := o.conn
	o.conn = nil
	if conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

// module is a real module with a domain.
func module(t *testing.T) (*use.Module, *servertest.Process) {
	t.Helper()
	process := servertest.Start(t, region)
	c := client.New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx, &once{process}, func(context.Context) error { return nil })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	for !c.Ready() {
		if c.State() == client.Down {
			t.Fatal("never ready")
		}
		runtime.Gosched()
	}
	return use.New(c), process
}

// caller is the root user, whom the keys' policies allow everything.
var caller = &identity.Caller{
	Account: account, PrincipalARN: "arn:aws:iam::" + account + ":root", Type: identity.TypeRoot,
	Permissions: &identity.Permissions{Root: true, ID: account},
}

// all is a grant of everything, without which nobody can retire one.
type all struct{}

func (all) Find(context.Context, *authz.Request) (authz.Granted, error) {
	return authz.Granted{ID: "all", Via: policy.ViaSelf}, nil
}

// permit is authz's permit for an operation on a key, or without one.
func permit(t *testing.T, op api.Op, k *key.Key) authz.Permit {
	t.Helper()
	r := &authz.Request{Op: op, Action: "kms:" + op.String(), Caller: caller, Environment: authz.Environment{Region: region}}
	if k != nil {
		document, err := policy.Parse(policy.Default("aws", account))
		if err != nil {
			t.Fatal(err)
		}
		k.Rules = policy.Compile(document, nil)
		r.On(k)
	}
	p, err := (&authz.Authorizer{Grants: all{}}).Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newKey makes a symmetric key with one material.
func newKey(t *testing.T, m *use.Module, id string) *key.Key {
	t.Helper()
	return newKeyOf(t, m, id, key.SymmetricDefault, key.EncryptDecrypt)
}

func newKeyOf(t *testing.T, m *use.Module, id string, spec key.Spec, usage key.Usage) *key.Key {
	t.Helper()
	created, err := m.CreateKey(t.Context(), permit(t, api.OpCreateKey, nil), id, spec, usage, false)
	if err != nil {
		t.Fatal(err)
	}
	return &key.Key{
		Partition: "aws", Region: region, Account: account, ID: id, Spec: spec, Usage: usage, PublicKey: created.PublicKey,
		Materials: []key.Material{{ID: created.MaterialID, Token: created.Token, Generation: created.Generation}},
	}
}

// TestEveryCommand uses every command of KMS keys once, against a real module.
// The other wrappers' tests have the rest of the protocol's commands.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	k, other := newKey(t, m, keyID), newKey(t, m, "99999999-12ab-34cd-56ef-1234567890ab")
	hash, otherHash := [32]byte{1}, [32]byte{2}
	plaintext := []byte("attack at dawn")

	blob, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, k), hash, plaintext)
	if err != nil || len(blob) != 80+len(plaintext) {
		t.Fatalf("Encrypt: %d bytes, %v", len(blob), err)
	}
	opens := func(what string, k *key.Key, hash [32]byte, blob, want []byte) {
		t.Helper()
		got, err := m.Decrypt(t.Context(), permit(t, api.OpDecrypt, k), hash, blob)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Decrypt of %s: %q, %v", what, got, err)
		}
	}
	opens("Encrypt's blob", k, hash, blob, plaintext)
	if err := m.CheckCiphertext(t.Context(), permit(t, api.OpReEncrypt, k), hash, blob); err != nil {
		t.Errorf("CheckCiphertext: %v", err)
	}
	moved, err := m.ReEncrypt(t.Context(), permit(t, api.OpReEncrypt, k), hash, blob, permit(t, api.OpReEncrypt, other), otherHash)
	if err != nil {
		t.Fatalf("ReEncrypt: %v", err)
	}
	opens("ReEncrypt's blob", other, otherHash, moved, plaintext)
	dataKey, blob, err := m.GenerateDataKey(t.Context(), permit(t, api.OpGenerateDataKey, k), hash, 64)
	if err != nil || len(dataKey) != 64 {
		t.Fatalf("GenerateDataKey: %d bytes, %v", len(dataKey), err)
	}
	opens("GenerateDataKey's blob", k, hash, blob, dataKey)
	blob, err = m.GenerateDataKeyWithoutPlaintext(t.Context(), permit(t, api.OpGenerateDataKeyWithoutPlaintext, k), hash, 16)
	if err != nil || len(blob) != 96 {
		t.Fatalf("GenerateDataKeyWithoutPlaintext: %d bytes, %v", len(blob), err)
	}
	random, err := m.GenerateRandom(t.Context(), permit(t, api.OpGenerateRandom, nil), 1024)
	if err != nil || len(random) != 1024 {
		t.Fatalf("GenerateRandom: %d bytes, %v", len(random), err)
	}
	everyAsymmetricCommand(t, m, k)
	importCommands(t, m, k)
	missing := slices.Concat(process.Missing(0x30, 0x43), process.Missing(0x48, 0xff)) // the others are jobs'
	if len(missing) > 0 {
		t.Errorf("commands that no method sends: %v", missing)
	}
}

// TestPlaintextStaysInTheModule reads the frames.
func TestPlaintextStaysInTheModule(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	k := newKey(t, m, keyID)
	hash := [32]byte{1}
	canary := []byte("a canary of thirty-two bytes now")
	crosses := func(secret []byte) bool {
		sent, got := process.Crossed()
		return bytes.Contains(sent, secret) || bytes.Contains(got, secret)
	}
	blob, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, k), hash, canary)
	if err != nil || !crosses(canary) {
		t.Fatalf("Encrypt does not show what this test looks for: %v", err)
	}
	process.Forget()
	if _, err := m.ReEncrypt(t.Context(), permit(t, api.OpReEncrypt, k), hash, blob, permit(t, api.OpReEncrypt, k), hash); err != nil || crosses(canary) {
		t.Errorf("ReEncrypt brings the plaintext across: %v", err)
	}
	if err := m.CheckCiphertext(t.Context(), permit(t, api.OpDecrypt, k), hash, blob); err != nil || crosses(canary) {
		t.Errorf("CheckCiphertext brings the plaintext across: %v", err)
	}
	blob, err = m.GenerateDataKeyWithoutPlaintext(t.Context(), permit(t, api.OpGenerateDataKeyWithoutPlaintext, k), hash, 32)
	if err != nil {
		t.Fatal(err)
	}
	sent, got := process.Crossed()
	dataKey, err := m.Decrypt(t.Context(), permit(t, api.OpDecrypt, k), hash, blob)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sent, dataKey) || bytes.Contains(got, dataKey) {
		t.Error("GenerateDataKeyWithoutPlaintext brings the data key across")
	}
	if !crosses(dataKey) {
		t.Error("Decrypt does not show what this test looks for")
	}
	asymmetricPlaintextStays(t, m, process, k, canary)
}

// A method is one of Module's with the operations whose permits it takes.
type method struct {
	ops []api.Op
	try func(authz.Permit) error
	key *key.Key // that the permits are for; nil is a symmetric one
}

// TestPermits has every operation's permit meet every method: only the
// operation's own is taken, and the zero permit never. Nothing is sent.
func TestPermits(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	k := newKey(t, m, keyID)
	blob, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, k), [32]byte{}, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	var hash [32]byte
	ctx := t.Context()
	right := permit(t, api.OpReEncrypt, k)
	methods := map[string]method{
		"CreateKey": {[]api.Op{api.OpCreateKey, api.OpRotateKeyOnDemand}, func(p authz.Permit) error {
			_, err := m.CreateKey(ctx, p, keyID, key.SymmetricDefault, key.EncryptDecrypt, true)
			return err
		}, nil},
		"ImportParameters": {[]api.Op{api.OpGetParametersForImport}, func(p authz.Permit) error {
			_, err := m.ImportParameters(ctx, p, "SM2", keyspec.WrappingNamed("SM2PKE"))
			return err
		}, nil},
		"ImportKey": {[]api.Op{api.OpImportKeyMaterial}, func(p authz.Permit) error {
			_, err := m.ImportKey(ctx, p, []byte{1}, []byte{1}, time.Time{})
			if e := apierr.From(err); e.Code == apierr.InvalidImportToken { // it was asked
				err = nil
			}
			return err
		}, nil},
		"Encrypt": {[]api.Op{api.OpEncrypt}, func(p authz.Permit) error {
			_, err := m.Encrypt(ctx, p, hash, []byte{1})
			return err
		}, nil},
		"Decrypt": {[]api.Op{api.OpDecrypt}, func(p authz.Permit) error {
			_, err := m.Decrypt(ctx, p, hash, blob)
			return err
		}, nil},
		"CheckCiphertext": {[]api.Op{api.OpDecrypt, api.OpReEncrypt}, func(p authz.Permit) error {
			return m.CheckCiphertext(ctx, p, hash, blob)
		}, nil},
		"ReEncrypt, source": {[]api.Op{api.OpReEncrypt}, func(p authz.Permit) error {
			_, err := m.ReEncrypt(ctx, p, hash, blob, right, hash)
			return err
		}, nil},
		"ReEncrypt, destination": {[]api.Op{api.OpReEncrypt}, func(p authz.Permit) error {
			_, err := m.ReEncrypt(ctx, right, hash, blob, p, hash)
			return err
		}, nil},
		"GenerateDataKey": {[]api.Op{api.OpGenerateDataKey}, func(p authz.Permit) error {
			_, _, err := m.GenerateDataKey(ctx, p, hash, 32)
			return err
		}, nil},
		"GenerateDataKeyWithoutPlaintext": {[]api.Op{api.OpGenerateDataKeyWithoutPlaintext}, func(p authz.Permit) error {
			_, err := m.GenerateDataKeyWithoutPlaintext(ctx, p, hash, 32)
			return err
		}, nil},
		"GenerateRandom": {[]api.Op{api.OpGenerateRandom}, func(p authz.Permit) error {
			_, err := m.GenerateRandom(ctx, p, 32)
			return err
		}, nil},
	}
	maps.Copy(methods, asymmetricMethods(t, m))
	for name, method := range methods {
		k := cmp.Or(method.key, k)
		refused := func(what string, p authz.Permit) {
			t.Helper()
			process.Forget()
			if err := method.try(p); code(err) != apierr.KMSInternal {
				t.Errorf("%s with %s: %v", name, what, err)
			}
			if sent, _ := process.Crossed(); len(sent) > 0 {
				t.Errorf("%s with %s sent %d bytes", name, what, len(sent))
			}
		}
		refused("the zero permit", authz.Permit{})
		for _, op := range api.Ops() {
			if slices.Contains(method.ops, op) {
				if err := method.try(permit(t, op, k)); err != nil {
					t.Errorf("%s with %v's permit: %v", name, op, err)
				}
			} else {
				refused(op.String()+"'s permit", permit(t, op, k))
			}
		}
		if name != "CreateKey" && name != "GenerateRandom" {
			for _, op := range method.ops {
				refused("a permit without a key", permit(t, op, nil))
			}
		}
	}
}

func code(err error) apierr.Code {
	if e, ok := errors.AsType[*apierr.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestInvalidCiphertexts(t *testing.T) {
	t.Parallel()
	m, _ := module(t)
	k := newKey(t, m, keyID)
	p := permit(t, api.OpDecrypt, k)
	blob, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, k), [32]byte{}, []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(blob)
	flipped[len(flipped)-1] ^= 1
	foreign := bytes.Clone(blob)
	foreign[10] ^= 1 // in the material id
	for name, blob := range map[string][]byte{
		"empty": nil, "short": blob[:20], "header only": blob[:36], "cut": blob[:len(blob)-1],
		"flipped": flipped, "foreign": foreign, "long": make([]byte, proto.MaxBlob+1),
	} {
		_, err := m.Decrypt(t.Context(), p, [32]byte{}, blob)
		e, ok := errors.AsType[*apierr.Error](err)
		if !ok || e.Code != apierr.InvalidCiphertext || e.Message != "" || e.Err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Decrypt(t.Context(), p, [32]byte{1}, blob); code(err) != apierr.InvalidCiphertext {
		t.Errorf("wrong context: %v", err)
	}
}

func TestErrorsOfTheModule(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	k := newKey(t, m, keyID)
	swapped := *k
	swapped.ID = "another-key"
	if _, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, &swapped), [32]byte{}, []byte{1}); code(err) != apierr.KMSInternal ||
		!errors.Is(err, proto.StatusTokenRefused) {
		t.Errorf("another key's token: %v", err)
	}
	bare := *k
	bare.Current = -1
	if _, err := m.Encrypt(t.Context(), permit(t, api.OpEncrypt, &bare), [32]byte{}, []byte{1}); code(err) != apierr.KMSInternal {
		t.Errorf("a key without material: %v", err)
	}
	if _, err := m.CreateKey(t.Context(), permit(t, api.OpCreateKey, nil), keyID, "NO_SUCH_SPEC", key.EncryptDecrypt, false); code(err) != apierr.KMSInternal {
		t.Errorf("an unknown spec: %v", err)
	}
	for _, n := range []int{-1, 0, 1025} {
		if _, err := m.GenerateRandom(t.Context(), permit(t, api.OpGenerateRandom, nil), n); code(err) != apierr.KMSInternal {
			t.Errorf("%d random bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.GenerateRandom(ctx, permit(t, api.OpGenerateRandom, nil), 1); code(err) != apierr.DependencyTimeout {
		t.Errorf("cancelled: %v", err)
	}
	process.Conn.Close()
	if _, err := m.GenerateRandom(t.Context(), permit(t, api.OpGenerateRandom, nil), 1); code(err) != apierr.ServiceUnavailable {
		t.Errorf("no module: %v", err)
	}
}
