package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
)

// A side is one key of a request with what the request says of it.
type side struct {
	c         *call.Call
	slot      int
	algorithm string
	ec        api.EncryptionContext
}

func (s *side) key() *key.Key   { return s.c.Keys[s.slot] }
func (s *side) symmetric() bool { return s.key().Spec == key.SymmetricDefault }

func (s *side) use() use.Side {
	return use.Side{Permit: s.c.Permits[s.slot], Algorithm: s.algorithm, ContextHash: contextHash(s.ec)}
}

// check decrypts a ciphertext inside the module and brings nothing out.
func (o *Ops) check(ctx context.Context, s *side, blob []byte) error {
	if s.symmetric() {
		usedOf(s.c, s.slot, blob)
		return o.Module.CheckCiphertext(ctx, s.c.Permits[s.slot], contextHash(s.ec), blob)
	}
	return o.Module.CheckPrivateCiphertext(ctx, s.c.Permits[s.slot], s.algorithm, blob)
}

// orSymmetric is the algorithm that a request means if it names none.
func orSymmetric(algorithm string) string {
	if algorithm == "" {
		return api.EncryptionAlgorithmSpecSymmetricDefault
	}
	return algorithm
}

// noContext refuses an encryption context for an asymmetric key, whose
// ciphertexts cannot be bound to one.
func noContext(k *key.Key, ec api.EncryptionContext) error {
	if len(ec) == 0 || k.Spec == key.SymmetricDefault {
		return nil
	}
	return apierr.New(apierr.Validation, "EncryptionContext is not supported for key spec %s: only symmetric encryption keys take one.", k.Spec)
}
