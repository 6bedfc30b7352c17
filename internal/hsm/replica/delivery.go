package replica

import (
	"crypto/subtle"
	"encoding/binary"
	"io"

	"trent/internal/hsm/kdf"
)

// Delivery is the sender's message: the backing key, sealed to an offer.
type Delivery struct {
	Transfer
	Offer  [hashSize]byte // of the offer that it answers
	Public []byte         // SPKI, ephemeral
	Spec   uint16
	Usage  uint8
	Sealed []byte

	head, signed, signature []byte
}

// NewDelivery seals a backing key to an offer that was verified, signed by a
// replication key in stored form.
func NewDelivery(o *Offer, spec uint16, usage uint8, key, signer []byte, random io.Reader) ([]byte, error) {
	private, spki, err := ephemeral(random)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	secret, err := agree(private, o.Public)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	message := append(o.append(nil, deliveryMessage), o.hash[:]...)
	message = appendBytes(message, spki)
	message = append(binary.BigEndian.AppendUint16(message, spec), usage)
	wrapping := kdf.Agreed(secret, kdf.LabelReplication, message)
	defer clear(wrapping[:])
	aead, err := kdf.NewAEAD(wrapping[:])
	if err != nil {
		return nil, err
	}
	return sign(appendBytes(message, aead.Seal(nil, nil, key, message)), signer)
}

// ParseDelivery reads a delivery. Nothing in it may be believed before Verify
// has authenticated it.
func ParseDelivery(message []byte) (*Delivery, error) {
	r := read(message)
	d := &Delivery{}
	d.parse(r, deliveryMessage)
	copy(d.Offer[:], r.take(hashSize))
	d.Public = r.bytes(spkiSize, spkiSize)
	d.Spec, d.Usage = r.u16(), r.u8()
	d.head = r.before()
	d.Sealed = r.bytes(1, maxSealed)
	d.signed = r.before()
	d.signature = r.bytes(1, maxSignature)
	return d, r.done()
}

// Verify is ErrInvalid unless the delivery was signed by that replication key.
func (d *Delivery) Verify(spki []byte) error { return verify(spki, d.signed, d.signature) }

// Open appends the backing key to dst, with the secret of the offer that the
// delivery answers. The caller wipes it. Whatever is wrong is ErrInvalid.
func (d *Delivery) Open(dst, secret []byte) ([]byte, error) {
	if len(secret) != secretSize || subtle.ConstantTimeCompare(secret[secretSize-hashSize:], d.Offer[:]) != 1 {
		return dst, ErrInvalid
	}
	shared, err := agree(secret[:secretSize-hashSize], d.Public)
	if err != nil {
		return dst, err
	}
	defer clear(shared)
	wrapping := kdf.Agreed(shared, kdf.LabelReplication, d.head)
	defer clear(wrapping[:])
	aead, err := kdf.NewAEAD(wrapping[:])
	if err != nil {
		return dst, ErrInvalid
	}
	key, err := aead.Open(dst, nil, d.Sealed, d.head)
	if err != nil {
		return dst, ErrInvalid
	}
	return key, nil
}
