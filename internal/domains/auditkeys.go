package domains

import (
	"context"
	"errors"
	"fmt"

	"trent/internal/digest"
	"trent/internal/hsm/client/jobs"
	"trent/internal/keyspec"
	"trent/internal/record"
	"trent/internal/store"
)

// auditSigners are the keys that sign digests of the audit trail: two, of
// algorithms that nothing breaks together.
var auditSigners = [...]struct {
	name      string
	spec      keyspec.Spec
	algorithm keyspec.Algorithm
}{
	{"digest-ecdsa", "ECC_NIST_P384", digest.ECDSA},
	{"digest-mldsa", "ML_DSA_65", digest.MLDSA},
}

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
	all, err := s.all(ctx)
	for _, k := range all {
		keys = append(keys, k.Key)
	}
	return keys, err
}

// Sign signs a digest's statement with every key.
func (s *Signer) Sign(ctx context.Context, statement []byte) (signatures []digest.Signature, err error) {
	all, err := s.all(ctx)
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

// all reads the keys from the store, each time: rotations wrap them anew.
func (s *Signer) all(ctx context.Context) (all []signingKey, err error) {
	global, err := s.Region(ctx, Global)
	if err != nil {
		return nil, err
	}
	for _, row := range auditSigners {
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
