package front

import (
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/optable"
	"trent/internal/throttle"
)

// errQuota is the cause of a refusal by a request quota, which one that a test of
// trent dev has asked for does not have.
var errQuota = errors.New("front: the account's request quota is used up")

// charge counts a call in a class of the caller's account. What Trent asks for
// itself counts in none: the audit trail must not be held up by its own users.
func (p *Pipeline) charge(c *call.Call, region string, class throttle.Class) error {
	if c.Caller.Service != nil || p.Requests.Take(c.Time, c.Caller.Account, region, class) {
		return nil
	}
	return &apierr.Error{Code: apierr.Throttling, Message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.", Err: errQuota}
}

// chargeCall counts a call whose class the request alone tells, once however often
// it is attempted.
func (p *Pipeline) chargeCall(c *call.Call, in api.Request) error {
	if p.Requests == nil {
		return nil
	}
	class, elsewhere, there := throttle.Own(c.Op), "", throttle.Class(0)
	switch in := in.(type) {
	case *api.GenerateRandomRequest:
		class = throttle.Symmetric
	case *api.GenerateDataKeyPairRequest:
		class = throttle.Pairs(keyspec.Spec(in.KeyPairSpec))
	case *api.GenerateDataKeyPairWithoutPlaintextRequest:
		class = throttle.Pairs(keyspec.Spec(in.KeyPairSpec))
	case *api.ReplicateKeyRequest:
		elsewhere, there = in.ReplicaRegion, throttle.Own(api.OpCreateKey)
	case *api.UpdatePrimaryRegionRequest:
		elsewhere, there = in.PrimaryRegion, class
	default:
		if c.Row.Class == optable.Crypto {
			return nil // chargeUse knows the key
		}
	}
	if err := p.charge(c, c.Region, class); err != nil {
		return err
	}
	if elsewhere == "" || elsewhere == c.Region || p.Domains.Held(elsewhere) == nil {
		return nil
	}
	return p.charge(c, elsewhere, there)
}

// chargeUse counts a cryptographic operation by its key, or, if nobody finds that
// one (nil), as if it were symmetric. ReEncrypt counts once for each class that its
// keys have.
func (p *Pipeline) chargeUse(c *call.Call, u *use, k *key.Key) error {
	if p.Requests == nil || c.Row.Class != optable.Crypto {
		return nil
	}
	class := classOf(k)
	if u.slot == 1 && class == classOf(c.Keys[0]) {
		return nil
	}
	return p.charge(c, c.Region, class)
}

func classOf(k *key.Key) throttle.Class {
	if k == nil {
		return throttle.Symmetric
	}
	return throttle.Crypto(k.Spec)
}
