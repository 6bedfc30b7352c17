package replica

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"slices"
	"testing"

	"trent/internal/hsm/kdf"
)

func decoded(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// stored is a P-384 key in stored form.
func stored(tb testing.TB, scalar []byte) []byte {
	tb.Helper()
	k, err := ecdh.P384().NewPrivateKey(scalar)
	if err != nil {
		tb.Fatal(err)
	}
	return slices.Concat(scalar, k.PublicKey().Bytes())
}

// transfer is that of the frozen messages.
func transfer() Transfer {
	t := Transfer{SenderRegion: "eu-west-1", ReceiverRegion: "us-west-2", Account: "111122223333", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
	copy(t.Sender[:], append([]byte{1}, sequence(0x11, 15)...))
	copy(t.Receiver[:], append([]byte{1}, sequence(0x21, 15)...))
	var d kdf.Deriver
	t.MaterialID = d.MaterialID(sequence(0xc0, 32), t.KeyID)
	return t
}

// TestFrozen reads messages that another implementation made.
func TestFrozen(t *testing.T) {
	t.Parallel()
	message := decoded(t, frozenOffer)
	offer, err := ParseOffer(message)
	if err != nil {
		t.Fatal(err)
	}
	if offer.Transfer != transfer() || offer.NotAfter != 1772367300 {
		t.Errorf("%+v", offer)
	}
	if err := offer.Verify(decoded(t, receiverSPKI)); err != nil {
		t.Errorf("the offer's signature: %v", err)
	}
	if offer.Verify(decoded(t, senderSPKI)) == nil {
		t.Error("the offer is the sender's as well")
	}
	delivery, err := ParseDelivery(decoded(t, frozenDelivery))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha512.Sum384(message)
	if delivery.Transfer != transfer() || delivery.Spec != 1 || delivery.Usage != 1 || delivery.Offer != hash {
		t.Errorf("%+v", delivery)
	}
	if err := delivery.Verify(decoded(t, senderSPKI)); err != nil {
		t.Errorf("the delivery's signature: %v", err)
	}
	secret := append(stored(t, sequence(0x61, 48)), hash[:]...)
	if key, err := delivery.Open(nil, secret); err != nil || !bytes.Equal(key, sequence(0xc0, 32)) {
		t.Errorf("the key is %x, %v", key, err)
	}
	if wrapping := kdf.Agreed(decoded(t, frozenSecret), kdf.LabelReplication, delivery.head); !bytes.Equal(wrapping[:], decoded(t, frozenWrapping)) {
		t.Errorf("the wrapping key is %x", wrapping)
	}
	for i := range secret {
		wrong := bytes.Clone(secret)
		wrong[i] ^= 1
		if _, err := delivery.Open(nil, wrong); err == nil && i < 48 || err == nil && i >= 145 {
			t.Errorf("opened with byte %d of the secret changed", i)
		}
	}
}

// TestMade: what is made is read again, to the same bytes.
func TestMade(t *testing.T) {
	t.Parallel()
	receiver, sender := stored(t, sequence(0x31, 48)), stored(t, sequence(1, 48))
	tr := transfer()
	message, secret, err := NewOffer(&tr, 1, receiver, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := ParseOffer(message)
	if err != nil || offer.Transfer != tr || offer.NotAfter != 1 || offer.Verify(decoded(t, receiverSPKI)) != nil {
		t.Fatalf("%+v, %v", offer, err)
	}
	for _, key := range [][]byte{sequence(0xc0, 32), sequence(1, 2400), {}} {
		sent, err := NewDelivery(offer, 2, 3, key, sender, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		delivery, err := ParseDelivery(sent)
		if err != nil || delivery.Transfer != tr || delivery.Spec != 2 || delivery.Usage != 3 || delivery.Verify(decoded(t, senderSPKI)) != nil {
			t.Fatalf("%+v, %v", delivery, err)
		}
		if got, err := delivery.Open([]byte("kept"), secret); err != nil || !bytes.Equal(got, append([]byte("kept"), key...)) {
			t.Errorf("%x, %v", got, err)
		}
		if bytes.Contains(sent, sequence(0xc0, 32)) {
			t.Error("the key goes in the clear")
		}
	}
}

// FuzzOffer and FuzzDelivery: no input panics, and what parses is, byte for
// byte, what its members encode to.
func FuzzOffer(f *testing.F) {
	f.Add(decoded(f, frozenOffer))
	f.Add(decoded(f, frozenDelivery))
	f.Fuzz(func(t *testing.T, message []byte) {
		o, err := ParseOffer(message)
		if err != nil {
			return
		}
		again := o.append(nil, offerMessage)
		if !bytes.HasPrefix(message, again) || !bytes.Equal(appendBytes(bytes.Clone(o.signed), o.signature), message) || o.NotAfter <= 0 || len(o.Public) != spkiSize {
			t.Fatalf("%x parses as %+v", message, o)
		}
	})
}

func FuzzDelivery(f *testing.F) {
	f.Add(decoded(f, frozenOffer))
	f.Add(decoded(f, frozenDelivery))
	secret := append(stored(f, sequence(0x61, 48)), make([]byte, hashSize)...)
	f.Fuzz(func(t *testing.T, message []byte) {
		d, err := ParseDelivery(message)
		if err != nil {
			return
		}
		again := append(d.append(nil, deliveryMessage), d.Offer[:]...)
		signed := appendBytes(bytes.Clone(d.head), d.Sealed)
		if !bytes.HasPrefix(message, again) || !bytes.Equal(signed, d.signed) || !bytes.Equal(appendBytes(signed, d.signature), message) {
			t.Fatalf("%x parses as %+v", message, d)
		}
		if _, err := d.Open(nil, secret); err == nil {
			t.Fatalf("%x opens", message)
		}
	})
}
