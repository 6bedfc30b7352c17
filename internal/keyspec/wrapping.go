package keyspec

// Wrapping is a wrapping algorithm of AWS KMS: how key material is encrypted on
// its way into a KMS key. Source: AWS KMS Developer Guide, "Import key material".
type Wrapping struct {
	Name     string
	Number   uint8 // in frames and import tokens
	Family   Family
	SHA1     bool // of OAEP; else SHA-256
	Envelope bool // an AES-256 key by OAEP, and the material under that key by AES-KWP
	// NotApproved: FIPS 140-3 does not approve it.
	NotApproved bool
}

var wrappings = [...]Wrapping{
	{Name: "RSAES_OAEP_SHA_1", Number: 1, Family: RSA, SHA1: true, NotApproved: true},
	{Name: "RSAES_OAEP_SHA_256", Number: 2, Family: RSA},
	{Name: "RSA_AES_KEY_WRAP_SHA_1", Number: 3, Family: RSA, SHA1: true, Envelope: true, NotApproved: true},
	{Name: "RSA_AES_KEY_WRAP_SHA_256", Number: 4, Family: RSA, Envelope: true},
	{Name: "SM2PKE", Number: 5, Family: SM2, NotApproved: true},
}

// Wrappings lists the wrapping algorithms.
func Wrappings() []Wrapping { return wrappings[:] }

// WrappingNamed returns a wrapping algorithm, nil if there is none of that name.
func WrappingNamed(name string) *Wrapping {
	for i := range wrappings {
		if wrappings[i].Name == name {
			return &wrappings[i]
		}
	}
	return nil
}

// WrappingNumbered returns a wrapping algorithm, nil if there is none of that number.
func WrappingNumbered(number uint8) *Wrapping {
	if number < 1 || int(number) > len(wrappings) {
		return nil
	}
	return &wrappings[number-1]
}

// Algorithm is the encryption algorithm that the wrapping key decrypts with, of the
// wrapping key's spec.
func (w *Wrapping) Algorithm(wrapping *Row) *Alg {
	name := Algorithm("RSAES_OAEP_SHA_256")
	switch {
	case w.Family == SM2:
		name = "SM2PKE"
	case w.SHA1:
		name = "RSAES_OAEP_SHA_1"
	}
	return wrapping.Algorithm(EncryptDecrypt, name)
}

// Importable says whether keys of the spec can have imported material. AWS
// imports none of the post-quantum specs.
func (r *Row) Importable() bool { return r.Family != MLDSA && r.Family != MLKEM }

// Wraps says whether a wrapping key of the spec wrapping can bring material for a
// key of the spec r with the algorithm: OAEP alone has no room for RSA keys, and
// with a wrapping key of 2048 bits none for one on P-521.
func (w *Wrapping) Wraps(r, wrapping *Row) bool {
	if !r.Importable() || wrapping.Family != w.Family || wrapping.Type != Asymmetric {
		return false
	}
	switch {
	case w.Family == SM2:
		return true
	case w.Envelope:
		return r.Type == Asymmetric && r.Family != SM2
	case r.Family == RSA:
		return false
	}
	return r.Family != ECDSA || r.Parameter < 521 || wrapping.Parameter > 2048
}
