package alg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"

	"trent/internal/keyspec"
)

// A KnownAnswer is a self-test of a family whose library is not part of Go's
// FIPS module, which tests its own algorithms.
type KnownAnswer struct {
	Name string
	// Run computes something and the answer that it must equal. The error is a
	// library's, or that of a wrong input that was accepted.
	Run func() (computed, want []byte, err error)
}

// KnownAnswers returns the self-tests.
func KnownAnswers() []KnownAnswer {
	return []KnownAnswer{
		{"secp256k1-known-answer", secp256k1Answer},
		{"sm2-known-answer", sm2Answer},
		{"ml-dsa-known-answer", mldsaAnswer},
		{"ml-kem-512-known-answer", mlkem512Answer},
	}
}

const (
	// Of the key 1 and "Satoshi Nakamoto", with the nonce of RFC 6979: Bitcoin's
	// implementations have had it in their tests since 2013.
	secp256k1Signature = "3045022100934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8" +
		"02202442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"

	// GB/T 32918.5-2017, annexes A and C: one key, the signature of "message
	// digest" and the ciphertext of "encryption standard", both as DER.
	sm2Key = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8" +
		"0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	sm2Signature = "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3" +
		"022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	sm2Ciphertext = "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73" +
		"022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0" +
		"042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766" +
		"041321886ca989ca9c7d58087307ca93092d651efa"

	// SHA-256 of the public key and the deterministic signature, ML-DSA-44;
	// computed with cloudflare/circl.
	mldsaDigest = "de6599432f73ac7050afa1003c659ebd57441f476e719f6f675a441c3fc92944"
	// SHA-256 of the public key, the ciphertext, its secret, and the secret of a
	// ciphertext of zeros, which is rejected; computed with @noble/post-quantum.
	mlkem512Digest = "27f77b3cbf2a9893ecb70e95e9d0a8789389e6886b4ae8b97dbdcf4e81648e18"
)

var (
	errKnown   = errors.New("alg: a known answer is not verified")
	errAltered = errors.New("alg: an altered input is accepted")
)

// verified checks that a signature verifies, and only of its message.
func verified(s Signer, spki []byte, spec keyspec.Spec, message string, signature []byte) error {
	a := &keyspec.Of(spec).Algorithms(keyspec.SignVerify)[0]
	if s.Verify(spki, a, Raw, []byte(message), signature) != nil {
		return errKnown
	}
	if s.Verify(spki, a, Raw, []byte(message+"."), signature) == nil {
		return errAltered
	}
	return nil
}

func secp256k1Answer() (computed, want []byte, err error) {
	const spec, message = "ECC_SECG_P256K1", "Satoshi Nakamoto"
	var s secp256k1Scheme
	private := make([]byte, secp256k1Bytes)
	private[len(private)-1] = 1
	a := &keyspec.Of(spec).Algorithms(keyspec.SignVerify)[0]
	if computed, err = s.Sign(private, a, Raw, []byte(message)); err != nil {
		return nil, nil, err
	}
	spki, err := s.Public(private)
	if err != nil {
		return nil, nil, err
	}
	if want, err = hex.DecodeString(secp256k1Signature); err != nil {
		return nil, nil, err
	}
	return computed, want, verified(s, spki, spec, message, want)
}

func sm2Answer() (computed, want []byte, err error) {
	var s sm2Scheme
	private, err1 := hex.DecodeString(sm2Key)
	signature, err2 := hex.DecodeString(sm2Signature)
	ciphertext, err3 := hex.DecodeString(sm2Ciphertext)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	spki, err := s.Public(private)
	if err != nil {
		return nil, nil, err
	}
	if err := verified(s, spki, "SM2", "message digest", signature); err != nil {
		return nil, nil, err
	}
	computed, err = s.Decrypt(private, nil, ciphertext)
	if err != nil {
		return nil, nil, err
	}
	ciphertext[len(ciphertext)-1] ^= 1
	if _, err := s.Decrypt(private, nil, ciphertext); err == nil {
		return nil, nil, errAltered
	}
	return computed, []byte("encryption standard"), nil
}

// counting returns n bytes that count from first.
func counting(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func mldsaAnswer() (computed, want []byte, err error) {
	const message = "known answer"
	k, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), counting(0, mldsa.PrivateKeySize))
	if err != nil {
		return nil, nil, err
	}
	signature, err := k.SignDeterministic([]byte(message), nil)
	if err != nil {
		return nil, nil, err
	}
	key := k.PublicKey().Bytes()
	spki, err := marshalSPKI(newMLDSA(44).(mldsaScheme).algorithm, key)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(append(key, signature...))
	if want, err = hex.DecodeString(mldsaDigest); err != nil {
		return nil, nil, err
	}
	return sum[:], want, verified(newMLDSA(44).(mldsaScheme), spki, "ML_DSA_44", message, signature)
}

func mlkem512Answer() (computed, want []byte, err error) {
	scheme := mlkem512.Scheme()
	public, private := scheme.DeriveKeyPair(counting(0, seedBytes))
	key, err := public.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	ciphertext, sent, err := scheme.EncapsulateDeterministically(public, counting(seedBytes, scheme.EncapsulationSeedSize()))
	if err != nil {
		return nil, nil, err
	}
	opened, err := scheme.Decapsulate(private, ciphertext)
	if err != nil {
		return nil, nil, err
	}
	if string(opened) != string(sent) {
		return nil, nil, errKnown
	}
	rejected, err := scheme.Decapsulate(private, make([]byte, len(ciphertext)))
	if err != nil {
		return nil, nil, err
	}
	h := sha256.New()
	for _, part := range [][]byte{key, ciphertext, opened, rejected} {
		h.Write(part)
	}
	want, err = hex.DecodeString(mlkem512Digest)
	return h.Sum(nil), want, err
}
