package main

// The figures behind the limits of request bodies.
const (
	minBody       = 64 << 10 // every operation takes this much
	escapeGrowth  = 6        // a code unit written as \uXXXX
	memberRoom    = 64       // a member's name, quotes, colon, comma, white space
	contextRoom   = 32 << 10 // an encryption context, which has no maximum
	unboundedRoom = 4 << 10  // any other string without a maximum
	listItems     = 100      // items of a list without a maximum; quotas are lower
)

// maxBody is the number of bytes that a request body of op may have: enough
// for every member at its maximum, however its characters are escaped.
func (m *model) maxBody(op *operation) int {
	return max(minBody, m.room(op.Input))
}

func (m *model) room(members []*member) int {
	total := 2
	for _, mb := range members {
		total += memberRoom
		if mb.shape == nil {
			total += m.room(m.Structures[mb.Shape])
			continue
		}
		total += m.shapeRoom(mb.shape)
	}
	return total
}

func (m *model) shapeRoom(s *shape) int {
	switch s.Type {
	case "string", "secret":
		if s.Max == nil {
			return unboundedRoom
		}
		if s.Sensitive {
			return *s.Max // a grant token: ours are plain ASCII
		}
		return *s.Max * escapeGrowth
	case "enum":
		return memberRoom
	case "blob":
		// Base64, of which some writers escape every slash.
		return (*s.Max + 2) / 3 * 4 * 9 / 8
	case "map":
		return contextRoom
	case "list":
		n := listItems
		if s.Max != nil {
			n = *s.Max
		}
		if of := m.Shapes[s.Of]; of != nil {
			return n * (m.shapeRoom(of) + 4)
		}
		return n * m.room(m.Structures[s.Of])
	}
	return memberRoom
}
