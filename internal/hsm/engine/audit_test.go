package engine

import (
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/proto"
	"trent/internal/keyspec"
)

// auditKey makes a signing key named after its spec.
func auditKey(t *testing.T, e *Engine, spec keyspec.Spec) proto.KeyRef {
	t.Helper()
	ref, _ := newAuditKey(t, e, spec)
	return ref
}

func newAuditKey(t *testing.T, e *Engine, spec keyspec.Spec) (proto.KeyRef, []byte) {
	t.Helper()
	out := must(t)(e.CreateAuditKey(&proto.CreateAuditKeyRequest{Name: string(spec), Spec: keyspec.Of(spec).Number}, nil))
	var answer proto.AuditKeyResponse
	if err := answer.Decode(out); err != nil {
		t.Fatal(err)
	}
	return proto.KeyRef{Bind: proto.Bind{Region: proto.GlobalRegion, ID: string(spec)}, Token: answer.Token}, answer.PublicKey
}

// TestAuditKeys: a signing key of each spec that can be one signs what its
// public key verifies; other specs, and names that are none, are refused.
func TestAuditKeys(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	message := []byte("a digest")
	for i := range keyspec.All() {
		row := &keyspec.All()[i]
		algorithms := row.Algorithms(keyspec.SignVerify)
		if len(algorithms) == 0 || row.Family == keyspec.RSA {
			refused(t, proto.StatusMalformed)(e.CreateAuditKey(&proto.CreateAuditKeyRequest{Name: "n", Spec: row.Number}, nil))
			continue
		}
		ref, spki := newAuditKey(t, e, row.Spec)
		a := &algorithms[0]
		signature := must(t)(e.SignDigest(&proto.SignRequest{Key: ref, Algorithm: a.Number, MessageType: 1, Message: message}, nil))
		if err := alg.Of(row).(alg.Signer).Verify(spki, a, alg.Raw, message, signature); err != nil {
			t.Errorf("%s: %v", row.Spec, err)
		}
		ref.Bind.ID = "another"
		refused(t, proto.StatusTokenRefused)(e.SignDigest(&proto.SignRequest{Key: ref, Algorithm: a.Number, MessageType: 1, Message: message}, nil))
	}
	refused(t, proto.StatusMalformed)(e.CreateAuditKey(&proto.CreateAuditKeyRequest{Spec: keyspec.Of("ECC_NIST_P384").Number}, nil))
	refused(t, proto.StatusMalformed)(e.CreateAuditKey(&proto.CreateAuditKeyRequest{Name: "n", Spec: 999}, nil))
}

// TestStatements: a key of digests signs the statements of its types and nothing
// else, and no other key signs those.
func TestStatements(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	const digest, destruction = `{"type":"trent-audit-digest-1","node":""}`, `{"type":"trent-key-destruction-1","key":""}`
	for _, name := range []string{"digest-ecdsa", "checkpoint-ed25519"} {
		out := must(t)(e.CreateAuditKey(&proto.CreateAuditKeyRequest{Name: name, Spec: keyspec.Of("ECC_NIST_P384").Number}, nil))
		var answer proto.AuditKeyResponse
		if err := answer.Decode(out); err != nil {
			t.Fatal(err)
		}
		in := proto.SignRequest{
			Key: proto.KeyRef{Bind: proto.Bind{Region: proto.GlobalRegion, ID: name}, Token: answer.Token}, Algorithm: keyspec.Of("ECC_NIST_P384").Algorithms(keyspec.SignVerify)[0].Number, MessageType: 1,
		}
		for message, ofDigests := range map[string]bool{
			digest: true, destruction: true, "{" + digest: false, `{"type":"trent-audit-digest-2","node":""}`: false, "trent/log\n1\nAAAA\n": false, "": false, " " + digest: false,
		} {
			in.Message = []byte(message)
			_, status := e.SignDigest(&in, nil)
			if signed := status == proto.StatusOK; signed != (ofDigests == (name == "digest-ecdsa")) && message != "" {
				t.Errorf("%s signs %q: %v", name, message, signed)
			}
			if message == "" && status == proto.StatusOK && name == "digest-ecdsa" {
				t.Errorf("%s signs nothing", name)
			}
		}
	}
}
