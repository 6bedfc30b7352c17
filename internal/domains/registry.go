package domains

import (
	"fmt"
	"strings"

	"trent/internal/hsm/client/jobs"
	"trent/internal/record"
)

// A place says where the store keeps the tokens of one kind, so that rewrapping
// after a rotation finds every one of them.
type place struct {
	kind   jobs.Kind // token kind, docs/formats.md "Exported key token"
	name   string
	prefix func(region string) []byte // nil: tokens of this kind are not stored
	why    string                     // they are not stored
	// open decodes a record into its token and generation and what it is bound
	// to, and returns how to write it back with another token.
	open func(r *Region, key, value []byte) (stored, error)
}

// stored is one token as the store has it.
type stored struct {
	bind       jobs.Bind
	token      []byte
	generation uint32
	replace    func(token []byte, generation uint32) (value []byte, err error)
}

// registry has a row for each token kind; a test holds it against the kinds.
var registry = [...]place{
	{kind: jobs.KindBackingKey, name: "backing key", prefix: record.AllMaterialPrefix, open: openMaterial},
	{kind: jobs.KindAccessKeySecret, name: "access-key secret", prefix: accessKeys, open: openAccessKey},
	{kind: jobs.KindImport, name: "import", why: "handed to the caller of GetParametersForImport, valid for 24 hours"},
	{kind: jobs.KindSession, name: "session", why: "held by a connection"},
	{kind: jobs.KindReplication, name: "replication", why: "lives as long as one replication"},
	{kind: jobs.KindServiceKey, name: "service key", prefix: record.ServiceKeyPrefix, open: openServiceKey},
	{kind: jobs.KindAuditKey, name: "audit key", prefix: auditKeys, open: openAuditKey},
}

// accessKeys: identity is global, no other Region has access keys.
func accessKeys(region string) []byte {
	if region != Global {
		return nil
	}
	return record.AccessKeyPrefix()
}

// auditKeys: the audit trail is the service's, not a Region's.
func auditKeys(region string) []byte {
	if region != Global {
		return nil
	}
	return record.AuditKeyPrefix()
}

func openMaterial(r *Region, key, value []byte) (stored, error) {
	path, ok := record.ParsePath(key)
	if !ok {
		return stored{}, fmt.Errorf("material key %q: %w", key, record.ErrTampered)
	}
	var m record.Material
	version, err := r.Records.Open(key, value, record.TypeMaterial, &m)
	if err != nil {
		return stored{}, err
	}
	return stored{
		bind: jobs.Bind{Region: r.Name, Account: path.Account, ID: path.KeyID}, token: m.Token, generation: m.Generation,
		replace: func(token []byte, generation uint32) ([]byte, error) {
			m.Token, m.Generation = token, generation
			return r.Records.Seal(key, record.TypeMaterial, version+1, &m)
		},
	}, nil
}

func openAccessKey(r *Region, key, value []byte) (stored, error) {
	var a record.AccessKey
	version, err := r.Records.Open(key, value, record.TypeAccessKey, &a)
	if err != nil {
		return stored{}, err
	}
	id := strings.TrimPrefix(string(key), string(record.AccessKeyPrefix()))
	return stored{
		bind: jobs.Bind{Region: Global, Account: a.Account, ID: id}, token: a.Token, generation: a.Generation,
		replace: func(token []byte, generation uint32) ([]byte, error) {
			a.Token, a.Generation = token, generation
			return r.Records.Seal(key, record.TypeAccessKey, version+1, &a)
		},
	}, nil
}

func openServiceKey(r *Region, key, value []byte) (stored, error) {
	var s record.ServiceKey
	version, err := record.Decode(value, record.TypeServiceKey, &s)
	if err != nil {
		return stored{}, err
	}
	name := strings.TrimPrefix(string(key), string(record.ServiceKeyPrefix(r.Name)))
	return stored{
		bind: jobs.Bind{Region: r.Name, ID: name}, token: s.Token, generation: s.Generation,
		replace: func(token []byte, generation uint32) ([]byte, error) {
			s.Token, s.Generation = token, generation
			return record.Encode(record.TypeServiceKey, version+1, &s)
		},
	}, nil
}

func openAuditKey(r *Region, key, value []byte) (stored, error) {
	var a record.AuditKey
	version, err := r.Records.Open(key, value, record.TypeAuditKey, &a)
	if err != nil {
		return stored{}, err
	}
	name := strings.TrimPrefix(string(key), string(record.AuditKeyPrefix()))
	return stored{
		bind: jobs.Bind{Region: Global, ID: name}, token: a.Token, generation: a.Generation,
		replace: func(token []byte, generation uint32) ([]byte, error) {
			a.Token, a.Generation = token, generation
			return r.Records.Seal(key, record.TypeAuditKey, version+1, &a)
		},
	}, nil
}
