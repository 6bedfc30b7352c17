package node_test

import "slices"

// The model of a KMS key's life: its states, its materials, its dates in whole
// days, and nothing of how they come about. Its methods are operations: each
// returns the error code that the operation must have, and if it has none changes
// the model as the operation must change the key. Source: AWS KMS Developer Guide,
// "Key states of AWS KMS keys", "Rotate AWS KMS keys" and "Importing key material".
type (
	life struct {
		kind      lifeKind
		id        string
		primary   string                 // its Region
		members   map[string]*lifeMember // by Region; gone ones are not there
		materials []*lifeMaterial        // oldest first
		current   *lifeMaterial
		rotates   bool
		period    int // days
		next      int // day of the next automatic rotation
		onDemand  int
	}
	lifeKind struct {
		name            string
		spec, usage     string
		external, multi bool
	}
	lifeMember struct {
		state    string
		deletion int // day, if PendingDeletion
		waits    int // days that follow, if PendingReplicaDeletion
	}
	lifeMaterial struct {
		id      string // "" until it is seen
		secret  []byte // of imported material
		missing bool   // deleted, or expired
		pending bool   // waits for a rotation
		expires int    // day; 0 is never
	}
)

// Codes of AWS.
const (
	codeDisabled    = "DisabledException"
	codeState       = "KMSInvalidStateException"
	codeNotFound    = "NotFoundException"
	codeDenied      = "AccessDeniedException"
	codeUnsupported = "UnsupportedOperationException"
	codeLimit       = "LimitExceededException"
	codeValidation  = "ValidationException"
	codeExists      = "AlreadyExistsException"
	codeMaterial    = "IncorrectKeyMaterialException"
	codeToken       = "InvalidImportTokenException"
	codeExpired     = "ExpiredImportTokenException"
	codeCiphertext  = "InvalidCiphertextException"
)

const symmetric = "SYMMETRIC_DEFAULT"

var lifeKinds = []lifeKind{
	{name: "symmetric", spec: symmetric, usage: "ENCRYPT_DECRYPT"},
	{name: "multi-Region", spec: symmetric, usage: "ENCRYPT_DECRYPT", multi: true},
	{name: "HMAC", spec: "HMAC_256", usage: "GENERATE_VERIFY_MAC"},
	{name: "ECC", spec: "ECC_NIST_P256", usage: "SIGN_VERIFY"},
	{name: "imported symmetric", spec: symmetric, usage: "ENCRYPT_DECRYPT", external: true},
	{name: "imported symmetric", spec: symmetric, usage: "ENCRYPT_DECRYPT", external: true}, // twice as often
	{name: "imported HMAC", spec: "HMAC_256", usage: "GENERATE_VERIFY_MAC", external: true},
	{name: "imported ECC", spec: "ECC_NIST_P256", usage: "SIGN_VERIFY", external: true},
}

// born is a new key.
func born(kind lifeKind, id string) *life {
	l := &life{kind: kind, id: id, primary: home, members: map[string]*lifeMember{home: {state: "Enabled"}}}
	if kind.external {
		l.members[home].state = "PendingImport"
	} else {
		l.turn(l.add(&lifeMaterial{}))
	}
	return l
}

func (l *life) add(m *lifeMaterial) *lifeMaterial {
	l.materials = append(l.materials, m)
	return m
}

func (l *life) turn(m *lifeMaterial) { m.pending, l.current = false, m }

// disabled, deleting and importing are what states say to an operation: the codes
// in those three, "" if it goes on.
func (l *life) check(region, disabled, deleting, importing string) (*lifeMember, string) {
	m := l.members[region]
	if m == nil {
		return nil, codeNotFound
	}
	return m, map[string]string{"Disabled": disabled, "PendingDeletion": deleting, "PendingReplicaDeletion": deleting, "PendingImport": importing}[m.state]
}

func (l *life) use(region string) string {
	_, code := l.check(region, codeDisabled, codeState, codeState)
	return code
}

func (l *life) enable(region string, today int) string {
	m, code := l.check(region, "", codeState, codeState)
	if code == "" {
		m.state = "Enabled"
		if region == l.primary && l.rotates && l.next <= today { // made up for, once
			l.rotate()
			if l.next += l.period; l.next <= today {
				l.next = today + l.period
			}
		}
	}
	return code
}

func (l *life) disable(region string) string {
	m, code := l.check(region, "", codeState, codeState)
	if code == "" {
		m.state = "Disabled"
	}
	return code
}

func (l *life) rotate() { l.turn(l.add(&lifeMaterial{})) }

// enableRotation is DisableKeyRotation's if days is 0.
func (l *life) enableRotation(region string, days, today int) string {
	_, code := l.check(region, codeDisabled, codeState, codeUnsupported)
	switch {
	case code != "":
		return code
	case l.kind.spec != symmetric || l.kind.external || region != l.primary:
		return codeUnsupported
	}
	l.rotates, l.period, l.next = days > 0, days, today+days
	return ""
}

func (l *life) rotateOnDemand(region string) string {
	_, code := l.check(region, codeDisabled, codeState, codeState)
	switch {
	case code != "":
		return code
	case l.kind.spec != symmetric || region != l.primary:
		return codeUnsupported
	case l.onDemand >= 25:
		return codeLimit
	case !l.kind.external:
		l.rotate()
		l.onDemand++
		return ""
	}
	for _, m := range l.materials {
		if m.pending && !m.missing {
			l.turn(m)
			l.onDemand++
			return ""
		}
	}
	return codeState
}

// An imported is a request of ImportKeyMaterial.
type imported struct {
	secret []byte
	id     string // KeyMaterialId that it names
	kind   string // ImportType
	days   int    // until it expires; 0 is never, negative a time that was
	token  string // "", or the code of what is wrong with token or material
}

// importMaterial tells also whether the material is one that the key did not have.
func (l *life) importMaterial(region string, in *imported, today int) string {
	if in.kind == "NEW_KEY_MATERIAL" && in.id != "" {
		return codeValidation
	}
	m, code := l.check(region, "", codeState, "")
	if m != nil && !l.kind.external {
		return codeUnsupported
	}
	if code != "" {
		return code
	}
	never := len(l.materials) == 0
	fresh := never || in.kind == "NEW_KEY_MATERIAL"
	known := l.find(func(m *lifeMaterial) bool { return string(m.secret) == string(in.secret) })
	waits := l.find(func(m *lifeMaterial) bool { return m.pending })
	switch {
	case in.days < 0, in.kind != "" && l.kind.spec != symmetric, fresh && in.id != "":
		return codeValidation
	case never && in.kind == "EXISTING_KEY_MATERIAL":
		return codeMaterial
	case in.token != "":
		return in.token
	case fresh == (known != nil), in.id != "" && in.id != known.id:
		return codeMaterial
	case fresh && waits != nil:
		return codeState
	}
	if known == nil {
		known = l.add(&lifeMaterial{secret: in.secret, pending: !never})
		if never {
			l.turn(known)
		}
	}
	known.missing, known.expires = false, 0
	if in.days > 0 {
		known.expires = today + in.days
	}
	if m.state == "PendingImport" && l.find(func(m *lifeMaterial) bool { return m.missing && !m.pending }) == nil {
		m.state = "Enabled"
	}
	return ""
}

func (l *life) find(is func(*lifeMaterial) bool) *lifeMaterial {
	if i := slices.IndexFunc(l.materials, is); i >= 0 {
		return l.materials[i]
	}
	return nil
}

// deleteMaterial deletes the current material if it is not told of another.
func (l *life) deleteMaterial(region string, id string) string {
	m, code := l.check(region, "", "", "")
	if m == nil {
		return code
	}
	if !l.kind.external {
		return codeUnsupported
	}
	which := l.current
	if id != "" {
		if which = l.find(func(m *lifeMaterial) bool { return m.id == id }); which == nil {
			return codeNotFound
		}
	}
	switch {
	case which == nil:
	case which.pending: // it encrypted nothing, and is forgotten
		l.materials = slices.DeleteFunc(l.materials, func(m *lifeMaterial) bool { return m == which })
	default:
		l.lose(m, which)
	}
	return ""
}

func (l *life) lose(m *lifeMember, lost *lifeMaterial) {
	lost.missing, lost.expires = true, 0
	if !lost.pending && m.state != "PendingDeletion" {
		m.state = "PendingImport"
	}
}

func (l *life) scheduleDeletion(region string, days, today int) string {
	m, code := l.check(region, "", codeState, "")
	switch {
	case code != "":
		return code
	case region == l.primary && len(l.members) > 1:
		m.state, m.waits = "PendingReplicaDeletion", days
	default:
		m.state, m.deletion = "PendingDeletion", today+days
	}
	return ""
}

func (l *life) cancelDeletion(region string) string {
	m := l.members[region]
	switch {
	case m == nil:
		return codeNotFound
	case m.state != "PendingDeletion" && m.state != "PendingReplicaDeletion":
		return codeState
	}
	*m = lifeMember{state: "Disabled"}
	if l.kind.external && (len(l.materials) == 0 || l.find(func(m *lifeMaterial) bool { return m.missing && !m.pending }) != nil) {
		m.state = "PendingImport"
	}
	return ""
}

func (l *life) replicate(from, to string) string {
	_, code := l.check(from, codeDisabled, codeState, codeState)
	switch {
	case code != "":
		return code
	case !l.kind.multi || from != l.primary:
		return codeUnsupported
	case from == to:
		return codeValidation
	case l.members[to] != nil:
		return codeExists
	}
	l.members[to] = &lifeMember{state: "Enabled"}
	return ""
}

func (l *life) updatePrimary(from, to string) string {
	_, code := l.check(from, codeDisabled, codeState, codeState)
	switch {
	case code != "":
		return code
	case !l.kind.multi || from != l.primary:
		return codeUnsupported
	case from == to:
		return codeValidation
	}
	if _, code := l.check(to, codeDisabled, codeState, codeState); code != "" {
		return code
	}
	l.primary = to
	return ""
}

// wake is what a day brings.
func (l *life) wake(today int) {
	if m := l.members[l.primary]; m != nil && m.state == "Enabled" && l.rotates && l.next == today {
		l.rotate()
		l.next += l.period
	}
	for region, m := range l.members {
		for _, material := range l.materials {
			if material.expires == today && today > 0 {
				l.lose(m, material)
			}
		}
		if m.state == "PendingDeletion" && m.deletion == today {
			delete(l.members, region)
		}
	}
	if m := l.members[l.primary]; m != nil && m.state == "PendingReplicaDeletion" && len(l.members) == 1 {
		*m = lifeMember{state: "PendingDeletion", deletion: today + m.waits}
	}
}
