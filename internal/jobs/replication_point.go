package jobs

// A ReplicationPoint is a place in the synchronization of a multi-Region key
// between two things that last, or two that the crypto module does. Tests end
// the whole process, or the module's, at each of them.
type ReplicationPoint uint8

// The points, in the order in which one material of one replica passes them.
const (
	// ReplicationDue: the due rows are read, nothing is done yet.
	ReplicationDue ReplicationPoint = iota
	// ReplicationKeyed: both domains have a replication key.
	ReplicationKeyed
	// ReplicationOffered: the replica's domain has offered.
	ReplicationOffered
	// ReplicationSent: the primary's domain has sealed the material to the offer.
	ReplicationSent
	// ReplicationReceived: the replica's domain has wrapped it; nothing is stored.
	ReplicationReceived
	// ReplicationStored: a page of materials is in the store.
	ReplicationStored
	// ReplicationReady: every replica that can has everything; nothing says so yet.
	ReplicationReady
	// ReplicationSettled: the key is as it is to be, and the row is gone.
	ReplicationSettled
	// NumReplicationPoints is how many there are.
	NumReplicationPoints
)

// String is the point's name.
func (p ReplicationPoint) String() string {
	return [NumReplicationPoints]string{
		ReplicationDue: "due rows read", ReplicationKeyed: "replication keys there", ReplicationOffered: "offered", ReplicationSent: "sent",
		ReplicationReceived: "received", ReplicationStored: "stored", ReplicationReady: "ready", ReplicationSettled: "settled",
	}[p]
}

// pass tells a test that the synchronization has come to a point.
func (j *Replication) pass(p ReplicationPoint) {
	if j.At != nil {
		j.At(p)
	}
}
