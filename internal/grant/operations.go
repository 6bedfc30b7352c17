package grant

import (
	"math/bits"
	"strings"

	"trent/internal/key"
	"trent/internal/keyspec"
)

// Operations is a set of grant operations.
type Operations uint32

// The operations that a grant can allow, in the order of AWS's model.
const (
	Decrypt Operations = 1 << iota
	Encrypt
	GenerateDataKey
	GenerateDataKeyWithoutPlaintext
	ReEncryptFrom
	ReEncryptTo
	Sign
	Verify
	GetPublicKey
	CreateGrant
	RetireGrant
	DescribeKey
	GenerateDataKeyPair
	GenerateDataKeyPairWithoutPlaintext
	GenerateMac
	VerifyMac
	DeriveSharedSecret
	Encapsulate
	Decapsulate

	numOperations = iota
)

// names of the operations, by bit.
var names = [numOperations]string{
	"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "Sign", "Verify", "GetPublicKey",
	"CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac",
	"DeriveSharedSecret", "Encapsulate", "Decapsulate",
}

// WithContext are the operations whose requests have an encryption context: the
// encryption context constraints bind them, and no others but CreateGrant.
const WithContext = Decrypt | Encrypt | ReEncryptFrom | ReEncryptTo | dataKeys

const dataKeys = GenerateDataKey | GenerateDataKeyWithoutPlaintext | GenerateDataKeyPair | GenerateDataKeyPairWithoutPlaintext

// OfAction is the grant operation of an IAM action such as kms:Decrypt; 0 if no
// grant can allow it.
func OfAction(action string) Operations {
	name, ok := strings.CutPrefix(action, "kms:")
	if !ok {
		return 0
	}
	return named(name)
}

// named is the operation with that name; 0 if there is none.
func named(name string) Operations {
	switch name { // faster than a search: it stands on the way of every request that a grant may allow
	case "Decrypt":
		return Decrypt
	case "Encrypt":
		return Encrypt
	case "GenerateDataKey":
		return GenerateDataKey
	}
	for i := range names {
		if names[i] == name {
			return 1 << i
		}
	}
	return 0
}

// SetOf is the set of the operations with those names. Names of none are left
// out.
func SetOf(list []string) (set Operations) {
	for _, name := range list {
		set |= named(name)
	}
	return set
}

// Names are the names of the set's operations, in the order of AWS's model.
func (s Operations) Names() (list []string) {
	for ; s != 0; s &= s - 1 {
		list = append(list, names[bits.TrailingZeros32(uint32(s))])
	}
	return list
}

// Suitable are the operations that a key can do, as its spec and usage are.
func Suitable(k *key.Key) Operations {
	set := CreateGrant | RetireGrant | DescribeKey
	if k.Type() == keyspec.Asymmetric {
		set |= GetPublicKey
	}
	switch k.Usage {
	case key.EncryptDecrypt:
		set |= Encrypt | Decrypt | ReEncryptFrom | ReEncryptTo
		if k.Spec == key.SymmetricDefault {
			set |= dataKeys
		}
	case key.SignVerify:
		set |= Sign | Verify
	case key.GenerateVerifyMAC:
		set |= GenerateMac | VerifyMac
	case key.KeyAgreement:
		set |= DeriveSharedSecret
	case key.EncapsulateDecapsulate:
		set |= Encapsulate | Decapsulate
	}
	return set
}
