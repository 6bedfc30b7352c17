package throttle

import (
	"trent/internal/api"
	"trent/internal/keyspec"
)

// Class is a class of request quotas: the requests in it share one number.
type Class uint8

// The classes: an operation's own, one for each type of key that cryptographic
// operations use, and one for data key pairs of each spec. The zero Class is none.
const (
	firstCrypto = Class(api.NumOps)
	firstPairs  = firstCrypto + Class(keyspec.ClassMLKEM)
	// NumClasses is the highest number of a class; not every number is one.
	NumClasses = int(firstPairs) + lastSpec
)

// lastSpec is the highest number of a key spec.
const lastSpec = 20

// Symmetric is the class of cryptographic operations with symmetric keys, and of
// those whose key nobody finds.
const Symmetric = firstCrypto + Class(keyspec.ClassSymmetric)

// Own is the class of an operation by itself.
func Own(op api.Op) Class { return Class(op) }

// Crypto is the class of cryptographic operations with keys of a spec.
func Crypto(spec keyspec.Spec) Class {
	row := keyspec.Of(spec)
	if row == nil {
		return Symmetric
	}
	return firstCrypto + Class(row.Class)
}

// Pairs is the class of data key pairs of a spec.
func Pairs(spec keyspec.Spec) Class {
	row := keyspec.Of(spec)
	if row == nil || !row.DataKeyPair {
		return Symmetric // refused later
	}
	return firstPairs + Class(row.Number)
}

// cryptoClasses are the names and numbers of the shared classes. AWS's texts have
// no number for ML-KEM yet; it is its siblings'.
var cryptoClasses = [...]struct {
	name      string
	perSecond float64
}{
	keyspec.ClassSymmetric: {"CryptographicOperationsSymmetric", 10_000},
	keyspec.ClassRSA:       {"CryptographicOperationsRSA", 1_000},
	keyspec.ClassECC:       {"CryptographicOperationsECC", 1_000},
	keyspec.ClassMLDSA:     {"CryptographicOperationsMLDSA", 1_000},
	keyspec.ClassMLKEM:     {"CryptographicOperationsMLKEM", 1_000},
}

// symmetricPerSecond are the Regions in which symmetric keys have another number.
func symmetricPerSecond(region string) float64 {
	switch region {
	case "us-east-1", "us-west-2", "eu-west-1":
		return 100_000
	case "us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2":
		return 20_000
	}
	return cryptoClasses[keyspec.ClassSymmetric].perSecond
}

// rsaPairsInChina is how many data key pairs a second there are in AWS's Regions in
// China.
func rsaPairsInChina(spec keyspec.Spec) float64 {
	switch spec {
	case "RSA_2048":
		return 1
	case "RSA_3072":
		return 0.5
	case "RSA_4096":
		return 0.1
	}
	return 0
}

// own are the operations with a quota of their own; the others use keys or make
// data key pairs.
var own = [api.NumOps + 1]float64{
	api.OpCancelKeyDeletion:         5,
	api.OpConnectCustomKeyStore:     5,
	api.OpCreateAlias:               5,
	api.OpCreateCustomKeyStore:      5,
	api.OpCreateGrant:               50,
	api.OpCreateKey:                 5,
	api.OpDeleteAlias:               15,
	api.OpDeleteCustomKeyStore:      5,
	api.OpDeleteImportedKeyMaterial: 15,
	api.OpDescribeCustomKeyStores:   5,
	api.OpDescribeKey:               2_000,
	api.OpDisableKey:                5,
	api.OpDisableKeyRotation:        5,
	api.OpDisconnectCustomKeyStore:  5,
	api.OpEnableKey:                 5,
	api.OpEnableKeyRotation:         15,
	api.OpGetKeyLastUsage:           5,
	api.OpGetKeyPolicy:              1_000,
	api.OpGetKeyRotationStatus:      1_000,
	api.OpGetParametersForImport:    1,
	api.OpGetPublicKey:              2_000,
	api.OpImportKeyMaterial:         15,
	api.OpListAliases:               500,
	api.OpListGrants:                100,
	api.OpListKeyPolicies:           100,
	api.OpListKeyRotations:          100,
	api.OpListKeys:                  500,
	api.OpListResourceTags:          2_000,
	api.OpListRetirableGrants:       100,
	api.OpPutKeyPolicy:              15,
	api.OpReplicateKey:              5,
	api.OpRetireGrant:               50,
	api.OpRevokeGrant:               50,
	api.OpRotateKeyOnDemand:         5,
	api.OpScheduleKeyDeletion:       15,
	api.OpTagResource:               10,
	api.OpUntagResource:             5,
	api.OpUpdateAlias:               5,
	api.OpUpdateCustomKeyStore:      5,
	api.OpUpdateKeyDescription:      5,
	api.OpUpdatePrimaryRegion:       5,
}

// Classes returns every class.
func Classes() (all []Class) {
	for op, perSecond := range own {
		if perSecond > 0 {
			all = append(all, Class(op))
		}
	}
	for c := keyspec.ClassSymmetric; c <= keyspec.ClassMLKEM; c++ {
		all = append(all, firstCrypto+Class(c))
	}
	for _, row := range keyspec.All() {
		if row.DataKeyPair {
			all = append(all, firstPairs+Class(row.Number))
		}
	}
	return all
}

// pairs is the row of a class of data key pairs; nil if it is none.
func (c Class) pairs() *keyspec.Row {
	if c <= firstPairs {
		return nil
	}
	return keyspec.Numbered(uint16(c - firstPairs))
}

// String is the class's name in the configuration and in metrics: an operation's,
// CryptographicOperations and a type of key, or GenerateDataKeyPair_ and a spec.
func (c Class) String() string {
	switch row := c.pairs(); {
	case row != nil:
		return api.OpGenerateDataKeyPair.String() + "_" + string(row.Spec)
	case c > firstCrypto && c <= firstPairs:
		return cryptoClasses[c-firstCrypto].name
	}
	return api.Op(c).String()
}

// aws is AWS's number of a class in a Region.
func (c Class) aws(region string) float64 {
	switch row := c.pairs(); {
	case row != nil:
		if n := rsaPairsInChina(row.Spec); n > 0 && len(region) > 3 && region[:3] == "cn-" {
			return n
		}
		return float64(row.PairsPerSecond)
	case c == Symmetric:
		return symmetricPerSecond(region)
	case c > firstCrypto && c <= firstPairs:
		return cryptoClasses[c-firstCrypto].perSecond
	}
	return own[c]
}
