package replica

import (
	"crypto/sha512"
	"encoding/binary"
	"io"
	"slices"
)

// Offer is the receiver's message: what it asks for, and the ephemeral public
// key to which that is to be sealed.
type Offer struct {
	Transfer
	NotAfter int64  // Unix seconds
	Public   []byte // SPKI, ephemeral

	hash              [hashSize]byte // of the whole message
	signed, signature []byte
}

// secretSize is what an offer's secret takes: a stored P-384 key and a hash.
const secretSize = 48 + 97 + hashSize

// NewOffer makes an offer, signed by a replication key in stored form, and its
// secret: the ephemeral private key and the hash of the offer. Who has the
// secret can open the delivery that answers this offer, and no other. The
// caller wipes it.
func NewOffer(t *Transfer, notAfter int64, signer []byte, random io.Reader) (offer, secret []byte, err error) {
	private, spki, err := ephemeral(random)
	if err != nil {
		return nil, nil, err
	}
	defer clear(private)
	offer = binary.BigEndian.AppendUint64(t.append(nil, offerMessage), uint64(notAfter))
	if offer, err = sign(appendBytes(offer, spki), signer); err != nil {
		return nil, nil, err
	}
	hash := sha512.Sum384(offer)
	return offer, slices.Concat(private, hash[:]), nil
}

// ParseOffer reads an offer. Nothing in it may be believed before Verify has
// authenticated it.
func ParseOffer(message []byte) (*Offer, error) {
	r := read(message)
	o := &Offer{}
	o.parse(r, offerMessage)
	o.NotAfter = int64(r.u64())
	o.Public = r.bytes(spkiSize, spkiSize)
	o.signed = r.before()
	o.signature = r.bytes(1, maxSignature)
	if err := r.done(); err != nil || o.NotAfter <= 0 {
		return nil, ErrInvalid
	}
	o.hash = sha512.Sum384(message)
	return o, nil
}

// Verify is ErrInvalid unless the offer was signed by that replication key.
func (o *Offer) Verify(spki []byte) error { return verify(spki, o.signed, o.signature) }
