package domain

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"

	"trent/internal/hsm/unseal"
)

// refuses fails the test unless tok is refused and the state stays.
func refuses(t *testing.T, s *Set, what string, tok []byte) {
	t.Helper()
	before := s.List()
	if err := s.Load(tok); !errors.Is(err, ErrRefused) {
		t.Fatalf("%s: %v", what, err)
	}
	after := s.List()
	if len(before) != len(after) {
		t.Fatalf("%s changed the state", what)
	}
	for i := range before {
		if before[i] != after[i] {
			t.Fatalf("%s changed the state", what)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	file := keyFile(t)
	s := newSet(t, false, file)
	first := created(t, s, "eu-west-1")
	load(t, s, first)
	second, rival := rotated(t, s, "eu-west-1"), rotated(t, s, "eu-west-1")
	load(t, s, second)
	refuses(t, s, "lower epoch", first)
	refuses(t, s, "another token of the same epoch", rival)

	fresh := newSet(t, false, file)
	load(t, fresh, rival)
	third := rotated(t, fresh, "eu-west-1")
	refuses(t, s, "a successor of another token", third)
	refuses(t, s, "another id for the name", created(t, newSet(t, false, file), "eu-west-1"))

	dev := newSet(t, true, file)
	devToken := created(t, dev, "us-east-1")
	refuses(t, s, "development token in production", devToken)
	refuses(t, dev, "production token in development", first)

	st, _ := decoded(t, s, first)
	st.Name = "us-east-1"
	refuses(t, s, "the id of another domain", resealed(t, s, st, map[uint32]*[KeySize]byte{1: {1}}))
	refuses(t, newSet(t, false, otherKeyFile(t)), "another key file", first)
}

func otherKeyFile(t *testing.T) *unseal.File {
	t.Helper()
	f, err := unseal.CreateFile(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func decoded(t *testing.T, s *Set, tok []byte) (*state, tokenParts) {
	t.Helper()
	parts, err := split(tok)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.codec.decode(parts.clear)
	if err != nil {
		t.Fatal(err)
	}
	return st, parts
}

// resealed makes an authentic token of any state and keys.
func resealed(t *testing.T, s *Set, st *state, keys map[uint32]*[KeySize]byte) []byte {
	t.Helper()
	st.ReplicationKeys = []replicationKey{}
	plain := appendCBORHead(nil, cborMap, uint32(len(keys)))
	for _, g := range st.Generations {
		if key := keys[g.Number]; key != nil {
			plain = appendKey(plain, g.Number, key)
		}
	}
	tok, err := s.seal(st, plain, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestAuthenticButWrong makes tokens that a member could make, but must not.
func TestAuthenticButWrong(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	first := created(t, s, "eu-west-1")
	load(t, s, first)
	load(t, s, rotated(t, s, "eu-west-1"))
	id := s.List()[0].ID
	var key1, key2 [KeySize]byte
	if _, err := s.Key(id, 1, &key1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(id, 2, &key2); err != nil {
		t.Fatal(err)
	}
	other := key1
	other[31] ^= 1
	gen := func(n uint32, st uint8) generation { return generation{n, 1, st} }
	type keys = map[uint32]*[KeySize]byte
	for name, c := range map[string]struct {
		epoch       uint64
		generations []generation
		keys        keys
		ok          bool
	}{
		"missed epochs":              {9, []generation{gen(1, 2), gen(2, 2), gen(3, 1)}, keys{1: &key1, 2: &key2, 3: {3}}, true},
		"a generation is gone":       {9, []generation{gen(2, 2), gen(3, 1)}, keys{2: &key2, 3: {3}}, false},
		"a generation's key changed": {9, []generation{gen(1, 2), gen(2, 1)}, keys{1: &other, 2: &key2}, false},
		"a key is missing":           {9, []generation{gen(1, 2), gen(2, 2), gen(3, 1)}, keys{1: &key1, 2: &key2}, false},
		"two are active":             {9, []generation{gen(1, 1), gen(2, 1)}, keys{1: &key1, 2: &key2}, false},
		"none is active":             {9, []generation{gen(1, 2), gen(2, 2)}, keys{1: &key1, 2: &key2}, false},
		"unordered":                  {9, []generation{gen(2, 2), gen(1, 1)}, keys{1: &key1, 2: &key2}, false},
		"number 0":                   {9, []generation{gen(0, 2), gen(1, 2), gen(2, 1)}, keys{0: {}, 1: &key1, 2: &key2}, false},
		"no generations":             {9, nil, keys{}, false},
		"unknown state":              {9, []generation{gen(1, 3), gen(2, 1)}, keys{1: &key1, 2: &key2}, false},
		"an earlier epoch":           {1, []generation{gen(1, 2), gen(2, 1)}, keys{1: &key1, 2: &key2}, false},
		"another of the same epoch":  {2, []generation{gen(1, 2), gen(2, 1)}, keys{1: &key1, 2: &key2}, false},
		"does not follow":            {3, []generation{gen(1, 2), gen(2, 1)}, keys{1: &key1, 2: &key2}, false},
	} {
		probe := newSet(t, false, s.cfg.Providers...)
		load(t, probe, first)
		second := resealed(t, s, &state{
			Name: "eu-west-1", ID: id, Epoch: 2, Previous: sha256.Sum256(first),
			Generations: []generation{gen(1, 2), gen(2, 1)},
		}, keys{1: &key1, 2: &key2})
		load(t, probe, second)
		tok := resealed(t, s, &state{Name: "eu-west-1", ID: id, Epoch: c.epoch, Generations: c.generations}, c.keys)
		if !c.ok {
			refuses(t, probe, name, tok)
		} else if err := probe.Load(tok); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAltered(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	tok := frozen(t)
	for bit := range len(tok) * 8 {
		flipped := bytes.Clone(tok)
		flipped[bit/8] ^= 1 << (bit % 8)
		refuses(t, s, "flipped bit", flipped)
	}
	for n := range tok {
		refuses(t, s, "truncated", tok[:n])
	}
	refuses(t, s, "extended", append(bytes.Clone(tok), 0))
	refuses(t, s, "longer than any", make([]byte, MaxToken+1))
	load(t, s, tok)
}

// TestSlots: any slot of any provider that opens is enough.
func TestSlots(t *testing.T) {
	t.Parallel()
	a, b := keyFile(t), otherKeyFile(t)
	both := newSet(t, false, a, b)
	tok := created(t, both, "eu-west-1")
	for _, p := range []unseal.Provider{a, b} {
		load(t, newSet(t, false, p), tok)
	}
	refuses(t, newSet(t, false, otherKeyFile(t)), "a third key", tok)
}

func TestMostGenerations(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	st := &state{Name: string(bytes.Repeat([]byte{'a'}, maxName)), ID: ID{1}, Epoch: 1 << 62, ReplicationKeys: []replicationKey{}}
	keys := map[uint32]*[KeySize]byte{}
	for i := range MaxGenerations {
		number := uint32(1<<32 - 1 - MaxGenerations + i)
		st.Generations = append(st.Generations, generation{number, 1 << 40, deactivated})
		keys[number] = &[KeySize]byte{byte(i), byte(i >> 8)}
	}
	st.Generations[MaxGenerations-1].State = active
	tok := resealed(t, s, st, keys)
	if len(tok) > MaxToken-maxSlots*64 {
		t.Fatalf("a token of %d generations has %d bytes", MaxGenerations, len(tok))
	}
	load(t, s, tok)
	if _, err := s.Rotate(st.Name, rand.Reader, testTime); !errors.Is(err, ErrRefused) {
		t.Errorf("one generation more: %v", err)
	}
}

func TestMostDomains(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	for i := range MaxDomains {
		load(t, s, created(t, s, "r-"+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})))
	}
	refuses(t, s, "one domain more", created(t, s, "one-more"))
}
