package arn

import (
	"encoding/hex"
	"fmt"
	"io"
)

// NewKeyID makes the id of a new single-Region key: a random UUID (RFC 9562,
// version 4) from 16 bytes of rand.
func NewKeyID(rand io.Reader) (string, error) {
	var u [16]byte
	if _, err := io.ReadFull(rand, u[:]); err != nil {
		return "", fmt.Errorf("make a key id: %w", err)
	}
	u[6] = u[6]&0x0f | 0x40 // version 4
	u[8] = u[8]&0x3f | 0x80 // variant of RFC 9562
	text := make([]byte, 0, uuidSize)
	text = hex.AppendEncode(text, u[0:4])
	text = hex.AppendEncode(append(text, '-'), u[4:6])
	text = hex.AppendEncode(append(text, '-'), u[6:8])
	text = hex.AppendEncode(append(text, '-'), u[8:10])
	text = hex.AppendEncode(append(text, '-'), u[10:16])
	return string(text), nil
}

// NewMultiRegionKeyID makes the id of a new multi-Region key, of 16 bytes of rand.
func NewMultiRegionKeyID(rand io.Reader) (string, error) {
	var u [16]byte
	if _, err := io.ReadFull(rand, u[:]); err != nil {
		return "", fmt.Errorf("make a key id: %w", err)
	}
	return multiRegionPrefix + hex.EncodeToString(u[:]), nil
}

// ValidKeyID reports whether s has the form of a key id.
func ValidKeyID(s string) bool {
	if MultiRegionKeyID(s) {
		return true
	}
	if len(s) != uuidSize {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

// MultiRegionKeyID reports whether s has the form of a multi-Region key's id.
func MultiRegionKeyID(s string) bool {
	if len(s) != multiRegionSize || s[:len(multiRegionPrefix)] != multiRegionPrefix {
		return false
	}
	for i := len(multiRegionPrefix); i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
