// Package keyspec is the one list of key specs: each with its numbers, usages,
// algorithms, sizes, quota class and the implementation that the crypto module
// has for it. The service and the module read the same table, so neither can
// offer what the other does not have.
//
// It must hold facts only and import nothing: both programs, on either side of
// the wall, may import it. Source: the AWS KMS Developer Guide, "Key spec
// reference"; the numbers are docs/formats.md's.
package keyspec

// Spec is a KeySpec, Usage a KeyUsage, Algorithm a signing, encryption, MAC,
// key agreement or encapsulation algorithm of AWS KMS, by AWS's names.
type (
	Spec      string
	Usage     string
	Algorithm string
)

// The usages.
const (
	EncryptDecrypt         Usage = "ENCRYPT_DECRYPT"
	SignVerify             Usage = "SIGN_VERIFY"
	GenerateVerifyMAC      Usage = "GENERATE_VERIFY_MAC"
	KeyAgreement           Usage = "KEY_AGREEMENT"
	EncapsulateDecapsulate Usage = "ENCAPSULATE_DECAPSULATE"
)

// usages by number; 0 is none.
var usages = [...]Usage{"", EncryptDecrypt, SignVerify, GenerateVerifyMAC, KeyAgreement, EncapsulateDecapsulate}

// Type is how AWS's guide divides keys.
type Type uint8

// The types.
const (
	Symmetric Type = iota + 1
	HMAC
	Asymmetric
)

// String is the type as docs and errors write it.
func (t Type) String() string {
	return [...]string{"UNKNOWN", "SYMMETRIC", "HMAC", "ASYMMETRIC"}[t]
}

// Class is a class of request quotas for cryptographic operations.
type Class uint8

// The classes; HMAC keys share the symmetric one, SM2 keys the elliptic one.
const (
	ClassSymmetric Class = iota + 1
	ClassRSA
	ClassECC
	ClassMLDSA
	ClassMLKEM
)

// Family names the implementation in the crypto module, internal/hsm/alg.
type Family uint8

// The families.
const (
	AES Family = iota + 1
	RSA
	ECDSA // the NIST curves
	Secp256k1
	Ed25519
	MAC
	MLDSA
	MLKEM
	SM2
)

// A Row is what the table says of one spec.
type Row struct {
	Spec   Spec
	Number uint16 // in tokens and frames
	Type   Type
	Family Family
	// Parameter picks the family's parameter set: bits of the modulus or the
	// curve, the hash's bits, or the set's number as in its name.
	Parameter int
	Class     Class
	// DataKeyPair says that GenerateDataKeyPair makes pairs of it.
	DataKeyPair bool
	// PairsPerSecond is AWS's request quota for such pairs.
	PairsPerSecond int
	Uses           []Use
}

// A Use is a usage with its algorithms, in AWS's order.
type Use struct {
	Usage      Usage
	Algorithms []Alg
}

// An Alg is what one algorithm needs to be known by.
type Alg struct {
	Name Algorithm
	// Number stands in frames between the two programs.
	Number uint8
	// DigestBytes is how long the message of MessageType DIGEST is; 0: it takes none.
	DigestBytes int
	// RawRefused says that MessageType RAW is not for it.
	RawRefused bool
	// MuBytes is how long the message of MessageType EXTERNAL_MU is; 0: it takes none.
	MuBytes int
	// MaxPlaintextBytes bounds what Encrypt takes; 0 where it does not apply.
	MaxPlaintextBytes int
	// NotApproved says that FIPS 140-3 does not approve it, or that it is not
	// part of a validated module: the audit record marks its use.
	NotApproved bool
}

const (
	curveSM2 = 256
	muBytes  = 64
)

func oaep(bits int) []Alg {
	return []Alg{
		{Name: "RSAES_OAEP_SHA_1", Number: 2, MaxPlaintextBytes: bits/8 - 2*20 - 2, NotApproved: true},
		{Name: "RSAES_OAEP_SHA_256", Number: 3, MaxPlaintextBytes: bits/8 - 2*32 - 2},
	}
}

func rsaUses(bits int) []Use {
	return []Use{{EncryptDecrypt, oaep(bits)}, {SignVerify, []Alg{
		{Name: "RSASSA_PSS_SHA_256", Number: 4, DigestBytes: 32},
		{Name: "RSASSA_PSS_SHA_384", Number: 5, DigestBytes: 48},
		{Name: "RSASSA_PSS_SHA_512", Number: 6, DigestBytes: 64},
		{Name: "RSASSA_PKCS1_V1_5_SHA_256", Number: 7, DigestBytes: 32},
		{Name: "RSASSA_PKCS1_V1_5_SHA_384", Number: 8, DigestBytes: 48},
		{Name: "RSASSA_PKCS1_V1_5_SHA_512", Number: 9, DigestBytes: 64},
	}}}
}

var (
	ecdsa256 = Alg{Name: "ECDSA_SHA_256", Number: 10, DigestBytes: 32}
	ecdsa384 = Alg{Name: "ECDSA_SHA_384", Number: 11, DigestBytes: 48}
	ecdsa512 = Alg{Name: "ECDSA_SHA_512", Number: 12, DigestBytes: 64}
	ecdh     = Use{KeyAgreement, []Alg{{Name: "ECDH", Number: 20}}}
)

func nist(a Alg) []Use { return []Use{{SignVerify, []Alg{a}}, ecdh} }

func signs(algs ...Alg) []Use { return []Use{{SignVerify, algs}} }

func unapproved(a Alg) Alg {
	a.NotApproved = true
	return a
}

var mldsa = signs(Alg{Name: "ML_DSA_SHAKE_256", Number: 15, MuBytes: muBytes, NotApproved: true})

func mac(name Algorithm, number uint8) []Use {
	return []Use{{GenerateVerifyMAC, []Alg{{Name: name, Number: number}}}}
}

func mlkem(approved bool) []Use {
	return []Use{{EncapsulateDecapsulate, []Alg{{Name: "ML_KEM", Number: 21, NotApproved: !approved}}}}
}

// rows is the table, in order of number. It is read only.
var rows = [...]Row{
	{Spec: "SYMMETRIC_DEFAULT", Number: 1, Type: Symmetric, Family: AES, Parameter: 256, Class: ClassSymmetric,
		Uses: []Use{{EncryptDecrypt, []Alg{{Name: "SYMMETRIC_DEFAULT", Number: 1, MaxPlaintextBytes: 4096}}}}},
	{Spec: "RSA_2048", Number: 2, Type: Asymmetric, Family: RSA, Parameter: 2048, Class: ClassRSA, DataKeyPair: true, PairsPerSecond: 20, Uses: rsaUses(2048)},
	{Spec: "RSA_3072", Number: 3, Type: Asymmetric, Family: RSA, Parameter: 3072, Class: ClassRSA, DataKeyPair: true, PairsPerSecond: 4, Uses: rsaUses(3072)},
	{Spec: "RSA_4096", Number: 4, Type: Asymmetric, Family: RSA, Parameter: 4096, Class: ClassRSA, DataKeyPair: true, PairsPerSecond: 1, Uses: rsaUses(4096)},
	{Spec: "ECC_NIST_P256", Number: 5, Type: Asymmetric, Family: ECDSA, Parameter: 256, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 100, Uses: nist(ecdsa256)},
	{Spec: "ECC_NIST_P384", Number: 6, Type: Asymmetric, Family: ECDSA, Parameter: 384, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 100, Uses: nist(ecdsa384)},
	{Spec: "ECC_NIST_P521", Number: 7, Type: Asymmetric, Family: ECDSA, Parameter: 521, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 100, Uses: nist(ecdsa512)},
	{Spec: "ECC_SECG_P256K1", Number: 8, Type: Asymmetric, Family: Secp256k1, Parameter: 256, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 100, Uses: signs(unapproved(ecdsa256))},
	{Spec: "ECC_NIST_EDWARDS25519", Number: 9, Type: Asymmetric, Family: Ed25519, Parameter: 255, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 100, Uses: signs(
		Alg{Name: "ED25519_SHA_512", Number: 13},
		Alg{Name: "ED25519_PH_SHA_512", Number: 14, DigestBytes: 64, RawRefused: true})},
	{Spec: "HMAC_224", Number: 10, Type: HMAC, Family: MAC, Parameter: 224, Class: ClassSymmetric, Uses: mac("HMAC_SHA_224", 16)},
	{Spec: "HMAC_256", Number: 11, Type: HMAC, Family: MAC, Parameter: 256, Class: ClassSymmetric, Uses: mac("HMAC_SHA_256", 17)},
	{Spec: "HMAC_384", Number: 12, Type: HMAC, Family: MAC, Parameter: 384, Class: ClassSymmetric, Uses: mac("HMAC_SHA_384", 18)},
	{Spec: "HMAC_512", Number: 13, Type: HMAC, Family: MAC, Parameter: 512, Class: ClassSymmetric, Uses: mac("HMAC_SHA_512", 19)},
	{Spec: "ML_DSA_44", Number: 14, Type: Asymmetric, Family: MLDSA, Parameter: 44, Class: ClassMLDSA, Uses: mldsa},
	{Spec: "ML_DSA_65", Number: 15, Type: Asymmetric, Family: MLDSA, Parameter: 65, Class: ClassMLDSA, Uses: mldsa},
	{Spec: "ML_DSA_87", Number: 16, Type: Asymmetric, Family: MLDSA, Parameter: 87, Class: ClassMLDSA, Uses: mldsa},
	{Spec: "ML_KEM_512", Number: 17, Type: Asymmetric, Family: MLKEM, Parameter: 512, Class: ClassMLKEM, DataKeyPair: true, PairsPerSecond: 100, Uses: mlkem(false)},
	{Spec: "ML_KEM_768", Number: 18, Type: Asymmetric, Family: MLKEM, Parameter: 768, Class: ClassMLKEM, DataKeyPair: true, PairsPerSecond: 100, Uses: mlkem(true)},
	{Spec: "ML_KEM_1024", Number: 19, Type: Asymmetric, Family: MLKEM, Parameter: 1024, Class: ClassMLKEM, DataKeyPair: true, PairsPerSecond: 100, Uses: mlkem(true)},
	{Spec: "SM2", Number: 20, Type: Asymmetric, Family: SM2, Parameter: curveSM2, Class: ClassECC, DataKeyPair: true, PairsPerSecond: 25, Uses: []Use{
		{EncryptDecrypt, []Alg{{Name: "SM2PKE", Number: 22, MaxPlaintextBytes: 1024, NotApproved: true}}},
		{SignVerify, []Alg{{Name: "SM2DSA", Number: 23, DigestBytes: 32, NotApproved: true}}},
		{KeyAgreement, []Alg{{Name: "ECDH", Number: 20, NotApproved: true}}}}},
}

// All returns the table, in order of number. It is read only.
func All() []Row { return rows[:] }

// Of returns the row of a spec, nil if there is no such spec.
func Of(s Spec) *Row {
	for i := range rows {
		if rows[i].Spec == s {
			return &rows[i]
		}
	}
	return nil
}

// Numbered returns the row with a number, nil if there is none.
func Numbered(n uint16) *Row {
	if n == 0 || int(n) > len(rows) {
		return nil
	}
	return &rows[n-1]
}

// Number returns the usage's number in tokens and frames, 0 if it is unknown.
func (u Usage) Number() uint8 {
	for n := 1; n < len(usages); n++ {
		if usages[n] == u {
			return uint8(n)
		}
	}
	return 0
}

// Algorithms returns the algorithms of a usage, nil if the spec does not have it.
func (r *Row) Algorithms(u Usage) []Alg {
	for i := range r.Uses {
		if r.Uses[i].Usage == u {
			return r.Uses[i].Algorithms
		}
	}
	return nil
}

// NotApproved says that FIPS 140-3 approves none of the spec's algorithms, so
// that making a key is marked too; false without a row.
func (r *Row) NotApproved() bool {
	if r == nil {
		return false
	}
	for i := range r.Uses {
		if find(r.Uses[i].Algorithms, func(a *Alg) bool { return !a.NotApproved }) != nil {
			return false
		}
	}
	return true
}

// AlgorithmNumbered returns a usage's algorithm by its number, nil if the
// spec does not have it for that usage.
func (r *Row) AlgorithmNumbered(usage, number uint8) *Alg {
	if int(usage) >= len(usages) {
		return nil
	}
	return find(r.Algorithms(usages[usage]), func(a *Alg) bool { return a.Number == number })
}

// Algorithm returns a usage's algorithm by its name, nil if the spec does not
// have it for that usage.
func (r *Row) Algorithm(u Usage, name Algorithm) *Alg {
	return find(r.Algorithms(u), func(a *Alg) bool { return a.Name == name })
}

func find(algs []Alg, is func(*Alg) bool) *Alg {
	for i := range algs {
		if is(&algs[i]) {
			return &algs[i]
		}
	}
	return nil
}
