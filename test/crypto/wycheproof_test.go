package crypto

import (
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// bytesHex is a string of hex digits.
type bytesHex []byte

func (b *bytesHex) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	var err error
	*b, err = hex.DecodeString(s)
	return err
}

// vectorFile, vectorGroup and vector have the members of all schemas that are
// used; a file has some of them.
type vectorFile struct {
	NumberOfTests int
	TestGroups    []*vectorGroup
}

type vectorGroup struct {
	Type            string
	KeySize         int
	TagSize         int
	SLen            int
	Sha             string
	Mgf             string
	MgfSha          string
	PublicKey       json.RawMessage // hex or an object
	PublicKeyDer    bytesHex
	PrivateKeyPkcs8 bytesHex
	PrivateSeed     bytesHex
	Tests           []*vector
}

type vector struct {
	TcID    int
	Comment string
	Flags   []string
	Result  string
	Msg     *bytesHex
	Ctx     bytesHex
	Mu      bytesHex
	Sig     bytesHex
	Ct      bytesHex
	Label   bytesHex
	Key     bytesHex
	Tag     bytesHex
	Public  bytesHex
	Private bytesHex
	Shared  bytesHex
	Seed    bytesHex
	Ek      bytesHex
	C       bytesHex
	K       bytesHex
}

func (v *vector) has(flag string) bool { return slices.Contains(v.Flags, flag) }

// message is the vector's, also where it is empty.
func (v *vector) message() []byte {
	if v.Msg == nil {
		return nil
	}
	return *v.Msg
}

// check reports an outcome that is not the one wanted. err is what the module
// said.
func (v *vector) check(t *testing.T, accepted bool, err error, want bool) {
	t.Helper()
	if accepted != want {
		t.Errorf("vector %d (%s, %s, %v): accepted %v: %v", v.TcID, v.Result, v.Comment, v.Flags, accepted, err)
	}
}

// A use is how a file is used: with which spec and algorithm.
type use struct {
	spec      keyspec.Spec
	algorithm keyspec.Algorithm
	run       func(t *testing.T, s *subject, f *vectorFile)
}

// subject is what a file's vectors are tried on.
type subject struct {
	row       *keyspec.Row
	alg       *keyspec.Alg
	scheme    alg.Scheme
	algorithm asn1.RawValue // of its SPKIs; filled by wrap
}

func (s *subject) signer() alg.Signer { return s.scheme.(alg.Signer) }

func newSubject(t *testing.T, spec keyspec.Spec, algorithm keyspec.Algorithm) *subject {
	t.Helper()
	row := keyspec.Of(spec)
	if row == nil {
		t.Fatalf("no spec %s", spec)
	}
	for _, u := range row.Uses {
		if a := row.Algorithm(u.Usage, algorithm); a != nil {
			return &subject{row: row, alg: a, scheme: alg.Of(row)}
		}
	}
	t.Fatalf("%s has no %s", spec, algorithm)
	return nil
}

func loadVectors(t *testing.T, name string) *vectorFile {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	f := new(vectorFile)
	if err := json.Unmarshal(text, f); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range f.TestGroups {
		n += len(g.Tests)
	}
	if n == 0 || n != f.NumberOfTests {
		t.Fatalf("%d vectors, %d announced", n, f.NumberOfTests)
	}
	return f
}

// TestWycheproof runs the vectors of every file that fits.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(used)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := used[name]
			u.run(t, newSubject(t, u.spec, u.algorithm), loadVectors(t, name))
		})
	}
}

// TestWycheproofTotal: every file is used or left out for a reason, and every
// reason is for a file.
func TestWycheproofTotal(t *testing.T) {
	t.Parallel()
	files, err := fs.ReadDir(wycheproof.TestVectors, ".")
	if err != nil {
		t.Fatal(err)
	}
	matched := map[string]bool{}
	there := map[string]bool{}
	for _, entry := range files {
		name := entry.Name()
		there[name] = true
		_, isUsed := used[name]
		i := slices.IndexFunc(left, func(l leftOut) bool {
			ok, err := path.Match(l.pattern, name)
			return ok && err == nil
		})
		if i >= 0 && !isUsed {
			matched[left[i].pattern] = true
		}
		if i < 0 && !isUsed {
			t.Errorf("%s is neither used nor left out", name)
		}
	}
	for name := range used {
		if !there[name] {
			t.Errorf("there is no file %s", name)
		}
	}
	for _, l := range left {
		if !matched[l.pattern] {
			t.Errorf("no file that is not used matches %s (%s)", l.pattern, l.reason)
		}
	}
}
