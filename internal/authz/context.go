package authz

import (
	"strconv"

	"trent/internal/api"
	"trent/internal/condkey"
	"trent/internal/key"
	"trent/internal/policy"
)

// Values returns the values of a condition key, whose name is in lower case. A
// set of values is good until the next one is asked for.
func (r *Request) Values(name string) policy.Values {
	if r.Extra != nil {
		if v := r.Extra.Values(name); v.Present {
			return v
		}
	}
	k, rest := condkey.Find(name)
	if k == nil || k.Never || !k.Ops.Has(r.Op) && (r.Op != 0 || !k.Global) {
		return policy.Values{}
	}
	switch {
	case k.ID < condkey.BypassPolicyLockoutSafetyCheck:
		return r.ofKey(k.ID)
	case k.ID < condkey.GrantConstraintType:
		return r.ofUse(k.ID, rest)
	case k.ID <= condkey.GrantIsForAWSResource:
		return r.ofGrant(k.ID)
	case k.ID < condkey.PrincipalARN:
		return r.ofParameter(k.ID)
	}
	return r.global(k.ID, rest)
}

// one is a value; an empty one is absent.
func one(s string) policy.Values { return policy.Values{Present: s != "", One: s} }

// truth is a boolean, which is present either way.
func truth(b bool) policy.Values { return policy.Values{Present: true, One: strconv.FormatBool(b)} }

// number is a number.
func number(n int) policy.Values { return policy.Values{Present: true, One: strconv.Itoa(n)} }

// many is a set; an empty one is absent.
func many(set []string) policy.Values {
	return policy.Values{Present: len(set) > 0, Multi: true, Set: set}
}

// ofKey are the properties of the key, of CreateKey those of the key to be.
func (r *Request) ofKey(id condkey.ID) policy.Values {
	if id == condkey.CallerAccount {
		return one(r.Caller.Account)
	}
	k := r.Key
	if in, ok := r.In.(*api.CreateKeyRequest); ok {
		k = &key.Key{MultiRegion: in.MultiRegion}
		k.Spec, k.Usage, k.Origin = newKey(in)
	}
	if k == nil {
		return policy.Values{}
	}
	switch id {
	case condkey.KeySpec, condkey.CustomerMasterKeySpec:
		return one(string(k.Spec))
	case condkey.KeyUsage, condkey.CustomerMasterKeyUsage:
		return one(string(k.Usage))
	case condkey.KeyOrigin:
		return one(string(k.Origin))
	case condkey.MultiRegion:
		return truth(k.MultiRegion)
	case condkey.MultiRegionKeyType:
		switch {
		case !k.MultiRegion:
		case k.PrimaryRegion != k.Region: // what CreateKey asks for has neither
			return one(api.MultiRegionKeyTypeReplica)
		default:
			return one(api.MultiRegionKeyTypePrimary)
		}
	case condkey.ResourceAliases:
		r.crowded = len(k.Aliases) > key.MaxAliases
		return many(k.Aliases)
	}
	return policy.Values{}
}

// newKey is what CreateKey asks for, with the defaults.
func newKey(in *api.CreateKeyRequest) (spec key.Spec, usage key.Usage, origin key.Origin) {
	spec, usage, origin = key.Spec(in.KeySpec+in.CustomerMasterKeySpec), key.Usage(in.KeyUsage), key.Origin(in.Origin)
	if spec == "" { // one of the two at most is given
		spec = key.SymmetricDefault
	}
	if usage == "" {
		usage = key.EncryptDecrypt
	}
	if origin == "" {
		origin = key.OriginAWSKMS
	}
	return spec, usage, origin
}

// ofUse are the parameters of a key's use and of imports.
func (r *Request) ofUse(id condkey.ID, rest string) policy.Values {
	switch id {
	case condkey.BypassPolicyLockoutSafetyCheck:
		switch in := r.In.(type) {
		case *api.CreateKeyRequest:
			return truth(in.BypassPolicyLockoutSafetyCheck)
		case *api.PutKeyPolicyRequest:
			return truth(in.BypassPolicyLockoutSafetyCheck)
		}
	case condkey.DataKeyPairSpec:
		switch in := r.In.(type) {
		case *api.GenerateDataKeyPairRequest:
			return one(in.KeyPairSpec)
		case *api.GenerateDataKeyPairWithoutPlaintextRequest:
			return one(in.KeyPairSpec)
		}
	case condkey.EncryptionAlgorithm:
		return one(r.encryptionAlgorithm())
	case condkey.EncapsulationAlgorithm:
		switch in := r.In.(type) {
		case *api.EncapsulateRequest:
			return one(in.EncapsulationAlgorithm)
		case *api.DecapsulateRequest:
			return one(in.EncapsulationAlgorithm)
		}
	case condkey.EncryptionContext:
		return r.pairs(rest)
	case condkey.EncryptionContextKeys:
		r.set = r.set[:0]
		for _, p := range r.EncryptionContext() {
			r.set = append(r.set, p.Key)
		}
		return many(r.set)
	}
	return r.ofImport(id)
}

func (r *Request) ofImport(id condkey.ID) policy.Values {
	switch in := r.In.(type) {
	case *api.ImportKeyMaterialRequest:
		switch {
		case id == condkey.ValidTo && in.Has(api.ImportKeyMaterialValidTo):
			return one(strconv.FormatInt(in.ValidTo.Unix(), 10))
		case id == condkey.ExpirationModel:
			return withDefault(in.ExpirationModel, api.ExpirationModelTypeKeyMaterialExpires)
		}
	case *api.GetParametersForImportRequest:
		switch id {
		case condkey.WrappingAlgorithm:
			return one(in.WrappingAlgorithm)
		case condkey.WrappingKeySpec:
			return one(in.WrappingKeySpec)
		}
	}
	return policy.Values{}
}

// encryptionAlgorithm is what the request names, or the default.
func (r *Request) encryptionAlgorithm() (name string) {
	switch in := r.In.(type) {
	case *api.EncryptRequest:
		name = in.EncryptionAlgorithm
	case *api.DecryptRequest:
		name = in.EncryptionAlgorithm
	case *api.ReEncryptRequest:
		name = in.SourceEncryptionAlgorithm
		if r.Side == 1 {
			name = in.DestinationEncryptionAlgorithm
		}
	case nil:
		return ""
	}
	if name == "" {
		name = api.EncryptionAlgorithmSpecSymmetricDefault
	}
	return name
}

// pairs are the values that the encryption context has under a key, whose case
// does not count. As a rule it is one.
func (r *Request) pairs(lower string) (v policy.Values) {
	for _, p := range r.EncryptionContext() {
		if folds(p.Key, lower) {
			v = and(v, p.Value)
		}
	}
	return v
}

// tag is a tag's value, of several tags whose keys differ in case each.
func tag(tags map[string]string, lower string) (v policy.Values) {
	for k, value := range tags {
		if folds(k, lower) {
			v = and(v, value)
		}
	}
	return v
}

// and adds a value. A single-valued key has several where names differ in case
// only: each of them counts.
func and(v policy.Values, value string) policy.Values {
	switch {
	case !v.Present:
		return policy.Values{Present: true, One: value}
	case !v.Multi:
		return policy.Values{Present: true, Multi: true, Set: []string{v.One, value}}
	}
	v.Set = append(v.Set, value)
	return v
}

// folds reports whether name is lower but for its case.
func folds(name, lower string) bool {
	return policy.Folds(name, lower)
}

func withDefault(s, unless string) policy.Values {
	if s == "" {
		s = unless
	}
	return one(s)
}
