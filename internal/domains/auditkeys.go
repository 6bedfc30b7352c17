package domains

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"trent/internal/digest"
	"trent/internal/hsm/client/jobs"
	"trent/internal/keyspec"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/tlog"
)

// An auditSigner is a key that signs what is said of the audit trail.
type auditSigner struct {
	name      string
	spec      keyspec.Spec
	algorithm keyspec.Algorithm
}

// digestSigners sign digests: two, of algorithms that nothing breaks together.
// checkpointSigners sign checkpoints, by C2SP's algorithms, and nothing else: what
// a key signs must not be taken for something else.
var (
	digestSigners = []auditSigner{
		{"digest-ecdsa", "ECC_NIST_P384", digest.ECDSA},
		{"digest-mldsa", "ML_DSA_65", digest.MLDSA},
	}
	checkpointSigners = []auditSigner{
		{"checkpoint-ed25519", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512"},
		{"checkpoint-mldsa", "ML_DSA_44", "ML_DSA_SHAKE_256"},
	}
)

// Signer signs digests with the keys of the global domain. It makes a key that
// is missing when it is first asked, and the one that the crypto module does
// not offer (ML-DSA, under fips: strict) it leaves out.
type Signer struct {
	*Manager
	// Made returns the write of the audit record of a new key.
	Made func(k digest.Key) (store.Op, error)
}

// signingKey is a key as the store has it.
type signingKey struct {
	jobs.AuditKey
	digest.Key
	number uint8 // of the algorithm
}

// Keys returns the public keys.
func (s *Signer) Keys(ctx context.Context) (keys []digest.Key, err error) {
	all, err := s.all(ctx, digestSigners)
	for _, k := range all {
		keys = append(keys, k.Key)
	}
	return keys, err
}

// Sign signs a digest's statement with every key.
func (s *Signer) Sign(ctx context.Context, statement []byte) (signatures []digest.Signature, err error) {
	all, err := s.all(ctx, digestSigners)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		b, err := s.Module.SignDigest(ctx, &k.AuditKey, k.number, statement)
		if errors.Is(err, jobs.Unsupported) && len(all) > 1 { // fips: strict, which was not on when the key was made
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sign with %s: %w", k.Name, err)
		}
		signatures = append(signatures, digest.Signature{Algorithm: k.Algorithm, KeyID: k.ID, Bytes: b})
	}
	if len(signatures) == 0 {
		return nil, jobs.Unsupported
	}
	return signatures, nil
}

// CheckpointSigner signs checkpoints of the audit trail, as Signer digests.
type CheckpointSigner struct{ Signer *Signer }

// Keys returns the public keys (SPKI).
func (s CheckpointSigner) Keys(ctx context.Context) (public [][]byte, err error) {
	all, err := s.Signer.all(ctx, checkpointSigners)
	for _, k := range all {
		public = append(public, k.Key.PublicKey)
	}
	return public, err
}

// Sign signs a message with one of the keys.
func (s CheckpointSigner) Sign(ctx context.Context, spki, message []byte) ([]byte, error) {
	all, err := s.Signer.all(ctx, checkpointSigners)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if bytes.Equal(k.Key.PublicKey, spki) {
			signature, err := s.Signer.Module.SignDigest(ctx, &k.AuditKey, k.number, message)
			if errors.Is(err, jobs.Unsupported) {
				err = tlog.ErrUnsupported
			}
			return signature, err
		}
	}
	return nil, errors.New("there is no such key of checkpoints")
}

// all reads the keys from the store, each time: rotations wrap them anew.
func (s *Signer) all(ctx context.Context, rows []auditSigner) (all []signingKey, err error) {
	global, err := s.Region(ctx, Global)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var a record.AuditKey
		path := record.AuditKeyPath(row.name)
		kv, _, err := s.Store.Get(ctx, path)
		switch {
		case errors.Is(err, store.ErrNotFound):
			a, err = s.make(ctx, global, path, row.name, row.spec, string(row.algorithm))
			if errors.Is(err, jobs.Unsupported) {
				continue
			}
		case err == nil:
			_, err = global.Records.Open(kv.Key, kv.Value, record.TypeAuditKey, &a)
		}
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", row.name, err)
		}
		all = append(all, signingKey{
			AuditKey: jobs.AuditKey{Name: row.name, Token: a.Token, Generation: a.Generation, PublicKey: a.PublicKey},
			Key:      digest.Key{ID: digest.KeyID(a.PublicKey), Algorithm: string(row.algorithm), PublicKey: a.PublicKey},
			number:   keyspec.Of(row.spec).Algorithm(keyspec.SignVerify, row.algorithm).Number,
		})
	}
	return all, nil
}

func (s *Signer) make(ctx context.Context, global *Region, path []byte, name string, spec keyspec.Spec, algorithm string) (a record.AuditKey, err error) {
	k, err := s.Module.CreateAuditKey(ctx, name, keyspec.Of(spec).Number)
	if err != nil {
		return a, err
	}
	a = record.AuditKey{Token: k.Token, Generation: k.Generation, Spec: string(spec), PublicKey: k.PublicKey, CreatedMs: s.Now().UnixMilli()}
	value, err := global.Records.Seal(path, record.TypeAuditKey, 1, &a)
	if err != nil {
		return a, err
	}
	event, err := s.Made(digest.Key{ID: digest.KeyID(k.PublicKey), Algorithm: algorithm, PublicKey: k.PublicKey})
	if err != nil {
		return a, err
	}
	ok, _, err := s.Store.Txn(ctx, []store.Cmp{{Key: path}}, []store.Op{{Key: path, Value: value}, event})
	if err == nil && !ok {
		err = errors.New("two processes made it")
	}
	return a, err
}
