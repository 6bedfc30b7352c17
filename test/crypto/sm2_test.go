package crypto

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"trent/internal/hsm/alg"
)

// sm2Curve is sm2p256v1 with the school's formulas in math/big: slow, and of no
// library. Its parameters are those of GB/T 32918.5-2017.
type sm2Curve struct{ p, a, n, gx, gy *big.Int }

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return n
}

func newSM2Curve() sm2Curve {
	return sm2Curve{
		p:  hexInt("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff"),
		a:  hexInt("fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"),
		n:  hexInt("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"),
		gx: hexInt("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"),
		gy: hexInt("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"),
	}
}

// add returns the sum of two points; (nil, nil) is infinity.
func (c sm2Curve) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	if x1 == nil {
		return x2, y2
	}
	if x2 == nil {
		return x1, y1
	}
	above, below := new(big.Int).Sub(y2, y1), new(big.Int).Sub(x2, x1)
	if x1.Cmp(x2) == 0 {
		if y1.Cmp(y2) != 0 {
			return nil, nil
		}
		above.Mul(x1, x1).Mul(above, big.NewInt(3)).Add(above, c.a)
		below.Lsh(y1, 1)
	}
	slope := above.Mul(above, below.ModInverse(below.Mod(below, c.p), c.p))
	x = new(big.Int).Mul(slope, slope)
	x.Sub(x, x1).Sub(x, x2).Mod(x, c.p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, slope).Sub(y, y1).Mod(y, c.p)
	return x, y
}

func (c sm2Curve) multiply(k, px, py *big.Int) (x, y *big.Int) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		x, y = c.add(x, y, x, y)
		if k.Bit(i) == 1 {
			x, y = c.add(x, y, px, py)
		}
	}
	return x, y
}

// point returns the point of an SPKI.
func point(t *testing.T, spki []byte) (x, y *big.Int) {
	t.Helper()
	var info publicKeyInfo
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(info.Key.Bytes[1:33]), new(big.Int).SetBytes(info.Key.Bytes[33:])
}

// TestSM2Agreement: public keys and shared secrets are what math/big computes.
func TestSM2Agreement(t *testing.T) {
	t.Parallel()
	c := newSM2Curve()
	for range 8 {
		ours, theirs := newKey(t, "SM2", "ECDH"), newKey(t, "SM2", "ECDH")
		scalar := new(big.Int).SetBytes(ours.private[:32])
		x, y := point(t, ours.spki)
		if gx, gy := c.multiply(scalar, c.gx, c.gy); gx.Cmp(x) != 0 || gy.Cmp(y) != 0 {
			t.Fatal("another public key")
		}
		x, y = point(t, theirs.spki)
		want, _ := c.multiply(scalar, x, y)
		secret, err := ours.scheme.(alg.Agreer).Agree(ours.private, theirs.spki)
		if err != nil || !bytes.Equal(secret, want.FillBytes(make([]byte, 32))) {
			t.Errorf("another secret: %v", err)
		}
	}
}

// The examples of GB/T 32918.5-2017, annexes A and C, of one key pair.
const (
	sm2Scalar = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sm2Point  = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	sm2R  = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
	sm2S  = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	sm2C1 = "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73" +
		"e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
	sm2C3 = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
	sm2C2 = "21886ca989ca9c7d58087307ca93092d651efa"
)

func TestSM2Standard(t *testing.T) {
	t.Parallel()
	bits := func(s string) []byte { return hexInt(s).FillBytes(make([]byte, len(s)/2)) }
	stored := append(append(bits(sm2Scalar), 4), bits(sm2Point)...)
	signs, opens := newSubject(t, "SM2", "SM2DSA"), newSubject(t, "SM2", "SM2PKE")
	spki, err := signs.scheme.Public(stored)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := asn1.Marshal(struct{ R, S *big.Int }{hexInt(sm2R), hexInt(sm2S)})
	if err != nil {
		t.Fatal(err)
	}
	if err := signs.verify(t, spki, []byte("message digest"), signature); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if err := signs.verify(t, spki, []byte("message digesT"), signature); !errors.Is(err, alg.ErrSignature) {
		t.Errorf("another message: %v", err)
	}
	ciphertext, err := asn1.Marshal(struct {
		X, Y   *big.Int
		C3, C2 []byte
	}{hexInt(sm2C1[:64]), hexInt(sm2C1[64:]), bits(sm2C3), bits(sm2C2)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opens.scheme.(alg.Cipher).Decrypt(stored, opens.alg, ciphertext); err != nil || string(got) != "encryption standard" {
		t.Errorf("the ciphertext: %q, %v", got, err)
	}
	// C1 ‖ C3 ‖ C2 without DER is another format of the standard, and not AWS's.
	bare := append(append(append([]byte{4}, bits(sm2C1)...), bits(sm2C3)...), bits(sm2C2)...)
	if _, err := opens.scheme.(alg.Cipher).Decrypt(stored, opens.alg, bare); !errors.Is(err, alg.ErrCiphertext) {
		t.Errorf("without DER: %v", err)
	}
}
