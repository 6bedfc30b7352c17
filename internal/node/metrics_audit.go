package node

import "time"

// measureProof measures what is made of the audit trail in the background: digests,
// checkpoints, index.
func (n *Node) measureProof() {
	m := n.Metrics
	m.Gauge("audit_digest_timestamp_seconds", "When the audit trail's last digest was made, Unix time.", func() float64 {
		if d := n.digests.Last(); d != nil {
			return seconds(d.Made())
		}
		return 0
	})
	m.Gauge("audit_digest_failing", "1 if no digest could be made when one was due last.", func() float64 { return oneIf(n.digests.Failure() != "") })
	m.Counter("audit_digest_failures_total", "Digests that could not be made.", n.digests.Failures)
	m.Gauge("audit_unsigned_records", "Records of the audit trail that no digest covers yet.", func() float64 {
		covered := n.covered().Sequence // first: the head only grows
		return float64(n.trail.Head().Sequence - covered)
	})
	m.Gauge("audit_checkpoint_timestamp_seconds", "When the last checkpoint was last known to have all that digests cover, Unix time.", func() float64 {
		return seconds(n.log.State().Current)
	})
	m.Gauge("audit_checkpoint_records", "Records that the last checkpoint has.", func() float64 { return float64(n.log.State().Size) })
	m.Gauge("audit_checkpoint_failing", "1 if no checkpoint could be made when one was due last.", func() float64 { return oneIf(n.log.State().Failure != "") })
	m.Counter("audit_checkpoint_failures_total", "Checkpoints that could not be made.", func() uint64 { return n.log.State().Failures })
	m.Gauge("audit_index_waiting_segments", "Segments of the audit trail that have ended and are not indexed yet.", func() float64 {
		return float64(n.index.Stats().Waiting)
	})
	m.Gauge("audit_index_failed_segments", "Segments of the audit trail that could not be indexed: queries read them whole.", func() float64 {
		return float64(n.index.Stats().Failed)
	})
}

// seconds is a time as metrics have it; 0 if there is none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
