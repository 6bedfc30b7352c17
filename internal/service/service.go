// Package service puts the families of operations together to the whole API.
// It holds nothing itself. Only wiring imports it.
package service

import (
	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/notyet"
	"trent/internal/ops/aliases"
	"trent/internal/ops/cipher"
	"trent/internal/ops/exchange"
	"trent/internal/ops/grants"
	"trent/internal/ops/keys"
	"trent/internal/ops/material"
	"trent/internal/ops/policies"
	"trent/internal/ops/regions"
	"trent/internal/ops/rotation"
	"trent/internal/ops/signature"
	"trent/internal/ops/tags"
	"trent/internal/ops/usage"
)

// The families under names that can be embedded side by side.
type (
	keyOps    = keys.Ops
	aliasOps  = aliases.Ops
	cipherOps = cipher.Ops
	policyOps = policies.Ops
	tagOps    = tags.Ops
	signOps   = signature.Ops
	secretOps = exchange.Ops
	grantOps  = grants.Ops
	turnOps   = rotation.Ops
	importOps = material.Ops
	regionOps = regions.Ops
	usageOps  = usage.Ops
	missing   = notyet.Ops
)

// Service is every operation of the API: a missing one, or one that two
// families have, does not compile.
type Service struct {
	*keyOps
	*aliasOps
	*cipherOps
	*policyOps
	*tagOps
	*signOps
	*secretOps
	*grantOps
	*turnOps
	*importOps
	*regionOps
	*usageOps
	missing
}

var _ api.Operations[*call.Call] = (*Service)(nil)

// New puts the families together.
func New(k *keys.Ops, a *aliases.Ops, c *cipher.Ops, p *policies.Ops, t *tags.Ops, s *signature.Ops, e *exchange.Ops, g *grants.Ops, r *rotation.Ops, m *material.Ops, mr *regions.Ops, u *usage.Ops) *Service {
	return &Service{keyOps: k, aliasOps: a, cipherOps: c, policyOps: p, tagOps: t, signOps: s, secretOps: e, grantOps: g, turnOps: r, importOps: m, regionOps: mr, usageOps: u}
}
