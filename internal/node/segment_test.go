package node_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/audit"
)

// byOperator opens segments as the operator's commands do.
type byOperator struct {
	t *testing.T
	s *sealing
}

func (o byOperator) Open(name string, _ []byte) ([]byte, error) {
	b, err := o.s.OpenSegment(o.t.Context(), admin.Operator{UID: 7, Name: "auditor"}, admin.SegmentQuery{Name: name})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", audit.ErrSealed, err)
	}
	return b, nil
}

// TestOpenSegment: an operator is shown encrypted segments, each with a record, and
// nothing else of the folder; the digests confirm them.
func TestOpenSegment(t *testing.T) {
	t.Parallel()
	s := newSealing(t, forTheTrail)
	s.owner.must(t, "DescribeKey", object{"KeyId": s.key})
	s.seal(t)
	r := s.verify(t, byOperator{t, s})
	if !r.Sound() || r.Nodes[0].Sealed != 1 || r.Nodes[0].Closed != 0 {
		t.Errorf("%+v", r)
	}
	names, _ := s.events(t, admin.AuditQuery{Operation: "OpenAuditSegment", Principal: "auditor"})
	if len(names) != 1 {
		t.Errorf("%d records of a segment that was opened", len(names))
	}
	sealed := s.files(t, ".sealed")[0]
	name := strings.TrimSuffix(sealed[strings.Index(sealed, "audit/")+len("audit/"):], ".sealed")
	for _, other := range []string{"", name, name + ".sealed", "../store/trent.db", "/etc/passwd", strings.Replace(name, "00000001", "00000002", 2) + ".log"} {
		_, err := s.OpenSegment(t.Context(), admin.Operator{UID: 7}, admin.SegmentQuery{Name: other})
		if e, ok := errors.AsType[*admin.Error](err); !ok || e.Code != admin.NotFound {
			t.Errorf("%q: %v", other, err)
		}
	}
}
