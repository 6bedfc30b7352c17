package key

import (
	"slices"
	"strings"

	"trent/internal/apierr"
)

// A specRow is what a KeySpec allows.
type specRow struct {
	spec   Spec
	number uint16 // in tokens and frames, docs/formats.md
	uses   []use
}

// A use is a usage with its algorithms, in AWS's order.
type use struct {
	usage      Usage
	algorithms []string
}

// specs lists every KeySpec that keys are made with. It is read only.
var specs = [...]specRow{
	{SymmetricDefault, 1, []use{{EncryptDecrypt, []string{"SYMMETRIC_DEFAULT"}}}},
}

// Number returns the spec's number in tokens and frames, 0 if it is unknown.
func (s Spec) Number() uint16 {
	for i := range specs {
		if specs[i].spec == s {
			return specs[i].number
		}
	}
	return 0
}

// Type is the key type of the spec, as AWS's guide divides keys: SYMMETRIC,
// HMAC or ASYMMETRIC.
func (s Spec) Type() string {
	switch {
	case s == SymmetricDefault:
		return "SYMMETRIC"
	case strings.HasPrefix(string(s), "HMAC_"):
		return "HMAC"
	default:
		return "ASYMMETRIC"
	}
}

// Number returns the usage's number in tokens and frames, 0 if it is unknown.
func (u Usage) Number() uint8 {
	switch u {
	case EncryptDecrypt:
		return 1
	default:
		return 0
	}
}

// Algorithms returns the algorithms of the key's spec and usage, in AWS's order.
func (k *Key) Algorithms() []string {
	for i := range specs {
		if specs[i].spec != k.Spec {
			continue
		}
		for _, u := range specs[i].uses {
			if u.usage == k.Usage {
				return u.algorithms
			}
		}
	}
	return nil
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
	if algorithm != "" && !slices.Contains(k.Algorithms(), algorithm) {
		return apierr.New(apierr.InvalidKeyUsage, "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	return nil
}
