// Package signature has the operations of SIGN_VERIFY and GENERATE_VERIFY_MAC
// keys: Sign, Verify, GenerateMac, VerifyMac. One file an operation; this one
// has what a message must be. It must never see a private key: the crypto
// module signs. Only internal/service imports it.
package signature

import (
	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/hsm/client/use"
	"trent/internal/keyspec"
)

// Ops has the operations as methods.
type Ops struct {
	Module *use.Module
}

// messageType returns what the message of Sign or Verify is, or AWS's error if
// the algorithm does not take it so. An absent MessageType is RAW.
func messageType(a *keyspec.Alg, given string, message []byte) (use.MessageType, error) {
	switch given {
	case "", api.MessageTypeRaw:
		if !a.RawRefused {
			return use.Raw, nil
		}
	case api.MessageTypeDigest:
		if a.DigestBytes == 0 {
			break
		}
		if len(message) != a.DigestBytes {
			return 0, apierr.New(apierr.Validation, "Digest is invalid length for algorithm %s.", a.Name)
		}
		return use.Digest, nil
	case api.MessageTypeExternalMu:
		if a.MuBytes == 0 {
			break
		}
		if len(message) != a.MuBytes {
			return 0, apierr.New(apierr.Validation, "External mu is invalid length for algorithm %s.", a.Name)
		}
		return use.ExternalMu, nil
	}
	if given == "" {
		given = api.MessageTypeRaw
	}
	return 0, apierr.New(apierr.Validation, "MessageType %s is not valid for algorithm %s.", given, a.Name)
}
