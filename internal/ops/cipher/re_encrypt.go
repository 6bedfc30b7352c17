package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// ReEncrypt decrypts under one key and encrypts under another, inside the
// crypto module: the plaintext never comes out of it.
func (o *Ops) ReEncrypt(ctx context.Context, c *call.Call, in *api.ReEncryptRequest) (*api.ReEncryptResponse, error) {
	from := side{c: c, slot: 0, algorithm: orSymmetric(in.SourceEncryptionAlgorithm), ec: in.SourceEncryptionContext}
	to := side{c: c, slot: 1, algorithm: orSymmetric(in.DestinationEncryptionAlgorithm), ec: in.DestinationEncryptionContext}
	for _, s := range [...]*side{&from, &to} {
		if err := noContext(s.key(), s.ec); err != nil {
			return nil, err
		}
	}
	if c.DryRun {
		if len(in.DryRunModifiers) == 0 {
			if err := o.tryReEncrypt(ctx, &from, in.CiphertextBlob, &to); err != nil {
				return nil, err
			}
		}
		return nil, c.EndDryRun()
	}
	blob, err := o.reEncrypt(ctx, &from, in.CiphertextBlob, &to)
	if err != nil {
		return nil, err
	}
	out := &api.ReEncryptResponse{
		CiphertextBlob: blob, SourceKeyId: from.key().ARN, KeyId: to.key().ARN,
		SourceEncryptionAlgorithm: from.algorithm, DestinationEncryptionAlgorithm: to.algorithm,
	}
	if m := c.Materials[0]; m != nil {
		out.SourceKeyMaterialId = m.Text
	}
	if m := c.Materials[1]; m != nil {
		out.DestinationKeyMaterialId = m.Text
	}
	return out, nil
}

// tryReEncrypt finds out whether a dry run would have succeeded. Between symmetric
// keys every plaintext fits; others' algorithms have limits, so the module does
// what it is asked for, and the ciphertext is dropped.
func (o *Ops) tryReEncrypt(ctx context.Context, from *side, blob []byte, to *side) error {
	if to.symmetric() && from.symmetric() {
		return o.check(ctx, from, blob)
	}
	_, err := o.reEncrypt(ctx, from, blob, to)
	return err
}

func (o *Ops) reEncrypt(ctx context.Context, from *side, blob []byte, to *side) ([]byte, error) {
	if from.symmetric() {
		usedOf(from.c, from.slot, blob)
	}
	if to.symmetric() {
		usedCurrent(to.c, to.slot)
	}
	if from.symmetric() && to.symmetric() {
		return o.Module.ReEncrypt(ctx, from.c.Permits[0], contextHash(from.ec), blob, to.c.Permits[1], contextHash(to.ec))
	}
	return o.Module.ReEncryptAny(ctx, from.use(), blob, to.use())
}
