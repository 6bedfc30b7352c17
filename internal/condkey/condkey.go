// Package condkey is the one table of condition keys: what a policy's Condition
// can ask of a request to AWS KMS, which operations have an answer, and of what
// type it is. internal/authz gives the values by it; whoever judges a policy
// without a request reads it too.
//
// It must hold facts only and know no request. Everyone on the service's side
// may import it. Source: the AWS KMS Developer Guide, "AWS KMS condition keys",
// and the IAM User Guide, "AWS global condition context keys".
package condkey

import (
	"strings"

	"trent/internal/api"
)

// Type says which operators a key works with.
type Type uint8

// The types.
const (
	String Type = iota + 1
	Numeric
	Date
	Bool
	IP
	ARN
	// Epoch is seconds since 1970: operators for dates and for numbers work.
	Epoch
)

// String is the type as AWS's guides name its operators.
func (t Type) String() string {
	return [...]string{"", "String", "Numeric", "Date", "Bool", "IpAddress", "Arn", "Date"}[t]
}

// Ops is a set of operations of AWS KMS.
type Ops uint64

// Has reports whether op is in the set.
func (o Ops) Has(op api.Op) bool { return op != 0 && o>>(op-1)&1 != 0 }

// setOf is the set of these operations.
func setOf(ops ...api.Op) (o Ops) {
	for _, op := range ops {
		o |= 1 << (op - 1)
	}
	return o
}

// A Key is what the table says of one condition key.
type Key struct {
	ID   ID
	Name string // as AWS writes it, such as kms:CallerAccount
	// Family: Name ends with a separator, and what follows it is the name of a
	// tag, of a pair of an encryption context or of a measurement.
	Family bool
	Type   Type
	// Multi: a request has any number of values, and a condition needs
	// ForAllValues or ForAnyValue.
	Multi bool
	Ops   Ops // what has the key, though not in every request
	// Global keys are in requests to every service.
	Global bool
	// IdentityOnly keys are not permitted in key policies.
	IdentityOnly bool
	// Never: no request has the key yet, for Trent does not have what it tells
	// of.
	Never bool
}

// OfUsage reports whether an operation can be bound to how a key was used last.
func OfUsage(op api.Op) bool { return table[TrailingDaysWithoutKeyUsage].Ops.Has(op) }

// Find returns the key of that name, nil if there is none. The name is in lower
// case. For a family, rest is what follows its separator.
func Find(name string) (k *Key, rest string) {
	if id, ok := byName[name]; ok {
		return &table[id], ""
	}
	for _, id := range families {
		if prefix := lowerNames[id]; len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
			return &table[id], name[len(prefix):]
		}
	}
	return nil, ""
}

// All returns the table, in the order of the ids.
func All() []Key { return append([]Key(nil), table[1:]...) }

// Indexes over the table. They are values, made before anything runs.
var (
	lowerNames = names()
	byName     = index()
	families   = familyIDs()
)

func names() (all [numKeys]string) {
	for i := range table {
		all[i] = strings.ToLower(table[i].Name)
	}
	return all
}

func index() map[string]ID {
	all := map[string]ID{}
	for i := range table {
		if !table[i].Family && table[i].Name != "" {
			all[strings.ToLower(table[i].Name)] = ID(i)
		}
	}
	return all
}

func familyIDs() (all []ID) {
	for i := range table {
		if table[i].Family {
			all = append(all, ID(i))
		}
	}
	return all
}
