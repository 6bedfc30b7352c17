// Package usage has the operation that tells how keys were used last. It must
// never tell who used them: that stands in the audit trail. Only internal/service
// imports it.
package usage

import "trent/internal/keyuse"

// Ops has the operation as a method.
type Ops struct{ Uses *keyuse.Uses }
