package authz

import (
	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/condkey"
	"trent/internal/grant"
	"trent/internal/policy"
)

// ofGrant are the parameters of grants.
func (r *Request) ofGrant(id condkey.ID) policy.Values {
	switch id {
	case condkey.GrantIsForAWSResource: // no service asks on anybody's behalf
		return truth(false)
	case condkey.GrantConstraintType:
		return one(r.constraint().Type)
	}
	in, ok := r.In.(*api.CreateGrantRequest)
	if !ok {
		return policy.Values{}
	}
	switch id {
	case condkey.GrantConstraintSourceARN:
		if in.Constraints != nil {
			return one(in.Constraints.SourceArn)
		}
	case condkey.GranteePrincipal:
		return one(r.granted(in.GranteePrincipal))
	case condkey.RetiringPrincipal:
		return one(r.granted(in.RetiringPrincipal))
	case condkey.GranteeServicePrincipal:
		return one(in.GranteeServicePrincipal)
	case condkey.RetiringServicePrincipal:
		return one(in.RetiringServicePrincipal)
	case condkey.GrantOperations:
		return many(in.Operations)
	}
	return policy.Values{}
}

// granted is a principal as the grant will name him. A name of nobody stays what
// it is: the operation refuses it.
func (r *Request) granted(name string) string {
	if principal, ok := grant.Principal(name, r.Partition); ok {
		return principal
	}
	return name
}

// AWS's defaults of parameters that conditions ask for.
const (
	rotationDays = 365
	deletionDays = 30
)

// ofParameter are the other parameters.
func (r *Request) ofParameter(id condkey.ID) policy.Values {
	switch id {
	case condkey.ReEncryptOnSameKey:
		if r.Key != nil {
			return truth(r.Other != nil && r.Other.ARN == r.Key.ARN)
		}
	case condkey.TrailingDaysWithoutKeyUsage:
		if r.Tracked {
			return number(r.UnusedDays)
		}
		return policy.Values{}
	case condkey.RequestAlias:
		if id := arn.Parse(r.Identifier); id.Kind == arn.AliasName || id.Kind == arn.AliasARN {
			return one(id.ID)
		}
	}
	switch in := r.In.(type) {
	case *api.DeriveSharedSecretRequest:
		return one(in.KeyAgreementAlgorithm)
	case *api.GenerateMacRequest:
		return one(in.MacAlgorithm)
	case *api.VerifyMacRequest:
		return one(in.MacAlgorithm)
	case *api.SignRequest:
		return signing(id, in.MessageType, in.SigningAlgorithm)
	case *api.VerifyRequest:
		return signing(id, in.MessageType, in.SigningAlgorithm)
	case *api.UpdatePrimaryRegionRequest:
		return one(in.PrimaryRegion)
	case *api.ReplicateKeyRequest:
		return one(in.ReplicaRegion)
	case *api.EnableKeyRotationRequest:
		if in.Has(api.EnableKeyRotationRotationPeriodInDays) {
			return number(int(in.RotationPeriodInDays))
		}
		return number(rotationDays)
	case *api.ScheduleKeyDeletionRequest:
		switch {
		case id != condkey.PendingWindowInDays:
		case in.Has(api.ScheduleKeyDeletionPendingWindowInDays):
			return number(int(in.PendingWindowInDays))
		default:
			return number(deletionDays)
		}
	}
	return policy.Values{}
}

func signing(id condkey.ID, message, algorithm string) policy.Values {
	if id == condkey.MessageType {
		return withDefault(message, api.MessageTypeRaw)
	}
	return one(algorithm)
}

// requestTag is a tag that the request gives.
func (r *Request) requestTag(lower string) (v policy.Values) {
	for _, t := range r.requestTags() {
		if folds(t.TagKey, lower) {
			v = and(v, t.TagValue)
		}
	}
	return v
}

func (r *Request) requestTags() []api.Tag {
	switch in := r.In.(type) {
	case *api.CreateKeyRequest:
		return in.Tags
	case *api.ReplicateKeyRequest:
		return in.Tags
	case *api.TagResourceRequest:
		return in.Tags
	}
	return nil
}

// tagKeys are the keys of the tags that the request gives or takes.
func (r *Request) tagKeys() policy.Values {
	if in, ok := r.In.(*api.UntagResourceRequest); ok {
		return many(in.TagKeys)
	}
	r.set = r.set[:0]
	for _, t := range r.requestTags() {
		r.set = append(r.set, t.TagKey)
	}
	return many(r.set)
}
