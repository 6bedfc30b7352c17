package node

import (
	"context"
	"fmt"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/identity"
	"trent/internal/record"
)

// eventCut is the record of what a start has cut off the trail.
const eventCut = "CutAuditTrail"

// tellCuts has the trail tell of what this start, or one before that did not come so
// far, has cut off its end.
func (n *Node) tellCuts(ctx context.Context) error {
	const internal = "AWS Internal"
	cuts := n.trail.Cuts()
	if len(cuts) == 0 {
		return nil
	}
	for _, c := range cuts {
		n.Log.Error("what a crash or a loss of power had left at the audit trail's end is cut off and kept", "epoch", c.Epoch, "segment", c.Segment, "bytes", c.Bytes, "whole_records", c.Records, "file", c.File)
		details := fmt.Appendf(nil, `{"epoch":%d,"segment":%d,"offset":%d,"bytes":%d,"wholeRecords":%d,"file":`, c.Epoch, c.Segment, c.Offset, c.Bytes, c.Records)
		details = awsjson.AppendString(details, c.File)
		e := audit.Event{
			UserIdentity: audit.UserIdentity{InvokedBy: internal}, Time: n.Now(), Source: identity.EventSource, Name: eventCut, Region: record.Global,
			SourceIP: internal, UserAgent: internal, ServiceEventDetails: append(details, '}'), EventID: n.events.New(), Type: audit.TypeServiceEvent,
		}
		if err := n.trail.Append(ctx, e.AppendJSON(nil)); err != nil {
			return fmt.Errorf("record what was cut off the audit trail: %w", err)
		}
	}
	if _, err := n.trail.Durable(ctx); err != nil {
		return fmt.Errorf("record what was cut off the audit trail: %w", err)
	}
	return n.trail.Told()
}
