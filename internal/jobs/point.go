package jobs

// A Point is a place in a deletion between two things that last. Tests end the
// whole process at each of them.
type Point uint8

// The points, in the order in which the deletion of a key with one page of
// materials, one of aliases and one of grants passes them. With several keys those up to
// PointGrantsGone, and the last, come for each.
const (
	// PointDue: the due rows are read, nothing is done yet.
	PointDue Point = iota
	// PointMarked: the key is record.StateDeleting.
	PointMarked
	// PointMaterialsGone: a page of its materials is gone from the store.
	PointMaterialsGone
	// PointAliasesGone: a page of its aliases is gone.
	PointAliasesGone
	// PointGrantsGone: a page of its grants is gone.
	PointGrantsGone
	// PointErasing: the materials of all the keys are gone; the files may still have
	// their tokens.
	PointErasing
	// PointErased: no file has them.
	PointErased
	// PointKeyGone: the key is gone with its due row, its event is committed.
	PointKeyGone
	// NumPoints is how many there are.
	NumPoints
)

// String is the point's name.
func (p Point) String() string {
	return [NumPoints]string{
		PointDue: "due rows read", PointMarked: "marked", PointMaterialsGone: "materials gone", PointAliasesGone: "aliases gone", PointGrantsGone: "grants gone",
		PointErasing: "erasing", PointErased: "erased", PointKeyGone: "key gone",
	}[p]
}

// pass tells a test that the deletion has come to a point.
func (d *Deletion) pass(p Point) {
	if d.At != nil {
		d.At(p)
	}
}
