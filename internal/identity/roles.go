package identity

import (
	"context"

	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/store"
)

// Role reads a role, or returns ErrNoEntity.
func (d *Directory) Role(ctx context.Context, account, name string) (*Entity[record.Role], error) {
	return read[record.Role](ctx, d, record.TypeRole, record.RolePath(account, Fold(name)))
}

// NewRole is a role that is to be stored.
func NewRole(account string, r record.Role) *Entity[record.Role] {
	return fresh(record.TypeRole, record.RolePath(account, Fold(r.Name)), r)
}

// Managed reads the managed policy that an ARN names if it is one of the
// account, or returns ErrNoEntity.
func (d *Directory) Managed(ctx context.Context, account, policyARN string) (*Entity[record.Managed], error) {
	partition, owner, path, name, ok := arn.ParseManagedPolicy(policyARN)
	if !ok || partition != d.Partition || owner != account {
		return nil, ErrNoEntity
	}
	m, err := d.ManagedNamed(ctx, account, name)
	if err == nil && (m.Record.Path != path || m.Record.Name != name) {
		return nil, ErrNoEntity // names are the same in any case, ARNs are not
	}
	return m, err
}

// ManagedNamed reads a managed policy by its name, or returns ErrNoEntity.
func (d *Directory) ManagedNamed(ctx context.Context, account, name string) (*Entity[record.Managed], error) {
	return read[record.Managed](ctx, d, record.TypeManaged, record.ManagedPath(account, Fold(name)))
}

// NewManaged is a managed policy that is to be stored.
func NewManaged(account string, r record.Managed) *Entity[record.Managed] {
	return fresh(record.TypeManaged, record.ManagedPath(account, Fold(r.Name)), r)
}

// OpenRole checks and decodes a role's row of a list.
func OpenRole(records *record.Sealer, kv store.KV) (*record.Role, error) {
	var r record.Role
	_, err := records.Open(kv.Key, kv.Value, record.TypeRole, &r)
	return &r, err
}

// OpenManaged checks and decodes a managed policy's row of a list.
func OpenManaged(records *record.Sealer, kv store.KV) (*record.Managed, error) {
	var m record.Managed
	_, err := records.Open(kv.Key, kv.Value, record.TypeManaged, &m)
	return &m, err
}
