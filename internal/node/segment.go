package node

import (
	"context"
	"errors"
	"io"
	"math"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/awsjson"
)

// eventOpenSegment is the record of an operator who is shown an encrypted segment.
const eventOpenSegment = "OpenAuditSegment"

// OpenSegment returns an encrypted segment of the trail in the clear, after the
// record of who asked.
func (n *Node) OpenSegment(ctx context.Context, by admin.Operator, q admin.SegmentQuery) ([]byte, error) {
	if err := n.errStarting(); err != nil {
		return nil, err
	}
	s, err := n.sealedSegment(q.Name)
	if err != nil {
		return nil, err
	}
	e := by.Event(eventOpenSegment, "", n.Now())
	e.EventID, e.ReadOnly = n.events.New(), true
	e.RequestParameters = append(awsjson.AppendString([]byte(`{"name":`), q.Name), '}')
	if err := n.trail.Append(ctx, e.AppendJSON(nil)); err != nil {
		return nil, admin.Errorf(admin.Unavailable, "it cannot be recorded, so it is not answered: %v", err)
	}
	f, err := s.Open()
	if errors.Is(err, audit.ErrSealed) {
		return nil, admin.Errorf(admin.NotPossible, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}

// sealedSegment finds an encrypted segment by its name.
func (n *Node) sealedSegment(name string) (*audit.Segment, error) {
	nodes, err := audit.Nodes(n.trailFolder())
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		segments, err := audit.SegmentsWith(n.trailFolder(), node, n.sealed())
		if err != nil {
			return nil, err
		}
		for i := range segments {
			if s := &segments[i]; s.Sealed && s.Name() == name {
				return s, nil
			}
		}
	}
	return nil, admin.Errorf(admin.NotFound, "there is no encrypted segment %q", name)
}
