package node

import "trent/internal/jobs"

// CloseTrail ends the audit trail under a running service, as a disk that
// takes no more writes does.
func (n *Node) CloseTrail() error { return n.trail.Close() }

// DeletionAt has at called at each point of the deletion of keys.
func (c Config) DeletionAt(at func(jobs.Point)) Config {
	c.deletionAt = at
	return c
}
