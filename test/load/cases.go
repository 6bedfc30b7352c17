package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"trent/internal/keyspec"
)

// An algorithmCase is one operation with a key of one spec and one algorithm.
type algorithmCase struct {
	Spec      keyspec.Spec      `json:"key_spec"`
	Usage     keyspec.Usage     `json:"key_usage"`
	Operation string            `json:"operation"`
	Algorithm keyspec.Algorithm `json:"algorithm,omitempty"` // "" for GenerateDataKeyPair and GetPublicKey
}

func (c algorithmCase) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Operation, c.Spec, c.Algorithm))
}

// alg is the row of the case's algorithm.
func (c algorithmCase) alg() *keyspec.Alg { return keyspec.Of(c.Spec).Algorithm(c.Usage, c.Algorithm) }

// usageOperations are the operations that use a key's algorithms.
var usageOperations = map[keyspec.Usage][]string{
	keyspec.SignVerify:             {"Sign", "Verify"},
	keyspec.EncryptDecrypt:         {"Encrypt", "Decrypt"},
	keyspec.GenerateVerifyMAC:      {"GenerateMac", "VerifyMac"},
	keyspec.KeyAgreement:           {"DeriveSharedSecret"},
	keyspec.EncapsulateDecapsulate: {"Encapsulate", "Decapsulate"},
}

// allCases are every spec with each of its usages and algorithms, from the one
// table of key specs.
func allCases() []algorithmCase {
	var all []algorithmCase
	for _, row := range keyspec.All() {
		if row.Type == keyspec.Symmetric {
			continue // load run measures it
		}
		for _, use := range row.Uses {
			for _, a := range use.Algorithms {
				for _, operation := range usageOperations[use.Usage] {
					all = append(all, algorithmCase{row.Spec, use.Usage, operation, a.Name})
				}
			}
		}
	}
	const p256 = "ECC_NIST_P256"
	return append(all,
		algorithmCase{Spec: p256, Usage: keyspec.SignVerify, Operation: "GenerateDataKeyPair"},
		algorithmCase{Spec: p256, Usage: keyspec.SignVerify, Operation: "GetPublicKey"})
}

// messageSize is that of what is signed: a SHA-512 digest's, for Ed25519ph.
const messageSize = 64

func message() []byte { return bytes.Repeat([]byte("m"), messageSize) }

// A keyring keeps the keys that the cases of one server use.
type keyring struct {
	host string
	keys map[[2]string]string // ids, by spec and usage
}

// key is the id of the server's key of that spec and usage, made if it has none.
func (r *keyring) key(ctx context.Context, spec keyspec.Spec, usage keyspec.Usage) (string, error) {
	name := [2]string{string(spec), string(usage)}
	if id, ok := r.keys[name]; ok {
		return id, nil
	}
	id, err := r.create(ctx, spec, usage)
	r.keys[name] = id
	return id, err
}

func (r *keyring) create(ctx context.Context, spec keyspec.Spec, usage keyspec.Usage) (string, error) {
	var created struct{ KeyMetadata struct{ KeyId string } }
	err := call(ctx, r.host, newRequest("CreateKey", map[string]any{"KeySpec": spec, "KeyUsage": usage}), &created)
	return created.KeyMetadata.KeyId, err
}

func (r *keyring) publicKey(ctx context.Context, id string) ([]byte, error) {
	var answer struct{ PublicKey []byte }
	err := call(ctx, r.host, newRequest("GetPublicKey", map[string]any{"KeyId": id}), &answer)
	return answer.PublicKey, err
}

// request is the request of a case.
func (r *keyring) request(ctx context.Context, c algorithmCase) (request, error) {
	spec, usage := c.Spec, c.Usage
	if c.Operation == "GenerateDataKeyPair" {
		spec, usage = "SYMMETRIC_DEFAULT", keyspec.EncryptDecrypt
	}
	id, err := r.key(ctx, spec, usage)
	if err != nil {
		return request{}, err
	}
	in := map[string]any{"KeyId": id}
	switch c.Operation {
	case "Sign", "Verify":
		in["Message"], in["MessageType"], in["SigningAlgorithm"] = message(), "RAW", c.Algorithm
		if c.alg().RawRefused {
			in["MessageType"] = "DIGEST"
		}
	case "Encrypt", "Decrypt":
		in["Plaintext"], in["EncryptionAlgorithm"] = message()[:plaintextSize], c.Algorithm
	case "GenerateMac", "VerifyMac":
		in["Message"], in["MacAlgorithm"] = message(), c.Algorithm
	case "Encapsulate", "Decapsulate":
		in["EncapsulationAlgorithm"] = c.Algorithm
	case "DeriveSharedSecret":
		in["KeyAgreementAlgorithm"] = c.Algorithm
		peer, err := r.create(ctx, spec, usage)
		if err != nil {
			return request{}, err
		}
		if in["PublicKey"], err = r.publicKey(ctx, peer); err != nil {
			return request{}, err
		}
	case "GenerateDataKeyPair":
		in["KeyPairSpec"] = c.Spec
	}
	err = r.prepare(ctx, c.Operation, in)
	return newRequest(c.Operation, in), err
}

// inverses are the operations that need the answer of another one: its name,
// the member of that answer which the request has too, and the one it has not.
var inverses = map[string]struct{ of, member, instead string }{
	"Verify":      {"Sign", "Signature", ""},
	"Decrypt":     {"Encrypt", "CiphertextBlob", "Plaintext"},
	"VerifyMac":   {"GenerateMac", "Mac", ""},
	"Decapsulate": {"Encapsulate", "SharedSecretCiphertextBlob", ""},
}

// prepare adds to a request what another operation answers.
func (r *keyring) prepare(ctx context.Context, operation string, in map[string]any) error {
	inverse, ok := inverses[operation]
	if !ok {
		return nil
	}
	var answer map[string]any
	if err := call(ctx, r.host, newRequest(inverse.of, in), &answer); err != nil {
		return err
	}
	in[inverse.member] = answer[inverse.member] // Base64, as the request has it
	delete(in, inverse.instead)
	return nil
}
