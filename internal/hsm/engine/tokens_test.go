package engine

import (
	"bytes"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

// commands reads all commands from the protocol's source, so that a new one
// cannot be forgotten.
func commands(t *testing.T) map[string]proto.Command {
	t.Helper()
	f, err := parser.ParseFile(gotoken.NewFileSet(), "../proto/proto.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]proto.Command{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Cmd") {
			number, err := strconv.ParseUint(spec.Values[0].(*ast.BasicLit).Value, 0, 8)
			if err != nil {
				t.Fatal(err)
			}
			found[spec.Names[0].Name] = proto.Command(number)
		}
		return true
	})
	return found
}

// TestKindCommandTable: every command has its row, no other number has one,
// and every kind is taken by a command or has no tokens yet.
func TestKindCommandTable(t *testing.T) {
	t.Parallel()
	want := map[string]token.Kind{
		"CmdHello": noToken, "CmdStatus": noToken, "CmdCreateDomain": noToken, "CmdLoadDomain": noToken,
		"CmdMoveClock": noToken, "CmdRotateDomain": noToken, "CmdRewrap": kindOfRequest, "CmdCreateServiceKey": noToken,
		"CmdReleaseServiceKey": token.KindService, "CmdSealAccessKeySecret": noToken,
		"CmdCreateAccessKeySecret": noToken, "CmdDeriveDayKey": token.KindSecret, "CmdCreateKey": noToken,
		"CmdEncrypt": token.KindKey, "CmdDecrypt": token.KindKey, "CmdCheckCiphertext": token.KindKey,
		"CmdReEncrypt": token.KindKey, "CmdGenerateDataKey": token.KindKey,
		"CmdGenerateDataKeyWithoutPlaintext": token.KindKey, "CmdGenerateRandom": noToken,
		"CmdSign": token.KindKey, "CmdVerify": token.KindKey, "CmdGenerateMac": token.KindKey, "CmdVerifyMac": token.KindKey,
		"CmdDeriveSharedSecret": token.KindKey, "CmdEncapsulate": token.KindKey, "CmdDecapsulate": token.KindKey,
		"CmdPublicEncrypt": token.KindKey, "CmdPrivateDecrypt": token.KindKey, "CmdCheckPrivateCiphertext": token.KindKey,
		"CmdCreateAuditKey": noToken, "CmdSignDigest": token.KindAudit,
		"CmdReEncryptAny": token.KindKey, "CmdGenerateDataKeyPair": token.KindKey,
		"CmdAddReplicationKey": noToken, "CmdReplicationKey": noToken, "CmdOfferReplica": noToken,
		"CmdSendReplica": token.KindKey, "CmdReceiveReplica": token.KindReplica,
		"CmdImportParameters": noToken, "CmdImportKey": token.KindImport,
	}
	all := commands(t)
	known, taken := map[proto.Command]bool{}, map[token.Kind]bool{}
	for name, cmd := range all {
		kind, ok := tokenKind(cmd)
		if expected, listed := want[name]; !ok || !listed || kind != expected {
			t.Errorf("%s takes kind %d (%v), want %d (%v)", name, kind, ok, expected, listed)
		}
		known[cmd], taken[kind] = true, true
	}
	if len(all) != len(want) {
		t.Errorf("%d commands, %d rows", len(all), len(want))
	}
	for number := range 256 {
		if _, ok := tokenKind(proto.Command(number)); ok != known[proto.Command(number)] {
			t.Errorf("command %#x: in the table %v, in the protocol %v", number, ok, !ok)
		}
	}
	withoutTokens := map[token.Kind]bool{token.KindSession: true}
	for number := range 256 {
		kind := token.Kind(number)
		if kind.Valid() && taken[kind] == withoutTokens[kind] {
			t.Errorf("kind %d: taken by a command %v, without tokens %v", kind, taken[kind], withoutTokens[kind])
		}
		if _, err := kind.Bind(nil, "", proto.GlobalRegion, "id"); (err == nil) != (taken[kind] && kind.Valid()) {
			t.Errorf("kind %d: taken %v, bound: %v", kind, taken[kind], err)
		}
	}
}

// forge makes an authentic token of any header for the bind.
func forge(t *testing.T, e *Engine, kind token.Kind, bind proto.Bind, secret []byte, change func(*token.Header)) proto.KeyRef {
	t.Helper()
	var domainKey [domain.KeySize]byte
	id, generation, err := e.cfg.Domains.Active(bind.Region, &domainKey)
	if err != nil {
		t.Fatal(err)
	}
	h := token.Header{Kind: kind, DomainID: id, Generation: generation, Origin: token.OriginGenerated}
	if kind == token.KindKey {
		h.Spec, h.Usage = token.SpecSymmetricDefault, token.UsageEncryptDecrypt
	}
	if h.Bind, err = kind.Bind(nil, bind.Account, bind.Region, bind.ID); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&h)
	}
	var box token.Box
	tok, err := box.Seal(nil, &h, domainKey[:], &[kdf.NonceSize]byte{1}, secret)
	if err != nil {
		t.Fatal(err)
	}
	ref := proto.KeyRef{Bind: bind, Token: tok}
	if kind == token.KindKey {
		ref.Origin = proto.Origin(h.Origin)
	}
	return ref
}

// uses returns every command that takes a token, run with ref.
func uses(e *Engine, ref, good proto.KeyRef, blob []byte) map[proto.Command]func() ([]byte, proto.Status) {
	all := asymmetricUses(e, &material{ref: ref, spki: []byte("x"), peer: []byte("x"), algorithm: 1, in: blob, signature: []byte("x")}, good)
	maps.Copy(all, symmetricUses(e, ref, good, blob))
	return all
}

func symmetricUses(e *Engine, ref, good proto.KeyRef, blob []byte) map[proto.Command]func() ([]byte, proto.Status) {
	decrypt := &proto.DecryptRequest{Key: ref, Blob: blob}
	dataKey := &proto.GenerateDataKeyRequest{Key: ref, Bytes: 32}
	return map[proto.Command]func() ([]byte, proto.Status){
		proto.CmdEncrypt: func() ([]byte, proto.Status) {
			return e.Encrypt(&proto.EncryptRequest{Key: ref, Plaintext: []byte("p")}, nil)
		},
		proto.CmdDecrypt:         func() ([]byte, proto.Status) { return e.Decrypt(decrypt, nil) },
		proto.CmdCheckCiphertext: func() ([]byte, proto.Status) { return e.CheckCiphertext(decrypt, nil) },
		proto.CmdReEncrypt: func() ([]byte, proto.Status) {
			return e.ReEncrypt(&proto.ReEncryptRequest{Source: ref, Destination: good, Blob: blob}, nil)
		},
		proto.CmdGenerateDataKey: func() ([]byte, proto.Status) { return e.GenerateDataKey(dataKey, nil) },
		proto.CmdGenerateDataKeyWithoutPlaintext: func() ([]byte, proto.Status) {
			return e.GenerateDataKeyWithoutPlaintext(dataKey, nil)
		},
		proto.CmdSignDigest: func() ([]byte, proto.Status) {
			return e.SignDigest(&proto.SignRequest{Key: ref, Algorithm: 11, MessageType: 1, Message: []byte("m")}, nil)
		},
		proto.CmdSendReplica: func() ([]byte, proto.Status) {
			return e.SendReplica(&proto.SendReplicaRequest{Key: ref, Offer: blob}, nil)
		},
		proto.CmdReceiveReplica: func() ([]byte, proto.Status) {
			return e.ReceiveReplica(&proto.ReceiveReplicaRequest{Key: ref, Delivery: blob}, nil)
		},
		proto.CmdReleaseServiceKey: func() ([]byte, proto.Status) { return e.ReleaseServiceKey(&ref, nil) },
		proto.CmdImportKey: func() ([]byte, proto.Status) {
			return e.ImportKey(&proto.ImportKeyRequest{Key: ref, Spec: 1, Usage: 1, Wrapped: wrappedKey()}, nil)
		},
		proto.CmdDeriveDayKey: func() ([]byte, proto.Status) {
			return e.DeriveDayKey(&proto.DayKeyRequest{Key: ref, Date: "20260301", Region: region, Service: "kms"}, nil)
		},
	}
}

// TestEveryKindMeetsEveryCommand gives a genuine token of each kind to each
// command: it works where the table says so, and is refused elsewhere.
func TestEveryKindMeetsEveryCommand(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	good := defaultKey(t, e)
	blob := encrypt(t, e, good, [32]byte{}, []byte("p"))
	secret := bytes.Repeat([]byte{7}, 32)
	for kind, ref := range map[token.Kind]proto.KeyRef{
		token.KindKey:     good,
		token.KindSecret:  forge(t, e, token.KindSecret, accessKeyBind(account, "AKIA"), secret, nil),
		token.KindService: forge(t, e, token.KindService, proto.Bind{Region: region, ID: "seal"}, secret, nil),
		token.KindAudit:   auditKey(t, e, "ECC_NIST_P384"),
		token.KindReplica: forge(t, e, token.KindReplica, good.Bind, secret, nil),
		token.KindImport:  importToken(t, e, good.Bind),
	} {
		for cmd, run := range uses(e, ref, good, blob) {
			want := proto.StatusTokenRefused
			if takes, _ := tokenKind(cmd); takes == kind && cmd == proto.CmdReceiveReplica {
				want = proto.StatusReplicaRefused // the message is none; TestReplication has one
			} else if takes == kind && !asymmetricOnly[cmd] && cmd != proto.CmdSendReplica { // which wants a multi-Region key
				want = proto.StatusOK
			}
			if _, status := run(); status != want {
				t.Errorf("kind %d, command %#x: %v, want %v", kind, uint8(cmd), status, want)
			}
		}
		for other := range 256 {
			want := proto.StatusTokenRefused
			if !token.Kind(other).Valid() {
				want = proto.StatusMalformed
			} else if token.Kind(other) == kind {
				want = proto.StatusOK
			}
			if _, status := e.Rewrap(&proto.RewrapRequest{Kind: uint8(other), Key: ref}, nil); status != want {
				t.Errorf("kind %d, rewrap as %d: %v, want %v", kind, other, status, want)
			}
		}
	}
	tokenless := 0
	for _, cmd := range commands(t) {
		if takes, _ := tokenKind(cmd); takes == noToken || takes == kindOfRequest {
			tokenless++
		}
	}
	if n := len(uses(e, good, good, blob)); n+tokenless != len(commands(t)) {
		t.Errorf("%d commands tried and %d take none; there are %d", n, tokenless, len(commands(t)))
	}
}

// named is a key of which a command says that it has another origin.
func named(ref proto.KeyRef, origin proto.Origin) proto.KeyRef {
	ref.Origin = origin
	return ref
}

// TestTokenRefused gives genuine tokens that do not fit to each command that
// takes a backing key.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	good := defaultKey(t, e)
	blob := encrypt(t, e, good, [32]byte{}, []byte("p"))
	hbk := bytes.Repeat([]byte{7}, 32)
	bound := func(change func(*proto.Bind)) proto.KeyRef {
		ref := good
		change(&ref.Bind)
		return ref
	}
	at := testTime.Unix()
	for name, ref := range map[string]proto.KeyRef{
		"other account":    bound(func(b *proto.Bind) { b.Account = "444455556666" }),
		"no account":       bound(func(b *proto.Bind) { b.Account = "" }),
		"other Region":     bound(func(b *proto.Bind) { b.Region = region2 }),
		"global":           bound(func(b *proto.Bind) { b.Region = proto.GlobalRegion }),
		"other key":        bound(func(b *proto.Bind) { b.ID = "other" }),
		"other origin":     named(good, proto.OriginImported),
		"no origin":        named(good, proto.OriginNone),
		"unknown origin":   named(good, 3),
		"imported":         named(forge(t, e, token.KindKey, good.Bind, hbk, func(h *token.Header) { h.Origin = token.OriginImported }), proto.OriginGenerated),
		"other spec":       forge(t, e, token.KindKey, good.Bind, hbk, func(h *token.Header) { h.Spec = 12 }),
		"other usage":      forge(t, e, token.KindKey, good.Bind, hbk, func(h *token.Header) { h.Usage = 3 }),
		"not yet valid":    forge(t, e, token.KindKey, good.Bind, hbk, func(h *token.Header) { h.NotBefore = at + 1 }),
		"expired":          forge(t, e, token.KindKey, good.Bind, hbk, func(h *token.Header) { h.NotAfter = at - 1 }),
		"key of 16 bytes":  forge(t, e, token.KindKey, good.Bind, hbk[:16], nil),
		"key of 0 bytes":   forge(t, e, token.KindKey, good.Bind, nil, nil),
		"another's secret": forge(t, e, token.KindSecret, accessKeyBind(account, keyID), hbk, nil),
	} {
		for cmd, run := range uses(e, ref, good, blob) {
			if takes, _ := tokenKind(cmd); takes != token.KindKey {
				continue
			}
			if out, status := run(); status != proto.StatusTokenRefused || len(out) != 0 {
				t.Errorf("%s, command %#x: %v", name, uint8(cmd), status)
			}
		}
	}
}

// TestSwappedDomain: a token of one Region's domain bound to another Region,
// by somebody who could choose the bind but not the domain key.
func TestSwappedDomain(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	there := proto.Bind{Region: region2, Account: account, ID: keyID}
	ref := forge(t, e, token.KindKey, proto.Bind{Region: region, Account: account, ID: keyID}, make([]byte, 32), func(h *token.Header) {
		bind, err := token.KindKey.Bind(nil, account, region2, keyID)
		if err != nil {
			t.Fatal(err)
		}
		h.Bind = bind
	})
	ref.Bind = there
	refused(t, proto.StatusTokenRefused)(e.Encrypt(&proto.EncryptRequest{Key: ref, Plaintext: []byte("p")}, nil))
}

// TestInvalidToken: no altered token gets through any command.
func TestInvalidToken(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	good := defaultKey(t, e)
	blob := encrypt(t, e, good, [32]byte{}, []byte("p"))
	try := func(tok []byte, want ...proto.Status) {
		t.Helper()
		ref := proto.KeyRef{Bind: good.Bind, Origin: good.Origin, Token: tok}
		for cmd, run := range uses(e, ref, good, blob) {
			out, status := run()
			if len(out) != 0 || !slices.Contains(want, status) {
				t.Fatalf("command %#x: %v", uint8(cmd), status)
			}
		}
		out, status := e.Rewrap(&proto.RewrapRequest{Kind: 1, Key: ref}, nil)
		if len(out) != 0 || !slices.Contains(want, status) {
			t.Fatalf("rewrap: %v", status)
		}
	}
	for bit := range len(good.Token) * 8 {
		flipped := bytes.Clone(good.Token)
		flipped[bit/8] ^= 1 << (bit % 8)
		// A flipped domain id or generation names one that is not loaded.
		try(flipped, proto.StatusInvalidToken, proto.StatusUnknownDomain)
	}
	for n := range good.Token {
		try(good.Token[:n], proto.StatusInvalidToken)
	}
	try(append(bytes.Clone(good.Token), 0), proto.StatusInvalidToken)
	try(make([]byte, proto.MaxToken), proto.StatusInvalidToken)
	try(make([]byte, proto.MaxToken+1), proto.StatusMalformed)
	stranger := defaultKey(t, newEngine(t))
	try(stranger.Token, proto.StatusUnknownDomain)
}

func TestMalformedBind(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	good := defaultKey(t, e)
	long := strings.Repeat("a", 200)
	for _, bind := range []proto.Bind{
		{Account: account, ID: keyID}, {Region: region, Account: account},
		{Region: long, Account: account, ID: keyID}, {Region: region, Account: long, ID: keyID}, {Region: region, Account: account, ID: long},
	} {
		refused(t, proto.StatusMalformed)(e.Encrypt(&proto.EncryptRequest{Key: proto.KeyRef{Bind: bind, Token: good.Token}, Plaintext: []byte("p")}, nil))
	}
	unknown := good
	unknown.Bind.Region = "mars-1"
	refused(t, proto.StatusUnknownDomain)(e.Encrypt(&proto.EncryptRequest{Key: unknown, Plaintext: []byte("p")}, nil))
}
