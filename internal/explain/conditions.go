package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"trent/internal/arn"
	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/policy"
)

// conditions are the values of condition keys that a request is told to have.
type conditions map[string]policy.Values

// Values implements policy.Context.
func (c conditions) Values(name string) policy.Values { return c[name] }

// given are the conditions of a question, if a request can have them.
func (a *Ask) given() (policy.Context, error) {
	if len(a.Conditions) == 0 {
		return nil, nil
	}
	c := conditions{}
	for _, name := range slices.Sorted(maps.Keys(a.Conditions)) {
		list, lower := a.Conditions[name], strings.ToLower(name)
		k, _ := condkey.Find(lower)
		vendor, _, _ := strings.Cut(lower, ":")
		if k == nil && (vendor == "kms" || vendor == "aws" || vendor == lower) {
			return nil, &Error{fmt.Sprintf("there is no condition key %q", name)}
		}
		if from := a.follows(k); from != "" {
			return nil, &Error{name + " cannot be supposed: it follows from " + from}
		}
		if _, twice := c[lower]; twice {
			return nil, &Error{fmt.Sprintf("the condition key %s is given twice, in different case", name)}
		}
		for _, v := range list {
			if k != nil && !possible(k.Type, v) {
				return nil, &Error{fmt.Sprintf("%s is never %q: want %s", name, v, form(k.Type))}
			}
		}
		switch {
		case k != nil && k.Multi:
			c[lower] = policy.Values{Present: true, Multi: true, Set: list}
		case len(list) != 1:
			return nil, &Error{fmt.Sprintf("the condition key %s has one value", name)}
		default:
			c[lower] = policy.Values{Present: true, One: list[0]}
		}
	}
	return c, nil
}

// follows says what determines the value of a condition key, whatever the request
// is; empty if the request does.
func (a *Ask) follows(k *condkey.Key) string {
	if k == nil {
		return "" // another service's
	}
	const principal, key = "the principal", "the key"
	switch k.ID {
	case condkey.CallerAccount, condkey.PrincipalARN, condkey.PrincipalAccount, condkey.PrincipalType, condkey.PrincipalIsAWSService, condkey.UserName:
		return principal
	case condkey.UserID: // of a role, the name of the session is free
		if a.Caller.Type != identity.TypeRole {
			return principal
		}
	case condkey.PrincipalTag:
		if a.Caller.Type != identity.TypeRole && a.Caller.Type != identity.TypeSession {
			return principal + ", whose tags are known; only those of a role's session may be supposed"
		}
	case condkey.KeySpec, condkey.KeyUsage, condkey.KeyOrigin, condkey.MultiRegion, condkey.MultiRegionKeyType, condkey.CustomerMasterKeySpec,
		condkey.CustomerMasterKeyUsage, condkey.ResourceAliases, condkey.ResourceTag, condkey.ResourceAccount:
		if a.Key != nil {
			return key
		}
	case condkey.RequestedRegion:
		return "the Region of the key, or of the question"
	case condkey.RequestAlias:
		if id := arn.Parse(a.Identifier); a.Key != nil && (id.Kind == arn.AliasName || id.Kind == arn.AliasARN) {
			return "the alias that the question names the key by"
		}
	}
	return ""
}

// possible reports whether a condition key of a type can have a value.
func possible(t condkey.Type, v string) bool {
	var err error
	switch t {
	case condkey.IP:
		_, err = netip.ParseAddr(v)
	case condkey.Date:
		if _, err = time.Parse(time.RFC3339, v); err != nil { // or as kms:ValidTo has it
			_, err = strconv.ParseInt(v, 10, 64)
		}
	case condkey.Epoch:
		_, err = strconv.ParseInt(v, 10, 64)
	case condkey.Numeric:
		_, err = strconv.ParseFloat(v, 64)
	case condkey.Bool:
		return v == "true" || v == "false"
	case condkey.ARN:
		return strings.HasPrefix(v, "arn:")
	}
	return err == nil
}

// form is what values of a type look like.
func form(t condkey.Type) string {
	switch t {
	case condkey.IP:
		return "an address, as 192.0.2.7"
	case condkey.Date:
		return "a time, as 2026-01-31T12:00:00Z"
	case condkey.Epoch:
		return "seconds since 1970"
	case condkey.Bool:
		return "true or false"
	case condkey.ARN:
		return "an ARN"
	}
	return "a number"
}
