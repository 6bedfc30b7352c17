package node

import (
	"context"

	"trent/internal/admin"
)

// Keys lists KMS keys.
func (n *Node) Keys(ctx context.Context, q admin.KeyQuery) (admin.KeyPage, error) {
	return admin.KeyPage{}, n.errStarting()
}

// Key describes one KMS key.
func (n *Node) Key(ctx context.Context, q admin.KeyName) (admin.KeyDetail, error) {
	return admin.KeyDetail{}, n.errStarting()
}
