package node

import (
	"testing"

	"trent/internal/auditindex"
)

// TestPosition: a page's next is read as it was written, and nothing else is.
func TestPosition(t *testing.T) {
	t.Parallel()
	want := auditindex.Position{Node: [16]byte{1, 15: 0xfe}, Epoch: 1<<32 - 1, Segment: 7, Offset: 1 << 40}
	text := writePosition(want)
	if got, ok := readPosition(text); !ok || got != want {
		t.Errorf("%q is %+v, %v", text, got, ok)
	}
	for _, text := range []string{"", "1.2.3", text + "0x", text + ".1", " " + text, text[1:], "0" + text, "x" + text[1:], text[:32] + ".1.1", text[:32] + ".1.1.-1", text[:32] + ".01.1.1"} {
		if got, ok := readPosition(text); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
