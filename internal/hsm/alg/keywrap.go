package alg

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
)

// Sizes of AES key wrapping with padding, in bytes.
const (
	semiblock     = 8
	kwpMinWrapped = 2 * semiblock
)

// UnwrapKWP opens what AES Key Wrap with Padding has wrapped: KWP-AD of NIST SP
// 800-38F, section 6.3, which is RFC 5649. The result is the caller's to wipe. The
// error is ErrCiphertext, whatever is wrong.
func UnwrapKWP(key, wrapped []byte) ([]byte, error) {
	if len(wrapped) < kwpMinWrapped || len(wrapped)%semiblock != 0 {
		return nil, ErrCiphertext
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrCiphertext
	}
	s := make([]byte, len(wrapped))
	copy(s, wrapped)
	if len(s) == kwpMinWrapped {
		block.Decrypt(s, s)
	} else {
		n := len(s)/semiblock - 1
		var ab [aes.BlockSize]byte
		copy(ab[:], s[:semiblock])
		for t := 6 * n; t > 0; t-- {
			i := (t-1)%n + 1
			binary.BigEndian.PutUint64(ab[:], binary.BigEndian.Uint64(ab[:])^uint64(t))
			copy(ab[semiblock:], s[i*semiblock:])
			block.Decrypt(ab[:], ab[:])
			copy(s[i*semiblock:(i+1)*semiblock], ab[semiblock:])
		}
		copy(s, ab[:semiblock])
		clear(ab[:])
	}
	// The checks take the same time whichever of them fails.
	length, room := int(binary.BigEndian.Uint32(s[4:])), len(s)-semiblock
	ok := subtle.ConstantTimeEq(int32(binary.BigEndian.Uint32(s)), -0x59a6a65a)
	inRange := subtle.ConstantTimeLessOrEq(length, room) & subtle.ConstantTimeLessOrEq(room-semiblock+1, length)
	length = subtle.ConstantTimeSelect(inRange, length, room)
	padding := byte(0)
	for i := range semiblock {
		in := subtle.ConstantTimeLessOrEq(length+1, room-i) // the i-th byte from the end is padding
		padding |= s[len(s)-1-i] & byte(-in)
	}
	ok &= inRange & subtle.ConstantTimeByteEq(padding, 0)
	if ok != 1 {
		clear(s)
		return nil, ErrCiphertext
	}
	return s[semiblock : semiblock+length], nil
}
