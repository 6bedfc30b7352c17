package jobs

// A MaterialPoint is a place in an automatic rotation, or in the expiry of
// imported material, between two things that last. Tests end the whole process, or
// the module's, at each of them.
type MaterialPoint uint8

// The points, in the order in which one key passes those of its job.
const (
	// RotationDue: the due rows are read, nothing is done yet.
	RotationDue MaterialPoint = iota
	// RotationMade: the module has made the material; nothing is stored.
	RotationMade
	// RotationStored: the key is rotated, its next row is there.
	RotationStored
	// ExpiryDue: the due rows are read, nothing is done yet.
	ExpiryDue
	// ExpiryTaken: the key is without the material, its event is committed.
	ExpiryTaken
	// ExpiryErasing: so are all that are due; the files may still have the tokens.
	ExpiryErasing
	// ExpiryErased: no file has them; the due rows are there.
	ExpiryErased
	// ExpiryRowsGone: nothing is left of the expiry.
	ExpiryRowsGone
	// NumMaterialPoints is how many there are.
	NumMaterialPoints
)

// String is the point's name.
func (p MaterialPoint) String() string {
	return [NumMaterialPoints]string{
		RotationDue: "rotation due", RotationMade: "material made", RotationStored: "rotated",
		ExpiryDue: "expiry due", ExpiryTaken: "material taken", ExpiryErasing: "erasing", ExpiryErased: "erased", ExpiryRowsGone: "due rows gone",
	}[p]
}

// pass tells a test that a job has come to a point.
func (p MaterialPoint) pass(at func(MaterialPoint)) {
	if at != nil {
		at(p)
	}
}
