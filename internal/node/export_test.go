package node

// CloseTrail ends the audit trail under a running service, as a disk that
// takes no more writes does.
func (n *Node) CloseTrail() error { return n.trail.Close() }
