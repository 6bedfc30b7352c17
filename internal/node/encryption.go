package node

import (
	"context"
	"fmt"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/auditseal"
	"trent/internal/awsjson"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/secret"
)

// Encryption says how segments of the audit trail are encrypted that have ended.
type Encryption struct {
	Key      string // ARN of a KMS key of Trent's, or of an alias
	Recovery *auditseal.PublicKey
}

// trailPrincipal is the service principal that key policies name: what they say of
// AWS's trails they say of Trent's.
const trailPrincipal = "cloudtrail.amazonaws.com"

// trailName is the name of the trail in its ARN.
const trailName = "trent"

// openEncryption begins to seal the segments that have ended, if the configuration
// says so. What is sealed is read either way.
func (n *Node) openEncryption() {
	if n.Encryption == nil {
		return
	}
	n.sealer = &auditseal.Sealer{Writer: n.sealWriter(), Maker: n.digests, Usable: n.trailKeyUsable, Log: n.Log}
	n.start(n.sealer.Run)
}

// trailKeyUsable says what is wrong with the state of the trail's KMS key.
func (n *Node) trailKeyUsable(ctx context.Context) error {
	id := arn.Parse(n.Encryption.Key)
	k, _, err := n.keys.Resolve(ctx, id.Account, id.Region, n.Encryption.Key, true)
	switch {
	case err != nil:
		return err
	case k.State != key.Enabled || k.Spec != key.SymmetricDefault:
		return fmt.Errorf("%s, a key of spec %s, is in state %s", k.ARN, k.Spec, k.State)
	}
	return nil
}

func (n *Node) sealWriter() *auditseal.Writer {
	return &auditseal.Writer{Keys: trailKeys{n}, Key: n.Encryption.Key, Recovery: n.Encryption.Recovery}
}

// sealFile encrypts the files of exports; nil: the configuration has no key.
func (n *Node) sealFile() func(ctx context.Context, name string, plain []byte) ([]byte, error) {
	if n.Encryption == nil {
		return nil
	}
	return n.sealWriter().Seal
}

// sealed opens what is sealed.
func (n *Node) sealed() *auditseal.Reader {
	return &auditseal.Reader{Context: context.Background(), Keys: trailKeys{n}}
}

// trailKeys makes and opens data keys by the pipeline, as the trail.
type trailKeys struct{ *Node }

// keyTimeout bounds the wait for the crypto module.
const keyTimeout = 10 * time.Second

// Generate makes a data key.
func (t trailKeys) Generate(ctx context.Context, key, name string) (k auditseal.DataKey, err error) {
	id := arn.Parse(key)
	body := append(trailContext(&id, name), `,"KeySpec":"`+api.DataKeySpecAes256+`"}`...)
	out, err := t.invoke(ctx, &id, api.OpGenerateDataKey, body)
	if err != nil {
		return k, err
	}
	made, ok := out.(*api.GenerateDataKeyResponse)
	if !ok {
		return k, apierr.New(apierr.KMSInternal, "")
	}
	return auditseal.DataKey{Plain: secret.New(made.Plaintext), Blob: made.CiphertextBlob, KMS: made.KeyId}, nil
}

// Decrypt opens one.
func (t trailKeys) Decrypt(ctx context.Context, key, name string, blob []byte) (plain secret.Bytes, err error) {
	id := arn.Parse(key)
	body := append(awsjson.AppendBlob(append(trailContext(&id, name), `,"CiphertextBlob":`...), blob), '}')
	out, err := t.invoke(ctx, &id, api.OpDecrypt, body)
	if err != nil {
		return plain, err
	}
	opened, ok := out.(*api.DecryptResponse)
	if !ok {
		return plain, apierr.New(apierr.KMSInternal, "")
	}
	return secret.New(opened.Plaintext), nil
}

// invoke calls an operation on a key as the trail.
func (t trailKeys) invoke(ctx context.Context, id *arn.Identifier, op api.Op, body []byte) (api.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	select { // the index may want something while the service starts
	case <-t.assembled:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	by := &identity.Service{Principal: trailPrincipal, SourceARN: trailARN(id), SourceAccount: id.Account}
	return t.Pipeline.Invoke(ctx, by, id.Region, op, body)
}

// trailARN is the trail's ARN, in the account and Region of the key.
func trailARN(key *arn.Identifier) string {
	return "arn:" + key.Partition + ":cloudtrail:" + key.Region + ":" + key.Account + ":trail/" + trailName
}

// trailContext begins a request with the key and the encryption context of a
// file's data key: CloudTrail's, and the file's name.
func trailContext(key *arn.Identifier, name string) []byte {
	b := awsjson.AppendString([]byte(`{"KeyId":`), key.String())
	b = awsjson.AppendString(append(b, `,"EncryptionContext":{"aws:cloudtrail:arn":`...), trailARN(key))
	return append(awsjson.AppendString(append(b, `,"trent:file":`...), name), '}')
}

// measureEncryption adds the metrics of the trail's encryption.
func (n *Node) measureEncryption() {
	m := n.Metrics
	m.Counter("audit_sealed_segments_total", "Segments of the audit trail that were encrypted.", func() uint64 {
		if n.sealer == nil {
			return 0
		}
		return n.sealer.Sealed()
	})
	m.Gauge("audit_sealing_failing", "1 if segments that could be encrypted stay in the clear.", func() float64 {
		return oneIf(n.sealer != nil && n.sealer.Failure() != "")
	})
}
