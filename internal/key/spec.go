package key

import (
	"trent/internal/apierr"
	"trent/internal/keyspec"
)

// Spec is a KeySpec, Usage a KeyUsage of AWS KMS; internal/keyspec has the
// table of what each allows.
type (
	Spec  = keyspec.Spec
	Usage = keyspec.Usage
)

// The values that the service itself names.
const (
	SymmetricDefault Spec = "SYMMETRIC_DEFAULT"

	EncryptDecrypt         = keyspec.EncryptDecrypt
	SignVerify             = keyspec.SignVerify
	GenerateVerifyMAC      = keyspec.GenerateVerifyMAC
	KeyAgreement           = keyspec.KeyAgreement
	EncapsulateDecapsulate = keyspec.EncapsulateDecapsulate
)

// Type is the key's type, as AWS's guide divides keys.
func (k *Key) Type() keyspec.Type {
	if row := keyspec.Of(k.Spec); row != nil {
		return row.Type
	}
	return 0
}

// Algorithms returns the algorithms of the key's spec and usage, in AWS's order.
func (k *Key) Algorithms() []string {
	row := keyspec.Of(k.Spec)
	if row == nil {
		return nil
	}
	algs := row.Algorithms(k.Usage)
	names := make([]string, len(algs))
	for i := range algs {
		names[i] = string(algs[i].Name)
	}
	return names
}

// Algorithm returns one of the key's algorithms by its name, nil if its spec
// and usage do not have it.
func (k *Key) Algorithm(name string) *keyspec.Alg {
	row := keyspec.Of(k.Spec)
	if row == nil {
		return nil
	}
	return row.Algorithm(k.Usage, keyspec.Algorithm(name))
}

// CheckUse returns the error of an operation (its AWS name) that needs usage
// and algorithm, or nil. An empty usage or algorithm is not checked.
func (k *Key) CheckUse(operation string, usage Usage, algorithm string) error {
	if usage == "" {
		return nil
	}
	if k.Usage != usage {
		return apierr.New(apierr.InvalidKeyUsage, "%s key usage is %s which is not valid for %s.", k.ARN, k.Usage, operation)
	}
	if algorithm != "" && k.Algorithm(algorithm) == nil {
		return apierr.New(apierr.InvalidKeyUsage, "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	return nil
}
